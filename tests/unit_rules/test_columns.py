"""What is remembered from cycle to cycle, and what is read for many series at once, changes no result.

The same samples lie twice in memory: as the cycles of two sources, which columns are made for, and one by one on
timelines of their own, which are read series by series. Queries that live as long as the data answer over the first,
queries made anew each time over the second.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from math import isnan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "promql"))

from expressions import Expressions

from rules.api import EvalError, Query, SeriesWindow, Vector, compile_expr, parse
from rules.model import Labels
from rules.promql.binary import COMPARISONS
from rules.staleness import STALE

STEP = 15_000
SPECIAL = (float("nan"), float("inf"), float("-inf"), 0.0, -0.0)
EXTRA = (
    "rate(req_total[1m])",
    "increase(err_total[5m])",
    "delta(temp[2m])",
    "irate(req_total[1m])",
    "idelta(temp[1m])",
    "changes(state[5m])",
    "resets(req_total[5m])",
    "min_over_time(state[2m])",
    "max_over_time(temp[2m])",
    "last_over_time(temp[1m])",
    "deriv(free[3m])",
    "predict_linear(free[3m], 600)",
    "predict_linear(temp[3m], 600)",
    "rate(req_total[1m] offset 1m)",
    "sum by (host) (rate(req_total[1m])) / on (host) group_left () info",
    "temp * on (host) group_left (version) info",
    "state == 0 and on (host) temp > 0 or load unless on (mode) req_total",
    "absent(temp) or absent(nothing)",
    "-temp / (load - load)",
    "quantile(0.5, temp) + stddev(load)",
    "rate({__name__=~'req_total|err_total'}[1m])",
    "temp > bool load",
)


def families(rng: random.Random) -> Iterator[tuple[str, Labels]]:
    for host in ("a", "b", "c"):
        for mode in ("idle", "sys"):
            for name in ("temp", "load", "req_total", "err_total", "state", "free"):
                if rng.random() < 0.9:
                    yield name, (("host", host), ("mode", mode))
        yield "info", (("host", host), ("version", host * 2))


def sample(rng: random.Random, name: str, before: float) -> float:
    if rng.random() < 0.01:
        return rng.choice(SPECIAL)
    if name.endswith("_total"):
        return rng.uniform(0, 5) if rng.random() < 0.03 or isnan(before) else before + rng.randrange(0, 9)
    if name == "state":
        return before if rng.random() < 0.9 else float(rng.randrange(3))
    return float(rng.randrange(0, 10**9)) if name == "free" else rng.uniform(-50, 100)


def answer(query: Query, window: SeriesWindow, at: int) -> object:
    try:
        result = query.instant(window, at)
    except EvalError as error:
        return str(error)
    return {(name, labels): value for name, labels, value in result.elements} if isinstance(result, Vector) else result


def same(one: object, other: object) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return repr(one) == repr(other)
    return one.keys() == other.keys() and all(
        repr(value) == repr(other[key]) or value == pytest.approx(other[key], rel=1e-12) for key, value in one.items()
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_columns_say_what_single_series_say(seed: int) -> None:
    rng = random.Random(seed)
    made = Expressions(seed)
    texts = [*EXTRA, *(made.vector() for _ in range(10))]
    kept = [compile_expr(parse(text)) for text in texts]
    cycles, alone = SeriesWindow(default_retention=1_500_000), SeriesWindow(default_retention=10**9)
    family = list(families(rng))
    values = dict.fromkeys(family, 1.0)
    present: set[tuple[str, Labels]] = set()
    for cycle in range(1, 130):
        at = cycle * STEP
        gone = {key for key in family if rng.random() < 0.3} if rng.random() < 0.15 else set(family) - present
        now = {key for key in family if key not in gone} if cycle > 1 else set(family)
        for source, host in (("one", "a"), ("two", "bc")):
            batch = []
            for name, labels in family:
                if labels[0][1] not in host:
                    continue
                key = name, labels
                if key in now:
                    values[key] = sample(rng, name, values[key])
                    batch.append((name, labels, values[key], None))
                    alone.append(name, labels, at, values[key])
                elif key in present:
                    alone.append(name, labels, at, STALE)
            cycles.ingest(source, batch, at)
        present = now
        if cycle % 7 and cycle < 126:
            continue
        for text, query in zip(texts, kept, strict=True):
            for when in (at, at - 4 * STEP - 7):
                ours, theirs = answer(query, cycles, when), answer(compile_expr(parse(text)), alone, when)
                assert same(ours, theirs), (text, cycle, when, ours, theirs)


@given(st.lists(st.sampled_from((*SPECIAL, 1.0, 2.0)), min_size=1, max_size=4), st.sampled_from((*SPECIAL, 1.0)))
def test_a_filter_that_certainly_leaves_nothing_leaves_nothing(values: list[float], number: float) -> None:
    window = SeriesWindow()
    window.ingest("s", [("x", (("n", str(place)),), value, None) for place, value in enumerate(values)], STEP)
    for op in (">", "<", ">=", "<=", "==", "!="):
        wanted = sum(COMPARISONS[op](value, number) for value in values)
        written = {float("inf"): "Inf", float("-inf"): "-Inf"}.get(number, str(number))
        for text in (f"x {op} {written}", f"{written} {op.translate(str.maketrans('<>', '><'))} x"):
            result = compile_expr(parse(text)).instant(window, STEP)
            assert isinstance(result, Vector)
            assert len(result.elements) == wanted, text
