"""Names to addresses in a small thread pool of its own, with a deadline and the last good answer as a fallback.

A resolver that hangs (``getaddrinfo`` cannot be cancelled) must stall neither the event loop nor the pool others use.
A stale address is harmless: for https the certificate still has to carry the right name.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

DEADLINE = 4.0
"""Seconds for one lookup; less than the connect deadline, so that the last good address still gets its chance."""


class Resolver(AbstractResolver):
    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._last_good: dict[tuple[str, int], list[ResolveResult]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="resolve")
        lookup = asyncio.get_running_loop().run_in_executor(self._pool, _lookup, host, port, family)
        try:
            found = await asyncio.wait_for(lookup, DEADLINE)
        except (OSError, TimeoutError):
            if (host, port) in self._last_good:
                return self._last_good[host, port]
            raise
        self._last_good[host, port] = found
        return found

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _lookup(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=found,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found, _, protocol, _, address in answers
    ]
