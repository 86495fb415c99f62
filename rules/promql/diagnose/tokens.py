"""PromQL text as tokens with offsets, for messages about an expression that the parser refused.

Nothing is refused here: what belongs to no expression becomes a token of kind WRONG, so that whoever reads from the
left meets the first mistake first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    WORD = "word"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    """An operator that is no word, or punctuation."""
    OPEN_STRING = "open string"
    """A quote that is never closed, up to the end of its line."""
    WRONG = "wrong"
    """Something that stands nowhere in PromQL."""
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_sign(self, *texts: str) -> bool:
        return self.kind is Kind.SIGN and self.text in texts

    def is_word(self, *lower: str) -> bool:
        return self.kind is Kind.WORD and self.text.lower() in lower


_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|\#[^\n]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    | (?P<open_string>["'][^\n]*|`.*)
    | (?P<number>0[xX]\w*|(?:\d|\.\d)[\w.]*(?:(?<=[\d.][eE])[+-]\d\w*)?)
    | (?P<word>[A-Za-z_:][\w:]*)
    | (?P<wrong>===+|=>|=<|<>|=!|<<|>>|\*\*|&&?|\|\|?|!(?![=~])|[^\s\w"'`()\[\]{},:@=!<>~+\-*/%^&|]|~)
    | (?P<sign>==|!=|>=|<=|=~|!~|[-+*/%^<>=()\[\]{},:@])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_IN_BRACKETS: Final = re.compile(r"[A-Za-z_]\w*|:", re.ASCII)
"""A colon inside of ``[...]`` stands between range and step; elsewhere it is part of a name."""
_KINDS: Final = {
    "string": Kind.STRING, "open_string": Kind.OPEN_STRING, "number": Kind.NUMBER, "word": Kind.WORD,
    "wrong": Kind.WRONG, "sign": Kind.SIGN, "other": Kind.WRONG,
}  # fmt: skip


def tokens(text: str) -> list[Token]:
    """All of them without white space and comments, the last one END at the end of what is written."""
    found: list[Token] = []
    place, brackets, end = 0, 0, 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:  # cannot be: ``other`` takes any character
            break
        kind, place = match.lastgroup, match.end()
        if kind == "space":
            continue
        if kind == "word" and brackets and (short := _IN_BRACKETS.match(text, match.start())):
            found.append(Token(Kind.SIGN if short[0] == ":" else Kind.WORD, short[0], match.start()))
            end = place = short.end()
            continue
        token = Token(_KINDS[kind or "other"], match[0], match.start())
        if token.kind is Kind.SIGN:
            brackets += token.text == "["
            brackets -= token.text == "]" and brackets > 0
        found.append(token)
        end = token.end
    found.append(Token(Kind.END, "", end))
    return found
