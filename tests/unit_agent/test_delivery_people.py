"""What people do to tickets is read back; what stands open without an incident is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.delivery_rig import Rig, name, scenario, ticket
from fakes.fake_backend import Fault

from agent.core.outbox import RowState
from agent.delivery import GateState
from agent.delivery.poller import BATCH
from integrations.api import RemoteState


def test_what_a_person_did_is_told_once(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True)
        await rig.fire("disk")
        await rig.passed(100)
        told = len(rig.seen)
        rig.backend.tickets[1].owner = "ann"
        rig.backend.person(1, RemoteState.IN_PROGRESS)
        await rig.passed(100)
        assert len(rig.seen) == told + 1
        remote = rig.seen[-1].remote
        assert remote is not None
        assert (remote.owner, remote.state) == ("ann", RemoteState.IN_PROGRESS)
        assert rig.row("disk").remote_state is RemoteState.IN_PROGRESS
        await rig.stop()

    scenario(tmp_path, steps)


def test_a_ticket_a_person_ended_is_left_alone(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True, audit=True)
        await rig.fire("disk")
        await rig.passed(1)
        rig.backend.person(1, RemoteState.CLOSED)
        await rig.passed(2000)
        assert rig.seen[-1].remote is not None
        assert rig.seen[-1].remote.state is RemoteState.CLOSED
        await rig.resolve("disk")
        await rig.passed(1)
        assert rig.row("disk").finished
        await rig.stop()

    rig = scenario(tmp_path, steps)
    assert [t.state for t in rig.backend.tickets.values()] == [RemoteState.CLOSED]


def test_a_deleted_ticket_is_told_and_only_a_newer_wish_makes_another(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True)
        row = await rig.fire("disk")
        assert row is not None
        await rig.passed(1)
        gone = rig.backend.tickets.pop(1)
        await rig.passed(1000)
        assert rig.seen[-1].remote is None
        assert rig.backend.calls["create"] == 1
        assert rig.row("disk").state is RowState.REJECTED
        rig.backend.tickets[99] = gone  # so that ids go on; it stays unfindable
        gone.correlation_id = ""
        await rig.fire("disk", opened_at=row.wish.opened_at, notes=1)
        await rig.passed(10)
        assert rig.backend.calls["create"] == 2
        await rig.stop()

    scenario(tmp_path, steps)


@pytest.mark.parametrize("retried", [False, True])
def test_the_end_of_an_incident_whose_ticket_is_gone_closes_its_row_and_makes_no_ticket(
    tmp_path: Path, retried: bool
) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True)
        await rig.fire("disk")
        await rig.passed(1)
        rig.backend.tickets.clear()
        await rig.passed(1000)
        assert rig.row("disk").state is RowState.REJECTED
        if retried:
            rig.backend.fault = lambda verb: Fault.UNAUTHORISED
            await rig.delivery.retry(*rig.row("disk").key)
            await rig.passed(1)
        await rig.resolve("disk")
        assert rig.row("disk").finished
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.delivery.retry(*rig.row("disk").key)
        await rig.passed(1000)
        assert rig.row("disk").finished
        await rig.stop()

    assert scenario(tmp_path, steps).backend.tickets == {}


def test_resolving_a_deleted_ticket_is_success(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1)
        rig.backend.tickets.clear()
        await rig.resolve("disk")
        await rig.passed(1)
        assert rig.row("disk").finished
        await rig.stop()

    assert scenario(tmp_path, steps).backend.tickets == {}


def test_a_backend_that_is_down_is_not_polled(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True)
        for n in range(10):
            await rig.fire(f"d{n}")
        await rig.passed(10)
        rig.backend.calls.clear()
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.fire("late")
        await rig.passed(86_400)
        assert sum(rig.backend.calls.values()) < 86_400 / 60
        await rig.stop()

    scenario(tmp_path, steps)


def test_a_backend_that_comes_back_is_noticed_with_nothing_to_send(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True)
        for n in range(5):
            await rig.fire(f"d{n}")
        await rig.passed(10)
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.passed(3600)
        assert rig.delivery.status()[0].state is GateState.DOWN
        rig.backend.fault = lambda verb: Fault.NONE
        rig.backend.tickets[3].owner = "ann"
        await rig.passed(400)
        assert rig.delivery.status()[0].state is GateState.UP
        assert rig.seen[-1].remote is not None
        assert rig.seen[-1].remote.owner == "ann"
        await rig.stop()

    scenario(tmp_path, steps)


def test_more_tickets_than_one_round_reads_are_read_in_turn(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True)
        for n in range(BATCH + 20):
            await rig.fire(f"d{n}")
        await rig.passed(600)
        for stored in rig.backend.tickets.values():
            stored.owner = "ann"
        rig.seen.clear()
        await rig.passed(61)
        assert len(rig.seen) == BATCH + 20
        await rig.stop()

    scenario(tmp_path, steps)


def test_an_open_ticket_without_an_incident_is_reported_with_its_facts(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.plant(ticket("lost", facts={"rule": "DiskFull"}))
        await rig.start(audit=True)
        await rig.passed(1)
        (stray,) = rig.strays
        assert stray.remote.facts == {"rule": "DiskFull"}
        await rig.fire("lost")  # the agent makes an incident of it, and delivery adopts the ticket
        await rig.passed(1300)
        assert len(rig.strays) == 1
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 1


def test_a_resolved_ticket_that_a_person_opened_again_is_reported(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(audit=True)
        await rig.fire("disk")
        await rig.resolve("disk")
        await rig.passed(10)
        rig.backend.person(1, RemoteState.IN_PROGRESS)
        await rig.passed(600)
        assert [stray.incident for stray in rig.strays] == [name("disk")]
        await rig.stop()

    assert scenario(tmp_path, steps).backend.tickets[1].state is RemoteState.IN_PROGRESS


def test_a_twin_that_comes_after_the_resolve_is_retired(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(audit=True)
        row = await rig.fire("disk")
        assert row is not None
        await rig.resolve("disk")
        await rig.passed(10)
        rig.backend.plant(row.wish)
        await rig.passed(700)
        assert rig.backend.active == []
        await rig.stop()

    rig = scenario(tmp_path, steps)
    assert rig.backend.tickets[2].twin_of == "1"
    assert rig.strays == []
