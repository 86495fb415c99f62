"""The rule engine: groups evaluated on the caller's timeline, alert state kept over reloads and restarts.

The caller moves time: it calls ``evaluate_due`` after each collection cycle with that cycle's time. Nothing here reads
a clock except to measure what an evaluation cost.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from enum import Enum

from msgspec.structs import replace

from rules.alerting import AlertRow, held_row
from rules.coldstart import PAUSE, Waiting, WaitsFor, Watched, demands
from rules.evaluation import AlertingRunner, Health, RecordingRunner, RuleKey
from rules.evidence import recordings_of
from rules.files import Group, RuleFile
from rules.history import Stretch
from rules.lookback import LONG
from rules.model import Alert, AlertState, Labels
from rules.reload import GroupRun, Runner, build
from rules.series import SeriesWindow
from rules.settings import Recovery, Settings
from rules.status import Evaluation, Failure, GroupStatus, RuleStatus, rule_status

RESTORE_TOLERANCE = 3_600_000
"""The longest outage in ms over which a pending alert keeps the time it has waited."""
RETENTION = 600_000
"""The least time in ms that any sample is kept."""


class Start(Enum):
    """COLD: what needs two cycles or half a window waits for them. WARM: the window already holds the past."""

    COLD = "cold"
    WARM = "warm"


class Engine:
    def __init__(
        self,
        series: SeriesWindow,
        *,
        interval_ms: int,
        external_labels: Mapping[str, str] | None = None,
        external_url: str = "",
        lookback_ms: int = 300_000,
        query_offset_ms: int = 0,
        rule_series: int = 5_000,
        rule_cpu_ms: int = 100,
        start: Start = Start.COLD,
        left_closed: bool = False,
        recovery: Recovery = Recovery.EVIDENCE,
    ) -> None:
        """``interval_ms`` is the time between calls of ``evaluate_due`` and the interval of groups that name none.

        ``left_closed`` and ``Recovery.ABSENCE`` are Prometheus's ways, for its own test files.
        """
        labels = dict(external_labels or {})
        self._series = series
        self._settings = Settings(
            series, interval_ms, labels, external_url, lookback_ms, rule_series, rule_cpu_ms, left_closed, recovery
        )
        self._query_offset = query_offset_ms
        self._cold = start is Start.COLD
        self._groups: list[GroupRun] = []
        self._retired: list[Runner] = []
        self._orphans: list[AlertRow] = []
        self._unread: frozenset[str] = frozenset()
        self._cycles = 0
        self._watched = Watched()
        self._unready: dict[str, Waiting] = {}
        self._last_at: int | None = None

    # Rules

    def load(
        self,
        rule_files: Iterable[RuleFile],
        *,
        interval_ms: int | None = None,
        unread: frozenset[str] = frozenset(),
    ) -> None:
        """Put these rules in place of all others, at once, and the interval too when one is given.

        See ``reload`` for who keeps which alerts; those of a removed rule end, as ``rule_removed``, with the next
        evaluation. Of the files ``unread`` nobody knows the rules: alerts of theirs that were restored stay as they
        are, until a later load says more.
        """
        if interval_ms is not None:
            self._settings.interval = interval_ms
        self._groups, retired = build(rule_files, self._groups, self._settings)
        self._settings.recordings = recordings_of(runner.rule for run in self._groups for runner in run.runners)
        self._unready.clear()
        for alerting in self._alerting():
            alerting.recordings_changed()
        self._retired.extend(retired)
        self._unread = unread
        orphans, self._orphans = self._orphans, []
        self.restore(orphans, self._last_at or 0, 0)
        needs = self.needs()
        self._series.retain(needs, max(RETENTION, needs.get("", 0)))

    def needs(self) -> Mapping[str, int]:
        """For each metric the rules read, how many ms back; the key "" is for selectors that name no metric."""
        needs: dict[str, int] = {}
        for run in self._groups:
            slack = self._offset(run.group) + self._settings.lookback + self._interval(run.group)
            for runner in run.runners:
                for name, back in runner.reads():
                    needs[name] = max(needs.get(name, RETENTION), back + slack)
        return needs

    # The past of a former process

    def long_reads(self) -> frozenset[str]:
        """The metrics worth keeping over a restart: those that rules read further back than an hour, and those that a
        rule records from what it recorded before. A selector that names no metric has no part in it.
        """
        names: set[str] = set()
        for runner in self._runners():
            own = runner.rule.name if isinstance(runner, RecordingRunner) else None
            names.update(name for name, back in runner.reads() if name and (back > LONG or name == own))
        return frozenset(names)

    def take_up(self, stretch: Stretch, at: int) -> int:
        """Put a stretch of a former process's past back, after ``load`` and before anything else; in order of time.

        Returns the samples that were still wanted. What was watched then counts as watched.
        """
        taken = self._series.take_up(stretch, at)
        if taken:
            self._watched.add([time for time in stretch.times if time <= at], self._settings.lookback)
        return taken

    # Evaluation

    def evaluate_due(self, at: int, *, complete: bool = True) -> Evaluation:
        """Evaluate the groups whose interval has passed, in order, all at the same time ``at``.

        One rule's error stops no other. ``at`` must be later than in the last call, or nothing is done.
        """
        work = self.evaluating(at, complete=complete)
        while True:
            try:
                next(work)
            except StopIteration as done:
                evaluation: Evaluation = done.value
                return evaluation

    def evaluating(self, at: int, *, complete: bool = True) -> Generator[None, None, Evaluation]:
        """``evaluate_due`` in steps of a rule, or of some alerts of one, for who has other things to do in between.

        ``complete`` says that everything that is measured was measured at least once: before, nothing is counted, and
        nothing is missed.
        Until it has ended, rules must not be loaded and times not be moved.
        """
        started = time.perf_counter()
        if self._last_at is not None and at <= self._last_at:
            return Evaluation(at, (), (), 0, 0, 0.0)
        self._last_at = at
        if complete or self._cycles:
            self._cycles += 1
        if self._watched.look(at, self._settings.interval):
            for runner in self._runners():
                runner.ready_from = None
        self._settings.results.clear()
        alerts: list[Alert] = []
        failures: list[Failure] = []
        evaluated = waiting = 0
        for run in self._groups:
            due = self._due(run, at)
            if not due and not run.waits:
                continue
            group_started = time.perf_counter()
            gap = at - run.evaluated_at if due and run.evaluated_at is not None else 0
            run.evaluated_at = at if due else run.evaluated_at
            run.waits = False
            for runner in run.runners:
                if not due and runner.waiting is None:
                    continue  # only those that wait are asked before their group is due again
                if gap > PAUSE * self._interval(run.group) and isinstance(runner, AlertingRunner):
                    runner.skipped(gap - self._interval(run.group))
                wait = self._wait(runner, at)
                if isinstance(runner, RecordingRunner):
                    self._note_unready(runner, wait)
                if wait is not None:
                    runner.wait(wait)
                    run.waits = True
                    waiting += 1
                    continue
                outcome = yield from runner.evaluating(at, self._offset(run.group), run.group.limit)
                evaluated += 1
                alerts.extend(outcome.alerts)
                if outcome.error:
                    failures.append(Failure(run.file, run.group.name, runner.key.rule, outcome.error))
                yield
            run.seconds = time.perf_counter() - group_started
        self._settings.results.clear()
        # Last, so that a series which a moved rule goes on writing is not ended.
        alerts.extend(self._farewell(at))
        seconds = time.perf_counter() - started
        return Evaluation(at, tuple(alerts), tuple(failures), evaluated, waiting, seconds)

    def waiting(self) -> Sequence[Waiting]:
        """The rules that cold start holds back as of the last call, and until when."""
        at = self._last_at or 0
        found = (self._wait(runner, at) for runner in self._runners())
        return [waiting for waiting in found if waiting is not None]

    def _interval(self, group: Group) -> int:
        return group.interval or self._settings.interval

    def _offset(self, group: Group) -> int:
        return self._query_offset if group.query_offset is None else group.query_offset

    def _due(self, run: GroupRun, at: int) -> bool:
        """Half a cycle early is due: cycles do not come to the millisecond, and a group must not miss one for that."""
        if run.evaluated_at is None:
            return True
        return at - run.evaluated_at + self._settings.interval // 2 >= self._interval(run.group)

    def _wait(self, runner: Runner, at: int) -> Waiting | None:
        """Why the rule must not be evaluated yet. Cheap once it may, since every cycle asks for every rule."""
        if not self._cold or self._last_at is None:
            return None
        return self._window_wait(runner, at) or self._cycle_wait(runner, at) or self._recording_wait(runner)

    def _note_unready(self, runner: RecordingRunner, wait: Waiting | None) -> None:
        """Whether a recorded metric cannot be relied on yet, for those who read it."""
        if wait is not None:
            self._unready[runner.rule.name] = wait
        elif self._unready:
            self._unready.pop(runner.rule.name, None)

    def _recording_wait(self, runner: Runner) -> Waiting | None:
        """What a rule reads is recorded by one that waits: then so does it, or missing data would look like good."""
        if not self._unready:
            return None
        key, own = runner.key, runner.rule.name if isinstance(runner, RecordingRunner) else None
        waits = [self._unready[name] for name, _ in runner.reads() if name in self._unready and name != own]
        if not waits:
            return None
        last = max(waits, key=lambda each: each.until)
        return replace(last, file=key.file, group=key.group, rule=key.rule)

    def _cycle_wait(self, runner: Runner, at: int) -> Waiting | None:
        if self._cycles >= runner.cycles_needed:
            return None
        key, first = runner.key, self._cycles == 0
        reason = WaitsFor.EVERYTHING if first else WaitsFor.TWO_CYCLES
        return Waiting(key.file, key.group, key.rule, reason, at + self._settings.interval)

    def _window_wait(self, runner: Runner, at: int) -> Waiting | None:
        if not runner.reaches or (runner.ready_from is not None and at >= runner.ready_from):
            return None
        if runner.demands is None:
            runner.demands = demands(runner.reaches, at, RETENTION, self._series.oldest)
        if runner.ready_from is None:
            runner.ready_from = max(demand.sure_from(self._watched) for demand in runner.demands)
        late = [demand for demand in runner.demands if not demand.met(self._watched, at)]
        if not late:
            return None
        last = max(late, key=lambda demand: demand.until(self._watched, at))
        key, reach, until = runner.key, last.reach, last.until(self._watched, at)
        return Waiting(key.file, key.group, key.rule, WaitsFor.WINDOW, until, reach.metric, reach.span, reach.offset)

    def _farewell(self, at: int) -> list[Alert]:
        """The ends of alerts whose rule is gone, since a reload or since a restart."""
        alerts = [alert for runner in self._retired for alert in runner.retire(at)]
        alerts += [row.ended("rule_removed", at) for row in self._orphans if row.file not in self._unread]
        self._retired, self._orphans = [], [row for row in self._orphans if row.file in self._unread]
        return alerts

    # State

    def alerts(self) -> tuple[Alert, ...]:
        """Every alert that is pending, fires or is held."""
        unread = (row for row in self._orphans if row.file in self._unread)
        return tuple(row.alert() for row in (*self._rows(), *unread))

    def groups(self) -> tuple[GroupStatus, ...]:
        return tuple(
            GroupStatus(
                run.file,
                run.group.name,
                self._interval(run.group) / 1000,
                run.group.limit,
                run.evaluated_at,
                run.seconds,
                tuple(map(rule_status, run.runners)),
            )
            for run in self._groups
        )

    def rules(self) -> tuple[RuleStatus, ...]:
        return tuple(rule_status(runner) for runner in self._runners())

    def evaluated(self) -> dict[str, int | None]:
        """For each rule by name when it was last evaluated, None while it waits or fails.

        Where several share a name, the earliest of those that went well. Cheap, for every cycle.
        """
        found: dict[str, int | None] = {}
        for runner in self._runners():
            at = runner.evaluated_at if runner.health is Health.OK else None
            known = found.get(runner.key.rule)
            found[runner.key.rule] = known if at is None else at if known is None else min(at, known)
        return found

    def snapshot(self) -> list[AlertRow]:
        """All alerts, to be kept by the caller and given to ``restore`` after a restart."""
        return [*self._rows(), *self._orphans]

    def restore(self, rows: Iterable[AlertRow], at: int, downtime_ms: int) -> None:
        """Take up the alerts of a former process, after ``load``; ``downtime_ms`` is how long nothing was evaluated.

        A firing or held alert stays as it is until data says otherwise; missing data is held against nobody before the
        lookback has passed. A pending one goes on where it was, the outage not counted, or starts over when that was
        longer than an hour. An alert whose rule is gone ends with the next evaluation.
        """
        rows = list(rows)
        # A clock that is now behind that of the former process: what it did last, it did now.
        ahead = max(0, max((row.evaluated_at for row in rows), default=at) - at)
        by_key = {runner.key: runner for runner in self._alerting()}
        by_name: dict[object, list[AlertingRunner]] = {}
        for alerting in self._alerting():
            by_name.setdefault((alerting.key.rule, alerting.key.labels), []).append(alerting)
        for row in (each.moved(-ahead) if ahead else each for each in rows):
            if row.state is AlertState.PENDING and downtime_ms > RESTORE_TOLERANCE:
                continue
            key = RuleKey(row.file, row.group, row.rule, row.rule_labels, row.nth)
            moved = by_name.get((row.rule, row.rule_labels), [])[: row.nth + 1]
            runner = by_key.get(key) or (moved[-1] if moved else None)
            if runner is None:
                if row.state is not AlertState.PENDING:
                    self._orphans.append(row)
                continue
            runner.adopt(row, downtime_ms, at + self._settings.lookback)

    def hold(self, rule: str, identities: Iterable[Labels], since: int, at: int) -> None:
        """Take up alerts of which only the identity is known (a ticket tells it after the state was lost).

        Each is held without data until the condition or evidence against it shows. One that is known already stays as
        it is; those of a rule that is gone end with the next evaluation.
        """
        runner = next((runner for runner in self._alerting() if runner.key.rule == rule), None)
        known = {labels for each in self._alerting() for labels in each.rows}
        for labels in identities:
            if labels in known:
                continue
            written = dict(runner.key.labels) if runner is not None else {}
            row = held_row(rule, labels, written, since, at)
            if runner is None:
                self._orphans.append(row)
            else:
                runner.adopt(row, 0, at + self._settings.lookback)

    def rebase(self, delta_ms: int) -> None:
        """Move every stored time by ``delta_ms``: the wall clock jumped. The series window is the caller's to move."""
        for runner in self._runners():
            runner.rebase(delta_ms)
        for run in self._groups:
            if run.evaluated_at is not None:
                run.evaluated_at += delta_ms
        self._orphans = [row.moved(delta_ms) for row in self._orphans]
        self._watched.move(delta_ms)
        self._last_at = None if self._last_at is None else self._last_at + delta_ms

    def _runners(self) -> Iterator[Runner]:
        for run in self._groups:
            yield from run.runners

    def _rows(self) -> Iterator[AlertRow]:
        return (row for runner in self._alerting() for row in runner.rows.values())

    def _alerting(self) -> Iterator[AlertingRunner]:
        return (runner for runner in self._runners() if isinstance(runner, AlertingRunner))
