"""What a device gets to be asked, over its life: by what it is, by what it answers, and by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from collectors._model import Notice, Sample
from collectors._targets import Incomplete
from collectors.snmp.device import About, Device
from collectors.snmp.load import all_shipped
from collectors.snmp.plans import Plans
from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Every
from collectors.snmp.reboot import SYS_OBJECT_ID, UPTIME

IF = "1.3.6.1.2.1.2.2.1"
NAME = "1.3.6.1.2.1.31.1.1.1.1"
VRRP = "1.3.6.1.2.1.68.1.3.1.3"
BGP = "1.3.6.1.2.1.15.3.1"


class Agent:
    """What one device holds, as the way to it."""

    def __init__(self, held: dict[str, Value]) -> None:
        self.held = held
        self.asked: list[str] = []

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        self.asked += oids
        return {oid: self.held[oid] for oid in oids if oid in self.held}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        self.asked.append(oid)
        later = sorted((each for each in self.held if _numbers(each) > _numbers(oid)), key=_numbers)
        return [(each, self.held[each]) for each in later[:repetitions]]

    async def ended(self, oid: str) -> bool:
        return not await self.after(oid, 1)

    def close(self) -> None: ...


def _numbers(oid: str) -> list[int]:
    return [int(number) for number in oid.split(".")]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def router(*profiles: str) -> tuple[Device, Agent, Clock]:
    agent = Agent({SYS_OBJECT_ID: "1.3.6.1.4.1.99999.7", UPTIME: 360_000})
    agent.held |= {f"{IF}.1.1": 1, f"{IF}.2.1": b"eth1", f"{IF}.7.1": 1, f"{IF}.8.1": 1}
    clock = Clock()
    about = About("r1", "192.0.2.1", 161, "ro", profiles)
    return Device(about, cast("Any", agent), Plans(all_shipped()), clock), agent, clock


async def polled(device: Device) -> tuple[set[str], list[str]]:
    """Names of what both polls give, and what they say."""
    items = [*await device.poll(Every.FAST), *await device.poll(Every.SLOW)]
    names = {each.name for each in items if isinstance(each, Sample)}
    return names, [each.text for each in items if isinstance(each, Notice)]


async def test_a_session_that_is_configured_later_is_seen_without_a_restart() -> None:
    device, agent, clock = router()
    names, said = await polled(device)
    assert {"ifOperStatus", "sysObjectID"} <= names
    assert "bgpPeerState" not in names
    assert device.status()["problem"] == ""
    assert said == []
    agent.held |= {f"{BGP}.2.192.0.2.9": 6, f"{BGP}.3.192.0.2.9": 2, f"{BGP}.7.192.0.2.9": "192.0.2.9"}
    agent.held[UPTIME] = 360_000 + 400_000
    clock.now += 4000
    names, _ = await polled(device)
    assert {"bgpPeerState", "ifOperStatus"} <= names


async def test_what_it_is_asked_for_is_not_found_out_with_each_poll() -> None:
    device, agent, clock = router()
    await polled(device)
    agent.asked.clear()
    clock.now += 60
    agent.held[UPTIME] = 366_000
    await polled(device)
    assert BGP not in {oid.rpartition(".")[0] for oid in agent.asked}


async def test_a_profile_of_which_the_device_has_nothing_is_told_once_all_was_read() -> None:
    device, agent, _ = router("interfaces", "ups")
    await device.poll(Every.FAST)
    assert device.status()["nothing_of"] == ""
    items = await device.poll(Every.SLOW)
    expected = "it has nothing of the profile ups (take it out, or let the credential see more)"
    assert [each.text for each in items if isinstance(each, Notice)] == [expected]
    assert device.status()["nothing_of"] == "ups"
    agent.held["1.3.6.1.2.1.33.1.2.1.0"] = 2
    await device.poll(Every.FAST)
    items = await device.poll(Every.SLOW)
    assert [each.text for each in items if isinstance(each, Notice)] == []
    assert device.status()["nothing_of"] == ""


async def test_what_only_comes_along_is_not_missed_aloud() -> None:
    device, _, _ = router("lag")
    _, said = await polled(device)
    assert said == ["it has nothing of the profile lag (take it out, or let the credential see more)"]
    assert device.status()["profiles"] == "interfaces, lag"


async def test_a_scalar_of_another_type_is_told_with_its_name_and_the_rest_is_given() -> None:
    device, agent, _ = router("ups")
    agent.held |= {"1.3.6.1.2.1.33.1.2.1.0": b"normal", "1.3.6.1.2.1.33.1.2.2.0": 0}
    with pytest.raises(Incomplete, match="upsBatteryStatus: the value is not of its type") as told:
        await device.poll(Every.FAST)
    given = {each.name for each in told.value.items if isinstance(each, Sample)}
    assert "upsSecondsOnBattery" in given
    assert "upsBatteryStatus" not in given


async def test_a_row_that_is_called_after_a_port_is_never_called_after_the_port_that_was_there_before() -> None:
    """Ports changed their numbers, and nothing tells of it: neither a restart nor ifTableLastChange."""
    device, agent, clock = router("interfaces", "vrrp")
    agent.held |= {f"{IF}.1.2": 2, f"{IF}.7.2": 1, f"{IF}.8.2": 1, f"{NAME}.1": b"eth1", f"{NAME}.2": b"eth2"}
    agent.held |= {f"{VRRP}.1.5": 3, f"{VRRP}.2.5": 2, f"{VRRP}.1.6": 3}
    assert await states(device) == {("eth1", "5"): 3, ("eth2", "5"): 2, ("eth1", "6"): 3}
    agent.held |= {f"{NAME}.1": b"eth2", f"{NAME}.2": b"eth1", f"{VRRP}.1.5": 2, f"{VRRP}.2.5": 3, f"{VRRP}.1.6": 2}
    clock.now, agent.held[UPTIME] = clock.now + 60, 366_000
    with pytest.raises(Incomplete, match=r"table vrrpOper: 3 rows changed their names"):
        await states(device)
    clock.now, agent.held[UPTIME] = clock.now + 60, 372_000
    assert await states(device) == {("eth2", "5"): 2, ("eth1", "5"): 3, ("eth2", "6"): 2}
    agent.held |= {f"{NAME}.3": b"eth3"}  # another port: nothing of the table is called otherwise
    clock.now, agent.held[UPTIME] = clock.now + 60, 378_000
    with pytest.raises(Incomplete, match=r"^table interfaces: 1 rows changed their names while it was read$") as told:
        await states(device)
    assert {each.name for each in told.value.items if isinstance(each, Sample)} >= {"vrrpOperState"}


async def states(device: Device) -> dict[tuple[str, str], float]:
    found = [
        each for each in await device.poll(Every.FAST) if isinstance(each, Sample) and each.name == "vrrpOperState"
    ]
    return {(dict(each.labels)["ifName"], dict(each.labels)["vrrpOperVrId"]): each.value for each in found}
