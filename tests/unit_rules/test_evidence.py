"""Evidence: an alert never recovers from missing data, and always does on data that makes its condition false."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules.evidence import Evidence
from rules.look import Truth, Verdict
from rules.model import Labels
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError
from rules.promql.parse import parse
from rules.promql.values import EvalOptions, Vector
from rules.series import SeriesWindow

STEP = 15_000
BEFORE = 12 * STEP
NOW = 13 * STEP
OPTIONS = EvalOptions()

Series = tuple[str, Labels]
Data = dict[Series, float]


def series(text: str) -> Series:
    name, _, rest = text.partition("{")
    return name, tuple(sorted((k, v) for k, _, v in (pair.partition("=") for pair in rest.rstrip("}").split(",")) if k))


def window(before: Data, now: Data) -> SeriesWindow:
    """Three minutes of ``before``, then one cycle of ``now``; what is missing in it has ended with a stale marker."""
    filled = SeriesWindow()
    for at in range(STEP, NOW + STEP, STEP):
        data = before if at < NOW else now
        filled.ingest("s", [(name, labels, value, None) for (name, labels), value in data.items()], at)
    return filled


def result(expr: str, filled: SeriesWindow, at: int) -> dict[Labels, float]:
    found = compile_expr(parse(expr)).instant(filled, at, OPTIONS)
    assert isinstance(found, Vector)
    return {element.labels: element.value for element in found.elements}


def judge(expr: str, labels: Labels, before: Data, now: Data) -> tuple[Truth, float | None]:
    """The verdict on the alert with these labels, that was true at BEFORE."""
    filled = window(before, now)
    evidence = Evidence(parse(expr))
    branches = evidence.at(filled, BEFORE, OPTIONS).branches(labels) if evidence.has_branches else None
    verdict = evidence.at(filled, NOW, OPTIONS).verdict(labels, branches)
    return verdict.truth, verdict.value


I1: Labels = (("i", "1"),)
D1: Labels = (("d", "a"), ("i", "1"))
RENAMED = 'label_replace(x > 5, "d", "/dev/$1", "d", "(.*)")'
RENAMED_A: Labels = (("d", "/dev/a"),)
HOST_A: Labels = (("i", "1"), ("n", "a"))
TAKEN = "count by (i) (x unless on (d) max_over_time(y[1m])) > 0"
TWO = {"x{i=1,d=a}": 9, "x{i=1,d=b}": 9}
BOTH = {"x{i=1}": 9, "y{i=1}": 2}
PAIR, NAMED = {"x{i=1,d=a}": 9}, {"x{i=1}": 9}
FALSE, UNKNOWN = Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    "case",
    [
        ("x > 5", I1, {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ("x > 5", I1, {"x{i=1}": 9}, {}, UNKNOWN, None),
        ("5 < x", I1, {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ("x", I1, {"x{i=1}": 9}, {}, UNKNOWN, None),
        ("x > 5 and y > 1", I1, {"x{i=1}": 9, "y{i=1}": 2}, {"y{i=1}": 0}, FALSE, 0),
        ("x > 5 and y > 1", I1, {"x{i=1}": 9, "y{i=1}": 2}, {"y{i=1}": 2}, UNKNOWN, None),
        ("x > 5 and on(i) y > 1", D1, {"x{i=1,d=a}": 9, "y{i=1}": 2}, {"y{i=1}": 0}, FALSE, 0),
        ("x > 5 and y", I1, {"x{i=1}": 9, "y{i=1}": 2}, {"x{i=1}": 9}, UNKNOWN, None),
        ("x > 5 or y > 1", I1, {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ("x > 5 or y > 1", I1, {"x{i=1}": 9, "y{i=1}": 0}, {"x{i=1}": 3}, UNKNOWN, None),
        ("x > 5 or y > 1", I1, {"x{i=1}": 9, "y{i=1}": 0}, {"x{i=1}": 3, "y{i=1}": 0}, FALSE, 3),
        ("(x or y) > 5", I1, {"x{i=1}": 9, "y{i=1}": 0}, {"y{i=1}": 0}, UNKNOWN, None),
        ("(x or y) > 5", I1, {"y{i=1}": 9}, {"y{i=1}": 0}, FALSE, 0),
        ("(sum(x) or vector(0)) > 5", (), {"x{i=1}": 9}, {}, FALSE, 0),
        ("x > 5 unless y", I1, {"x{i=1}": 9}, {"x{i=1}": 9, "y{i=1}": 1}, FALSE, 9),
        ("x > 5 unless on(i) y", I1, {"x{i=1}": 9}, {"y{i=1}": 1}, FALSE, 1),
        ("x > 5 unless y", I1, {"x{i=1}": 9}, {}, UNKNOWN, None),
        ("x > 5 unless on() absent(y)", I1, BOTH, {"x{i=1}": 9}, UNKNOWN, None),
        ("x > 5 unless on() absent(y)", I1, BOTH, {}, UNKNOWN, None),
        ("x > 5 unless on() absent(y)", I1, BOTH, {"x{i=1}": 3}, FALSE, 3),
        ("x > 5 unless on() absent(y == 2)", I1, BOTH, {"x{i=1}": 9, "y{i=1}": 1}, FALSE, 9),
        ("x > 5 unless on() absent(y == 2)", I1, BOTH, {"x{i=1}": 9}, UNKNOWN, None),
        ("x > 5 unless on() (absent(y) or u)", I1, BOTH, {"x{i=1}": 9, "u{}": 1}, FALSE, 9),
        ("x > 5 unless on() (u unless absent(y))", I1, BOTH, {"x{i=1}": 9, "y{i=1}": 2, "u{}": 1}, FALSE, 9),
        ("x > 5 unless on() absent(y) * 2 > 1", I1, BOTH, {"x{i=1}": 9}, UNKNOWN, None),
        ("count(x > 5) > 1", (), {"x{i=1}": 9, "x{i=2}": 9}, {"x{i=1}": 9, "x{i=2}": 3}, FALSE, 1),
        ("count(x > 5) > 1", (), {"x{i=1}": 9, "x{i=2}": 9}, {"x{i=1}": 1, "x{i=2}": 3}, FALSE, 1),
        ("count(x > 5) > 1", (), {"x{i=1}": 9, "x{i=2}": 9}, {}, UNKNOWN, None),
        ("sum by(i)(x > 5) > 1", I1, {"x{i=1,d=a}": 9}, {"x{i=1,d=a}": 2}, FALSE, 2),
        ("sum without(d)(x > 5) > 1", I1, {"x{i=1,d=a}": 9}, {"x{i=2,d=a}": 2}, UNKNOWN, None),
        ("count by (i) (x > y) > 0", I1, PAIR | {"y{i=1,d=a}": 3}, PAIR | {"y{i=1,d=a}": 10}, FALSE, None),
        ("count by (i) (x > y) > 0", I1, PAIR | {"y{i=1,d=a}": 3}, PAIR | {"y{i=1,d=b}": 3}, UNKNOWN, None),
        ("x * on (i) group_left (n) u > 5", HOST_A, NAMED | {"u{i=1,n=a}": 1}, NAMED | {"u{i=1,n=b}": 1}, FALSE, 9),
        ("x * on (i) group_left (n) u > 5", HOST_A, NAMED | {"u{i=1,n=a}": 1}, NAMED, UNKNOWN, None),
        (TAKEN, I1, TWO | {"y{d=b}": 1}, TWO | {"y{d=a}": 1, "y{d=b}": 1}, FALSE, None),
        (TAKEN, I1, TWO | {"y{d=b}": 1}, TWO | {"y{d=a}": 1}, UNKNOWN, None),
        ("topk(1, x) > 3", I1, {"x{i=1}": 9}, {"x{i=2}": 9}, UNKNOWN, None),
        ("count by (i) (x > 5 and on (d) y > 0) > 0", I1, PAIR | {"y{d=a}": 1}, {"y{d=a}": 1}, UNKNOWN, None),
        ("absent(y)", (), {}, {"y{i=1}": 1}, FALSE, None),
        ("rate(x[2m]) >= 0", I1, {"x{i=1}": 9}, {}, UNKNOWN, None),
        ("count_over_time(x[2m]) >= 8", I1, {"x{i=1}": 9}, {}, UNKNOWN, None),
        ("delta(x[2m]) > -1", I1, {"x{i=1}": 9}, {"x{i=1}": 1}, FALSE, None),
        ("x > scalar(y)", I1, {"x{i=1}": 9, "y{}": 3}, {"x{i=1}": 9}, UNKNOWN, None),
        ("x > scalar(y)", I1, {"x{i=1}": 9, "y{}": 3}, {"x{i=1}": 2, "y{}": 3}, FALSE, 2),
        ("x + scalar(y) > 3", I1, {"x{i=1}": 9, "y{}": 3}, {"x{i=1}": 9}, UNKNOWN, None),
        ("x > y", I1, {"x{i=1}": 9, "y{i=1}": 3}, {"x{i=1}": 1, "y{i=1}": 3}, FALSE, 1),
        ("x > y", I1, {"x{i=1}": 9, "y{i=1}": 3}, {"x{i=1}": 9}, UNKNOWN, None),
        ("x > on(i) group_left y", D1, {"x{i=1,d=a}": 9, "y{i=1}": 3}, {"x{i=1,d=a}": 1, "y{i=1}": 3}, FALSE, 1),
        ("x > on(i) group_left y", D1, {"x{i=1,d=a}": 9, "y{i=1}": 3}, {"x{i=1,d=b}": 1, "y{i=1}": 3}, UNKNOWN, None),
        ("(x > 5) * 2 > 11", I1, {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ("topk(1, x) > 3", I1, {"x{i=1}": 9}, {"x{i=1}": 8, "x{i=2}": 9}, FALSE, 8),
        ('label_replace(x > 5, "k", "v", "", "")', (("i", "1"), ("k", "v")), {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ('label_replace(x > 5, "k", "v", "", "")', (("i", "1"), ("k", "v")), {"x{i=1}": 9}, {}, UNKNOWN, None),
        (RENAMED, RENAMED_A, {"x{d=a}": 9, "x{d=b}": 9}, {"x{d=a}": 3, "x{d=b}": 9}, FALSE, 3),
        (RENAMED, RENAMED_A, {"x{d=a}": 9, "x{d=b}": 9}, {"x{d=b}": 3}, UNKNOWN, None),
        ('label_join(x > 5, "k", "-", "i")', (("i", "1"), ("k", "1")), {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ("(x == bool 9) == 1", I1, {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 0),
        ("-(x > 5)", I1, {"x{i=1}": 9}, {"x{i=1}": 3}, FALSE, 3),
        ("x / y > 5", I1, {"x{i=1}": 9, "y{i=1}": 1}, {"x{i=1}": 0, "y{i=1}": 0}, FALSE, None),
    ],
)  # fmt: skip
def test_cases(case: tuple[str, Labels, dict[str, float], dict[str, float], Truth, float | None]) -> None:
    """Expression, the alert's labels, data while it was true, data now, the verdict and the value that decided it."""
    expr, labels, before, now, truth, value = case
    then = {series(text): float(number) for text, number in before.items()}
    if not expr.startswith("absent"):
        assert labels in result(expr, window(then, then), BEFORE)
    got = judge(expr, labels, then, {series(text): float(number) for text, number in now.items()})
    assert got[0] is truth
    if value is not None:
        assert got[1] == value


