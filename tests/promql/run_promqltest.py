"""Run conformance files of Prometheus's promqltest format: ``python tests/promql/run_promqltest.py FILE...``

Prints each failure with file and line, the reasons of skips with counts, and last ``N passed, M failed, K skipped``.
A case is skipped only when it needs native histograms or experimental syntax that Tocsin refuses when a file is loaded.
Every instant case is also evaluated with ``@`` on all its selectors at other times, and as the middle of a range query.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import re2  # noqa: E402 - the path is set above
from series_notation import (  # noqa: E402 - the path is set above
    NATIVE,
    START_TIMES,
    NotationError,
    SeriesLine,
    mark_start_times,
    parse_series,
    unquote,
)

from rules.model import Labels  # noqa: E402
from rules.promql.annotations import Notes, annotated  # noqa: E402
from rules.promql.ast import At, AtKind, Call, Expr, Subquery, VectorSelector  # noqa: E402
from rules.promql.compile import compile_expr  # noqa: E402
from rules.promql.errors import EvalError, ExprError  # noqa: E402
from rules.promql.functions_math import DATES  # noqa: E402
from rules.promql.histogram import parse_bound  # noqa: E402
from rules.promql.match import SeriesMatcher  # noqa: E402
from rules.promql.parse import parse  # noqa: E402
from rules.promql.query import Query  # noqa: E402
from rules.promql.values import EvalOptions, Matrix, Result, ScalarResult, StringResult, Vector  # noqa: E402
from rules.series import SeriesWindow  # noqa: E402
from rules.staleness import is_stale  # noqa: E402

OPTIONS = EvalOptions(delayed_names=True, max_samples=50_000_000)
MINUTE = 60_000
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_TIME_DEPENDENT = frozenset({*DATES, "predict_linear", "time", "timestamp"})
_COMMAND = re.compile(r"clear$|load(_with_nhcb)?\s+\S+$|eval(_\w+)?\s+(instant|range)\s", re.IGNORECASE)
_INSTANT = re.compile(r"eval(?:_(fail|warn|info|ordered))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")
_OF_THE_QUERY = re.compile(r"(start|end|range|step)\(\)")
"""Their meaning changes with the range of the query."""
_REFUSED = re.compile(
    r"(?:function|aggregation) (?P<name>\w+) is (?:experimental|for (?P<native>native))"
    r"|(?P<syntax>.*) (?:are|is) experimental"
)
"""How the product refuses what a case may be skipped for."""


class CaseFailure(Exception):
    """The case gave something else than it should have."""


class SkipCase(Exception):
    """The case needs something that is out of scope; the text says what."""


@dataclass(frozen=True)
class Expected:
    """A message, exact or as a pattern; neither for any."""

    message: str | None = None
    pattern: str | None = None

    def matches(self, text: str) -> bool:
        if self.message is not None:
            return text == self.message
        return self.pattern is None or re2.search(self.pattern, text) is not None


@dataclass
class Case:
    line: int
    query: str
    start: int
    end: int
    step: int | None
    fails: bool = False
    failure: Expected = Expected()
    ordered: bool = False
    warns: bool = False
    informs: bool = False
    notes: dict[str, list[Expected]] = field(default_factory=dict)
    """What is expected of annotations, by ``warn``, ``info``, ``no_warn``, ``no_info``."""
    scalar: float | None = None
    string: str | None = None
    times: tuple[int, int, int] | None = None
    series: list[SeriesLine] = field(default_factory=list)


@dataclass
class Tally:
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)


class Storage:
    """What the ``load`` commands loaded; the window is made again after each."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, Labels], dict[int, float]] = {}
        self.beyond: dict[tuple[str, Labels], str] = {}
        """Series we cannot load, and why."""
        self.window = SeriesWindow()

    def load(self, lines: Sequence[SeriesLine], step: int, *, with_native: bool) -> None:
        self.beyond.update({(line.name, line.labels): line.beyond for line in lines if line.beyond})
        for line in {(line.name, line.labels): line for line in lines if not line.beyond}.values():
            key = (line.name, line.labels)
            if with_native and (base := _native_twin(line)) is not None:
                self.beyond[base] = NATIVE
            samples = self.samples.setdefault(key, {})
            samples.update({index * step: value for index, value in enumerate(line.values) if value is not None})
        self.window = SeriesWindow(max_samples=50_000_000)
        for (name, labels), samples in self.samples.items():
            for at in sorted(samples):
                if not self.window.append(name, labels, at, samples[at]):
                    raise AssertionError(f"refused {name}{labels} at {at}")

    def beyond_scope(self, selectors: Sequence[SeriesMatcher]) -> str | None:
        """Why a query with these selectors cannot be run, if so."""
        found = (why for key, why in self.beyond.items() if any(selector.matches(*key) for selector in selectors))
        return next(found, None)


