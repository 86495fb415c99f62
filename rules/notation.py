"""The series notation of Prometheus test files: ``up{job="a"}`` and ``0+10x5 _ stale 1x3``.

Source: the reference's documentation of ``promtool test rules``, "series".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.model import Labels
from rules.promql.ast import MatchOp, VectorSelector
from rules.promql.errors import ExprError
from rules.promql.parse import parse
from rules.staleness import STALE

MAX_VALUES = 1_000_000
"""Of one series."""
MAX_ALL_VALUES = 5_000_000
"""Of all series of a file: a few letters may stand for a million values each."""

_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])"
_ITEM = re.compile(rf"(?P<start>{_NUMBER})(?:(?P<sign>[+-])(?P<step>{_NUMBER}))?(?:x(?P<times>\d+))?")
_GAP = re.compile(r"(?P<what>_|stale)(?:x(?P<times>\d+))?")


class NotationError(ValueError):
    """Text that is no series or no list of values; says which part."""


def parse_series(text: str) -> tuple[str, Labels]:
    """Metric name ("" when there is none) and labels of a series written as a selector with ``=`` only."""
    if text.strip() in ("{}", ""):
        return "", ()
    try:
        expr = parse(text)
    except ExprError as error:
        raise NotationError(f"'{text[:100]}' is not a series: {error.message}") from error
    if not isinstance(expr, VectorSelector) or any(matcher.op is not MatchOp.EQ for matcher in expr.matchers):
        raise NotationError(f"'{text[:100]}' is not a series: write it like name{{label=\"value\"}}")
    pairs = {matcher.name: matcher.value for matcher in expr.matchers if matcher.value}
    name = pairs.pop("__name__", "")
    return name, tuple(sorted(pairs.items()))


def parse_values(text: str) -> list[float | None]:
    """One value for each step; None where there is no sample, the stale marker for ``stale``."""
    values: list[float | None] = []
    for item in text.split():
        for value in _item(item):
            values.append(value)
            if len(values) > MAX_VALUES:
                raise NotationError(f"more than {MAX_VALUES} values")
    return values


def _item(text: str) -> Iterator[float | None]:
    gap = _GAP.fullmatch(text)
    if gap is not None:
        what = None if gap["what"] == "_" else STALE
        for _ in range(int(gap["times"] or 1)):
            yield what
        return
    found = _ITEM.fullmatch(text)
    if found is None:
        raise NotationError(f"'{text[:100]}' is not a value: write it like 5, 1+2x3, _, _x3 or stale")
    value = float(found["start"])
    step = float(found["step"] or 0)
    if found["sign"] == "-":
        step = -step
    for _ in range(int(found["times"] or 0) + 1):
        yield value
        value += step
