"""The guard in front of the native parser: bounds a text before a single recursive call is made on it.

The parser library recurses once per nesting level and once per chained operator, on the native stack; a text that is
deep enough ends the whole process with SIGSEGV and no exception. A 1 MiB stack was measured to hold 1,015 nested
parentheses or 520 chained operators, so the limits below leave room on it. Call the parser from a thread with at least
that much.
"""

from __future__ import annotations

import re
from typing import Final

from rules.promql.errors import ExprError

MAX_BYTES: Final = 16 * 1024
MAX_DEPTH: Final = 64
MAX_OPERATORS: Final = 250

_TOKEN: Final = re.compile(
    r"""
      (?P<skip>\#[^\n]* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<word>[A-Za-z_:][\w:]*)
    | (?P<number>0[xX]\w* | [0-9.][\w.]*(?:(?<=[eE])[+-]\d+)?)
    | (?P<operator>==|!=|>=|<=|=~|!~|[-+*/%^<>])
    """,
    re.VERBOSE | re.DOTALL,
)
_OFFSET: Final = re.compile(r"\s*[-+]?\s*([\w.]+(?:(?<=[eE])[+-]\d+)?)")
_MAX_SECONDS: Final = 100 * 365 * 86_400
"""Beyond what it can hold, the parser panics or reads a duration as nothing."""
UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_WORD_OPERATORS: Final = frozenset({"and", "or", "unless", "atan2"})


def check_text(text: str) -> None:
    """Raise ``ExprError`` when ``text`` is too long, too deep or too chained to be given to the parser.

    Comments and quoted strings do not count. Unary signs and range brackets count as operators: a chain of either
    nests.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ExprError(f"expression is longer than {MAX_BYTES} bytes", "split it with recording rules")
    if not text.strip():
        raise ExprError("no expression found in input", "write a PromQL expression")
    depth = operators = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
            if token[0] == "[":
                operators += 1
                for part in text[token.end() :].partition("]")[0].split(":"):
                    _check_seconds(part, token.start())
        elif kind == "close":
            depth -= 1
        elif kind == "operator" or (kind == "word" and token[0].lower() in _WORD_OPERATORS):
            operators += 1
        elif kind == "word" and token[0].lower() == "offset" and (duration := _OFFSET.match(text, token.end())):
            _check_seconds(duration[1], duration.start(1))
        if depth > MAX_DEPTH:
            message = f"brackets are nested deeper than {MAX_DEPTH} levels"
            raise ExprError(message, "split it with recording rules", token.start())
        if operators > MAX_OPERATORS:
            hint = "use a regex matcher, or split it with recording rules"
            raise ExprError(f"more than {MAX_OPERATORS} operators", hint, token.start())


def _check_seconds(duration: str, at: int) -> None:
    try:
        seconds = float(duration)
    except ValueError:  # with units, or no duration
        seconds = sum(int(count[:20]) * UNITS[unit] for count, unit in _PART.findall(duration))
    if not abs(seconds) <= _MAX_SECONDS:
        raise ExprError("a duration is out of range", "at most 100 years", at)
