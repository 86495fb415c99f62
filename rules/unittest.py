"""Runs test files in the format of ``promtool test rules``, unchanged, with Prometheus's own idea of recovery.

What is compared, and when, follows the reference's runner: all groups are evaluated at each step of the evaluation
interval, an alert test looks at the step its time falls into, expression tests run at the end on all samples.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from rules.engine import Engine, Start
from rules.files import RuleFile, read_rule_file
from rules.model import AlertState, Labels, Problem, Severity
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError
from rules.promql.values import EvalOptions, ScalarResult, Vector
from rules.series import SeriesWindow
from rules.settings import Recovery
from rules.source import MAX_BYTES
from rules.testfile import AlertTest, Case, ExprTest, TestFile, lenient, parse_test_file
from rules.testreport import CaseResult, TestFailure, TestReport, diff

FOREVER = 10**15
_SAMPLE_BUDGET = 50_000_000


def run_test_file(
    path: str | Path,
    *,
    left_closed: bool = False,
    chosen: Callable[[str], bool] = lambda name: True,
    unknown: Severity = Severity.ERROR,
) -> TestReport:
    """Run one file; never raises for what is in it.

    ``left_closed`` counts window edges as Prometheus 2 did. ``chosen`` says by its name whether a test is run.
    ``unknown`` is what a key that nobody knows is, in the test file and in rule files.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except OSError as error:
        problem = Problem(str(path), 0, 0, f"cannot be read: {error.strerror}", "check path and rights", "file/read")
        return TestReport(str(path), (problem,), ())
    tests, problems = parse_test_file(text, str(path), unknown)
    if tests is None:
        return TestReport(str(path), tuple(problems), ())
    rule_files, rule_problems = _rule_files(path, tests, unknown)
    report = TestReport(str(path), (*problems, *rule_problems), ())
    if report.errors:
        return report
    cases = [_run(case, tests, rule_files, left_closed) for case in tests.cases if chosen(case.name)]
    return replace(report, cases=tuple(cases))


def _rule_files(path: Path, tests: TestFile, unknown: Severity) -> tuple[list[RuleFile], list[Problem]]:
    """The rules in the order in which the groups are to be evaluated, one group to a file; intervals do not count."""
    loaded: list[RuleFile] = []
    problems: list[Problem] = []
    for pattern, line, column in tests.rule_files:
        base, part = (Path(pattern).anchor, pattern.lstrip("/")) if pattern.startswith("/") else (path.parent, pattern)
        found = sorted(Path(base).glob(part)) if part.strip() else []
        if not found:
            hint = "rule files are looked for beside the test file"
            message = f"no file matches '{pattern}'"
            problems.append(Problem(str(path), line, column, message, hint, "test/rule-file", Severity.WARNING))
        for rule_path in found:
            rules, more = read_rule_file(rule_path)
            problems += lenient(more, unknown)
            loaded += [rules] if rules is not None else []
    singles = [RuleFile(rules.file, (replace(group, interval=None),)) for rules in loaded for group in rules.groups]
    order = {name: number for number, name in enumerate(tests.group_eval_order)}
    singles.sort(key=lambda rules: order.get(rules.groups[0].name, len(order)))
    return singles, problems


def _run(case: Case, tests: TestFile, rule_files: Iterable[RuleFile], left_closed: bool) -> CaseResult:
    step = tests.evaluation_interval
    window = SeriesWindow(default_retention=FOREVER)
    engine = Engine(
        window,
        interval_ms=step,
        external_labels=dict(case.external_labels),
        external_url=case.external_url,
        rule_series=1_000_000,
        rule_cpu_ms=60_000,
        start=Start.WARM,
        left_closed=left_closed,
        recovery=Recovery.ABSENCE,
    )
    engine.load(rule_files)
    window.retain({}, FOREVER)
    failures: list[TestFailure] = []
    began = time.perf_counter()
    horizon = max([0, *(test.at for test in case.alerts), *(test.at for test in case.exprs)])
    fill = _filler(window, case)
    for elapsed in range(0, horizon + 1, step):
        fill(elapsed)
        evaluation = engine.evaluate_due(case.start + elapsed)
        failures += [
            TestFailure(case.line, f"rule {each.rule} in group {each.group} failed at {_clock(elapsed)}", (each.error,))
            for each in evaluation.failures
        ]
        due = [test for test in case.alerts if elapsed <= test.at < elapsed + step]
        failures += [found for test in due if (found := _check_alerts(test, engine))]
    fill(horizon)
    options = EvalOptions(default_step=step, left_closed=left_closed, max_samples=_SAMPLE_BUDGET)
    failures += [found for expr in case.exprs if (found := _check_expr(expr, case, window, options, tests.fuzzy))]
    return CaseResult(case.name, case.line, tuple(failures), time.perf_counter() - began)


