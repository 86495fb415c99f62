"""Ways through an expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.api import (
    COMPARISONS,
    SELECTING,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    MatchOp,
    MatrixSelector,
    Negate,
    Number,
    Subquery,
    VectorSelector,
    nodes,
    parts,
    regex_predicate,
)

ORDERINGS = frozenset({"<", "<=", ">", ">="})


class Read(NamedTuple):
    """A selector, its window in ms (0: an instant), how far back it reads in all, and the node that says the window."""

    selector: VectorSelector
    window: int
    back: int
    node: Expr


def reads(expr: Expr, back: int = 0) -> Iterator[Read]:
    """Each selector; ``back`` is what the subqueries around it add."""
    match expr:
        case VectorSelector():
            yield Read(expr, 0, back + max(0, expr.offset), expr)
        case MatrixSelector(selector, window):
            yield Read(selector, window, back + window + max(0, selector.offset), expr)
        case Subquery():
            yield from reads(expr.expr, back + expr.range + max(0, expr.offset))
        case _:
            for part in parts(expr):
                yield from reads(part, back)


def label_matchers(selector: VectorSelector) -> Iterator[Matcher]:
    return (matcher for matcher in selector.matchers if matcher.name != "__name__")


def holds(matcher: Matcher, value: str) -> bool:
    """Whether a label with this value, "" for none, passes the matcher."""
    match matcher.op:
        case MatchOp.EQ:
            return value == matcher.value
        case MatchOp.NE:
            return value != matcher.value
        case MatchOp.RE:
            return bool(regex_predicate(matcher.value)(value))
    return not regex_predicate(matcher.value)(value)


def conditions(expr: Expr) -> Iterator[Binary]:
    """The comparisons that decide whether there is a result: those whose falsehood takes elements away."""
    match expr:
        case Binary(op="unless"):
            yield from conditions(expr.lhs)
        case Binary() if expr.op in SET_OPERATORS:
            yield from conditions(expr.lhs)
            yield from conditions(expr.rhs)
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            yield expr
        case Binary() if expr.matching is not None:  # (x > 1) * on (...) y: what was filtered away finds no partner
            yield from conditions(expr.lhs)
            yield from conditions(expr.rhs)
        case Aggregate() if expr.op in SELECTING:
            yield from conditions(expr.expr)


def value_of(expr: Expr) -> Expr:
    """The part of an alert's expression that ``$value`` comes from."""
    match expr:
        case Binary() if expr.op in SET_OPERATORS:
            return value_of(expr.lhs)
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            return value_of(expr.rhs if isinstance(expr.lhs, Number) else expr.lhs)
    return expr


def selectors(expr: Expr) -> Iterator[VectorSelector]:
    return (read.selector for read in reads(expr))


def series_of(expr: Expr) -> VectorSelector | None:
    """The one selector behind an expression that only aggregates, negates or scales it."""
    match expr:
        case VectorSelector():
            return expr
        case Negate() | Aggregate():
            return series_of(expr.expr)
        case Binary(op="*" | "/", matching=None):
            return series_of(expr.rhs if isinstance(expr.lhs, Number) else expr.lhs)
    return None


def calls(expr: Expr, *names: str) -> Iterator[Call]:
    return (node for node in nodes(expr) if isinstance(node, Call) and node.func in names)
