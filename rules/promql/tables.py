"""Names the parser adapter needs about functions and aggregations, apart from how they are evaluated."""

from __future__ import annotations

from typing import Final

SCALAR_FUNCTIONS: Final = frozenset({"scalar", "time", "pi", "max_of", "min_of"})
"""Functions whose result is a scalar; all others give an instant vector."""

EXPERIMENTAL: Final = frozenset(
    {
        "first_over_time",
        "mad_over_time",
        "double_exponential_smoothing",
        "sort_by_label",
        "sort_by_label_desc",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_min_over_time",
        "ts_of_max_over_time",
        "max_of",
        "min_of",
        "histogram_quantiles",
        "limitk",
    }
)
"""Behind a feature flag in Prometheus 3; the evaluator has them, the parser lets them through only when asked."""

_NATIVE: Final = "it reads native histograms; use classic histograms"
_UNSTABLE: Final = "it is experimental in Prometheus"

UNSUPPORTED: Final = {
    "info": _UNSTABLE + "; join with group_left instead",
    "start_timestamp": _UNSTABLE,
    "start": _UNSTABLE,
    "end": _UNSTABLE,
    "range": _UNSTABLE,
    "step": _UNSTABLE,
    "limit_ratio": _UNSTABLE + "; use topk or bottomk",
    "histogram_avg": _NATIVE,
    "histogram_count": _NATIVE,
    "histogram_sum": _NATIVE,
    "histogram_stddev": _NATIVE,
    "histogram_stdvar": _NATIVE,
}
"""Name to the reason it is refused when a file is loaded."""

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
