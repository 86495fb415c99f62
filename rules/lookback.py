"""How far back an expression reads: what must be kept, and what a young process cannot answer yet."""

from __future__ import annotations

from collections.abc import Iterator

from rules.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatchOp,
    MatrixSelector,
    Negate,
    Subquery,
    VectorSelector,
)

_ABSENT = frozenset({"absent", "absent_over_time"})
_REMEMBERS = frozenset({"last_over_time"})
"""Functions whose answer is as good from a part of the window as from all of it."""


def reads(expr: Expr, back: int = 0) -> Iterator[tuple[str, int]]:
    """Each metric read ("" for a selector without a definite name) and how many ms before now, the lookback apart."""
    match expr:
        case VectorSelector():
            names = [
                matcher.value for matcher in expr.matchers if matcher.name == "__name__" and matcher.op is MatchOp.EQ
            ]
            yield (names[0] if names else ""), back + max(0, expr.offset)
        case MatrixSelector():
            yield from reads(expr.selector, back + expr.range)
        case Subquery():
            yield from reads(expr.expr, back + expr.range + max(0, expr.offset))
        case _:
            for part in parts(expr):
                yield from reads(part, back)


def longest_window(expr: Expr) -> int:
    """The longest range in ms whose data a function of the expression sums up; 0 when there is none.

    ``last_over_time`` only remembers: it needs no more of its window than the one sample it gives.
    """
    match expr:
        case Call() if expr.func in _REMEMBERS and isinstance(expr.args[0], MatrixSelector):
            return 0
        case MatrixSelector():
            return expr.range
        case Subquery():
            return expr.range + longest_window(expr.expr)
    return max((longest_window(part) for part in parts(expr)), default=0)


def has_absent(expr: Expr) -> bool:
    """Whether the expression is about something not being there."""
    if isinstance(expr, Call) and expr.func in _ABSENT:
        return True
    return any(has_absent(part) for part in parts(expr))


def parts(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of an expression."""
    match expr:
        case Negate() | Subquery():
            return (expr.expr,)
        case Aggregate():
            return (expr.expr,) if expr.param is None else (expr.expr, expr.param)
        case Binary():
            return (expr.lhs, expr.rhs)
        case Call():
            return expr.args
        case MatrixSelector():
            return (expr.selector,)
    return ()
