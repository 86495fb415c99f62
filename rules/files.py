"""Prometheus rule files to values, every mistake at once (the reference's "Recording rules" and "Alerting rules").

A file is used whole or not at all. What a plain loader would quietly change (``yes``, ``0x10``, ``1e3``) stays
text here and is read by the field that holds it. Positions stay with each rule, for messages about it later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rules.model import Problem, Severity
from rules.promql.ast import Expr, Number, ValueType
from rules.promql.compile import compile_expr
from rules.promql.errors import ExprError
from rules.promql.parse import parse, value_type
from rules.source import MAX_BYTES, MAX_PROBLEMS, Documents, Mapping, Node, Scalar, Sequence, read_yaml
from rules.template.evaluator import Template
from rules.template.humanize import parse_duration
from rules.template.lexer import TemplateError

if TYPE_CHECKING:
    from rules.places import Places


@dataclass(frozen=True, slots=True)
class Rule:
    """What both kinds share. ``text`` is the expression as written; two rules are equal wherever they stand."""

    name: str
    text: str
    expr: Expr
    line: int = field(compare=False)
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class AlertingRule(Rule):
    """Durations in ms. Labels (with those of the group) and annotations are sorted by name."""

    for_: int
    keep_firing_for: int
    labels: tuple[tuple[str, Template], ...]
    annotations: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class RecordingRule(Rule):
    """``labels`` are set on every element, an empty value deletes; they are no templates."""

    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """``interval`` and ``query_offset`` in ms, None where the file leaves them to the engine; ``limit`` 0 is none."""

    name: str
    interval: int | None
    query_offset: int | None
    limit: int
    rules: tuple[AlertingRule | RecordingRule, ...]
    line: int = field(compare=False)
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class RuleFile:
    file: str
    groups: tuple[Group, ...]

    @property
    def rules(self) -> Iterator[AlertingRule | RecordingRule]:
        """Those of all groups, in order."""
        return (rule for group in self.groups for rule in group.rules)

    @property
    def alerts(self) -> Iterator[AlertingRule]:
        return (rule for rule in self.rules if isinstance(rule, AlertingRule))


_GROUP_KEYS = frozenset({"name", "interval", "query_offset", "limit", "labels", "rules"})
_RULE_KEYS = frozenset({"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_ALERT_ONLY = ("for", "keep_firing_for", "annotations")
_QUOTE = "write one text; quote it when it starts with { or ["
_NO_EXPR = Number(0.0)
_GIVES = {ValueType.MATRIX: "range vector", ValueType.STRING: "string"}


def read_rule_file(path: Path) -> tuple[RuleFile | None, list[Problem]]:
    """``parse_rule_file`` of what is at ``path``; a file that cannot be read is a problem like any other."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return None, [
            Problem(str(path), 0, 0, f"cannot be read: {error.strerror}", "check path and rights", "file/read")
        ]
    return parse_rule_file(text, str(path))


def parse_rule_file(text: str | bytes, file: str) -> tuple[RuleFile | None, list[Problem]]:
    """The rules of a file, or None when a problem is an error; problems are ordered by position."""
    node, problems = read_yaml(text, file, Documents.FIRST)
    reader = _Reader(file, problems, text)
    groups = reader.file(node) if node is not None else ()
    problems.sort()
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, problems
    return RuleFile(file, groups), problems


