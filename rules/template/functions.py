"""The functions of Prometheus templates (its documentation: "Template reference") and of Go's text/template.

Each takes the ``Scope`` of the expansion and the evaluated arguments, whose number has been checked. A wrong type or
value raises TemplateError, whose text begins with the function's name once the evaluator has added it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlsplit

from rules.template.humanize import (
    duration_seconds,
    humanize,
    humanize1024,
    humanize_duration,
    humanize_timestamp,
    short,
    to_float,
    to_moment,
    to_span,
)
from rules.template.lexer import TemplateError
from rules.template.printing import Arguments, Data, Element, Moment, Span, show, sprint, sprintf, type_name
from rules.template.texts import (
    compile_pattern,
    escape_html,
    escape_js,
    graph_link,
    replace_all,
    strip_domain,
    strip_port,
    title,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template may look at. ``query`` evaluates PromQL at ``at`` (timeline ms); it raises TemplateError."""

    labels: Mapping[str, str]
    value: float
    at: int
    query: Callable[[str], Sequence[Element]]
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""


Value = Any
"""A value of a template; see ``printing`` for which Python type stands for which Go type."""


class Spec(NamedTuple):
    """A function with its least and greatest number of arguments (None: any)."""

    call: Callable[[Scope, list[Value]], Value]
    least: int
    most: int | None


def truth(value: Value) -> bool:
    """Go's truth: false, 0, nil, and empty text, lists and maps are false."""
    if isinstance(value, Span):
        return value.ns != 0
    return isinstance(value, Data | Element | Moment) or bool(value)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"wrong type for value; expected string; got {type_name(value)}")
    return value


def _element(value: Value) -> Element:
    if not isinstance(value, Element):
        raise TemplateError(f"wrong type for value; expected *template.sample; got {type_name(value)}")
    return value


def _elements(value: Value) -> Sequence[Element]:
    if not isinstance(value, tuple):
        raise TemplateError(f"wrong type for value; expected template.queryResult; got {type_name(value)}")
    return value


def _kind(value: Value) -> str:
    kinds = {bool: "bool", int: "int", float: "float", str: "string"}
    kind = kinds.get(type(value))
    if kind is None:
        raise TemplateError(f"non-comparable type {type_name(value)}")
    return kind


def _equal(values: list[Value]) -> bool:
    """Whether the first equals any other; nil equals nothing but nil."""
    first = values[0]
    kind = None if first is None else _kind(first)
    for value in values[1:]:
        if first is None or value is None:
            if first is value:
                return True
            continue
        if _kind(value) != kind:
            raise TemplateError(f"incompatible types for comparison: {type_name(first)} and {type_name(value)}")
        if value == first:
            return True
    return False


def _less(left: Value, right: Value) -> bool:
    if _kind(left) != _kind(right):
        raise TemplateError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if isinstance(left, bool):
        raise TemplateError("invalid type for comparison: bool")
    return bool(left < right)


def _less_or_equal(left: Value, right: Value) -> bool:
    return _less(left, right) or left == right


def _length(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping | tuple):
        return len(value)
    raise TemplateError(f"len of type {type_name(value)}")


def _index(values: list[Value]) -> Value:
    item = values[0]
    for key in values[1:]:
        if isinstance(item, Mapping):
            item = item.get(_text(key), "")
        elif isinstance(item, tuple | str):
            sequence = item.encode() if isinstance(item, str) else item
            if isinstance(key, bool) or not isinstance(key, int):
                raise TemplateError(f"cannot index with type {type_name(key)}")
            if not 0 <= key < len(sequence):
                raise TemplateError(f"index out of range: {key}")
            item = sequence[key]
        else:
            raise TemplateError(f"can't index item of type {type_name(item)}")
    return item


def _slice(values: list[Value]) -> Value:
    item, bounds = values[0], values[1:]
    if not isinstance(item, str | tuple):
        raise TemplateError(f"can't slice item of type {type_name(item)}")
    if isinstance(item, str) and len(bounds) > 2:
        raise TemplateError("cannot 3-index slice a string")
    sequence = item.encode() if isinstance(item, str) else item
    numbers = [0, len(sequence), len(sequence)]
    for place, bound in enumerate(bounds):
        if isinstance(bound, bool) or not isinstance(bound, int) or not 0 <= bound <= len(sequence):
            raise TemplateError(f"index out of range: {show(bound)}")
        numbers[place] = bound
    for low, high in pairwise(numbers):
        if low > high:
            raise TemplateError(f"invalid slice index: {low} > {high}")
    part = sequence[numbers[0] : numbers[1]]
    return part.decode("utf-8", "replace") if isinstance(part, bytes) else part


def _first(value: Value) -> Element:
    elements = _elements(value)
    if not elements:
        raise TemplateError("first() called on vector with no elements")
    return elements[0]


def _by_label(label: str, elements: Sequence[Element]) -> tuple[Element, ...]:
    return tuple(sorted(elements, key=lambda element: element.labels.get(label, "")))