def _filler(window: SeriesWindow, case: Case) -> Callable[[int], None]:
    """A function that makes the samples up to so many ms after the start visible."""
    done = 0
    longest = max((len(series.values) for series in case.series), default=0)

    def fill(elapsed: int) -> None:
        nonlocal done
        while done < longest and done * case.interval <= elapsed:
            for series in case.series:
                value = series.values[done] if done < len(series.values) else None
                if value is not None:
                    window.append(series.name, series.labels, case.start + done * case.interval, value)
            done += 1

    return fill


def _check_alerts(test: AlertTest, engine: Engine) -> TestFailure | None:
    got = sorted(
        (alert.labels, tuple(sorted(pair for pair in alert.annotations.items() if pair[1] and test.annotations)))
        for alert in engine.alerts()
        if alert.rule == test.alertname and alert.state is AlertState.FIRING
    )
    expected = sorted((alert.labels, alert.annotations) for alert in test.expected)
    if got == expected:
        return None
    title = f"alertname: {test.alertname}, time: {_clock(test.at)}"
    return TestFailure(test.line, title, diff(_alert_lines(expected), _alert_lines(got)))


def _alert_lines(alerts: Iterable[tuple[Labels, Labels]]) -> list[str]:
    lines = []
    for labels, texts in alerts:
        lines.append(f"- labels: {_labels('', labels)}")
        for name, text in texts:
            first, *more = text.splitlines() or [""]
            lines += [f"  {name}: {first}", *(f"    {line}" for line in more)]
    return lines or ["none"]


def _check_expr(
    test: ExprTest, case: Case, window: SeriesWindow, options: EvalOptions, fuzzy: bool
) -> TestFailure | None:
    title = f"expr: {' '.join(test.text.split())}, time: {_clock(test.at)}"
    try:
        result = compile_expr(test.expr).instant(window, case.start + test.at, options)
    except EvalError as error:
        return TestFailure(test.line, title, (f"error: {error}",))
    got: list[tuple[str, Labels, float]]
    if isinstance(result, ScalarResult):
        got = [("", (), result.value)]
    elif isinstance(result, Vector):
        got = [(element.name, element.labels, element.value) for element in result.elements]
    else:
        return TestFailure(test.line, title, ("error: the expression gives neither a vector nor a scalar",))
    expected = [(sample.name, sample.labels, sample.value) for sample in test.expected]
    got.sort(key=lambda item: item[:2])
    expected.sort(key=lambda item: item[:2])
    same = len(got) == len(expected) and all(
        mine[:2] == theirs[:2] and _equal(mine[2], theirs[2], fuzzy) for mine, theirs in zip(got, expected, strict=True)
    )
    if same:
        return None
    return TestFailure(test.line, title, diff(_sample_lines(expected), _sample_lines(got)))


def _sample_lines(samples: Iterable[tuple[str, Labels, float]]) -> list[str]:
    return [f"{_labels(name, labels)} {value!r}" for name, labels, value in samples] or ["none"]


def _equal(one: float, other: float, fuzzy: bool) -> bool:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return True
    return fuzzy and (math.nextafter(one, other) == other)


def _labels(name: str, labels: Labels) -> str:
    return f"{name}{{{', '.join(f'{key}={json.dumps(value, ensure_ascii=False)}' for key, value in labels)}}}"


def _clock(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s"), (rest, "ms")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
