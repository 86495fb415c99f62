"""The series of one selector, read together.

Series that their source gave in every cycle have their values at the same index from the end, so most of what a
selector asks is one index and one list comprehension for all of them, instead of a call for each. Measured on 31,000
series: 0.03 us for a newest value instead of 0.3 us.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isnan
from typing import Any

from rules.staleness import STALE, is_stale
from rules.timeline import Series, Timeline


class Run:
    """Neighbours in a family. When ``steady``, all are on ``timeline`` with a value in each cycle since ``since``.

    ``memory`` is for readers who carry something on from cycle to cycle; each has a key of its own.
    """

    __slots__ = ("_memory", "arrays", "series", "since", "steady", "timeline")

    def __init__(self, timeline: Timeline, series: Sequence[Series], steady: bool) -> None:
        self.timeline = timeline
        self.series = series
        self.steady = steady
        self.arrays: list[array[float]] = [one.values for one in series] if steady else []
        self.since = max(one.first for one in series)
        self._memory: dict[object, Any] | None = None

    @property
    def memory(self) -> dict[object, Any]:
        if self._memory is None:
            self._memory = {}
        return self._memory

    def span(self, lo: int, hi: int) -> tuple[int, int] | None:
        """Positions (from, to) of lo < t <= hi, which all series of the run have; None when they do not.

        ``timeline.slice`` then holds the times.
        """
        timeline = self.timeline
        if hi != timeline.hi or lo != timeline.lo:
            timeline.span(lo, hi)
        begin = timeline.begin
        # Trimming moves the first value of all series of one name alike, so one of them speaks for all.
        if not self.steady or begin < self.since or begin < self.series[0].first:
            return None
        return begin, timeline.end


class _Part:
    """The neighbours on one timeline, split into runs; ``changes`` says whether the split is still true."""

    __slots__ = ("changes", "runs", "series", "timeline")

    def __init__(self, timeline: Timeline, series: Sequence[Series]) -> None:
        self.timeline = timeline
        self.series = series
        self.changes = -1
        self.runs: list[Run] = []

    def split(self) -> bool:
        """Sort out who is steady; False when a series has left this timeline."""
        timeline = self.timeline
        self.changes = timeline.changes
        self.runs = []
        if not timeline.shared:
            self.runs = [Run(timeline, self.series, steady=False)]
            return True
        begin, was = 0, False
        for place, one in enumerate(self.series):
            if one.timeline is not timeline:
                return False
            steady = one.lives
            if steady is not was and place:
                self.runs.append(Run(timeline, self.series[begin:place], was))
                begin = place
            was = steady
        self.runs.append(Run(timeline, self.series[begin:], was))
        return True


class Family:
    """``series`` in their order. Good as long as the set of series of the selector's metric name does not change."""

    __slots__ = ("_parts", "_runs", "_uniform", "series")

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = series
        # Series of several names are kept for different times, so no run of them is steady.
        self._uniform = all(one.name == series[0].name for one in series)
        self._parts: list[_Part] = []
        self._runs: list[Run] = []
        self._group()

    def _group(self) -> None:
        self._parts = []
        begin = 0
        for place in range(1, len(self.series) + 1):
            if place == len(self.series) or not self._together(self.series[place], self.series[begin]):
                self._parts.append(_Part(self.series[begin].timeline, self.series[begin:place]))
                begin = place

    def _together(self, one: Series, other: Series) -> bool:
        return one.timeline is other.timeline or not (one.timeline.shared or other.timeline.shared)

    def runs(self) -> Sequence[Run]:
        """All series, in order, in as few runs as can be."""
        if not self._uniform:
            return [Run(self.series[0].timeline, self.series, steady=False)]
        fresh = False
        for part in self._parts:
            if part.changes != part.timeline.changes:
                if not part.split():
                    self._group()
                    return self.runs()
                fresh = True
        if fresh:
            self._runs = [run for part in self._parts for run in part.runs]
        return self._runs

    def latest(self, lo: int, hi: int) -> tuple[list[float], Sequence[bool] | None]:
        """The newest value of each series in lo < t <= hi, and which series have one; None when all have."""
        found: list[float] = []
        for run in self.runs():
            timeline = run.timeline
            if hi != timeline.newest_hi:
                timeline.seek(hi)
            position = timeline.newest
            if run.steady and position >= run.since and position >= run.series[0].first:
                if timeline.newest_time > lo:
                    index = position - timeline.stop
                    found += [values[index] for values in run.arrays]
                else:
                    found += [STALE] * len(run.series)
            else:
                for one in run.series:
                    newest = one.latest(lo, hi)
                    found.append(STALE if newest is None else newest[1])
        # The sum is NaN when any of them is (or infinities cancel): only then is it worth looking who.
        if isnan(sum(found)):
            present = [not isnan(value) or not is_stale(value) for value in found]
            if not all(present):
                return found, present
        return found, None
