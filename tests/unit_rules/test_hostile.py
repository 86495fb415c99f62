"""Expressions and templates made to cost: refused when they are loaded, or ended by a budget while they are evaluated.

Each budget names itself in the error, which is what is asserted; the time is a bound far above what an idle machine
takes, since others may be at work on it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from rules.api import Engine, Evaluation, RawSample, RuleFile, SeriesWindow, Start, parse_rule_file
from rules.promql.functions_label import MAX_VALUE

BASE, STEP, CYCLES, SERIES = 1_700_000_000_000, 15_000, 20, 2_000
GENEROUS = 0.6
"""Seconds of CPU; a rule has a budget of a tenth of a second."""
SAMPLES, CLOCK = "too many samples", "timed out"


@pytest.fixture(scope="module")
def window() -> SeriesWindow:
    """Two thousand series with long labels."""
    series = SeriesWindow()
    labels = [
        (("instance", f"host-{n % 50}.example.net"), ("path", f"/var/lib/{'x' * 60}{n}")) for n in range(SERIES)
    ]  # fmt: skip
    for cycle in range(CYCLES):
        samples: list[RawSample] = [("x", pairs, float(cycle), None) for pairs in labels]
        series.ingest("test", samples, BASE + cycle * STEP)
    return series


def loaded(text: str) -> RuleFile:
    rules, problems = parse_rule_file(text, "f.yml")
    assert rules is not None, problems
    return rules


def cpu(work: Callable[[], Evaluation]) -> tuple[Evaluation, float]:
    began = time.thread_time()
    done = work()
    return done, time.thread_time() - began


def evaluated(window: SeriesWindow, expr: str) -> Evaluation:
    rule = loaded("groups: [{name: g, rules: [{alert: A, expr: '" + expr.replace("'", "''") + "'}]}]")
    engine = Engine(window, interval_ms=STEP, start=Start.WARM)
    engine.load([rule])
    done, spent = cpu(lambda: engine.evaluate_due(BASE + (CYCLES - 1) * STEP))
    assert spent < GENEROUS
    return done


def nested(pattern: str, times: int, inner: str = "x") -> str:
    for _ in range(times):
        inner = pattern.replace("INNER", inner)
    return inner


HOSTILE = {
    "steps without end": ("max_over_time(vector(1)[100y:1ms])", SAMPLES),
    "steps over nothing": ("max_over_time(max_over_time(nothing[100d:1s])[100d:1s])", SAMPLES),
    "steps of steps": (nested("max_over_time(INNER[1h:1s])", 3), CLOCK),
    "steps of steps of numbers": (nested("max_over_time(INNER[1h:1s])", 3, "vector(time())"), CLOCK),
    "a value that doubles by replacing": (
        nested('label_replace(INNER, "path", "$1$1", "path", "(.*)")', 60, "topk(50, x)"),
        f"more than {MAX_VALUE} characters",
    ),
    "a value that doubles by joining": (
        nested('label_join(INNER, "path", "", "path", "path")', 60, "topk(50, x)"),
        f"more than {MAX_VALUE} characters",
    ),
    "a value of thousands of references": (
        'label_replace(x, "a", "' + "$1" * 7_000 + '", "path", "(.*)")',
        f"more than {MAX_VALUE} characters",
    ),
    "a regex without an automaton": (
        'x{path=~"' + "|".join(f".*{number}.*x" for number in range(1_500)) + '"}',
        CLOCK,
    ),
    "a regex of hundreds of groups": (
        'label_replace(x, "a", "$1", "path", "' + "((a*)*)*" * 300 + '(.*)")',
        "the regex of label_replace() is too large",
    ),
    "a regex of two hundred groups": ('label_replace(x, "a", "$1", "path", "' + "((a*)*)*" * 100 + '(.*)")', CLOCK),
    "a chain of sums": (" + ".join(["x"] * 250), CLOCK),
    "a chain of joins": (" and ".join(["x"] * 250), CLOCK),
    "a chain of unions": (" or ".join(["x"] * 250), CLOCK),
    "a cross join": ("x * on() group_left x", "duplicate series"),
    "sums of sums": (nested("sum by (path) (INNER)", 60), CLOCK),
    "topk of more than there are integers": ("topk(1e300, x)", "overflows"),
}


@pytest.mark.parametrize(("expr", "error"), HOSTILE.values(), ids=HOSTILE)
def test_a_budget_ends_it_and_says_which(window: SeriesWindow, expr: str, error: str) -> None:
    (failure,) = evaluated(window, expr).failures
    assert error in failure.error


@pytest.mark.parametrize(
    "expr",
    [
        "topk(1e9, x) > 100",
        "x @ 1e10",
        "x @ -1e10",
        "x offset -99y",
        "sum(sum_over_time(x[99y])) < 0",
        'x{path=~".{0,500}a.{500}"}',
        'x{path=~"((((a*)*)*)*)*b"}',
        'x{path=~"' + ".*" * 3_000 + 'q"}',
        "quantile(1e300, x) < 0",
        "round(x, 1e-320) < 0",
        nested("abs(INNER)", 60) + " < 0",
        "2 ^ 2 ^ 2 ^ 2 ^ 2 ^ 2 > 0 * vector(1) < 0",
    ],
    ids=lambda expr: expr[:24],
)  # fmt: skip
def test_what_only_looks_expensive_is_answered(window: SeriesWindow, expr: str) -> None:
    assert evaluated(window, expr).failures == ()


def test_the_deepest_rule_is_loaded_and_evaluated_wherever_the_caller_stands(window: SeriesWindow) -> None:
    """A stack that is used up makes a rule fail; it must not end the agent."""
    rule = loaded(f"groups: [{{name: g, rules: [{{alert: A, expr: '{nested('abs(INNER)', 60)}{' + x' * 250}'}}]}}]")
    ended: list[Evaluation] = []

    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        else:
            ended.append(engine.evaluate_due(BASE + (CYCLES - 1) * STEP))

    engine = Engine(window, interval_ms=STEP, start=Start.WARM)
    engine.load([rule])
    deep(sys.getrecursionlimit() - 250)
    assert "nested too deeply" in ended[0].failures[0].error


def test_a_rule_has_more_time_where_there_are_more_series_and_no_end_of_it_either() -> None:
    held = SeriesWindow(max_series=20_000)
    held.ingest("s", [("x", (("i", f"{n}"),), 1.0, None) for n in range(20_000)], BASE)
    engine = Engine(held, interval_ms=STEP, start=Start.WARM, rule_cpu_ms=0)
    busy = nested("max_over_time(INNER[1h:1s])", 3)
    engine.load(
        [loaded(f"groups: [{{name: g, rules: [{{alert: A, expr: sum(x) > 5}}, {{alert: B, expr: '{busy}'}}]}}]")]
    )
    begin = time.thread_time()
    evaluation = engine.evaluate_due(BASE)
    assert [(failure.rule, failure.error) for failure in evaluation.failures] == [
        ("B", "query timed out in expression evaluation")
    ]
    assert time.thread_time() - begin < GENEROUS


def test_one_hostile_rule_leaves_the_others_of_its_group_and_file_running(window: SeriesWindow) -> None:
    rules = loaded(
        "groups:\n"
        "- name: bad\n"
        "  rules:\n"
        "  - {alert: A, expr: 'max_over_time(vector(1)[100y:1ms])'}\n"
        "  - {alert: B, expr: 'count(x) > 5'}\n"
        "- name: good\n"
        "  rules: [{alert: C, expr: 'count(x) > 6'}]\n"
    )
    engine = Engine(window, interval_ms=STEP, start=Start.WARM)
    engine.load([rules])
    done = engine.evaluate_due(BASE + (CYCLES - 1) * STEP)
    assert [failure.rule for failure in done.failures] == ["A"]
    assert sorted(alert.rule for alert in done.alerts) == ["B", "C"]


@pytest.mark.parametrize(
    "template",
    [
        '{{ define "x" }}{{ template "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
        "{{ range 1000000000 }}{{ range 1000000000 }}{{ end }}{{ end }}",
        '{{ $x := "xxxxxxxxxx" }}{{ range 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}',
        '{{ $x := "xxxxxxxxxx" }}{{ range 100 }}{{ $x = reReplaceAll "x" "xxxxxxxxxx" $x }}{{ end }}',
        '{{ reReplaceAll "a*b|a" "x" "' + "a" * 20_000 + '" }}',
        '{{ reReplaceAll "' + "((a*)*)*" * 300 + 'b" "x" "' + "a" * 5_000 + '" }}',
        '{{ printf "%999999999d" 1 }}',
        '{{ printf "%.999999999f" 1.0 }}',
        '{{ printf "%*d" 999999999 1 }}',
        '{{ range query "max_over_time(vector(1)[100y:1ms])" }}{{ end }}',
        '{{ range 60 }}{{ query "x" }}{{ end }}',
        '{{ reReplaceAll "(a*)*b" "" "' + "a" * 5_000 + '" }}' * 5 + '{{ query "(" }}',
    ],
    ids=lambda text: text[:30],
)
def test_a_hostile_template_becomes_an_error_in_its_text(window: SeriesWindow, template: str) -> None:
    rule = loaded(
        "groups: [{name: g, rules: [{alert: A, expr: 'count(x) > 5', annotations: {summary: '"
        + template.replace("'", "''")
        + "'}}]}]"
    )
    engine = Engine(window, interval_ms=STEP, start=Start.WARM)
    engine.load([rule])
    done, spent = cpu(lambda: engine.evaluate_due(BASE + (CYCLES - 1) * STEP))
    (alert,) = done.alerts
    assert alert.annotations["summary"].startswith("<error expanding template: ")
    assert len(alert.annotations["summary"]) < 1_000
    assert spent < GENEROUS
