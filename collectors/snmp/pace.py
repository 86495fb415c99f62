"""No more packets a second than were asked for, whoever sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from collectors.snmp.port import Engine, Row, Session, Value


class Pacer:
    """Turns, evenly spread: ``rate`` a second. What was not used up is not saved."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate
        self._next = 0.0

    async def turn(self, packets: int = 1) -> None:
        """Wait until so many packets may be sent."""
        now = asyncio.get_running_loop().time()
        at = max(self._next, now)
        self._next = at + self._gap * packets
        await asyncio.sleep(at - now)


class Paced:
    """Contract: ``port.Session``. A session whose requests wait for their turn; ``packets`` is what one may take."""

    def __init__(self, session: Session, pacer: Pacer, packets: int) -> None:
        self._session = session
        self._pacer = pacer
        self._first, self._packets = packets, 1
        """Over SNMPv3 the first request finds the engine first."""

    @property
    def engine(self) -> Engine | None:
        return self._session.engine

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        await self._turn()
        return await self._session.get(oids)

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        await self._turn()
        return await self._session.after(oid, repetitions)

    async def ended(self, oid: str) -> bool:
        await self._turn()
        return await self._session.ended(oid)

    def close(self) -> None:
        self._session.close()

    async def _turn(self) -> None:
        packets, self._first = self._first, self._packets
        await self._pacer.turn(packets)
