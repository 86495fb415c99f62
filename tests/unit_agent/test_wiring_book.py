"""The book on a real store and a fake backend: what it believes, what it owes, and what stands at the end."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import alert, no_data, recovered
from fakes.fake_backend import FakeBackend, Fault
from structlog.testing import capture_logs
from wiring_kit import Agent, scenario

from agent.actions import Actions
from agent.core.group import DRILL
from agent.core.model import IncidentState
from agent.core.outbox import RowState
from agent.delivery import RemoteSeen, Stray
from agent.store import Change, StoreUnavailable
from integrations.api import Ref, Remote, RemoteState
from rules.api import parse_rule_file


def test_a_decision_its_wishes_and_its_history_are_one_transaction(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        await agent.opened()
        (change,) = agent.commits
        (incident,) = change.incidents
        assert incident.state is IncidentState.OPEN
        assert [row.key for row in change.outbox] == [(incident.id, "desk")]
        assert {entry.incident for entry in change.timeline} == {incident.id}
        assert len(change.timeline) >= 3
        await agent.stop()

    scenario(tmp_path, steps)


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        await agent.opened()
        written = agent.store.stats.commits
        for value in range(40):
            await agent.evaluate(alert(value=value))
        assert agent.store.stats.commits == written
        await agent.stop()

    scenario(tmp_path, steps)


def test_what_the_disk_refuses_is_believed_and_written_later_in_order(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        with capture_logs() as said:
            agent.fill_disk()
            await agent.opened()
            assert agent.backend.tickets == {}, "a ticket left before its row was durable"
            assert agent.book.owed > 0
            await agent.evaluate(no_data())
            agent.free_disk()
            await agent.evaluate(no_data())
            await asyncio.sleep(60)
        events = [line["event"] for line in said]
        assert (events.count("store_unavailable"), events.count("store_available")) == (1, 1)
        (incident,) = agent.book.live.values()
        assert await agent.store.incident(incident.id) == incident
        history = await agent.store.timeline(incident.id)
        assert [entry.at for entry in history] == sorted(entry.at for entry in history)
        assert [entry.reason for entry in history].index("gathered") < len(history) - 1
        assert len(agent.backend.active) == 1
        await agent.stop()

    scenario(tmp_path, steps)


def test_cancelling_a_flush_loses_nothing_that_the_disk_then_refuses(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        await asyncio.sleep(1)  # the book's own loop is idle
        real, gate = agent.store.commit, asyncio.Event()

        async def slow_and_full(_: Change) -> None:
            await gate.wait()
            raise StoreUnavailable("full")

        agent.store.commit = slow_and_full  # type: ignore[method-assign]
        agent.book.consider([alert(agent.now())], {})
        flushing = asyncio.create_task(agent.book.flush())
        await asyncio.sleep(0.1)
        agent.book.consider([no_data(agent.now())], {})  # newer than what is on its way
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        gate.set()
        await asyncio.sleep(0.1)
        agent.store.commit = real  # type: ignore[method-assign]
        await agent.book.flush()
        (incident,) = agent.book.live.values()
        assert incident.state is IncidentState.NO_DATA
        assert await agent.store.incident(incident.id) == incident
        reasons = [entry.reason for entry in await agent.store.timeline(incident.id)]
        assert "gathered" in reasons
        assert reasons.index("gathered") < len(reasons) - 1
        await agent.stop()

    scenario(tmp_path, steps)


def test_timers_ring_without_an_alert(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        await agent.evaluate(alert(agent.now()))
        (incident,) = agent.book.live.values()
        assert incident.state is IncidentState.GATHERING
        await asyncio.sleep(4.9)
        assert agent.backend.tickets == {}
        await asyncio.sleep(0.3)
        assert len(agent.backend.active) == 1
        await agent.stop()

    scenario(tmp_path, steps, group_wait=5_000)


def test_an_alarm_for_nothing_rings_once(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        agent.book._alarms["nobody"] = 0
        assert agent.book._ring() is None
        await agent.stop()

    scenario(tmp_path, steps)


def test_no_cool_down_ends_while_nobody_looked(tmp_path: Path) -> None:
    """The fault comes back while the agent is down: the first evaluation must see the incident still recovering."""

    async def steps(agent: Agent) -> None:
        await agent.start()
        await agent.opened()
        await agent.evaluate(recovered(agent.now()))
        await agent.evaluate()
        await agent.evaluate()
        (incident,) = agent.book.live.values()
        assert incident.state is IncidentState.RECOVERING
        await agent.stop()
        await asyncio.sleep(3_600)
        await agent.start()
        await asyncio.sleep(5)
        assert [each.state for each in agent.book.live.values()] == [IncidentState.RECOVERING]
        await agent.evaluate(alert(agent.now()))
        assert [each.state for each in agent.book.live.values()] == [IncidentState.OPEN]
        await asyncio.sleep(1)
        assert len(agent.backend.active) == 1
        await agent.stop()

    agent = scenario(tmp_path, steps)
    assert len(agent.backend.tickets) == 1


def test_open_tickets_are_taken_back_when_the_state_is_lost(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        before = await agent.opened()
        await agent.stop()
        agent.directory = tmp_path / "new"
        await agent.start(audit=True)
        await asyncio.sleep(5)
        (after,) = agent.book.live.values()
        assert (after.key, after.episode, after.state) == (before.key, before.episode, IncidentState.NO_DATA)
        assert [member.labels for member in after.members] == [member.labels for member in before.members]
        assert [each.id for each in agent.adopted] == [after.id]
        assert await agent.store.incident(after.id) is not None
        await agent.resolved()
        await agent.stop()

    agent = scenario(tmp_path / "old", steps)
    assert [ticket.state for ticket in agent.backend.tickets.values()] == [RemoteState.RESOLVED]


def stray(number: int) -> Stray:
    ref = Ref(str(number), f"INC{number}")
    return Stray("desk", Remote(ref=ref, correlation_id="toc-x", state=RemoteState.NEW, raw_state="new", facts={}), "")


def test_a_stray_without_facts_is_said_once_and_the_memory_of_it_is_bounded(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        with capture_logs() as said:
            for _ in range(3):
                agent.book.stray(stray(1))
            assert [line["event"] for line in said] == ["stray_ticket_left_alone"]
            for number in range(5_000):
                agent.book.stray(stray(number))
        assert len(agent.book._strays_said) <= 1_000
        assert not agent.book.live
        assert not agent.adopted
        await agent.stop()

    scenario(tmp_path, steps)


@pytest.mark.parametrize("resolved", [False, True])
def test_a_damaged_outbox_row_is_wished_for_again(tmp_path: Path, resolved: bool) -> None:
    """Of a resolved incident too: its resolve may not have been delivered."""

    async def steps(agent: Agent) -> None:
        await agent.start()
        incident = await agent.opened()
        agent.backend.fault = lambda verb: Fault.REFUSED
        await agent.evaluate(no_data())
        if resolved:
            await agent.resolved()
        await agent.stop()
        with closing(sqlite3.connect(tmp_path / "tocsin.db")) as connection, connection:
            assert connection.execute("UPDATE outbox SET crc = crc + 1").rowcount == 1
        agent.backend.fault = lambda verb: Fault.NONE
        loaded = await agent.start()
        assert [row.key for row in loaded.quarantined] == [f"{incident.id} desk"]
        assert agent.book.mend_wishes(agent.delivery) == 1
        assert agent.book.mend_wishes(agent.delivery) == 0
        await agent.book.flush()
        await asyncio.sleep(400)
        row = agent.delivery.row((incident.id, "desk"))
        assert row is None or row.state is RowState.DONE
        await agent.stop()

    agent = scenario(tmp_path, steps)
    (ticket,) = agent.backend.tickets.values()
    assert ticket.state.active is not resolved


def test_a_whole_state_has_nothing_to_mend(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        await agent.opened()
        await agent.resolved()
        await agent.opened(alert(agent.now(), mountpoint="/srv"))
        await agent.stop()
        await asyncio.sleep(90_000)
        await agent.start()
        assert agent.book.mend_wishes(agent.delivery) == 0
        await agent.stop()

    scenario(tmp_path, steps, again=())


def test_episodes_count_on_after_everything_else_was_forgotten(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        first = await agent.opened()
        await agent.resolved()
        later = agent.now() + 1
        agent.book.forget(later)
        assert not agent.book.ended
        agent.delivery.forget(set())
        assert agent.delivery.rows() == []
        assert await agent.store.prune(later) == 1
        for expected in (2, 3):
            again = await agent.opened()
            assert (again.key, again.episode) == (first.key, expected)
            await agent.resolved()
            agent.book.forget(agent.now() + 1)
            await agent.store.prune(agent.now() + 1)
            await agent.stop()
            await agent.start()
        await agent.stop()

    agent = scenario(tmp_path, steps, again=())
    assert [ticket.episode for ticket in agent.backend.tickets.values()] == [1, 2, 3]
    assert not agent.backend.active


def test_what_is_not_delivered_is_not_forgotten(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        incident = await agent.opened()
        agent.backend.fault = lambda verb: Fault.REFUSED
        await agent.resolved()
        agent.book.forget(agent.now() + 1)
        agent.delivery.forget({each.id for each in agent.book.ended.values()})
        assert [each.id for each in agent.book.ended.values()] == [incident.id]
        agent.delivery.forget(set())
        assert agent.delivery.row((incident.id, "desk")) is not None
        agent.backend.fault = lambda verb: Fault.NONE
        await asyncio.sleep(400)
        agent.book.forget(incident.created_at)
        assert agent.book.ended, "it ended later than that"
        agent.book.forget(agent.now() + 1)
        assert not agent.book.ended
        await agent.stop()

    agent = scenario(tmp_path, steps)
    assert not agent.backend.active


def test_a_moved_timeline_moves_everything_in_memory_and_on_the_disk(tmp_path: Path) -> None:
    year = 31_557_600_000

    async def steps(agent: Agent) -> None:
        await agent.start()
        await agent.opened()
        await agent.resolved()
        await agent.opened(alert(agent.now(), instance="web-2:9100"))
        (ended,) = agent.book.ended.values()
        (live,) = agent.book.live.values()
        agent.offset += 50 * year
        agent.book.rebase(50 * year)
        agent.delivery.rebase(50 * year)
        await agent.book.flush()
        for before in (ended, live):
            after = await agent.store.incident(before.id)
            assert after is not None
            assert after.created_at == before.created_at + 50 * year
            assert after.members[0].since == before.members[0].since + 50 * year
            assert (after.resolved_at or 0) == (before.resolved_at or -50 * year) + 50 * year
        written = agent.store.stats.commits
        with capture_logs() as said:
            for _ in range(5):
                await agent.evaluate(alert(agent.now(), instance="web-2:9100"))
        assert [line for line in said if line["event"] == "incident"] == []
        assert agent.store.stats.commits - written <= 1  # the ticket's facts, once
        await agent.stop()
        await agent.start()
        assert [each.resolved_at for each in agent.book.ended.values()] == [(ended.resolved_at or 0) + 50 * year]
        await agent.stop()

    agent = scenario(tmp_path, steps, again=())
    assert len(agent.backend.tickets) == 2
    assert len(agent.backend.active) == 1


def test_what_is_owed_when_the_timeline_moves_moves_too(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        agent.book.consider([alert(agent.now())], {})
        (before,) = agent.book.live.values()
        agent.book.rebase(-7_000)
        await agent.book.flush()
        stored = await agent.store.incident(before.id)
        assert stored is not None
        assert stored.created_at == before.created_at - 7_000
        await agent.stop()

    scenario(tmp_path, steps)


def test_two_backends_tell_of_an_older_episode_at_once(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        old = await agent.opened()
        await agent.resolved()
        await agent.opened()
        assert agent.book._by_id(old.id) is None
        for number, backend in enumerate(("desk", "rt"), 1):
            shown = Remote(
                ref=Ref(str(number), f"T{number}"), correlation_id="c", state=RemoteState.RESOLVED, raw_state="r"
            )
            agent.book.remote_seen(RemoteSeen(old.id, backend, shown))
        await asyncio.sleep(1)
        stored = await agent.store.incident(old.id)
        assert stored is not None
        assert {name: person.number for name, person in stored.people.items()} == {"desk": "T1", "rt": "T2"}
        await agent.stop()

    scenario(tmp_path, steps, again=())


RULES = """
groups:
- name: g
  rules:
  - alert: DiskFull
    expr: disk_used > 0.9
    labels: {severity: warning}
    annotations: {summary: full}
