"""Classic histograms: quantiles and fractions from cumulative buckets.

Semantics: Prometheus, "histogram_quantile()" and "histogram_fraction()" of its function reference. A bucket's count is
the number of observations at or below its upper bound ``le``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import isnan
from typing import Final

from rules.model import Labels
from rules.promql.numbers import divide
from rules.promql.values import Context, Item, ScalarPlan, VectorPlan, set_label, unnamed

Bucket = tuple[float, float]
"""Upper bound, cumulative count."""

_TOLERANCE: Final = 1e-12


def parse_bound(text: str) -> float | None:
    """The value of an ``le`` label, or None when it is no number."""
    if "_" in text or text != text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def bucket_quantile(q: float, buckets: Sequence[Bucket]) -> float:
    """The q-quantile, linear inside a bucket; the buckets in any order."""
    if isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    merged = _merge(buckets)
    if merged[-1][0] != math.inf:
        return math.nan
    merged = _monotonic(merged)
    total = merged[-1][1]
    if len(merged) < 2 or total == 0 or isnan(total):
        return math.nan
    rank = q * total
    last = len(merged) - 1
    index = next((i for i in range(last) if merged[i][1] >= rank), last)
    if index == last:
        return merged[-2][0]
    end, count = merged[index]
    if index == 0:
        return end if end <= 0 else end * divide(rank, count)  # an empty one gives NaN for q = 0, as in the reference
    start, before = merged[index - 1]
    return start + (end - start) * divide(rank - before, count - before)


def bucket_fraction(lower: float, upper: float, buckets: Sequence[Bucket]) -> float:
    """The share of observations between ``lower`` and ``upper``, linear inside a bucket; the buckets in any order."""
    merged = _merge(buckets)
    total = merged[-1][1]
    if merged[-1][0] != math.inf or total == 0 or isnan(lower) or isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    return (_rank_of(upper, merged) - _rank_of(lower, merged)) / total


def _rank_of(value: float, buckets: Sequence[Bucket]) -> float:
    """The estimated number of observations at or below ``value``."""
    start, rank = (0.0 if buckets[0][0] > 0 else -math.inf), 0.0
    for end, count in buckets:
        if start >= value:
            return min(rank, buckets[-1][1])
        if end > value:
            inside = count if start == -math.inf else rank + (count - rank) * (value - start) / (end - start)
            return min(inside, buckets[-1][1])
        start, rank = end, count
    return buckets[-1][1]


def _merge(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Sorted by bound, counts of equal bounds added."""
    merged: list[Bucket] = []
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        if merged and merged[-1][0] == bound:
            merged[-1] = (bound, merged[-1][1] + count)
        else:
            merged.append((bound, count))
    return merged


def _monotonic(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Counts that never fall; a difference within the tolerance is rounding and is taken out."""
    out: list[Bucket] = []
    previous = buckets[0][1]
    for bound, count in buckets:
        if count > previous and not _almost_equal(count, previous):
            previous = count
        out.append((bound, count if isnan(count) else previous))
    return out


def fallen(buckets: Sequence[Bucket]) -> list[tuple[float, float]]:
    """The bounds whose count lies below an earlier one, each with how far; ``bucket_quantile`` lifts them."""
    merged = _merge(buckets)
    if merged[-1][0] != math.inf:
        return []
    out: list[tuple[float, float]] = []
    for (bound, count), (_, lifted) in zip(merged, _monotonic(merged), strict=True):
        if count < lifted and not _almost_equal(count, lifted):
            out.append((bound, lifted - count))
    return out


def _almost_equal(a: float, b: float) -> bool:
    return a == b or abs(a - b) / min(abs(a) + abs(b), 1.7976931348623157e308) < _TOLERANCE


def histograms(items: Sequence[Item]) -> dict[tuple[str, Labels], list[Bucket]]:
    """The buckets of each histogram, by metric name and labels without ``le``."""
    found: dict[tuple[str, Labels], list[Bucket]] = {}
    for name, labels, value in items:
        bound = next((parse_bound(text) for label, text in labels if label == "le"), None)
        if bound is not None and not isnan(bound):
            key = (name, tuple([pair for pair in labels if pair[0] != "le"]))
            found.setdefault(key, []).append((bound, value))
    return found


def estimate_plan(
    estimate: Callable[[Sequence[float], Sequence[Bucket]], float], params: Sequence[ScalarPlan], vector: VectorPlan
) -> VectorPlan:
    """``estimate`` of the scalar ``params`` over each histogram of ``vector``."""

    def plan(ctx: Context, t: int) -> list[Item]:
        values = [param(ctx, t) for param in params]
        grouped = histograms(vector(ctx, t))
        return unnamed([(name, labels, estimate(values, found)) for (name, labels), found in grouped.items()], ctx)

    return plan


def quantiles_plan(vector: VectorPlan, label: str, quantiles: Sequence[ScalarPlan]) -> VectorPlan:
    """Experimental ``histogram_quantiles``: several quantiles, told apart by ``label``."""

    def plan(ctx: Context, t: int) -> list[Item]:
        from rules.promql.numbers import format_value  # noqa: PLC0415 - experimental, not used by the product

        wanted = [quantile(ctx, t) for quantile in quantiles]
        out: list[Item] = []
        for (name, labels), found in histograms(vector(ctx, t)).items():
            out += [(name, set_label(labels, label, format_value(q)), bucket_quantile(q, found)) for q in wanted]
        return unnamed(out, ctx)

    return plan
