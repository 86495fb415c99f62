"""The footer a ticket's body ends with: enough to rebuild a lost state from the tickets alone.

    Tocsin-Id: toc-0123456789abcdef0123456789abcdef episode 3
    Tocsin-Ci: ["prod","5d0f..."]
    Tocsin-Facts: {"rule":"HostDown"}

Everything above the footer may be hostile, so the last one in the text counts. The two JSON values are pure ASCII
without blanks, so a product that wraps lines or changes line ends does not change their meaning.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from integrations.api import Ticket

FACTS_LIMIT = 16_384
"""Longest facts, in characters as rendered; more is a mistake of whoever made the ticket."""

_ID = re.compile(r"^Tocsin-Id: (toc-[0-9a-f]{32}) episode ([1-9][0-9]{0,8})[ \t]*$", re.MULTILINE)
_CI = "Tocsin-Ci:"
_FACTS = "Tocsin-Facts:"


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What a footer says."""

    correlation_id: str
    episode: int
    environment: str
    ci_id: str
    facts: dict[str, str]


def render_footer(ticket: Ticket) -> str:
    """The footer of this ticket, without surrounding newlines. Raises ValueError when its facts are too long."""
    facts = _ascii(ticket.facts)
    if len(facts) > FACTS_LIMIT:
        raise ValueError(
            f"the facts of ticket {ticket.correlation_id} take {len(facts)} characters, at most {FACTS_LIMIT}"
        )
    return (
        f"Tocsin-Id: {ticket.correlation_id} episode {ticket.episode}\n"
        f"{_CI} {_ascii([ticket.environment, ticket.ci_id])}\n"
        f"{_FACTS} {facts}"
    )


def parse_footer(text: str) -> Footer | None:
    """The last whole footer in ``text``, or None. Never raises; ``text`` is bounded by whoever fetched it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    ids = list(_ID.finditer(text))
    if not ids:
        return None
    found = ids[-1]
    rest = "".join(text[found.end() :].split())
    ci, rest = _take(_CI, rest)
    facts, _ = _take(_FACTS, rest)
    if not isinstance(ci, list) or len(ci) != 2 or not all(isinstance(part, str) for part in ci):
        return None
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        return None
    return Footer(
        correlation_id=found[1],
        episode=int(found[2]),
        environment=ci[0],
        ci_id=ci[1],
        facts={str(k): v for k, v in facts.items()},
    )


def _ascii(value: object) -> str:
    """Compact JSON, ASCII only, keys sorted, without a single blank (a blank inside a string becomes an escape)."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).replace(" ", "\\u0020")


def _take(label: str, text: str) -> tuple[object, str]:
    """The JSON value after ``label`` at the start of ``text``, and what follows it; None when it is not there."""
    if not text.startswith(label):
        return None, text
    try:
        value, end = json.JSONDecoder().raw_decode(text, len(label))
    except (ValueError, RecursionError):
        return None, text
    return value, text[end:]