def _native_twin(line: SeriesLine) -> tuple[str, Labels] | None:
    """The native histogram that ``load_with_nhcb`` makes of a series of a classic one."""
    base = re.fullmatch(r"(.*)_(bucket|count|sum)", line.name)
    if base is None:
        return None
    bounds = [value for label, value in line.labels if label == "le"]
    if base[2] == "bucket" and (not bounds or (bound := parse_bound(bounds[0])) is None or math.isnan(bound)):
        return None
    return base[1], tuple(pair for pair in line.labels if pair[0] != "le")


def duration(text: str) -> int:
    """Milliseconds of ``1h30m``, ``10s`` or bare seconds."""
    if re.fullmatch(r"-?[\d.]+(e\d+)?", text):
        return round(float(text) * 1000)
    if not re.fullmatch(r"-?([\d.]+(ms|[smhdwy]))+", text):
        raise NotationError(f"not a duration: {text}")
    sign = -1 if text.startswith("-") else 1
    parts = re.findall(r"([\d.]+)(ms|[smhdwy])", text)
    return sign * round(sum(float(number) * _UNITS[unit] for number, unit in parts))


def blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """The numbered lines of each block; comments count as empty lines."""
    block: list[tuple[int, str]] = []
    for number, raw in enumerate([*text.splitlines(), ""], 1):
        line = raw.strip()
        if line.startswith("#"):
            line = ""
        if block and (not line or _COMMAND.match(line)):
            yield block
            block = []
        if line:
            block.append((number, line))


def run_file(path: Path, tally: Tally, options: EvalOptions = OPTIONS) -> None:
    storage = Storage()
    for block in blocks(path.read_text(encoding="utf-8")):
        number, head = block[0]
        where = f"{path.name}:{number}"
        command = head.split(maxsplit=1)[0].lower()
        try:
            if command == "clear":
                storage = Storage()
            elif command.startswith("load"):
                storage.load(*_read_load(block), with_native=command == "load_with_nhcb")
            elif command.startswith("eval"):
                run_case(read_case(block), storage, options)
                tally.passed += 1
            else:
                raise NotationError("unknown command")
        except SkipCase as reason:
            tally.skips[str(reason)] += 1
        except (CaseFailure, NotationError) as error:
            tally.failures.append(f"{where}: {head}\n    {error}")


def _read_load(block: list[tuple[int, str]]) -> tuple[list[SeriesLine], int]:
    fields = block[0][1].split()
    if len(fields) != 2:
        raise NotationError("write load and the step")
    lines = [line for _, line in block[1:]]
    if any(line.split(maxsplit=1)[0] == START_TIMES for line in lines):  # for all series behind it
        lines = [line if START_TIMES in line.split(maxsplit=1)[0] else mark_start_times(line) for line in lines]
    return [parse_series(line) for line in lines if line.split(maxsplit=1)[0] != START_TIMES], duration(fields[1])


def read_case(block: list[tuple[int, str]]) -> Case:
    number, head = block[0]
    instant, ranged = _INSTANT.fullmatch(head), _RANGE.fullmatch(head)
    if instant:
        at = duration(instant[2] or "0")
        case = Case(number, instant[3], at, at, None)
        flag = instant[1]
    elif ranged:
        case = Case(number, ranged[5], duration(ranged[2]), duration(ranged[3]), duration(ranged[4]))
        flag = ranged[1]
    else:
        raise NotationError(f"cannot read: {head}")
    case.fails = flag == "fail"
    case.ordered = flag == "ordered"
    case.warns, case.informs = flag == "warn", flag == "info"
    for _, line in block[1:]:
        _read_expectation(case, line)
    for kind in ("warn", "info"):
        if kind in case.notes and f"no_{kind}" in case.notes:
            raise NotationError(f"{kind} and no_{kind} are both expected")
    return case


def _read_expectation(case: Case, line: str) -> None:
    if line.startswith("expected_fail_message "):
        case.failure = Expected(message=line.partition(" ")[2].strip())
    elif line.startswith("expected_fail_regexp "):
        case.failure = Expected(pattern=line.partition(" ")[2].strip())
    elif line.startswith("expect range vector "):
        match = re.fullmatch(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)", line)
        if match is None:
            raise NotationError(f"cannot read: {line}")
        case.times = (duration(match[1]), duration(match[2]), duration(match[3]))
    elif line.startswith("expect string "):
        case.string = unquote(line[len("expect string ") :].strip())
    elif line.split(maxsplit=1)[0] == "expect":
        match = _EXPECT.fullmatch(line)
        if match is None:
            raise NotationError(f"cannot read: {line}")
        kind, how, text = match[1], match[2], (match[3] or "").strip()
        expected = Expected(message=text if how == "msg" else None, pattern=text if how == "regex" else None)
        if kind == "fail":
            if case.fails:
                raise NotationError("more than one failure is expected")
            case.fails, case.failure = True, expected
        elif kind == "ordered":
            case.ordered = True
        else:
            case.notes.setdefault(kind, []).append(expected)
    elif (number := parse_number(line)) is not None:
        case.scalar = number
    else:
        case.series.append(parse_series(line))


