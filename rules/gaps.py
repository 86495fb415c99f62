"""Is the data whole that a verdict rests on? Part of it may be missing though there is a fresh value.

``sum(x) > 5`` is not over because one of the series it adds up has gone, and ``rate(x[5m]) > 1`` is not because most of
its window has no samples. Three things make data partial:

- a series behind a sum (or behind any matching that does not name all labels) was there when the condition last held
  and is not there now, for less than the lookback; after that its source, which answers, has dropped it for good;
- such a series was lost with its source, which fails: for as long as that lasts;
- a function that counts over a window finds the window interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING

from rules.promql.ast import Binary, Call, Expr, MatrixSelector, Subquery, VectorSelector
from rules.promql.walk import ABSENT
from rules.target import Target, children, is_scalar

if TYPE_CHECKING:
    from rules.look import Look

COUNTING = frozenset({"sum_over_time", "count_over_time"})
"""Functions whose value falls with each sample that is missing."""
SPANNING = frozenset({"rate", "increase", "delta", "changes", "resets"})
"""Functions whose value falls when a part of their window has no samples. One in ten may be missing, or a machine so
busy that it leaves out a cycle now and then would never see such an alert end.
"""


_JITTER = 0.1
"""Of a step: samples do not come to the millisecond."""


class Gaps:
    """``before`` looks at the time when the condition last held, or is None when that is longer ago than the
    lookback. ``since`` is when it began to hold, None when not known: what counted has samples of then.
    """

    def __init__(self, look: Look, before: Look | None, since: int | None) -> None:
        self._look = look
        self._before = before
        self._since = since

    def none(self, expr: Expr, target: Target, span: int = 0) -> bool:
        """Whether what decides about the elements of the target is whole; ``span`` ms of it count."""
        if is_scalar(expr):
            return True  # a scalar counts for every alert; the caller asks about all of them
        match expr:
            case VectorSelector():
                return self._all_there(expr, target, span)
            case MatrixSelector():
                return self._all_there(expr.selector, target, span + expr.range)
            case Subquery():
                return self.none(expr.expr, target, span + expr.range)
            case Call() if expr.func in ABSENT:
                return True
            case Call(args=(MatrixSelector() as window,)) if expr.func in COUNTING | SPANNING:
                offset, spare = window.selector.offset, 0.1 if expr.func in SPANNING else 0.0
                fixed = window.selector.at is not None
                return (fixed or not self._missed(window, target, offset, spare)) and self.none(window, target, span)
            case Call(args=(Subquery() as window,)) if expr.func in COUNTING:
                steps = self._look.carried(window)
                fixed = window.at is not None
                missed = not fixed and self._missed(steps, target, window.offset, 0.0)
                return not missed and self.none(window, target, span)
            case Binary(op="and"):
                return self._none_of_and(expr, target, span)
            case Binary(op="unless"):
                return self._none_of_unless(expr, target, span)
        return all(self.none(child, inner, span) for child, inner in children(expr, target))

    def _none_of_and(self, expr: Binary, target: Target, span: int) -> bool:
        """One false side is enough, if it is whole."""
        sides = list(children(expr, target))
        false = [side for side in sides if self._look.is_false(*side)]
        if false:
            return any(self.none(*side, span) for side in false)
        return all(self.none(*side, span) for side in sides)

    def _none_of_unless(self, expr: Binary, target: Target, span: int) -> bool:
        left, right = children(expr, target)
        if self._look.elements(*right) and self.none(*right, span):
            return True
        return self.none(*left, span)

    def _all_there(self, selector: VectorSelector, target: Target, span: int) -> bool:
        recorded = list(self._recorded_whole(selector, target, span))
        if recorded:
            return all(recorded)  # a rule may end it, on whole data
        if target.whole:
            return True  # the one series: without it there is no verdict
        if self._look.lost(selector, target):
            return False
        if self._before is None:
            return True
        return self._before.members(selector, target, span) <= self._look.members(selector, target, 0)

    def _recorded_whole(self, selector: VectorSelector, target: Target, span: int) -> Iterator[bool]:
        return (
            Gaps(look, before, self._since).none(look.expr, inner, span)
            for look, before, inner in self._look.recorded(selector, target, self._before)
        )

    def _missed(self, window: MatrixSelector | Subquery, target: Target, offset: int, spare: float) -> bool:
        """Whether more than a ``spare`` share of the samples of a series is missing from its window."""
        end = self._look.at - offset
        start = max(end - window.range, self._look.at if self._since is None else self._since)
        before = {} if self._before is None else {line.labels: line for line in self._before.lines(window, target)}
        for line in self._look.lines(window, target):
            was = before.get(line.labels)
            if _missing(line.times, start, end, () if was is None else was.times) > spare * len(line.times):
                return True
        return False


def _missing(times: Sequence[int], start: int, end: int, before: Sequence[int]) -> int:
    """How many samples are missing in start..end, by the usual step, which those ``before`` tell too; all when it is
    not known.
    """
    steps = [late - early for early, late in pairwise(times)]
    usual = sorted([*steps, *(late - early for early, late in pairwise(before))])
    if not usual:
        return len(times)
    step = usual[(len(usual) - 1) // 2]
    first, last = (times[0] - start) / step - _JITTER, (end - times[-1]) / step + _JITTER
    return sum(round(each / step) - 1 for each in steps) + max(0, ceil(first) - 1) + max(0, floor(last))
