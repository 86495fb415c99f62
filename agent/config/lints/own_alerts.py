"""An alert that counts alerts and so counts itself."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import SETS, metric, selectors
from agent.config.lints._world import ENGINE_METRICS
from rules.api import Binary, Expr, MatchOp, VectorSelector, parts, regex_predicate


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    for selector in _counted(rule.alert.expr):
        if metric(selector) in ENGINE_METRICS and _takes(selector, rule.alert.name):
            hint = f'add alertname!="{rule.alert.name}"'
            yield Finding(
                at(selector), f"{metric(selector)} holds this alert too: once it fires it keeps itself alive", hint
            )


def _counted(expr: Expr) -> Iterator[VectorSelector]:
    """Selectors that give values; those on the right of a set operator are asked on purpose (see hysteresis)."""
    if isinstance(expr, Binary) and expr.op in SETS:
        yield from _counted(expr.lhs)
        if expr.op == "or":
            yield from _counted(expr.rhs)
    elif isinstance(expr, VectorSelector):
        yield from selectors(expr)
    else:
        for part in parts(expr):
            yield from _counted(part)


def _takes(selector: VectorSelector, alert: str) -> bool:
    for matcher in selector.matchers:
        if matcher.name != "alertname":
            continue
        holds = (
            matcher.value == alert if matcher.op in (MatchOp.EQ, MatchOp.NE) else regex_predicate(matcher.value)(alert)
        )
        if bool(holds) == (matcher.op in (MatchOp.NE, MatchOp.NRE)):
            return False
    return True
