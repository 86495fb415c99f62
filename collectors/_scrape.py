"""The frame: runs every collector once a cycle, each with a deadline of its own, and turns what happens into values.

Blocking collectors run one after another on one worker thread; one that is slow keeps its thread and the rest moves to
another. Async collectors run on the event loop. A collector past its deadline is given up for this cycle and not called
again until the call returns, so that each holds at most one thread whatever happens.

Nothing a collector does leaves the frame: an exception becomes a scrape that is not ``ok`` and says why, and a sample
that could not be stored is dropped and counted. Label values leave as valid UTF-8.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, cast

import msgspec
from msgspec.structs import replace

from collectors._model import Collector, CollectorError, Labels, Metric, Notice, Sample, gauge
from collectors._presence import Absent
from collectors._series import SeriesCache
from collectors._workers import Batch, Call, Workers

if TYPE_CHECKING:
    from collectors._targets import TargetScheduler

PATIENCE = 0.25
"""Seconds after which the collectors behind a slow one move to another thread."""
SAMPLE_LIMIT = 50_000
"""Samples taken from one collector in one cycle."""
LOOK_AGAIN = 60.0
"""Seconds between two looks for the sources of collectors that had none."""
_TEXT_LIMIT = 500
FRAME_METRICS = (
    gauge("up", "1 when the collector's last run was complete, otherwise 0.", "collector"),
    gauge("scrape_duration_seconds", "Seconds the collector's last run took.", "collector"),
    gauge("scrape_samples_scraped", "Samples the collector's last run gave.", "collector"),
    gauge("node_scrape_collector_duration_seconds", "The same as scrape_duration_seconds.", "collector"),
    gauge("node_scrape_collector_success", "The same as up.", "collector"),
)
"""The families the frame adds to every collector's own."""


class Scrape(msgspec.Struct, frozen=True):
    """What one collector gave in one cycle, or one target in its last measurement.

    ``target`` is (collector, instance, job), or the labels of a target: those of the frame's own series. ``samples``
    are ready to store: their labels include ``instance`` and ``job``; a sample whose ``time`` is None belongs to ``at``
    (milliseconds since the epoch). ``error`` is empty when ``ok``. ``warnings`` are texts for people. ``dropped``
    counts samples not stored because the collector made them wrong; the first such mistake is in ``warnings``.
    ``duration_s`` is in seconds. ``echo``: the error is one that another source tells already.
    """

    source: str
    target: Labels
    at: int
    samples: tuple[Sample, ...]
    ok: bool
    error: str
    warnings: tuple[str, ...]
    duration_s: float
    dropped: int = 0
    echo: bool = False


class _Source:
    """One collector in the frame, with what it keeps between cycles."""

    __slots__ = ("at", "call", "collector", "is_async", "items", "name", "own", "series", "target", "task")

    def __init__(self, name: str, collector: Collector, job: str, instance: str) -> None:
        self.name = name
        self.collector = collector
        self.is_async = inspect.iscoroutinefunction(collector.collect)
        self.series = SeriesCache(job, instance, honor=getattr(collector, "honor_labels", False))
        self.target: Labels = (("collector", name), ("instance", instance), ("job", job))
        self.call: Call | None = None
        self.task: asyncio.Task[None] | None = None
        self.items: list[Sample | Notice] = []
        self.at = 0

    def prepare(self, at: int) -> Call:
        self.at = at
        items: list[Sample | Notice] = []
        self.items = items
        self.call = call = Call(lambda: self._take(items, cast("Iterable[Sample | Notice]", self.collector.collect())))
        return call

    async def run_async(self, call: Call, monotonic: Callable[[], float], wake: Callable[[], None]) -> None:
        items = self.items
        call.started = started = monotonic()
        try:
            self._take(items, await cast("Awaitable[Iterable[Sample | Notice]]", self.collector.collect()))
        except asyncio.CancelledError:
            call.error = CollectorError(f"still running after {monotonic() - started:.3g} s")
            raise
        except Exception as error:  # noqa: BLE001 - contract of the frame: any exception becomes a failed scrape
            call.error = error
        finally:
            call.seconds = monotonic() - started
            call.finished = True
            wake()

    @staticmethod
    def _take(into: list[Sample | Notice], items: Iterable[Sample | Notice]) -> None:
        into.extend(islice(items, SAMPLE_LIMIT))
        if len(into) == SAMPLE_LIMIT:
            raise CollectorError(f"gave {SAMPLE_LIMIT} samples or more; the rest was left out")


