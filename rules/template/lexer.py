"""Template text to tokens. Source: the text/template package documentation of Go ("Actions", "Text and spaces")."""

from __future__ import annotations

import math
import re
from enum import Enum, auto
from typing import NamedTuple


class TemplateError(Exception):
    """A template that does not parse, or an expansion that fails.

    ``at`` is the offset in the template's text of what is wrong, None when that is not known; ``hint`` is the mend.
    """

    def __init__(self, message: str, at: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint


class Kind(Enum):
    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    IDENT = auto()
    FIELD = auto()
    VARIABLE = auto()
    DOT = auto()
    STRING = auto()
    NUMBER = auto()
    PIPE = auto()
    COMMA = auto()
    DECLARE = auto()
    ASSIGN = auto()
    OPEN = auto()
    CLOSE = auto()
    END = auto()


class Token(NamedTuple):
    """``value`` is the text for TEXT, the unquoted string for STRING, an int or float for NUMBER, else the source.

    ``at`` is the offset of the token in the text; of LEFT that of its braces.
    """

    kind: Kind
    value: str | int | float
    at: int


_SPACE = " \t\r\n"
_COMMENT = re.compile(r"/\*(.*?)\*/(\s+-)?\}\}", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"[+-]?(?:0[xXoObB])?[0-9a-zA-Z_.]*(?:(?<=[eEpP])[+-][0-9_]+)?")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_CHAR = re.compile(r"'((?:[^'\\\n]|\\.)[^'\n]*)'")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.?))", re.S
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
_OTHER = {
    **dict.fromkeys("<>!", "compare with functions: {{ if gt $value 5.0 }}, and lt, ge, le, eq, ne, not"),
    **dict.fromkeys("+*/%^", "a template does not calculate; do it in the expression, or in a query"),
    **dict.fromkeys("&", "combine with functions: {{ if and a b }}, {{ if or a b }}"),
    "-": "a trim marker has a blank behind it: {{- $value -}}; a template does not calculate",
    "?": "write {{ if ... }}...{{ else }}...{{ end }}",
    "}": "an action ends with }}",
    "{": "an action begins with one {{",
    ";": "remove it",
}
"""What people write that is no part of the language, and what to write instead."""
_TERMINATORS = frozenset(" \t\r\n.,|:()=")
_PUNCTUATION = {"|": Kind.PIPE, ",": Kind.COMMA, "=": Kind.ASSIGN, "(": Kind.OPEN, ")": Kind.CLOSE}


def tokenize(source: str) -> list[Token]:
    """All tokens, the last one END. Raises TemplateError."""
    tokens: list[Token] = []
    position = 0
    trim_next = False
    while True:
        start = source.find("{{", position)
        text = source[position:] if start < 0 else source[position:start]
        if trim_next:
            text = text.lstrip(_SPACE)
        if start < 0:
            _add_text(tokens, text, position)
            tokens.append(Token(Kind.END, "", len(source)))
            return tokens
        inside = start + 2
        if source[inside : inside + 1] == "-" and source[inside + 1 : inside + 2] in tuple(_SPACE):
            text = text.rstrip(_SPACE)
            inside += 2
            while source[inside : inside + 1] in tuple(_SPACE):
                inside += 1
        _add_text(tokens, text, position)
        if source.startswith("/*", inside):
            comment = _COMMENT.match(source, inside)
            if comment is None:
                message = "a comment must end with */ right before the closing }}"
                raise TemplateError(message, start)
            position, trim_next = comment.end(), comment[2] is not None
        else:
            position, trim_next = _action(source, start, inside, tokens)


def _add_text(tokens: list[Token], text: str, at: int) -> None:
    if text:
        tokens.append(Token(Kind.TEXT, text, at))


def _action(source: str, start: int, position: int, tokens: list[Token]) -> tuple[int, bool]:
    """Tokens up to and with the closing delimiter; returns where the text goes on and whether it is trimmed."""
    tokens.append(Token(Kind.LEFT, "{{", start))
    opened: list[int] = []
    while True:
        if position >= len(source):
            raise TemplateError("unclosed action: a {{ has no }}", start, "close it with }}")
        if source[position] in _SPACE:
            end = position
            while end < len(source) and source[end] in _SPACE:
                end += 1
            if source.startswith("-}}", end):
                return _close(tokens, opened, end, end + 3), True
            tokens.append(Token(Kind.SPACE, " ", position))
            position = end
        elif source.startswith("}}", position):
            return _close(tokens, opened, position, position + 2), False
        else:
            token, position = _token(source, position)
            if token.kind is Kind.OPEN:
                opened.append(token.at)
            elif token.kind is Kind.CLOSE:
                if not opened:
                    raise TemplateError("unexpected right paren", token.at, "remove it, or open it before")
                opened.pop()
            tokens.append(token)


