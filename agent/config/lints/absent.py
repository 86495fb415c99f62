"""An alert that fires when something is missing once."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import conditions
from agent.config.scalars import duration_text
from rules.api import Binary, Call, Expr


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    least = 2 * rule.world.interval
    call = _decides(rule.alert.expr)
    if call is not None and rule.alert.for_ < least:
        message = "one failed collection is enough for absent(), and the ticket says that the thing is gone"
        yield Finding(at(call), message, f"add 'for: {duration_text(max(least, 60_000))}'")


def _decides(expr: Expr) -> Call | None:
    """The ``absent`` that alone makes the alert, perhaps compared with 1."""
    if isinstance(expr, Binary) and next(conditions(expr), None) is expr:
        expr = expr.lhs
    return expr if isinstance(expr, Call) and expr.func == "absent" else None
