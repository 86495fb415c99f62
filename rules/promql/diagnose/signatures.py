"""What each function and aggregation takes, for messages; the parser library checks by tables of its own."""

from __future__ import annotations

from typing import Final

from rules.promql.ast import ValueType

TYPES: Final = {
    "v": ValueType.VECTOR,
    "m": ValueType.MATRIX,
    "s": ValueType.SCALAR,
    "t": ValueType.STRING,
}

_TAKES: Final = {
    "": "pi time",
    "v": """
        abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad scalar sgn sin sinh
        sort sort_desc sqrt tan tanh timestamp
    """,
    "v?": "day_of_month day_of_week day_of_year days_in_month hour minute month year",
    "vs?": "round",
    "vs": "clamp_max clamp_min",
    "vss": "clamp",
    "vttt*": "label_join",
    "vtttt": "label_replace",
    "m": """
        absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time
        max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time
    """,
    "ms": "predict_linear",
    "sm": "quantile_over_time",
    "s": "vector",
    "sv": "histogram_quantile",
    "ssv": "histogram_fraction",
}
FUNCTIONS: Final = {name: takes for takes, names in _TAKES.items() for name in names.split()}
"""Name to one letter of ``TYPES`` for each argument; ``?`` after the last one makes it optional, ``*`` repeats it."""

AGGREGATIONS: Final = {
    **dict.fromkeys(("sum", "min", "max", "avg", "group", "count", "stddev", "stdvar"), "v"),
    **dict.fromkeys(("topk", "bottomk", "quantile", "limitk", "limit_ratio"), "sv"),
    "count_values": "tv",
}


def arguments(takes: str) -> tuple[str, int, int | None]:
    """The letters of all arguments, how many are needed, and how many are possible; None is any number."""
    letters = takes.rstrip("?*")
    if takes.endswith("*"):
        return letters, len(letters) - 1, None
    return letters, len(letters) - takes.endswith("?"), len(letters)
