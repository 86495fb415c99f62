"""A comparison whose outcome is certain: never true, or always."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._known import ALWAYS_ONE
from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._ranges import Range, always, never, range_of
from agent.config.lints._walk import selectors
from rules.api import ABSENT, COMPARISONS, SET_OPERATORS, Aggregate, Binary, Call, Expr, Number, metric_name, nodes


def check(rule: RuleContext) -> Iterator[Finding]:
    for node in rule.nodes:
        if not isinstance(node, Binary) or node.op not in COMPARISONS:
            continue
        left, right = range_of(node.lhs, rule.world), range_of(node.rhs, rule.world)
        if never(node.op, left, right):
            yield Finding(
                at(node), f"'{node.op}' is never true here: {_why(node, left, right)}", _hint(node, left, right)
            )
        elif (
            node is rule.rule.expr and rule.alert is not None and not node.bool_modifier and _always(node, left, right)
        ):
            message = f"'{node.op}' is always true here: {_why(node, left, right)}"
            yield Finding(at(node), message, _hint(node, left, right))


def _always(node: Binary, left: Range, right: Range) -> bool:
    """Only where the left side is there all the time: ``absent(x) == 1`` is true whenever there is a left side."""
    return always(node.op, left, right) and not any(_comes_and_goes(part) for part in nodes(node.lhs))


def _comes_and_goes(expr: Expr) -> bool:
    if isinstance(expr, Call):
        return expr.func in ABSENT
    if isinstance(expr, Binary):
        return expr.op in SET_OPERATORS or (expr.op in COMPARISONS and not expr.bool_modifier)
    return any(metric_name(selector) in ALWAYS_ONE for selector in selectors(expr))


def _why(node: Binary, left: Range, right: Range) -> str:
    value, limit = (right, left) if isinstance(node.lhs, Number) else (left, right)
    if value.whole and value.point is False and limit.point and limit.low != limit.low // 1:
        return f"the value is a whole number, the limit is {limit.low:g}"
    return (
        f"the value is {value}, the limit is {limit.low:g}" if limit.point else f"the left is {left}, the right {right}"
    )


def _hint(node: Binary, left: Range, right: Range) -> str:
    value, limit = (right, left) if isinstance(node.lhs, Number) else (left, right)
    if value.low >= -1 and value.high <= 2 and limit.point and limit.low > 2:
        return f"the value is a share, not a percentage: write {limit.low / 100:g}"
    if value.high == 100 and limit.point and limit.low > 100:
        return "the value is a percentage"
    if isinstance(node.lhs, Aggregate) and node.lhs.op == "count" and limit.low < 1:
        return "nothing to count gives no result, not 0: write 'absent(...)', or 'count(...) or vector(0)'"
    if limit.low == 0 and value.low == 1:
        return "the series is not there when the value would be 0: subtract from a total, or write 'absent(...)'"
    return "correct the limit, or the expression"
