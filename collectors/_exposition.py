"""A strict, bounded reader of the Prometheus text format 0.0.4, for files other programs drop.

Format: prometheus.io/docs/instrumenting/exposition_formats. Types and help are skipped (they do not change a sample);
timestamps are refused, because a file's samples are of the moment it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors._model import Labels, Sample

SERIES_LIMIT = 10_000

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PAIR = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*')
_ESCAPE = re.compile(r"\\(.)")
_UNESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


class ExpositionError(ValueError):
    """The text is not the format; the message begins with the line number."""


def parse(text: str) -> list[Sample]:
    """All samples; ExpositionError at the first mistake, so that half a file is never taken for a whole one."""
    return list(_samples(text))


def _samples(text: str) -> Iterator[Sample]:
    if text and not text.endswith("\n"):
        raise ExpositionError("the last line does not end: the file is cut off or still being written")
    seen: set[tuple[str, Labels]] = set()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        try:
            sample = _sample(line)
        except ExpositionError as error:
            raise ExpositionError(f"line {number}: {error}") from None
        key = (sample.name, sample.labels)
        if key in seen:
            raise ExpositionError(f"line {number}: {sample.name} is there twice with the same labels")
        if len(seen) >= SERIES_LIMIT:
            raise ExpositionError(f"line {number}: more than {SERIES_LIMIT} series")
        seen.add(key)
        yield sample


def _sample(line: str) -> Sample:
    name = _NAME.match(line)
    if name is None:
        raise ExpositionError(f"a metric name is expected, not {line!r:.60}")
    position = name.end()
    if line[position : position + 1] not in ("", " ", "\t", "{"):
        raise ExpositionError(f"a blank or brace is expected after {name[0]}, not {line[position]!r}")
    while position < len(line) and line[position] in " \t":
        position += 1
    pairs: dict[str, str] = {}
    if line[position : position + 1] == "{":
        position = _pairs(line, position + 1, pairs)
    fields = line[position:].split()
    if not fields:
        raise ExpositionError(f"{name[0]} has no value")
    if len(fields) > 1:
        raise ExpositionError(
            f"{name[0]} has a timestamp or more text after its value; timestamps are not allowed here"
        )
    return Sample(name[0], tuple(sorted((k, v) for k, v in pairs.items() if v)), _value(fields[0]))


def _pairs(line: str, position: int, into: dict[str, str]) -> int:
    """Read ``name="value", ...}`` from ``position``; the position after the brace."""
    while True:
        pair = _PAIR.match(line, position)
        if pair is None:
            break
        if pair[1] in into:
            raise ExpositionError(f"label {pair[1]} is there twice")
        into[pair[1]] = _ESCAPE.sub(_unescape, pair[2])
        position = pair.end()
        if line[position : position + 1] != ",":
            break
        position += 1
    while position < len(line) and line[position] in " \t":
        position += 1
    if line[position : position + 1] != "}":
        raise ExpositionError(f"label pairs are not closed or not right at {line[position : position + 30]!r}")
    return position + 1


def _unescape(match: re.Match[str]) -> str:
    try:
        return _UNESCAPED[match[1]]
    except KeyError:
        raise ExpositionError(f"unknown escape \\{match[1]} in a label value") from None


def _value(text: str) -> float:
    if "_" not in text:  # Python reads 1_000, the format does not
        try:
            return float(text)
        except ValueError:
            pass  # said below
    raise ExpositionError(f"{text!r:.40} is not a number")
