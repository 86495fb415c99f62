"""Every decision can be asked for, and the same inputs give the same words and the same ticket."""

from __future__ import annotations

import random

import msgspec
import pytest
from core_kit import MINUTE, SECOND, World, alert, context, no_data, recovered
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.explain import duration, explain
from agent.core.model import TimelineEntry
from agent.core.reason import Reason
from integrations.api import RemoteState


def story() -> World:
    world = World(context())
    world.opened(alert(mountpoint="/"))
    world.see(RemoteState.IN_PROGRESS, owner="li")
    world.evaluate(alert(mountpoint="/"), alert(mountpoint="/home", severity="critical"))
    world.evaluate(no_data(mountpoint="/"), no_data(mountpoint="/home", severity="critical"))
    world.cooled(recovered(mountpoint="/"), recovered(mountpoint="/home", severity="critical", evidence=0.12))
    return world


def test_the_story_of_an_incident_in_words():
    world = story()
    lines = explain(world.last, world.history, world.ctx.policy)
    assert [line.reason for line in lines] == [
        "new_fault",
        "routed",
        "members_changed",
        "classified",
        "gathered",
        "seen",
        "acknowledged",
        "members_changed",
        "regraded",
        "regraded",
        "members_changed",
        "no_data",
        "members_changed",
        "recovering",
        "recovered",
        "recovered",
        "next",
        "next",
    ]
    text = "\n".join(line.text for line in lines)
    assert "routed by the tree (path: route{}; backends: desk)" in text
    assert "classified and graded: impact 2 x urgency 2 -> P3; category " in text
    assert "urgency 2 (severity warning)" in text
    assert "a person took the ticket (backend: desk; owner: li)" in text
    assert "got worse, so the grade was raised (from: P3; to: P2" in text
    assert "note 1 written: regraded" in text
    assert "severity='critical' = 0.12" in text
    assert "within 30m of the end: reopen" in text


def test_what_comes_next_follows_the_policy():
    world = World(context())
    world.opened()
    world.evaluate(alert(), alert(mountpoint="/x"))
    world.evaluate(recovered(), recovered(mountpoint="/x"))
    texts = [line.text for line in explain(world.live, [], world.ctx.policy)]
    assert texts[0].startswith(
        "recovering (evidence shows that all members are over: the cool-down runs); members: 2 recovered"
    )
    assert texts[1] == "resolved after 1m and 2 evaluations without the fault (1 so far)"
    world.see(RemoteState.CANCELLED)
    assert any("cancelled); while it fires: leave" in line.text for line in explain(world.live, [], world.ctx.policy))


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words_and_survives_missing_details(reason):
    world = World(context())
    incident = world.opened()
    entry = TimelineEntry(incident=incident.id, at=1, kind="state", reason=reason.value, detail={})
    text = explain(incident, [entry], world.ctx.policy)[0].text
    silent = {Reason.NOTHING_CHANGED, Reason.NOT_ADOPTED}
    assert (text != reason.value) is (reason not in silent)


def test_entries_of_a_newer_version_are_shown_as_they_are():
    world = World(context())
    incident = world.opened()
    entry = TimelineEntry(
        incident=incident.id, at=1, kind="state", reason="from_the_future", detail={"b": "2", "a": "1"}
    )
    assert explain(incident, [entry], world.ctx.policy)[0].text == "from_the_future, a 1, b 2"


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (999, "0s"), (90_000, "1m30s"), (3_600_000, "1h"), (90_061_000, "1d1h"), (-5, "0s")]
)
def test_durations_as_people_write_them(ms, text):
    assert duration(ms) == text


MOUNTS = [f"/{name}" for name in ("", "home", "var", "数据", "a b")]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(MOUNTS), st.sampled_from(["fire", "gone", "over"]), st.booleans()),
            max_size=5,
            unique_by=lambda each: (each[0], each[2]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2**32),
)
def test_same_inputs_give_the_same_tickets_byte_for_byte(rounds, seed):
    """R22: whatever the order in which alerts of an evaluation arrive."""
    makers = {"fire": alert, "gone": no_data, "over": recovered}
    order = random.Random(seed)
    results = []
    for shuffled in (False, True):
        world = World(context())
        for each in rounds:
            alerts = [
                makers[what](mountpoint=mount, severity="critical" if bad else "warning") for mount, what, bad in each
            ]
            if shuffled:
                order.shuffle(alerts)
            world.evaluate(*alerts)
            world.tick(SECOND)
            world.tick(10 * MINUTE)
        results.append(
            (
                msgspec.json.encode([ticket for _, _, ticket in world.sent]),
                msgspec.json.encode(world.history),
                explain(world.live or world.last, world.history, world.ctx.policy) if world.history else (),
            )
        )
    assert results[0] == results[1]
