"""The main loop: collect, keep, evaluate, decide. One pass every interval, straight through the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from agent import log
from agent.book import Book
from agent.clock import Timeline
from collectors.api import Sample, Scrape, Scraper
from rules.api import Alert, AlertState, Engine, SeriesWindow

JUMP_SAID_MS = 30_000
PAUSE_CYCLES = 4
OWN_SOURCE = "tocsin"
_log = log.get("cycle")


@dataclass(slots=True)
class CycleStats:
    """Counters since the start; times in timeline milliseconds, durations in seconds."""

    cycles: int = 0
    skipped: int = 0
    clock_steps: int = 0
    pauses: int = 0
    last_at: int = 0
    last_duration: float = 0.0
    last_evaluation: float = 0.0
    refused_samples: int = 0
    rule_failures: int = 0
    scrapes: dict[str, Scrape] = field(default_factory=dict)


class Cycle:
    """Owns the order of things within a pass."""

    def __init__(
        self, timeline: Timeline, scraper: Scraper, series: SeriesWindow, engine: Engine, book: Book, *, interval_ms: int,
        own: Callable[[], Iterable[Sample]], moved: Callable[[int], None], loaded_alerts: Mapping[str, bytes],
    ) -> None:  # fmt: skip
        self.scraper = scraper
        self.interval_ms = interval_ms
        self.stats = CycleStats()
        self.first_done = asyncio.Event()
        self._timeline = timeline
        self._series = series
        self._engine = engine
        self._book = book
        self._own = own
        self._moved = moved
        self._alert_rows = dict(loaded_alerts)
        self._failing: dict[str, str] = {}
        self._warned: dict[str, tuple[str, ...]] = {}
        self._rules_failing: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Pass after pass until cancelled. A pass that takes longer than the interval skips the ones it covers."""
        due = self._timeline.now()
        while True:
            step = self._timeline.follow()
            if step:
                due += step
                self._clock_stepped(step)
            now = self._timeline.now()
            if now - due > PAUSE_CYCLES * self.interval_ms:
                self._paused(now - due)
            await self.once()
            due += self.interval_ms
            now = self._timeline.now()
            if now > due:
                missed = (now - due) // self.interval_ms + 1
                self.stats.skipped += missed
                due += missed * self.interval_ms
            await asyncio.sleep((due - now) / 1000)

    async def once(self) -> None:
        """One pass."""
        async with self._lock:
            at = self._timeline.now()
            scrapes = await self.scraper.cycle(at)
            for scrape in scrapes:
                taken = self._series.ingest(scrape.source, scrape.samples, scrape.at)
                self.stats.refused_samples += taken.refused
                self._say(scrape)
            for gone in self.stats.scrapes.keys() - {scrape.source for scrape in scrapes}:
                self._series.stale(gone, at)
            self.stats.scrapes = {scrape.source: scrape for scrape in scrapes}
            self._series.ingest(OWN_SOURCE, self._own(), at)
            self._evaluate(at)
            await self._book.flush()
            self.stats.cycles += 1
            self.stats.last_at = at
            self.stats.last_duration = (self._timeline.now() - at) / 1000
            self.first_done.set()

    async def replace(self, scraper: Scraper, interval_ms: int) -> None:
        """Between two passes, collect with another scraper from here on."""
        async with self._lock:
            self.scraper, self.interval_ms = scraper, interval_ms

    def _evaluate(self, at: int) -> None:
        evaluation = self._engine.evaluate_due(at)
        self.stats.last_evaluation = evaluation.duration_s
        self._say_rules()
        self._owe_alert_rows()
        ended = (alert for alert in evaluation.alerts if alert.state is AlertState.INACTIVE)
        self._book.consider(_by_labels(self._engine.alerts(), ended), self._engine.evaluated())
        self._book.touch()

    def _owe_alert_rows(self) -> None:
        rows = {row.key: msgspec.json.encode(row) for row in self._engine.snapshot()}
        changed = {key: body for key, body in rows.items() if self._alert_rows.get(key) != body}
        self._book.owe_alerts(changed, [key for key in self._alert_rows if key not in rows])
        self._alert_rows = rows

    def _clock_stepped(self, step: int) -> None:
        self.stats.clock_steps += 1
        if abs(step) >= JUMP_SAID_MS:
            _log.warning("wall_clock_stepped", seconds=step / 1000)
        self._series.rebase(step)
        self._engine.rebase(step)
        self._book.rebase(step)
        self._moved(step)

    def _paused(self, gap: int) -> None:
        """The machine or the process stood still: that time does not count towards a rule's ``for``."""
        self.stats.pauses += 1
        _log.warning("stood_still", seconds=gap / 1000)
        self._engine.paused(gap)

    def _say(self, scrape: Scrape) -> None:
        """One line when a collector fails, recovers or warns of something else than before."""
        before = self._failing.get(scrape.source)
        # A hung collector's text counts the time; that it hangs is one change.
        kind = scrape.error.split(" since ")[0]
        if scrape.ok and before is not None:
            del self._failing[scrape.source]
            _log.info("collector_recovered", collector=scrape.source)
        elif not scrape.ok and before != kind:
            self._failing[scrape.source] = kind
            _log.warning("collector_failed", collector=scrape.source, error=scrape.error)
        if scrape.warnings != self._warned.get(scrape.source, ()):
            self._warned[scrape.source] = scrape.warnings
            for warning in scrape.warnings:
                _log.warning("collector_warns", collector=scrape.source, warning=warning)

    def _say_rules(self) -> None:
        failing = dict(self._engine.failing())
        self.stats.rule_failures += len(failing)
        for rule, error in failing.items():
            if self._rules_failing.get(rule) != error:
                _log.warning("rule_failed", rule=rule, error=error)
        for rule in self._rules_failing.keys() - failing.keys():
            _log.info("rule_recovered", rule=rule)
        self._rules_failing = failing


def _by_labels(current: Iterable[Alert], ended: Iterable[Alert]) -> list[Alert]:
    """Both, in a fixed order, so that the same alerts always make the same tickets."""
    return sorted((*current, *ended), key=lambda alert: (alert.file, alert.group, alert.rule, alert.labels))
