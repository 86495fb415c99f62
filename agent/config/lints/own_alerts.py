"""An alert that counts alerts and so counts itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import holds, selectors
from agent.config.lints._world import ENGINE_METRICS
from rules.api import SET_OPERATORS, Binary, Expr, VectorSelector, metric_name, parts


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    own = {**dict(rule.static_labels()), "alertname": rule.alert.name}
    for selector in _counted(rule.alert.expr):
        if metric_name(selector) in ENGINE_METRICS and _takes(selector, own):
            hint = f'add alertname!="{rule.alert.name}"'
            yield Finding(
                at(selector), f"{metric_name(selector)} holds this alert too: once it fires it keeps itself alive", hint
            )


def _counted(expr: Expr) -> Iterator[VectorSelector]:
    """Selectors that give values; those on the right of a set operator are asked on purpose (see hysteresis)."""
    if isinstance(expr, Binary) and expr.op in SET_OPERATORS:
        yield from _counted(expr.lhs)
        if expr.op == "or":
            yield from _counted(expr.rhs)
    elif isinstance(expr, VectorSelector):
        yield from selectors(expr)
    else:
        for part in parts(expr):
            yield from _counted(part)


def _takes(selector: VectorSelector, own: Mapping[str, str]) -> bool:
    """Whether the selector may take the alert of a rule with these labels; of others nothing is known."""
    return all(holds(matcher, own[matcher.name]) for matcher in selector.matchers if matcher.name in own)
