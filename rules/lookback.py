"""How far back an expression reads: what must be kept, and what a young process cannot answer yet.

Nothing here recurses: rules are loaded wherever the caller stands in its own stack.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rules.promql.ast import Aggregate, Call, Expr, MatrixSelector, Subquery, VectorSelector
from rules.promql.walk import ABSENT, metric_name, nodes, parts

LONG = 3_600_000
"""A metric that a rule reads further back than this many ms is kept over a restart."""
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
                yield metric_name(part), back + max(0, part.offset)
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
                yield Reach(metric_name(part), max(0, offset + part.offset), span)
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
    return any(isinstance(part, Call) and part.func in ABSENT for part in nodes(expr))


def has_sum(expr: Expr) -> bool:
    """Whether the expression is about how much or how many there is altogether."""
    return any(isinstance(part, Aggregate) for part in nodes(expr))


def duration(ms: int) -> str:
    """``90000`` as ``1m30s``."""
    text = ""
    for size, unit in _UNITS:
        count, ms = divmod(ms, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