def _close(tokens: list[Token], opened: list[int], at: int, end: int) -> int:
    if opened:
        raise TemplateError("unclosed left paren", opened[-1], "close it before the }}")
    tokens.append(Token(Kind.RIGHT, "}}", at))
    return end


def _token(source: str, position: int) -> tuple[Token, int]:
    char = source[position]
    if source.startswith(":=", position):
        return Token(Kind.DECLARE, ":=", position), position + 2
    if char in _PUNCTUATION:
        return Token(_PUNCTUATION[char], char, position), position + 1
    if char == '"':
        return _quoted(source, position)
    if char == "`":
        end = source.find("`", position + 1)
        if end < 0:
            raise TemplateError("unterminated raw quoted string", position, "close the backquote")
        return Token(Kind.STRING, source[position + 1 : end].replace("\r", ""), position), end + 1
    if char == "'":
        return _char(source, position)
    following = source[position + 1 : position + 2]
    if char.isdigit() or (char in "+-." and following.isdigit()) or (char in "+-" and following == "."):
        return _number(source, position)
    return _name(source, position)


def _name(source: str, position: int) -> tuple[Token, int]:
    char = source[position]
    word = _WORD.match(source, position + (char in ".$"))
    end = word.end() if word else position + (char in ".$")
    if end == position:
        raise TemplateError(f"unexpected character {char!r} in an action", position, _OTHER.get(char, ""))
    if end < len(source) and source[end] not in _TERMINATORS and not source.startswith("}}", end):
        raise TemplateError(f"bad character {source[end]!r} after {source[position:end]!r}", end)
    if char == ".":
        token = Token(Kind.FIELD, word[0], position) if word else Token(Kind.DOT, ".", position)
    elif char == "$":
        token = Token(Kind.VARIABLE, source[position:end], position)
    else:
        token = Token(Kind.IDENT, source[position:end], position)
    return token, end


def _quoted(source: str, position: int) -> tuple[Token, int]:
    found = _QUOTED.match(source, position)
    if found is None:
        raise TemplateError("unterminated quoted string", position, "close the quote on its own line")
    return Token(Kind.STRING, _unescape(found[1], "'", position + 1), position), found.end()


def _char(source: str, position: int) -> tuple[Token, int]:
    found = _CHAR.match(source, position)
    text = _unescape(found[1], '"', position + 1) if found else ""
    if found is None or len(text) != 1:
        hint = 'put text in "double quotes" or `backquotes`'
        raise TemplateError("a character constant holds exactly one character", position, hint)
    return Token(Kind.NUMBER, ord(text), position), found.end()


def _unescape(text: str, forbidden: str, at: int) -> str:
    """What a quoted text means; ``at`` is where it begins, behind its quote."""
    if "\\" not in text:
        return text

    def replace(found: re.Match[str]) -> str:
        simple, two, four, eight, octal, other = found.groups()
        if simple and simple != forbidden:
            return _SIMPLE[simple]
        code = int(octal, 8) if octal else int(two or four or eight or "-1", 16)
        if other is not None or simple or code > (255 if octal else 0x10FFFF) or 0xD800 <= code < 0xE000:
            message = f"unknown escape '{found[0]}' in a string"
            raise TemplateError(message, at + found.start(), "double the backslash, or use `backquotes`")
        return chr(code)

    return _ESCAPE.sub(replace, text)


def _number(source: str, position: int) -> tuple[Token, int]:
    found = _NUMBER.match(source, position)
    text = found[0] if found else ""
    end = position + len(text)
    value = _parse_number(text)
    if value is None or (end < len(source) and source[end] not in _TERMINATORS and not source.startswith("}}", end)):
        raise TemplateError(f"bad number {text[:40]!r}", position)
    return Token(Kind.NUMBER, value, position), end


def _parse_number(text: str) -> int | float | None:
    """Go's reading of a number: ``017`` is octal, ``0x1p4`` a float; None when it is no number."""
    body = text.lstrip("+-")
    value: int | float
    try:
        if re.fullmatch(r"0[0-7_]+", body):
            value = int(text.replace(body, "0o" + body.lstrip("0_")) if body.strip("0_") else "0", 8)
        else:
            value = int(text, 0)
        return value if -(2**63) <= value < 2**64 else None
    except ValueError:
        pass
    try:
        if body[:2].lower() == "0x":
            return float.fromhex(text.replace("_", "")) if "p" in body.lower() else None
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and re.search("[.eE]", body) else None