NODE = "(a / s < 0.1 and on(i, d) ro == 0) * on(i) group_left(nodename) u"
NODE_LABELS: Labels = (("d", "a"), ("i", "1"), ("nodename", "n"))
NODE_DATA: Data = {("a", D1): 1.0, ("s", D1): 100.0, ("ro", D1): 0.0, ("u", (("i", "1"), ("nodename", "n"))): 1.0}


@pytest.mark.parametrize(
    ("changed", "gone", "truth"),
    [("a", None, FALSE), ("ro", None, FALSE), (None, "a", UNKNOWN), (None, "s", UNKNOWN), (None, "u", UNKNOWN),
     ("ro", "a", FALSE), ("a", "u", FALSE)],
)  # fmt: skip
def test_a_condition_joined_with_names_is_followed_through_the_join(
    changed: str | None, gone: str | None, truth: Truth
) -> None:
    """The form that node-exporter's own rules have."""
    now = {key: (50.0 if key[0] == changed else value) for key, value in NODE_DATA.items() if key[0] != gone}
    assert judge(NODE, NODE_LABELS, NODE_DATA, now)[0] is truth


@pytest.mark.parametrize(
    ("expr", "possible"),
    [("x", False), ("rate(x[5m])", False), ("x + y", False), ("x > 5", True), ("x > bool 5", False),
     ("x > 5 or y", False), ("x > 5 or y > 1", True), ("x and y", False), ("x and y > 1", True),
     ("sum(x > 5)", True), ("absent(x)", True), ("x unless y", True), ("topk(3, x)", True),
     ("x unless absent(y)", False), ("x unless absent(y > 1)", True)],
)  # fmt: skip
def test_whether_any_data_could_show_recovery_is_known_beforehand(expr: str, possible: bool) -> None:
    assert Evidence(parse(expr)).possible is possible


