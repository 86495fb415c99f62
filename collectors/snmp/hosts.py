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

    def remember(self, host: str, address: str) -> None:
        """What a name led to before a reload."""
        self._last.setdefault(host, address)

    async def address(self, host: str) -> str:
        """The first address of a host; NoReply when its name leads nowhere and never did."""
        return host if _is_address(host) else (await self._look_up(host))[0]

    async def leads(self, host: str, address: str) -> bool:
        """Whether a name still leads there, as far as anybody says."""
        return _is_address(host) or address in await self._look_up(host)

    async def _look_up(self, host: str) -> list[str]:
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
                return [self._last[host]]
            why = str(error) or f"nobody says what the name {host} leads to"
            raise NoReply(why, Fault.NAME) from None
        if not found:
            raise NoReply(f"the name {host} leads to no address", Fault.NAME)
        addresses = [f"{each.text}%{each.scope}" if each.scope else each.text for each in found]
        if self._last.get(host) not in addresses:
            self._last[host] = addresses[0]
        return addresses


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
