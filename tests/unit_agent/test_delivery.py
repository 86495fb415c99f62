"""Delivery against a backend that fails in every way the failure matrix names; asserted on what stands at the end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import structlog.testing
from fakes.delivery_rig import Rig, name, scenario, ticket
from fakes.fake_backend import Fault

from agent.core.outbox import RowState
from agent.delivery import GateState
from agent.store import Change, StoreUnavailable
from integrations.api import RemoteState


def script(rig: Rig, faults: Iterable[tuple[str, Fault]]) -> None:
    """The named verbs fail in this order, once each; everything else works."""
    left = list(faults)

    def fault(verb: str) -> Fault:
        if left and left[0][0] == verb:
            return left.pop(0)[1]
        return Fault.NONE

    rig.backend.fault = fault


def test_a_fault_becomes_one_ticket_and_its_recovery_resolves_it(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        await rig.fire("disk", notes=1)
        await rig.passed(1)
        (ticket,) = rig.backend.active
        assert ticket.notes == ["n0"]
        assert rig.seen[-1].remote is not None
        assert rig.seen[-1].remote.ref.number == "INC00001"
        await rig.resolve("disk")
        await rig.passed(1)
        assert rig.row("disk").finished
        await rig.stop()

    rig = scenario(tmp_path, steps)
    assert [t.state for t in rig.backend.tickets.values()] == [RemoteState.RESOLVED]


def test_an_idle_worker_calls_nothing_and_writes_nothing(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1)
        calls, commits = sum(rig.backend.calls.values()), rig.store.stats.commits
        assert await rig.fire("disk", opened_at=rig.row("disk").wish.opened_at) is None  # the same wish again
        await rig.passed(86_400)
        assert sum(rig.backend.calls.values()) == calls
        assert rig.store.stats.commits == commits
        await rig.stop()

    scenario(tmp_path, steps)


def test_fired_and_recovered_during_an_outage_leaves_a_record(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.start()
        await rig.fire("disk")
        await rig.passed(60)
        await rig.resolve("disk")
        await rig.passed(60)
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.passed(301)
        assert rig.row("disk").finished
        await rig.stop()

    rig = scenario(tmp_path, steps)
    assert [t.state for t in rig.backend.tickets.values()] == [RemoteState.RESOLVED]


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.BUG])
def test_a_lost_reply_to_a_create_makes_no_second_ticket(tmp_path: Path, fault: Fault) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", fault)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(0.1)
        assert rig.row("disk").state is RowState.IN_DOUBT
        await rig.passed(10)
        assert rig.row("disk").state is RowState.DONE
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 1


@pytest.mark.parametrize("late_ms", [1_000, 30_000, 90_000, 119_000])
def test_a_late_commit_makes_no_second_ticket(tmp_path: Path, late_ms: int) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.LATE)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(900)
        assert rig.row("disk").state is RowState.DONE
        await rig.stop()

    rig = scenario(tmp_path, steps, late_ms=late_ms)
    assert len(rig.backend.tickets) == 1
    assert rig.backend.calls["create"] == 1


def test_a_create_that_never_happened_is_repeated_only_after_the_window(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.SERVER_ERROR)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(900)
        await rig.stop()

    rig = scenario(tmp_path, steps)
    first, second = (at for verb, at in rig.backend.times if verb == "create")
    assert 120_000 <= second - first <= 121_000
    assert len(rig.backend.tickets) == 1


def test_without_the_window_a_lagging_search_makes_a_twin_and_the_audit_retires_it(tmp_path: Path) -> None:
    """The teeth: W = 0 where search lags gives two tickets. The audit keeps the oldest, and the row stands for it."""

    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.LOST_REPLY)])
        await rig.start(audit=True)
        await rig.fire("disk")
        await rig.passed(30)
        assert len(rig.backend.active) == 2
        await rig.passed(700)
        assert [t.id for t in rig.backend.active] == [1]
        assert rig.row("disk").ref is not None
        assert rig.row("disk").ref.id == "1"
        await rig.resolve("disk")
        await rig.passed(1)
        assert rig.backend.active == []
        await rig.stop()

    rig = scenario(tmp_path, steps, uncertainty=0, search_lag_ms=20_000)
    assert rig.backend.tickets[2].twin_of == "1"


def test_a_twin_after_a_second_create_is_found_at_once(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.LATE)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(119.9)
        rig.backend.latency = 0.5  # the first one commits between the last search and the second create
        await rig.passed(600)
        assert len(rig.backend.active) == 1
        await rig.stop()

    rig = scenario(tmp_path, steps, late_ms=120_700)
    assert len(rig.backend.tickets) == 2
    assert rig.backend.tickets[2].twin_of == "1"


def test_lagging_search_with_its_window_makes_one_ticket(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.LOST_REPLY)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1000)
        await rig.stop()

    assert len(scenario(tmp_path, steps, uncertainty=420, search_lag_ms=300_000).backend.tickets) == 1


@pytest.mark.parametrize("verb", ["find", "create", "read", "apply"])
@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.NONE])
def test_every_fault_on_every_verb_ends_with_one_resolved_ticket(tmp_path: Path, verb: str, fault: Fault) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [(verb, fault)])
        await rig.start()
        await rig.fire("disk", notes=2)
        await rig.passed(600)
        await rig.delivery.retry(name("disk"), "fake")
        await rig.passed(600)
        await rig.resolve("disk")
        await rig.passed(600)
        await rig.delivery.retry(name("disk"), "fake")
        await rig.passed(600)
        assert rig.row("disk").finished
        await rig.stop()

    rig = scenario(tmp_path, steps)
    (only,) = rig.backend.tickets.values()
    assert only.state is RemoteState.RESOLVED
    assert only.notes == ["n0", "n1"]


def test_a_rejected_row_is_parked_until_a_newer_wish_or_a_person(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REJECTED if verb == "create" else Fault.NONE
        await rig.start()
        await rig.fire("disk")
        await rig.passed(86_400)
        assert rig.backend.calls["create"] == 1
        (status,) = rig.delivery.status()
        assert status.rejected == 1
        assert "category" in rig.row("disk").last_error
        await rig.delivery.retry(name("disk"), "fake")
        await rig.passed(1)
        assert rig.backend.calls["create"] == 2
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.fire("disk", opened_at=rig.row("disk").wish.opened_at, notes=1)
        await rig.passed(1)
        assert rig.row("disk").state is RowState.DONE
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 1


def test_a_refused_credential_pauses_the_backend_and_loses_nothing(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.UNAUTHORISED
        await rig.start()
        for n in range(20):
            await rig.fire(f"d{n}")
        await rig.passed(3600)
        (status,) = rig.delivery.status()
        assert status.state is GateState.UNAUTHORISED
        assert sum(rig.backend.calls.values()) < 60
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.passed(400)
        assert len(rig.backend.active) == 20
        await rig.stop()

    scenario(tmp_path, steps)


def test_an_account_that_may_read_but_not_create_is_one_outage_with_growing_pauses(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.UNAUTHORISED if verb == "create" else Fault.NONE
        await rig.start(poll=True)
        with structlog.testing.capture_logs() as lines:
            await rig.fire("disk")
            await rig.passed(3600)
            assert [line["event"] for line in lines] == ["backend_refuses_credential"]
            (status,) = rig.delivery.status()
            assert status.state is GateState.UNAUTHORISED
            assert rig.backend.calls["create"] < 60
            rig.backend.fault = lambda verb: Fault.NONE
            await rig.passed(400)
        assert [line["event"] for line in lines][1:] == ["backend_up", "ticket_created"]
        assert len(rig.backend.active) == 1
        await rig.stop()

    scenario(tmp_path, steps)


def test_retry_after_is_kept_for_the_whole_backend(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.RETRY_AFTER)])
        rig.backend.retry_after = 300
        await rig.start()
        await rig.fire("first")
        await rig.passed(1)
        refused = rig.backend.times[-1][1]
        for n in range(5):
            await rig.fire(f"d{n}")
            await rig.passed(50)
        early = [at for _, at in rig.backend.times if refused < at < refused + 300_000]
        assert early == []
        await rig.passed(400)
        assert len(rig.backend.active) == 6
        await rig.stop()

    scenario(tmp_path, steps)


def test_three_days_down_costs_few_calls_and_few_writes_and_drains_fast(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.start()
        for n in range(200):
            await rig.fire(f"d{n}")
        commits = rig.store.stats.commits
        await rig.passed(72 * 3600)
        assert sum(rig.backend.calls.values()) < 72 * 3600 / 60
        assert rig.store.stats.commits - commits < 72 * 3600 / 60
        rig.backend.fault = lambda verb: Fault.NONE
        rig.backend.times.clear()
        await rig.passed(301 + 100)
        created = [at for verb, at in rig.backend.times if verb == "create"]
        assert len(rig.backend.active) == 200
        assert 200 / ((created[-1] - created[0]) / 1000) >= 0.9 * 2  # the allowed rate is 2/s after the burst
        await rig.stop()

    scenario(tmp_path, steps)


def test_episodes_of_one_fault_are_delivered_in_order(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.start()
        await rig.fire("disk", 1)
        await rig.passed(5)
        await rig.resolve("disk", 1)
        await rig.fire("disk", 2)
        await rig.passed(5)
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.passed(600)
        await rig.stop()

    tickets = scenario(tmp_path, steps).backend.tickets
    assert [(t.episode, t.state.active) for t in tickets.values()] == [(1, False), (2, True)]


def test_episodes_are_delivered_in_order_after_a_restart_too(tmp_path: Path) -> None:
    """Ten is loaded before nine, since ids are text."""

    async def steps(rig: Rig) -> None:
        await rig.start()
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.fire("disk", 9)
        await rig.resolve("disk", 9)
        await rig.fire("disk", 10)
        await rig.crash()
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.start()
        assert [row.wish.episode for row in rig.delivery.ledger] == [10, 9]
        await rig.passed(600)
        await rig.stop()

    tickets = scenario(tmp_path, steps).backend.tickets
    assert [(t.episode, t.state.active) for t in tickets.values()] == [(9, False), (10, True)]


def test_a_parked_episode_does_not_hold_the_next_back_and_does_not_touch_its_ticket(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REJECTED if verb == "create" else Fault.NONE
        await rig.start()
        await rig.fire("disk", 1)
        await rig.passed(1)
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.fire("disk", 2)
        await rig.passed(1)
        assert [t.episode for t in rig.backend.active] == [2]
        await rig.resolve("disk", 1)
        await rig.passed(1)
        assert [t.episode for t in rig.backend.active] == [2]
        await rig.stop()

    scenario(tmp_path, steps)


def test_policy_reopens_the_resolved_ticket_of_the_episode_before(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        await rig.fire("disk", 1)
        await rig.resolve("disk", 1)
        await rig.passed(1)
        await rig.fire("disk", 2, reopen=True)
        await rig.passed(1)
        assert [t.id for t in rig.backend.active] == [1]
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 1


def test_a_lost_state_adopts_the_open_ticket_and_never_an_old_closed_one(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        old = rig.backend.plant(ticket("cpu"))
        rig.backend.person(old.id, RemoteState.CLOSED)
        rig.backend.plant(ticket("disk"))
        await rig.passed(90 * 86_400)
        await rig.start()
        await rig.fire("disk")
        await rig.fire("cpu")
        await rig.passed(1)
        await rig.stop()

    rig = scenario(tmp_path, steps)
    assert [(t.title, t.state.active) for t in rig.backend.tickets.values()] == [
        ("cpu", False),
        ("disk", True),
        ("cpu", True),
    ]


def test_stop_lets_a_send_finish(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.latency = 3
        await rig.start()
        await rig.fire("disk")
        await rig.passed(4)  # the search is answered, the create is on its way
        await rig.stop()
        rig.backend.latency = 0
        await rig.start()
        assert rig.row("disk").state is RowState.DONE
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 1


def test_stop_during_a_hanging_send_leaves_it_in_doubt(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.HANG)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1)
        began = rig.now()
        await rig.stop()
        assert rig.now() - began <= 10_000
        await rig.start()
        assert rig.row("disk").state is RowState.IN_DOUBT
        await rig.passed(600)
        assert rig.row("disk").state is RowState.DONE
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 1


def test_a_wish_is_sent_only_once_it_is_stored_with_its_incident(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        row = rig.delivery.wish(name("disk"), "fake", ticket("disk", opened_at=rig.now()))
        assert row is not None
        rig.delivery.wake()
        await rig.passed(3600)
        assert sum(rig.backend.calls.values()) == 1  # the audit
        await rig.fire("disk", opened_at=row.wish.opened_at, notes=1)
        await rig.passed(0.001)
        assert len(rig.backend.active) == 1
        await rig.stop()

    scenario(tmp_path, steps)


def test_a_claim_that_cannot_be_stored_holds_the_send_until_the_store_has_failed_for_long(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REFUSED
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1)
        rig.backend.fault = lambda verb: Fault.NONE
        commit = rig.store.commit

        async def refuse(change: Change) -> None:
            rig.store.stats.failed_in_a_row += 1
            raise StoreUnavailable("disk full")

        rig.store.commit = refuse  # type: ignore[method-assign] - the disk is full from here on
        while rig.backend.calls["find"] < 2:
            await rig.passed(0.1)
        assert rig.backend.calls["create"] == 0
        stats = rig.delivery.status()[0].stats
        assert stats.held == 1
        await rig.passed(60)
        assert len(rig.backend.active) == 1
        assert stats.sent_undurably == 1
        assert rig.delivery.ledger.unwritten == 1
        rig.store.commit = commit  # type: ignore[method-assign] - and there is room again
        await rig.fire("other")
        await rig.passed(1)
        assert rig.delivery.ledger.unwritten == 0
        await rig.crash()
        await rig.start()
        assert rig.row("disk").state is RowState.DONE
        await rig.stop()

    assert len(scenario(tmp_path, steps).backend.tickets) == 2


def test_the_clock_jumps_and_no_timer_does(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        script(rig, [("create", Fault.SERVER_ERROR)])
        await rig.start()
        await rig.fire("disk")
        await rig.passed(10)
        jump, base = 10 * 365 * 86_400_000, rig.now
        for lane in rig.delivery._lanes.values():
            lane.now = lambda: base() + jump
        rig.delivery.rebase(jump)
        await rig.passed(100)
        assert rig.backend.calls["create"] == 1
        await rig.passed(30)
        assert rig.backend.calls["create"] == 2
        await rig.stop()

    scenario(tmp_path, steps)
