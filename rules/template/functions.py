"""The functions of Prometheus templates (its documentation: "Template reference") and of Go's text/template.

Each takes the ``Scope`` of the expansion and the evaluated arguments, whose number has been checked. A wrong type or
value raises TemplateError, whose text begins with the function's name once the evaluator has added it.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlsplit

from rules.template.lexer import TemplateError
from rules.template.printing import Arguments, Data, Element, Moment, Span, show, show_float, sprint, sprintf, type_name


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
    return (
        True
        if isinstance(value, Data | Element | Moment)
        else value.ns != 0
        if isinstance(value, Span)
        else bool(value)
    )


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


_GO_FLOAT = re.compile(r"[+-]?(inf(inity)?|nan|(\d[\d]*\.?\d*|\.\d+)(e[+-]?\d+)?|0x[0-9a-f.]+p[+-]?\d+)", re.IGNORECASE)


def _number(value: Value) -> float:
    if isinstance(value, str):
        if not _GO_FLOAT.fullmatch(value):
            raise TemplateError(f'"{value[:80]}" is not a number')
        return float.fromhex(value) if "x" in value.lower() else float(value)
    if isinstance(value, Span):
        return value.ns / 1e9
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateError(f"can't convert {type_name(value)} to float")
    return float(value)


# Numbers for people


def _g4(value: float) -> str:
    return show_float(value, "g", 4)


def _scaled(value: float, factor: float, prefixes: Sequence[str]) -> tuple[float, str]:
    """The value divided (or, with a factor below 1, multiplied) until it is handy, and the prefix that says so."""
    prefix = ""
    for candidate in prefixes:
        if (abs(value) < factor) if factor > 1 else (abs(value) >= 1):
            break
        prefix = candidate
        value = value / factor if factor > 1 else value * 1000
    return value, prefix


_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")


def humanize(value: Value) -> str:
    number = _number(value)
    if number == 0 or not math.isfinite(number):
        return _g4(number)
    scaled, prefix = _scaled(number, 1000, _LARGE) if abs(number) >= 1 else _scaled(number, 0.001, _SMALL)
    return _g4(scaled) + prefix


def humanize1024(value: Value) -> str:
    number = _number(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _g4(number)
    scaled, prefix = _scaled(number, 1024, _BINARY)
    return _g4(scaled) + prefix


def humanize_duration(value: Value) -> str:
    number = _number(value)
    if not math.isfinite(number):
        return _g4(number)
    if number == 0:
        return f"{_g4(number)}s"
    if abs(number) < 1:
        scaled, prefix = _scaled(number, 0.001, _SMALL)
        return f"{_g4(scaled)}{prefix}s"
    sign, size = ("-" if number < 0 else ""), abs(number)
    minutes, seconds = divmod(int(size), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_g4(size)}s"


def _moment(value: Value) -> Moment:
    number = _number(value)
    if not math.isfinite(number) or abs(number) * 1e9 >= 2**63:
        raise TemplateError(f"{show(number)} cannot be represented as a time")
    return Moment(int(number * 1e9) // 1_000_000)


def humanize_timestamp(value: Value) -> str:
    number = _number(value)
    return str(_moment(number)) if math.isfinite(number) else _g4(number)


def _span(value: Value) -> Span:
    number = _number(value)
    if not math.isfinite(number) or abs(number) * 1e9 >= 2**63:
        raise TemplateError(f"{show(number)} cannot be represented as a duration")
    return Span(int(number * 1e9))


_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)


def parse_duration(text: str) -> int | None:
    """Milliseconds of a Prometheus duration (``1h30m``, ``0``), or None when it is none."""
    if text == "0":
        return 0
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return None
    total = sum(int(number) * unit for number, unit in zip(found.groups(), _UNITS, strict=True) if number)
    return total if total < 2**63 // 1_000_000 else None


def _parse_duration(value: Value) -> float:
    milliseconds = parse_duration(_text(value))
    if milliseconds is None:
        raise TemplateError(f"not a valid duration string: {value!r}")
    return milliseconds / 1000


# Text


def _pattern(pattern: str) -> Any:
    import re2  # noqa: PLC0415 - only templates that match need it

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        detail = error.args[0] if error.args else error
        shown = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise TemplateError(f"bad regular expression {pattern[:200]!r}: {shown}") from error


_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """Go's ReplaceAllString: unanchored, ``$1`` and ``${name}`` in the replacement, an unknown group is empty."""
    compiled = _pattern(pattern)
    out: list[str] = []
    last = position = 0
    while position <= len(text):
        found = compiled.search(text, position)
        if found is None:
            break
        start, end = found.span()
        out.append(text[last:start])
        if end > last or start == 0:
            out.append(_REFERENCE.sub(lambda reference, found=found: _group(reference, found), replacement))  # type: ignore[misc]  # a lambda's default
        last = end
        position = end if end > position else position + 1
    return "".join(out) + text[last:]


