"""Aggregation operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import isnan
from typing import Final

from rules.model import Labels
from rules.promql import numbers
from rules.promql.ast import Aggregate
from rules.promql.columns import EMPTY, Column, ColumnPlan, Frame, as_columns, as_items
from rules.promql.errors import EvalError, ExprError
from rules.promql.matching import Pick, picker
from rules.promql.values import METADATA, Context, Dropped, Item, ScalarPlan, VectorPlan, check_unique, set_label

Group = tuple[str, Labels]
Reducer = Callable[[Sequence[float]], float]


def least(values: Sequence[float]) -> float:
    """The smallest number; NaN only when there is nothing else."""
    return min([value for value in values if not isnan(value)], default=math.nan)


def greatest(values: Sequence[float]) -> float:
    """The largest number; NaN only when there is nothing else."""
    return max([value for value in values if not isnan(value)], default=math.nan)


def deviation(values: Sequence[float]) -> float:
    spread = numbers.variance(values)
    return math.nan if spread < 0 else math.sqrt(spread)  # below zero where huge values cancelled


REDUCERS: Final[dict[str, Reducer]] = {
    "sum": numbers.add,
    "avg": numbers.average,
    "min": least,
    "max": greatest,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stddev": deviation,
    "stdvar": numbers.variance,
}


def grouper(node: Aggregate) -> Callable[[str, Labels], Group]:
    """The group an element belongs to, as the name and labels of the group's result."""
    wanted = frozenset(node.labels)
    if node.without:
        wanted |= METADATA
        return lambda name, labels: ("", tuple([pair for pair in labels if pair[0] not in wanted]))
    if "__name__" in wanted:
        return lambda name, labels: (name, tuple([pair for pair in labels if pair[0] in wanted]))
    if wanted:
        return lambda name, labels: ("", tuple([pair for pair in labels if pair[0] in wanted]))
    return lambda name, labels: ("", ())


def aggregate_plan(node: Aggregate, inner: ColumnPlan, param: ScalarPlan | str | None) -> ColumnPlan:
    group_of = grouper(node)
    if isinstance(param, str):
        if not param:
            raise ExprError('invalid label name ""', "name the label to write")
        return as_columns(_count_values(param, as_items(inner), group_of))
    if param is None:
        return _reduce(REDUCERS[node.op], inner, group_of)
    if node.op == "quantile":
        return _quantile(param, inner, group_of)
    return as_columns(_choose(node.op, param, as_items(inner), group_of))


class _Groups:
    """The groups of the frame seen last: the frame of their results, and how to pick the values of each."""

    __slots__ = ("_delayed", "_group_of", "_of", "frame", "picks")

    def __init__(self, group_of: Callable[[str, Labels], Group]) -> None:
        self._group_of = group_of
        self._of: Frame | None = None
        self._delayed = False
        self.frame = EMPTY[0]
        self.picks: Sequence[Pick] = ()

    def look(self, frame: Frame, ctx: Context) -> None:
        if frame is self._of and ctx.delayed is self._delayed:
            return
        places: dict[Group, list[int]] = {}
        dropped: set[Group] = set()
        for place, (name, labels) in enumerate(zip(frame.names, frame.labels, strict=True)):
            group = self._group_of(name, labels)
            places.setdefault(group, []).append(place)
            # With delayed names, a group that is named after any element with a dropped name has its name dropped too.
            if ctx.delayed and isinstance(name, Dropped):
                dropped.add(group)
        names = [Dropped(group[0]) if group in dropped else str(group[0]) for group in places]
        self.frame = Frame(names, [labels for _, labels in places])
        self.picks = [picker(members, len(frame.names)) for members in places.values()]
        self._of, self._delayed = frame, ctx.delayed


def _reduce(reducer: Reducer, inner: ColumnPlan, group_of: Callable[[str, Labels], Group]) -> ColumnPlan:
    groups = _Groups(group_of)

    def plan(ctx: Context, t: int) -> Column:
        frame, values = inner(ctx, t)
        if not values:
            return EMPTY
        ctx.tick(len(values))
        groups.look(frame, ctx)
        return groups.frame, [reducer(pick(values)) for pick in groups.picks]

    return plan


def _quantile(param: ScalarPlan, inner: ColumnPlan, group_of: Callable[[str, Labels], Group]) -> ColumnPlan:
    groups = _Groups(group_of)

    def plan(ctx: Context, t: int) -> Column:
        q = param(ctx, t)
        frame, values = inner(ctx, t)
        if not values:
            return EMPTY
        ctx.tick(len(values))
        groups.look(frame, ctx)
        return groups.frame, [numbers.quantile(q, pick(values)) for pick in groups.picks]

    return plan


def _count_values(label: str, inner: VectorPlan, group_of: Callable[[str, Labels], Group]) -> VectorPlan:
    def counted(name: str, labels: Labels, value: float) -> Group:
        name, labels = group_of(name, labels)
        text = numbers.format_value(value)
        return (text, labels) if label == "__name__" else (name, set_label(labels, label, text))

    def plan(ctx: Context, t: int) -> list[Item]:
        counts: dict[Group, int] = {}
        for item in inner(ctx, t):
            group = counted(*item)
            counts[group] = counts.get(group, 0) + 1
        out = [(name, labels, float(count)) for (name, labels), count in counts.items()]
        check_unique(out)
        return out

    return plan


def _choose(op: str, param: ScalarPlan, inner: VectorPlan, group_of: Callable[[str, Labels], Group]) -> VectorPlan:
    """``topk``, ``bottomk``, ``limitk``: k elements of each group, unchanged; NaN ranks last, ties keep order."""
    sign = -1.0 if op == "topk" else 1.0

    def rank(item: Item) -> tuple[bool, float]:
        value = item[2]
        return (True, 0.0) if isnan(value) else (False, sign * value)

    def plan(ctx: Context, t: int) -> list[Item]:
        limit = _limit(param(ctx, t))
        groups: dict[Group, list[Item]] = {}
        for item in inner(ctx, t):
            groups.setdefault(group_of(item[0], item[1]), []).append(item)
        if limit < 1:
            return []
        if op == "limitk":
            return [item for members in groups.values() for item in members[:limit]]
        return [item for members in groups.values() for item in sorted(members, key=rank)[:limit]]

    return plan


def _limit(value: float) -> int:
    if isnan(value):
        raise EvalError("Parameter value is NaN")
    if value >= 2**63:
        raise EvalError(f"Scalar value {value:g} overflows int64")
    if value <= -(2**63):
        raise EvalError(f"Scalar value {numbers.format_value(value)} underflows int64")
    return int(value)
