"""What the conformance cases do not show: options, budgets, immediate name dropping, numbers, the API's JSON."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.api import (
    EvalError,
    EvalOptions,
    SeriesWindow,
    Vector,
    compile_expr,
    parse,
    to_api_json,
)
from rules.promql import numbers
from rules.promql.api_json import api_value
from rules.promql.functions_label import expand
from rules.promql.functions_range import RANGE_FUNCTIONS
from rules.promql.match import compile_regex
from rules.promql.tables import EXPERIMENTAL, FUNCTION_NAMES, SCALAR_FUNCTIONS


@pytest.fixture
def window() -> SeriesWindow:
    made = SeriesWindow()
    for cycle in range(41):
        made.ingest(
            "host",
            [
                ("c_total", (("d", "a"),), 10.0 * cycle, None),
                ("c_total", (("d", "b"),), 20.0 * cycle, None),
                ("e_total", (("d", "a"),), 1.0 * cycle, None),
            ],
            cycle * 15_000,
        )
    return made


def values(window: SeriesWindow, expr: str, at: int, **options: object) -> list[tuple[str, dict[str, str], float]]:
    result = compile_expr(parse(expr)).instant(window, at, EvalOptions(**options))  # type: ignore[arg-type] # test sugar
    assert isinstance(result, Vector)
    return [(name, dict(labels), value) for name, labels, value in result.elements]


def test_left_closed_windows_are_those_of_prometheus_2(window: SeriesWindow) -> None:
    assert values(window, 'count_over_time(c_total{d="a"}[1m])', 300_000)[0][2] == 4
    assert values(window, 'count_over_time(c_total{d="a"}[1m])', 300_000, left_closed=True)[0][2] == 5
    assert values(window, 'c_total{d="a"}', 900_000) == []
    assert values(window, 'c_total{d="a"}', 900_000, left_closed=True)[0][2] == 400
    assert values(window, 'count_over_time(c_total{d="a"}[1m:30s])', 300_000, left_closed=True)[0][2] == 3
    assert values(window, 'rate(c_total{d="a"}[15s])', 300_000, left_closed=True)[0][2] == pytest.approx(2 / 3)


def test_lookback_and_default_step(window: SeriesWindow) -> None:
    assert values(window, "e_total", 620_000, lookback=10_000) == []
    assert len(values(window, "e_total", 620_000, lookback=60_000)) == 1
    assert values(window, "count_over_time(e_total[1m:])", 300_000, default_step=10_000)[0][2] == 6


def test_names_go_at_once_or_at_the_end(window: SeriesWindow) -> None:
    both = 'sum by (__name__) (rate({d="a"}[1m]))'
    with pytest.raises(EvalError, match="same labelset"):
        values(window, both, 300_000)
    with pytest.raises(EvalError, match="same labelset"):
        values(window, both, 300_000, delayed_names=True)
    replaced = 'label_replace(rate({d="a"}[1m]), "n", "$1", "__name__", "(.*)")'
    with pytest.raises(EvalError, match="same labelset"):
        values(window, replaced, 300_000)
    found = values(window, replaced, 300_000, delayed_names=True)
    assert sorted((name, labels["n"]) for name, labels, _ in found) == [("", "c_total"), ("", "e_total")]


def test_the_many_side_must_stay_unique(window: SeriesWindow) -> None:
    with pytest.raises(EvalError, match="grouping labels must ensure unique matches"):
        values(window, '{d="a"} * on (d) group_left () c_total', 300_000)
    with pytest.raises(EvalError, match="same labelset"):
        values(window, '{d="a"} * on (__name__, d) group_left () {d="a"}', 300_000)


def test_sample_budget_is_counted_before_the_work(window: SeriesWindow) -> None:
    assert values(window, "sum_over_time(c_total[1m])", 300_000, max_samples=8)
    with pytest.raises(EvalError, match="too many samples"):
        values(window, "sum_over_time(c_total[1m])", 300_000, max_samples=7)
    with pytest.raises(EvalError, match="too many samples"):
        values(window, "c_total + c_total", 300_000, max_samples=3)
    with pytest.raises(EvalError, match="too many samples"):
        values(window, "max_over_time(nope[100y:1ms])", 300_000)
    with pytest.raises(EvalError, match="too many samples"):
        values(window, "max_over_time(max_over_time(nope[1d:1s])[1d:1s])", 300_000)
    query = compile_expr(parse("c_total"))
    assert len(query.range(window, 60_000, 120_000, 15_000, EvalOptions(max_samples=10)).lines) == 2
    with pytest.raises(EvalError, match="too many samples"):
        query.range(window, 60_000, 120_000, 15_000, EvalOptions(max_samples=9))


def test_deadline_ends_an_evaluation(window: SeriesWindow) -> None:
    calls = iter([False, False, True])
    with pytest.raises(EvalError, match="timed out"):
        values(window, "max_over_time(c_total[1h:1s])", 300_000, deadline=lambda: next(calls))


def test_a_query_may_fail_and_be_used_again(window: SeriesWindow) -> None:
    query = compile_expr(parse("c_total * on () e_total"))
    with pytest.raises(EvalError, match="many-to-one matching must be explicit"):
        query.instant(window, 300_000)
    with pytest.raises(EvalError, match="must be explicit"):
        query.instant(window, 300_000)


def test_range_queries_need_a_step_and_an_instant_expression(window: SeriesWindow) -> None:
    with pytest.raises(EvalError, match="step"):
        compile_expr(parse("c_total")).range(window, 0, 1, 0)
    with pytest.raises(EvalError, match="must be Scalar or instant Vector"):
        compile_expr(parse("c_total[1m]")).range(window, 0, 1, 1)


def test_every_stable_function_is_there_and_no_more_is_promised() -> None:
    arguments = {
        "absent_over_time": "x[5m]",
        "clamp": "x, 0, 1",
        "clamp_max": "x, 1",
        "clamp_min": "x, 1",
        "histogram_fraction": "0, 1, x",
        "histogram_quantile": "0.5, x",
        "label_join": 'x, "a", "", "b"',
        "label_replace": 'x, "a", "", "b", ""',
        "pi": "",
        "predict_linear": "x[5m], 1",
        "quantile_over_time": "0.5, x[5m]",
        "time": "",
        "vector": "1",
    }
    for name in FUNCTION_NAMES:
        given_arguments = arguments.get(name, "x[5m]" if name in RANGE_FUNCTIONS else "x")
        compile_expr(parse(f"{name}({given_arguments})")).instant(SeriesWindow(), 0)
    assert set(RANGE_FUNCTIONS) <= FUNCTION_NAMES | set(EXPERIMENTAL)
    assert SCALAR_FUNCTIONS - set(EXPERIMENTAL) <= FUNCTION_NAMES


@pytest.mark.parametrize(
    ("expr", "data"),
    [
        ("1e21", {"resultType": "scalar", "result": [300, "1e+21"]}),
        ('"a"', {"resultType": "string", "result": [300, "a"]}),
        (
            'c_total{d="a"}',
            {"resultType": "vector", "result": [{"metric": {"__name__": "c_total", "d": "a"}, "value": [300, "200"]}]},
        ),
        (
            'c_total{d="a"}[20s]',
            {
                "resultType": "matrix",
                "result": [{"metric": {"__name__": "c_total", "d": "a"}, "values": [[285, "190"], [300, "200"]]}],
            },
        ),
        ("nope", {"resultType": "vector", "result": []}),
    ],
)
def test_json_of_the_http_api(window: SeriesWindow, expr: str, data: object) -> None:
    assert json.loads(json.dumps(to_api_json(compile_expr(parse(expr)).instant(window, 300_000)))) == data


def test_json_times_have_milliseconds(window: SeriesWindow) -> None:
    matrix = compile_expr(parse("vector(time())")).range(window, 1_700_000_000_123, 1_700_000_001_123, 1000)
    assert json.dumps(to_api_json(matrix)["result"][0]["values"]) == (
        '[[1700000000.123, "1700000000.123"], [1700000001.123, "1700000001.123"]]'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1e6, "1000000"),
        (0.1, "0.1"),
        (123456789.25, "123456789.25"),
        (1e16, "10000000000000000"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-07"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_values_in_the_api(value: float, text: str) -> None:
    assert api_value(value) == text


@settings(max_examples=200, deadline=None)
@given(st.floats())
def test_printed_values_read_back(value: float) -> None:
    for text in (api_value(value), numbers.format_value(value)):
        assert repr(float(text)) == repr(value)
    assert "e" not in numbers.format_value(value).lower().replace("+inf", "").replace("-inf", "")


ANY = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, math.inf, -math.inf, math.nan]))


@settings(max_examples=300, deadline=None)
@given(ANY, ANY)
def test_arithmetic_never_raises(a: float, b: float) -> None:
    quotient = numbers.divide(a, b)
    if b != 0:
        assert repr(quotient) == repr(a / b)
    elif a == 0 or math.isnan(a):
        assert math.isnan(quotient)
    else:
        assert math.isinf(quotient)
    assert isinstance(numbers.modulo(a, b), float)
    assert isinstance(numbers.power(a, b), float)
    assert isinstance(numbers.larger(a, b), float)


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [
        (0.0, -1.0, math.inf),
        (-0.0, -1.0, -math.inf),
        (-0.0, -2.0, math.inf),
        (-8.0, 1 / 3, math.nan),
        (-10.0, 309.0, -math.inf),
        (-10.0, 310.0, math.inf),
        (2.0, -2000.0, 0.0),
    ],
)
def test_powers_at_the_edges(a: float, b: float, result: float) -> None:
    assert repr(numbers.power(a, b)) == repr(result)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
def test_compensated_sum_is_close_to_the_exact_one(given_values: list[float]) -> None:
    exact = math.fsum(given_values)
    magnitude = math.fsum(map(abs, given_values))
    assert numbers.add(given_values) == pytest.approx(exact, rel=1e-12, abs=magnitude * 1e-25)
    assert numbers.kahan_sum(given_values) == pytest.approx(exact, rel=1e-12, abs=magnitude * 1e-25)


def test_sums_with_infinities() -> None:
    assert numbers.add([math.inf, 1.0]) == math.inf
    assert math.isnan(numbers.add([math.inf, -math.inf]))
    assert math.isnan(numbers.add([1.0, math.nan]))
    assert numbers.add([1e308, 1e308]) == math.inf
    assert numbers.average([1e308, 1e308, 1e308]) == pytest.approx(1e308)
    assert numbers.average([-1e308, -1.7e308]) == pytest.approx(-1.35e308)
    assert numbers.average([math.inf, 1.0]) == math.inf


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("$1", "ab"),
        ("${1}x", "abx"),
        ("$1x", ""),
        ("$n-$2", "c-c"),
        ("$$1", "$1"),
        ("$", "$"),
        ("$9", ""),
        ("a$", "a$"),
    ],
)
def test_replacement_templates(template: str, result: str) -> None:
    match = compile_regex("(ab)(?P<n>c)(d)?").fullmatch("abc")
    assert expand(template, match) == result