def _group(reference: re.Match[str], found: Any) -> str:
    if reference[1]:
        return "$"
    name = reference[2] or reference[3]
    try:
        return found.group(int(name) if name.isdigit() else name) or ""
    except (IndexError, KeyError):
        return ""


def _title(text: str) -> str:
    """strings.Title: the first letter of each word; a word is letters, digits and underscores."""
    out: list[str] = []
    previous = " "
    for char in text:
        starts = not (previous == "_" or previous.isalnum()) if previous.isascii() else previous.isspace()
        out.append(char.title() if starts and len(char.title()) == 1 else char)
        previous = char
    return "".join(out)


def _split_host_port(text: str) -> tuple[str, str] | None:
    """net.SplitHostPort; None where that reports an error (no port, or too many colons)."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        return (host, port[1:]) if bracket and port.startswith(":") and not set(port[1:] + host) & set("[]") \
            and ":" not in port[1:] else None  # fmt: skip
    host, colon, port = text.rpartition(":")
    return (host, port) if colon and ":" not in host and not set(text) & set("[]") else None


def strip_port(text: str) -> str:
    split = _split_host_port(text)
    return split[0] if split else text


def strip_domain(text: str) -> str:
    split = _split_host_port(text)
    host = split[0] if split else text
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.split(".")[0]
        return f"{name}:{split[1]}" if split and split[1] else name
    return text


_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"})
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _js(text: str) -> str:
    return "".join(_JS.get(char) or (char if char.isprintable() else f"\\u{ord(char):04X}") for char in text)


def _graph_link(expr: str, tab: int) -> str:
    return f"/graph?g0.expr={quote_plus(expr, safe='~')}&g0.tab={tab}"


# Comparison and collections


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
    "humanizePercentage": Spec(lambda _, a: f"{_g4(_number(a[0]) * 100)}%", 1, 1),
    "humanizeTimestamp": Spec(lambda _, a: humanize_timestamp(a[0]), 1, 1),
    "toTime": Spec(lambda _, a: _moment(a[0]), 1, 1),
    "toDuration": Spec(lambda _, a: _span(a[0]), 1, 1),
    "now": Spec(lambda s, _: s.at / 1000, 0, 0),
    "parseDuration": Spec(lambda _, a: _parse_duration(a[0]), 1, 1),
    "title": Spec(lambda _, a: _title(_text(a[0])), 1, 1),
    "toUpper": Spec(lambda _, a: _text(a[0]).upper(), 1, 1),
    "toLower": Spec(lambda _, a: _text(a[0]).lower(), 1, 1),
    "stripPort": Spec(lambda _, a: strip_port(_text(a[0])), 1, 1),
    "stripDomain": Spec(lambda _, a: strip_domain(_text(a[0])), 1, 1),
    "match": Spec(lambda _, a: _pattern(_text(a[0])).search(_text(a[1])) is not None, 2, 2),
    "reReplaceAll": Spec(lambda _, a: replace_all(_text(a[0]), _text(a[1]), _text(a[2])), 3, 3),
    "args": Spec(lambda _, a: Arguments({f"arg{number}": value for number, value in enumerate(a)}), 0, None),
    "graphLink": Spec(lambda _, a: _graph_link(_text(a[0]), 0), 1, 1),
    "tableLink": Spec(lambda _, a: _graph_link(_text(a[0]), 1), 1, 1),
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
    "html": Spec(lambda _, a: _words(a).translate(_HTML), 1, None),
    "js": Spec(lambda _, a: _js(_words(a)), 1, None),
    "urlquery": Spec(lambda _, a: quote_plus(_words(a), safe="~"), 1, None),
}