@pytest.mark.parametrize(("recorded", "possible"), [("x > 5", True), ("x", False), ("r > 5", True), ("r", False)])
def test_a_recorded_condition_could_show_its_recovery(recorded: str, possible: bool) -> None:
    assert Evidence(parse("r"), None, {"r": [((), parse(recorded))]}).possible is possible


# Properties over generated conditions

METRICS = ("x", "y", "z")
ALL = [(name, (("d", d), ("i", i))) for name in METRICS for d in "ab" for i in "12"]
numbers = st.integers(0, 9)


def values(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(
        [*METRICS, "max_over_time(x[1m])", "avg_over_time(y[1m])", "abs(z)", "-x", "count_over_time(z[2m])"]
    )
    if depth == 0:
        return leaf
    inner = values(depth - 1)
    return st.one_of(
        leaf,
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("(sum by (d, i) ({}))".format, inner),
        st.builds("({} + on(d, i) group_left {})".format, inner, inner),
        st.builds("({} + scalar(sum(z)))".format, inner),
    )


def comparisons() -> st.SearchStrategy[str]:
    op = st.sampled_from([">", "<", ">=", "<=", "==", "!="])
    return st.builds("({} {} {})".format, values(1), op, st.one_of(numbers.map(str), values(0)))


def conditions(depth: int) -> st.SearchStrategy[str]:
    if depth == 0:
        return comparisons()
    inner = conditions(depth - 1)
    return st.one_of(
        comparisons(),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} and on(i) {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} unless {})".format, inner, comparisons()),
        st.builds("({} * 2 > {})".format, inner, numbers),
        st.builds("(-{})".format, inner),
        st.builds("(sum by (i, d) ({}) > {})".format, comparisons(), numbers),
        st.builds("(count by (i) ({}) >= 1)".format, comparisons()),
        st.builds("(topk by (i) (1, {}))".format, comparisons()),
        st.builds('label_replace({}, "k", "v", "", "")'.format, inner),
    )


