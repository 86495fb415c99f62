"""A rate over a sum: where one counter restarts, the whole sum looks as if it did."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import calls
from agent.config.lints._world import World
from collectors.api import MetricType
from rules.api import Aggregate, Expr, MatrixSelector, Subquery, VectorSelector, metric_name

_ADDING = frozenset({"sum", "avg"})


def check(rule: RuleContext) -> Iterator[Finding]:
    for call in calls(rule.rule.expr, "rate", "irate", "increase"):
        first = call.args[0]
        if isinstance(first, Subquery) and _adds_counters(first.expr, rule.world):
            message = f"{call.func}() of a sum of counters jumps whenever one of them restarts or vanishes"
            yield Finding(at(call), message, f"take the {call.func}() first and sum after it")
        elif isinstance(first, MatrixSelector):
            name = metric_name(first.selector)
            rules = rule.world.recorded.get(name, [])
            if any(_adds_counters(recording.expr, rule.world) for _, _, recording in rules):
                message = f"{name} records a sum of counters, which jumps whenever one of them restarts or vanishes"
                yield Finding(at(call), message, f"record the sum of {call.func}() instead")


def _adds_counters(expr: Expr, world: World) -> bool:
    if not isinstance(expr, Aggregate) or expr.op not in _ADDING or not isinstance(expr.expr, VectorSelector):
        return False
    name = metric_name(expr.expr)
    return world.type_of(name) is MetricType.COUNTER or name.endswith("_total")
