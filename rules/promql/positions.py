"""Where calls and their arguments stand in a query's text. The parser library gives no positions."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from rules.promql.tokens import Token, TokenKind, tokens


class CallSite(NamedTuple):
    """One call: where its name begins, and each argument (with and without the parentheses around it): ``1:5``."""

    name: str
    arguments: tuple[tuple[str, str], ...]


def call_sites(text: str, names: AbstractSet[str]) -> list[CallSite]:
    """The calls and aggregations named in ``names``, in the order of the text."""
    found = tokens(text)
    sites = []
    for index, token in enumerate(found):
        if token.kind is TokenKind.WORD and token.text.lower() in names:
            begin = _arguments_begin(found, index + 1)
            if begin is not None:
                sites.append(CallSite(_place(text, token.start), tuple(_arguments(text, found, begin))))
    return sites


def _arguments_begin(found: list[Token], index: int) -> int | None:
    """The index behind the bracket that opens the arguments; a grouping may stand before it."""
    if index < len(found) and found[index].text.lower() in ("by", "without"):
        while index < len(found) and found[index].text != ")":
            index += 1
        index += 1
    return index + 1 if index < len(found) and found[index].text == "(" else None


def _arguments(text: str, found: list[Token], index: int) -> Iterator[tuple[str, str]]:
    depth, fresh = 0, True
    while index < len(found):
        token = found[index]
        if token.is_sign(")", "]", "}"):
            if depth == 0:
                return
            depth -= 1
        elif depth == 0 and token.text == ",":
            fresh = True
            index += 1
            continue
        if fresh:
            inner = index
            while inner + 1 < len(found) and found[inner].text == "(":
                inner += 1
            yield _place(text, token.start), _place(text, found[inner].start)
            fresh = False
        if token.is_sign("(", "[", "{"):
            depth += 1
        index += 1


def _place(text: str, start: int) -> str:
    """Line and column, from 1; columns count bytes, as in the reference."""
    before = text[:start]
    return f"{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2].encode()) + 1}"
