"""The main loop: collect, keep, evaluate, decide. One pass every interval, straight through the pipeline."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from agent import log
from agent.book import Book
from agent.clock import Timeline
from collectors.api import Sample, Scrape, Scraper, is_target
from rules.api import Alert, AlertRow, AlertState, Engine, Evaluation, SeriesWindow, forecast

JUMP_SAID_MS = 30_000
PAUSE_CYCLES = 4
PENDING_SHARE = 10
"""A pending alert is stored again when a tenth of the time it has waited is not on the disk."""
TURN_S = 0.02
ROUNDS = 5
"""Of the loop, in one turn: a request takes some (accept, read, answer, write)."""
OWN_SOURCE = "tocsin"
FORECAST_AFTER = 3
"""Passes after a start or a reload until it is known which series there are and how often they come."""
SAMPLE_BYTES = 9
_log = log.get("cycle")


@dataclass(slots=True)
class CycleStats:
    """Counters since the start; times in timeline milliseconds, durations in seconds."""

    cycles: int = 0
    skipped: int = 0
    clock_steps: int = 0
    pauses: int = 0
    last_duration: float = 0.0
    last_lag: float = 0.0
    last_evaluation: float = 0.0
    refused_samples: int = 0
    storage_full: bool = False
    samples_wanted: int = 0
    rule_failures: int = 0
    rules_waiting: int = 0
    rules_failing: dict[str, str] = field(default_factory=dict)
    scrapes: dict[str, Scrape] = field(default_factory=dict)
    alerts: dict[AlertState, int] = field(default_factory=dict)
    longest_without_data: float = 0.0


class Cycle:
    """Owns the order of things within a pass."""

    def __init__(
        self, timeline: Timeline, scraper: Scraper, series: SeriesWindow, engine: Engine, book: Book, *,
        interval_ms: int, own: Callable[[], Iterable[Sample]], moved: Callable[[int], None],
        restored: Iterable[AlertRow],
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
        self._kept = {alert_key(row): row for row in restored}
        self._failing: set[str] = set()
        self._warned: dict[str, tuple[str, ...]] = {}
        self._lock = asyncio.Lock()
        self._faster = asyncio.Event()
        self._turn_began = 0.0
        self._forecast_in = FORECAST_AFTER

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
            self.stats.last_lag = max(0, now - due) / 1000
            if now - due >= self.interval_ms:
                due = now
            await self.once(due)
            due += self.interval_ms
            now = self._timeline.now()
            if now > due:
                missed = (now - due) // self.interval_ms + 1
                if missed > PAUSE_CYCLES:  # it stood still in the middle of the pass
                    self._paused(now - due)
                self.stats.skipped += missed
                due += missed * self.interval_ms
            self._faster.clear()
            try:
                async with asyncio.timeout((due - now) / 1000):
                    await self._faster.wait()
                due = self._timeline.now()
            except TimeoutError:
                pass  # the next pass is due

    async def once(self, at: int) -> None:
        """One pass whose samples and evaluation belong to ``at``: the moment it was due, not the one it came to run.

        So passes are an exact interval apart, and a ``for`` of whole intervals does not wait one more for a
        millisecond.
        """
        async with self._lock:
            scrapes = await self.scraper.cycle(at, self._timeline.now)
            for scrape in scrapes:
                self._series.ingest(scrape.source, scrape.samples, scrape.at, failed=not scrape.ok)
                self._say(scrape)
                await self._turn()
            sources = self.scraper.sources
            for gone in self.stats.scrapes.keys() - sources:
                self._series.stale(gone, at)
                self._failing.discard(gone)
                self._warned.pop(gone, None)
            # A target that has no news keeps what it gave last.
            known = {name: scrape for name, scrape in self.stats.scrapes.items() if name in sources}
            self.stats.scrapes = known | {scrape.source: scrape for scrape in scrapes}
            self._series.ingest(OWN_SOURCE, self._own(), at)
            await self._evaluate(at)
            self._say_storage()
            self._series.end_unclaimed(at, sources)
            await self._book.flush()
            self.stats.cycles += 1
            self.stats.last_duration = (self._timeline.now() - at) / 1000
            self.first_done.set()

    async def replace(self, scraper: Scraper, interval_ms: int, change: Callable[[], None] = lambda: None) -> None:
        """Between two passes, collect with another scraper from here on; at once when the interval changes.

        Targets that are in both go on with what they know.
        ``change`` is what else must not happen in the middle of a pass.
        """
        async with self._lock:
            change()
            if interval_ms != self.interval_ms:
                self._faster.set()
            if scraper.targets is not None and self.scraper.targets is not None:
                scraper.targets.inherit(self.scraper.targets)
            self.scraper, self.interval_ms = scraper, interval_ms
            self._forecast_in = FORECAST_AFTER

    async def _turn(self) -> None:
        """Let others have the loop when this pass has had it for long: a storm keeps nobody waiting."""
        if time.perf_counter() - self._turn_began > TURN_S:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            self._turn_began = time.perf_counter()

    async def _evaluation(self, at: int) -> Evaluation:
        complete = self.scraper.sources <= self.stats.scrapes.keys()
        work = self._engine.evaluating(at, complete=complete)
        while True:
            try:
                next(work)
            except StopIteration as done:
                evaluation: Evaluation = done.value
                return evaluation
            await self._turn()

    async def _evaluate(self, at: int) -> None:
        await self._turn()
        evaluation = await self._evaluation(at)
        self.stats.last_evaluation = evaluation.seconds
        self.stats.rules_waiting = evaluation.waiting
        self.stats.rule_failures += len(evaluation.failures)
        if evaluation.failures or self.stats.rules_failing:
            self._say_rules()
        ended = [alert for alert in evaluation.alerts if alert.state is AlertState.INACTIVE]
        held = self._engine.alerts()
        self.stats.alerts = Counter(alert.state for alert in held)
        without_data = (alert.no_data_since for alert in held if alert.no_data_since is not None)
        self.stats.longest_without_data = (at - min(without_data, default=at)) / 1000
        alerts = _ordered([*held, *ended])
        await self._turn()
        # Not a moment between these two: the store gets alerts and what they led to in one transaction.
        self._owe_alert_rows()
        if alerts or self._book.live:
            await self._book.consider_in_turns(alerts, self._evaluated(at), self._turn)
            self._book.touch()

    def _evaluated(self, at: int) -> Mapping[str, int]:
        """When each rule was last evaluated without an error, by name.

        A rule that a reload removed says nothing any more, so each pass counts for it: its incidents must come to an
        end too.
        """
        rules = self._engine.evaluated()
        gone = {incident.rule for incident in self._book.live.values()} - rules.keys()
        return dict.fromkeys(gone, at) | {name: last for name, last in rules.items() if last is not None}

    def _owe_alert_rows(self) -> None:
        """Store alert rows that changed. What merely goes on is written when it changed state, and while an alert is
        pending ever more rarely, so that a crash costs a pass or a tenth of the time it has waited.
        """
        rows = {alert_key(row): row for row in self._engine.snapshot()}
        upserts = {}
        for key, row in rows.items():
            kept = self._kept.get(key)
            again = kept is not None and self._worth_keeping(row, kept)
            if kept is None or again or _settled_part(kept) != _settled_part(row):
                self._kept[key] = row
                upserts[key] = msgspec.json.encode(row)
        gone = [key for key in self._kept if key not in rows]
        for key in gone:
            del self._kept[key]
        self._book.owe_alerts(upserts, gone)

    def _worth_keeping(self, row: AlertRow, kept: AlertRow) -> bool:
        """Half an interval of tolerance: passes do not come to the millisecond."""
        waited, unkept = row.evaluated_at - row.since, row.evaluated_at - kept.evaluated_at
        return row.state is AlertState.PENDING and unkept >= max(self.interval_ms // 2, waited // PENDING_SHARE)

    def _clock_stepped(self, step: int) -> None:
        self.stats.clock_steps += 1
        if abs(step) >= JUMP_SAID_MS:
            _log.warning("wall_clock_stepped", seconds=step / 1000)
        self._series.rebase(step)
        self._engine.rebase(step)
        self._book.rebase(step)
        self._moved(step)

    def _paused(self, gap: int) -> None:
        """The machine or the process stood still; the engine leaves that time out of a rule's ``for``."""
        self.stats.pauses += 1
        _log.warning("stood_still", seconds=gap / 1000)

    def _say(self, scrape: Scrape) -> None:
        """One line when a collector fails, recovers or warns of something else than before.

        What it says while it goes on failing may change with every pass (a time, a pid); the status shows that.
        """
        if scrape.echo:
            return
        what = "target" if is_target(scrape.source) else "collector"
        who = {what: scrape.source}
        if scrape.ok and scrape.source in self._failing:
            self._failing.remove(scrape.source)
            _log.info(f"{what}_recovered", **who)
        elif not scrape.ok and scrape.source not in self._failing:
            self._failing.add(scrape.source)
            _log.warning(f"{what}_failed", **who, error=scrape.error)
        if scrape.warnings != self._warned.get(scrape.source, ()):
            if not scrape.warnings and (scrape.ok or what == "target"):  # a target warns of why it fails
                _log.info(f"{what}_well", **who)
            self._warned[scrape.source] = scrape.warnings
            for warning in scrape.warnings:
                _log.warning(f"{what}_warns", **who, warning=warning)

    def _say_storage(self) -> None:
        """One line when samples begin to be refused, and one when all find room again."""
        refused = self._series.refused - self.stats.refused_samples
        if refused and not self.stats.storage_full:
            held = self._series.stats()
            mend = "raise collect.max_series or collect.max_samples, or measure less"
            _log.warning("storage_full", refused=refused, series=held.series, samples=held.samples, mend=mend)
        elif self.stats.storage_full and not refused:
            _log.info("storage_has_room", refused_since_start=self._series.refused)
        self.stats.refused_samples, self.stats.storage_full = self._series.refused, refused > 0
        if self._forecast_in == 0:
            self._say_forecast()
        self._forecast_in -= 1

    def _say_forecast(self) -> None:
        """Whether there will be room for what the rules look back on: said when they are new, not when it is full."""
        wanted = forecast(self._series, self.interval_ms)
        self.stats.samples_wanted = wanted.samples
        if wanted.samples > self._series.max_samples:
            _log.warning(
                "rules_want_more_than_fits", samples=wanted.samples, room=self._series.max_samples,
                megabytes=round(wanted.samples * SAMPLE_BYTES / 1e6), most=wanted.metric,
                most_samples=wanted.metric_samples, kept_hours=round(wanted.kept / 3_600_000, 1),
                mend="look back less far, record a sum and look back on that, or raise collect.max_samples",
            )  # fmt: skip

    def _say_rules(self) -> None:
        failing = {
            f"{rule.file}: {rule.group}: {rule.name}": rule.last_error
            for rule in self._engine.rules()
            if rule.last_error
        }
        for rule, error in failing.items():
            if self.stats.rules_failing.get(rule) != error:
                _log.warning("rule_failed", rule=rule, error=error)
        for rule in self.stats.rules_failing.keys() - failing.keys():
            _log.info("rule_recovered", rule=rule)
        self.stats.rules_failing = failing


def alert_key(row: AlertRow) -> str:
    """The key of an alert's row in the store."""
    parts = (row.file, row.group, row.rule, row.rule_labels, row.nth, row.labels)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def _settled_part(row: AlertRow) -> tuple[object, ...]:
    """What of a row is worth a write when it changes; values and texts of an alert that goes on are not."""
    return (row.state, row.since, row.fired_at, row.no_data_since, row.keep_since, row.branches)


def _ordered(alerts: Iterable[Alert]) -> list[Alert]:
    """In a fixed order, so that the same alerts always make the same tickets."""
    return sorted(alerts, key=lambda alert: (alert.file, alert.group, alert.rule, alert.labels))
