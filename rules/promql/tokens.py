"""The tokens of a query with their offsets, for whoever looks at the text beside the parser library.

The library keeps no places. Nothing is refused here: what belongs to no expression becomes a token of kind WRONG, so
that whoever reads from the left meets the first mistake first.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import msgspec


class TokenKind(Enum):
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


class Token(msgspec.Struct, frozen=True):
    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_sign(self, *texts: str) -> bool:
        return self.kind is TokenKind.SIGN and self.text in texts

    def is_word(self, *lower: str) -> bool:
        return self.kind is TokenKind.WORD and self.text.lower() in lower


_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|\#[^\n]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    | (?P<open_string>["'][^\n]*|`.*)
    | (?P<number>0[xX]\w*|(?:\d|\.\d)[\w.]*(?:(?<=[\d.][eE])[+-]\d\w*)?)
    | (?P<word>[A-Za-z_:][\w:]*)
    | (?P<wrong>===+|=>|=<|<>|=!|<<|>>|\*\*|&&?|\|\|?|!(?![=~])|[^\s\w"'`()\[\]{},:@=!<>~+\-*/%^&|]|~)
    | (?P<sign>==|!=|>=|<=|=~|!~|[-+*/%^<>=()\[\]{},:@])
    | .
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_IN_BRACKETS: Final = re.compile(r"[A-Za-z_]\w*|:", re.ASCII)
"""A colon inside of ``[...]`` stands between range and step; elsewhere it is part of a name."""


def tokens(text: str) -> list[Token]:
    """All of them without white space and comments, the last one END at the end of what is written."""
    found: list[Token] = []
    place, brackets, end = 0, 0, 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:  # cannot be: the last alternative takes any character
            break
        kind, place = match.lastgroup, match.end()
        if kind == "space":
            continue
        if kind == "word" and brackets and (short := _IN_BRACKETS.match(text, match.start())):
            found.append(Token(TokenKind.SIGN if short[0] == ":" else TokenKind.WORD, short[0], match.start()))
            end = place = short.end()
            continue
        token = Token(TokenKind[(kind or "wrong").upper()], match[0], match.start())
        if token.kind is TokenKind.SIGN:
            brackets += token.text == "["
            brackets -= token.text == "]" and brackets > 0
        found.append(token)
        end = token.end
    found.append(Token(TokenKind.END, "", end))
    return found
