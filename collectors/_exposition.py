"""A strict, bounded reader of the Prometheus text format, for files other programs drop.

Format: prometheus.io/docs/instrumenting/exposition_formats, 0.0.4 and what 1.0.0 adds: names of any UTF-8 stand in
quotes, that of a metric inside the braces: ``{"http.requests","service.name"="shop"} 1``.
A family's TYPE comes before its samples, and each of TYPE and HELP at most once, as Prometheus's own parser wants it.
Timestamps are refused, because a file's samples are of the moment it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors._model import PARTS, Labels, MetricType, Sample

SERIES_LIMIT = 10_000

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_QUOTED_NAME = re.compile(rf"[ \t]*{_QUOTED}[ \t]*(?=[,}}])")
_PAIR = re.compile(rf"[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|{_QUOTED})[ \t]*=[ \t]*{_QUOTED}[ \t]*")
_COMMENT = re.compile(rf"#[ \t]*(HELP|TYPE)[ \t]+(?:{_QUOTED}|([^ \t]+))(?:[ \t]+(.*))?")
_ESCAPE = re.compile(r"\\(.)")
_UNESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


class ExpositionError(ValueError):
    """The text is not the format; the message begins with the line number."""


class Family(NamedTuple):
    """What a text says of a family; None for what it does not say."""

    type: MetricType | None = None
    help: str | None = None


class Exposition(NamedTuple):
    """What a text holds. A family of which nothing is said is not in ``families``."""

    samples: tuple[Sample, ...]
    families: dict[str, Family]


def parse(text: str) -> Exposition:
    """All of it; ExpositionError at the first mistake, so that half a file is never taken for a whole one."""
    families: dict[str, Family] = {}
    return Exposition(tuple(_samples(text, families)), families)


def _samples(text: str, families: dict[str, Family]) -> Iterator[Sample]:
    if text and not text.endswith("\n"):
        raise ExpositionError("the last line does not end: the file is cut off or still being written")
    seen: set[tuple[str, Labels]] = set()
    begun: set[str] = set()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t\r")
        if not line:
            continue
        try:
            if line.startswith("#"):
                _comment(line, families, begun)
                continue
            sample = _sample(line)
            key = (sample.name, sample.labels)
            if key in seen:
                raise ExpositionError(f"{sample.name} is there twice with the same labels")
            if len(seen) >= SERIES_LIMIT:
                raise ExpositionError(f"more than {SERIES_LIMIT} series")
        except ExpositionError as error:
            raise ExpositionError(f"line {number}: {error}") from None
        seen.add(key)
        begun.add(sample.name)
        yield sample


def _comment(line: str, families: dict[str, Family], begun: set[str]) -> None:
    """Take in what a line of TYPE or HELP says; any other comment says nothing."""
    found = _COMMENT.fullmatch(line)
    if found is None:
        return
    name = found[3] if found[2] is None else _ESCAPE.sub(_unescape, found[2])
    held = families.get(name, Family())
    if found[1] == "HELP":
        if held.help is not None:
            raise ExpositionError(f"a second HELP of {name}")
        families[name] = held._replace(help=_ESCAPE.sub(_unescape, found[4] or ""))
        return
    try:
        kind = MetricType((found[4] or "").lower())
    except ValueError:
        kinds = ", ".join(each.value for each in MetricType)
        raise ExpositionError(f"{found[4] or ''!r:.40} is not a type of a metric (write one of {kinds})") from None
    if held.type is not None:
        raise ExpositionError(f"a second TYPE of {name}")
    if any(f"{name}{end}" in begun for end in ("", *PARTS.get(kind, ()))):
        raise ExpositionError(f"the TYPE of {name} stands after its samples")
    families[name] = held._replace(type=kind)


def _sample(line: str) -> Sample:
    head = _NAME.match(line)
    name, position = (head[0], head.end()) if head is not None else ("", 0)
    if head is None and line[0] != "{":
        raise ExpositionError(f"a metric name is expected, not {line!r:.60}")
    if line[position : position + 1] not in ("", " ", "\t", "{"):
        raise ExpositionError(f"a blank or brace is expected after {name}, not {line[position]!r}")
    while position < len(line) and line[position] in " \t":
        position += 1
    pairs: dict[str, str] = {}
    if line[position : position + 1] == "{":
        position += 1
        if head is None:
            name, position = _quoted_name(line, position)
        position = _pairs(line, position, pairs)
    fields = line[position:].split()
    if not fields:
        raise ExpositionError(f"{name} has no value")
    if len(fields) > 1:
        raise ExpositionError(f"{name} has a timestamp or more text after its value; timestamps are not allowed here")
    return Sample(name, tuple(sorted((k, v) for k, v in pairs.items() if v)), _value(fields[0]))


def _quoted_name(line: str, position: int) -> tuple[str, int]:
    """The metric name that stands first inside the braces, and where the labels begin."""
    found = _QUOTED_NAME.match(line, position)
    if found is None or not found[1]:
        raise ExpositionError("a metric name is expected, before the brace or in quotes as the first thing in it")
    position = found.end()
    return _ESCAPE.sub(_unescape, found[1]), position + (line[position] == ",")


def _pairs(line: str, position: int, into: dict[str, str]) -> int:
    """Read ``name="value", ...}`` from ``position``; the position after the brace."""
    while True:
        pair = _PAIR.match(line, position)
        if pair is None:
            break
        label = pair[1] or _ESCAPE.sub(_unescape, pair[2])
        if label in into:
            raise ExpositionError(f"label {label} is there twice")
        into[label] = _ESCAPE.sub(_unescape, pair[3])
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
        raise ExpositionError(f"unknown escape \\{match[1]} in quotes") from None


def _value(text: str) -> float:
    if "_" not in text:  # Python reads 1_000, the format does not
        try:
            return float(text)
        except ValueError:
            pass  # said below
    raise ExpositionError(f"{text!r:.40} is not a number")
