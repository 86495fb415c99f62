"""How far back an expression reads: what must be kept, and what a young process cannot answer yet.

Nothing here recurses: rules are loaded wherever the caller stands in its own stack.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

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
    waiting = [(expr, back)]
    while waiting:
        part, back = waiting.pop()
        match part:
            case VectorSelector():
                yield metric(part), back + max(0, part.offset)
            case MatrixSelector():
                waiting.append((part.selector, back + part.range))
            case Subquery():
                waiting.append((part.expr, back + part.range + max(0, part.offset)))
            case _:
                waiting.extend((inner, back) for inner in reversed(parts(part)))


class Reach(msgspec.Struct, frozen=True):
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
    waiting = [(expr, offset, span)]
    while waiting:
        part, offset, span = waiting.pop()
        match part:
            case Call(args=(MatrixSelector(selector=selector), *_)) if part.func in _REMEMBERS:
                waiting.append((selector, offset, span))
            case VectorSelector():
                yield Reach(metric(part), max(0, offset + part.offset), span)
            case MatrixSelector():
                waiting.append((part.selector, offset, span + part.range))
            case Subquery():
                waiting.append((part.expr, offset + part.offset, span + part.range))
            case _:
                waiting.extend((inner, offset, span) for inner in reversed(parts(part)))


def longest_reach(expr: Expr) -> Reach | None:
    """The one that a young process has to wait for longest; None when the expression asks only for now."""
    found = max(reaches(expr), key=lambda reach: reach.waits, default=None)
    return found if found is not None and found.waits else None


def has_absent(expr: Expr) -> bool:
    """Whether the expression is about something not being there."""
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Call) and part.func in _ABSENT:
            return True
        waiting.extend(parts(part))
    return False


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
