"""The frame for targets: things outside this host, each measured at an interval of its own, beside the cycle.

A target is measured in the background and its newest result is published with the cycle that follows. Targets start
spread over their interval by a hash of their name, so that hundreds do not start at once; at most ``limit`` are
measured at a time, and each is stopped at its own timeout, so that a slow one delays no other. What does not fit is
counted: a start that finds its target still waiting for its turn is skipped.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
_GRACE = 1.0
"""Seconds beyond its timeout after which a measurement that does not end by itself is stopped from outside."""


class Target(msgspec.Struct, frozen=True):
    """One thing to measure.

    ``kind`` and ``name`` identify it; ``labels`` go to each of its samples. ``interval`` and ``timeout`` are seconds.
    ``measure`` keeps to the timeout itself and reports what it finds as samples; it raises for what it did not foresee.
    ``otherwise`` is what is published when it raised or was stopped: a series that rules rely on must not go missing.
    """

    kind: str
    name: str
    labels: Mapping[str, str]
    interval: float
    timeout: float
    measure: Callable[[], Coroutine[Any, Any, Iterable[Sample | Notice]]]
    otherwise: tuple[Sample, ...] = ()

    @property
    def source(self) -> str:
        return f"{self.kind}{_DIVIDER}{self.name}"


class TargetStats(msgspec.Struct):
    """Counters since the start. ``overruns`` are measurements that had to be stopped from outside."""

    runs: int = 0
    skipped: int = 0
    overruns: int = 0


@dataclass(slots=True)
class _Live:
    """A target in the frame, with what it keeps between measurements."""

    target: Target
    series: SeriesCache
    due: float = 0.0
    timer: asyncio.TimerHandle | None = None
    waiting: bool = False
    task: asyncio.Task[None] | None = None
    fresh: tuple[list[Sample | Notice], str, float] | None = field(default=None)


class TargetScheduler:
    """Measures ``targets`` from the first ``take`` on until ``aclose``; all of it on the event loop."""

    def __init__(self, targets: Iterable[Target], *, limit: int) -> None:
        self.stats = TargetStats()
        self._limit = limit
        self._live = {target.source: _Live(target, SeriesCache(**_split(target))) for target in targets}
        self._queue: deque[_Live] = deque()
        self._running = 0
        self._started = False

    @property
    def sources(self) -> frozenset[str]:
        """The sources of all targets, measured already or not."""
        return frozenset(self._live)

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        """Targets that are due and have to wait because ``limit`` others are being measured."""
        return len(self._queue)

    def take(self, at: int) -> list[Scrape]:
        """The results that came in since the last call, as of ``at`` (milliseconds); starts the measuring."""
        if not self._started:
            self._start()
        return [self._scrape(live, at) for live in self._live.values() if live.fresh is not None]

    async def once(self) -> None:
        """Measure every target once, now, for somebody who looks only once."""
        self._started = True
        for live in self._live.values():
            self._enqueue(live)
        while tasks := [live.task for live in self._live.values() if live.task is not None]:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        self._queue.clear()
        tasks = []
        for live in self._live.values():
            if live.timer is not None:
                live.timer.cancel()
            if live.task is not None:
                live.task.cancel()
                tasks.append(live.task)
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)

    def _start(self) -> None:
        self._started = True
        loop = asyncio.get_running_loop()
        now = loop.time()
        for live in self._live.values():
            # On a grid of the clock itself, so that a reload neither delays a target nor measures it twice.
            interval = live.target.interval
            live.due = now + (interval * spread(live.target.source) - now) % interval
            live.timer = loop.call_at(live.due, self._due, live)

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

    def _enqueue(self, live: _Live) -> None:
        live.waiting = True
        self._queue.append(live)
        self._fill()

    def _fill(self) -> None:
        while self._queue and self._running < self._limit:
            live = self._queue.popleft()
            live.waiting = False
            self._running += 1
            live.task = asyncio.get_running_loop().create_task(self._measure(live))

    async def _measure(self, live: _Live) -> None:
        target = live.target
        loop = asyncio.get_running_loop()
        started = loop.time()
        items: list[Sample | Notice] = list(target.otherwise)
        error = ""
        try:
            async with asyncio.timeout(target.timeout + _GRACE):
                items = list(await target.measure())
        except TimeoutError:
            self.stats.overruns += 1
            error = f"did not end within {target.timeout:g} s and was stopped"
        except asyncio.CancelledError:
            raise
        except Exception as unforeseen:  # noqa: BLE001 - contract of the frame: any exception becomes a failed scrape
            error = explain(unforeseen)
        finally:
            self.stats.runs += 1
            self._running -= 1
            live.task = None
            self._fill()
        live.fresh = items, error, loop.time() - started

    @staticmethod
    def _scrape(live: _Live, at: int) -> Scrape:
        if live.fresh is None:
            raise CollectorError("there is no result to publish")
        items, error, seconds = live.fresh
        live.fresh = None
        stored, warnings, dropped = live.series.admit(items)
        labels = live.series.target
        values = (0.0 if error else 1.0, seconds, float(len(stored)))
        stored += [Sample(metric.name, labels, value) for metric, value in zip(TARGET_METRICS, values, strict=True)]
        return Scrape(
            live.target.source, labels, at, tuple(stored), not error, error, tuple(warnings), seconds, dropped
        )


def is_target(source: str) -> bool:
    """Whether a source is a target, and not a collector."""
    return _DIVIDER in source


def spread(name: str) -> float:
    """Where in its interval a target starts: a share from 0 to below 1 that only its name decides."""
    return (zlib.crc32(name.encode()) & 0xFFFFFFFF) / 2**32


def _split(target: Target) -> dict[str, Any]:
    extra: Labels = tuple(sorted((k, v) for k, v in target.labels.items() if k not in ("instance", "job") and v))
    return {"job": target.labels["job"], "instance": target.labels["instance"], "extra": extra}
