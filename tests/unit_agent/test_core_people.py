"""People come first: what they did to a ticket is recorded and respected."""

from __future__ import annotations

import pytest
from core_kit import MINUTE, SECOND, World, alert, context, no_data, recovered

from agent.core.incident_policy import Ended, StandBy, StandByNew, Then, ThenNew
from agent.core.model import IncidentState
from agent.core.policy import Policy, Receiver, Route
from agent.core.reason import Reason
from integrations.api import RemoteState, TicketState

TWO = Policy(
    route=Route(receiver="desk", routes=(Route(continue_=True), Route(receiver="rt"))),
    receivers=(Receiver(name="desk", integration="desk"), Receiver(name="rt", integration="rt")),
)


def opened(**policy) -> World:
    world = World(context(**policy))
    world.opened()
    world.see(RemoteState.NEW)
    return world


def test_seeing_the_ticket_keeps_its_number_and_says_so_once():
    world = opened()
    assert world.live.people["desk"].number == "INC0000007"
    assert [entry.reason for entry in world.history][-1] == "seen"
    assert not world.see(RemoteState.NEW).changed


@pytest.mark.parametrize(("state", "owner"), [(RemoteState.IN_PROGRESS, ""), (RemoteState.NEW, "zhang")])
def test_taking_the_ticket_is_an_acknowledgement_with_its_time(state, owner):
    world = opened()
    world.now += MINUTE
    decision = world.see(state, owner=owner)
    assert Reason.ACKNOWLEDGED.value in [entry.reason for entry in decision.timeline]
    assert decision.incident.people["desk"].acknowledged_at == world.now
    assert not decision.wishes
    at = world.now
    world.now += MINUTE
    world.see(RemoteState.ON_HOLD, owner=owner)
    assert world.live.people["desk"].acknowledged_at == at


def test_changes_by_people_are_recorded_and_never_written_back():
    world = opened()
    decision = world.see(RemoteState.NEW, assignment_group="DBA", priority=1)
    assert decision.timeline[-1].detail == {
        "backend": "desk",
        "assignment_group": "- -> DBA",
        "priority": "- -> 1",
    }
    assert not decision.wishes
    assert world.live.priority == 3


def test_hold_and_its_end_are_told():
    world = opened()
    assert world.see(RemoteState.ON_HOLD).reason is Reason.PUT_ON_HOLD
    assert world.see(RemoteState.NEW).reason is Reason.TAKEN_OFF_HOLD


@pytest.mark.parametrize(
    ("state", "reason", "ended"),
    [
        (RemoteState.RESOLVED, Reason.RESOLVED_BY_PERSON, Ended.RESOLVED_BY_PERSON),
        (RemoteState.CLOSED, Reason.CLOSED_BY_PERSON, Ended.CLOSED),
        (RemoteState.CANCELLED, Reason.CANCELLED_BY_PERSON, Ended.CANCELLED),
        (None, Reason.TICKET_GONE, Ended.GONE),
    ],
)
def test_after_a_person_ended_the_ticket_nothing_is_said_there_and_recovery_is_silent(state, reason, ended):
    world = opened()
    decision = world.see(state)
    assert (decision.reason, decision.wishes) == (reason, {})
    assert not world.see(state).changed, "told once"
    sent = len(world.sent)
    world.evaluate(alert(), alert(severity="critical", mountpoint="/x"))
    world.evaluate(no_data(), no_data(severity="critical", mountpoint="/x"))
    assert len(world.sent) == sent, "muted"
    world.cooled(recovered(), recovered(severity="critical", mountpoint="/x"))
    assert (world.last.reason, world.last.ended) == ("recovered_after_person", ended)
    last = world.sent[-1][2]
    assert (last.state, last.reopen) == (TicketState.RESOLVED, False), "closes the book on it"


def test_resolved_by_a_person_while_firing_is_reopened_after_the_time_of_policy():
    world = opened(resolved_by_person=StandBy(after=10 * MINUTE, then=Then.REOPEN))
    decision = world.see(RemoteState.RESOLVED)
    assert decision.wake_at == world.now + 10 * MINUTE
    world.tick(10 * MINUTE - 1)
    assert world.live.reopening == ()
    reopened = world.tick(1)
    assert reopened.reason is Reason.REOPENED_STILL_FIRING
    assert reopened.wishes["desk"].reopen
    assert "still there" in reopened.wishes["desk"].notes[-1].text
    assert not world.see(RemoteState.RESOLVED).changed, "the reopening has not arrived yet"
    seen = world.see(RemoteState.IN_PROGRESS)
    assert (seen.incident.reopening, seen.wishes) == ((), {})
    again = world.see(RemoteState.RESOLVED)
    assert again.reason is Reason.RESOLVED_BY_PERSON
    assert again.wake_at == world.now + 10 * MINUTE


