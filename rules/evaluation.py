"""One rule at work: its compiled expression, its alerts or recorded series, and how its last evaluation went."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

import msgspec

from rules import lookback
from rules.alert_texts import AlertTexts
from rules.alerting import AlertRow, Hit, Rows, step
from rules.coldstart import Demand, Waiting
from rules.evidence import Evidence
from rules.files import AlertingRule, RecordingRule
from rules.look import Look, Truth, Verdict
from rules.model import Alert, AlertState, Labels, canonical
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError
from rules.promql.values import Element, ScalarResult, Vector
from rules.settings import Recovery, Settings

Steps = Generator[None, None, list[Alert]]


class Health(Enum):
    """How the last evaluation of a rule went; WAITING is cold start, UNKNOWN not evaluated yet."""

    OK = "ok"
    ERR = "err"
    WAITING = "waiting"
    UNKNOWN = "unknown"


class RuleKey(msgspec.Struct, frozen=True):
    """Names a rule over reloads: the ``nth`` (from 0) of this name and these labels in its group."""

    file: str
    group: str
    rule: str
    labels: tuple[tuple[str, str], ...]
    nth: int


@dataclass(slots=True)
class Outcome:
    """What one evaluation of a rule changed; ``error`` is empty when it went well."""

    alerts: list[Alert] = field(default_factory=list)
    error: str = ""


class Runner:
    """A rule with its state. Subclasses say what to do with the result of the expression."""

    kind: ClassVar[str]

    def __init__(self, key: RuleKey, rule: AlertingRule | RecordingRule, settings: Settings) -> None:
        self.key = key
        self.health = Health.UNKNOWN
        self.error = ""
        self.seconds = 0.0
        self.evaluated_at: int | None = None
        self.waiting: Waiting | None = None
        self.demands: list[Demand] | None = None
        self.ready_from: int | None = None
        self.cycles_needed = 2 if lookback.has_absent(rule.expr) else 1 if lookback.has_sum(rule.expr) else 0
        self.reaches = tuple(reach for reach in set(lookback.reaches(rule.expr)) if reach.waits)
        self._settings = settings
        self._query = compile_expr(rule.expr, settings.pool)

    def evaluating(self, at: int, offset: int, limit: int) -> Generator[None, None, Outcome]:
        """Evaluate at ``at`` on data as of ``at - offset``; an error changes nothing and is told, never raised.

        In steps, for a caller who has other things to do in between; the state of the rule changes with the last.
        """
        self.waiting = None
        work: Steps | None = None
        seconds = 0.0
        while True:
            began = time.perf_counter()
            try:
                if work is None and (work := self._apply(self._elements(at - offset), at, offset, limit)) is None:
                    outcome = Outcome([])
                    self.health, self.error = Health.OK, ""
                    break
                next(work)
            except StopIteration as done:
                outcome = Outcome(done.value)
                self.health, self.error = Health.OK, ""
                break
            except (EvalError, RecursionError) as error:
                deep = "expression is nested too deeply; split it with recording rules"
                self.health, self.error = Health.ERR, str(error) if isinstance(error, EvalError) else deep
                outcome = Outcome([], self.error)
                break
            finally:
                seconds += time.perf_counter() - began
            yield
        self.evaluated_at = at
        self.seconds = seconds
        return outcome

    def wait(self, waiting: Waiting) -> None:
        """Note that the rule was passed over because too little is known for it."""
        self.health, self.error, self.waiting = Health.WAITING, "", waiting

    def reads(self) -> Iterable[tuple[str, int]]:
        """Each metric the rule reads and how far back in ms."""
        return lookback.reads(self._query.expr)

    def rebase(self, delta: int) -> None:
        """Move every stored time by ``delta`` ms."""
        if self.evaluated_at is not None:
            self.evaluated_at += delta
        if self.ready_from is not None:
            self.ready_from += delta
        for demand in self.demands or ():
            demand.known_from += delta

    def retire(self, at: int) -> list[Alert]:
        """End the rule's series; returns the alerts that end because the rule is gone."""
        self._settings.series.stale(self._source(), at)
        return []

    def _elements(self, at: int) -> Sequence[Element]:
        result = self._query.instant(self._settings.series, at, self._settings.options())
        if isinstance(result, ScalarResult):
            return (Element("", (), result.value),)
        if not isinstance(result, Vector):
            raise EvalError("rule result is not a vector or scalar")
        cap = self._settings.rule_series
        if len(result.elements) > cap:
            raise EvalError(f"the result has {len(result.elements)} series, more than the {cap} a rule may have")
        return result.elements

    def _source(self) -> str:
        return f"rule {self.key.file} {self.key.group} {self.key.rule} {self.key.nth} {self.key.labels}"

    def _apply(self, elements: Sequence[Element], at: int, offset: int, limit: int) -> Steps | None:
        """What is to be done with the result of the expression, in steps; None when it has been done at once."""
        raise NotImplementedError


