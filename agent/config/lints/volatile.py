"""An alert identified by a label that says how the thing is, and so changes when it gets better."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._known import CHANGING_LABELS
from agent.config.lints._labels import labels_of
from agent.config.lints._model import Finding, RuleContext, at
from rules.api import Aggregate, Binary, Expr, VectorSelector, metric_name, parts


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    result = labels_of(rule.alert.expr, rule.world)
    for selector in _carriers(rule.alert.expr):
        fixed = {matcher.name for matcher in selector.matchers if matcher.op.value == "="}
        labels = sorted(
            label
            for label in CHANGING_LABELS.get(metric_name(selector), frozenset())
            if result.possible is not None and label in result.possible and label not in fixed
        )
        if labels:
            names = ", ".join(labels)
            message = f"the alert keeps the label {names}, which changes when things get better, so it is never over"
            yield Finding(at(selector), message, f"aggregate it away: max without ({names}) (...)")


def _carriers(expr: Expr) -> Iterator[VectorSelector]:
    """Selectors whose labels reach the result: not those that only filter, nor what is aggregated to other labels."""
    match expr:
        case VectorSelector():
            yield expr
        case Binary(op="and" | "unless"):
            yield from _carriers(expr.lhs)
        case Aggregate() if expr.grouped and not expr.without and not expr.labels:
            return
        case _:
            for part in parts(expr):
                yield from _carriers(part)
