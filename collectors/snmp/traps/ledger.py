"""What was notified, as samples that rules can use: how often, and when last. Bounded, whatever is sent.

Nothing here can say that something is well. Counters only grow and times only move on; and what claims to be good news
of a sender who proved nothing is counted apart, so that no comparison of a bad event with a good one can be won by
whoever can write a sender's address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from itertools import islice

import msgspec

from collectors._model import Labels, Sample, counter, gauge
from collectors.snmp.traps.meaning import Event
from collectors.snmp.traps.senders import OTHERS, Sender, stranger
from collectors.snmp.traps.usm import Security

_LABELS = ("instance", "trap", "security")
METRICS = (
    counter("snmp_traps_total", "Notifications of a device, by what they say and how they were secured.", *_LABELS),
    gauge("snmp_trap_last_timestamp_seconds", "Unix time at which the last such notification came.", *_LABELS),
    counter(
        "snmp_traps_unbelieved_total",
        "Notifications that something is well again, of senders who did not prove who they are: counted, not believed.",
        *_LABELS,
    ),
)
_PER_SENDER = 512
"""Series of one sender, beyond which its events lose their labels and their name."""
_MOST_STRANGERS = 512
_MOST_ENTRIES = 20_000
"""Series of all, half of which strangers cannot have: who makes up senders takes no target's series."""
_FORGOTTEN = 3_600.0
"""Seconds of silence after which a stranger may be forgotten, when there is no room for another."""
_REST = "other"

_Key = tuple[str, Labels, Security, bool]


class _Entry:
    __slots__ = ("at", "count", "labels", "shown")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.count = 0
        self.at = 0.0
        self.shown = False


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One entry as a file holds it; ``at`` is Unix time."""

    sender: Labels
    known: bool
    trap: str
    labels: Labels
    security: Security
    believed: bool
    count: int
    at: float


class _Book(msgspec.Struct):
    """The entries of one sender."""

    known: bool
    entries: dict[_Key, _Entry] = msgspec.field(default_factory=dict)
    at: float = 0.0


class Ledger:
    """Times that come in are seconds on any clock that does not go back; ``samples`` is told how to read them."""

    def __init__(self) -> None:
        self._books: dict[Labels, _Book] = {}
        self._strangers = 0
        self._entries = 0
        self.changed = False
        """Whether there is something to keep."""

    def record(self, sender: Sender, event: Event, security: Security, now: float) -> None:
        """Count one notification."""
        book = self._books.get(sender.labels)
        if book is None:
            sender, book = self._open(sender, now)
        book.at = now
        believed = not event.clears or security is not Security.NO_AUTH
        key = (event.trap, event.labels, security, believed)
        entry = book.entries.get(key)
        if entry is None:
            room = _MOST_ENTRIES if book.known else _MOST_ENTRIES // 2
            if len(book.entries) >= _PER_SENDER or self._entries >= room:
                key = (_REST, (), security, believed)
            entry = book.entries.get(key) or self._enter(sender, book, key)
        entry.count += 1
        entry.at = now
        self.changed = True

    def keep_only(self, targets: Set[Labels]) -> None:
        """Forget the targets that are no more."""
        gone = [key for key, book in self._books.items() if book.known and key not in targets]
        for key in gone:
            self._entries -= len(self._books.pop(key).entries)
        self.changed = self.changed or bool(gone)

    def kept(self, wall: Callable[[float], float]) -> list[Kept]:
        """All of it, for the next process: a rule about a trap has no evidence without the trap's series."""
        self.changed = False
        return [
            Kept(sender, book.known, trap, labels, security, believed, entry.count, wall(entry.at))
            for sender, book in self._books.items()
            for (trap, labels, security, believed), entry in book.entries.items()
        ]

    def restore(self, kept: Iterable[Kept], wall: Callable[[float], float]) -> None:
        """Go on from what the last process kept, within the same bounds; ``wall`` reads the clock of this one."""
        for each in islice(kept, _MOST_ENTRIES):
            book = self._books.get(each.sender)
            if book is None:
                book = self._books[each.sender] = _Book(each.known)
                self._strangers += not each.known
            sender = Sender(each.sender, "kept" if each.known else "")
            entry = self._enter(sender, book, (each.trap, each.labels, each.security, each.believed))
            entry.count, entry.at, entry.shown = each.count, each.at - wall(0.0), True
            book.at = max(book.at, entry.at)

    def samples(self, wall: Callable[[float], float]) -> Iterator[Sample]:
        """All of it. A counter is 0 in its first collection, so that increase() sees what came before it."""
        for book in self._books.values():
            for (_, _, _, believed), entry in book.entries.items():
                name = "snmp_traps_total" if believed else "snmp_traps_unbelieved_total"
                yield Sample(name, entry.labels, float(entry.count if entry.shown else 0))
                entry.shown = True
                if believed:
                    yield Sample("snmp_trap_last_timestamp_seconds", entry.labels, round(wall(entry.at), 3))

    def _open(self, sender: Sender, now: float) -> tuple[Sender, _Book]:
        if not sender.name and self._strangers >= _MOST_STRANGERS:
            self._forget(now)
            if self._strangers >= _MOST_STRANGERS:
                sender = stranger(OTHERS)
        book = self._books.get(sender.labels)
        if book is None:
            book = self._books[sender.labels] = _Book(bool(sender.name))
            self._strangers += not sender.name
        return sender, book

    def _enter(self, sender: Sender, book: _Book, key: _Key) -> _Entry:
        trap, labels, security, _ = key
        pairs = {**dict(labels), **dict(sender.labels), "trap": trap, "security": security.value}
        entry = book.entries[key] = _Entry(tuple(sorted(pairs.items())))
        self._entries += 1
        return entry

    def _forget(self, now: float) -> None:
        old = [key for key, book in self._books.items() if not book.known and now - book.at >= _FORGOTTEN]
        for key in old:
            self._entries -= len(self._books.pop(key).entries)
        self._strangers -= len(old)
