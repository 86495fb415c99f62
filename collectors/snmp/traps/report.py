"""What the receiver says of itself: its counters, and what a person should know."""

from __future__ import annotations

from collections.abc import Iterator

from collectors._model import Sample, counter, labels
from collectors.snmp.traps import ledger
from collectors.snmp.traps.counts import Counts, Drop
from collectors.snmp.traps.limits import Limits
from collectors.snmp.traps.message import Version
from collectors.snmp.traps.receiver import Memory

METRICS = (
    *ledger.METRICS,
    counter("snmp_trap_datagrams_total", "Datagrams that came in: those taken and those dropped."),
    counter("snmp_trap_taken_total", "Notifications that were taken, by version of SNMP.", "version"),
    counter("snmp_trap_dropped_total", "Datagrams that were not taken, by the first reason for it.", "reason"),
    counter("snmp_trap_informs_total", "Of those taken, the informs, which were acknowledged."),
    counter("snmp_trap_socket_drops_total", "Datagrams that the kernel dropped: the socket's buffer was full."),
    counter("snmp_trap_polls_total", "Polls that notifications made happen at once."),
)
_TROUBLED = 600.0
"""Seconds after which something that was refused is no longer said."""
_NAMED = 5
_WORDS = {
    Drop.MALFORMED: "they are no SNMP that can be read",
    Drop.COMMUNITY: "their community is none of collect.snmp.traps.communities",
    Drop.USER: "their user is none of collect.snmp.traps.users",
    Drop.LEVEL: "they are secured at another level than their user's credential says",
    Drop.AUTHENTICATION: "their digest is wrong: another auth_key, or another auth protocol",
    Drop.TIME_WINDOW: "they are from another time than their engine last was at, which replayed ones are too; a device"
    " that forgot how often it had started needs another engine id",
    Drop.DECRYPTION: "they cannot be decrypted: another priv_key, protocol or dialect of it",
}


def samples(counts: Counts, socket_drops: int, polls: int) -> Iterator[Sample]:
    """The counters, those that are 0 too."""
    yield Sample("snmp_trap_datagrams_total", (), counts.received)
    for version in Version:
        yield Sample("snmp_trap_taken_total", labels(version=version.value), counts.taken[version])
    for reason in Drop:
        yield Sample("snmp_trap_dropped_total", labels(reason=reason.value), counts.dropped[reason])
    yield Sample("snmp_trap_informs_total", (), counts.informs)
    yield Sample("snmp_trap_socket_drops_total", (), socket_drops)
    yield Sample("snmp_trap_polls_total", (), polls)


def notices(memory: Memory, limits: Limits, now: float) -> Iterator[str]:
    """Without figures: a text that stays the same is said once."""
    sources, together = limits.flooding(now)
    for source in sources[:_NAMED]:
        yield f"{source} sends more than limit_per_source: what is above is dropped unread"
    if len(sources) > _NAMED:
        yield f"more than {_NAMED} sources send more than limit_per_source each"
    if together:
        yield "more notifications come in than limit: what is above is dropped unread"
    held = memory.trouble
    for key in [key for key, at in held.items() if now - at > _TROUBLED]:
        del held[key]
    for name, reason in sorted(held, key=str)[:_NAMED]:
        yield f"notifications of {name} are refused: {_WORDS[reason]}"
    if memory.defect:
        yield f"a notification could not be handled, which is a defect: {memory.defect}"
