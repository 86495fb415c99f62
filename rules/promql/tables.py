"""Names the parser adapter needs about functions and aggregations, apart from how they are evaluated."""

from __future__ import annotations

from typing import Final

SCALAR_FUNCTIONS: Final = frozenset({"scalar", "time", "pi", "max_of", "min_of"})
"""Functions whose result is a scalar; all others give an instant vector."""

EXPERIMENTAL: Final = {
    "double_exponential_smoothing": "use avg_over_time or deriv",
    "end": "use time()",
    "first_over_time": "use offset",
    "histogram_quantiles": "use histogram_quantile once for each quantile",
    "info": "join with group_left",
    "integral": "use avg_over_time times the seconds of the range",
    "limit_ratio": "use topk or bottomk",
    "limitk": "use topk or bottomk",
    "mad_over_time": "use stddev_over_time",
    "max_of": "use clamp_min",
    "min_of": "use clamp_max",
    "range": "write the number of seconds",
    "sort_by_label": "use sort; rules do not see an order",
    "sort_by_label_desc": "use sort_desc; rules do not see an order",
    "start": "use time()",
    "start_timestamp": "use timestamp",
    "step": "write the number of seconds",
    "ts_of_first_over_time": "use timestamp",
    "ts_of_last_over_time": "use timestamp",
    "ts_of_max_over_time": "compare with max_over_time",
    "ts_of_min_over_time": "compare with min_over_time",
}
"""Functions and aggregations behind a feature flag in Prometheus 3.14, and what to write instead."""

EVALUATED: Final = frozenset(EXPERIMENTAL) - {
    "end", "info", "integral", "limit_ratio", "range", "start", "start_timestamp", "step",
}  # fmt: skip
"""The experimental ones that the evaluator has all the same; the parser lets them through only when asked."""

NATIVE_ONLY: Final = {
    "histogram_avg": "of a classic histogram, divide the rates of _sum and _count",
    "histogram_count": "of a classic histogram, use its _count",
    "histogram_sum": "of a classic histogram, use its _sum",
    "histogram_stddev": "of a classic histogram, compare two quantiles",
    "histogram_stdvar": "of a classic histogram, compare two quantiles",
}
"""Functions that give something for native histograms only, and what to write instead."""

FUNCTION_NAMES: Final = frozenset(
    """
    abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp
    clamp_max clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month
    deg delta deriv exp floor histogram_fraction histogram_quantile hour idelta increase irate
    label_join label_replace last_over_time ln log10 log2 max_over_time min_over_time minute month
    pi predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh
    sort sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp
    vector year
    """.split()  # noqa: SIM905 - seventy names read better so
)
"""The stable functions, for "did you mean"."""