def parse_number(text: str) -> float | None:
    """A number as Go's strconv reads integers (with base 0) and floats."""
    octal = re.fullmatch(r"([-+]?)0_?([0-7][0-7_]*)", text)
    try:
        return float(int(octal[1] + octal[2], 8)) if octal else float(int(text, 0))
    except ValueError:
        pass
    if re.fullmatch(r"[-+]?0x[0-9a-f.]+p[-+]?\d+", text, re.IGNORECASE):
        return float.fromhex(text)
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def run_case(case: Case, storage: Storage, options: EvalOptions) -> None:
    try:
        expr = parse(case.query, experimental=True)
        notes = Notes()
        query = compile_expr(annotated(expr, case.query, notes))
    except ExprError as error:
        reason = _out_of_scope(error)
        if reason:
            raise SkipCase(reason) from None
        if not case.fails:
            raise CaseFailure(f"not accepted: {error}") from None
        _check_error(case, error.message)
        return
    beyond = next((line.beyond for line in case.series if line.beyond), None)
    beyond = beyond or storage.beyond_scope(_selectors(expr))
    if beyond:
        raise SkipCase(beyond)
    try:
        result = _evaluate(query, case, storage, options)
    except EvalError as error:
        _check_error(case, str(error))
        return
    if case.fails:
        raise CaseFailure(f"should have failed, gave {result}")
    _check_notes(case, notes.warnings(), notes.infos())
    compare(case, result)
    if case.step is None:
        _check_at_other_times(case, expr, storage, options)
        _check_inside_range(case, query, storage, options)


def _out_of_scope(error: ExprError) -> str | None:
    refused = _REFUSED.match(error.message)
    if refused is None:
        return None
    if refused["native"]:
        return NATIVE
    return f"experimental {refused['name']}" if refused["name"] else f"experimental syntax: {refused['syntax']}"


def _evaluate(query: Query, case: Case, storage: Storage, options: EvalOptions) -> Result:
    if case.step is None:
        return query.instant(storage.window, case.start, options)
    return query.range(storage.window, case.start, case.end, case.step, options)


def _check_error(case: Case, message: str) -> None:
    if not case.fails:
        raise CaseFailure(f"failed: {message}")
    if not case.failure.matches(message):
        raise CaseFailure(f"failed as it should, but with {message!r}, not {case.failure}")


def _check_notes(case: Case, warnings: Sequence[str], infos: Sequence[str]) -> None:
    for kind, wanted, said in (("warn", case.warns, warnings), ("info", case.informs, infos)):
        expected = case.notes.get(kind, [])
        if (wanted or expected) and not said:
            raise CaseFailure(f"expected {kind} annotations, got none")
        if f"no_{kind}" in case.notes and said:
            raise CaseFailure(f"unexpected {kind} annotations {said}")
        for each in expected:
            if not any(each.matches(text) for text in said):
                raise CaseFailure(f"expected {kind} {each}, got {said}")
        for text in said if expected else ():
            if not any(each.matches(text) for each in expected):
                raise CaseFailure(f"unexpected {kind} annotation {text!r}")


def _nodes(node: Any) -> Iterator[Any]:
    if isinstance(node, tuple):
        for child in node:
            yield from _nodes(child)
    elif is_dataclass(node):
        yield node
        for item in fields(node):
            yield from _nodes(getattr(node, item.name))


def _selectors(expr: Expr) -> list[SeriesMatcher]:
    return [SeriesMatcher(node.matchers) for node in _nodes(expr) if isinstance(node, VectorSelector)]


