"""A number of bytes compared with a handful: a percentage was meant."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import ORDERINGS, conditions
from collectors.api import MetricType
from rules.api import Aggregate, Number, VectorSelector, metric_name

_MOST = 100


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    for condition in conditions(rule.alert.expr):
        value, limit = condition.lhs, condition.rhs
        value = value.expr if isinstance(value, Aggregate) else value
        if condition.op not in ORDERINGS or not isinstance(value, VectorSelector) or not isinstance(limit, Number):
            continue
        name = metric_name(value)
        if name.endswith("_bytes") and rule.world.type_of(name) is MetricType.GAUGE and 0 < limit.value <= _MOST:
            message = f"{name} is in bytes, and {limit.value:g} of them are next to nothing"
            yield Finding(
                at(condition), message, "divide by the whole for a share, or write the amount, as in 5 * 1024 ^ 3"
            )
