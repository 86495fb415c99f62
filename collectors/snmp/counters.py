"""What of a counter may be believed, so that ``rate`` sees what happened and nothing else. Pure.

A counter says nothing by itself: it wraps, is set back by a restart, goes on elsewhere after a card was swapped, or
shows garbage for one poll. Prometheus takes each fall for a reset and each rise for growth, so what is published here
keeps one invariant:

    From one published value to the next, ``rate`` counts no more than this counter can have grown in that time.

What can be explained (growth, a wrap, a restart that the device tells of) is published at once. What is a surprise is
held back for one poll, and the next value decides: it goes on from before (a glitch, never published), it goes on from
the surprise at a pace that explains it (then it is true), or it goes on from somewhere else. There the published value
goes on from the last one, so that the jump counts as nothing.

``bound`` is the rate that is believed at once, in counts a second. Where the speed of the line is known, a 64-bit
counter has that; every other learns it from its own past. A speed that a device states too low is found out by the pace
going on above it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from enum import Enum
from sys import intern

from collectors.snmp.port import Row

SLACK = 15.0
"""Seconds of growth on top of those between two polls: many switches read their counters only so often."""
_HEADROOM = 1.1
_PACES = 8.0
"""A pace so many times the highest seen before is no surprise."""
_QUIET = 1000.0
"""Counts a second that are believed of a counter whose pace is not known."""
_STEADY = 4.0
"""Two paces are the same one when neither is more than so many times the other."""


class Reason(Enum):
    """Why a value was not published."""

    UNCONFIRMED = "unconfirmed"
    """A surprise, which the next poll confirms or not."""
    AMBIGUOUS = "ambiguous"
    """A 32-bit counter that may have wrapped more than once."""
    MOVED = "moved"
    """It went on somewhere else: the published value stands still for this poll."""
    WRONG_TYPE = "wrong_type"


_UNKNOWN: Mapping[str, float] = {}


class _EveryRow:
    def __contains__(self, _index: object) -> bool:
        return True


EVERY_ROW: Container[str] = _EveryRow()
"""For ``broken``: the whole device started anew."""


class _Counter:
    """One counter. ``raw`` is what was believed last, at ``at``; ``offset`` leads from it to the published value.

    ``pace`` is the last one that was new to it, reached at ``paced_at``.
    """

    __slots__ = ("at", "bound", "held", "held_at", "offset", "pace", "paced_at", "raw")

    def __init__(self, raw: int, at: float, bound: float) -> None:
        self.raw = raw
        self.at = at
        self.offset = 0
        self.bound = bound
        self.held = -1
        self.held_at = 0.0
        self.pace = 0.0
        self.paced_at = 0.0


class Counters:
    """The counters of one column of one device, by OID.

    ``bits``: 32 or 64. ``octets``: whether they count bytes. All times are seconds on any steady clock.
    """

    __slots__ = ("_counters", "_limits", "_modulus", "_narrow", "_octets", "_start", "dropped")

    def __init__(self, root: str, bits: int, *, octets: bool = False) -> None:
        self._counters: dict[str, _Counter] = {}
        self._limits = _UNKNOWN
        self._modulus = 1 << bits
        self._narrow = bits == 32
        self._octets = octets
        self._start = len(root) + 1
        self.dropped: dict[Reason, int] = {}

    @property
    def bits(self) -> int:
        return 32 if self._narrow else 64

    @property
    def held(self) -> int:
        """How many are held back at present."""
        return sum(each.held >= 0 for each in self._counters.values())

    def limit(self, limits: Mapping[str, float]) -> None:
        """The counts a second that each line can carry, by index; what is not there, or 0, is not known."""
        if limits == self._limits:
            return
        self._limits = limits
        for oid, each in self._counters.items():
            if not self._narrow and (limit := limits.get(oid[self._start :])):
                each.bound = limit * _HEADROOM

    def forget(self, indexes: Container[str]) -> None:
        """These rows are of something else now."""
        for oid in [oid for oid in self._counters if oid[self._start :] in indexes]:
            del self._counters[oid]

    def forget_older(self, at: float) -> None:
        """Drop what was not seen since ``at``."""
        for oid in [oid for oid, each in self._counters.items() if max(each.at, each.held_at) < at]:
            del self._counters[oid]

    def believed(self, rows: Iterable[Row], at: float, broken: Container[str] | None = None) -> list[Row]:
        """The rows to publish out of those read at ``at``. ``broken``: indexes whose counters may have started anew."""
        kept: list[Row] = []
        counters = self._counters
        learns = self._narrow or not self._limits
        for row in rows:
            oid, raw = row
            if type(raw) is not int or raw < 0:
                self._drop(Reason.WRONG_TYPE)
                continue
            counter = counters.get(oid)
            if counter is None:
                counters[intern(oid)] = _Counter(raw, at, self._first_bound(oid))  # many devices have the same OIDs
                kept.append(row)
                continue
            grown = raw - counter.raw
            if broken is not None or counter.held >= 0 or not 0 <= grown <= counter.bound * (at - counter.at + SLACK):
                value = self._judge(counter, oid, raw, at, broken is not None and oid[self._start :] in broken)
                if value is not None:
                    kept.append((oid, value))
                continue
            if learns and grown * _PACES > counter.bound * (at - counter.at) > 0:
                self._notice(counter, oid, grown / (at - counter.at), at)
            counter.raw, counter.at = raw, at
            kept.append((oid, raw + counter.offset) if counter.offset else row)
        return kept

    def _first_bound(self, oid: str) -> float:
        limit = self._limits.get(oid[self._start :])
        return limit * _HEADROOM if limit and not self._narrow else _QUIET

    def _notice(self, counter: _Counter, oid: str, pace: float, at: float) -> None:
        """A pace that is new to it is usual once it was seen twice running: one alone may be garbage."""
        if counter.paced_at == counter.at:
            self._learn(counter, oid, min(pace, counter.pace))
        counter.pace, counter.paced_at = pace, at

    def _learn(self, counter: _Counter, oid: str, pace: float) -> None:
        """A multiple of a pace is no surprise, but what the line cannot carry is, unless the pace itself is more."""
        most = self._limits.get(oid[self._start :], 0.0) * _HEADROOM
        counter.bound = max(counter.bound, min(_PACES * pace, most) if pace < most else _PACES * pace)

    def _judge(self, counter: _Counter, oid: str, raw: int, at: float, broken: bool) -> int | None:
        """What to publish for a value that is not simply a little more than the last."""
        seconds = at - counter.at
        room = counter.bound * (seconds + SLACK)
        limit = self._limits.get(oid[self._start :], 0.0)
        grown = raw - counter.raw
        if broken:
            counter.held = -1
            if 0 <= grown <= room:  # only the SNMP service started anew: what it counts went on
                return self._go_on(counter, raw, at)
            return self._start_anew(counter, raw, at, max(room, limit * (seconds + SLACK)))
        if grown < 0:
            grown += self._modulus
        fast = self._octets and limit * _HEADROOM * seconds >= self._modulus
        if self._narrow and (fast or room >= self._modulus):
            self._rebase(counter, raw, at)
            self._drop(Reason.AMBIGUOUS)
            return None
        if counter.held < 0:
            if grown <= room:
                return self._go_on(counter, raw, at)
            counter.held, counter.held_at = raw, at
            self._drop(Reason.UNCONFIRMED)
            return None
        return self._confirm(counter, oid, raw, at, grown)

    def _confirm(self, counter: _Counter, oid: str, raw: int, at: float, grown: int) -> int | None:
        """The value after a surprise says what the surprise was."""
        limit = self._limits.get(oid[self._start :], 0.0)
        seconds, since = at - counter.at, at - counter.held_at
        room = counter.bound * (seconds + SLACK)
        further = raw - counter.held
        if grown <= room:  # it goes on from before: what was held was a glitch, or early by a little
            counter.held = -1
            return self._go_on(counter, raw, at)
        if raw >= counter.raw and further >= 0:
            jump = counter.held - counter.raw
            pace, before = further / max(since, 1.0), jump / max(counter.held_at - counter.at, 1.0)
            steady = before <= pace * _STEADY and pace <= before * _STEADY
            if steady:
                self._learn(counter, oid, min(pace, before))
            if steady or (limit and grown <= limit * _HEADROOM * (seconds + SLACK)):
                counter.held = -1
                return self._go_on(counter, raw, at)
        if 0 <= further <= counter.bound * (since + SLACK):
            counter.held = -1
            if raw < counter.raw:
                return self._start_anew(counter, raw, at, room)
            self._rebase(counter, raw, at)
            self._drop(Reason.MOVED)
            return None
        counter.held, counter.held_at = raw, at
        self._drop(Reason.UNCONFIRMED)
        return None

    def _go_on(self, counter: _Counter, raw: int, at: float) -> int:
        if raw < counter.raw:
            counter.offset += self._modulus
        counter.raw, counter.at = raw, at
        return raw + counter.offset

    def _start_anew(self, counter: _Counter, raw: int, at: float, room: float) -> int | None:
        """After a restart it counts from nothing, unless it holds more than can have come since."""
        if raw <= room:
            counter.raw, counter.at, counter.offset = raw, at, 0
            return raw
        self._rebase(counter, raw, at)
        self._drop(Reason.MOVED)
        return None

    @staticmethod
    def _rebase(counter: _Counter, raw: int, at: float) -> None:
        """Go on from here as if it had stood still since the last value."""
        counter.offset += counter.raw - raw
        counter.raw, counter.at, counter.held = raw, at, -1

    def _drop(self, reason: Reason) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
