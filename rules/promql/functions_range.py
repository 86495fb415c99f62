"""Functions of range vectors. Each takes one series' samples inside the window and gives a value, or None for no
result.

Windows are open on the left: a sample exactly at ``window.lo`` is not among the samples (Prometheus 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import isnan
from typing import Final

from rules.promql import growth, numbers
from rules.promql.aggregate import deviation, greatest, least
from rules.promql.errors import EvalError
from rules.promql.over_range import Bulk, Entry, Params, Times, Values
from rules.promql.regression import DERIV, PREDICT_LINEAR
from rules.promql.values import Window


def quantile_over_time(times: Times, values: Values, window: Window, params: Params) -> float:
    return numbers.quantile(params[0], values)


def mad_over_time(times: Times, values: Values, window: Window, params: Params) -> float:
    if any(map(isnan, values)):
        return math.nan
    median = numbers.quantile(0.5, values)
    return numbers.quantile(0.5, [abs(value - median) for value in values])


def double_exponential_smoothing(times: Times, values: Values, window: Window, params: Params) -> float | None:
    level, trending = params
    if not 0 < level < 1:
        raise EvalError(f"invalid smoothing factor. Expected: 0 < sf < 1, got: {numbers.format_value(level)}")
    if not 0 < trending < 1:
        raise EvalError(f"invalid trend factor. Expected: 0 < tf < 1, got: {numbers.format_value(trending)}")
    if len(values) < 2:
        return None
    before, smoothed, trend = 0.0, values[0], values[1] - values[0]
    for index, value in enumerate(values[1:]):
        if index:
            trend = trending * (smoothed - before) + (1 - trending) * trend
        before, smoothed = smoothed, level * value + (1 - level) * (smoothed + trend)
    return smoothed


def _of_values(reduce: Callable[[Values], float], bulk: Callable[[], Bulk] | None = None) -> Entry:
    return Entry(lambda times, values, window, params: reduce(values), bulk=bulk)


def _last_time_of(pick: Callable[[Values], float]) -> Entry:
    """When the value that ``pick`` chooses was last seen, in seconds."""

    def compute(times: Times, values: Values, window: Window, params: Params) -> float:
        wanted = pick(values)
        same = [time for time, value in zip(times, values, strict=True) if value == wanted]
        return (same[-1] if same else times[0]) / 1000

    return Entry(compute)


RANGE_FUNCTIONS: Final[dict[str, Entry]] = {
    "rate": Entry(growth.rate, bulk=lambda: growth.rates),
    "increase": Entry(growth.increase, bulk=lambda: growth.increases),
    "delta": Entry(growth.delta),
    "irate": Entry(growth.irate, bulk=lambda: growth.irates),
    "idelta": Entry(growth.idelta),
    "deriv": DERIV,
    "predict_linear": PREDICT_LINEAR,
    "changes": Entry(growth.changes, bulk=lambda: growth.changes_of_run),
    "resets": Entry(growth.resets, bulk=lambda: growth.resets_of_run),
    "avg_over_time": _of_values(numbers.average),
    "sum_over_time": _of_values(numbers.add),
    "min_over_time": _of_values(least, bulk=lambda: growth.constants),
    "max_over_time": _of_values(greatest, bulk=lambda: growth.constants),
    "count_over_time": _of_values(lambda values: float(len(values))),
    "present_over_time": _of_values(lambda values: 1.0),
    "stddev_over_time": _of_values(deviation),
    "stdvar_over_time": _of_values(numbers.variance),
    "quantile_over_time": Entry(quantile_over_time, position=1),
    "last_over_time": Entry(lambda times, values, window, params: values[-1], keeps_name=True),
    "first_over_time": Entry(lambda times, values, window, params: values[0], keeps_name=True),
    "mad_over_time": Entry(mad_over_time),
    "double_exponential_smoothing": Entry(double_exponential_smoothing),
    "ts_of_first_over_time": Entry(lambda times, values, window, params: times[0] / 1000),
    "ts_of_last_over_time": Entry(lambda times, values, window, params: times[-1] / 1000),
    "ts_of_min_over_time": _last_time_of(least),
    "ts_of_max_over_time": _last_time_of(greatest),
}