data = st.fixed_dictionaries({key: numbers.map(float) for key in ALL})


def alerts(expr: str, before: Data, now: Data) -> list[Labels]:
    """The alerts of ``expr`` that are true with ``before`` and gone with ``now``."""
    filled = window(before, now)
    try:
        gone = result(expr, filled, BEFORE).keys() - result(expr, filled, NOW).keys()
    except EvalError:
        gone = set()
    assume(gone)
    return sorted(gone)


@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(conditions(2), data, st.sets(st.sampled_from(METRICS), min_size=1))
def test_no_alert_recovers_because_metrics_vanish(expr: str, before: Data, vanished: set[str]) -> None:
    now = {key: value for key, value in before.items() if key[0] not in vanished}
    for labels in alerts(expr, before, now):
        assert judge(expr, labels, before, now)[0] is UNKNOWN


@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(conditions(2), data, data, st.sets(st.sampled_from("xy")))
def test_every_alert_recovers_on_data_that_makes_it_false(expr: str, before: Data, now: Data, never: set[str]) -> None:
    """``never`` are metrics that exist neither before nor now: they do not stand in the way.

    Not ``z``: a ``scalar()`` of nothing is one of the things that make a verdict impossible.
    """
    before, now = ({key: value for key, value in data.items() if key[0] not in never} for data in (before, now))
    for labels in alerts(expr, before, now):
        assert judge(expr, labels, before, now)[0] is FALSE


