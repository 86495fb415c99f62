"""Vectors as columns: one frame of names and labels, one list of values.

From cycle to cycle most vectors differ in their values only. So a plan that makes the same elements as the last time
gives the same ``Frame`` object, and whoever works on frames (matching, grouping, dropping names) remembers what came
out for the frame it saw last. What is left for each cycle is arithmetic on lists, mostly in C.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Final

from rules.model import Labels
from rules.promql.values import Context, Dropped, Item, ScalarPlan, VectorPlan, check_unique, without_metadata


class Frame:
    """Names and labels of a vector's elements. Never changed once made: ``is`` tells whether two are the same."""

    __slots__ = ("_delayed", "_unnamed", "labels", "names")

    def __init__(self, names: Sequence[str], labels: Sequence[Labels]) -> None:
        self.names = names
        self.labels = labels
        self._unnamed: Frame | None = None
        self._delayed: Frame | None = None

    def unnamed(self, ctx: Context) -> Frame:
        """The frame after an operation whose result has no metric name; ``EvalError`` when two are the same then."""
        if ctx.delayed:
            if self._delayed is None:
                self._delayed = Frame([Dropped(name) for name in self.names], self.labels)
            return self._delayed
        if self._unnamed is None:
            names = set(self.names)
            if names == {""}:
                self._unnamed = self
                return self
            labels = list(map(without_metadata, self.labels))
            if len(names) > 1 or not all(map(operator.is_, labels, self.labels)):
                check_unique([("", each, 0.0) for each in labels])
            self._unnamed = Frame([""] * len(self.names), labels)
        return self._unnamed


Column = tuple[Frame, Sequence[float]]
"""A vector: frame, and as many values."""
ColumnPlan = Callable[[Context, int], Column]

EMPTY: Final[Column] = (Frame((), ()), ())


_ONE: Final = Frame(("",), ((),))


class Subset:
    """The elements a filter keeps; their frame is made anew only when others are kept than the last time."""

    __slots__ = ("_from", "_kept", "_mask")

    def __init__(self) -> None:
        self._from: Frame | None = None
        self._mask: Sequence[bool] = ()
        self._kept = EMPTY[0]

    def __call__(self, frame: Frame, values: Sequence[float], mask: Sequence[bool]) -> Column:
        if True not in mask:
            return EMPTY
        if False not in mask:
            return frame, values
        if frame is not self._from or mask != self._mask:
            self._kept = Frame(list(compress(frame.names, mask)), list(compress(frame.labels, mask)))
            self._from, self._mask = frame, mask
        return self._kept, list(compress(values, mask))


def scalar_as_column(scalar: ScalarPlan) -> ColumnPlan:
    """``vector(scalar)``: one element without labels."""
    return lambda ctx, t: (_ONE, (scalar(ctx, t),))


def items_of(column: Column) -> list[Item]:
    frame, values = column
    return list(zip(frame.names, frame.labels, values, strict=True))


def as_items(plan: ColumnPlan) -> VectorPlan:
    """For what works element by element."""
    return lambda ctx, t: items_of(plan(ctx, t))


def as_columns(plan: VectorPlan) -> ColumnPlan:
    """The same frame as before while names and labels are as before."""
    last = EMPTY[0]

    def columns(ctx: Context, t: int) -> Column:
        nonlocal last
        items = plan(ctx, t)
        if not items:
            return EMPTY
        names, labels, values = zip(*items, strict=True)
        if labels != last.labels or names != last.names or ctx.delayed:
            last = Frame(names, labels)
        return last, values

    return columns
