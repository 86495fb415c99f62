"""Where a character of a YAML value stands in the file, whatever the style of the value.

Folding, indentation and chomping change only white space. So the n-th character of a value that is none is the n-th of
its text in the file that is none, once quotes and escapes are counted as what they stand for. Nothing is kept for this
while files are read; it is worked out anew for a message.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from rules.source import Scalar

_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PROPERTY: Final = re.compile(r"[&!]\S*\s+")
_HEADER: Final = re.compile(r"[|>][^\n\r]*")
_DOUBLE: Final = re.compile(
    '\\\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\r\n|.))|([^\\\\"])', re.DOTALL
)
_SINGLE: Final = re.compile("(')'|([^'])", re.DOTALL)
_ANY: Final = re.compile("(.)", re.DOTALL)
_SPACES: Final = "nrtv0ebaNLP_ \t"
"""What stands behind a backslash for white space, or for a character that no value holds."""


class Places:
    """Places in one text, as it is after the byte order mark; lines are counted once, however many mistakes it has."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(found.end() for found in _BREAK.finditer(text))]

    def of(self, scalar: Scalar, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at ``offset`` in the value of ``scalar``, read from this text.

        An offset at the end gives the place behind the last character. Where the two cannot be matched it is the
        beginning of the value, never a wrong place.
        """
        behind = start = self._start(scalar)
        wanted = sum(not char.isspace() for char in scalar.value[:offset])
        char = scalar.value[offset : offset + 1]
        for number, (found, begin, end) in enumerate(_characters(self._text, start)):
            if number == wanted and char and not char.isspace():
                return self._place(begin) if found == char else (scalar.line, scalar.column)
            if number == wanted:
                break
            behind = end
        return self._place(behind)

    def _start(self, scalar: Scalar) -> int:
        """The offset of the value's quote, block sign or first character; an anchor or tag may stand before it."""
        start = self._lines[min(scalar.line, len(self._lines)) - 1] + scalar.column - 1
        while found := _PROPERTY.match(self._text, start):
            start = found.end()
        return start

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1


def _characters(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Each character of the value that is no white space, with where it begins and ends in ``text``."""
    sign = text[start : start + 1]
    if sign == '"':
        pattern, start = _DOUBLE, start + 1
    elif sign == "'":
        pattern, start = _SINGLE, start + 1
    else:
        pattern = _ANY
        if header := sign and sign in "|>" and _HEADER.match(text, start):
            start = header.end()
    while found := pattern.match(text, start):
        char = _meant(found) if pattern is _DOUBLE else found[found.lastindex or 1]
        start = found.end()
        if not char.isspace():
            yield char, found.start(), found.end()


def _meant(found: re.Match[str]) -> str:
    two, four, eight, simple, plain = found.groups()
    if plain is not None:
        return plain
    if simple is not None:
        return " " if simple in _SPACES or _BREAK.fullmatch(simple) else simple
    code = int(two or four or eight, 16)
    return chr(code) if code <= 0x10FFFF else "\ufffd"