# Data that is there in part


def feed(filled: SeriesWindow, cycle: int, data: dict[str, float], *, failed: bool = False) -> int:
    """One cycle of source ``s``; returns its time."""
    samples = [(*series(text), value, None) for text, value in data.items()]
    filled.ingest("s", samples, cycle * STEP, failed=failed)
    return cycle * STEP


def verdict_at(expr: str, labels: Labels, filled: SeriesWindow, at: int, true_at: int, **recordings: str) -> Verdict:
    made = {name: [((), parse(text))] for name, text in recordings.items()}
    return Evidence(parse(expr), None, made).at(filled, at, OPTIONS).verdict(labels, since=true_at, true_at=true_at)


BOTH = {"x{i=1,d=a}": 9.0, "x{i=1,d=b}": 9.0}


@pytest.mark.parametrize(
    "expr", ["sum by (i) (x) > 10", "count by (i) (x > 5) > 1", "sum by (i) (max_over_time(x[1m])) > 10",
             "sum by (i) (max_over_time(x[1m:15s])) > 10", "(sum by (i) (x) or vector(0)) > 10",
             "y and on (i) (sum by (i) (x) > 10)", "y > on (i) (12 - sum by (i) (x))"]
)  # fmt: skip
def test_a_sum_without_one_of_its_series_is_no_evidence(expr: str) -> None:
    """While its source fails for ever; while its source answers until the lookback has passed."""
    for failed in (True, False):
        filled = SeriesWindow()
        for cycle in range(1, 11):
            true_at = feed(filled, cycle, BOTH | {"y{i=1}": 3})
        assert I1 in result(expr, filled, true_at)
        truths = []
        for cycle in range(11, 60):
            at = feed(filled, cycle, {"x{i=1,d=a}": 9, "y{i=1}": 3}, failed=failed)
            if I1 in result(expr, filled, at):
                true_at = at
            else:
                truths.append(verdict_at(expr, I1, filled, at, true_at))
        assert truths[0].truth is truths[5].truth is UNKNOWN
        assert truths[0].partial
        assert truths[-1].truth is (UNKNOWN if failed else FALSE)
        at = feed(filled, 60, {"x{i=1,d=a}": 1, "x{i=1,d=b}": 1, "y{i=1}": 3})
        at = feed(filled, 70, {"x{i=1,d=a}": 1, "x{i=1,d=b}": 1, "y{i=1}": 3})
        if I1 not in result(expr, filled, at):
            assert verdict_at(expr, I1, filled, at, true_at).truth is FALSE


def test_what_a_source_that_answers_again_does_not_give_is_gone() -> None:
    filled = SeriesWindow()
    for cycle in range(1, 5):
        true_at = feed(filled, cycle, BOTH)
    for cycle in range(5, 40):
        feed(filled, cycle, {"up{}": 0}, failed=True)
    at = feed(filled, 40, {"x{i=1,d=a}": 9})
    assert verdict_at("sum by (i) (x) > 10", I1, filled, at, true_at).truth is FALSE


def test_a_source_taken_away_is_lost_no_more() -> None:
    filled = SeriesWindow()
    filled.ingest("other", [("x", (("d", "a"), ("i", "1")), 9.0, None)], STEP)
    true_at = feed(filled, 1, {"x{i=1,d=b}": 9})
    feed(filled, 2, {}, failed=True)
    filled.ingest("other", [("x", (("d", "a"), ("i", "1")), 9.0, None)], 50 * STEP)
    expr = "sum by (i) (x) > 10"
    assert verdict_at(expr, I1, filled, 50 * STEP, true_at).truth is UNKNOWN
    filled.stale("s", 51 * STEP)
    filled.ingest("other", [("x", (("d", "a"), ("i", "1")), 9.0, None)], 51 * STEP)
    assert verdict_at(expr, I1, filled, 51 * STEP, true_at).truth is FALSE


