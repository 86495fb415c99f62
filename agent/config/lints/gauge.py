"""A function for counters on a gauge."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import calls
from collectors.api import MetricType
from rules.api import MatrixSelector, metric_name

_INSTEAD = {"rate": "deriv", "irate": "idelta", "increase": "delta", "resets": "changes"}


def check(rule: RuleContext) -> Iterator[Finding]:
    for call in calls(rule.rule.expr, *_INSTEAD):
        first = call.args[0]
        name = metric_name(first.selector) if isinstance(first, MatrixSelector) else ""
        if rule.world.type_of(name) is MetricType.GAUGE:
            message = f"{call.func}() is for counters, and {name} is a gauge: each fall counts as a restart from zero"
            yield Finding(at(call), message, f"use {_INSTEAD[call.func]}()")