def test_the_status_our_own_reopening_gave_is_no_acknowledgement_and_an_owner_after_it_is():
    world = opened(resolved_by_person=StandBy(after=MINUTE, then=Then.REOPEN))
    world.see(RemoteState.RESOLVED)
    world.tick(MINUTE)
    for _ in range(2):
        world.see(RemoteState.IN_PROGRESS)
        assert world.live.people["desk"].acknowledged_at is None
    assert Reason.ACKNOWLEDGED.value not in [entry.reason for entry in world.history]
    world.see(RemoteState.IN_PROGRESS, owner="zhang")
    assert world.live.people["desk"].acknowledged_at == world.now


def test_nothing_is_reopened_while_data_is_missing():
    world = opened(resolved_by_person=StandBy(after=10 * MINUTE, then=Then.REOPEN))
    world.see(RemoteState.RESOLVED)
    world.evaluate(no_data())
    assert world.tick(60 * MINUTE).wake_at is None
    assert world.live.reopening == ()
    world.evaluate(alert())
    assert world.live.reopening == ("desk",), "fires on fresh data again, and the time has passed"


@pytest.mark.parametrize("ctx_more", [{}, {"cannot_reopen": frozenset({"desk"})}])
def test_policy_new_ends_the_old_one_silently_and_opens_a_ticket_that_names_it(ctx_more):
    then = Then.REOPEN if ctx_more else Then.NEW
    world = World(context(resolved_by_person=StandBy(after=MINUTE, then=then), **ctx_more))
    world.opened()
    world.see(RemoteState.NEW)
    world.see(RemoteState.RESOLVED)
    ended = world.tick(MINUTE)
    assert (ended.reason, ended.incident.ended, ended.wake_at) == (Reason.SUPERSEDED, Ended.SUPERSEDED, None)
    world.evaluate(alert())
    fresh = world.tick(SECOND)
    assert (fresh.incident.episode, fresh.incident.previous) == (2, "INC0000007")
    assert "INC0000007" in fresh.wishes["desk"].body


@pytest.mark.parametrize("state", [RemoteState.CANCELLED])
def test_a_cancelled_ticket_is_left_to_people_for_good(state):
    world = opened()
    assert world.see(state).wake_at is None
    for _ in range(50):
        world.evaluate(alert(), after=60 * MINUTE)
    assert (world.live.episode, world.live.reopening) == (1, ())


def test_a_closed_ticket_gets_a_successor_and_never_comes_back_itself():
    world = opened(closed_by_person=StandByNew(after=MINUTE, then=ThenNew.NEW))
    world.see(RemoteState.CLOSED)
    world.tick(MINUTE)
    world.evaluate(alert())
    world.tick(SECOND)
    assert world.live.episode == 2
    assert not any(ticket.reopen for _, _, ticket in world.sent)


def test_a_deleted_ticket_is_replaced_only_while_the_fault_is_there():
    world = opened()
    world.see(None)
    world.evaluate(alert(), after=5 * MINUTE)
    world.evaluate(alert())
    world.tick(SECOND)
    assert world.live.episode == 2
    over = opened()
    over.see(None)
    over.cooled(recovered())
    assert over.last.ended is Ended.GONE
    assert over.last.episode == 1


def test_a_person_who_opens_the_ticket_again_gets_the_notes_that_waited():
    world = opened()
    world.see(RemoteState.RESOLVED)
    world.evaluate(alert(), alert(severity="critical"))
    decision = world.see(RemoteState.IN_PROGRESS)
    assert decision.reason is Reason.REOPENED_BY_PERSON
    assert (len(decision.wishes["desk"].notes), decision.wishes["desk"].reopen) == (1, False)


def test_one_of_two_tickets_ended_leaves_the_other_alone():
    world = World(context(TWO))
    world.opened()
    world.see(RemoteState.NEW, backend="rt")
    world.see(RemoteState.CANCELLED, backend="desk")
    world.evaluate(alert(), alert(severity="critical"))
    assert [backend for _, backend, ticket in world.sent if ticket.notes] == ["rt"]
    world.cooled(recovered(), recovered(severity="critical"))
    assert world.last.ended is Ended.RESOLVED_BY_US


def test_only_the_resolved_one_of_two_tickets_is_reopened():
    world = World(context(TWO))
    world.opened()
    world.see(RemoteState.CANCELLED, backend="desk")
    world.now += SECOND
    world.see(RemoteState.RESOLVED, backend="rt")
    decision = world.tick(30 * MINUTE)
    assert (decision.reason, list(decision.wishes)) == (Reason.REOPENED_STILL_FIRING, ["rt"])
    assert decision.incident.people["desk"].ended_at is not None


def test_closing_what_we_resolved_counts_when_the_fault_returns():
    world = opened()
    world.cooled(recovered())
    ours = world.see(RemoteState.RESOLVED)
    assert (ours.reason, ours.timeline) == (Reason.SEEN, ()), "our own doing"
    assert world.see(RemoteState.CLOSED).incident.ended is Ended.CLOSED
    assert world.last.state is IncidentState.RESOLVED
