"""Rules, alerts, incidents and outbox rows as the plain JSON values of the APIs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agent.core.model import Incident
from agent.core.outbox import OutboxRow
from rules.api import Alert, AlertState, GroupStatus, Health, RuleStatus


def prometheus_alert(alert: Alert) -> Mapping[str, Any]:
    """Of Prometheus's ``/api/v1/alerts``; an alert held without data counts as firing there."""
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": "pending" if alert.state is AlertState.PENDING else "firing",
        "activeAt": rfc3339(alert.since),
        "value": _exponent(alert.value),
    }


def rule_group(group: GroupStatus) -> Mapping[str, Any]:
    """Of Prometheus's ``/api/v1/rules``."""
    return {
        "name": group.name,
        "file": group.file,
        "interval": group.interval_seconds,
        "limit": group.limit,
        "evaluationTime": group.evaluation_seconds,
        "lastEvaluation": _evaluated(group.evaluated_at),
        "rules": [_rule(rule) for rule in group.rules],
    }


def _rule(rule: RuleStatus) -> Mapping[str, Any]:
    plain: dict[str, Any] = {
        "name": rule.name,
        "query": rule.query.strip(),
        "labels": dict(rule.labels),
        "health": rule.health.value if rule.health in (Health.OK, Health.ERR) else "unknown",
        "type": rule.type,
        "lastEvaluation": _evaluated(rule.evaluated_at),
        "evaluationTime": rule.evaluation_seconds,
    }
    if rule.waiting is not None:
        plain["waitsFor"] = str(rule.waiting)
        plain["waitsUntil"] = rfc3339(rule.waiting.until)
    if rule.last_error:
        plain["lastError"] = rule.last_error
    if rule.type == "alerting":
        states = {alert.state for alert in rule.alerts}
        firing = states & {AlertState.FIRING, AlertState.NO_DATA}
        plain |= {
            "state": "firing" if firing else "pending" if states else "inactive",
            "duration": rule.for_seconds,
            "keepFiringFor": rule.keep_firing_for_seconds,
            "annotations": dict(rule.annotations),
            "alerts": [prometheus_alert(alert) for alert in rule.alerts],
        }
    return plain


def alert_row(alert: Alert) -> Mapping[str, Any]:
    return {
        "rule": alert.rule,
        "group": alert.group,
        "state": alert.state.value,
        "reason": alert.reason,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "since": alert.since,
        "fired_at": alert.fired_at,
        "no_data_since": alert.no_data_since,
        "value": alert.value if alert.value == alert.value else "NaN",
    }


def incident_row(incident: Incident, rows: Sequence[OutboxRow]) -> Mapping[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(incident)
    plain["id"] = incident.id
    tickets = {name: {"number": each.number, "url": each.url} for name, each in incident.people.items() if each.number}
    tickets |= {row.backend: {"number": row.ref.number or row.ref.id, "url": row.ref.url} for row in rows if row.ref}
    plain["tickets"] = [{"backend": name, **ticket} for name, ticket in sorted(tickets.items())]
    return plain


def outbox_row(row: OutboxRow) -> Mapping[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(row)
    plain["correlation_id"] = row.wish.correlation_id
    plain["wished"] = row.wish.state.value
    del plain["wish"]
    return plain


def rfc3339(at: int) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - only when somebody asks

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _evaluated(at: int | None) -> str:
    """Go's zero time for what was never evaluated, as Prometheus writes it."""
    return "0001-01-01T00:00:00Z" if at is None else rfc3339(at)


def _exponent(value: float) -> str:
    """Shortest digits with an exponent, as Go's ``strconv.FormatFloat(value, 'e', -1, 64)`` writes them."""
    if not math.isfinite(value):
        return _special(value)
    texts = (f"{value:.{digits}e}" for digits in range(17))
    return next(text for text in texts if float(text) == value)


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
