"""One datagram, from its bytes to what is remembered of it and what goes back to its sender.

The order is that of what can be afforded: size, source and rate before anything is parsed; who sends before what they
say. Whatever a datagram holds, nothing leaves here but an answer or none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from collectors.snmp.traps import ber
from collectors.snmp.traps.counts import Counts, Drop
from collectors.snmp.traps.ledger import Ledger
from collectors.snmp.traps.limits import Limits
from collectors.snmp.traps.meaning import Meanings
from collectors.snmp.traps.message import LARGEST, Plain, Secured, Span, UnsupportedError, Version, read_message
from collectors.snmp.traps.notification import (
    RESPONSE,
    TRAP_V1,
    Notification,
    NotOneError,
    read_notification,
    response_to,
)
from collectors.snmp.traps.polls import Polls
from collectors.snmp.traps.senders import Sender, Senders, stranger
from collectors.snmp.traps.usm import Refused, Security, Usm

REMEMBERED = 150.0
"""Seconds in which the same notification again is the same one: the time in which SNMPv3 cannot tell."""
_MOST_REMEMBERED = 20_000


_TROUBLE = frozenset(
    (Drop.COMMUNITY, Drop.USER, Drop.LEVEL, Drop.AUTHENTICATION, Drop.TIME_WINDOW, Drop.DECRYPTION, Drop.MALFORMED)
)
"""Of a target, these are for somebody to mend."""


class Memory:
    """What outlives a change of the configuration."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.ledger = Ledger()
        self.engines: dict[bytes, str] = {}
        """Whose engine ids are known, by name of the target."""
        self.addresses: dict[str, Sequence[str]] = {}
        """What the names of hosts led to."""
        self.seen: OrderedDict[bytes, float] = OrderedDict()
        """Digests of what came lately, and when; those that came first at the beginning."""
        self.trouble: dict[tuple[str, Drop], float] = {}
        """When something of a target was last refused, by its name and the reason."""
        self.defect = ""
        """The last exception that was not foreseen, for people."""


class Receiver(msgspec.Struct):
    """All that decides about a datagram. ``only_known``: sources that are no targets are not listened to."""

    memory: Memory
    communities: Sequence[bytes]
    usm: Usm
    senders: Senders
    meanings: Meanings
    limits: Limits
    polls: Polls
    only_known: bool

    def __repr__(self) -> str:
        return f"Receiver({len(self.communities)} communities, {self.usm!r})"  # they are secrets

    def receive(self, data: bytes, address: str, now: float) -> bytes | None:
        """Take a datagram from ``address`` (canonical) in; what is to be sent back. Never raises."""
        counts = self.memory.counts
        counts.received += 1
        try:
            taken = self._judge(data, address, now)
        except ber.BerError:
            taken = Refused(Drop.MALFORMED)
        except UnsupportedError:
            taken = Refused(Drop.UNSUPPORTED)
        except NotOneError:
            taken = Refused(Drop.NO_NOTIFICATION)
        except Exception as defect:  # noqa: BLE001 - nothing that is sent may end the listening; it is counted and said
            self.memory.defect = f"{type(defect).__name__}: {defect}"
            taken = Refused(Drop.INTERNAL)
        if isinstance(taken, Refused):
            counts.dropped[taken.reason] += 1
            if taken.reason in _TROUBLE and (known := self.senders.at(address)) is not None:
                self.memory.trouble[known.name, taken.reason] = now
            return taken.report
        version, answer = taken
        counts.taken[version] += 1
        counts.informs += answer is not None
        return answer

    def _judge(self, data: bytes, address: str, now: float) -> Refused | tuple[Version, bytes | None]:
        if len(data) > LARGEST:
            return Refused(Drop.TOO_LARGE)
        known = self.senders.at(address)
        if known is None and self.only_known:
            return Refused(Drop.UNKNOWN_SOURCE)
        over = self.limits.admit(address, known is not None, now)
        if over is not None:
            return Refused(over)
        message = read_message(data)
        if isinstance(message, Secured):
            return self._secured(data, message, address, now)
        return self._plain(data, message, address, known, now)

    def _plain(
        self, data: bytes, message: Plain, address: str, known: Sender | None, now: float
    ) -> Refused | tuple[Version, bytes | None]:
        # All are compared, and each in the same time: how long it takes tells nothing about them.
        if not sum(hmac.compare_digest(message.community, each) for each in self.communities):
            return Refused(Drop.COMMUNITY)
        if (message.version is Version.V1) != (message.pdu.tag == TRAP_V1):
            return Refused(Drop.NO_NOTIFICATION)
        notification = read_notification(data, message.pdu)
        answer = None
        if notification.inform:
            # The same message with another tag: the rest of an inform is what its response has to be (RFC 3416 4.2.7).
            answer = data[: message.pdu_at] + bytes([RESPONSE]) + data[message.pdu_at + 1 :]
            if self._is_again(address.encode(), data, message.pdu, now):
                return Refused(Drop.DUPLICATE, answer)
        self._take(known or stranger(address), notification, Security.NO_AUTH, now)
        return message.version, answer

    def _secured(
        self, data: bytes, message: Secured, address: str, now: float
    ) -> Refused | tuple[Version, bytes | None]:
        opened = self.usm.open(data, message, now)
        if isinstance(opened, Refused):
            return opened
        if opened.pdu.tag == TRAP_V1:
            return Refused(Drop.NO_NOTIFICATION)
        notification = read_notification(opened.data, opened.pdu)
        answer = None
        theirs = origin = opened.engine_id
        if notification.inform:
            answer = self.usm.answer(message, opened, response_to(opened.data, opened.pdu), now)
            theirs = b""  # the engine of an inform is ours, and says nothing about its sender
            origin = message.user + b"@" + address.encode()
        proved = opened.security is not Security.NO_AUTH
        if (proved or answer) and self._is_again(origin, opened.data, opened.pdu, now):
            return Refused(Drop.DUPLICATE, answer)
        sender = self.senders.proved(address, theirs, notification.agent) if proved else self.senders.at(address)
        self._take(sender or stranger(address), notification, opened.security, now)
        return Version.V3, answer

    def _take(self, sender: Sender, notification: Notification, security: Security, now: float) -> None:
        self.memory.ledger.record(sender, self.meanings.read(notification), security, now)
        if sender.name:
            self.polls.ask(sender.name, now)

    def _is_again(self, origin: bytes, data: bytes, pdu: Span, now: float) -> bool:
        """Whether the very same notification came before: an inform whose answer was lost, or one that was replayed."""
        seen = self.memory.seen
        key = hashlib.blake2b(origin + data[pdu.start : pdu.stop], digest_size=16).digest()
        while seen and (len(seen) > _MOST_REMEMBERED or now - next(iter(seen.values())) > REMEMBERED):
            seen.popitem(last=False)
        again = key in seen
        seen[key] = now
        seen.move_to_end(key)
        return again
