"""The frame for targets: things outside this host, each measured at an interval of its own, beside the cycle.

A target is measured in the background; its newest result is published with the cycle that follows, and belongs to the
moment its measuring began: a rate divides by the time between two readings, not between two cycles. Targets start
spread over their interval by a hash of their name, so that hundreds do not start at once; at most ``limit`` hold a
place to be measured in, and each is stopped at its own timeout. What is slow or dead delays only its like: a
measurement gives its place back as soon as it turns out slow, and those that were slow last time hold at most half of
the places. What does not fit is counted: a start that finds its target still waiting for its turn is skipped.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import msgspec

from collectors._model import CollectorError, Labels, Notice, Sample, gauge
from collectors._scrape import Scrape, explain
from collectors._series import SeriesCache

_DIVIDER = "/"
"""Between kind and name of a target; the name of a collector, which is that of a module, has none."""
TARGET_METRICS = (
    gauge("up", "1 when the measuring itself worked, whatever it found; otherwise 0."),
    gauge("scrape_duration_seconds", "Seconds the last measurement took."),
    gauge("scrape_samples_scraped", "Samples the last measurement gave."),
)
"""The families the frame adds to every target's own."""
_SOON = 60.0
"""Seconds after a start until everything has been measured for the first time, however long its interval."""
_LOST = 5.0
"""Seconds after a reload until what it interrupted has been measured again."""
_SLOW = 1.0
"""Seconds after which a measurement counts as slow."""
_BEYOND = 3
"""So many times ``limit`` may go on without a place, because they turned out slow: a bound on what they hold open."""
NUDGE_GAP = 5.0
"""Seconds from the start of a measurement to the next that ``nudge`` asks for, so that no flood of traps makes a flood
of polls.
"""
_GRACE = 1.0
"""Seconds beyond its timeout after which a measurement that does not end by itself is stopped from outside."""


class Incomplete(CollectorError):
    """Not everything could be read; ``items`` is what could. What is missing is lost, not gone."""

    def __init__(self, text: str, items: Iterable[Sample | Notice]) -> None:
        super().__init__(text)
        self.items = tuple(items)


class Lost(CollectorError):
    """Nothing was read, for a reason that another target about the same instance tells already."""


class State(Protocol):
    """What a target knows from one measurement to the next; several targets may share one."""

    def inherit(self, other: Any) -> None:
        """Take over what ``other``, the state of a target of the same source before a reload, knows and still holds."""

    def stir(self) -> None:
        """Something suggests that it is not what it was: no pause is to be kept."""

    def close(self) -> None:
        """Let go of what is open."""

    def status(self) -> Mapping[str, Any]:
        """For people: what it is and how it goes, as plain values."""


class Target(msgspec.Struct, frozen=True):
    """One thing to measure.

    ``kind`` and ``name`` identify it; ``labels`` go to each of its samples. ``interval`` and ``timeout`` are seconds.
    ``measure`` keeps to the timeout itself and reports what it finds as samples; it raises for what it did not foresee.
    ``otherwise`` is what is published when it raised or was stopped: a series that rules rely on must not go missing.
    ``frame`` says whether ``TARGET_METRICS`` are given: of several targets about one instance, only one has them.
    ``state`` is what it knows between measurements, if anything. ``nudge_gap`` are the seconds from the start of a
    measurement to the next that ``nudge`` may ask for.
    """

    kind: str
    name: str
    labels: Mapping[str, str]
    interval: float
    timeout: float
    measure: Callable[[], Coroutine[Any, Any, Iterable[Sample | Notice]]]
    otherwise: tuple[Sample, ...] = ()
    frame: bool = True
    state: State | None = None
    nudge_gap: float = NUDGE_GAP

    @property
    def source(self) -> str:
        return f"{self.kind}{_DIVIDER}{self.name}"


class TargetStats(msgspec.Struct):
    """Counters since the start. ``overruns`` are measurements that had to be stopped from outside."""

    runs: int = 0
    skipped: int = 0
    overruns: int = 0


class _Result(msgspec.Struct, frozen=True):
    """What a measurement gave, admitted. Times are those of the loop, in seconds."""

    samples: list[Sample]
    warnings: tuple[str, ...]
    dropped: int
    error: str
    began: float
    seconds: float
    echo: bool = False


class _Place(Enum):
    """What a measurement counts as while it runs."""

    QUICK = "quick"
    """One of the ``limit`` places."""
    SLOW = "slow"
    """The same, of the half for targets that were slow last time."""
    BEYOND = "beyond"
    """None any more: it began as quick and turned out slow."""


