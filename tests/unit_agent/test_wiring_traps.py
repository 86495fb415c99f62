"""Traps through the real frame, rules and book: what a forged one can do, and what it cannot.

One interface of a switch. The poll says what is true of it; traps come from the switch and from whoever writes its
address into a datagram.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest
from fakes import virtual
from fakes.traps import COLD_START, LINK_DOWN, LINK_UP, OPEN, SWITCH, USER, Rig, link, pdu, v1, v2c, v3
from test_wiring_cycle import INTERVAL, World, rules

from agent.core.model import IncidentState
from collectors.api import Notice, Sample, Scraper, labels

POLLED = "InterfaceDown"
BY_TRAPS = "InterfaceDownByTraps"
NEVER_WELL = "LinkDownTrap"
RULES = f"""
- {{alert: {POLLED}, expr: ifOperStatus == 2}}
- alert: {BY_TRAPS}
  expr: >-
    snmp_trap_last_timestamp_seconds{{trap="linkDown"}}
    > on (instance, ifIndex) snmp_trap_last_timestamp_seconds{{trap="linkUp"}}
- {{alert: {NEVER_WELL}, expr: 'snmp_traps_total{{trap="linkDown"}} > 0'}}
"""


class Gives:
    """An async collector that speaks of others."""

    honor_labels = True

    def __init__(self, give: Callable[[], Iterable[Sample | Notice]]) -> None:
        self._give = give

    async def collect(self) -> Iterable[Sample | Notice]:
        return list(self._give())


class Network:
    """The switch, its poller and the receiver of traps, in front of the agent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rig = Rig()
        self.down = False

    def polled(self) -> list[Sample | Notice]:
        who = labels(instance="switch", job="snmp", ifIndex="3", ifName="eth3")
        return [Sample("ifOperStatus", who, 2.0 if self.down else 1.0)]

    def notified(self) -> Iterable[Sample | Notice]:
        return self.rig.memory.ledger.samples(lambda at: at)

    def send(self, data: bytes) -> None:
        self.rig.now = self.world.now() / 1000
        self.rig.give(data, SWITCH)

    @property
    def incidents(self) -> dict[str, IncidentState]:
        return {incident.rule: incident.state for incident in self.world.book.live.values()}

    def firing(self) -> set[str]:
        return {alert.rule for alert in self.world.engine.alerts() if alert.state.value == "firing"}


def run(directory: Path, steps: Callable[[Network], Coroutine[Any, Any, None]]) -> None:
    async def main(loop: virtual.VirtualLoop) -> None:
        world = World(loop, directory)
        network = Network(world)
        collectors = {"poll": Gives(network.polled), "snmp_traps": Gives(network.notified)}
        world.scraper = Scraper(collectors, job="node", instance="web-1:9100")  # type: ignore[assignment]
        await world.begin()
        world.engine.load([rules(RULES)])
        await steps(network)
        await world.end()
        await world.scraper.aclose()  # type: ignore[attr-defined]

    virtual.run(main)


FORGED = {
    "linkUp in version 1": v1("1.3.6.1.4.1.9", 3, 0, link()),
    "linkUp in version 2c": v2c(pdu(LINK_UP, link())),
    "linkUp of a user without a key": v3(pdu(LINK_UP, link()), OPEN),
    "coldStart in version 2c": v2c(pdu(COLD_START)),
    "a linkUp that claims a key": v3(pdu(LINK_UP, link()))[:-1] + b"\0",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_trap_ends_no_incident(tmp_path: Path, forged: str) -> None:
    async def steps(network: Network) -> None:
        await network.world.passes(4)
        network.send(v3(pdu(LINK_UP, link(), request_id=1), USER, time=1_000))  # the day before
        await network.world.passes(2)
        network.down = True
        network.send(v2c(pdu(LINK_DOWN, link())))
        await network.world.passes(4)
        assert network.firing() == {POLLED, BY_TRAPS, NEVER_WELL}
        before = network.incidents
        assert set(before) == {POLLED, BY_TRAPS, NEVER_WELL}
        for _ in range(20):
            network.send(FORGED[forged])
            await network.world.passes(1)
        assert network.firing() == {POLLED, BY_TRAPS, NEVER_WELL}
        assert network.incidents == before
        # It is the poll, or who proves to be the switch, that ends them.
        network.down = False
        network.send(v3(pdu(LINK_UP, link(), request_id=2), USER, time=1_400))
        await network.world.passes(3)
        assert network.firing() == {NEVER_WELL}
        await network.world.passes(40)
        assert set(network.incidents) == {NEVER_WELL}

    run(tmp_path, steps)


def test_a_trap_alone_opens_and_a_silent_receiver_resolves_nothing(tmp_path: Path) -> None:
    async def steps(network: Network) -> None:
        await network.world.passes(4)
        network.send(v2c(pdu(LINK_DOWN, link())))
        await network.world.passes(2.5)
        assert network.firing() == {NEVER_WELL}, "a counter is 0 in its first collection and grows in the second"
        await asyncio.sleep(2 * INTERVAL / 1000)
        assert set(network.incidents) == {NEVER_WELL}

        def broken() -> Iterable[Sample | Notice]:
            raise OSError("the socket is gone")

        network.notified = broken  # type: ignore[method-assign]
        network.world.scraper._sources[1].collector._give = broken  # type: ignore[attr-defined]
        await network.world.passes(40)
        assert set(network.incidents) == {NEVER_WELL}

    run(tmp_path, steps)
