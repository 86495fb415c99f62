"""Plans for binary operators and unary minus."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Final

from rules.promql import numbers
from rules.promql.ast import Card, Matching
from rules.promql.columns import EMPTY, Column, ColumnPlan, Subset
from rules.promql.matching import Combine, Combined, group_plan, one_to_one_plan, set_plan
from rules.promql.values import Context, ScalarPlan
from rules.promql.walk import SET_OPERATORS

ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": numbers.divide,
    "%": numbers.modulo,
    "^": numbers.power,
    "atan2": math.atan2,
}
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_MIRRORED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_NONE_PASSES: Final[dict[str, Callable[[Sequence[float], float], bool]]] = {
    "==": lambda values, number: number not in values,
    ">": lambda values, number: max(values) <= number,
    "<": lambda values, number: min(values) >= number,
    ">=": lambda values, number: max(values) < number,
    "<=": lambda values, number: min(values) > number,
}
"""Whether a filter certainly leaves nothing, which is what most alerts' comparisons do: a third of the time of asking
for each value. Where NaN is the extreme, nothing is certain.
"""

_HASTY: Final[dict[str, Callable[[float, float], float]]] = {
    "/": operator.truediv, "%": math.fmod, "^": math.pow,
}  # fmt: skip
"""In C, and equal to those in ARITHMETIC wherever they do not raise: a third of the time on a whole column."""

Numbers = Iterable[float]


def _as_number(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda a, b: 1.0 if compare(a, b) else 0.0


def _arithmetic(op: str) -> Callable[[float, float], float]:
    """The operator as a number: arithmetic, or a comparison with ``bool``."""
    return ARITHMETIC.get(op) or _as_number(COMPARISONS[op])


def _on_columns(op: str) -> Callable[[Callable[[], tuple[Numbers, Numbers]]], list[float]]:
    """``_arithmetic`` for whole columns, which are asked for once more when one of their values needs care."""
    careful = _arithmetic(op)
    if op in COMPARISONS:
        compare = COMPARISONS[op]
        return lambda sides: list(map(float, map(compare, *sides())))
    if op not in _HASTY:
        return lambda sides: list(map(careful, *sides()))
    hasty = _HASTY[op]

    def compute(sides: Callable[[], tuple[Numbers, Numbers]]) -> list[float]:
        try:
            return list(map(hasty, *sides()))
        except (ZeroDivisionError, ValueError, OverflowError):
            return list(map(careful, *sides()))

    return compute


def scalars_plan(op: str, lhs: ScalarPlan, rhs: ScalarPlan) -> ScalarPlan:
    operate = _arithmetic(op)
    return lambda ctx, t: operate(lhs(ctx, t), rhs(ctx, t))


def vector_scalar_plan(op: str, vector: ColumnPlan, scalar: ScalarPlan, *, swapped: bool, as_bool: bool) -> ColumnPlan:
    """One side is a scalar; ``swapped`` when it is the left one. A filter keeps the vector's value either way."""
    if op in COMPARISONS and not as_bool:
        op = _MIRRORED.get(op, op) if swapped else op
        compare, none_passes = COMPARISONS[op], _NONE_PASSES.get(op)
        subset = Subset()

        def keep(ctx: Context, t: int) -> Column:
            # The left side first, as written: it decides which error is said when both fail.
            if swapped:
                number = scalar(ctx, t)
                frame, values = vector(ctx, t)
            else:
                frame, values = vector(ctx, t)
                number = scalar(ctx, t)
            if not values or (none_passes is not None and none_passes(values, number)):
                return EMPTY
            return subset(frame, values, list(map(compare, values, repeat(number))))

        return keep

    operate = _on_columns(op)

    def compute(ctx: Context, t: int) -> Column:
        if swapped:
            number = scalar(ctx, t)
            frame, values = vector(ctx, t)
            return frame.unnamed(ctx), operate(lambda: (repeat(number), values))
        frame, values = vector(ctx, t)
        number = scalar(ctx, t)
        return frame.unnamed(ctx), operate(lambda: (values, repeat(number)))

    return compute


def vectors_plan(op: str, lhs: ColumnPlan, rhs: ColumnPlan, matching: Matching, *, as_bool: bool) -> ColumnPlan:
    if op in SET_OPERATORS:
        return set_plan(op, lhs, rhs, matching)
    plan = one_to_one_plan if matching.card is Card.ONE_TO_ONE else group_plan
    if op in COMPARISONS and not as_bool:
        return plan(_filter(op), lhs, rhs, matching, keeps_name=True)
    return plan(_combine(op), lhs, rhs, matching, keeps_name=False)


def _filter(op: str) -> Combine:
    compare = COMPARISONS[op]
    return lambda left, right: (left, list(map(compare, left, right)))


def _combine(op: str) -> Combine:
    operate = _on_columns(op)

    def combine(left: Sequence[float], right: Sequence[float]) -> Combined:
        return operate(lambda: (left, right)), None

    return combine


def negate_scalar(operand: ScalarPlan) -> ScalarPlan:
    return lambda ctx, t: -operand(ctx, t)


def negate_vector(operand: ColumnPlan) -> ColumnPlan:
    def plan(ctx: Context, t: int) -> Column:
        frame, values = operand(ctx, t)
        return (frame.unnamed(ctx), list(map(operator.neg, values))) if values else EMPTY

    return plan
