"""What Prometheus can read and the parser library cannot, respelled so that it can. The meaning stays the same.

==============================  =========================================================================
``1_000``                       without the underscores
``m offset 0``                  without the offset
``m @ -1``                      a time so far in the future that it cannot be meant; ``signed_time`` reverses it
``anchored``, ``smoothed``      as names of metrics and labels: quoted
``"\\xc3\\xa9"``                  escapes of bytes: the characters they make up
`` `\\d` ``                        raw strings, in which the library looks for escapes: quoted
==============================  =========================================================================

A byte that belongs to no character becomes a private character, which the adapter refuses: ``STRAY``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from rules.promql.errors import ExprError
from rules.promql.guard import UNITS
from rules.promql.tokens import Token, TokenKind, tokens

_UNDERSCORES: Final = re.compile(r"0[xX](_?[0-9a-fA-F])+|(?=[\d.])(\d(_?\d)*)?(\.(\d(_?\d)*)?)?([eE][-+]?\d(_?\d)*)?")
_BYTE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\(?:x[89a-fA-F]|[23][0-7])")
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_SIMPLE: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_PRIVATE: Final = 0x10F700
STRAY: Final = re.compile(f"[{chr(_PRIVATE + 0x80)}-{chr(_PRIVATE + 0xFF)}]")
_FAR: Final = 200_000_000_000
"""Seconds; year 8307."""
_NAMES: Final = frozenset({"anchored", "smoothed"})
_WORTH_A_LOOK: Final = re.compile(r"\d_|0[xX]_|@|\\[x0-7]|`|anchored|smoothed|offset\s*[-+]?\s*[0.]", re.IGNORECASE)
_NOTHING: Final = re.compile(r"0+(?:ms|[smhdwy])?|0[xX]0+|0*\.0+|0+\.0*")
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_OPENING: Final = frozenset(["(", "[", ",", "+", "-", "*", "/", "%", "^", "<", ">", "=", "==", "!=", "<=", ">="])
_BEFORE_OPERAND: Final = frozenset({"and", "or", "unless", "atan2", "bool", "group_left", "group_right"})
_GROUPINGS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})


def respell(text: str) -> str:
    """``text`` in the library's spelling; unchanged where there is nothing to do, which is nearly always."""
    if not _WORTH_A_LOOK.search(text):
        return text
    found = tokens(text)
    parts, position = [], 0
    for index, token in enumerate(found):
        written = _written(found, index)
        if written is not None:
            parts += [text[position : token.start], written]
            position = token.end
    return "".join([*parts, text[position:]])


def signed_time(seconds: float) -> float:
    """The time of an ``@`` modifier that was respelled."""
    return _FAR - seconds if seconds >= _FAR else seconds


def readable(text: str) -> str:
    """``text`` as Go quotes it, with its stray bytes."""
    shown = "".join(f"\\x{ord(char) - _PRIVATE:02x}" if STRAY.match(char) else char for char in text)
    return f'"{shown}"'


def _written(found: Sequence[Token], index: int) -> str | None:
    """What stands for a token, or None when it can stay."""
    token = found[index]
    before = found[index - 1].text if index else ""
    if token.kind is TokenKind.STRING and token.text[0] == "`":
        return '"' + "".join(map(_quoted, token.text[1:-1])) + '"'
    if token.kind is TokenKind.STRING and _BYTE.search(token.text):
        return _characters(token.text)
    if token.kind is TokenKind.WORD and token.text in _NAMES:
        return _name(found, index)
    if token.text == "{" and before in _NAMES and _name(found, index - 1) == "":
        return f'{{"{before}",'
    if token.text == "-" and before == "@":
        return ""
    if _offset_of_nothing(found, index):
        return ""
    if token.kind is TokenKind.NUMBER and before == "-" and index > 1 and found[index - 2].text == "@":
        return f"{_FAR + _seconds(token.text, '-'):.3f}"
    if token.kind is TokenKind.NUMBER and (
        before == "@" or (before == "+" and index > 1 and found[index - 2].text == "@")
    ):
        _seconds(token.text, "")
    if token.kind is TokenKind.NUMBER and "_" in token.text and _UNDERSCORES.fullmatch(token.text):
        return token.text.replace("_", "")
    return None


