"""A value in hundredths of a second, compared with seconds."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import conditions
from rules.api import Number, VectorSelector, metric_name

TICKS = frozenset({"sysUpTime", "hrSystemUptime", "snmpEngineUpTime", "bgpPeerFsmEstablishedTicks"})
_LEAST = 6_000
"""A minute in ticks. Who means ticks writes no less."""


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    for condition in conditions(rule.alert.expr):
        value, limit = condition.lhs, condition.rhs
        if not isinstance(value, VectorSelector) or not isinstance(limit, Number) or metric_name(value) not in TICKS:
            continue
        if 0 < limit.value < _LEAST and condition.op in ("<", "<="):
            message = f"{metric_name(value)} counts hundredths of a second: {limit.value:g} are {limit.value / 100:g} s"
            yield Finding(at(condition), message, f"write {metric_name(value)} / 100 {condition.op} {limit.value:g}")
