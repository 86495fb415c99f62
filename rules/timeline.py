"""Samples of one series, over timestamps that many series share.

A collection cycle gives one timestamp to all its series, so the timestamps are kept once per source (``Timeline``) and
a series keeps 8 bytes a sample. Positions on a timeline are absolute: they count from the first cycle ever, so
trimming the front moves nobody.

Invariant: ``series.values[i]`` was taken at ``timeline.times[series.first + i - timeline.base]``; a series that missed
cycles is padded with stale markers, which every reader treats like absence.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import compress, pairwise
from math import isnan

from rules.model import Labels
from rules.staleness import STALE, is_stale

Samples = tuple[Sequence[int], Sequence[float]]
"""Times (ms, ascending) and values of equal length, at least one; not to be changed by the reader."""


class Timeline:
    """Ascending timestamps with absolute positions; remembers its last lookups, as all its series ask the same."""

    __slots__ = (
        "base",
        "begin",
        "changes",
        "end",
        "hi",
        "lo",
        "newest",
        "newest_hi",
        "newest_time",
        "shared",
        "slice",
        "times",
    )

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        self.times = array("q")
        self.base = 0
        self.changes = 0
        """How often its source gave other series than in the cycle before; the same number: the same series."""
        self.forget()

    def forget(self) -> None:
        """Drop the remembered lookups; call after every change of ``times``."""
        self.hi: int | None = None
        self.lo: int | None = None
        self.newest_hi: int | None = None
        self.begin = self.end = self.newest = self.newest_time = 0
        self.slice: list[int] = []

    @property
    def stop(self) -> int:
        """The position the next timestamp will have."""
        return self.base + len(self.times)

    @property
    def last(self) -> int | None:
        return self.times[-1] if self.times else None

    def push(self, at: int) -> int:
        """Append a timestamp later than the last one; returns its position."""
        self.times.append(at)
        self.forget()
        return self.base + len(self.times) - 1

    def extend(self, times: array[int]) -> int:
        """Append timestamps, all later than the last one; returns the position of the first."""
        first = self.stop
        self.times.extend(times)
        self.changes += 1
        self.forget()
        return first

    def seek(self, hi: int) -> None:
        """Set ``newest`` to the position of the newest time <= hi: one before ``base`` when there is none."""
        count = bisect_right(self.times, hi)
        self.newest = self.base + count - 1
        self.newest_time = self.times[count - 1] if count else 0
        self.newest_hi = hi

    def span(self, lo: int, hi: int) -> None:
        """Set ``begin``, ``end`` and ``slice`` to the positions and times of lo < t <= hi, and remember the edges."""
        begin, end = bisect_right(self.times, lo), bisect_right(self.times, hi)
        self.begin, self.end = self.base + begin, self.base + end
        self.slice = self.times[begin:end].tolist()
        self.lo, self.hi = lo, hi

    def after(self, time: int) -> int:
        """Position of the first timestamp later than ``time``."""
        return self.base + bisect_right(self.times, time)

    def trim(self, position: int) -> None:
        """Forget the timestamps before ``position``."""
        drop = position - self.base
        if drop > 0:
            del self.times[:drop]
            self.base = position
            self.forget()

    def shift(self, delta: int) -> None:
        self.times = array("q", [time + delta for time in self.times])
        self.forget()


class Series:
    """One time series. ``labels`` are sorted, without ``__name__``; ``nan`` says that a value may be NaN or stale, and
    ``lost`` that it ended because its source fails, not because its source says so.

    ``moved`` is the position of the last value that differed from the one before it, ``fell`` of the last that was
    smaller, or either NaN: a window that begins at or after it holds one value only, or only grows.
    """

    __slots__ = ("fell", "first", "labels", "lost", "moved", "name", "nan", "timeline", "values")

    def __init__(self, name: str, labels: Labels, timeline: Timeline, first: int) -> None:
        self.name = name
        self.labels = labels
        self.timeline = timeline
        self.first = first
        self.values = array("d")
        self.nan = False
        self.moved = self.fell = first
        self.lost = False

    def latest(self, lo: int, hi: int) -> tuple[int, float] | None:
        """Time and value of the newest sample in lo < t <= hi; None when there is none or it is a stale marker."""
        timeline = self.timeline
        if hi != timeline.newest_hi:
            timeline.seek(hi)
        values = self.values
        index = timeline.newest - self.first
        time = timeline.newest_time
        if index >= len(values):
            index = len(values) - 1
            if index >= 0:
                time = timeline.times[self.first + index - timeline.base]
        if index < 0 or time <= lo:
            return None
        value = values[index]
        if isnan(value) and is_stale(value):
            return None
        return time, value

    def window(self, lo: int, hi: int) -> Samples | None:
        """All samples in lo < t <= hi without stale markers, or None when there are none."""
        timeline = self.timeline
        if hi != timeline.hi or lo != timeline.lo:
            timeline.span(lo, hi)
        first, values = self.first, self.values
        begin, end = timeline.begin - first, timeline.end - first
        times = timeline.slice
        if begin < 0 or end > len(values):
            begin, end = max(begin, 0), min(end, len(values))
            offset = first - timeline.base
            times = timeline.times[begin + offset : max(begin, end) + offset].tolist()
        if begin >= end:
            return None
        found = values[begin:end].tolist()
        if self.nan:
            keep = [not isnan(value) or not is_stale(value) for value in found]
            if not all(keep):
                times, found = list(compress(times, keep)), list(compress(found, keep))
                if not found:
                    return None
        return times, found

    def put(self, position: int, value: float) -> int:
        """Store ``value`` at ``position`` of the timeline, padding missed cycles; returns how many were added."""
        values = self.values
        gap = position - self.first - len(values)
        if gap:
            values.extend([STALE] * gap)
            self.nan = True
        if isnan(value):
            self.nan = True
        if values and value != values[-1]:
            self.moved = position
            if not value > values[-1]:
                self.fell = position
        values.append(value)
        return gap + 1

    def extend(self, position: int, values: array[float]) -> int:
        """Store ``values`` from ``position`` of the timeline on, as ``put`` does one; returns how many were added."""
        if not values:
            return 0
        added = self.put(position, values[0])
        self.values.extend(values[1:])
        self.nan = self.nan or any(map(isnan, values))
        for place, (before, value) in enumerate(pairwise(values), position + 1):
            if value != before:
                self.moved = place
                if not value > before:
                    self.fell = place
        return added + len(values) - 1

    def linger(self) -> None:
        """Stay, with one stale marker for the newest cycle and nothing else."""
        self.first = self.moved = self.fell = self.timeline.stop - 1
        self.values = array("d", (STALE,))
        self.nan = True

    @property
    def lives(self) -> bool:
        """Whether the last cycle of its timeline gave a value."""
        return self.stop == self.timeline.stop and not (isnan(self.values[-1]) and is_stale(self.values[-1]))

    @property
    def stop(self) -> int:
        """The position after the last value."""
        return self.first + len(self.values)

    def detach(self) -> None:
        """Give the series a timeline of its own, for samples that come outside its source's cycles."""
        own = Timeline(shared=False)
        begin = self.first - self.timeline.base
        own.times = self.timeline.times[begin : begin + len(self.values)]
        self.moved, self.fell = max(0, self.moved - self.first), max(0, self.fell - self.first)
        self.timeline.changes += 1
        self.timeline, self.first = own, 0

    def trim(self, position: int) -> int:
        """Forget the values before ``position``; returns how many that were."""
        drop = min(position - self.first, len(self.values))
        if drop <= 0:
            return 0
        del self.values[:drop]
        self.first += drop
        if self.nan:
            self.nan = any(map(isnan, self.values))
        return drop
