"""Functions that map each value of an instant vector, and those of dates."""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Final

from rules.promql.columns import Column, ColumnPlan, scalar_as_column
from rules.promql.numbers import NAN, divide, larger, smaller, total
from rules.promql.values import Context, Item, ScalarPlan, VectorPlan, unnamed

ValueFunction = Callable[..., float]
"""Takes the value, then the scalar parameters."""


def _log(log: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: log(value) if value > 0 else (-math.inf if value == 0 else NAN)


def sgn(value: float) -> float:
    """-1 or 1; zero (of either sign) and NaN stay as they are."""
    return value if value == 0 or math.isnan(value) else math.copysign(1.0, value)


def _floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def _ceil(value: float) -> float:
    return math.copysign(float(math.ceil(value)), value) if math.isfinite(value) else value


def round_to(value: float, nearest: float = 1.0) -> float:
    """Halves go up; ``nearest`` need not be whole."""
    inverse = divide(1.0, nearest)
    return divide(_floor(value * inverse + 0.5), inverse)


def _atanh(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) == 1 else total(math.atanh)(value)


def _sinh(value: float) -> float:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(math.inf, value)


MATH: Final[dict[str, ValueFunction]] = {
    "abs": abs,
    "acos": total(math.acos),
    "acosh": total(math.acosh),
    "asin": total(math.asin),
    "asinh": math.asinh,
    "atan": math.atan,
    "atanh": _atanh,
    "ceil": _ceil,
    "clamp_max": smaller,
    "clamp_min": larger,
    "cos": total(math.cos),
    "cosh": total(math.cosh),
    "deg": math.degrees,
    "exp": total(math.exp),
    "floor": _floor,
    "ln": _log(math.log),
    "log10": _log(math.log10),
    "log2": _log(math.log2),
    "rad": math.radians,
    "round": round_to,
    "sgn": sgn,
    "sin": total(math.sin),
    "sinh": _sinh,
    "sqrt": total(math.sqrt),
    "tan": total(math.tan),
    "tanh": math.tanh,
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400


def _date(part: Callable[[datetime], int]) -> ValueFunction:
    def compute(seconds: float) -> float:
        if not math.isfinite(seconds):
            return NAN
        try:
            return float(part(_EPOCH + timedelta(seconds=int(seconds))))
        except OverflowError:  # beyond year 1 to 9999
            return NAN

    return compute


DATES: Final[dict[str, ValueFunction]] = {
    "minute": _date(lambda when: when.minute),
    "hour": _date(lambda when: when.hour),
    "day_of_month": _date(lambda when: when.day),
    "day_of_week": _date(lambda when: when.isoweekday() % 7),
    "day_of_year": _date(lambda when: when.timetuple().tm_yday),
    "days_in_month": _date(lambda when: monthrange(when.year, when.month)[1]),
    "month": _date(lambda when: when.month),
    "year": _date(lambda when: when.year),
}
"""Of seconds since 1970 in UTC."""


def map_plan(function: ValueFunction, vector: ColumnPlan, params: Sequence[ScalarPlan]) -> ColumnPlan:
    def plan(ctx: Context, t: int) -> Column:
        frame, values = vector(ctx, t)
        ctx.tick(len(values))
        given = [repeat(param(ctx, t)) for param in params]
        return frame.unnamed(ctx), list(map(function, values, *given))

    return plan


def clamp_plan(vector: VectorPlan, low: ScalarPlan, high: ScalarPlan) -> VectorPlan:
    """Empty when the bounds are the wrong way round."""

    def plan(ctx: Context, t: int) -> list[Item]:
        items = vector(ctx, t)
        least, most = low(ctx, t), high(ctx, t)
        if most < least:
            return []
        return unnamed([(n, labels, larger(least, smaller(most, value))) for n, labels, value in items], ctx)

    return plan


def now_plan(function: ValueFunction) -> ColumnPlan:
    """A date function without argument: of the evaluation time."""
    return scalar_as_column(lambda ctx, t: function(t / 1000))
