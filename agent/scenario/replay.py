"""Recorded samples through the whole agent: what would have been opened, when, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median_low

import msgspec

from agent import log
from agent.config.load import Loaded
from agent.core.explain import Line, explain
from agent.core.model import Incident
from agent.scenario import clock
from agent.scenario.feed import Down, DumpedFeed, Script
from agent.scenario.rehearsal import Rehearsal
from agent.store import IncidentQuery
from integrations.api import DeskPage
from rules.api import SeriesWindow

MOST = 10_000
"""Incidents that are told."""
MAX_PASSES = 500_000
_LOOKED_AT = 500
"""Series that the interval is learnt from."""
_INSTANCE = "instance"
_LEAST_MS, _MOST_MS, _USUAL_MS = 1_000, 3_600_000, 15_000


class TooLong(ValueError):
    """The dump covers more passes than are run; the text says how many."""


@dataclass(frozen=True, slots=True)
class Told:
    """One incident, and the decisions about it in words."""

    incident: Incident
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """Times are ms since the epoch. ``tickets`` by backend, oldest first."""

    begin: int
    end: int
    interval: int
    passes: int
    host: str
    incidents: tuple[Told, ...]
    tickets: tuple[tuple[str, DeskPage], ...]
    rule_failures: int


def interval_of(window: SeriesWindow) -> int:
    """The usual time between two samples of a series in ms, in whole seconds."""
    gaps = []
    for series in window.find([])[:_LOOKED_AT]:
        times = series.timeline.times
        if len(times) > 1:
            gaps.append((times[-1] - times[0]) / (len(times) - 1))
    usual = round(median_low(gaps) / 1000) * 1000 if gaps else _USUAL_MS
    return min(max(usual, _LEAST_MS), _MOST_MS)


def host_of(window: SeriesWindow) -> str:
    """The ``instance`` of most series; ``host`` when none has one."""
    count: dict[str, int] = {}
    for series in window.find([]):
        name = dict(series.labels).get(_INSTANCE, "")
        if name:
            count[name] = count.get(name, 0) + 1
    return max(sorted(count), key=lambda name: count[name], default="host")


def replay(
    loaded: Loaded, window: SeriesWindow, host: str, interval: int, passed: Callable[[float], None] = lambda share: None
) -> Replayed:
    """Run the rules and the policy of ``loaded`` over the dump, a pass every ``interval`` ms.

    ``passed`` is told the share of the time that is over, from time to time. Raises TooLong.
    """
    config = loaded.config
    if config is None:
        raise ValueError("a configuration with errors cannot run")
    times = [series.timeline.times for series in window.find([]) if series.timeline.times]
    begin = min((each[0] for each in times), default=0)
    end = max((each[-1] for each in times), default=0)
    passes = (end - begin) // interval + 1
    if passes > MAX_PASSES:
        raise TooLong(f"the dump covers {passes} passes of {interval // 1000} s; {MAX_PASSES} is the most")
    config = msgspec.structs.replace(config, collect=msgspec.structs.replace(config.collect, interval=interval))
    loaded = replace(loaded, config=config)
    feed = DumpedFeed(window, interval)

    async def play(loop: clock.VirtualLoop) -> Replayed:
        stage = Rehearsal(loop, loaded, host, lambda instance: Script(feed, Down(set()), instance, frame=False))
        await stage.start()
        try:
            steps = max(1, passes // 100)
            for number in range(0, passes, steps):
                await stage.until(number * interval)
                passed(number / passes)
            await stage.until((passes - 1) * interval)
            return await _told(stage)
        finally:
            await stage.close()

    async def _told(stage: Rehearsal) -> Replayed:
        daemon = stage.daemon
        found = await daemon.store.incidents(IncidentQuery(limit=MOST))
        policy = daemon.book.ctx.policy
        told = [
            Told(incident, explain(incident, await daemon.store.timeline(incident.id), policy))
            for incident in sorted(found, key=lambda incident: (incident.created_at, incident.rule, incident.id))
        ]
        tickets = [(name, page) for name, desk in stage.desks.all.items() for page in await desk.pages()]
        failures = daemon.cycle.stats.rule_failures
        return Replayed(begin, end, interval, passes, host, tuple(told), tuple(tickets), failures)

    with log.muted():
        return clock.run(play, begin)