"""


def actions(agent: Agent) -> Actions:
    loaded, problems = parse_rule_file(RULES, "host.rules.yml")
    assert loaded is not None, problems
    rules = {"DiskFull": ("host.rules.yml", loaded.groups[0].rules[0])}
    return Actions(agent.book, lambda: rules, "web-1:9100", lambda: agent.delivery, agent.now)  # type: ignore[arg-type, return-value]


def test_an_exercise_and_the_real_fault_never_meet(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        acts = actions(agent)
        name = acts.drill("DiskFull", {})["incident"]
        await asyncio.sleep(1)
        exercise = next(each for each in agent.book.live.values() if each.test)
        assert (exercise.id, exercise.key.startswith(DRILL)) == (name, True)
        await agent.evaluate(alert(agent.now()))
        await asyncio.sleep(1)
        real = next(each for each in agent.book.live.values() if not each.test)
        assert DRILL + real.key == exercise.key or real.key not in exercise.key
        await agent.evaluate(recovered(agent.now()))
        for _ in range(30):
            await agent.evaluate()
        assert agent.book.live == {exercise.key: agent.book.live[exercise.key]}, "the real recovery touched the drill"
        assert agent.book.live[exercise.key].state is IncidentState.OPEN
        await agent.evaluate(alert(agent.now(), mountpoint="/srv"))
        acts.drill_note(name, "still here")
        acts.drill_resolve(name)
        await asyncio.sleep(1)
        (left,) = agent.book.live.values()
        assert (left.test, left.state) == (False, IncidentState.OPEN)
        await agent.stop()

    agent = scenario(tmp_path, steps, again=())
    assert len(agent.backend.tickets) == 3
    assert len(agent.backend.active) == 1


def test_an_exercise_survives_a_restart(tmp_path: Path) -> None:
    async def steps(agent: Agent) -> None:
        await agent.start()
        name = actions(agent).drill("DiskFull", {})["incident"]
        await asyncio.sleep(1)
        await agent.stop()
        await agent.start()
        await agent.evaluate()
        assert [each.state for each in agent.book.live.values()] == [IncidentState.OPEN]
        actions(agent).drill_resolve(name)
        await asyncio.sleep(1)
        await agent.stop()

    agent = scenario(tmp_path, steps)
    assert [ticket.state for ticket in agent.backend.tickets.values()] == [RemoteState.RESOLVED]


def test_a_storm_is_stored_at_once(tmp_path: Path) -> None:
    """Two thousand incidents of one pass are one transaction, and cost no more each than a few."""

    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        storm = [alert(agent.now(), mountpoint=f"/{n}", instance=f"h{n}") for n in range(2_000)]
        agent.book.consider(storm, {})
        assert len(agent.book._owed) == len(agent.book.live)
        await agent.book.flush()
        assert agent.store.stats.commits == 1
        await agent.stop()

    scenario(tmp_path, steps)


def test_a_backend_that_is_gone_from_the_configuration_is_waited_for(tmp_path: Path) -> None:
    """Its tickets are looked after again once it is back; nothing is made twice."""

    async def steps(agent: Agent) -> None:
        await agent.start()
        await agent.opened()
        await agent.stop()
        agent.backends = {"other": FakeBackend(agent.now)}
        await agent.start()
        await agent.resolved()
        assert len(agent.backend.active) == 1
        await agent.stop()
        agent.backends = {"desk": agent.backend}
        await agent.start()
        await asyncio.sleep(10)
        await agent.stop()

    agent = scenario(tmp_path, steps)
    assert [ticket.state for ticket in agent.backend.tickets.values()] == [RemoteState.RESOLVED]


def test_delivery_that_is_stopped_before_it_ran_ends_at_once(tmp_path: Path) -> None:
    """Two reloads in a row do that; a part started after the stop would never end."""

    async def steps(agent: Agent) -> None:
        await agent.start()
        began = agent.now()
        await agent.stop()
        assert agent.now() == began

    scenario(tmp_path, steps)


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_one_evaluation_led_to_is_stored_together_though_others_have_their_turns(
    tmp_path: Path, cancelled: bool
) -> None:
    """Also when the agent is stopped in between: the rest is decided, and nothing is stored without the rest."""

    async def steps(agent: Agent) -> None:
        await agent.start(deliver=False)
        storm = [alert(agent.now(), mountpoint=f"/{n}", instance=f"h{n}") for n in range(20)]

        async def turn() -> None:
            await agent.book.flush()
            assert agent.store.stats.commits == 0
            if cancelled and len(agent.book.live) == 7:
                raise asyncio.CancelledError

        try:
            await agent.book.consider_in_turns(storm, {}, turn)
        except asyncio.CancelledError:
            assert cancelled
        assert len(agent.book.live) == 20
        await agent.book.flush()
        assert agent.store.stats.commits == 1
        await agent.stop()

    scenario(tmp_path, steps)
