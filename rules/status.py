"""What the engine tells about itself. Times are timeline ms, durations seconds."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rules.coldstart import Waiting
from rules.evaluation import AlertingRunner, Health, RecordingRunner
from rules.model import Alert


class RuleStatus(msgspec.Struct, frozen=True):
    """A rule as the API shows it. ``type`` is alerting or recording; labels and annotations are as written."""

    file: str
    group: str
    name: str
    type: str
    query: str
    line: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    for_seconds: float
    keep_firing_for_seconds: float
    health: Health
    last_error: str
    evaluation_seconds: float
    evaluated_at: int | None
    alerts: tuple[Alert, ...]
    waiting: Waiting | None = None


class GroupStatus(msgspec.Struct, frozen=True):
    file: str
    name: str
    interval_seconds: float
    limit: int
    evaluated_at: int | None
    evaluation_seconds: float
    rules: tuple[RuleStatus, ...]


class Failure(msgspec.Struct, frozen=True):
    """A rule whose evaluation failed; its alerts are as they were."""

    file: str
    group: str
    rule: str
    error: str


class Evaluation(msgspec.Struct, frozen=True):
    """What one call did. ``alerts`` are those that fire or are held in the groups evaluated, and those that changed.

    ``failures`` are the rules whose evaluation failed this time, ``waiting`` the number passed over for cold start.
    """

    at: int
    alerts: tuple[Alert, ...]
    failures: tuple[Failure, ...]
    evaluated: int
    waiting: int
    seconds: float


def rule_status(runner: AlertingRunner | RecordingRunner) -> RuleStatus:
    alerting = runner if isinstance(runner, AlertingRunner) else None
    return RuleStatus(
        file=runner.key.file,
        group=runner.key.group,
        name=runner.rule.name,
        type=runner.kind,
        query=runner.rule.text,
        line=runner.rule.line,
        labels=dict(runner.key.labels),
        annotations={name: text.source for name, text in alerting.rule.annotations} if alerting else {},
        for_seconds=alerting.rule.for_ / 1000 if alerting else 0.0,
        keep_firing_for_seconds=alerting.rule.keep_firing_for / 1000 if alerting else 0.0,
        health=runner.health,
        last_error=runner.error,
        evaluation_seconds=runner.seconds,
        evaluated_at=runner.evaluated_at,
        alerts=tuple(row.alert() for row in alerting.rows.values()) if alerting else (),
        waiting=runner.waiting,
    )