class RecordingRunner(Runner):
    kind = "recording"

    def __init__(self, key: RuleKey, rule: RecordingRule, settings: Settings) -> None:
        super().__init__(key, rule, settings)
        self.rule = rule
        self._labels = dict(rule.labels)

    def _apply(self, elements: Sequence[Element], at: int, offset: int, limit: int) -> Steps | None:
        if limit and len(elements) > limit:
            raise EvalError(f"exceeded limit of {limit} with {len(elements)} series")
        name = self.rule.name
        recorded = {self._labelled(element.labels): element.value for element in elements}
        if len(recorded) != len(elements):
            raise EvalError("vector contains metrics with the same labelset after applying rule labels")
        samples = [(name, labels, value, None) for labels, value in recorded.items()]
        taken = self._settings.series.ingest(self._source(), samples, at - offset)
        self._settings.results.clear()
        if taken.refused:
            raise EvalError(f"no room for {taken.refused} of the {len(samples)} series: the storage is full")
        return None

    def read_again(self, rule: RecordingRule) -> None:
        """The same rule, which may stand elsewhere in its file now."""
        self.rule = rule

    def _labelled(self, labels: Labels) -> Labels:
        if not self._labels:
            return labels
        return canonical(dict(labels) | self._labels)


class AlertingRunner(Runner):
    kind = "alerting"

    def __init__(self, key: RuleKey, rule: AlertingRule, settings: Settings) -> None:
        super().__init__(key, rule, settings)
        self.rule = rule
        self.rows: Rows = {}
        self._evidence: Evidence | None = None
        self._texts = AlertTexts(rule, settings)
        self._marked = False
        self._looks: dict[int, Look] = {}

    @property
    def evidence(self) -> Evidence:
        if self._evidence is None:
            self._evidence = Evidence(self.rule.expr, self._settings.pool, self._settings.recordings)
        return self._evidence

    def recordings_changed(self) -> None:
        """Other rules record what this one may read: look anew at what its evidence is."""
        self._evidence = None

    def read_again(self, rule: AlertingRule) -> None:
        """The same rule, which may stand elsewhere in its file now."""
        self.rule = self._texts.rule = rule

    def reads(self) -> Iterable[tuple[str, int]]:
        yield from super().reads()
        yield from self._texts.reads()

    def rebase(self, delta: int) -> None:
        super().rebase(delta)
        self.rows = {labels: row.moved(delta) for labels, row in self.rows.items()}

    def retire(self, at: int) -> list[Alert]:
        super().retire(at)
        return [row.ended("rule_removed", at) for row in self.rows.values()]

    def marked_like(self, before: AlertingRunner) -> None:
        """Go on with the ``ALERTS`` series of a runner of the same key."""
        self._marked = before._marked

    def adopt(self, row: AlertRow, downtime: int, held_until: int) -> None:
        """Take up an alert of a former process. Time without evaluation does not count toward ``for``."""
        since = row.since + downtime if row.state is AlertState.PENDING else row.since
        self.rows[row.labels] = msgspec.structs.replace(
            row, file=self.key.file, group=self.key.group, nth=self.key.nth, expr=self.rule.text, since=since,
            held_until=held_until, reason="restored",
        )  # fmt: skip

    def skipped(self, gap: int) -> None:
        """Evaluations were missed for ``gap`` ms (a suspend): that time does not count toward ``for``."""
        for labels, row in self.rows.items():
            if row.state is AlertState.PENDING:
                self.rows[labels] = msgspec.structs.replace(row, since=row.since + gap)

    def _apply(self, elements: Sequence[Element], at: int, offset: int, limit: int) -> Steps | None:
        if not elements and not self.rows and not self._marked:
            return None
        return self._stepping(elements, at, offset, limit)

    def _stepping(self, elements: Sequence[Element], at: int, offset: int, limit: int) -> Steps:
        try:
            return (yield from self._step(elements, at, offset, limit))
        finally:
            self._looks.clear()

    def _step(self, elements: Sequence[Element], at: int, offset: int, limit: int) -> Steps:
        time_of_data = at - offset
        hits = yield from self._texts.hits(elements, time_of_data)
        if limit and len(hits) > limit:
            raise EvalError(f"exceeded limit of {limit} with {len(hits)} alerts")
        before = self.rows

        def verdict(row: AlertRow) -> Verdict:
            if self._settings.recovery is Recovery.ABSENCE:
                return Verdict(Truth.FALSE)
            branches = None if row.branches is None else frozenset(row.branches)
            return self._look(time_of_data).verdict(row.element, branches, since=row.since, true_at=row.true_at)

        if self._evidence is None or self._evidence.has_branches:
            before = self._with_branches(before, hits, offset)
        done = step(
            before, hits, at=at, for_=self.rule.for_, keep_firing_for=self.rule.keep_firing_for,
            fresh=lambda hit: self._fresh(hit, at), verdict=verdict,
            started=lambda row: self._noting_branches(row, time_of_data),
        )  # fmt: skip
        changed = [
            row.alert()
            for labels, row in done.rows.items()
            if row.state is not AlertState.PENDING or labels not in self.rows
        ]
        self.rows = done.rows
        self._write_states(time_of_data)
        return changed + done.ended

    def _with_branches(self, rows: Rows, hits: Mapping[Labels, Hit], offset: int) -> Rows:
        """Rows that have just gone missing, with the sides of ``or`` that told of them while they were true."""
        gone = [
            row
            for labels, row in rows.items()
            if labels not in hits and row.state is AlertState.FIRING and row.true_at == row.evaluated_at
        ]
        if not gone or not self.evidence.has_branches:
            return rows
        rows = dict(rows)
        for row in gone:
            if row.held_until is None:
                rows[row.labels] = self._noting_branches(row, row.evaluated_at - offset)
        return rows

    def _noting_branches(self, row: AlertRow, at: int) -> AlertRow:
        if not self.evidence.has_branches:
            return row
        found = self._look(at).branches(row.element) | frozenset(row.branches or ())
        return msgspec.structs.replace(row, branches=tuple(sorted(found)))

    def _look(self, at: int) -> Look:
        """One for all alerts of this evaluation, or each of thousands would evaluate the expression again."""
        found = self._looks.get(at)
        if found is None:
            found = self._looks[at] = self.evidence.at(self._settings.series, at, self._settings.options())
        return found

    def _fresh(self, hit: Hit, at: int) -> AlertRow:
        return AlertRow(
            file=self.key.file, group=self.key.group, rule=self.key.rule, rule_labels=self.key.labels, nth=self.key.nth,
            labels=hit.labels, element=hit.element, state=AlertState.PENDING, since=at, evaluated_at=at,
            value=repr(hit.value), annotations=hit.annotations, expr=self.rule.text,
        )  # fmt: skip

    def _write_states(self, at: int) -> None:
        """``ALERTS`` and ``ALERTS_FOR_STATE``; the window ends the series of alerts that are no more."""
        if not self.rows and not self._marked:
            return
        samples: list[tuple[str, Labels, float, int | None]] = []
        for labels, row in self.rows.items():
            state = tuple(sorted((*labels, ("alertstate", row.state.value))))
            samples.append(("ALERTS", state, 1.0, None))
            samples.append(("ALERTS_FOR_STATE", labels, row.since / 1000, None))
        self._settings.series.ingest(self._source(), samples, at)
        self._marked = bool(self.rows)


def make_runner(
    key: RuleKey, rule: AlertingRule | RecordingRule, settings: Settings
) -> AlertingRunner | RecordingRunner:
    if isinstance(rule, RecordingRule):
        return RecordingRunner(key, rule, settings)
    return AlertingRunner(key, rule, settings)


def labels_as_written(rule: AlertingRule | RecordingRule) -> tuple[tuple[str, str], ...]:
    if isinstance(rule, RecordingRule):
        return rule.labels
    return tuple((name, template.source) for name, template in rule.labels)
