"""Functions of range vectors. Each takes one series' samples inside the window and gives a value, or None for no
result.

Windows are open on the left: a sample exactly at ``window.lo`` is not among the samples (Prometheus 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isnan
from typing import Final, NamedTuple

from rules.family import Run
from rules.promql import numbers
from rules.promql.aggregate import deviation, greatest, least
from rules.promql.ast import MatrixSelector
from rules.promql.columns import EMPTY, Column, ColumnPlan, Subset
from rules.promql.errors import EvalError
from rules.promql.selectors import Selection, reference
from rules.promql.values import Context, Item, MatrixPlan, ScalarPlan, VectorPlan, Window, unnamed

Times = Sequence[int]
Values = Sequence[float]
Params = Sequence[float]
RangeFunction = Callable[[Times, Values, Window, Params], float | None]


Bulk = Callable[[Run, int, int, Times, Window, Params], list[float] | None]
"""A function of all series of a steady run at once, between two positions that hold ``times``; None: not this time."""


class Entry(NamedTuple):
    """One function: how it computes, the position of its range argument, and whether results keep the metric name.

    ``bulk``, where there is one, gives the same results for many series in less time.
    """

    compute: RangeFunction
    position: int = 0
    keeps_name: bool = False
    bulk: Bulk | None = None


def over_range_plan(entry: Entry, matrix: MatrixPlan, params: Sequence[ScalarPlan]) -> VectorPlan:
    compute, keeps_name = entry.compute, entry.keeps_name

    def plan(ctx: Context, t: int) -> list[Item]:
        given = [param(ctx, t) for param in params]
        rows, window = matrix(ctx, t)
        out: list[Item] = []
        for name, labels, times, values in rows:
            value = compute(times, values, window, given)
            if value is not None:
                out.append((name, labels, value))
        return out if keeps_name else unnamed(out, ctx)

    return plan


def over_selector_plan(entry: Entry, selector: MatrixSelector, params: Sequence[ScalarPlan]) -> ColumnPlan:
    """The same for a selector, which need not be read one series at a time."""
    compute, _, keeps_name, bulk = entry
    selection = Selection(selector.selector.matchers)
    refer = reference(selector.selector.offset, selector.selector.at)
    subset = Subset()

    def one_by_one(ctx: Context, run: Run, window: Window, given: Params, out: list[float | None]) -> None:
        edge = window.lo - ctx.edge
        for series in run.series:
            samples = series.window(edge, window.hi)
            if samples is None:
                out.append(None)
            else:
                ctx.charge(len(samples[0]))
                out.append(compute(*samples, window, given))

    def plan(ctx: Context, t: int) -> Column:
        given = [param(ctx, t) for param in params]
        family = selection.look(ctx.source)
        if family is None:
            return EMPTY
        hi = refer(ctx, t)
        window = Window(hi - selector.range, hi, t)
        out: list[float | None] = []
        whole = True
        for run in family.runs():
            span = run.span(window.lo - ctx.edge, hi)
            if bulk is not None and span is not None:
                ctx.charge((span[1] - span[0]) * len(run.series))
                found = bulk(run, *span, run.timeline.slice, window, given)
                if found is not None:
                    out += found
                    continue
            whole = False
            one_by_one(ctx, run, window, given, out)
        frame = selection.frame
        values: Sequence[float] = out  # type: ignore[assignment] # those that are None are taken out below
        if not whole and None in out:
            frame, values = subset(frame, values, [value is not None for value in out])
        return (frame if keeps_name else frame.unnamed(ctx)), values

    return plan


def _growth(values: Values) -> float:
    """Last minus first, with what counter resets lost added back."""
    grown = values[-1] - values[0]
    if values == sorted(values):
        return grown
    previous = values[0]
    for value in values:
        if value < previous:
            grown += previous
        previous = value
    return grown


def _extrapolate(change: float, times: Times, window: Window, zero_at: float | None) -> float:
    """``change`` between the first and last sample, stretched towards the window's edges.

    An edge further away than 1.1 average intervals is only approached by half an interval: the series began or ended
    there. ``zero_at`` is how long before the first sample a counter would have been zero; it bounds the stretch.
    """
    sampled = (times[-1] - times[0]) / 1000
    if sampled == 0:
        return change
    interval = sampled / (len(times) - 1)
    threshold = interval * 1.1
    to_start = (times[0] - window.lo) / 1000
    to_end = (window.hi - times[-1]) / 1000
    if to_start >= threshold:
        to_start = interval / 2
    if zero_at is not None and zero_at * sampled < to_start:
        to_start = zero_at * sampled
    if to_end >= threshold:
        to_end = interval / 2
    return change * ((sampled + to_start + to_end) / sampled)


def increase(times: Times, values: Values, window: Window, params: Params) -> float | None:
    if len(values) < 2:
        return None
    change = _growth(values)
    zero_at = values[0] / change if change > 0 and values[0] >= 0 else None
    return _extrapolate(change, times, window, zero_at)


def rate(times: Times, values: Values, window: Window, params: Params) -> float | None:
    grown = increase(times, values, window, params)
    return None if grown is None else grown / ((window.hi - window.lo) / 1000)


def delta(times: Times, values: Values, window: Window, params: Params) -> float | None:
    if len(values) < 2:
        return None
    return _extrapolate(values[-1] - values[0], times, window, None)


def irate(times: Times, values: Values, window: Window, params: Params) -> float | None:
    if len(values) < 2 or times[-1] == times[-2]:
        return None
    before, last = values[-2], values[-1]
    return (last if last < before else last - before) / ((times[-1] - times[-2]) / 1000)


def idelta(times: Times, values: Values, window: Window, params: Params) -> float | None:
    if len(values) < 2 or times[-1] == times[-2]:
        return None
    return values[-1] - values[-2]


def _regression(times: Times, values: Values, intercept_at: int) -> tuple[float, float]:
    """Slope (per second) and value at ``intercept_at`` of the least-squares line."""
    if values.count(values[0]) == len(values):
        return (math.nan, math.nan) if math.isinf(values[0]) else (0.0, values[0])
    seconds = [(time - intercept_at) / 1000 for time in times]
    count = len(values)
    sum_x, sum_y = numbers.add(seconds), numbers.add(values)
    sum_xy = numbers.add([x * y for x, y in zip(seconds, values, strict=True)])
    sum_xx = numbers.add([x * x for x in seconds])
    slope = numbers.divide(sum_xy - sum_x * sum_y / count, sum_xx - sum_x * sum_x / count)
    return slope, sum_y / count - slope * sum_x / count


def deriv(times: Times, values: Values, window: Window, params: Params) -> float | None:
    return None if len(values) < 2 else _regression(times, values, times[0])[0]


def predict_linear(times: Times, values: Values, window: Window, params: Params) -> float | None:
    if len(values) < 2:
        return None
    slope, intercept = _regression(times, values, window.at)
    return slope * params[0] + intercept


def changes(times: Times, values: Values, window: Window, params: Params) -> float:
    if values.count(values[0]) == len(values):
        return 0.0
    return float(sum(1 for a, b in pairwise(values) if a != b and not (isnan(a) and isnan(b))))


def resets(times: Times, values: Values, window: Window, params: Params) -> float:
    if values == sorted(values):
        return 0.0
    return float(sum(1 for a, b in pairwise(values) if b < a))


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


def _of_values(reduce: Callable[[Values], float]) -> Entry:
    return Entry(lambda times, values, window, params: reduce(values))


def _last_time_of(pick: Callable[[Values], float]) -> Entry:
    """When the value that ``pick`` chooses was last seen, in seconds."""

    def compute(times: Times, values: Values, window: Window, params: Params) -> float:
        wanted = pick(values)
        same = [time for time, value in zip(times, values, strict=True) if value == wanted]
        return (same[-1] if same else times[0]) / 1000

    return Entry(compute)


RANGE_FUNCTIONS: Final[dict[str, Entry]] = {
    "rate": Entry(rate),
    "increase": Entry(increase),
    "delta": Entry(delta),
    "irate": Entry(irate),
    "idelta": Entry(idelta),
    "deriv": Entry(deriv),
    "predict_linear": Entry(predict_linear),
    "changes": Entry(changes),
    "resets": Entry(resets),
    "avg_over_time": _of_values(numbers.average),
    "sum_over_time": _of_values(numbers.add),
    "min_over_time": _of_values(least),
    "max_over_time": _of_values(greatest),
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
