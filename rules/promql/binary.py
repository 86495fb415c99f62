"""Plans for binary operators and unary minus."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Final

from rules.promql import numbers
from rules.promql.ast import Card, Matching
from rules.promql.matching import Operation, group_plan, one_to_one_plan, set_plan
from rules.promql.values import Context, Item, ScalarPlan, VectorPlan, unnamed

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
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


def _as_number(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda a, b: 1.0 if compare(a, b) else 0.0


def _arithmetic(op: str) -> Callable[[float, float], float]:
    """The operator as a number: arithmetic, or a comparison with ``bool``."""
    return ARITHMETIC.get(op) or _as_number(COMPARISONS[op])


def scalars_plan(op: str, lhs: ScalarPlan, rhs: ScalarPlan) -> ScalarPlan:
    operate = _arithmetic(op)
    return lambda ctx, t: operate(lhs(ctx, t), rhs(ctx, t))


def vector_scalar_plan(op: str, vector: VectorPlan, scalar: ScalarPlan, *, swapped: bool, as_bool: bool) -> VectorPlan:
    """One side is a scalar; ``swapped`` when it is the left one. A filter keeps the vector's value either way."""
    if op in COMPARISONS and not as_bool:
        compare = COMPARISONS[op]

        def keep(ctx: Context, t: int) -> list[Item]:
            # The left side first, as written: it decides which error is said when both fail.
            if swapped:
                number = scalar(ctx, t)
                return [item for item in vector(ctx, t) if compare(number, item[2])]
            items = vector(ctx, t)
            number = scalar(ctx, t)
            return [item for item in items if compare(item[2], number)]

        return keep

    operate = _arithmetic(op)

    def compute(ctx: Context, t: int) -> list[Item]:
        items = vector(ctx, t)
        number = scalar(ctx, t)
        if swapped:
            return unnamed([(name, labels, operate(number, value)) for name, labels, value in items], ctx)
        return unnamed([(name, labels, operate(value, number)) for name, labels, value in items], ctx)

    return compute


def vectors_plan(op: str, lhs: VectorPlan, rhs: VectorPlan, matching: Matching, *, as_bool: bool) -> VectorPlan:
    if op in SET_OPERATORS:
        return set_plan(op, lhs, rhs, matching)
    operate: Operation
    keeps_name = op in COMPARISONS and not as_bool
    if keeps_name:
        compare = COMPARISONS[op]
        operate = lambda a, b: a if compare(a, b) else None  # noqa: E731 - a table entry in the making
    else:
        operate = _arithmetic(op)
    plan = one_to_one_plan if matching.card is Card.ONE_TO_ONE else group_plan
    return plan(operate, lhs, rhs, matching, keeps_name)


def negate_scalar(operand: ScalarPlan) -> ScalarPlan:
    return lambda ctx, t: -operand(ctx, t)


def negate_vector(operand: VectorPlan) -> VectorPlan:
    return lambda ctx, t: unnamed([(name, labels, -value) for name, labels, value in operand(ctx, t)], ctx)