def _words(values: list[Value]) -> str:
    """The arguments of html, js and urlquery as one text."""
    return values[0] if len(values) == 1 and isinstance(values[0], str) else sprint(values)


def _no_function(value: Value) -> Value:
    raise TemplateError(f"non-function of type {type_name(value)}")


def _unreachable(_scope: Scope, _args: list[Value]) -> Value:
    raise TemplateError("evaluated by the evaluator itself")


FUNCTIONS: dict[str, Spec] = {
    "query": Spec(lambda s, a: tuple(s.query(_text(a[0]))), 1, 1),
    "first": Spec(lambda _, a: _first(a[0]), 1, 1),
    "label": Spec(lambda _, a: _element(a[1]).labels.get(_text(a[0]), ""), 2, 2),
    "value": Spec(lambda _, a: _element(a[0]).value, 1, 1),
    "strvalue": Spec(lambda _, a: _element(a[0]).labels.get("__value__", ""), 1, 1),
    "sortByLabel": Spec(lambda _, a: _by_label(_text(a[0]), _elements(a[1])), 2, 2),
    "humanize": Spec(lambda _, a: humanize(a[0]), 1, 1),
    "humanize1024": Spec(lambda _, a: humanize1024(a[0]), 1, 1),
    "humanizeDuration": Spec(lambda _, a: humanize_duration(a[0]), 1, 1),
    "humanizePercentage": Spec(lambda _, a: f"{short(to_float(a[0]) * 100)}%", 1, 1),
    "humanizeTimestamp": Spec(lambda _, a: humanize_timestamp(a[0]), 1, 1),
    "toTime": Spec(lambda _, a: to_moment(a[0]), 1, 1),
    "toDuration": Spec(lambda _, a: to_span(a[0]), 1, 1),
    "now": Spec(lambda s, _: s.at / 1000, 0, 0),
    "parseDuration": Spec(lambda _, a: duration_seconds(_text(a[0])), 1, 1),
    "title": Spec(lambda _, a: title(_text(a[0])), 1, 1),
    "toUpper": Spec(lambda _, a: _text(a[0]).upper(), 1, 1),
    "toLower": Spec(lambda _, a: _text(a[0]).lower(), 1, 1),
    "stripPort": Spec(lambda _, a: strip_port(_text(a[0])), 1, 1),
    "stripDomain": Spec(lambda _, a: strip_domain(_text(a[0])), 1, 1),
    "match": Spec(lambda _, a: compile_pattern(_text(a[0])).search(_text(a[1])) is not None, 2, 2),
    "reReplaceAll": Spec(lambda _, a: replace_all(_text(a[0]), _text(a[1]), _text(a[2])), 3, 3),
    "args": Spec(lambda _, a: Arguments({f"arg{number}": value for number, value in enumerate(a)}), 0, None),
    "graphLink": Spec(lambda _, a: graph_link(_text(a[0]), 0), 1, 1),
    "tableLink": Spec(lambda _, a: graph_link(_text(a[0]), 1), 1, 1),
    "externalURL": Spec(lambda s, _: s.external_url, 0, 0),
    "pathPrefix": Spec(lambda s, _: urlsplit(s.external_url).path, 0, 0),
    "safeHtml": Spec(lambda _, a: _text(a[0]), 1, 1),
    "urlQueryEscape": Spec(lambda _, a: quote_plus(_text(a[0]), safe="~"), 1, 1),
    "and": Spec(_unreachable, 1, None),
    "or": Spec(_unreachable, 1, None),
    "call": Spec(lambda _, a: _no_function(a[0]), 1, None),
    "not": Spec(lambda _, a: not truth(a[0]), 1, 1),
    "eq": Spec(lambda _, a: _equal(a), 2, None),
    "ne": Spec(lambda _, a: not _equal(a), 2, 2),
    "lt": Spec(lambda _, a: _less(a[0], a[1]), 2, 2),
    "le": Spec(lambda _, a: _less_or_equal(a[0], a[1]), 2, 2),
    "gt": Spec(lambda _, a: not _less_or_equal(a[0], a[1]), 2, 2),
    "ge": Spec(lambda _, a: not _less(a[0], a[1]), 2, 2),
    "len": Spec(lambda _, a: _length(a[0]), 1, 1),
    "index": Spec(lambda _, a: _index(a), 1, None),
    "slice": Spec(lambda _, a: _slice(a), 1, 4),
    "print": Spec(lambda _, a: sprint(a), 0, None),
    "println": Spec(lambda _, a: " ".join(show(value) for value in a) + "\n", 0, None),
    "printf": Spec(lambda _, a: sprintf(_text(a[0]), a[1:]), 1, None),
    "html": Spec(lambda _, a: escape_html(_words(a)), 1, None),
    "js": Spec(lambda _, a: escape_js(_words(a)), 1, None),
    "urlquery": Spec(lambda _, a: quote_plus(_words(a), safe="~"), 1, None),
}
