"""A device in memory, for virtual time: a session that answers out of a dictionary, and ports that carry traffic.

``session.on_request`` is called before each request, so that a test can change the device in the middle of a poll.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from collectors.snmp.errors import NoReply
from collectors.snmp.port import Engine, Row, Value

UPTIME = "1.3.6.1.2.1.1.3.0"
ENGINE_BOOTS, ENGINE_TIME = "1.3.6.1.6.3.10.2.1.2.0", "1.3.6.1.6.3.10.2.1.3.0"
IF_ENTRY, IFX_ENTRY = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
TABLE_CHANGE = "1.3.6.1.2.1.31.1.5.0"


class VirtualSession:
    """Contract: ``port.Session``. ``mib`` is made anew for each request; ``silent`` drops them."""

    def __init__(self, mib: Callable[[], dict[str, Value]]) -> None:
        self.engine: Engine | None = None
        self.mib = mib
        self.silent = False
        self.requests = 0
        self.on_request: Callable[[int], None] = lambda number: None

    async def _asked(self) -> dict[str, Value]:
        self.requests += 1
        self.on_request(self.requests)
        if self.silent:
            raise NoReply("10.0.0.1 does not answer")
        await asyncio.sleep(0)  # others have their turn, as while a real reply is awaited
        return self.mib()

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        mib = await self._asked()
        return {oid: mib[oid] for oid in oids if oid in mib}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        mib = await self._asked()
        ordered = sorted(mib, key=_numbers)
        begin = bisect_right(ordered, _numbers(oid), key=_numbers)
        return [(each, mib[each]) for each in ordered[begin : begin + repetitions]]

    async def ended(self, oid: str) -> bool:
        return all(_numbers(each) <= _numbers(oid) for each in await self._asked())

    def close(self) -> None:
        pass


@dataclass
class Port:
    """``pace`` in bytes a second since ``since``, on top of ``start``."""

    name: str
    index: int
    pace: int
    start: int = 0
    since: float = 0.0
    alias: str = ""
    mbit: int = 1000
    mtu: int = 1500


@dataclass
class Switch:
    """A switch with ports; ``now`` is moved by the test."""

    ports: list[Port]
    now: float = 0.0
    booted: float = -1_000.0
    boots: int = 3
    engine: bool = True
    changed: int = 0
    tells_changes: bool = True
    wide: bool = True
    more: dict[str, Value] = field(default_factory=dict)
    bend: Callable[[dict[str, Value]], dict[str, Value]] = lambda mib: mib

    def mib(self) -> dict[str, Value]:
        found: dict[str, Value] = {UPTIME: int((self.now - self.booted) * 100) % (1 << 32), "1.3.6.1.2.1.1.5.0": b"sw"}
        if self.engine:
            found |= {ENGINE_BOOTS: self.boots, ENGINE_TIME: int(self.now - self.booted)}
        if self.tells_changes:
            found[TABLE_CHANGE] = self.changed
        for port in self.ports:
            octets = self.octets(port)
            found |= {
                f"{IF_ENTRY}.1.{port.index}": port.index,
                f"{IF_ENTRY}.2.{port.index}": f"slot {port.name}".encode(),
                f"{IF_ENTRY}.4.{port.index}": port.mtu,
                f"{IF_ENTRY}.7.{port.index}": 1,
                f"{IF_ENTRY}.8.{port.index}": 1,
                f"{IF_ENTRY}.10.{port.index}": octets % (1 << 32),
                f"{IFX_ENTRY}.1.{port.index}": port.name.encode(),
                f"{IFX_ENTRY}.15.{port.index}": port.mbit,
                f"{IFX_ENTRY}.18.{port.index}": port.alias.encode(),
            }
            if self.wide:
                found[f"{IFX_ENTRY}.6.{port.index}"] = octets % (1 << 64)
        return self.bend(found | self.more)

    def octets(self, port: Port) -> int:
        return port.start + int((self.now - port.since) * port.pace)

    def reboot(self) -> None:
        self.booted, self.boots, self.changed = self.now, self.boots + 1, 0
        for port in self.ports:
            port.start, port.since = 0, self.now

    def renumber(self, order: Sequence[int]) -> None:
        """Give the ports these indexes, in their order."""
        for port, index in zip(self.ports, order, strict=True):
            port.index = index


@cache
def _numbers(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
