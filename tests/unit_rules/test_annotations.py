"""Warnings and infos beside results: their texts, their positions, and that nothing is said without a reason."""

from __future__ import annotations

import pytest

from rules.promql.annotations import MAX_EACH, Notes, annotated_query
from rules.promql.compile import compile_expr
from rules.promql.parse import parse
from rules.promql.positions import call_sites
from rules.promql.values import EvalOptions
from rules.series import SeriesWindow

MINUTE = 60_000


@pytest.fixture(scope="module")
def window() -> SeriesWindow:
    window = SeriesWindow()
    for at in range(0, 11 * MINUTE, MINUTE):
        value = float(at // MINUTE)
        window.append("heat", (("a", "1"),), at, value)
        window.append("req_total", (("a", "1"),), at, value)
        window.append("h_bucket", (("le", "0.1"),), at, 10.0)
        window.append("h_bucket", (("le", "1"),), at, 8.0)
        window.append("h_bucket", (("le", "2.5"),), at, 9.0)
        window.append("h_bucket", (("le", "+Inf"),), at, 12.0)
        window.append("h_bucket", (("le", "much"),), at, 12.0)
        window.append("h_bucket", (), at, 12.0)
        window.append("good_bucket", (("le", "1"),), at, value)
        window.append("good_bucket", (("le", "+Inf"),), at, 2 * value)
    return window


def said(window: SeriesWindow, text: str, **options: bool) -> list[str]:
    query, notes = annotated_query(text, experimental=True)
    query.instant(window, 10 * MINUTE, EvalOptions(**options))  # type: ignore[arg-type] # booleans only
    return notes.warnings() + notes.infos()


QUANTILE = "PromQL warning: quantile value should be between 0 and 1, got"
COUNTER = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
BUCKET = 'PromQL warning: bucket label "le" is missing or has a malformed value of'
FORCED = (
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(heat[5m])", [f'{COUNTER} "heat" (1:6)']),
        ("1 + sum by (a) (increase((heat[5m])))", [f'{COUNTER} "heat" (1:27)']),
        ("rate(req_total[5m])", []),
        ("rate(heat[30s])", []),  # gives nothing
        ("irate(heat[5m]) + delta(heat[5m])", []),
        ("rate(heat[5m]) / rate(heat[5m])", [f'{COUNTER} "heat" (1:6)', f'{COUNTER} "heat" (1:23)']),
        ("# a comment\n  rate(  heat[5m])", [f'{COUNTER} "heat" (2:10)']),
        ('sum({__name__="rate(x"}) + rate(heat[5m])', [f'{COUNTER} "heat" (1:33)']),
        ("quantile(1.5, heat)", [f"{QUANTILE} 1.5 (1:10)"]),
        ("quantile by (a) ((-1), heat)", [f"{QUANTILE} -1 (1:19)"]),
        ("quantile(NaN, heat) by (a)", [f"{QUANTILE} NaN (1:10)"]),
        ("quantile(1, heat) + quantile(0, heat)", []),
        ("quantile_over_time(2, heat[5m])", [f"{QUANTILE} 2 (1:20)"]),
        ("max_over_time(quantile(1e7, heat)[5m:1m])", [f"{QUANTILE} 1e+07 (1:24)"]),
        ("histogram_quantile(-0.5, good_bucket)", [f"{QUANTILE} -0.5 (1:20)"]),
        ("histogram_quantile(0.5, good_bucket)", []),
        ("sort(heat)", []),
        ("quantile_over_time(2, nope[5m])", []),
        ("quantile(2, nope)", [f"{QUANTILE} 2 (1:10)"]),
        ("histogram_quantile(2, nope)", [f"{QUANTILE} 2 (1:20)"]),
        ('histogram_quantile(-1, h_bucket{le!~"much|"})', [f"{QUANTILE} -1 (1:20)"]),
        (
            'histogram_quantile(0.5, h_bucket{le!~"much|"})',
            [
                f"{FORCED}, from buckets 1 to 2.5, with a max diff of 2, over 1 samples "
                "from 1970-01-01T00:10:00Z to 1970-01-01T00:10:00Z (1:25)"
            ],
        ),
        (
            'histogram_fraction(0, 1, h_bucket{le=~"much||.Inf"})',
            [f'{BUCKET} "much" for metric name "h_bucket" (1:26)', f'{BUCKET} "" for metric name "h_bucket" (1:26)'],
        ),
        (
            'histogram_quantile(0.5, rate(h_bucket{le!="much"}[5m]))',
            [f'{BUCKET} "" (1:25)'],
        ),
        (
            'histogram_quantiles(good_bucket, "q", 0.5, 7)',
            [f"{QUANTILE} 7 (1:44)"],
        ),
    ],
)
def test_what_is_said(window: SeriesWindow, text: str, expected: list[str]) -> None:
    assert said(window, text) == expected


def test_the_metric_is_named_where_its_name_is_still_known(window: SeriesWindow) -> None:
    text = 'histogram_quantile(0.5, h_bucket{le!~"much|"})'
    assert said(window, text, delayed_names=True)[0].startswith(f'{FORCED} for metric name "h_bucket", from')
    assert said(window, text)[0].startswith(f"{FORCED}, from")


def test_all_steps_of_a_range_query_are_one_annotation(window: SeriesWindow) -> None:
    query, notes = annotated_query('histogram_quantile(0.5, sum by (le) (h_bucket{le!~"much|"}))')
    query.range(window, MINUTE, 5 * MINUTE, MINUTE)
    assert notes.warnings() == []
    assert notes.infos() == [
        f"{FORCED}, from buckets 1 to 2.5, with a max diff of 2, over 5 samples "
        "from 1970-01-01T00:01:00Z to 1970-01-01T00:05:00Z (1:25)"
    ]


def test_sorting_is_pointless_over_a_range(window: SeriesWindow) -> None:
    query, notes = annotated_query("sum(sort(heat))")
    query.range(window, MINUTE, 2 * MINUTE, MINUTE)
    assert notes.warnings() == [
        "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:5)"
    ]
    notes.clear()
    query.instant(window, MINUTE)
    assert notes.warnings() == []


def test_the_number_of_annotations_is_bounded() -> None:
    notes = Notes()
    for number in range(MAX_EACH + 3):
        notes.add(f"PromQL info: {number}", "")
    notes.add("PromQL info: 0", "")
    assert len(notes.infos()) == MAX_EACH + 1
    assert notes.infos()[-1] == "3 more info annotations omitted"
    assert notes.warnings() == []


def test_results_are_the_same_with_and_without(window: SeriesWindow) -> None:
    for text in (
        "rate(heat[5m])",
        "absent(sort(nope))",
        "histogram_quantile(0.5, h_bucket)",
        'label_replace(quantile(2, heat), "x", "y", "", "")',
    ):
        query, _ = annotated_query(text)
        assert query.instant(window, 10 * MINUTE) == compile_expr(parse(text)).instant(window, 10 * MINUTE)


def test_positions_count_bytes_and_lines() -> None:
    sites = call_sites('"é" and rate(\n (x[5m]), ((2)) )', {"rate"})
    assert sites == [("1:10", (("2:2", "2:3"), ("2:11", "2:13")))]
