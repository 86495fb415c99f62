"""A value shown in the wrong unit: a percentage made a percentage again, or a share with a percent sign."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from agent.config.lints._ranges import range_of
from agent.config.lints._walk import value_of
from rules.api import Binary, Expr, Number


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    value = value_of(rule.alert.expr)
    known = range_of(value, rule.world)
    share = known.bounded and known.low >= -1 and 1 <= known.high <= 2 and not known.whole
    for name, template in rule.alert.annotations:
        used = template.uses()
        if "humanizePercentage" in used.applied and _is_percentage(value):
            message = f"'{name}' shows a value that was multiplied by 100 as a percentage: 95 becomes 9500%"
            yield Finding(at_key("annotations", name), message, "drop the '* 100', or print it with humanize and a %")
        if used.percent and share and "humanizePercentage" not in used.applied and not used.verbs:
            message = f"'{name}' puts a percent sign behind a share: 0.95 becomes 0.95%"
            yield Finding(at_key("annotations", name), message, "write {{ $value | humanizePercentage }}")


def _is_percentage(expr: Expr) -> bool:
    """``x * 100``, ``100 * x``, or ``100 - x``."""
    hundred = Number(100.0)
    match expr:
        case Binary(op="*"):
            return hundred in (expr.lhs, expr.rhs)
        case Binary(op="-"):
            return expr.lhs == hundred
    return False
