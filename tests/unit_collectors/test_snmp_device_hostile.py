"""A device that lies on the wire, polled with both engines: no crash, no spike, no number under another name."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from fakes import ber
from fakes.snmp_agent import Elsewhere, Later, Reply, Request, SnmpAgent, honest, respond, silent
from snmp_kit import ENGINES, open_

from collectors._model import CollectorError, Notice, Sample
from collectors._targets import Incomplete
from collectors.snmp.device import About, Device
from collectors.snmp.engines import Choice
from collectors.snmp.load import all_shipped
from collectors.snmp.plans import Plans
from collectors.snmp.profile import Every
from collectors.snmp.way import Way

IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
PLANS = Plans(all_shipped())
PACE = 6_000_000
"""Octets of each port between two polls."""
PORTS = 5
Behave = Callable[[Request, bytes], list[Reply]]


def mib(poll: int) -> dict[str, bytes]:
    """The device at this poll. An MTU says which port it is of."""
    found = {"1.3.6.1.2.1.1.3.0": ber.time_ticks(100_000 + 6_000 * poll)}
    for port in range(1, PORTS + 1):
        found |= {
            f"{IF}.2.{port}": ber.octets(f"slot {port}"),
            f"{IF}.4.{port}": ber.integer(1000 + port),
            f"{IF}.8.{port}": ber.integer(1),
            f"{IFX}.1.{port}": ber.octets(f"Gi0/{port}"),
            f"{IFX}.6.{port}": ber.counter64(10**12 * port + PACE * poll),
            f"{IFX}.15.{port}": ber.gauge32(1000),
        }
    return found


def false_rows(request: Request) -> list[tuple[str, bytes]]:
    return [(f"{IFX}.6.{port}", ber.counter64(2**60)) for port in range(1, PORTS + 1)] if request.oids else []


def forged(request: Request, reply: bytes) -> list[Reply]:
    other = Request(request.version, request.community, request.pdu, request.id ^ 1, request.oids)
    return [respond(other, false_rows(request)), Elsewhere(respond(request, false_rows(request))), reply]


def late_again(_request: Request, reply: bytes) -> list[Reply]:
    return [reply, reply, Later(0.02, reply)]


def truncated(_request: Request, reply: bytes) -> list[Reply]:
    return [reply[: len(reply) // 2]]


def looping(request: Request, _reply: bytes) -> list[Reply]:
    return [respond(request, [(f"{IFX}.6.1", ber.counter64(5))] * 3)]


def mutated(request: Request, reply: bytes) -> list[Reply]:
    dice = random.Random(request.id)
    broken = bytearray(reply)
    for _ in range(3):
        broken[dice.randrange(len(broken))] = dice.randrange(256)
    return [bytes(broken)]


def other_types(request: Request, _reply: bytes) -> list[Reply]:
    return [respond(request, [(oid, ber.octets(b"\xff\x00" * 20)) for oid in request.oids])]


def nothing(request: Request, _reply: bytes) -> list[Reply]:
    return [respond(request, [])]


@pytest.fixture
def agent() -> Iterator[SnmpAgent]:
    with SnmpAgent(mib(0)) as agent:
        yield agent


@ENGINES
@pytest.mark.parametrize(
    "behave", [forged, late_again, truncated, looping, mutated, other_types, nothing, silent], ids=lambda f: f.__name__
)
async def test_a_device_that_lies_for_a_while(agent: SnmpAgent, engine: Choice, behave: Behave) -> None:
    now = 0.0
    way = Way("127.0.0.1", agent.port, lambda address: open_(engine, address.port, timeout=0.03))
    device = Device(About("sw", "127.0.0.1", agent.port, "ro", ("system", "interfaces"), 0), way, PLANS, lambda: now)
    published: dict[str, list[tuple[int, float]]] = {}
    given = 0

    async def poll(number: int, every: Every) -> None:
        nonlocal given
        agent.mib = mib(number)
        try:
            items: list[Sample | Notice] = await device.poll(every)
        except Incomplete as partial:
            items = list(partial.items)
        except CollectorError:
            items = []
        for each in items:
            if isinstance(each, Sample):
                name = dict(each.labels).get("ifName", "")
                if each.name == "ifMtu":
                    assert name == f"Gi0/{int(each.value) - 1000}"
                elif each.name == "ifHCInOctets":
                    published.setdefault(name, []).append((number, each.value))
                    given += 1

    for number in range(10):
        now = 60.0 * number
        agent.behave = behave if 4 <= number <= 5 else honest
        agent.mib = mib(number)
        with suppress(CollectorError):
            await device.liveness()
        await poll(number, Every.FAST)
        if number % 4 == 1:
            await poll(number, Every.SLOW)
        if number == 5:
            way.close()
    way.close()
    assert set(published) == {f"Gi0/{port}" for port in range(1, PORTS + 1)}
    for name, values in published.items():
        for (before, low), (after, high) in pairwise(values):
            assert 0 <= high - low <= PACE * (after - before), f"{name} jumps from {low} to {high}"
        assert values[-1] == (9, 10**12 * int(name.removeprefix("Gi0/")) + PACE * 9)
    assert given >= 7 * PORTS
