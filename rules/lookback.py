"""How far back an expression reads: what must be kept, and what a young process cannot answer yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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

LONG = 3_600_000
"""A metric that a rule reads further back than this many ms is kept over a restart."""
_ABSENT = frozenset({"absent", "absent_over_time"})
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))
_REMEMBERS = frozenset({"last_over_time"})
"""Functions whose answer is as good from a part of the window as from all of it."""


def reads(expr: Expr, back: int = 0) -> Iterator[tuple[str, int]]:
    """Each metric read ("" for a selector without a definite name) and how many ms before now, the lookback apart."""
    match expr:
        case VectorSelector():
            yield metric(expr), back + max(0, expr.offset)
        case MatrixSelector():
            yield from reads(expr.selector, back + expr.range)
        case Subquery():
            yield from reads(expr.expr, back + expr.range + max(0, expr.offset))
        case _:
            for part in parts(expr):
                yield from reads(part, back)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one selector asks of the past: ``span`` ms of ``metric`` that ended ``offset`` ms ago, offsets added up.

    ``metric`` is empty for a selector without a definite name.
    """

    metric: str
    offset: int
    span: int

    @property
    def waits(self) -> int:
        """How long nothing is known: until half of the span, which is enough, was seen."""
        return self.offset + self.span // 2


def reaches(expr: Expr, offset: int = 0, span: int = 0) -> Iterator[Reach]:
    """The reach of every selector in the expression.

    ``last_over_time`` only remembers: it needs no more of its window than the one sample it gives.
    """
    match expr:
        case Call(args=(MatrixSelector(selector=selector), *_)) if expr.func in _REMEMBERS:
            yield from reaches(selector, offset, span)
        case VectorSelector():
            yield Reach(metric(expr), max(0, offset + expr.offset), span)
        case MatrixSelector():
            yield from reaches(expr.selector, offset, span + expr.range)
        case Subquery():
            yield from reaches(expr.expr, offset + expr.offset, span + expr.range)
        case _:
            for part in parts(expr):
                yield from reaches(part, offset, span)


def longest_reach(expr: Expr) -> Reach | None:
    """The one that a young process has to wait for longest; None when the expression asks only for now."""
    found = max(reaches(expr), key=lambda reach: reach.waits, default=None)
    return found if found is not None and found.waits else None


def has_absent(expr: Expr) -> bool:
    """Whether the expression is about something not being there."""
    if isinstance(expr, Call) and expr.func in _ABSENT:
        return True
    return any(has_absent(part) for part in parts(expr))


def has_sum(expr: Expr) -> bool:
    """Whether the expression is about how much or how many there is altogether."""
    return isinstance(expr, Aggregate) or any(has_sum(part) for part in parts(expr))


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


def metric(selector: VectorSelector) -> str:
    """The name that a selector asks for; empty when it does not settle on one."""
    names = [m.value for m in selector.matchers if m.name == "__name__" and m.op is MatchOp.EQ]
    return names[0] if names else ""


def duration(ms: int) -> str:
    """``90000`` as ``1m30s``."""
    text = ""
    for size, unit in _UNITS:
        count, ms = divmod(ms, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