def _offset_of_nothing(found: Sequence[Token], index: int) -> bool:
    """Whether the token belongs to ``offset 0``, ``offset -0s`` and the like."""
    begin = index
    while begin and index - begin < 2 and found[begin].text.lower() != "offset":
        begin -= 1
    before = found[begin - 1].text.lower() if begin else "("
    if found[begin].text.lower() != "offset" or before in _OPENING or before in _BEFORE_OPERAND:
        return False
    signed = begin + 1 < len(found) and found[begin + 1].text in ("-", "+")
    number = begin + 1 + signed
    return index <= number < len(found) and _NOTHING.fullmatch(found[number].text) is not None


def _seconds(text: str, sign: str) -> float:
    """The value of a number or duration behind ``@``."""
    plain = text.replace("_", "")
    parts = _PART.findall(plain)
    try:
        if parts and "".join(count + unit for count, unit in parts) == plain:
            seconds = sum(int(count) * UNITS[unit] for count, unit in parts)
        else:
            seconds = float(int(plain, 16)) if plain[:2] in ("0x", "0X") else float(plain)
    except (ValueError, OverflowError):
        seconds = math.nan
    if not seconds < _FAR / 10:
        raise ExprError(
            f"timestamp out of bounds for @ modifier: {sign}{text}", "use seconds since 1970, start() or end()"
        )
    return seconds


def _name(found: Sequence[Token], index: int) -> str | None:
    """A name that the library takes for a keyword everywhere. Behind an operand it is one."""
    word, before = found[index].text, found[index - 1] if index else None
    if (
        before is None
        or before.text in _OPENING
        or before.text.lower() in _BEFORE_OPERAND
        or _ends_grouping(found, index)
    ):
        if _grouped(found, index):
            return f'"{word}"'
        after = found[index + 1].text if index + 1 < len(found) else ""
        if after == "{":
            return ""  # the name moves into the braces
        return None if after == "(" or _in_braces(found, index) else f'{{"{word}"}}'
    return None


def _in_braces(found: Sequence[Token], index: int) -> bool:
    """Whether the token is the name of a label among matchers, where it needs no help."""
    return next((token.text == "{" for token in reversed(found[:index]) if token.text in ("{", "}")), False)


def _ends_grouping(found: Sequence[Token], index: int) -> bool:
    """Whether a list of labels ends before the token."""
    return found[index - 1].text == ")" and _grouped(found, index - 2)


def _grouped(found: Sequence[Token], index: int) -> bool:
    """Whether the token stands in the list of labels behind ``by``, ``on`` and the like."""
    while index > 0 and found[index].text != "(":
        if found[index].text == ")":
            return False
        index -= 1
    return index > 0 and found[index - 1].text.lower() in _GROUPINGS


def _characters(literal: str) -> str:
    """A quoted string whose byte escapes became characters."""

    def to_bytes(match: re.Match[str]) -> bytes:
        hexed, octal, short, long, simple = match.groups()
        if hexed or octal:
            return bytes([int(hexed, 16) if hexed else int(octal, 8)])
        if short or long:
            try:
                return chr(int(short or long, 16)).encode()
            except (ValueError, UnicodeEncodeError):
                raise ExprError(f"{match[0]} is no character", "write the character itself") from None
        if simple not in _SIMPLE:
            raise ExprError(f"unknown escape sequence '{simple}' in a string", "double the backslash")
        return bytes([_SIMPLE[simple]])

    raw, position = b"", 1
    for match in _ESCAPE.finditer(literal, 1, len(literal) - 1):
        raw += literal[position : match.start()].encode("utf-8", "surrogateescape") + to_bytes(match)
        position = match.end()
    raw += literal[position:-1].encode("utf-8", "surrogateescape")
    text = raw.decode("utf-8", "surrogateescape")
    return '"' + "".join(_quoted(char) for char in text) + '"'


def _quoted(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return chr(_PRIVATE + ord(char) - 0xDC00)
    return {"\\": "\\\\", '"': '\\"', "\n": "\\n"}.get(char, char)
