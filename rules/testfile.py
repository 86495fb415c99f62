"""Test files in the format of ``promtool test rules`` to values, every mistake at once with its position."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from rules.model import Labels, Problem, Severity
from rules.notation import MAX_ALL_VALUES, NotationError, parse_series, parse_values
from rules.promql.ast import Expr, Number
from rules.promql.errors import ExprError
from rules.promql.parse import parse
from rules.source import Documents, Mapping, Node, Scalar, Sequence, did_you_mean, read_yaml
from rules.template.humanize import parse_duration

MINUTE = 60_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InputSeries:
    name: str
    labels: Labels
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    labels: Labels
    annotations: Labels


@dataclass(frozen=True, slots=True)
class AlertTest:
    """``at`` is ms after the start of the test. ``annotations`` says whether they are compared."""

    at: int
    alertname: str
    expected: tuple[ExpectedAlert, ...]
    line: int
    annotations: bool = True


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class ExprTest:
    at: int
    text: str
    expr: Expr
    expected: tuple[ExpectedSample, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of ``tests``. ``start`` is ms since the epoch."""

    name: str
    interval: int
    start: int
    series: tuple[InputSeries, ...]
    alerts: tuple[AlertTest, ...]
    exprs: tuple[ExprTest, ...]
    external_labels: Labels
    external_url: str
    line: int


@dataclass(frozen=True, slots=True)
class TestFile:
    __test__ = False
    rule_files: tuple[tuple[str, int, int], ...]
    """Pattern, line, column."""
    evaluation_interval: int
    group_eval_order: tuple[str, ...]
    fuzzy: bool
    cases: tuple[Case, ...]


_NO_SERIES: tuple[str, Labels] = ("", ())
_TOP = ("rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests")
_CASE = ("name", "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels", "external_url",
         "start_timestamp", "ignore_annotations")  # fmt: skip


UNKNOWN_KEY = "yaml/unknown-key"


def parse_test_file(
    text: str | bytes, file: str, unknown: Severity = Severity.ERROR
) -> tuple[TestFile | None, list[Problem]]:
    """The tests of a file, or None when there is any error; problems are ordered by position.

    ``unknown`` is what a key that nobody knows is.
    """
    node, problems = read_yaml(text, file, Documents.FIRST)
    reader = _Reader(file, problems)
    tests = reader.file(node) if node is not None else None
    problems = sorted(lenient(problems, unknown))
    return (None if any(problem.severity is Severity.ERROR for problem in problems) else tests), problems


def lenient(problems: Iterable[Problem], unknown: Severity) -> list[Problem]:
    """The problems, with ``unknown`` as the severity of keys that nobody knows."""
    return [replace(problem, severity=unknown) if problem.check == UNKNOWN_KEY else problem for problem in problems]