@dataclass(slots=True)
class _Live:
    """A target in the frame, with what it keeps between measurements."""

    target: Target
    series: SeriesCache
    due: float = 0.0
    timer: asyncio.TimerHandle | None = None
    waiting: bool = False
    task: asyncio.Task[None] | None = None
    began: float = -math.inf
    place: _Place = _Place.QUICK
    slow: bool = False
    """It took long last time, or this time so far."""
    nudged: asyncio.TimerHandle | None = None
    again: bool = False
    known: bool = False
    """It was measured before a reload."""
    lost: bool = False
    """A reload came between its last measurement and the cycle that would have taken the result."""
    fresh: _Result | None = None


class TargetScheduler:
    """Measures ``targets`` from the first ``take`` on until ``aclose``; all of it on the event loop."""

    def __init__(self, targets: Iterable[Target], *, limit: int) -> None:
        self.stats = TargetStats()
        self._limit = limit
        self._live = {target.source: _Live(target, SeriesCache(**_split(target))) for target in targets}
        self._queue: deque[_Live] = deque()
        self._slow_queue: deque[_Live] = deque()
        self._held = dict.fromkeys(_Place, 0)
        self._started = False

    @property
    def sources(self) -> frozenset[str]:
        """The sources of all targets, measured already or not."""
        return frozenset(self._live)

    @property
    def running(self) -> int:
        return sum(self._held.values())

    @property
    def waiting(self) -> int:
        """Targets that are due and have to wait because all places are held."""
        return len(self._queue) + len(self._slow_queue)

    def take(self, at: int, now: int | None = None) -> list[Scrape]:
        """The results that came in since the last call; starts the measuring.

        ``at`` is the time of the cycle and ``now`` the present (both milliseconds; a cycle may run a little after it
        was due). No result is later than ``at``, so that the cycle's rules see it.
        """
        if not self._started:
            self._start()
        present = at if now is None else now
        return [self._scrape(live, at, present) for live in self._live.values() if live.fresh is not None]

    def nudge(self, source: str) -> bool:
        """Measure a target out of turn, as soon as its ``nudge_gap`` allows; False when there is none of that name."""
        live = self._live.get(source)
        if live is not None and live.target.state is not None:
            live.target.state.stir()
        if live is not None and not self._started:  # between a reload and the first cycle after it
            live.again = True
        elif live is not None and not live.again:
            loop = asyncio.get_running_loop()
            at = max(loop.time(), live.began + live.target.nudge_gap)
            if (
                live.nudged is None or live.nudged.when() > at
            ):  # the first measurement after a start may be set for later
                if live.nudged is not None:
                    live.nudged.cancel()
                live.nudged = loop.call_at(at, self._nudged, live)
        return live is not None

    async def once(self) -> None:
        """Measure every target once, now, for somebody who looks only once."""
        self._started = True
        for live in self._live.values():
            self._enqueue(live)
        while tasks := [live.task for live in self._live.values() if live.task is not None]:
            await asyncio.wait(tasks)

    def states(self) -> list[State]:
        """The states of all targets, each once, in the order of the targets."""
        found = {id(live.target.state): live.target.state for live in self._live.values()}
        return [state for state in found.values() if state is not None]

    def inherit(self, old: TargetScheduler) -> None:
        """After a reload: what the targets that stay knew."""
        done: set[int] = set()
        for source, live in self._live.items():
            before = old._live.get(source)
            if before is not None:
                live.known = before.known or before.began > -math.inf
                live.lost = before.task is not None or before.waiting or before.fresh is not None
                live.again = live.again or before.again or (live.known and before.nudged is not None)
            state = live.target.state
            if state is None or before is None or before.target.state is None or id(state) in done:
                continue
            state.inherit(before.target.state)
            done.add(id(state))

    async def aclose(self) -> None:
        self._queue.clear()
        self._slow_queue.clear()
        tasks = []
        for live in self._live.values():
            for timer in (live.timer, live.nudged):
                if timer is not None:
                    timer.cancel()
            if live.task is not None:
                live.task.cancel()
                tasks.append(live.task)
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)
        for state in self.states():
            state.close()

    def _start(self) -> None:
        self._started = True
        loop = asyncio.get_running_loop()
        now = loop.time()
        for live in self._live.values():
            # On a grid of the clock itself, so that a reload neither delays a target nor measures it twice.
            interval = live.target.interval
            live.due = now + (interval * spread(live.target.source) - now) % interval
            live.timer = loop.call_at(live.due, self._due, live)
            if live.again:
                live.again = False
                self.nudge(live.target.source)
            elif live.lost or (live.due - now > _SOON and not live.known):
                within = _LOST if live.lost else _SOON
                live.nudged = loop.call_at(now + within * spread(live.target.source), self._nudged, live)

    def _due(self, live: _Live) -> None:
        """Start a measurement, or count that there is no room for it, and set the next one."""
        loop = asyncio.get_running_loop()
        live.due += live.target.interval
        if live.due <= (now := loop.time()):  # the process stood still: what it missed is past
            live.due = now + live.target.interval
        live.timer = loop.call_at(live.due, self._due, live)
        if live.waiting or live.task is not None:
            self.stats.skipped += 1
        else:
            self._enqueue(live)

    def _nudged(self, live: _Live) -> None:
        live.nudged = None
        if live.task is not None:  # what is being read now may be older than what the nudge was about
            live.again = True
        elif not live.waiting:
            self._enqueue(live)

    def _enqueue(self, live: _Live) -> None:
        live.waiting = True
        (self._slow_queue if live.slow else self._queue).append(live)
        self._fill()

    def _fill(self) -> None:
        held = self._held
        while held[_Place.QUICK] + held[_Place.SLOW] < self._limit:
            if self._queue:
                live = self._queue.popleft()
            elif self._slow_queue and held[_Place.SLOW] < max(self._limit // 2, 1):
                live = self._slow_queue.popleft()
            else:
                return
            live.waiting = False
            live.place = _Place.SLOW if live.slow else _Place.QUICK
            held[live.place] += 1
            live.task = asyncio.get_running_loop().create_task(self._measure(live))

    def _turn_slow(self, live: _Live) -> None:
        """A measurement is no longer quick: the next in the queue need not wait for it."""
        live.slow = True
        if live.place is _Place.QUICK and self._held[_Place.BEYOND] < _BEYOND * self._limit:
            self._held[_Place.QUICK] -= 1
            self._held[_Place.BEYOND] += 1
            live.place = _Place.BEYOND
            self._fill()

    async def _measure(self, live: _Live) -> None:
        target = live.target
        loop = asyncio.get_running_loop()
        live.began = loop.time()
        slow = loop.call_at(live.began + _SLOW, self._turn_slow, live)
        items: list[Sample | Notice] = list(target.otherwise)
        error, echo = "", False
        try:
            async with asyncio.timeout(target.timeout + _GRACE):
                items = list(await target.measure())
        except TimeoutError:
            self.stats.overruns += 1
            error = f"did not end within {target.timeout:g} s and was stopped"
        except asyncio.CancelledError:
            raise
        except Incomplete as partial:
            items, error = list(partial.items), explain(partial)
        except Lost as lost:
            error, echo = explain(lost), True
        except Exception as unforeseen:  # noqa: BLE001 - contract of the frame: any exception becomes a failed scrape
            error = explain(unforeseen)
        finally:
            self.stats.runs += 1
            slow.cancel()
            self._held[live.place] -= 1
            seconds = loop.time() - live.began
            live.slow = seconds > _SLOW
            live.task = None
            self._fill()
        # Here and not when the cycle takes it: of a thousand targets that would be one long piece of work.
        stored, warnings, dropped = live.series.admit(items)
        live.fresh = _Result(stored, tuple(warnings), dropped, error, live.began, seconds, echo)
        if live.again:
            live.again = False
            self.nudge(target.source)

    @staticmethod
    def _scrape(live: _Live, at: int, now: int) -> Scrape:
        if live.fresh is None:
            raise CollectorError("there is no result to publish")
        result, live.fresh = live.fresh, None
        stored = result.samples
        labels = live.series.target
        if live.target.frame:
            values = (0.0 if result.error else 1.0, result.seconds, float(len(stored)))
            stored += [Sample(metric.name, labels, value) for metric, value in zip(TARGET_METRICS, values, strict=True)]
        read = min(at, now - round((asyncio.get_running_loop().time() - result.began) * 1000))
        return Scrape(
            live.target.source, labels, read, tuple(stored), not result.error, result.error, result.warnings,
            result.seconds, result.dropped, result.echo,
        )  # fmt: skip


def is_target(source: str) -> bool:
    """Whether a source is a target, and not a collector."""
    return _DIVIDER in source


def spread(name: str) -> float:
    """Where in its interval a target starts: a share from 0 to below 1 that only its name decides."""
    return (zlib.crc32(name.encode()) & 0xFFFFFFFF) / 2**32


def _split(target: Target) -> dict[str, Any]:
    extra: Labels = tuple(sorted((k, v) for k, v in target.labels.items() if k not in ("instance", "job") and v))
    return {"job": target.labels["job"], "instance": target.labels["instance"], "extra": extra}
