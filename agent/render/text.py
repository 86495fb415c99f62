"""Text that came from hosts, devices and labels, made safe to stand in a ticket."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

ELLIPSIS = "…"
_JOINER = "\u200d"

# Controls, surrogates, line and paragraph separators, bidirectional overrides and isolates (Unicode TR 36), byte order
# mark, noncharacters: whatever could end a line early, hide text or make it read differently from what it is.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff\ufdd0-\ufdef\ufffe\uffff]+"
)


def line(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters: blanks collapsed, unsafe characters a blank."""
    return cut(" ".join(_UNSAFE.sub(" ", text[: limit * 4]).split()), limit)


def block(text: str, limit: int, lines: int) -> list[str]:
    """Text of several lines, each made safe: at most ``limit`` characters and ``lines`` lines, blank ones left out."""
    safe = (line(each, limit) for each in text[: limit * 4].splitlines())
    kept: list[str] = []
    room = limit
    for each in safe:
        if not each:
            continue
        if len(kept) == lines or room <= 0:
            kept[-1] = cut(kept[-1] + ELLIPSIS * 2, len(kept[-1]) + 1)
            break
        kept.append(cut(each, room))
        room -= len(each)
    return kept


def cut(text: str, limit: int) -> str:
    """At most ``limit`` (1 or more) characters; an ellipsis shows the cut, no accent or emoji is torn from its base."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and (unicodedata.combining(text[end]) or _JOINER in text[end - 1 : end + 1] or _modifies(text[end])):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def when(at: int | None) -> str:
    """Milliseconds since the epoch as UTC, which means the same to everybody who reads the ticket."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _modifies(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff"
