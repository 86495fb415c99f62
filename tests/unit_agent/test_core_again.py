"""A fault fires again after its episode ended: every end, on both sides of its age."""

from __future__ import annotations

import msgspec
import pytest
from core_kit import MINUTE, SECOND, World, alert, context, recovered

from agent.core.group import group
from agent.core.incident import step
from agent.core.incident_policy import Again, Ended, IncidentPolicy, Then
from agent.core.model import IncidentState
from agent.core.reason import Reason
from integrations.api import RemoteState, TicketState

END = {
    Ended.RESOLVED_BY_PERSON: RemoteState.RESOLVED,
    Ended.CLOSED: RemoteState.CLOSED,
    Ended.CANCELLED: RemoteState.CANCELLED,
    Ended.GONE: None,
}


def ended(how: Ended, **policy) -> World:
    world = World(context(**policy))
    world.opened()
    world.see(RemoteState.NEW)
    if how in END:
        world.see(END[how])
    world.cooled(recovered())
    assert world.last.ended is how
    return world


@pytest.mark.parametrize(
    ("how", "age", "then"),
    [
        (Ended.RESOLVED_BY_US, 0, Then.REOPEN),
        (Ended.RESOLVED_BY_US, 30 * MINUTE, Then.REOPEN),
        (Ended.RESOLVED_BY_US, 30 * MINUTE + 1, Then.NEW),
        (Ended.RESOLVED_BY_PERSON, 10 * MINUTE, Then.REOPEN),
        (Ended.RESOLVED_BY_PERSON, 10 * MINUTE + 1, Then.NEW),
        (Ended.CLOSED, 1, Then.NEW),
        (Ended.CANCELLED, 1, Then.NEW),
        (Ended.GONE, 1, Then.NEW),
    ],
)
def test_the_default_table(how, age, then):
    world = ended(how)
    world.evaluate(alert(), after=age)
    world.tick(SECOND)
    reopened = world.live.episode == 1
    assert reopened is (then is Then.REOPEN)
    ticket = world.sent[-1][2]
    assert (ticket.state, ticket.reopen) == (TicketState.OPEN, reopened)
    if reopened:
        assert "is opened again" in ticket.notes[-1].text
        assert world.live.state is IncidentState.OPEN
    else:
        assert (world.live.episode, world.live.previous) == (2, "INC0000007")


def test_the_first_row_that_fits_wins():
    rows = (
        Again(ended=Ended.RESOLVED_BY_US, within=MINUTE, then=Then.LEAVE),
        Again(ended=Ended.RESOLVED_BY_US, within=60 * MINUTE, then=Then.REOPEN),
    )
    world = ended(Ended.RESOLVED_BY_US, again=rows)
    left = world.evaluate(alert(), after=MINUTE)
    assert (left.reason, left.wishes, left.wake_at) == (Reason.LEFT_TO_PERSON, {}, None)
    assert left.changed
    assert world.live is None
    again = world.evaluate(alert(), after=0)
    assert (again.changed, again.timeline) == (False, ()), "said once"
    assert world.evaluate(alert(), after=1).reason is Reason.REOPENED_WITHIN_WINDOW


def test_a_backend_that_cannot_reopen_gets_a_new_ticket():
    world = World(context(cannot_reopen=frozenset({"desk"})))
    world.opened()
    world.cooled(recovered())
    world.evaluate(alert())
    assert world.live.episode == 2


def test_a_ticket_that_a_person_opened_again_is_continued_at_any_age():
    world = ended(Ended.RESOLVED_BY_US)
    world.see(RemoteState.RESOLVED)
    back = world.see(RemoteState.IN_PROGRESS)
    assert back.reason is Reason.REOPENED_BY_PERSON
    decision = world.evaluate(alert(), after=24 * 60 * MINUTE)
    assert (decision.reason, decision.incident.episode) == (Reason.REOPENED_PERSON_HAS_IT_OPEN, 1)
    assert not decision.wishes["desk"].reopen, "it is open"


def test_a_late_look_at_the_ticket_we_resolved_does_not_undo_the_reopening():
    world = ended(Ended.RESOLVED_BY_US)
    world.evaluate(alert())
    assert not world.see(RemoteState.RESOLVED).changed
    assert world.live.reopening == ("desk",)


def test_a_person_who_closes_before_the_reopening_arrives_is_respected():
    world = ended(Ended.RESOLVED_BY_US)
    world.evaluate(alert())
    decision = world.see(RemoteState.CLOSED)
    assert (decision.reason, decision.incident.reopening) == (Reason.CLOSED_BY_PERSON, ())
    assert not decision.wishes


def test_episodes_count_on_when_the_last_incident_is_no_longer_kept():
    ctx = context()
    world = World(ctx)
    (bucket,) = group([alert()], ctx.tree, ctx.classifier, {}).values()
    decision = step(None, None, bucket, ctx, world.now, world.now, 7)
    assert (decision.incident.episode, decision.reason) == (8, Reason.NEW_EPISODE)


def test_what_was_over_stays_out_of_the_reopened_incident():
    world = World(context())
    world.opened(alert(mountpoint="/"), alert(mountpoint="/home"))
    world.cooled(recovered(mountpoint="/"), recovered(mountpoint="/home"))
    world.evaluate(alert(mountpoint="/home"))
    assert world.live.state is IncidentState.OPEN
    world.cooled(recovered(mountpoint="/home"))
    assert world.last.ended is Ended.RESOLVED_BY_US


def test_a_row_for_what_is_followed_by_a_new_ticket_anyway_is_refused():
    with pytest.raises(msgspec.ValidationError, match="take this row out"):
        msgspec.convert({"again": [{"ended": "superseded", "within": 1, "then": "leave"}]}, IncidentPolicy)


@pytest.mark.parametrize("how", [Ended.CLOSED, Ended.CANCELLED, Ended.GONE, Ended.NOT_MONITORED])
def test_a_table_that_reopens_what_was_meant_to_end_is_refused(how):
    row = {"ended": how.value, "within": 1, "then": "reopen"}
    with pytest.raises(msgspec.ValidationError, match="use `new` or `leave`"):
        msgspec.convert({"again": [row]}, IncidentPolicy)