@pytest.mark.parametrize(
    ("expr", "before"),
    [("rate(c[2m]) > 0.5", 8), ("increase(c[2m]) > 60", 8), ("sum_over_time(x[2m]) > 40", 8),
     ("count_over_time(x[2m]) > 7", 8), ("count_over_time((x > 5)[2m:15s]) > 7", 8), ("delta(c[2m]) > 60", 8)],
)  # fmt: skip
def test_a_window_with_a_gap_in_it_is_no_evidence(expr: str, before: int) -> None:
    filled = SeriesWindow()
    cycle = 0
    for cycle in range(1, 20):
        true_at = feed(filled, cycle, {"c{i=1}": 10.0 * cycle, "x{i=1}": 9})
    assert I1 in result(expr, filled, true_at)
    for cycle in range(20, 25):
        feed(filled, cycle, {"up{}": 0}, failed=True)
    seen = []
    for cycle in range(25, 25 + before):
        at = feed(filled, cycle, {"c{i=1}": 10.0 * cycle, "x{i=1}": 9})
        if I1 not in result(expr, filled, at):
            seen.append(verdict_at(expr, I1, filled, at, true_at).truth)
    assert set(seen) <= {UNKNOWN}
    assert seen
    for cycle in range(25 + before, 35 + before):
        at = feed(filled, cycle, {"c{i=1}": 10.0 * (25 + before), "x{i=1}": 1})
    assert I1 in result(expr, filled, at) or verdict_at(expr, I1, filled, at, true_at).truth is FALSE


def test_a_series_born_within_the_window_has_no_gap() -> None:
    filled = SeriesWindow()
    for cycle in range(1, 5):
        at = feed(filled, cycle, {"c{i=1}": 1.0})
    evidence = Evidence(parse("increase(c[1h]) > 5"))
    look = evidence.at(filled, at, OPTIONS)
    assert look.verdict(I1, since=3 * STEP, true_at=3 * STEP).truth is FALSE
    assert look.verdict(I1, since=-STEP, true_at=3 * STEP).truth is UNKNOWN  # it held before: samples are missing


@pytest.mark.parametrize(
    ("expr", "now", "truth"),
    [
        ("r > 0", {"x{i=1}": 3}, FALSE),
        ("r > 0", {}, UNKNOWN),
        ("count by (i) (r) > 0", {"x{i=1}": 3}, FALSE),
        ("count by (i) (r) > 0", {}, UNKNOWN),
        ("r offset 1m > 0", {"x{i=1}": 3}, UNKNOWN),
        ('label_replace(r, "i", "1", "", "") > 0', {"x{i=1}": 3}, FALSE),
    ],
)
def test_a_recorded_series_that_is_gone_is_asked_for_at_its_source(
    expr: str, now: dict[str, float], truth: Truth
) -> None:
    filled = SeriesWindow()
    feed(filled, 1, {"x{i=1}": 9, "r{i=1}": 9})
    at = feed(filled, 2, now)
    assert verdict_at(expr, I1, filled, at, STEP, r="x > 5").truth is truth
    assert Evidence(parse(expr)).at(filled, at, OPTIONS).verdict(I1).truth is UNKNOWN


def test_a_rule_that_reads_what_it_records_is_not_followed_for_ever() -> None:
    filled = SeriesWindow()
    at = feed(filled, 1, {"x{i=1}": 3})
    assert verdict_at("r > 0", I1, filled, at, 0, r="x > 5 or r").truth is UNKNOWN
    assert verdict_at("r > 0", I1, filled, at, 0, r="s", s="r").truth is UNKNOWN


@pytest.mark.parametrize(
    "expr", ["max_over_time(x[2m:15s]) > 5", "x > scalar(max(max_over_time(y[2m]))) - 9",
             "max_over_time(x[2m:15s] offset 15s) > 5"]
)  # fmt: skip
def test_old_samples_that_leave_a_window_are_no_evidence(expr: str) -> None:
    filled = SeriesWindow()
    for cycle in range(1, 12):
        feed(filled, cycle, {"x{i=1}": 9 if cycle < 8 else 1, "y{}": 9 if cycle < 8 else 14})
    for cycle in range(12, 22):
        at = feed(filled, cycle, {"up{}": 0} if "scalar" not in expr else {"x{i=1}": 1})
        assert verdict_at(expr, I1, filled, at, 7 * STEP).truth is not FALSE
