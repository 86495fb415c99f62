"""Regexes of RE2 that the parser library, which reads Rust's, refuses: they go past it in disguise.

``\\Q...\\E``, ``\\012``, ``[[]``, ``[\\w-.]``, ``\\p{^Lu}`` and others. Each character that means something in a regex
becomes a private one, which the library takes for a letter; behind it the adapter takes the disguise off and asks RE2.
"""

from __future__ import annotations

import re
from typing import Final

from rules.promql.tokens import TokenKind, tokens

_PRIVATE: Final = 0x10F600
_SPECIAL: Final = r"\[](){}*+?.^$|-"
_DISGUISE: Final = {ord(char): chr(_PRIVATE + ord(char)) for char in _SPECIAL}
_FACES: Final = {ord(disguise): chr(char) for char, disguise in _DISGUISE.items()}
_IN_LITERAL: Final = re.compile(r"\\\\|\\.|.", re.DOTALL)


def shield(text: str) -> str:
    """``text`` with its regexes in disguise. Its strings are quoted, not raw: ``respell`` was here before."""
    parts: list[str] = []
    position, matching = 0, False
    for token in tokens(text):
        if token.kind is TokenKind.STRING and matching:
            parts += [text[position : token.start], _IN_LITERAL.sub(_disguised, token.text)]
            position = token.end
        matching = token.is_sign("=~", "!~")
    return "".join([*parts, text[position:]])


def unshield(pattern: str) -> str:
    """The regex that was meant; any other text stays as it is."""
    return pattern.translate(_FACES)


def _disguised(match: re.Match[str]) -> str:
    found = match[0]
    if found == r"\\":
        return _DISGUISE[ord("\\")]
    return found if len(found) > 1 else found.translate(_DISGUISE)
