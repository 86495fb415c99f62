"""Which found ticket is the one for a row."""

from __future__ import annotations

import pytest

from agent.core.outbox import OutboxRow, RowState
from agent.delivery.adopt import Why, choose
from integrations.api import Ref, Remote, RemoteState, Ticket, TicketState

OPENED = 1_760_000_000_000
KEY = "toc-" + "a" * 32


def row(state: RowState = RowState.PENDING) -> OutboxRow:
    wish = Ticket(
        correlation_id=KEY, episode=1, state=TicketState.OPEN, title="t", body="b", impact=2, urgency=2, priority=3,
        opened_at=OPENED, ci="web", ci_id="machine:1", environment="prod", facts={"opened_at": str(OPENED)},
    )  # fmt: skip
    return OutboxRow(incident="x-1", backend="rt", wish=wish, state=state)


def ended(created_at: int | None, facts: dict[str, str]) -> Remote:
    return Remote(
        ref=Ref("7"), correlation_id=KEY, state=RemoteState.RESOLVED, raw_state="resolved", episode=1,
        created_at=created_at, facts=facts,
    )  # fmt: skip


def test_a_ticket_of_the_same_number_from_before_a_lost_state_is_not_taken() -> None:
    """Minutes ago, so that the time of creation alone would not tell it from ours."""
    old = ended(OPENED - 300_000, {"opened_at": str(OPENED - 300_000)})
    assert choose(row(), [old], (), can_reopen=True).why is Why.NONE


def test_the_ticket_of_this_episode_is_taken_though_a_person_resolved_it() -> None:
    ours = ended(OPENED + 900, {"opened_at": str(OPENED)})
    assert choose(row(RowState.IN_DOUBT), [ours], (), can_reopen=True).why is Why.SAME_EPISODE


@pytest.mark.parametrize(("created_at", "why"), [(OPENED + 900, Why.SAME_EPISODE), (OPENED - 7_200_000, Why.NONE)])
def test_without_a_footer_the_time_of_creation_tells(created_at: int, why: Why) -> None:
    assert choose(row(), [ended(created_at, {})], (), can_reopen=True).why is why
