"""Delivery to backends that cannot be read, that forget, or that are slow by contract."""

from __future__ import annotations

from pathlib import Path

from fakes.delivery_rig import Rig, scenario
from fakes.fake_backend import Fault

from agent.delivery import GateState
from integrations.api import Capabilities

ONE_WAY = Capabilities(uncertainty=0, readable=False)


def test_what_cannot_be_read_is_neither_polled_nor_audited(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start(poll=True, audit=True)
        await rig.fire("disk")
        await rig.passed(3_600)
        await rig.stop()

    rig = scenario(tmp_path, steps, capabilities=ONE_WAY)
    assert (rig.backend.calls["create"], rig.backend.calls["read"], rig.backend.calls["list_open"]) == (1, 0, 0)


def test_our_own_book_does_not_count_as_an_answer_of_the_backend(tmp_path: Path) -> None:
    """Each create is preceded by a look that succeeds; the breaker must open all the same."""

    async def steps(rig: Rig) -> None:
        rig.backend.fault = lambda verb: Fault.REFUSED if verb == "create" else Fault.NONE
        await rig.start()
        await rig.fire("disk")
        await rig.passed(200)
        (status,) = rig.delivery.status()
        assert status.state is GateState.DOWN
        rig.backend.fault = lambda verb: Fault.NONE
        await rig.passed(700)
        assert len(rig.backend.tickets) == 1
        await rig.stop()

    scenario(tmp_path, steps, capabilities=ONE_WAY)


def test_an_open_ticket_is_told_again_until_it_is_resolved(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1)
        assert rig.backend.calls["apply"] == 0
        await rig.passed(600)
        told = rig.backend.calls["apply"]
        assert 8 <= told <= 11
        await rig.resolve("disk")
        await rig.passed(600)
        assert rig.backend.calls["apply"] == told + 1
        await rig.stop()

    scenario(tmp_path, steps, capabilities=Capabilities(uncertainty=0, readable=False, refresh=60))


def test_a_refresh_that_fails_is_made_up_for(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        await rig.fire("disk")
        await rig.passed(1)
        rig.backend.fault = lambda verb: Fault.REFUSED if verb == "apply" else Fault.NONE
        await rig.passed(300)
        rig.backend.fault = lambda verb: Fault.NONE
        before = rig.backend.calls["apply"]
        await rig.passed(400)
        assert rig.backend.calls["apply"] >= before + 3
        (status,) = rig.delivery.status()
        assert status.stats.refreshed >= 3
        await rig.stop()

    scenario(tmp_path, steps, capabilities=Capabilities(uncertainty=0, readable=False, refresh=60))


def test_the_rate_of_the_product_is_kept(tmp_path: Path) -> None:
    async def steps(rig: Rig) -> None:
        await rig.start()
        for number in range(40):
            await rig.fire(f"disk{number}")
        await rig.passed(60)
        assert rig.backend.calls["create"] <= 20
        await rig.passed(120)
        assert rig.backend.calls["create"] == 40
        await rig.stop()

    scenario(tmp_path, steps, capabilities=Capabilities(uncertainty=0, readable=False, rate=0.3, burst=2))
