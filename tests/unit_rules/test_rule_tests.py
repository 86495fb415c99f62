"""Rule tests in promtool's format: what passes and fails here does so there, and a failure says what differs."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import pytest

from rules import testfile
from rules.model import Severity
from rules.notation import MAX_VALUES, NotationError, parse_series, parse_values
from rules.staleness import is_stale
from rules.unittest import run_test_file

RULES = """
groups:
- name: second
  rules:
  - {alert: Twice, expr: 'i:x:twice >= 18', for: 2m, keep_firing_for: 1m, labels: {severity: page},
     annotations: {summary: '{{ $labels.i }} at {{ $value }} on {{ $externalLabels.site }} {{ $externalURL }}'}}
- name: first
  interval: 1h
  rules:
  - {record: 'i:x:twice', expr: x * 2}
"""
HEAD = "rule_files: [rules.yml]\nevaluation_interval: 1m\ngroup_eval_order: [first, second]\ntests:\n"
CASE = """
- name: a case
  interval: 1m
  external_labels: {site: hz}
  external_url: http://h/
  input_series:
  - {series: 'x{i="1"}', values: '1 9x4 1 _x2 stale 9+1x5'}
"""
FIRING = "exp_alerts: [{exp_labels: {i: '1', severity: page}, exp_annotations: {summary: '1 at 18 on hz http://h/'}}]"
PASSING = {
    "pending does not fire": "alert_rule_test: [{eval_time: 2m, alertname: Twice}]",
    "it fires after for": f"alert_rule_test: [{{eval_time: 3m, alertname: Twice, {FIRING}}}]",
    "the time falls into a step": f"alert_rule_test: [{{eval_time: 3m59s, alertname: Twice, {FIRING}}}]",
    "keep_firing_for keeps it": f"alert_rule_test: [{{eval_time: 6m, alertname: Twice, {FIRING}}}]",
    "absence ends it": "alert_rule_test: [{eval_time: 8m, alertname: Twice, exp_alerts: []}]",
    "for starts over": "alert_rule_test: [{eval_time: 10m, alertname: Twice}]",
    "an unknown alert is quiet": "alert_rule_test: [{eval_time: 3m, alertname: Nope}]",
    "samples": "promql_expr_test: [{expr: 'i:x:twice', eval_time: 3m,"
    " exp_samples: [{labels: 'i:x:twice{i=\"1\"}', value: 18}]}]",
    "scalar": "promql_expr_test: [{expr: 1 + 1, eval_time: 3m, exp_samples: [{labels: '{}', value: 2}]}]",
    "nan": "promql_expr_test: [{expr: 'x * NaN', eval_time: 3m, exp_samples: [{labels: '{i=\"1\"}', value: .nan}]}]",
    "stale": "promql_expr_test: [{expr: x, eval_time: 9m, exp_samples: []}]",
    "alerts are series": "promql_expr_test: [{expr: 'count(ALERTS{alertstate=\"firing\"})', eval_time: 4m,"
    " exp_samples: [{labels: '{}', value: 1}]}]",
}  # fmt: skip
FAILING = {
    "it should fire": "alert_rule_test: [{eval_time: 3m, alertname: Twice}]",
    "it should fire between steps": "alert_rule_test: [{eval_time: 3m30s, alertname: Twice}]",
    "it does not fire yet": f"alert_rule_test: [{{eval_time: 2m, alertname: Twice, {FIRING}}}]",
    "annotation missing": "alert_rule_test: [{eval_time: 3m, alertname: Twice,"
    " exp_alerts: [{exp_labels: {i: '1', severity: page}}]}]",
    "label wrong": "alert_rule_test: [{eval_time: 3m, alertname: Twice, exp_alerts: [{exp_labels: {i: '2'}}]}]",
    "value wrong": "promql_expr_test: [{expr: x, eval_time: 3m, exp_samples: [{labels: 'x{i=\"1\"}', value: 8}]}]",
    "name missing": "promql_expr_test: [{expr: x, eval_time: 3m, exp_samples: [{labels: '{i=\"1\"}', value: 9}]}]",
    "nothing expected": "promql_expr_test: [{expr: x, eval_time: 3m}]",
    "evaluation error": "promql_expr_test: [{expr: x * on() group_left() (x or vector(1)), eval_time: 3m}]",
}  # fmt: skip


def write(folder: Path, body: str) -> Path:
    (folder / "rules.yml").write_text(RULES)
    path = folder / "case.test.yml"
    path.write_text(HEAD + CASE + "".join(f"  {line}\n" for line in body.splitlines()))
    return path


@pytest.mark.parametrize("name", PASSING)
def test_passes(name: str, tmp_path: Path) -> None:
    report = run_test_file(write(tmp_path, PASSING[name]))
    assert report.passed, str(report)


@pytest.mark.parametrize("name", FAILING)
def test_fails(name: str, tmp_path: Path) -> None:
    report = run_test_file(write(tmp_path, FAILING[name]))
    assert not report.passed
    (case,) = report.cases
    assert (case.line, case.name, case.failures[0].line) == (6, "a case", 12)


def test_promtool_agrees(tmp_path: Path) -> None:
    """Each case in a folder of its own: one promtool run for all that pass, one for each that does not.

    Debian's promtool takes no NaN for equal to NaN; later ones and ours do.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; apt-get install prometheus")
    paths = {}
    for number, (name, body) in enumerate((PASSING | FAILING).items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths[name] = write(folder, body)
    done = subprocess.run(
        [promtool, "test", "rules", *(paths[name] for name in PASSING if name != "nan")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in FAILING:
        assert subprocess.run([promtool, "test", "rules", paths[name]], capture_output=True).returncode != 0, name


def test_a_failure_shows_what_is_missing_and_what_is_too_much(tmp_path: Path) -> None:
    body = FAILING["value wrong"] + "\n" + FAILING["it should fire"]
    report = run_test_file(write(tmp_path, body))
    assert str(report).splitlines() == [
        f"{report.file}: FAILED, 1 of 1 test",
        "  test on line 6, 'a case':",
        f"    {report.file}:13: alertname: Twice, time: 3m",
        "      -none",
        '      +- labels: {alertname="Twice", i="1", severity="page"}',
        "      +  summary: 1 at 18 on hz http://h/",
        f"    {report.file}:12: expr: x, time: 3m",
        '      -x{i="1"} 8.0',
        '      +x{i="1"} 9.0',
    ]


def test_a_rule_in_error_fails_the_test(tmp_path: Path) -> None:
    path = write(tmp_path, PASSING["scalar"])
    (tmp_path / "rules.yml").write_text(RULES.replace("x * 2", "x * on() group_left() (x or vector(1))"))
    report = run_test_file(path)
    failure = report.cases[0].failures[0]
    assert failure.title == "rule i:x:twice in group first failed at 0s"
    assert "many-to-many" in failure.lines[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rule_file: [a]\n", ":1:1: error: unknown key 'rule_file' (did you mean 'rule_files'?)"),
        ("tests: [{interval: 5}]\n", ":1:20: error: '5' is not a duration"),
        ("tests: [{input_series: [{series: 'x{a=~\"b\"}', values: '1'}]}]\n", "is not a series"),
        ("tests: [{input_series: [{series: x, values: '1 two'}]}]\n", ":1:45: error: 'two' is not a value"),
        ("tests: [{alert_rule_test: [{eval_time: 1m}]}]\n", "an alert test needs 'alertname'"),
        ("tests: [{promql_expr_test: [{expr: 'sum(', eval_time: 1m}]}]\n", ":1:36: error: "),
        ("tests: [{start_timestamp: yesterday}]\n", "'yesterday' is no time"),
        ("fuzzy_compare: maybe\n", "'maybe' is neither true nor false"),
        ("tests: 5\n", "this must be a list"),
        ("group_eval_order: [a, b, a]\n", ":1:26: error: group 'a' is listed twice"),
        (
            "tests: [{promql_expr_test: [{expr: x, exp_samples: [{value: '8'}]}]}]\n",
            ":1:61: error: '8' is not a number",
        ),
        ("tests: [{promql_expr_test: [{expr: x, exp_samples: [{value: +Inf}]}]}]\n", "'+Inf' is not a number"),
        (
            "tests: [{promql_expr_test: [{expr: x, exp_samples: [{value: 1, histogram: '{{}}'}]}]}]\n",
            "native histograms",
        ),
    ],
)
def test_a_mistake_in_a_test_file_has_a_position(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yml"
    path.write_text(text)
    report = run_test_file(path)
    assert not report.passed
    assert message in str(report)


def test_a_glob_that_matches_nothing_is_a_warning_as_in_promtool(tmp_path: Path) -> None:
    path = write(tmp_path, PASSING["scalar"])
    path.write_text(path.read_text().replace("[rules.yml]", "[rules.yml, none.yml]"))
    report = run_test_file(path)
    assert report.passed
    assert ":1:25: warning: no file matches 'none.yml'" in str(report)


def test_of_a_series_given_twice_the_last_counts_as_in_promtool(tmp_path: Path) -> None:
    path = write(tmp_path, FAILING["value wrong"])
    twice = """  - {series: 'x{i="1"}', values: '8x9'}\n  promql_expr"""
    path.write_text(path.read_text().replace("  promql_expr", twice))
    report = run_test_file(path)
    assert report.passed, str(report)
    assert "warning: series x is given twice" in str(report)


def test_unknown_keys_may_be_ignored(tmp_path: Path) -> None:
    path = write(tmp_path, PASSING["scalar"] + "\nfuture_key: 5")
    (tmp_path / "rules.yml").write_text(RULES.replace("- name: first", "- name: first\n  newer: 1"))
    assert [problem.line for problem in run_test_file(path).errors] == [13]
    report = run_test_file(path, unknown=Severity.WARNING)
    assert report.passed
    assert [problem.line for problem in report.problems] == [13, 8]


def test_few_letters_for_very_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testfile, "MAX_ALL_VALUES", 5_000)
    path = tmp_path / "t.yml"
    series = ", ".join(f"{{series: x{number}, values: 0x999}}" for number in range(8))
    path.write_text(f"tests: [{{input_series: [{series}]}}]\n")
    report = run_test_file(path)
    assert len(report.errors) == 3
    assert "error: all series together have more than 5000 values" in str(report.errors[0])


def test_only_chosen_tests_are_run(tmp_path: Path) -> None:
    path = write(tmp_path, FAILING["it should fire"])
    assert run_test_file(path, chosen=lambda name: name != "a case").cases == ()


@pytest.mark.parametrize("where", ["test", "case"])
def test_annotations_may_be_left_out_of_the_comparison(where: str, tmp_path: Path) -> None:
    own = "ignore_annotations: true, " if where == "test" else ""
    body = f"alert_rule_test: [{{eval_time: 3m, alertname: Twice, {own}exp_alerts: [{{exp_labels: LABELS}}]}}]"
    body += "\nignore_annotations: true" if where == "case" else ""
    assert run_test_file(write(tmp_path, body.replace("LABELS", "{i: '1', severity: page}"))).passed
    assert not run_test_file(write(tmp_path, body.replace("LABELS", "{i: '2', severity: page}"))).passed
    both = body.replace("LABELS", "{i: '1', severity: page}, exp_annotations: {summary: s}")
    assert "where 'ignore_annotations' is set" in str(run_test_file(write(tmp_path, both)))


def test_a_broken_rule_file_is_reported_and_nothing_runs(tmp_path: Path) -> None:
    path = write(tmp_path, PASSING["scalar"])
    (tmp_path / "rules.yml").write_text("groups: 5\n")
    report = run_test_file(path)
    assert report.cases == ()
    assert "rules.yml:1:9: error: 'groups' must be a list" in str(report)


def test_a_missing_file_is_a_failed_report(tmp_path: Path) -> None:
    assert "cannot be read" in str(run_test_file(tmp_path / "none.yml"))


@pytest.mark.parametrize("start", ["1700000000", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00"])
def test_a_test_may_start_at_a_time(start: str, tmp_path: Path) -> None:
    samples = "exp_samples: [{labels: '{}', value: 1700000060}]"
    body = f"start_timestamp: {start}\npromql_expr_test: [{{expr: time(), eval_time: 1m, {samples}}}]"
    report = run_test_file(write(tmp_path, body))
    assert report.passed, str(report)


def test_fuzzy_compare_forgives_one_step(tmp_path: Path) -> None:
    body = "promql_expr_test: [{expr: 0.1 + 0.2, eval_time: 0, exp_samples: [{labels: '{}', value: 0.3}]}]"
    path = write(tmp_path, body)
    assert not run_test_file(path).passed
    path.write_text("fuzzy_compare: true\n" + path.read_text())
    assert run_test_file(path).passed


# Notation


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2.5 -3", [1, 2.5, -3]),
        ("0+10x3", [0, 10, 20, 30]),
        ("5-2x2", [5, 3, 1]),
        ("-2+-1x1", [-2, -3]),
        ("7x2", [7, 7, 7]),
        ("0x2", [0, 0, 0]),
        ("_ 1 _x2", [None, 1, None, None]),
        ("1e3 .5 Inf -inf", [1000, 0.5, math.inf, -math.inf]),
        ("1x0", [1]),
        ("", []),
    ],
)
def test_values(text: str, values: list[float | None]) -> None:
    assert parse_values(text) == values


def test_stale_is_the_marker_and_nan_is_not() -> None:
    stale, nan = parse_values("stale NaN")
    assert stale is not None
    assert nan is not None
    assert (is_stale(stale), is_stale(nan)) == (True, False)


@pytest.mark.parametrize("text", ["one", "1+x", "1x", "0x1F", "1x-2", "_x", "{{schema:1}}", f"1x{MAX_VALUES}"])
def test_values_that_are_none(text: str) -> None:
    with pytest.raises(NotationError):
        parse_values(text)


def test_series() -> None:
    assert parse_series('a:b{y="2", x="1", z=""}') == ("a:b", (("x", "1"), ("y", "2")))
    assert parse_series('{__name__="a b", x="1"}') == ("a b", (("x", "1"),))
    assert parse_series('{"a.b", "x y"="1", z="2"}') == ("a.b", (("x y", "1"), ("z", "2")))
    assert parse_series("{}") == ("", ())
    for text in ("sum(a)", 'a{b!="c"}', "a{", "a[5m]"):
        with pytest.raises(NotationError):
            parse_series(text)
