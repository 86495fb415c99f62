"""Reads a dump of samples with timestamps into a series window, for ``tocsin query --data`` and ``tocsin replay``.

Two text formats, told apart by the last line: OpenMetrics 1.0 ends with ``# EOF`` and counts time in seconds, the
Prometheus text format 0.0.4 has no such line and counts in milliseconds. An OpenMetrics dump that was cut short has
lost that line; one whose times would then lie in the first years after 1970 is refused. Everything is bounded before
it is parsed.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from math import isnan, nan
from typing import Final

from rules.model import Labels, canonical
from rules.series import SeriesWindow

MAX_LINE: Final = 64 * 1024
MAX_LABELS: Final = 128
MAX_SAMPLES: Final = 8_000_000
MAX_SERIES: Final = 100_000

_SECONDS: Final = (1e9, 1e11)
"""Times from 2001 on, were they seconds; as milliseconds they would lie between 1970 and 1973."""

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r'[ \t]*(?:([a-zA-Z_:][a-zA-Z0-9_:.]*)|"((?:[^"\\]|\\.)*)")[ \t]*')
_VALUE: Final = re.compile(r'="((?:[^"\\]|\\.)*)"')
_REST: Final = re.compile(r"[ \t]*([^\s#]+)(?:[ \t]+([^\s#]+))?[ \t]*(?:#.*)?")
_NUMBER: Final = re.compile(r"[+-]?(?:inf(?:inity)?|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"[ \t]*(?:,|(?=}))")
_ESCAPE: Final = re.compile(r"\\(.)")


class OpenMetricsError(ValueError):
    """A line that is not in the format. Lines and columns count from 1."""

    def __init__(self, line: int, column: int, message: str, hint: str = "") -> None:
        super().__init__(f"{line}:{column}: {message}" + (f" ({hint})" if hint else ""))
        self.line = line
        self.column = column
        self.message = message
        self.hint = hint


class _Samples:
    """What was read of one series, compactly; a time is as written, NaN when there was none."""

    __slots__ = ("lines", "times", "values")

    def __init__(self) -> None:
        self.times = array("d")
        self.values = array("d")
        self.lines = array("l")


class _Reader:
    def __init__(self) -> None:
        self.series: dict[tuple[str, Labels], _Samples] = {}
        self.count = 0
        self.ended = False
        self._identities: dict[str, tuple[str, Labels]] = {}

    def read(self, number: int, line: str) -> None:
        if len(line) > MAX_LINE:
            raise OpenMetricsError(number, MAX_LINE, f"line is longer than {MAX_LINE} characters")
        line = line.rstrip()
        if number == 1:
            line = line.removeprefix("\ufeff")
        if not line:
            return
        if self.ended:
            raise OpenMetricsError(number, 1, "there is something after '# EOF'", "remove it, or the end mark")
        if line.startswith("#"):
            self.ended = line == "# EOF"
            return
        end = _series_end(number, line)
        text = line[:end]
        identity = self._identities.get(text)
        if identity is None:
            identity = self._identities[text] = _parse_series(number, text)
        rest = _REST.fullmatch(line, end)
        if rest is None:
            raise OpenMetricsError(number, end + 1, "expected a value and a timestamp", "such as: up 1 1700000000")
        value = _number(number, rest.start(1), rest[1])
        time = nan
        if rest[2] is not None:
            time = _number(number, rest.start(2), rest[2])
            if not abs(time) < 1e15:
                raise OpenMetricsError(number, rest.start(2) + 1, f"not a timestamp: {rest[2]}")
        samples = self.series.setdefault(identity, _Samples())
        samples.times.append(time)
        samples.values.append(value)
        samples.lines.append(number)
        self.count += 1
        if len(self.series) > MAX_SERIES or self.count > MAX_SAMPLES:
            limit = f"{MAX_SERIES} series or {MAX_SAMPLES} samples"
            raise OpenMetricsError(number, 1, f"more than {limit}", "cut the dump into smaller ones")


def load_openmetrics(lines: str | Iterable[str], *, at: int | None = None) -> SeriesWindow:
    """All samples of the dump, nothing trimmed. ``OpenMetricsError`` says where it is wrong.

    Samples without a timestamp are taken at ``at`` (ms); with ``at`` None they are an error.
    """
    reader = _Reader()
    for number, line in enumerate(lines.split("\n") if isinstance(lines, str) else lines, 1):
        reader.read(number, line)
    scale = 1000 if reader.ended else 1
    window = SeriesWindow(max_series=MAX_SERIES, max_samples=MAX_SAMPLES)
    for (name, labels), samples in reader.series.items():
        rows = zip(samples.times, samples.values, samples.lines, strict=True)
        timed = [(_milliseconds(time, scale, at, number), value, number) for time, value, number in rows]
        for time, value, number in sorted(timed, key=lambda sample: sample[0]):
            if not window.append(name, labels, time, value):
                raise OpenMetricsError(number, 1, f"a second value of this {name} at the same time", "keep one of them")
    return window


def _milliseconds(time: float, scale: int, at: int | None, number: int) -> int:
    if not isnan(time):
        if scale == 1 and _SECONDS[0] <= time < _SECONDS[1]:
            raise OpenMetricsError(
                number,
                1,
                "the time looks like seconds, but '# EOF' is missing at the end",
                "the dump was cut short, or add that line; without it times are milliseconds",
            )
        return round(time * scale)
    if at is None:
        raise OpenMetricsError(number, 1, "sample has no timestamp", "add one to each line")
    return at


def _number(line: int, column: int, text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise OpenMetricsError(line, column + 1, f"not a number: {text[:40]}")
    return float(text)


def _series_end(number: int, line: str) -> int:
    """Where the metric name and its labels end."""
    head = _NAME.match(line)
    position = head.end() if head else 0
    if not line.startswith("{", position):
        if head is None:
            raise OpenMetricsError(number, 1, "expected a metric name", 'a name in quotes belongs in braces: {"a.b"} 1')
        return position
    end = line.find("}", position)
    if end >= 0 and '"' not in line[position:end]:
        return end + 1
    quoted = escaped = False
    for index in range(position, len(line)):
        character = line[index]
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "}" and not quoted:
            return index + 1
    raise OpenMetricsError(number, position + 1, "the labels are not closed", "add the missing quote or }")


def _parse_series(number: int, text: str) -> tuple[str, Labels]:
    head = _NAME.match(text)
    name = head[0] if head else ""
    position = len(name) + 1
    pairs: dict[str, str] = {}
    while position < len(text) and text[position:].strip() != "}":
        label = _LABEL.match(text, position)
        if label is None:
            raise OpenMetricsError(number, position + 1, "expected a label name")
        key = label[1] or _unescape(label[2] or "")
        value = _VALUE.match(text, label.end())
        if value is None:
            if name or label[1]:
                raise OpenMetricsError(number, label.end() + 1, 'expected ="value" after the label name')
            name, position = key, label.end()
        elif key in pairs:
            raise OpenMetricsError(number, position + 1, f"label {key} is written twice")
        else:
            pairs[key], position = _unescape(value[1]), value.end()
        if len(pairs) > MAX_LABELS:
            raise OpenMetricsError(number, position, f"more than {MAX_LABELS} labels")
        separator = _SEPARATOR.match(text, position)
        if separator is None:
            raise OpenMetricsError(number, position + 1, "expected , or } after a label")
        position = separator.end()
    name = pairs.pop("__name__", name)
    if not name:
        raise OpenMetricsError(number, 1, "the series has no metric name")
    return name, canonical(pairs)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text) if "\\" in text else text
