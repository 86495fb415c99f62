"""Text on its way to a product: made inert, and cut where a person would cut it.

Alert text carries whatever a host, a device or a label said. Nothing here interprets it; what could move a terminal,
end a line early, hide characters or break an encoder is replaced, and everything else arrives as it was.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from integrations._footer import render_footer
from integrations.api import Rejected, Ticket

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# C0 and C1 controls except tab and newline, lone surrogates, line and paragraph separators, bidirectional overrides and
# isolates (they make text read differently from what it is, Unicode TR 36), the byte order mark and noncharacters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE_END = re.compile(r"\r\n?")
_ZERO_WIDTH_JOINER = "\u200d"


def clean(text: str) -> str:
    """Plain text: newlines are ``\\n``, unsafe characters are U+FFFD, the rest is untouched."""
    return _UNSAFE.sub(REPLACEMENT, _LINE_END.sub("\n", text))


def clean_line(text: str) -> str:
    """Plain text on one line, without surrounding blanks."""
    return " ".join(clean(text).split())


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters; an ellipsis shows what was cut, and no accent or emoji is torn from its base."""
    if len(text) <= limit:
        return text
    if limit <= 0:
        return ""
    return text[: _boundary(text, limit - 1)] + ELLIPSIS


def cut_bytes(text: str, limit: int) -> str:
    """``cut`` for products that count UTF-8 bytes."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    room = limit - len(ELLIPSIS.encode())
    if room < 0:
        return ""
    kept = len(encoded[:room].decode(errors="ignore"))
    return text[: _boundary(text, kept)] + ELLIPSIS


def body_with_footer(ticket: Ticket, limit: int, tail: str = "") -> str:
    """The ticket's body and ``tail``, cut to fit ``limit`` characters together with the footer, which is never cut.

    Where the product's field is too small for all facts, the longest are left out. Raises Rejected when the facts are
    too long for any footer, or the rest of the footer for the field.
    """
    try:
        footer = render_footer(ticket)
        facts = dict(ticket.facts)
        while len(footer) + 2 > limit and facts:
            # The fault's key goes last: a stray ticket is adopted by it.
            del facts[max(facts, key=lambda name: (name != "key", len(facts[name])))]
            footer = render_footer(msgspec.structs.replace(ticket, facts=facts))
    except ValueError as error:
        raise Rejected(str(error)) from error
    room = limit - len(footer) - 2
    if room < 0:
        raise Rejected(
            f"ticket {ticket.correlation_id}: {limit} characters are too few for its footer of {len(footer)}"
        )
    after = cut(clean(tail), max(0, min(room - 2, 600)))
    after = f"\n\n{after}" if after else ""
    return cut(clean(ticket.body).rstrip(), max(0, room - len(after))) + after + "\n\n" + footer


def _boundary(text: str, end: int) -> int:
    """The last index not after ``end`` that does not split a base character from what modifies it."""
    while 0 < end < len(text) and (
        unicodedata.combining(text[end])
        or text[end] == _ZERO_WIDTH_JOINER
        or text[end - 1] == _ZERO_WIDTH_JOINER
        or "\ufe00" <= text[end] <= "\ufe0f"
        or "\U0001f3fb" <= text[end] <= "\U0001f3ff"
    ):
        end -= 1
    return end
