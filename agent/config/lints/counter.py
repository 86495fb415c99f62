"""A counter used as if it were a level."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import ORDERINGS, calls, conditions, series_of
from collectors.api import MetricType
from rules.api import MatrixSelector, Number, metric_name

_FOR_GAUGES = {"delta": "increase", "idelta": "irate", "deriv": "rate", "predict_linear": "rate"}


def check(rule: RuleContext) -> Iterator[Finding]:
    for call in calls(rule.rule.expr, *_FOR_GAUGES):
        first = call.args[0]
        name = metric_name(first.selector) if isinstance(first, MatrixSelector) else ""
        if rule.world.type_of(name) is MetricType.COUNTER:
            message = f"{call.func}() is for gauges, and {name} is a counter: each restart looks like a fall"
            yield Finding(at(call), message, f"use {_FOR_GAUGES[call.func]}()")
    if rule.alert is None:
        return
    for condition in conditions(rule.alert.expr):
        sides = [(condition.lhs, condition.rhs), (condition.rhs, condition.lhs)]
        for value, limit in sides:
            series = series_of(value)
            if series is None or not isinstance(limit, Number) or condition.op not in ORDERINGS:
                continue
            name = metric_name(series)
            if rule.world.type_of(name) is MetricType.COUNTER and _rises(condition.op, limit is condition.lhs):
                message = f"{name} is a counter: once over the limit it stays there until the next restart"
                yield Finding(at(condition), message, f"compare what was added: increase({name}[15m])")


def _rises(op: str, limit_first: bool) -> bool:
    """Whether a growing value makes the comparison true."""
    return op in (("<", "<=") if limit_first else (">", ">="))