class _Reader:
    """Turns nodes into values; a mistake becomes a problem, and reading goes on with something harmless instead."""

    def __init__(self, file: str, problems: list[Problem], text: str | bytes) -> None:
        self._file = file
        self._problems = problems
        self._source = text
        self._places: Places | None = None

    def file(self, node: Node) -> tuple[Group, ...]:
        top = self._mapping(node, "the file", ("groups",))
        groups: list[Group] = []
        first_lines: dict[str, int] = {}
        for item in self._list(top.get("groups"), "groups"):
            if len(self._problems) >= MAX_PROBLEMS:
                break
            group = self._group(item)
            if group.name in first_lines:
                message = f"group name '{group.name}' stands twice, first on line {first_lines[group.name]}"
                self._error(item, message, "give each group of a file its own name", "group/duplicate")
            elif group.name:
                first_lines[group.name] = group.line
            groups.append(group)
        if len(self._problems) >= MAX_PROBLEMS:
            message = f"{MAX_PROBLEMS} mistakes and more; the rules behind them were not read"
            self._problems.append(Problem(self._file, 0, 0, message, "mend the others first", "yaml/many"))
        else:
            self._warn_of_duplicates(groups)
        return tuple(groups)

    def _group(self, node: Node) -> Group:
        entries = self._mapping(node, "a group", _GROUP_KEYS)
        name = self._text(entries.get("name"), "name")
        if not name and isinstance(node, Mapping):
            self._error(entries.get("name") or node, "a group needs a name", "add 'name: ...'", "group/name")
        interval = self._duration(entries.get("interval"), "interval")
        offset = self._duration(entries.get("query_offset"), "query_offset")
        limit = self._limit(entries.get("limit"))
        labels = dict(self._labels(entries.get("labels"), "labels"))
        rules = tuple(self._rule(item, labels) for item in self._list(entries.get("rules"), "rules"))
        return Group(name, interval or None, offset, limit, tuple(filter(None, rules)), node.line, node.column)

    def _rule(self, node: Node, group_labels: dict[str, Scalar]) -> AlertingRule | RecordingRule | None:
        if len(self._problems) >= MAX_PROBLEMS:
            return None
        entries = self._mapping(node, "a rule", _RULE_KEYS)
        if not isinstance(node, Mapping):
            return None
        record, alert = (self._text(entries.get(key), key) for key in ("record", "alert"))
        if bool(record) == bool(alert):
            message = "a rule is either 'record' or 'alert', not both" if record else "a rule needs 'record' or 'alert'"
            hint = "make two rules of it" if record else "add 'alert: Name' or 'record: metric:name'"
            self._error(entries.get("alert") or node, message, hint, "rule/kind")
        text, expr = self._expression(entries.get("expr"), node)
        labels = group_labels | dict(self._labels(entries.get("labels"), "labels"))
        if record:
            return self._recording(record, text, expr, labels, entries)
        durations = [self._duration(entries.get(key), key) for key in ("for", "keep_firing_for")]
        annotations = dict(self._labels(entries.get("annotations"), "annotations"))
        if "alertname" in labels:
            message = "the label 'alertname' is replaced by the name of the rule"
            self._error(labels["alertname"], message, "remove it", "label/name", Severity.WARNING)
        return AlertingRule(
            alert, text, expr, node.line, node.column, durations[0] or 0, durations[1] or 0,
            self._templates(labels), self._templates(annotations),
        )  # fmt: skip

    def _recording(
        self, name: str, text: str, expr: Expr, labels: dict[str, Scalar], entries: Mapping
    ) -> RecordingRule:
        if "{" in name or "}" in name:
            message = f"braces in the metric name '{name[:80]}'"
            hint = "give the name alone; 'labels' adds labels and 'expr' holds the expression"
            self._error(entries.get("record") or entries, message, hint, "rule/name")
        for key, value in entries.items:
            if key.value in _ALERT_ONLY and not _says_nothing(value):
                self._error(key, f"a recording rule has no '{key.value}'", "remove it", "rule/keys")
        values = tuple(sorted((label, given.text) for label, given in labels.items()))
        return RecordingRule(name, text, expr, entries.line, entries.column, values)

    def _expression(self, node: Node | None, rule: Mapping) -> tuple[str, Expr]:
        text = self._text(node, "expr")
        if not text.strip():
            if node is None or isinstance(node, Scalar):
                self._error(node or rule, "a rule needs an expression", "add 'expr: ...'", "rule/expr")
            return "", _NO_EXPR
        try:
            expr = parse(text)
            # Whoever loads the file compiles it again; what the compiler refuses must be found here, with its place.
            compile_expr(expr)
        except ExprError as error:
            self._refuse_expression(node or rule, text, error)
            return text, _NO_EXPR
        kind = value_type(expr)
        if kind not in (ValueType.VECTOR, ValueType.SCALAR):
            message = f"the expression gives a {_GIVES[kind]}, a rule needs an instant vector or a scalar"
            hint = "wrap it in a function such as rate()" if kind is ValueType.MATRIX else "use a metric"
            line, column = self._inside(node or rule, len(text) - len(text.lstrip()))
            self._problems.append(Problem(self._file, line, column, message, hint, "promql/type"))
        return text, expr

    def _refuse_expression(self, node: Node, text: str, error: ExprError) -> None:
        """At the character that is wrong, as far as that is known."""
        if error.at is None:
            from rules.promql.diagnose import diagnose  # noqa: PLC0415 - only a mistake needs it

            error = diagnose(text) or error
        line, column = self._inside(node, error.at)
        self._problems.append(Problem(self._file, line, column, error.message, error.hint, "promql/syntax"))

    def _inside(self, node: Node, offset: int | None) -> tuple[int, int]:
        """The place in the file of a character of a value; of the value itself when that is not known."""
        if offset is None or not isinstance(node, Scalar):
            return node.line, node.column
        if self._places is None:
            from rules.places import Places  # noqa: PLC0415 - only a mistake needs it

            text = self._source if isinstance(self._source, str) else self._source.decode("utf-8", "replace")
            self._places = Places(text.removeprefix("\ufeff"))
        return self._places.of(node, offset)

    def _labels(self, node: Node | None, where: str) -> Iterable[tuple[str, Scalar]]:
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return
        for key, value in self._mapping(node, where, None).items:
            if where == "labels" and key.value == "__name__":
                self._error(
                    key, "the label '__name__' cannot be set", "name a recording rule with 'record'", "label/name"
                )
            elif not key.value:
                what = "a label" if where == "labels" else "an annotation"
                self._error(key, f"{what} name is empty", "write 'name: value', or remove it", "label/name")
            if isinstance(value, Scalar):
                yield key.value, value
            else:
                self._error(value, f"'{key.value[:80]}' must be text", _QUOTE, "yaml/type")

    def _templates(self, values: dict[str, Scalar]) -> tuple[tuple[str, Template], ...]:
        templates: list[tuple[str, Template]] = []
        for name, value in sorted(values.items()):
            try:
                templates.append((name, Template.parse(value.text)))
            except TemplateError as error:
                line, column = self._inside(value, error.at)
                message = f"template of '{name}': {error.message}"
                self._problems.append(Problem(self._file, line, column, message, error.hint, "template/syntax"))
        return tuple(templates)

    def _warn_of_duplicates(self, groups: list[Group]) -> None:
        seen: dict[tuple[object, ...], int] = {}
        for group in groups:
            for rule in group.rules:
                key = (type(rule), rule.name, tuple((name, str(value)) for name, value in rule.labels))
                if not rule.name:
                    continue
                if key in seen:
                    message = f"rule '{rule.name}' with the same labels stands twice, first on line {seen[key]}"
                    hint = "give one of them another name or another label"
                    problem = Problem(
                        self._file, rule.line, rule.column, message, hint, "rule/duplicate", Severity.WARNING
                    )
                    self._problems.append(problem)
                seen.setdefault(key, rule.line)

    # Types

    def _error(self, node: Node, message: str, hint: str, check: str, severity: Severity = Severity.ERROR) -> None:
        self._problems.append(Problem(self._file, node.line, node.column, message, hint, check, severity))

    def _mapping(self, node: Node, what: str, keys: Iterable[str] | None) -> Mapping:
        """The node as a mapping with no other keys than these; an empty one when it is something else."""
        if isinstance(node, Mapping):
            for key, _ in node.items:
                if keys is not None and key.value not in keys:
                    from rules.slips import mend_key  # noqa: PLC0415 - only a mistake needs it

                    hint = mend_key(key.value, what, frozenset(keys))
                    self._error(key, f"unknown key '{key.value[:80]}' in {what}", hint, "yaml/unknown-key")
            return node
        if not (isinstance(node, Scalar) and node.is_null and what == "the file"):
            self._error(node, f"{what} must be a mapping, not {_kind(node)}", "write 'key: value' lines", "yaml/type")
        return Mapping((), node.line, node.column)

    def _list(self, node: Node | None, key: str) -> tuple[Node, ...]:
        if isinstance(node, Sequence):
            return node.items
        if node is not None and not (isinstance(node, Scalar) and node.is_null):
            self._error(node, f"'{key}' must be a list, not {_kind(node)}", "start each item with '- '", "yaml/type")
        return ()

    def _text(self, node: Node | None, key: str) -> str:
        if node is None or isinstance(node, Scalar):
            return node.text if node is not None else ""
        self._error(node, f"'{key}' must be text, not {_kind(node)}", _QUOTE, "yaml/type")
        return ""

    def _duration(self, node: Node | None, key: str) -> int | None:
        text = self._text(node, key)
        if node is None or not text:
            return None
        milliseconds = parse_duration(text)
        if milliseconds is None:
            hint = "write it like 30s, 5m or 1h30m: whole numbers, largest unit first"
            if text.isascii() and text.isdigit():
                hint = f"a unit is missing: write {text[:20]}s, or a longer one such as 5m"
            elif text.startswith("-"):
                hint = "it cannot be negative"
            self._error(node, f"'{key}: {text[:80]}' is not a duration", hint, "yaml/duration")
        return milliseconds

    def _limit(self, node: Node | None) -> int:
        text = self._text(node, "limit")
        if node is None or not text:
            return 0
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            self._error(node, f"'limit: {text[:80]}' is not a whole number from 0 on", "0 is no limit", "yaml/number")
            return 0
        return int(text)


def _kind(node: Node) -> str:
    if isinstance(node, Scalar) and node.is_null:
        return "nothing"
    return {Mapping: "a mapping", Sequence: "a list", Scalar: "text"}[type(node)]


def _says_nothing(value: Node) -> bool:
    """``for: 0s``, ``annotations: {}`` and keys without a value, which generators of rules write."""
    match value:
        case Scalar():
            return value.text in ("", "0", "0s")
        case Mapping(items):
            return not items
    return False
