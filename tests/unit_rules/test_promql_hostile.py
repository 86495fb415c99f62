"""Whatever numbers the series hold: an expression gives a result or a named failure, never another exception."""

from __future__ import annotations

import math
import random

import pytest

from rules.promql.annotations import annotated_query
from rules.promql.errors import EvalError, ExprError
from rules.promql.tables import FUNCTION_NAMES
from rules.series import SeriesWindow

STEP = 15_000
COUNT = 60
NUMBERS = (
    0.0, -0.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -5e-324, 1.0, -1.0, 0.5, 2.0, 1e15, 2.0**63,
    -(2.0**63), 9007199254740992.0, 253402300800.0, -62135596801.0, 1e-300,
)  # fmt: skip
COUNTS = (0.0, 0.0, 1.0, 2.0)
VECTORS = ("a", "h_bucket", "vector(NaN)", "vector(-Inf)", "vector(1e308)", "-a", "sort(a)")
RANGES = ("a[5m]", "a[16s]", "h_bucket[1m]", "a[10m:30s]", "(a > 1)[5m:1m]")
SCALARS = ("NaN", "Inf", "-Inf", "0", "-0", "1e308", "-1e308", "5e-324", "0.5", "2", "-1", "1e19")
OPERATORS = ("+", "-", "*", "/", "%", "^", "atan2", "==", "!= bool", "> bool", "<=")
REDUCERS = ("sum", "avg", "min", "max", "stddev", "stdvar", "count", "group")


def window(rng: random.Random) -> SeriesWindow:
    series = SeriesWindow()
    bounds = [("h_bucket", (("le", bound),)) for bound in ("-1", "0", "0.1", "0.5", "1", "+Inf", "NaN", "x")]
    for name, labels in [("a", (("i", "1"),)), ("a", (("i", "2"),)), *bounds]:
        for cycle in range(COUNT):
            if rng.random() < 0.9:
                numbers = COUNTS if name == "h_bucket" and rng.random() < 0.7 else NUMBERS
                series.append(name, labels, cycle * STEP, rng.choice(numbers))
    return series


def expressions(rng: random.Random) -> list[str]:
    pick = rng.choice
    function, left, right = pick(sorted(FUNCTION_NAMES)), pick(VECTORS + SCALARS), pick(VECTORS + SCALARS)
    return [
        f"{function}({pick(VECTORS)})",
        f"{function}({pick(RANGES)})",
        f"{function}({pick(SCALARS)}, {pick(VECTORS)})",
        f"{function}({pick(VECTORS)}, {pick(SCALARS)})",
        f"{function}({pick(VECTORS)}, {pick(SCALARS)}, {pick(SCALARS)})",
        f"{function}({pick(SCALARS)}, {pick(SCALARS)}, h_bucket)",
        f"{function}({pick(RANGES)}, {pick(SCALARS)})",
        f"{function}({pick(SCALARS)}, {pick(RANGES)})",
        f"{left} {pick(OPERATORS)} {right}",
        f"{pick(REDUCERS)} by (i) ({pick(VECTORS)})",
        f"{pick(('topk', 'bottomk', 'quantile'))}({pick(SCALARS)}, {pick(VECTORS)})",
        f'count_values("v", {pick(VECTORS)})',
        f"histogram_quantile({pick(SCALARS)}, h_bucket)",
        f"{pick(REDUCERS[:-1])}_over_time({pick(RANGES)})",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_no_number_breaks_an_evaluation(seed: int) -> None:
    rng = random.Random(seed)
    series = window(rng)
    evaluated = 0
    for _ in range(300):
        for text in expressions(rng):
            try:
                query, notes = annotated_query(text)
            except ExprError:  # the function takes other arguments
                continue
            evaluated += 1
            at = rng.randrange(COUNT * STEP)
            try:
                query.instant(series, at)
                query.range(series, at, at + 2 * STEP, STEP)
            except EvalError:
                continue
            notes.warnings()
            notes.infos()
    assert evaluated > 1_000
