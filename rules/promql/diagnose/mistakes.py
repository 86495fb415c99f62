"""What people write where PromQL has something else, in words: what is wrong with one token, and how to mend it."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from rules.promql.diagnose.signatures import AGGREGATIONS, FUNCTIONS
from rules.promql.errors import ExprError
from rules.promql.tokens import Token, TokenKind

UNITS: Final = "ms, s, m, h, d, w, y"
_DURATION: Final = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?", re.ASCII)
_DIGITS: Final = r"\d(?:_?\d)*"
_NUMBER: Final = re.compile(
    rf"0[xX](?:_?[0-9a-fA-F])+|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII
)
_PARTS: Final = re.compile(r"(?:[\d.]+(?:ms|[smhdwy]))+", re.ASCII)
_NEXT_WORD: Final = re.compile(
    r"([\d.]+(?:ms|[smhdwy])?)(and|or|unless|atan2|by|without|on|ignoring|offset|bool)", re.I | re.ASCII
)
_UNIT: Final = re.compile(r"[\d.]+([A-Za-z]+)", re.ASCII)
_ESCAPES: Final = re.compile(r"\\(?:[abfnrtv\\]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")

_WRONG: Final = {
    "=>": ("'=>' is no operator", "write >="),
    "=<": ("'=<' is no operator", "write <="),
    "<>": ("'<>' is no operator", "write !="),
    "=!": ("'=!' is no operator", "write !="),
    "!": ("'!' is no operator", "negate with unless, absent() or another comparison"),
    "&&": ("'&&' is no operator", "write and"),
    "&": ("'&' is no operator", "write and"),
    "||": ("'||' is no operator", "write or"),
    "|": ("'|' is no operator", "write or"),
    "**": ("'**' is no operator", "write ^ for a power"),
    "<<": ("'<<' is no operator", "write <"),
    ">>": ("'>>' is no operator", "write >"),
    "~": ("'~' is no operator", "a regex stands inside of braces: name{label=~\"...\"}"),
    ".": ("a '.' cannot stand here", 'quote a name that has dots: {"name.with.dots"}'),
    "$": ("'$' means nothing in a rule", "a dashboard's variables are not known here; write the value"),
    ";": ("a ';' cannot stand here", "an expression ends where its text ends"),
    "?": ("'?' is no operator", "write '> bool' for a comparison that gives 0 or 1"),
    "\\": ("a '\\' cannot stand here", "no line needs one at its end; inside of quotes it is part of an escape"),
}  # fmt: skip
_NO_OPERATOR: Final = {
    "if": "filter with 'and', or write '> bool' to get 0 or 1",
    "not": "use unless, absent() or another comparison",
    "xor": "write (a unless b) or (b unless a)",
    "is": "compare with ==",
    "eq": "write ==",
    "ne": "write !=",
    "gt": "write >",
    "ge": "write >=",
    "lt": "write <",
    "le": "write <=",
    "equals": "write ==",
    "div": "write /",
    "mod": "write %",
    "in": 'list values in a matcher: name{label=~"a|b"}',
    "like": 'match in braces: name{label=~".*text.*"}',
    "where": 'filter labels in braces: name{label="value"}',
    "over": "give a window in brackets, [5m], or group with by (label)",
    "per": "group with by (label)",
    "for": "the time a condition must hold is the rule's own key 'for'",
    "as": "name the result with 'record' in a rule of its own",
}
AFTER_AGGREGATION: Final = "it stands right before or right after the parentheses of an aggregation: sum by (label) (x)"
AFTER_OPERATOR: Final = "it stands right after an operator: a / on (label) group_left () b"


def refuse(token: Token, message: str, hint: str = "") -> NoReturn:
    raise ExprError(message, hint, token.start)


def name_of(token: Token) -> str:
    """The token as a message shows it."""
    return "the end" if token.kind is TokenKind.END else f"'{token.text[:40]}'"


def check_token(token: Token) -> None:
    """Refuse a token that can stand nowhere."""
    if token.kind is TokenKind.OPEN_STRING:
        refuse(
            token, f"the quote {token.text[0]} is never closed", "close it on the same line, or write \\n for a break"
        )
    if token.kind is TokenKind.WRONG:
        if token.text.startswith("==="):
            refuse(token, f"'{token.text[:10]}' is no operator", "write ==")
        if token.text in _WRONG:
            refuse(token, *_WRONG[token.text])
        if token.text in "“”„‘’«»″′":
            refuse(token, f"'{token.text}' is no quote for a program", 'write "straight quotes"')
        if token.text in "–—−‐":
            refuse(token, f"'{token.text}' is no minus", "write the minus of the keyboard, -")
        if token.text in "≥≤≠×÷":
            better = {"≥": ">=", "≤": "<=", "≠": "!=", "×": "*", "÷": "/"}[token.text]
            refuse(token, f"'{token.text}' is no operator", f"write {better}")
        if token.text.isspace() or not token.text.isprintable():
            refuse(token, f"the character U+{ord(token.text[0]):04X} cannot stand here", "write an ordinary blank")
        if token.text.isalpha():
            refuse(token, f"'{token.text}' cannot stand in a plain name", 'quote the whole name: {"name"}')
        refuse(token, f"'{token.text[:10]}' cannot stand here", "remove it, or put text in quotes")


def check_number(token: Token) -> None:
    """Refuse what looks like a number or a duration and is neither."""
    text = token.text
    if _NUMBER.fullmatch(text) or _DURATION.fullmatch(text):
        return
    if glued := _NEXT_WORD.match(text):
        refuse(token, f"'{text[:40]}' is no number", f"put a blank between '{glued[1]}' and '{glued[2]}'")
    if _PARTS.fullmatch(text):
        if "." in text:
            refuse(token, f"'{text[:40]}' is no duration", "durations have no fractions: write 1h30m, not 1.5h")
        refuse(token, f"'{text[:40]}' is no duration", "largest unit first, each at most once: 1h30m")
    if "_" in text:
        refuse(token, f"'{text[:40]}' is no number", "a single '_' may stand between two digits, and nowhere else")
    unit = _UNIT.match(text)
    if unit and unit[1] not in ("e", "E") and text[:2] not in ("0x", "0X"):
        refuse(token, f"'{text[:40]}' is no number: there is no unit '{unit[1][:20]}'", f"units are {UNITS}")
    refuse(token, f"'{text[:40]}' is no number", "write it like 12, 0.5, 1e9 or 0x1f, a duration like 1h30m")


def check_string(token: Token) -> None:
    """Refuse an unknown escape, at its backslash."""
    quote, text = token.text[0], token.text
    if quote == "`":
        return
    place = text.find("\\")
    while place >= 0:
        known = _ESCAPES.match(text, place)
        if known is None and text[place + 1] != quote:
            hint = "double the backslash, or quote with `backquotes`"
            raise ExprError(f"unknown escape '{text[place : place + 2]}' in a string", hint, token.start + place)
        place = text.find("\\", known.end() if known else place + 2)


def refuse_stray(token: Token, before: Token, expected: str, hint: str = "") -> NoReturn:
    """Refuse what follows a complete operand and is not ``expected``. ``before`` is the token in front of it."""
    check_token(token)
    word = token.text.lower()
    if token.is_sign("="):
        refuse(token, "'=' does not compare", "compare with ==")
    if token.is_sign("=~", "!~"):
        refuse(
            token, f"'{token.text}' matches labels only", f'write it inside of braces: name{{label{token.text}"..."}}'
        )
    if token.is_sign(")", "]", "}"):
        refuse(token, f"this '{token.text}' closes nothing", "remove it, or open it before")
    if token.is_sign(",") and before.kind is TokenKind.NUMBER:
        refuse(token, "a ',' separates arguments, not digits", "write 1000, without separators, and 0.5 with a point")
    if token.is_sign("{"):
        refuse(token, "this '{' follows no metric name", 'a selector has one pair of braces: name{a="b", c="d"}')
    if token.text.startswith(":"):
        refuse(token, "a ':' cannot stand here", "it is part of a recorded name, without blanks, or of [5m:1m]")
    if token.is_word("by", "without"):
        closed = "; or is a ')' missing before it?" if ")" in expected else ""
        refuse(token, f"'{word}' belongs to no aggregation", AFTER_AGGREGATION + closed)
    if token.is_word("on", "ignoring", "group_left", "group_right"):
        refuse(token, f"'{word}' follows no operator", AFTER_OPERATOR)
    if token.is_word("bool"):
        refuse(token, "'bool' follows no comparison", "write it right after the comparison: x > bool 1")
    if token.is_word("anchored", "smoothed"):
        refuse(token, "the modifiers anchored and smoothed are experimental in Prometheus", "leave them out")
    if token.is_word(*_NO_OPERATOR):
        refuse(token, f"'{token.text}' is no operator", _NO_OPERATOR[word])
    if before.is_word("not", "if"):
        refuse(before, f"'{before.text}' is no operator", _NO_OPERATOR[before.text.lower()])
    if not hint and before.is_word("offset"):
        hint = "'offset' stands behind the metric: x offset 5m"
    if not hint and before.kind is TokenKind.WORD and (before.text in FUNCTIONS or before.text.lower() in AGGREGATIONS):
        hint = f"'{before.text}' without parentheses is a metric; write {before.text}(...)"
    missing = "is an operator or a comma missing before it?" if "," in expected else "is an operator missing before it?"
    refuse(token, f"expected {expected}, not {name_of(token)}", hint or missing)
