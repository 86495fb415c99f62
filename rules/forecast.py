"""How many samples the loaded rules will want of the series there are now, once their windows are full."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rules.series import SeriesWindow
from rules.timeline import Timeline


class Forecast(NamedTuple):
    """``metric`` is the one that wants most: ``metric_samples`` of them, over ``kept`` ms."""

    samples: int
    metric: str
    metric_samples: int
    kept: int


def forecast(window: SeriesWindow, interval: int) -> Forecast:
    """``interval`` ms is the rhythm of series that have none yet."""
    wanted: Counter[str] = Counter()
    rhythms: dict[int, float] = {}
    for series in window.select(()):
        line = id(series.timeline)
        if line not in rhythms:
            rhythms[line] = _rhythm(series.timeline, interval)
        wanted[series.name] += round(window.kept(series.name) / rhythms[line])
    metric, most = max(wanted.items(), key=lambda item: item[1], default=("", 0))
    return Forecast(wanted.total(), metric, most, window.kept(metric))


def _rhythm(timeline: Timeline, interval: int) -> float:
    times = timeline.times
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else interval