def _pinned(node: Any, at: int) -> Any:
    """The expression with ``@ at`` on every selector and outermost subquery that has no fixed time yet."""
    if isinstance(node, tuple):
        return tuple(_pinned(child, at) for child in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    if isinstance(node, VectorSelector | Subquery):
        return node if node.at and node.at.kind is AtKind.TIME else replace(node, at=At(AtKind.TIME, at))
    return replace(node, **{item.name: _pinned(getattr(node, item.name), at) for item in fields(node)})


def _check_at_other_times(case: Case, expr: Expr, storage: Storage, options: EvalOptions) -> None:
    if _OF_THE_QUERY.search(case.query):
        return
    if any(isinstance(node, Call) and node.func in _TIME_DEPENDENT for node in _nodes(expr)):
        return
    query = compile_expr(_pinned(expr, case.start))
    at = case.start
    for other in (-10 * at, 0, at // 5, at, 10 * at) if at else (-1000, 1000):
        try:
            compare(case, query.instant(storage.window, other, options))
        except (CaseFailure, EvalError) as error:
            raise CaseFailure(f"with @ {at / 1000} at {other / 1000}: {error}") from None


def _check_inside_range(case: Case, query: Query, storage: Storage, options: EvalOptions) -> None:
    if case.string is not None or case.times is not None or _OF_THE_QUERY.search(case.query):
        return
    try:
        matrix = query.range(storage.window, case.start - MINUTE, case.start + MINUTE, MINUTE, options)
    except EvalError as error:
        raise CaseFailure(f"in a range query: {error}") from None
    if case.ordered:
        return
    items = [
        (line.name, line.labels, value)
        for line in matrix.lines
        for time, value in zip(line.times, line.values, strict=True)
        if time == case.start
    ]
    try:
        if case.scalar is not None:
            _compare_number(items[0][2], case.scalar, "scalar")
        else:
            _compare_series(case, {(n, labels): [value] for n, labels, value in items}, 1)
    except CaseFailure as error:
        raise CaseFailure(f"in a range query: {error}") from None


def compare(case: Case, result: Result) -> None:
    match result:
        case ScalarResult(_, value):
            if case.scalar is None:
                raise CaseFailure(f"unexpected scalar {value}")
            _compare_number(value, case.scalar, "scalar")
        case StringResult(_, value):
            if value != case.string:
                raise CaseFailure(f"expected string {case.string!r}, got {value!r}")
        case Vector(_, elements):
            if case.scalar is not None or case.string is not None or case.times is not None:
                raise CaseFailure(f"unexpected vector {elements}")
            if case.ordered:
                got = [(element.name, element.labels) for element in elements]
                if got != [(line.name, line.labels) for line in case.series]:
                    raise CaseFailure(f"wrong order: {got}")
            _compare_series(case, {(e.name, e.labels): [e.value] for e in elements}, 1)
            if len(elements) != len({(line.name, line.labels) for line in case.series}):
                raise CaseFailure(f"expected {len(case.series)} elements, got {len(elements)}")
        case Matrix(lines):
            first, last, step = case.times or (case.start, case.end, case.step or 1)
            steps = range(first, last + 1, step)
            rows: dict[tuple[str, Labels], list[float | None]] = {}
            for line in lines:
                at = dict(zip(line.times, line.values, strict=True))
                if not set(at) <= set(steps):
                    raise CaseFailure(f"samples at unexpected times: {line}")
                rows[line.name, line.labels] = [at.get(time) for time in steps]
            _compare_series(case, rows, len(steps))


def _compare_series(case: Case, got: dict[tuple[str, Labels], Any], steps: int) -> None:
    expected = {(line.name, line.labels): line.values for line in case.series}
    if set(expected) != set(got):
        extra, missing = sorted(set(got) - set(expected)), sorted(set(expected) - set(got))
        raise CaseFailure(f"unexpected series {extra}, missing series {missing}")
    for key, values in expected.items():
        wanted = [*values, *[None] * (steps - len(values))]
        if len(wanted) != len(got[key]):
            raise CaseFailure(f"{key}: expected {wanted}, got {got[key]}")
        for want, value in zip(wanted, got[key], strict=True):
            if want is None or value is None:
                if want is not value:
                    raise CaseFailure(f"{key}: expected {wanted}, got {got[key]}")
            else:
                _compare_number(value, want, str(key))


def _compare_number(got: float, want: float, what: str) -> None:
    if math.isnan(want) or math.isnan(got):
        same = math.isnan(want) and math.isnan(got) and is_stale(want) == is_stale(got)
    elif want == got:
        same = True
    else:
        total, difference = abs(want) + abs(got), abs(want - got)
        smallest = sys.float_info.min
        if want == 0 or got == 0 or total < smallest:
            same = difference < 1e-6 * smallest
        else:
            same = difference / min(total, sys.float_info.max) < 1e-6
    if not same:
        raise CaseFailure(f"{what}: expected {want}, got {got}")


def main(paths: Sequence[str]) -> int:
    if not paths:
        print("usage: run_promqltest.py FILE...", file=sys.stderr)
        return 2
    tally = Tally()
    for path in paths:
        run_file(Path(path), tally)
    for failure in tally.failures:
        print(f"FAIL {failure}")
    for reason, count in sorted(tally.skips.items()):
        print(f"skipped {count:5}  {reason}")
    print(f"{tally.passed} passed, {len(tally.failures)} failed, {sum(tally.skips.values())} skipped")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
