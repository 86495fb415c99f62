"""Discovery: its rate on virtual time, IPv6 by hearsay, names and who is behind whom."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import yaml
from fakes.virtual import run
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors._devices import Dependency, DiscoveredDevice, Neighbour
from collectors._options import CredentialRef
from collectors.snmp import reach
from collectors.snmp.credentials import CredentialOptions
from collectors.snmp.discover import discover, plan
from collectors.snmp.errors import Fault, NoReply
from collectors.snmp.found import as_yaml, dependencies, names
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.port import Address, Row, Value
from collectors.snmp.recording import Recording
from collectors.snmp.replayed import RecordedSession

LAB = {"lab": CredentialOptions(version=2, community=CredentialRef("ro"))}


class Silent:
    """A session that nobody answers; ``sent`` gets the time of each request."""

    engine = None

    def __init__(self, sent: list[float]) -> None:
        self._sent = sent

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        loop = asyncio.get_running_loop()
        self._sent.append(loop.time())
        await asyncio.sleep(1.0)
        raise NoReply("silence", Fault.SILENCE)

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        raise AssertionError("a silent device is asked for nothing more")

    async def ended(self, oid: str) -> bool:
        raise AssertionError("a silent device is asked for nothing more")

    def close(self) -> None: ...


def test_never_more_packets_a_second_than_were_asked_for(monkeypatch: object) -> None:
    """Requests, their repetitions and the question for the engine, of 254 addresses at 50 a second."""
    import pytest

    assert isinstance(monkeypatch, pytest.MonkeyPatch)
    sent: list[float] = []

    async def nobody(_address: Address, _seconds: float) -> None:
        sent.append(asyncio.get_running_loop().time())

    monkeypatch.setattr(reach, "engine_of", nobody)
    options = Options(credentials=LAB)
    wanted = plan(options, ["10.0.0.0/24"], [], 50.0, 161)

    async def search(_: object) -> int:
        return len([each async for each in discover(options, wanted, str, open_=lambda *_: Silent(sent))])

    assert run(search) == 0
    assert len(sent) == 254 * 3
    assert min(later - earlier for earlier, later in pairwise(sorted(sent))) > 0.0199
    # And not much slower than it may be.
    assert max(sent) - min(sent) < 254 * 3 / 50 + 5


def device(*rows: Row) -> RecordedSession:
    session = RecordedSession()
    ordered = sorted(rows, key=lambda row: tuple(map(int, row[0].split("."))))
    session.play(Recording(ordered), 0.0)
    return session


def test_an_ipv6_network_is_asked_where_a_device_has_told_of_it(monkeypatch: object) -> None:
    import pytest

    assert isinstance(monkeypatch, pytest.MonkeyPatch)

    async def nobody(_address: Address, _seconds: float) -> None:
        return None

    monkeypatch.setattr(reach, "engine_of", nobody)
    sixteen = "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7"
    lldp = "1.0.8802.1.1.2.1.4"
    first = device(
        ("1.3.6.1.2.1.1.3.0", 1),
        ("1.3.6.1.2.1.1.5.0", b"r1"),
        (f"1.3.6.1.2.1.4.35.1.4.2.2.16.{sixteen}", bytes(6)),
        (f"{lldp}.1.1.6.0.1.1", 5),
        (f"{lldp}.2.1.3.0.1.1.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.9", 2),
        (f"{lldp}.2.1.3.0.1.1.2.16.253.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9", 2),
    )
    second = device(("1.3.6.1.2.1.1.3.0", 1), ("1.3.6.1.2.1.1.5.0", b"r7"))
    there = {"10.0.0.1": first, "2001:db8::7": second}
    asked: list[str] = []

    def opened(address: Address, *_: object) -> object:
        asked.append(address.host)
        return there.get(address.host) or Silent([])

    options = Options(
        credentials=LAB, targets=(TargetOptions(host="2001:db8::1", credential="lab"),),
    )  # fmt: skip
    wanted = plan(options, ["10.0.0.1/32", "2001:db8::/64"], ["lab"], 1000.0, 161)

    async def search(_: object) -> list[str]:
        return [each.name async for each in discover(options, wanted, str, open_=opened)]  # type: ignore[arg-type]  # of two kinds

    assert run(search) == ["r1", "r7"]
    assert sorted(asked) == ["10.0.0.1", "2001:db8::1", "2001:db8::7", "2001:db8::9"]


def found(name: str, last: int, *neighbours: str, **other: str) -> DiscoveredDevice:
    lines = tuple(Neighbour("lldp", f"e{n}", to, "e0", "") for n, to in enumerate(neighbours))
    return DiscoveredDevice(f"10.0.0.{last}", "lab", "2c", name, neighbours=lines, **other)  # type: ignore[arg-type]


def test_who_is_behind_whom() -> None:
    devices = [
        found("core1", 1, "dist1", "dist2"),
        found("dist1", 2, "core1", "acc1", "dist2"),
        found("dist2", 3, "acc1.example.net"),
        found("acc1.example.net", 4),
        found("alone", 5),
    ]
    assert dependencies(devices, "core1") == [
        Dependency("dist1", ("core1",)),
        Dependency("dist2", ("core1",)),
        Dependency("acc1.example.net", ("dist1", "dist2")),
    ]
    assert dependencies(devices, "10.0.0.4")[0] == Dependency("dist1", ("acc1.example.net",))
    assert dependencies([found("alone", 1)]) == []


def test_names_are_those_of_targets_and_never_twice() -> None:
    devices = [found("a switch!", 1), found("a switch?", 2), found("", 3), found("x", 4, configured="mine")]
    assert list(names(devices).values()) == ["a-switch", "a-switch-10.0.0.2", "10.0.0.3", "mine"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=5))
def test_whatever_devices_are_called_it_is_yaml(given: list[tuple[str, str]]) -> None:
    devices = [found(name, number, other) for number, (name, other) in enumerate(given, 1)]
    targets = yaml.safe_load(as_yaml(devices))["collect"]["snmp"]["targets"]
    assert len(targets) == len(devices)
    assert len({each["name"] for each in targets}) == len(targets)
    for each in targets:
        TargetOptions(**each)
