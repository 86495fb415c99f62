"""The series notation of Prometheus's test files: ``metric{label="value"} 1+2x3 _ stale``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rules.model import Labels
from rules.staleness import STALE

_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
_PAIR = re.compile(rf"\s*(?:(?P<name>[\w:.]+)|(?P<quoted>{_QUOTED}))\s*(?:=\s*(?P<value>{_QUOTED}))?\s*,?")
_ITEM = re.compile(
    r"(?P<start>_|stale|[-+]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?))"
    r"(?P<delta>[-+](?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?))?(?:x(?P<times>\d+))?",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(.))", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


NATIVE = "native histograms"
START_TIMES = "@st"
"""Behind a series: its start timestamps follow. Alone: those of all series of this load."""


class NotationError(ValueError):
    """The line is not in the notation."""


@dataclass(frozen=True)
class SeriesLine:
    """``values`` holds one entry per step; None is a gap. ``beyond`` says why the series is out of scope, if it is."""

    name: str
    labels: Labels
    values: tuple[float | None, ...]
    beyond: str = ""


def unquote(text: str) -> str:
    """A Go string literal; ``\\xff`` and ``\\377`` are bytes."""
    if text.startswith("`"):
        return text[1:-1]

    def replace(match: re.Match[str]) -> bytes:
        hexed, octal, code, simple = match.groups()
        if hexed or octal:
            return bytes([int(hexed, 16) if hexed else int(octal, 8)])
        return chr(int(code[1:], 16)).encode() if code else _SIMPLE.get(simple, simple).encode()

    parts, position = [], 1
    for match in _ESCAPE.finditer(text, 1, len(text) - 1):
        parts += [text[position : match.start()].encode(), replace(match)]
        position = match.end()
    return b"".join([*parts, text[position:-1].encode()]).decode("utf-8", "surrogateescape")


def parse_series(line: str) -> SeriesLine:
    name, labels, rest = parse_metric(line)
    if "{{" in rest:
        return SeriesLine(name, labels, (), NATIVE)
    if rest.startswith(START_TIMES):
        return SeriesLine(name, labels, (), "experimental start timestamps")
    values: list[float | None] = []
    for item in rest.split():
        values.extend(expand(item))
    return SeriesLine(name, labels, tuple(values))


def mark_start_times(line: str) -> str:
    """The line of a series as one that has start timestamps."""
    _, _, rest = parse_metric(line)
    return f"{line.removesuffix(rest).rstrip()}{START_TIMES} {rest}"


def parse_metric(line: str) -> tuple[str, Labels, str]:
    """Metric name, labels without empty values, and what follows them."""
    head = re.match(r"[A-Za-z_:][\w:.]*", line)
    name = head[0] if head else ""
    rest = line[len(name) :].lstrip() if head else line
    pairs: dict[str, str] = {}
    if rest.startswith("{") and not rest.startswith("{{"):
        position = 1
        while not re.match(r"\s*}", rest[position:]):
            pair = _PAIR.match(rest, position)
            if pair is None or pair.end() == position:
                raise NotationError(f"cannot read the labels of: {line}")
            label = pair["name"] or unquote(pair["quoted"])
            if pair["value"] is None:
                name = label
            elif label == "__name__":
                name = unquote(pair["value"])
            else:
                pairs[label] = unquote(pair["value"])
            position = pair.end()
        rest = rest[rest.index("}", position) + 1 :]
    elif not head:
        raise NotationError(f"not a series: {line}")
    return name, tuple(sorted((label, value) for label, value in pairs.items() if value)), rest.strip()


def expand(item: str) -> list[float | None]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise NotationError(f"not a sequence of values: {item}")
    start, delta, times = match["start"], match["delta"], match["times"]
    if start == "_":
        return [None] * (int(times) if times else 1)
    value = STALE if start.lower() == "stale" else float(start)
    if delta is None:
        return [value] * (int(times) + 1 if times else 1)
    values: list[float | None] = []
    for _ in range(int(times or 0) + 1):
        values.append(value)
        value += float(delta)
    return values
