"""Ways through an expression, and the words that decide what its parts mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.promql.ast import Aggregate, Binary, Call, Expr, MatchOp, MatrixSelector, Negate, Subquery, VectorSelector

COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})
SELECTING: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that pick elements and leave their labels."""
ABSENT: Final = frozenset({"absent", "absent_over_time"})


def parts(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of an expression, in the order they are written."""
    match expr:
        case Negate() | Subquery():
            return (expr.expr,)
        case Aggregate():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Binary():
            return (expr.lhs, expr.rhs)
        case Call():
            return expr.args
        case MatrixSelector():
            return (expr.selector,)
    return ()


def nodes(expr: Expr) -> Iterator[Expr]:
    """The expression and all its parts, outer ones first, in the order they are written.

    Does not recurse: rules are loaded wherever the caller stands in its own stack.
    """
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(parts(part)))


def metric_name(selector: VectorSelector) -> str:
    """The name that a selector asks for; empty when it does not settle on one."""
    return next((m.value for m in selector.matchers if m.name == "__name__" and m.op is MatchOp.EQ), "")