class Scraper:
    """Runs ``collectors`` (by name) and labels what they give with ``job`` and ``instance``.

    ``deadline_s`` is how long one collector may take in one cycle. ``monotonic`` gives seconds for durations and must
    run with real time, for the waiting itself is the event loop's. ``absent`` are collectors whose source this machine
    lacks: they join the others when it turns up, and ``joined`` is told their names.
    ``targets`` are measured beside the cycle.
    """

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        *,
        job: str,
        instance: str,
        deadline_s: float = 5.0,
        patience_s: float = PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
        absent: Mapping[str, Absent] | None = None,
        joined: Callable[[str], None] = lambda name: None,
        targets: TargetScheduler | None = None,
    ) -> None:
        self.targets = targets
        self._job = job
        self._instance = instance
        self._sources = [_Source(name, collector, job, instance) for name, collector in collectors.items()]
        self._absent = dict(absent or {})
        self._joined = joined
        self._looked = monotonic()
        self._deadline = deadline_s
        self._patience = patience_s
        self._monotonic = monotonic
        # A stuck collector is not called again, so one thread for each is the most that can ever be needed.
        blocking = sum(not source.is_async for source in self._sources) + len(self._absent)
        self._workers = Workers("tocsin-collect", max(blocking, 1), monotonic)

    @property
    def threads(self) -> int:
        """Worker threads that exist: 1 in the steady state, and one more for each collector that hangs."""
        return self._workers.alive

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the collectors that have nothing to read on this machine."""
        return tuple(self._absent)

    @property
    def sources(self) -> frozenset[str]:
        """The sources of all that is measured, whether the last pass had news of it or not."""
        own = frozenset(source.name for source in self._sources)
        return own if self.targets is None else own | self.targets.sources

    @property
    def families(self) -> dict[str, Metric]:
        """The families that a collector learnt of in a cycle, by name."""
        found: dict[str, Metric] = {}
        for source in self._sources:
            told: Callable[[], Iterable[Metric]] = getattr(source.collector, "families", tuple)
            found |= {metric.name: metric for metric in told()}
        return found

    async def cycle(self, at: int, now: Callable[[], int] | None = None) -> list[Scrape]:
        """One pass; ``at`` is the time of its samples in milliseconds since the epoch. Not to be called concurrently.

        ``now`` tells the present on the same clock, for results of targets, which were measured earlier: ``at`` is when
        the pass was due, and it may run later.

        Gives a scrape for each collector, and one for each target that was measured since the last pass. Takes as long
        as the slowest collector, but never much longer than the deadline. Raises only CancelledError.
        """
        if self._absent and self._monotonic() - self._looked >= LOOK_AGAIN:
            self._look_again()
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def wake_from_thread() -> None:
            try:
                loop.call_soon_threadsafe(woken.set)
            except RuntimeError:  # a call that hung for long returned after the loop was closed: nobody waits any more
                return

        hung = {source.name for source in self._sources if source.call is not None and not source.call.finished}
        free = [source for source in self._sources if source.name not in hung]
        blocking = [source.prepare(at) for source in free if not source.is_async]
        for source in free:
            if source.is_async:
                call = source.prepare(at)
                call.started = self._monotonic()
                source.task = loop.create_task(source.run_async(call, self._monotonic, woken.set))
        batch = Batch(self._workers, blocking, wake_from_thread, patience=self._patience, deadline=self._deadline)
        await self._wait(batch, [source for source in free if source.is_async], woken)
        for call in batch.dropped:
            call.error = CollectorError("no thread to run on")
        scrapes = [self._scrape(source, at, skipped=source.name in hung) for source in self._sources]
        return scrapes if self.targets is None else scrapes + self.targets.take(at, now and now())

    async def aclose(self) -> None:
        """Stop what can be stopped. A thread that hangs is left behind; it does not keep the process from ending."""
        self._workers.close()
        tasks = [source.task for source in self._sources if source.task is not None and not source.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._patience)
        if self.targets is not None:
            await self.targets.aclose()
        for source in self._sources:
            close = getattr(source.collector, "aclose", None)
            if close is not None:
                await close()

    def _look_again(self) -> None:
        self._looked = self._monotonic()
        for name in [name for name, absent in self._absent.items() if absent.present()]:
            self._sources.append(_Source(name, self._absent.pop(name).build(), self._job, self._instance))
            self._joined(name)

    async def _wait(self, batch: Batch, others: list[_Source], woken: asyncio.Event) -> None:
        while True:
            woken.clear()
            waits = [wait for wait in (batch.step(), *map(self._async_wait, others)) if wait is not None]
            if not waits:
                return
            try:
                async with asyncio.timeout(min(waits)):
                    await woken.wait()
            except TimeoutError:
                continue

    def _async_wait(self, source: _Source) -> float | None:
        """Seconds until the deadline of an async collector; None when it is finished or was given up, here, now."""
        call = source.call
        if call is None or call.finished or call.started is None:
            return None
        left = call.started + self._deadline - self._monotonic()
        if left > 0:
            return left
        if source.task is not None:
            source.task.cancel()
        return None

    def _scrape(self, source: _Source, at: int, *, skipped: bool) -> Scrape:
        call = source.call
        if skipped or call is None or not call.finished:
            since = datetime.fromtimestamp(source.at / 1000, UTC).isoformat(timespec="seconds")
            error = f"hung since {since}: skipped" if skipped else f"still running after {self._deadline:g} s"
            elapsed = self._monotonic() - call.started if call and call.started is not None else 0.0
            return framed(source.name, source.target, at, (), error=error, seconds=elapsed)
        error = explain(call.error) if call.error is not None else ""
        stored, warnings, dropped = source.series.admit(source.items)
        source.items = []
        scrape = framed(source.name, source.target, at, stored, error=error, seconds=call.seconds)
        return replace(scrape, warnings=tuple(warnings), dropped=dropped) if warnings else scrape


def framed(
    name: str, target: Labels, at: int, given: Iterable[Sample], *, error: str = "", seconds: float = 0.0
) -> Scrape:
    """What collector ``name`` gave at ``at``, with the frame's own series; one that failed keeps what it gave before.

    ``error`` is empty when the collector came to its end; ``target`` as in ``Scrape``.
    """
    stored = list(given)
    ok = not error
    success = 1.0 if ok else 0.0
    scraped = float(len(stored))
    stored += (
        Sample("up", target, success),
        Sample("scrape_duration_seconds", target, seconds),
        Sample("scrape_samples_scraped", target, scraped),
        Sample("node_scrape_collector_duration_seconds", target, seconds),
        Sample("node_scrape_collector_success", target, success),
    )
    return Scrape(name, target, at, tuple(stored), ok, error, (), seconds)


def explain(error: BaseException) -> str:
    """One line for people. A collector's own words as they are; anything else, not foreseen, with its type."""
    text = str(error) if isinstance(error, CollectorError) else f"{type(error).__name__}: {error}"
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())[:_TEXT_LIMIT] or type(error).__name__
