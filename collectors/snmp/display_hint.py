"""The DISPLAY-HINT of an octet string (RFC 2579, section 3.1): how its bytes are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from collectors.snmp.syntaxes import TEXT_LIMIT, display, shortened

_PART = re.compile(r"(?P<repeat>\*)?(?P<length>[0-9]{1,3})(?P<form>[dxoat])(?P<marks>(?(repeat)[^0-9*]{0,2}|[^0-9*]?))")


class _Part(NamedTuple):
    """So many bytes in one form, with what is written after them; ``repeat``: the byte before says how often."""

    repeat: bool
    length: int
    form: str
    separator: str
    terminator: str


@lru_cache(maxsize=256)
def parse(hint: str) -> tuple[_Part, ...]:
    """The parts of a hint. ValueError when it is none for octet strings."""
    parts: list[_Part] = []
    at = 0
    while at < len(hint):
        found = _PART.match(hint, at)
        if found is None:
            raise ValueError(f"{hint[:60]!r} is not a DISPLAY-HINT for octet strings, such as 1x: or 255a")
        marks = found["marks"]
        parts.append(_Part(bool(found["repeat"]), int(found["length"]), found["form"], marks[:1], marks[1:]))
        at = found.end()
    return tuple(parts)


def shown(raw: bytes, hint: str) -> str:
    """Bytes as the hint has them; its last part is used until nothing is left. Hexadecimal is upper case, padded."""
    out: list[str] = []
    size = 0
    for piece, separator in _pieces(raw, parse(hint)):
        out += (piece, separator)
        size += len(piece)
        if size > TEXT_LIMIT:
            break
    return shortened(display("".join(out[:-1]).encode()))  # nothing separates the last one from nothing


def _pieces(raw: bytes, parts: tuple[_Part, ...]) -> Iterator[tuple[str, str]]:
    """What is written for each group of bytes, and what separates it from the next."""
    at = number = 0
    while at < len(raw):
        part = parts[min(number, len(parts) - 1)]
        number += 1
        if not part.length and not part.repeat and number >= len(parts):
            return  # a part of no bytes at the end would go on for ever
        times = 1
        if part.repeat:
            times, at = raw[at], at + 1
        for turn in range(times):
            group = raw[at : at + part.length]
            at += len(group)
            ends = part.repeat and turn == times - 1 and part.terminator
            yield _written(group, part.form) if group else "", part.terminator if ends else part.separator
            if at >= len(raw):
                return


def _written(group: bytes, form: str) -> str:
    match form:
        case "d":
            return str(int.from_bytes(group, "big"))
        case "x":
            return group.hex().upper()
        case "o":
            return f"{int.from_bytes(group, 'big'):o}"
        case _:  # a, t: text in ASCII, in UTF-8
            return group.decode("utf-8", "replace")
