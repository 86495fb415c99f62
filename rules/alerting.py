"""Alert states of one rule: pure, values and ``now`` in, new states and named changes out.

    (new) -> PENDING -> FIRING <-> NO_DATA
                |          |          |
                v          v          v
             INACTIVE (pending_dropped, recovered)

Invariant: an alert leaves FIRING or NO_DATA for INACTIVE only on a verdict FALSE of its evidence, when its element came
back as another alert, or when its rule is removed; never because something is missing, failed or too much.

Where we differ from the reference, for the sake of the incident behind the alert: an alert that has fired stays firing
when a reload makes ``for`` longer; too many alerts (``limit``) are an error that changes nothing instead of forgetting
all; ``keep_firing_for`` counts from the evidence, not from the absence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec

from rules.look import Truth, Verdict
from rules.model import Alert, AlertState, Labels


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it is kept over a restart.

    Its rule (file, group, name, labels as written, and the how many-th of these), its identity, the labels of its
    element before the rule's labels came in, and its times in timeline ms.

    ``value`` is text, because JSON has no infinity. ``keep_since`` is when evidence first said that the condition is
    over, while ``keep_firing_for`` holds the alert. ``branches`` are the sides of ``or`` that had data. ``held_until``
    is set by a restart: until then missing data is taken for a collector that has not yet caught up. ``true_at``
    is when the condition last held.
    """

    file: str
    group: str
    rule: str
    rule_labels: tuple[tuple[str, str], ...]
    nth: int
    labels: Labels
    element: Labels
    state: AlertState
    since: int
    evaluated_at: int
    value: str
    annotations: dict[str, str]
    reason: str = ""
    expr: str = ""
    fired_at: int | None = None
    no_data_since: int | None = None
    keep_since: int | None = None
    branches: tuple[int, ...] | None = None
    held_until: int | None = None
    true_at: int | None = None

    def alert(self) -> Alert:
        return Alert(
            rule=self.rule,
            group=self.group,
            file=self.file,
            labels=self.labels,
            annotations=self.annotations,
            state=self.state,
            reason=self.reason,
            since=self.since,
            evaluated_at=self.evaluated_at,
            value=float(self.value),
            fired_at=self.fired_at,
            no_data_since=self.no_data_since,
            expr=self.expr,
        )

    def ended(self, reason: str, at: int, evidence_value: float | None = None) -> Alert:
        """The alert in the one evaluation in which it ends."""
        return replace(
            self.alert(),
            state=AlertState.INACTIVE,
            reason=reason,
            evaluated_at=at,
            resolved_at=at,
            evidence_value=evidence_value,
        )

    def moved(self, delta: int) -> AlertRow:
        """The row after the timeline moved by ``delta`` ms."""
        return msgspec.structs.replace(
            self,
            since=self.since + delta,
            evaluated_at=self.evaluated_at + delta,
            fired_at=_plus(self.fired_at, delta),
            no_data_since=_plus(self.no_data_since, delta),
            keep_since=_plus(self.keep_since, delta),
            held_until=_plus(self.held_until, delta),
            true_at=_plus(self.true_at, delta),
        )


def held_row(rule: str, identity: Labels, written: Mapping[str, str], since: int, at: int) -> AlertRow:
    """The row of an alert of which only the identity is known: held without data since ``at``.

    ``written`` are the rule's labels as written; what they set cannot have come from the element.
    """
    element = tuple(pair for pair in identity if pair[0] != "alertname" and pair[0] not in written)
    return AlertRow(
        file="", group="", rule=rule, rule_labels=tuple(sorted(written.items())), nth=0, labels=identity,
        element=element, state=AlertState.NO_DATA, since=since, evaluated_at=at, value="NaN", annotations={},
        reason="taken_up", fired_at=since, no_data_since=at,
    )  # fmt: skip


def _plus(time: int | None, delta: int) -> int | None:
    return None if time is None else time + delta


Rows = dict[Labels, AlertRow]
"""The alerts of one rule by identity."""


class Hit(NamedTuple):
    """An element of the rule's result, as the alert it makes. ``fresh`` builds the row of an alert not known before."""

    labels: Labels
    element: Labels
    value: float
    annotations: dict[str, str]


class Step(NamedTuple):
    """``rows`` replace those before; ``ended`` are alerts that are over now."""

    rows: Rows
    ended: list[Alert]


def step(
    before: Rows,
    hits: Mapping[Labels, Hit],
    *,
    at: int,
    for_: int,
    keep_firing_for: int,
    fresh: Callable[[Hit], AlertRow],
    verdict: Callable[[AlertRow], Verdict],
    started: Callable[[AlertRow], AlertRow],
) -> Step:
    """One evaluation. ``verdict`` is asked only about alerts missing from ``hits`` that fire, are held, or were
    pending before a restart; ``started`` completes the row of an alert that has just fired.
    """
    rows: Rows = {}
    for labels, hit in hits.items():
        row = _hit(before.get(labels) or fresh(hit), hit, at, for_)
        rows[labels] = started(row) if row.reason == "fired" else row
    ended: list[Alert] = []
    reborn: set[Labels] | None = None
    for labels, row in before.items():
        if labels in hits:
            continue
        if row.state is AlertState.PENDING:
            if row.held_until is not None and at < row.held_until and verdict(row).truth is not Truth.FALSE:
                rows[labels] = row
            else:
                ended.append(row.ended("pending_dropped", at))
            continue
        if reborn is None:
            reborn = {hit.element for hit in hits.values()}
        found = Verdict(Truth.FALSE) if row.element in reborn else verdict(row)
        after = _missed(row, found, at, 0 if row.element in reborn else keep_firing_for)
        if isinstance(after, Alert):
            ended.append(after)
        else:
            rows[labels] = after
    return Step(rows, ended)


def _hit(row: AlertRow, hit: Hit, at: int, for_: int) -> AlertRow:
    state, reason, fired_at = row.state, "", row.fired_at
    if state is AlertState.NO_DATA:
        state, reason = AlertState.FIRING, "data_back"
    elif state is AlertState.PENDING and at - row.since >= for_:
        state, reason, fired_at = AlertState.FIRING, "fired", at
    elif state is AlertState.PENDING:
        reason = "pending"
    return msgspec.structs.replace(
        row,
        state=state,
        reason=reason or "firing",
        fired_at=fired_at,
        element=hit.element,
        value=repr(hit.value),
        annotations=hit.annotations,
        evaluated_at=at,
        true_at=at,
        no_data_since=None,
        keep_since=None,
        held_until=None,
    )


def _missed(row: AlertRow, verdict: Verdict, at: int, keep_firing_for: int) -> AlertRow | Alert:
    if verdict.truth is not Truth.FALSE:
        if row.held_until is not None and at < row.held_until:
            return msgspec.structs.replace(row, evaluated_at=at, reason="restored")
        if verdict.partial:
            return msgspec.structs.replace(row, evaluated_at=at, reason="data_partial")
        since = row.no_data_since if row.no_data_since is not None else at
        return msgspec.structs.replace(
            row, state=AlertState.NO_DATA, reason="no_data", no_data_since=since, evaluated_at=at, held_until=None
        )
    keep_since = row.keep_since if row.keep_since is not None else at
    if at - keep_since < keep_firing_for:
        return msgspec.structs.replace(
            row,
            state=AlertState.FIRING,
            reason="keep_firing",
            keep_since=keep_since,
            no_data_since=None,
            evaluated_at=at,
            held_until=None,
        )
    return row.ended("recovered", at, verdict.value)
