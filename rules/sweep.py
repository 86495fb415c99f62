"""Forgetting old samples a little at a time: a whole sweep of a hundred thousand series would hold everybody up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.timeline import Series, Timeline


class Sweep:
    """One sweep over the series that there were when it began.

    Between two steps samples and series may come; times must not move, and nobody else may forget anything. A series
    that would be left without samples is not touched before ``emptied`` is asked for at the end.
    """

    def __init__(
        self, series: Iterable[Series], timelines: Iterable[Timeline], kept: Mapping[str, int], default: int, now: int
    ) -> None:
        """``kept``: ms that the samples of each metric are kept, ``default`` those of the others."""
        self._waiting = list(series)
        self._waiting.reverse()
        self._kept = kept
        self._default = default
        self._now = now
        self._last: list[Series] = []
        self._floors = {timeline: timeline.stop - 1 for timeline in timelines}
        """The first position that is needed of each timeline; of one that nobody needs, the newest there was."""
        self._needed: dict[Timeline, int] = {}

    @property
    def done(self) -> bool:
        return not self._waiting

    def advance(self, count: int) -> int:
        """Trim so many series more; returns how many samples fewer there are."""
        part = self._waiting[-count:]
        del self._waiting[-count:]
        part.reverse()
        return sum(map(self._trim, part, self._positions(part)))

    def _positions(self, part: Iterable[Series]) -> Iterable[int]:
        """Where the samples begin that are to be kept. Neighbours mostly share timeline and time."""
        kept, default, now = self._kept, self._default, self._now
        line: Timeline | None = None
        found: dict[int, int] = {}
        for series in part:
            if series.timeline is not line:
                line, found = series.timeline, {}
            keep = kept.get(series.name, default)
            position = found.get(keep)
            if position is None:
                position = found[keep] = line.after(now - keep)
            yield position

    def _trim(self, series: Series, position: int) -> int:
        timeline = series.timeline
        trimmed = 0
        if position > series.first:
            if position >= series.first + len(series.values):
                if not series.lost or not timeline.times:
                    self._last.append(series)
                    return 0
                trimmed = len(series.values) - 1
                series.linger()
            else:
                trimmed = series.trim(position)
        first = series.first
        if not timeline.shared:
            timeline.trim(first)
        elif first < self._needed.get(timeline, first + 1):
            self._needed[timeline] = first
        return trimmed

    def emptied(self) -> tuple[list[Series], int]:
        """The end: the series without any sample, and how many samples fewer there are. Timelines are trimmed."""
        empty, self._last = self._last, []
        trimmed = sum(map(self._trim, empty, self._positions(empty)))  # some were given a sample meanwhile
        trimmed += sum(series.trim(series.stop) for series in self._last)
        for timeline, newest in self._floors.items():
            timeline.trim(self._needed.get(timeline, newest))
        return self._last, trimmed
