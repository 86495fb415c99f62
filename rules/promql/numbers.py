"""IEEE arithmetic that never raises, compensated sums, and numbers as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from math import isnan
from typing import Final

NAN: Final = math.nan
INF: Final = math.inf


def divide(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        return NAN if a == 0 or isnan(a) else math.copysign(INF, a) * math.copysign(1.0, b)


def modulo(a: float, b: float) -> float:
    """C's ``fmod``: the sign of the dividend; NaN where it is undefined."""
    try:
        return math.fmod(a, b)
    except ValueError:
        return NAN


def power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except ValueError:  # 0 to a negative power, or a negative base with a fractional exponent
        if a == 0:
            odd = b.is_integer() and b % 2 == 1
            return math.copysign(INF, a) if odd else INF
        return NAN
    except OverflowError:
        odd = b.is_integer() and b % 2 == 1
        return -INF if a < 0 and odd else INF


def smaller(a: float, b: float) -> float:
    """Go's ``math.Min``: NaN wins over numbers, and -Inf over NaN."""
    if -INF in (a, b):
        return -INF
    return NAN if isnan(a) or isnan(b) else min(a, b)


def larger(a: float, b: float) -> float:
    """Go's ``math.Max``: NaN wins over numbers, and +Inf over NaN."""
    if INF in (a, b):
        return INF
    return NAN if isnan(a) or isnan(b) else max(a, b)


def add(values: Sequence[float]) -> float:
    """The sum as Prometheus computes it, compensated.

    Of values with the same sign the exact sum differs from it by rounding only and is much faster to get. With mixed
    signs large values may cancel, where compensation falls short of exactness and the two could differ visibly.
    """
    if values and (min(values) >= 0 or max(values) <= 0):
        try:
            return math.fsum(values)
        except OverflowError:
            return kahan_sum(values)
    return kahan_sum(values)


def kahan_sum(values: Iterable[float]) -> float:
    total = compensation = 0.0
    for value in values:
        total, compensation = kahan_add(value, total, compensation)
    return total if math.isinf(total) else total + compensation


def kahan_add(value: float, total: float, compensation: float) -> tuple[float, float]:
    """One step of Neumaier's compensated summation."""
    new = total + value
    if math.isinf(new):
        return new, 0.0
    if abs(total) >= abs(value):
        compensation += (total - new) + value
    else:
        compensation += (value - new) + total
    return new, compensation


def average(values: Sequence[float]) -> float:
    """The mean; where the sum would overflow, the incremental mean. Of equal values it is that value to the last bit:
    a rounded sum over a rounded count must not look like a change.
    """
    if values.count(values[0]) == len(values):
        return values[0]
    total = add(values)
    count = len(values)
    if not math.isinf(total):
        return total / count
    mean = compensation = 0.0
    for index, value in enumerate(values, 1):
        if math.isinf(mean):
            if math.isinf(value) and (mean > 0) == (value > 0):
                continue
            if math.isfinite(value):
                continue
        ratio = (index - 1) / index
        mean, compensation = kahan_add(value / index, ratio * mean, ratio * compensation)
    return mean + compensation


def quantile(q: float, values: Iterable[float]) -> float:
    """Linear interpolation between ranks; NaN sorts first."""
    ordered = sorted(values, key=lambda value: -INF if isnan(value) else value)
    if not ordered or isnan(q):
        return NAN
    if q < 0:
        return -INF
    if q > 1:
        return INF
    rank = q * (len(ordered) - 1)
    low = max(0, math.floor(rank))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - math.floor(rank)
    return ordered[low] * (1 - weight) + ordered[high] * weight


def variance(values: Sequence[float]) -> float:
    """Population variance, compensated Welford; NaN when the first value is no finite number."""
    if not math.isfinite(values[0]):
        return NAN
    mean = mean_c = squares = squares_c = 0.0
    for count, value in enumerate(values, 1):
        delta = value - (mean + mean_c)
        mean, mean_c = kahan_add(delta / count, mean, mean_c)
        squares, squares_c = kahan_add(delta * (value - (mean + mean_c)), squares, squares_c)
    return (squares + squares_c) / len(values)


def total(function: Callable[[float], float]) -> Callable[[float], float]:
    """``function`` of :mod:`math`, with NaN outside its domain and +Inf on overflow."""

    def safe(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return NAN
        except OverflowError:
            return INF

    return safe


def format_value(value: float) -> str:
    """Shortest decimal that reads back to ``value``, never with an exponent (Go's ``strconv`` format 'f', -1)."""
    if isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        from decimal import Decimal  # noqa: PLC0415 - only very large and very small numbers need it

        text = format(Decimal(text), "f")
    return text[:-2] if text.endswith(".0") else text
