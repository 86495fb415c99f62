"""The footer of a ticket's body comes back whatever stands above it and whatever the product does to lines."""

from __future__ import annotations

import textwrap

import msgspec
import pytest
from fakes.hostile import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations._text import body_with_footer
from integrations.api import Rejected, Ticket, TicketState, parse_footer, render_footer

KEY = "toc-0123456789abcdef0123456789abcdef"
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=[]), max_size=60)


def ticket(**changes: object) -> Ticket:
    values: dict[str, object] = {
        "correlation_id": KEY, "episode": 3, "state": TicketState.OPEN, "title": "t", "body": "b", "impact": 1,
        "urgency": 1, "priority": 1, "opened_at": 0, "ci": "web-1", "ci_id": "5d0f", "environment": "prod",
        "facts": {"rule": "A B"},
    }  # fmt: skip
    return Ticket(**{**values, **changes})  # type: ignore[arg-type]  # the keys are the fields


def test_the_footer_reads_as_documented() -> None:
    assert render_footer(ticket()) == (
        f"Tocsin-Id: {KEY} episode 3\n"
        'Tocsin-Ci: ["prod","5d0f"]\n'
        'Tocsin-Facts: {"rule":"A\\u0020B"}'
    )  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_around_and_inside(text: str) -> None:
    wish = ticket(body=text, ci_id=text, environment=text, facts={"a": text, text: "b"})
    for body in (f"{text}\n\n{render_footer(wish)}", body_with_footer(wish, 65_535)):
        footer = parse_footer(body)
        assert footer is not None
        assert (footer.correlation_id, footer.episode) == (KEY, 3)
        assert (footer.environment, footer.ci_id, footer.facts) == (text, text, wish.facts)


@given(facts=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=6), body=ANY_TEXT, ci_id=ANY_TEXT, width=st.integers(20, 100))
@settings(max_examples=150, deadline=None)
def test_wrapped_lines_and_other_line_ends_change_nothing(
    facts: dict[str, str], body: str, ci_id: str, width: int
) -> None:
    wish = ticket(facts=facts, body=body, ci_id=ci_id)
    first, *rest = render_footer(wish).split("\n")
    wrapped = "\n".join([first, *(line for each in rest for line in textwrap.wrap(each, width))])
    for text in (
        wrapped,
        wrapped.replace("\n", "\r\n"),
        wrapped.replace("\n", "\r"),
        wrapped + "\n\n-- \nsent by RT\n",
    ):
        footer = parse_footer(f"{body}\n\n{text}")
        assert footer is not None
        assert (footer.facts, footer.ci_id, footer.episode) == (facts, ci_id, 3)


@given(text=ANY_TEXT)
def test_parsing_never_raises(text: str) -> None:
    parse_footer(text)
    parse_footer(f"Tocsin-Id: {KEY} episode 1\nTocsin-Ci: {text}\nTocsin-Facts: {text}")


@pytest.mark.parametrize(
    "text",
    [
        "", "Tocsin-Id: toc-1 episode 1", f"Tocsin-Id: {KEY} episode 0", f"Tocsin-Id: {KEY} episode 1",
        f"Tocsin-Id: {KEY} episode 1\nTocsin-Ci: [1,2]\nTocsin-Facts: {{}}",
        f'Tocsin-Id: {KEY} episode 1\nTocsin-Ci: ["a"]\nTocsin-Facts: {{}}',
        f'Tocsin-Id: {KEY} episode 1\nTocsin-Ci: ["a","b"]\nTocsin-Facts: {{"a":1}}',
        f'Tocsin-Id: {KEY} episode 1\nTocsin-Ci: ["a","b"]\nTocsin-Facts: []',
        f'Tocsin-Id: {KEY} episode 1\nTocsin-Ci: ["a","b"]\nTocsin-Facts: {{"a":"b"',
        f"Tocsin-Id: {KEY} episode 1\nTocsin-Ci: " + "[" * 100_000,
        f"Tocsin-Id: {KEY.upper()} episode 1\nTocsin-Ci: [\"a\",\"b\"]\nTocsin-Facts: {{}}",
    ],
)  # fmt: skip
def test_half_a_footer_is_none(text: str) -> None:
    assert parse_footer(text) is None


@pytest.mark.parametrize("limit", [200, 201, 333, 65_535])
def test_the_body_is_cut_and_the_footer_is_not(limit: int) -> None:
    text = body_with_footer(ticket(body="磁é" * 50_000), limit)
    assert len(text) <= limit
    footer = parse_footer(text)
    assert footer is not None
    assert footer.facts == {"rule": "A B"}


def test_too_long_facts_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 16384"):
        render_footer(ticket(facts={"a": "é" * 4_000}))
    with pytest.raises(Rejected, match="at most 16384"):
        body_with_footer(ticket(facts={"a": "é" * 4_000}), 65_535)


def test_equal_tickets_have_equal_footers() -> None:
    one, two = ticket(facts={"a": "1", "b": "2"}), ticket(facts={"b": "2", "a": "1"})
    assert render_footer(one) == render_footer(two)
    assert msgspec.json.encode(parse_footer(render_footer(one))) == msgspec.json.encode(
        parse_footer(render_footer(two))
    )
