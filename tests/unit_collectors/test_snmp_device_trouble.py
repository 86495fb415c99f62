"""A device that does not answer as it did: what is said of it, once, and how it is found again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import pytest
from fakes.snmp_virtual import IF_ENTRY, IFX_ENTRY, Switch, VirtualSession
from msgspec.structs import replace
from test_snmp_device import PLANS, Rig, ports

from collectors._model import Notice
from collectors._targets import Incomplete, Lost
from collectors.snmp.device import About, Device
from collectors.snmp.errors import Fault, NoReply, Refused, SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.port import Address, Value
from collectors.snmp.profile import Every
from collectors.snmp.reading import Reading
from collectors.snmp.way import Way


def notices(rig: Rig) -> list[str]:
    rig.switch.now += 60
    return [each.text for each in asyncio.run(rig.device.poll(Every.FAST)) if isinstance(each, Notice)]


def test_a_view_that_is_narrowed_is_said() -> None:
    rig = Rig(Switch(ports())).poll(3)

    def only_system(mib: dict[str, Value]) -> dict[str, Value]:
        return {oid: value for oid, value in mib.items() if not oid.startswith((IF_ENTRY, IFX_ENTRY))}

    assert notices(rig) == []
    rig.switch.bend = only_system
    rig.poll()  # in which its rows lose their names
    said = "it shows nothing of the profile interfaces any more: look at the view of its credential"
    assert [notices(rig), notices(rig)] == [[said]] * 2
    rig.switch.bend = lambda mib: mib
    rig.poll()
    assert notices(rig) == []


def test_a_port_that_goes_is_no_narrowed_view() -> None:
    rig = Rig(Switch(ports())).poll(3)
    rig.switch.ports.pop()
    rig.poll()
    assert notices(rig) == []


async def test_a_refusal_is_told_by_one_target_alone() -> None:
    rig = Rig(Switch(ports()))

    def refuse(_number: int) -> None:
        raise Refused("10.0.0.1: wrong digest", Fault.DIGEST)

    rig.session.on_request = refuse
    for every in (Every.FAST, Every.SLOW):
        with pytest.raises(Lost, match="wrong digest"):
            await rig.device.poll(every)
    with pytest.raises(NoReply, match="wrong digest"):
        await rig.device.liveness()


async def test_what_is_behind_a_failure_is_found_out_once_and_again_when_it_is_another() -> None:
    rig = Rig(Switch(ports()))
    asked: list[Fault] = []

    async def explain(error: SnmpError) -> str:
        asked.append(error.fault)
        return f"found out: {error.fault.value}"

    error: SnmpError = NoReply("raw", Fault.SILENCE)

    def fail(_number: int) -> None:
        raise error

    device = rig.device
    device._explain = explain
    rig.session.on_request = fail
    for _ in range(3):
        rig.switch.now += 300
        with pytest.raises(SnmpError, match="found out: silence"):
            await device.liveness()
        assert device.status()["problem"] == "found out: silence"
    error = Refused("raw", Fault.DIGEST)
    rig.switch.now += 300
    with pytest.raises(Refused, match="found out: digest"):
        await device.liveness()
    assert asked == [Fault.SILENCE, Fault.DIGEST]


async def test_a_question_that_takes_too_long_is_a_failure_like_silence() -> None:
    rig = Rig(Switch(ports()))
    await rig.device.liveness()

    async def stuck(_oids: object) -> dict[str, Value]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    rig.device.about = replace(rig.device.about, patience=0.01)
    rig.session.get = stuck  # type: ignore[method-assign, assignment]
    with pytest.raises(NoReply, match=r"10\.0\.0\.1:161 did not answer within 0\.01 s"):
        await rig.device.liveness()
    assert not rig.device.status()["answers"]
    with pytest.raises(Lost):
        await rig.device.poll(Every.FAST)


async def test_a_slow_reply_is_no_restart() -> None:
    """The age belongs to the time of the reply: choosing profiles may take most of a minute on a bad line."""
    rig = Rig(Switch(ports()), profiles=())

    def wait(_number: int) -> None:
        rig.switch.now += 2.5

    rig.session.on_request = wait
    await rig.device.liveness()
    for _ in range(3):
        with contextlib.suppress(Incomplete):  # the time was spent on choosing
            await rig.device.poll(Every.FAST)
        await rig.device.liveness()
    assert rig.device.known.restarts == 0


async def test_liveness_in_the_middle_of_a_poll_is_no_restart() -> None:
    rig = Rig(Switch(ports()))
    await rig.device.poll(Every.FAST)
    reading = Reading(rig.device._walker(retries=2), rig.switch.now)
    reading_get = reading.get

    async def slow_get(oids: Sequence[str]) -> dict[str, Value]:
        found = await reading_get(oids)
        rig.switch.now += 3
        await rig.device.liveness()
        return found

    reading.get = slow_get  # type: ignore[method-assign, assignment]
    rig.switch.now += 60
    await rig.device._header(Every.FAST, reading)
    assert rig.device.known.restarts == 0


async def test_on_a_bad_line_profiles_are_chosen_over_several_polls() -> None:
    rig = Rig(Switch(ports()), profiles=())

    def lose(number: int) -> None:
        if number % 3:
            raise NoReply("lost")
        if number > 30 and rig.device.known.chosen is None and not number % 10:
            raise Refused("and then it is over for this time")

    rig.session.on_request = lose
    for _ in range(10):
        rig.switch.now += 60
        with contextlib.suppress(SnmpError, Lost):
            await rig.device.poll(Every.FAST)
    assert "interfaces" in rig.device.status()["profiles"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the name service says."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (each, 0)) for each in known[host]]

    monkeypatch.setattr("collectors.probes._resolve.socket.getaddrinfo", look_up)
    return known


class ByName:
    """A device that is known by its name alone; ``at`` are the addresses that it was asked at."""

    def __init__(self) -> None:
        self.switch = Switch(ports())
        self.at: list[str] = []
        self.device = self.built()

    def built(self) -> Device:
        about = About("sw", "sw1.example", 161, "lab", ("system", "interfaces"))
        return Device(about, Way("sw1.example", 161, self._open, Hosts()), PLANS, lambda: self.switch.now)

    def _open(self, address: Address) -> VirtualSession:
        self.at.append(address.host)
        return VirtualSession(self.switch.mib)

    async def alive(self, seconds: float = 30.0) -> None:
        self.switch.now += seconds
        await self.device.liveness()


async def test_a_name_that_leads_elsewhere_is_followed_though_the_old_address_answers(
    names: dict[str, list[str]],
) -> None:
    names["sw1.example"] = ["192.0.2.1"]
    rig = ByName()
    await rig.alive(1000)
    known = rig.device.known
    known.memory.repetitions = 3
    names["sw1.example"] = ["192.0.2.9", "192.0.2.1"]  # one more address is no other one
    await rig.alive(700)
    assert (rig.at, known.turns, known.memory.repetitions) == (["192.0.2.1"], 0, 3)
    names["sw1.example"] = ["192.0.2.2"]
    await rig.alive(30)
    assert rig.at == ["192.0.2.1"]
    await rig.alive(700)
    assert rig.at == ["192.0.2.1", "192.0.2.2"]
    assert (known.turns, known.restarts, known.memory.repetitions) == (1, 0, 10)


async def test_a_name_that_nobody_answers_for_costs_no_device_that_answered(names: dict[str, list[str]]) -> None:
    names["sw1.example"] = ["192.0.2.1"]
    rig = ByName()
    await rig.alive(1000)
    names.clear()
    await rig.alive(700)
    before = rig.device
    rig.device = rig.built()
    rig.device.inherit(before)
    await rig.alive()
    assert rig.at == ["192.0.2.1", "192.0.2.1"]
    assert rig.device.known.turns == 0