class _Reader:
    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._room = MAX_ALL_VALUES

    def file(self, node: Node) -> TestFile:
        top = self._mapping(node, _TOP)
        interval = self._duration(top.get("evaluation_interval")) or MINUTE
        return TestFile(
            tuple((item.text, item.line, item.column) for item in self._scalars(top.get("rule_files"))),
            interval,
            self._order(top.get("group_eval_order")),
            self._bool(top.get("fuzzy_compare")),
            tuple(self._case(item, interval) for item in self._list(top.get("tests"))),
        )

    def _order(self, node: Node | None) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for item in self._scalars(node):
            if item.text in names:
                self._problem(item, f"group '{item.text[:80]}' is listed twice", "list each group once")
            names[item.text] = None
        return tuple(names)

    def _case(self, node: Node, interval: int) -> Case:
        case = self._mapping(node, _CASE)
        ignored = self._bool(case.get("ignore_annotations"))
        return Case(
            self._text(case.get("name")),
            self._duration(case.get("interval")) or interval,
            self._start(case.get("start_timestamp")),
            self._all_series(case.get("input_series")),
            tuple(self._alert_test(item, ignored) for item in self._list(case.get("alert_rule_test"))),
            tuple(self._expr_test(item) for item in self._list(case.get("promql_expr_test"))),
            self._pairs(case.get("external_labels")),
            self._text(case.get("external_url")),
            node.line,
        )

    def _all_series(self, node: Node | None) -> tuple[InputSeries, ...]:
        """Of a series that is given twice the last one counts, as in the reference."""
        found: dict[tuple[str, Labels], InputSeries] = {}
        for item in self._list(node):
            series = self._series(item)
            if (series.name, series.labels) in found:
                hint = "only this one counts; remove the other"
                self._problem(item, f"series {series.name} is given twice", hint, severity=Severity.WARNING)
            found[series.name, series.labels] = series
        return tuple(found.values())

    def _series(self, node: Node) -> InputSeries:
        entry = self._mapping(node, ("series", "values"))
        name, labels = self._read(entry.get("series") or node, parse_series, _NO_SERIES)
        nothing: list[float | None] = []
        values = self._read(entry.get("values") or node, self._values, nothing)
        return InputSeries(name, labels, tuple(values))

    def _values(self, text: str) -> list[float | None]:
        values = parse_values(text) if self._room >= 0 else []
        self._room -= len(values)
        if self._room < 0:
            raise NotationError(f"all series together have more than {MAX_ALL_VALUES} values")
        return values

    def _alert_test(self, node: Node, ignored: bool) -> AlertTest:
        entry = self._mapping(node, ("eval_time", "alertname", "exp_alerts", "ignore_annotations"))
        ignored = ignored or self._bool(entry.get("ignore_annotations"))
        name = self._text(entry.get("alertname"))
        if not name and isinstance(node, Mapping):
            self._problem(node, "an alert test needs 'alertname'", "name the alert that is tested")
        expected = []
        for item in self._list(entry.get("exp_alerts")):
            alert = self._mapping(item, ("exp_labels", "exp_annotations"))
            written = alert.get("exp_annotations")
            if ignored and self._pairs(written) and written is not None:
                self._problem(
                    written, "annotations are expected where 'ignore_annotations' is set", "remove one of them"
                )
            labels = dict(self._pairs(alert.get("exp_labels"))) | {"alertname": name}
            expected.append(ExpectedAlert(tuple(sorted(labels.items())), self._pairs(alert.get("exp_annotations"))))
        at = self._duration(entry.get("eval_time"))
        return AlertTest(at, name, tuple(expected), node.line, annotations=not ignored)

    def _expr_test(self, node: Node) -> ExprTest:
        entry = self._mapping(node, ("expr", "eval_time", "exp_samples"))
        at = self._duration(entry.get("eval_time")) or 0
        samples = [self._sample(item) for item in self._list(entry.get("exp_samples"))]
        text = self._text(entry.get("expr"))
        expr: Expr = Number(0.0)
        try:
            expr = parse(text)
        except ExprError as error:
            self._problem(entry.get("expr") or node, error.message, error.hint)
        return ExprTest(at, text, expr, tuple(samples), node.line)

    def _sample(self, node: Node) -> ExpectedSample:
        entry = self._mapping(node, ("labels", "value", "histogram"))
        name, labels = self._read(entry.get("labels") or Scalar("", node.line, node.column), parse_series, _NO_SERIES)
        histogram = entry.get("histogram")
        if histogram is not None:
            self._problem(histogram, "native histograms are not supported", "test a classic histogram's series")
        value = entry.get("value")
        number = 0.0 if value is None else self._number(value)
        return ExpectedSample(name, labels, number)

    def _number(self, node: Node) -> float:
        """As YAML writes numbers: ``18``, ``1e3``, ``.nan``, ``-.inf``, and not in quotes."""
        text = self._text(node)
        number = _YAML_FLOATS.get(text.lower())
        if number is None and _FLOAT.fullmatch(text) and isinstance(node, Scalar) and node.plain:
            number = float(text)
        if number is None:
            self._problem(
                node, f"'{text[:80]}' is not a number", "write it like 18, 1e3, .nan or -.inf, without quotes"
            )
        return 0.0 if number is None else number

    # Types

    def _problem(
        self, node: Node, message: str, hint: str = "", check: str = "test/format", severity: Severity = Severity.ERROR
    ) -> None:
        self._problems.append(Problem(self._file, node.line, node.column, message, hint, check, severity))

    def _mapping(self, node: Node, keys: Iterable[str]) -> Mapping:
        if not isinstance(node, Mapping):
            self._problem(node, "this must be a mapping", f"known keys: {', '.join(keys)}")
            return Mapping((), node.line, node.column)
        for key, _ in node.items:
            if key.value not in keys:
                self._problem(key, f"unknown key '{key.value[:80]}'", did_you_mean(key.value, keys), UNKNOWN_KEY)
        return node

    def _list(self, node: Node | None) -> tuple[Node, ...]:
        if isinstance(node, Sequence):
            return node.items
        if node is not None and not (isinstance(node, Scalar) and node.is_null):
            self._problem(node, "this must be a list", "start each item with '- '")
        return ()

    def _scalars(self, node: Node | None) -> list[Scalar]:
        items = self._list(node)
        for item in items:
            self._text(item)
        return [item for item in items if isinstance(item, Scalar)]

    def _text(self, node: Node | None) -> str:
        if isinstance(node, Scalar):
            return node.text
        if node is not None:
            self._problem(node, "this must be text", "quote it")
        return ""

    def _read(self, node: Node, read: Callable[[str], T], otherwise: T) -> T:
        try:
            return read(self._text(node))
        except NotationError as error:
            self._problem(node, str(error))
            return otherwise

    def _duration(self, node: Node | None) -> int:
        text = self._text(node)
        found = parse_duration(text) if text else 0
        if found is None and node is not None:
            self._problem(node, f"'{text[:80]}' is not a duration", "write it like 30s, 5m or 1h30m")
        return found or 0

    def _bool(self, node: Node | None) -> bool:
        text = self._text(node)
        if node is not None and text not in ("true", "false", ""):
            self._problem(node, f"'{text[:80]}' is neither true nor false")
        return text == "true"

    def _pairs(self, node: Node | None) -> Labels:
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return ()
        if not isinstance(node, Mapping):
            self._problem(node, "this must be a mapping of names to texts")
            return ()
        pairs = [(key.value, self._text(value)) for key, value in node.items]
        return tuple(sorted((key, value) for key, value in pairs if value))

    def _start(self, node: Node | None) -> int:
        """Seconds since the epoch, or RFC 3339."""
        text = self._text(node)
        if node is None or not text:
            return 0
        try:
            return int(float(text) * 1000)
        except (ValueError, OverflowError):
            pass
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self._problem(node, f"'{text[:80]}' is no time", "write Unix seconds or 2026-01-31T12:00:00Z")
            return 0
        return round(moment.timestamp() * 1000)


_YAML_FLOATS = {".nan": math.nan, ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf}
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
