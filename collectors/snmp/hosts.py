"""Names of hosts as addresses, on threads apart: a resolver that hangs holds up no device that has an address."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

from collectors.snmp.errors import Fault, NoReply

if TYPE_CHECKING:
    from collectors.probes._resolve import Resolver

_PATIENCE = 1.5
"""Seconds after which the address that a name had before is taken."""


class Hosts:
    """Shared by all devices. What a name led to last is kept for when nobody answers for it."""

    def __init__(self) -> None:
        self._resolver: Resolver | None = None
        self._last: dict[str, str] = {}

    async def address(self, host: str) -> str:
        """The first address of a host; NoReply when its name leads nowhere and never did."""
        try:
            ip_address(host)
        except ValueError:
            return await self._look_up(host)
        return host

    async def _look_up(self, host: str) -> str:
        # Probes have the threads for this; what else they are is loaded only where a device is given by name.
        from collectors.probes._resolve import Resolver  # noqa: PLC0415
        from collectors.probes._run import ProbeFailed  # noqa: PLC0415

        if self._resolver is None:
            self._resolver = Resolver()
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._resolver.addresses(host)
        except (TimeoutError, ProbeFailed) as error:
            if host in self._last:
                return self._last[host]
            why = str(error) or f"nobody says what the name {host} leads to"
            raise NoReply(why, Fault.NAME) from None
        if not found:
            raise NoReply(f"the name {host} leads to no address", Fault.NAME)
        first = found[0]
        self._last[host] = f"{first.text}%{first.scope}" if first.scope else first.text
        return self._last[host]
