"""From a host to the address that is probed, by blackbox_exporter's rules of preference."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from dataclasses import dataclass
from time import monotonic

from collectors.probes._options import IpVersion
from collectors.probes._run import STEP, ProbeFailed, Run

THREADS = 32
"""getaddrinfo(3) blocks; a name whose look-up hangs holds one thread, however many targets have it.

They are daemon threads: a resolver that is silent must not hold up the end of the process.
"""
OVERDUE = 256
"""Threads beyond these that may go on with names whose look-up turned out to hang: nothing can end getaddrinfo(3)."""
SLOW = 1.0
"""Seconds after which a look-up hangs. Names that hung last time wait for each other, in ``THREADS`` of their own."""
_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193


@dataclass(frozen=True, slots=True)
class Address:
    """An address to connect to; ``scope`` is the interface of a link-local one."""

    text: str
    version: int
    scope: int = 0

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET if self.version == 4 else socket.AF_INET6

    @property
    def in_url(self) -> str:
        return self.text if self.version == 4 else f"[{self.text}]"


class Resolver:
    """Looks names up, each at most once at a time."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(THREADS)
        self._room_for_slow = asyncio.Semaphore(THREADS)
        self._slow: set[str] = set()
        self._overdue = 0
        self._asked: dict[str, asyncio.Task[list[Address]]] = {}

    async def choose(self, host: str, prefer: IpVersion, fallback: bool, run: Run) -> Address:
        """The address to probe, recorded with the time it took to find it."""
        run.set("probe_dns_lookup_time_seconds", 0)
        run.set("probe_ip_protocol", 0)
        run.set("probe_ip_addr_hash", 0)
        started = monotonic()
        try:
            found = await self.addresses(host)
        finally:
            run.set("probe_dns_lookup_time_seconds", monotonic() - started)
        chosen = pick(host, found, prefer, fallback)
        run.set("probe_ip_protocol", chosen.version)
        run.set("probe_ip_addr_hash", address_hash(chosen.text))
        return chosen

    async def addresses(self, host: str) -> list[Address]:
        """All addresses of a host, as the system looks them up."""
        if not host:
            raise ProbeFailed("the target has no host")
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            STEP.set("while the name was looked up")
        else:
            return [_literal(literal)]
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = asyncio.get_running_loop().create_task(self._ask(host))
            asked.add_done_callback(lambda done: self._answered(host, done))
        # Whoever gives up leaves the question to those that wait for the same name, and to the next.
        return await asyncio.shield(asked)

    async def _ask(self, host: str) -> list[Address]:
        known_slow = host in self._slow
        room = self._room_for_slow if known_slow else self._room
        await room.acquire()
        overdue = False
        loop = asyncio.get_running_loop()
        try:
            answer: asyncio.Future[list[Address]] = loop.create_future()
            threading.Thread(target=_answer, args=(loop, answer, host), name="tocsin-resolve", daemon=True).start()
            await asyncio.wait((answer,), timeout=SLOW)
            if answer.done():
                self._slow.discard(host)
            else:
                self._slow.add(host)
                if overdue := not known_slow and self._overdue < OVERDUE:
                    self._overdue += 1
                    room.release()  # the next name need not wait for this one
            return await answer
        finally:
            if overdue:
                self._overdue -= 1
            else:
                room.release()

    def _answered(self, host: str, done: asyncio.Task[list[Address]]) -> None:
        self._asked.pop(host, None)
        if not done.cancelled():
            done.exception()  # looked at: whoever asked may have given up meanwhile


def _answer(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[list[Address]], host: str) -> None:
    """On a thread: look the name up, and give the loop what came of it."""
    found: list[Address] | Exception
    try:
        found = _look_up(host)
    except Exception as error:  # noqa: BLE001 - whoever asked gets it
        found = error

    def settle() -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop was closed while the resolver was silent: nobody waits any more
        return


def _look_up(host: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        raise ProbeFailed(f"{host[:100]!a} cannot be resolved: {reason}") from None
    addresses = []
    for family, _, _, _, where in found:
        if family == socket.AF_INET:
            addresses.append(Address(str(where[0]), 4))
        elif family == socket.AF_INET6:
            addresses.append(Address(str(where[0]).partition("%")[0], 6, int(where[3]) if len(where) > 3 else 0))
    return addresses


def _literal(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return Address(str(address), 4)
    if not address.scope_id:
        return Address(str(address), 6)
    try:
        scope = socket.if_nametoindex(address.scope_id)
    except OSError:
        raise ProbeFailed(f"there is no interface {address.scope_id[:20]!a}") from None
    return Address(str(address).partition("%")[0], 6, scope)


def pick(host: str, found: list[Address], prefer: IpVersion, fallback: bool) -> Address:
    """The first address of the preferred version, else (when allowed) of the other."""
    version = 4 if prefer == "ip4" else 6
    for address in found:
        if address.version == version:
            return address
    if found and fallback:
        return found[0]
    other = " and ip_protocol_fallback is off" if found else ""
    raise ProbeFailed(f"{host[:100]!a} has no address of IP version {version}{other}")


def address_hash(text: str) -> int:
    """FNV-1a, 32 bits, of the address's bytes."""
    value = _FNV_OFFSET
    for byte in ipaddress.ip_address(text).packed:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def split_host_port(target: str, default: int | None = None) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT``; without a port the ``default``. ValueError when there is neither."""
    host, colon, port = target.rpartition(":")
    if not colon or target.endswith("]") or (":" in host and not host.startswith("[")):
        if default is None:
            raise ValueError(f"{target[:100]!a} has no port; write HOST:PORT")
        host, port = target, str(default)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{target[:100]!a} has no valid port; use 1 to 65535")
    return host.removeprefix("[").removesuffix("]"), int(port)
