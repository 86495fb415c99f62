"""An alert that clears at the very value at which it fires."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._noise import noisy_conditions
from agent.config.lints._walk import ORDERINGS, conditions, selectors
from agent.config.lints._world import ENGINE_METRICS
from rules.api import Binary, Expr, metric_name


def check(rule: RuleContext) -> Iterator[Finding]:
    alert = rule.alert
    if alert is None:
        return
    if isinstance(alert.expr, Binary) and alert.expr.op == "or" and _remembers(alert.expr.rhs):
        yield from _same_limit(alert.expr)
        return
    if alert.for_ or alert.keep_firing_for or _remembers(alert.expr):
        return
    for condition in noisy_conditions(rule):
        message = (
            "it fires and clears at the same value, which moves all the time, with neither 'for' nor 'keep_firing_for'"
        )
        yield Finding(at(condition), message, "add 'for' and 'keep_firing_for', or write another limit for clearing")
        return


def _remembers(expr: Expr) -> bool:
    """Whether the expression looks at what has fired: the way to write a second limit in PromQL."""
    return any(metric_name(selector) in ENGINE_METRICS for selector in selectors(expr))


def _same_limit(expr: Binary) -> Iterator[Finding]:
    """``x > 80 or (x > 80 and ALERTS{...})``: the second limit was to be a lower one."""
    firsts = [each for each in conditions(expr.lhs) if each.op in ORDERINGS]
    for second in conditions(expr.rhs):
        if any(first == second for first in firsts):
            message = "the limit for clearing is the limit for firing, so the second branch does nothing"
            yield Finding(at(second), message, "write the value at which the alert is to clear")
