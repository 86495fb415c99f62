"""The way to one device: its address, its session, and the order in which it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from collectors.snmp.errors import Fault, SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.port import Address, Engine, Row, Session, Value

Open = Callable[[Address], Session]
"""Opens a session; ValueError when the credential is no good, in words for people."""


class Way:
    """A session that is opened when it is first needed, and that several polls may use: one request at a time.

    So the small question whether the device is there never waits for a long walk, only for the request under way.
    Contract of the calls: ``port.Session``.
    """

    def __init__(self, host: str, port: int, open_session: Open, hosts: Hosts | None = None) -> None:
        self._host = host
        self._port = port
        self._open = open_session
        self._hosts = hosts or Hosts()
        self._session: Session | None = None
        self.engine: Engine | None = None
        self.address = ""
        """Where the host was last; empty before it was looked for."""
        self._lock = asyncio.Lock()

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        async with self._lock:
            session = self._session or await self._connect()
            found = await session.get(oids)
            self.engine = session.engine
            return found

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        async with self._lock:
            return await (self._session or await self._connect()).after(oid, repetitions)

    async def ended(self, oid: str) -> bool:
        async with self._lock:
            return await (self._session or await self._connect()).ended(oid)

    def go_on(self, other: Way) -> None:
        """After a reload: a name that nobody answers for just then leads where it led before."""
        if other.address and other._host == self._host:
            self.address = other.address
            self._hosts.remember(self._host, other.address)

    async def follow_name(self) -> None:
        """Close the session when the host's name leads elsewhere by now; what has its address may be another device."""
        if self._session is not None and not await self._hosts.leads(self._host, self.address):
            self.close()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    async def _connect(self) -> Session:
        self.address = await self._hosts.address(self._host)
        try:
            self._session = self._open(Address(self.address, self._port))
        except ValueError as error:
            raise SnmpError(str(error), Fault.SECRET) from None
        return self._session
