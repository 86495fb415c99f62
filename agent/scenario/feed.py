"""What the collectors of a scenario give at each pass: from the series of a scenario, or from a dump."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.build import JOB
from agent.scenario.load import Series
from collectors.api import Sample, Scrape, Scraper, framed
from rules.api import SeriesWindow

DUMP = "dump"


class Feed(Protocol):
    """The source of all samples. Times are ms since the epoch."""

    @property
    def collectors(self) -> Sequence[str]: ...

    def at(self, moment: int) -> Mapping[str, Iterable[Sample]]:
        """By collector what it gives in the pass of that time; what is missing is not given."""
        ...


class WrittenFeed:
    """Series with one value for each interval. Between two of them the last one is given again."""

    def __init__(self, series: Sequence[Series], start: int, interval: int) -> None:
        self._series = series
        self._start = start
        self._interval = interval
        self.collectors = tuple(dict.fromkeys(each.collector for each in series))

    def at(self, moment: int) -> Mapping[str, list[Sample]]:
        index = (moment - self._start) // self._interval
        given: dict[str, list[Sample]] = {name: [] for name in self.collectors}
        for each in self._series:
            value = each.values[index] if 0 <= index < len(each.values) else None
            if value is not None:
                given[each.collector].append(Sample(each.name, each.labels, value))
        return given


class DumpedFeed:
    """The samples of a dump: of each series the newest one, as long as the next is not overdue by half an interval."""

    collectors = (DUMP,)

    def __init__(self, window: SeriesWindow, interval: int) -> None:
        self._reach = interval + interval // 2
        self._series = window.find([])

    def at(self, moment: int) -> Mapping[str, list[Sample]]:
        given = []
        for each in self._series:
            found = each.latest(moment - self._reach, moment)
            if found is not None:
                given.append(Sample(each.name, each.labels, found[1]))
        return {DUMP: given}


@dataclass(slots=True)
class Down:
    """Which collectors fail at present."""

    names: set[str]


class Script(Scraper):
    """In place of the host's collectors: what the feed gives, in the frame of the real ones."""

    def __init__(self, feed: Feed, down: Down, instance: str, *, frame: bool = True) -> None:
        super().__init__({}, job=JOB, instance=instance)
        self._feed = feed
        self._down = down
        self._instance = instance
        self._frame = frame

    async def cycle(self, at: int, now: Callable[[], int] | None = None) -> list[Scrape]:
        given = self._feed.at(at)
        return [self._given(name, at, given.get(name, ())) for name in self._feed.collectors]

    def _given(self, name: str, at: int, given: Iterable[Sample]) -> Scrape:
        target = (("collector", name), ("instance", self._instance), ("job", JOB))
        if not self._frame:
            return Scrape(name, target, at, tuple(given), True, "", (), 0.0)
        if name in self._down.names:
            return framed(name, target, at, (), error="the scenario has it down")
        return framed(name, target, at, given)
