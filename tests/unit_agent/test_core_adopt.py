"""The state is lost; the tickets are not."""

from __future__ import annotations

import json

import msgspec
import pytest
from core_kit import MINUTE, SECOND, World, alert, context, no_data, recovered, remote
from msgspec.structs import replace

from agent.core.adopt import CannotAdopt, adopt, fault_of
from agent.core.model import IncidentState, MemberState
from agent.core.policy import Policy, Receiver, Route
from agent.core.reason import Reason
from agent.core.ticket import facts
from integrations.api import RemoteState, TicketState, parse_footer, render_footer


def stray(world: World, *alerts, state=RemoteState.IN_PROGRESS, **fields):
    """An open ticket as its footer tells it, after a trip through the ITSM."""
    incident = world.opened(*alerts)
    footer = parse_footer("Tocsin-Id: forged\n" + render_footer(world.sent[-1][2]))
    found = remote(incident, state, world.ctx, **{"facts": footer.facts, "created_at": world.now, **fields})
    return incident, found


def test_an_incident_is_rebuilt_from_its_ticket_and_waits_for_evidence():
    world = World(context())
    before, found = stray(world, alert(mountpoint="/"), alert(mountpoint='/ho\u202eme\n"x', severity="critical"))
    decision = adopt(None, "desk", found, world.ctx, world.now + MINUTE)
    after = decision.incident
    assert fault_of(found.facts) == before.key
    assert (after.key, after.episode, after.rule, after.ci) == (before.key, 1, before.rule, before.ci)
    assert (after.state, decision.reason) == (IncidentState.NO_DATA, Reason.ADOPTED)
    assert [m.labels for m in after.members] == [m.labels for m in before.members]
    assert {m.state for m in after.members} == {MemberState.NO_DATA}
    assert after.opened_at == before.opened_at
    assert after.people["desk"].acknowledged_at == world.now + MINUTE
    assert decision.wishes["desk"].state is TicketState.OPEN

    later = World(world.ctx, now=world.now + MINUTE, live=after)
    later.evaluate()
    assert later.live.state is IncidentState.NO_DATA
    members = [dict(m.labels) for m in after.members]
    names = [{k: v for k, v in labels.items() if k not in ("alertname", "instance")} for labels in members]
    later.cooled(*(recovered(**each) for each in names))
    assert later.last.reason == "recovered"


def test_an_adopted_incident_fires_on_in_the_same_ticket():
    world = World(context())
    _, found = stray(world)
    decision = adopt(None, "desk", found, world.ctx, world.now)
    later = World(world.ctx, now=world.now, live=decision.incident)
    fired = later.evaluate(alert())
    assert (fired.incident.state, fired.incident.episode) == (IncidentState.OPEN, 1)


def test_notes_of_an_adopted_incident_are_not_taken_for_those_posted_before():
    world = World(context())
    _, found = stray(world)
    old = world.evaluate(no_data()).wishes["desk"].notes
    later = World(world.ctx, now=world.now, live=adopt(None, "desk", found, world.ctx, world.now).incident)
    new = later.evaluate(alert(), alert(severity="critical")).wishes["desk"].notes
    assert old[0].marker.startswith("e1-n1-")
    assert not {note.marker for note in old} & {note.marker for note in new}


def test_a_live_incident_is_not_adopted_again():
    world = World(context())
    incident, found = stray(world)
    decision = adopt(incident, "desk", found, world.ctx, world.now)
    assert (decision.incident, decision.changed, decision.reason) == (incident, False, Reason.NOT_ADOPTED)


def test_the_second_backends_ticket_joins():
    both = Policy(
        route=Route(receiver="desk", routes=(Route(continue_=True), Route(receiver="rt"))),
        receivers=(Receiver(name="desk", integration="desk"), Receiver(name="rt", integration="rt")),
    )
    world = World(context(both))
    incident, found = stray(world)
    first = adopt(None, "desk", found, world.ctx, world.now).incident
    other = remote(incident, RemoteState.NEW, world.ctx, "rt", facts=found.facts)
    decision = adopt(first, "rt", other, world.ctx, world.now)
    assert decision.incident.backends == ("desk", "rt")
    assert list(decision.wishes) == ["rt"]


def test_a_ticket_we_resolved_and_a_person_opened_is_the_persons():
    world = World(context())
    _, found = stray(world)
    world.cooled(recovered())
    world.see(RemoteState.RESOLVED)
    decision = adopt(world.last, "desk", found, world.ctx, world.now)
    assert decision.incident.state is IncidentState.RESOLVED
    assert decision.reason is Reason.REOPENED_BY_PERSON
    assert not decision.wishes


def test_a_ticket_of_an_older_episode_is_left_alone():
    world = World(context())
    _, found = stray(world)
    known = msgspec.structs.replace(world.live, episode=5, state=IncidentState.RESOLVED)
    assert not adopt(known, "desk", found, world.ctx, world.now).changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": ""}, "has no fault key"),
        ({"key": '["Other","machine-1",{}]'}, "does not belong to its correlation id"),
        ({"members": "[]"}, "lists 0 members"),
        ({"members": "nonsense"}, "cannot be read"),
        ({"members": '[["a"]]'}, "cannot be read"),
        ({"members": json.dumps([{"a": str(n)} for n in range(300)])}, "lists 300 members"),
    ],
)
def test_a_footer_that_lies_or_lacks_is_not_adopted(change, message):
    world = World(context())
    _, found = stray(world)
    changed = msgspec.structs.replace(found, facts={**found.facts, **change})
    with pytest.raises(CannotAdopt, match=message):
        adopt(None, "desk", changed, world.ctx, world.now)


def test_a_ticket_of_another_environment_is_not_adopted():
    world = World(context())
    _, found = stray(world)
    with pytest.raises(CannotAdopt, match="another environment"):
        adopt(None, "desk", found, replace(world.ctx, environment="test"), world.now)


@pytest.mark.parametrize("text", ["", "x", "9" * 30, "999999999999999", "-5", "٣"])
def test_a_senseless_time_in_a_footer_is_replaced(text):
    world = World(context())
    _, found = stray(world, created_at=None)
    odd = msgspec.structs.replace(found, facts={**found.facts, "opened_at": text})
    assert adopt(None, "desk", odd, world.ctx, world.now + SECOND).incident.opened_at == world.now + SECOND


@pytest.mark.parametrize("filler", [" ", '"', "\\", "磁", "\U0001f525", "a"])
def test_facts_fit_the_footer_whatever_labels_say(filler):
    hostile = [alert(rule="R" * 50 + filler * 50, label=filler * 900, number=str(n)) for n in range(100)]
    world = World(context(Policy(route=Route(receiver="desk", group_by=("label",)))))
    incident = world.opened(*hostile)
    assert len(incident.members) == 100
    footer = parse_footer(render_footer(world.sent[-1][2]))
    assert footer.facts == facts(incident)
    assert int(footer.facts["members_left"]) > 0
