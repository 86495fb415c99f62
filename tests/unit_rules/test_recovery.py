"""The recovery of a rule as PromQL text: for every shape, parsed back, and true to the data."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from test_evidence_properties import conditions

from rules.evidence import Evidence
from rules.explain import show
from rules.promql.compile import compile_expr
from rules.promql.parse import parse
from rules.promql.values import Vector
from rules.recovery import recovery, selectors
from rules.series import SeriesWindow

SHAPES = {
    "a > 1": "a <= 1",
    "a == b": "a != b",
    "1 < a": "1 >= a",
    "a / on (i) group_left (n) b >= 0.5": "(a / on (i) group_left (n) b) < 0.5",
    "a > 1 and b < 2": "(a <= 1) or (b >= 2)",
    "a > 1 and on (i) b < 2": "(a <= 1) or on (i) (b >= 2)",
    "a > 1 or b < 2": "(a <= 1) and (b >= 2)",
    "a > 1 unless on (i) b": "(a <= 1) or on (i) b",
    "a > 1 unless on () absent(b)": "a <= 1",
    "a > 1 unless on () absent(b == 1)": "(a <= 1) or on () (b != 1)",
    "a > 1 and b": "a <= 1",
    "a > 1 < 5": "((a > 1) >= 5) or (a <= 1)",
    "a > on (i) group_left () (b > 2)": "(a <= on (i) group_left () (b > 2)) or on (i) (b <= 2)",
    "(a > bool 1) == 1": "(a > bool 1) != 1",
    "sum by (i) (a > 1)": "count by (i) (a <= 1) unless count by (i) (a > 1)",
    "count(a > 1) > 2": "(count(a > 1) <= 2) or (count(a <= 1) unless count(a > 1))",
    "quantile without (m) (0.9, a == 0)": "count without (m) (a != 0) unless count without (m) (a == 0)",
    "topk(2, a)": "a unless topk(2, a)",
    "bottomk by (i) (1, a > 0)": "((a > 0) unless bottomk by (i) (1, a > 0)) or (a <= 0)",
    "absent(a{i=\"1\"})": 'a{i="1"}',
    "absent_over_time(a[5m])": "present_over_time(a[5m])",
    "-(a > 1)": "a <= 1",
    "abs(a > 1) * 100": "a <= 1",
    "rate(a[5m]) > 0.1": "rate(a[5m]) <= 0.1",
    "max_over_time((a > 1)[5m:1m]) > 3": "(max_over_time((a > 1)[5m:1m]) <= 3) or (a <= 1)",
    'label_replace(a > 1, "x", "$1", "i", "(.*)")': 'label_replace(a <= 1, "x", "$1", "i", "(.*)")',
    "(a > 1 or b > 2) and c == 0 unless d": "(((a <= 1) and (b <= 2)) or (c != 0)) or d",
    "clamp_min(a > 1, 5) and absent(b)": "(a <= 1) or b",
}  # fmt: skip
NONE = ["a", "sum(a)", "a > bool 1", "a or b > 1", "vector(1)", "rate(a[5m]) * 2", "a and b", "1 + 1"]


@pytest.mark.parametrize("text", SHAPES)
def test_each_shape_has_its_recovery(text: str) -> None:
    found = recovery(parse(text))
    assert found is not None
    shown = show(found)
    assert shown == SHAPES[text]
    assert show(parse(shown)) == shown, "it is PromQL"
    compile_expr(parse(shown))


@pytest.mark.parametrize("text", NONE)
def test_without_a_condition_there_is_none(text: str) -> None:
    assert recovery(parse(text)) is None


VALUES = [(a, b, c) for a in (None, 0.0, 2.0) for b in (None, 0.0, 3.0) for c in (None, 0.0)]
TRUE_TO_DATA = [
    "a > 1", "a > 1 and b < 2", "a > 1 or b < 2", "a > 1 unless b > 2", "a > 1 unless c", "(a > 1) * 5", "-(a > 1)",
    "a > b", "a > 1 and (b > 2 or c == 0)", "sum by (i) (a > 1)", "max by (i) (a > b) > 1", "abs(a > 1) and b > 2",
]  # fmt: skip


@pytest.mark.parametrize("text", TRUE_TO_DATA)
@pytest.mark.parametrize("values", VALUES, ids=str)
def test_it_is_never_there_with_the_condition_and_always_there_without_it_when_all_data_is(
    text: str, values: tuple[float | None, ...]
) -> None:
    window = SeriesWindow()
    for name, value in zip("abc", values, strict=True):
        if value is not None:
            window.append(name, (("i", "1"),), 1000, value)

    def there(expression: str) -> bool:
        result = compile_expr(parse(expression)).instant(window, 2000)
        assert isinstance(result, Vector)
        return bool(result.elements)

    found = recovery(parse(text))
    assert found is not None
    fires, over = there(text), there(show(found))
    assert not (fires and over)
    if None not in values:
        assert fires != over


def test_what_a_rule_reads() -> None:
    expr = parse('rate(a{i="1"}[5m] offset 1h) > 1 and a{i="1"} @ 5 > 2 unless b')
    assert [show(each) for each in selectors(expr)] == ["b", 'a{i="1"}']


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conditions(2))
def test_the_recovery_of_every_generated_condition_is_promql(text: str) -> None:
    expr = parse(text)
    found = recovery(expr)
    assert (found is not None) == Evidence(expr).possible
    if found is not None:
        assert show(parse(show(found))) == show(found)
        compile_expr(parse(show(found)))
