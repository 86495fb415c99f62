"""ICMP echo (RFC 792, RFC 4443): by an unprivileged datagram socket where the system allows it, else by a raw one."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import socket
import struct
import sys
from dataclasses import dataclass
from time import monotonic, perf_counter

from collectors.probes._dial import reason
from collectors.probes._resolve import Address, Resolver
from collectors.probes._run import ProbeFailed, Run
from collectors.probes.modules import IcmpProbe

PAYLOAD = b"Tocsin probe"
APART = 0.2
"""Seconds between one echo request and the next, when there are several."""
_IP_RECVTTL, _IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DO = 12, 10, 23, 2
"""Of ip(7) and ipv6(7); the socket module has no names for them."""
_ECHO = {4: (8, 0), 6: (128, 129)}
_sequence = itertools.count(int.from_bytes(os.urandom(2)))


@dataclass(slots=True)
class _Echo:
    """A socket that sends requests to one address and takes its answers."""

    socket: socket.socket
    address: Address
    ident: int
    raw: bool
    payload: bytes

    async def ask(self, until: float) -> tuple[float, int | None] | None:
        """Seconds until the answer came, and its hop limit when it is known; None when none came by ``until``."""
        number = next(_sequence) & 0xFFFF
        kind, answer = _ECHO[self.address.version]
        packet = _packet(kind, self.ident, number, self.payload)
        sent = perf_counter()
        self.socket.sendto(packet, (self.address.text, 0) if self.address.version == 4 else
                           (self.address.text, 0, 0, self.address.scope))  # fmt: skip
        while (left := until - monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    data, ancillary, source = await self._receive()
            except TimeoutError:
                return None
            took = perf_counter() - sent
            if self._is_answer(data, answer, number) and source[0].partition("%")[0] == self.address.text:
                return took, _hop_limit(ancillary)
        return None

    async def _receive(self) -> tuple[bytes, list[tuple[int, int, bytes]], tuple[str, ...]]:
        loop = asyncio.get_running_loop()
        while True:
            try:
                data, ancillary, _, source = self.socket.recvmsg(65_536, 128)
            except BlockingIOError:
                ready: asyncio.Future[None] = loop.create_future()
                loop.add_reader(self.socket, _settle, ready)
                try:
                    await ready
                finally:
                    loop.remove_reader(self.socket)
            else:
                return data, ancillary, source

    def _is_answer(self, data: bytes, kind: int, number: int) -> bool:
        if self.raw and self.address.version == 4:  # such a socket gives the IP header too
            data = data[(data[0] & 0xF) * 4 :] if data else b""
        if len(data) < 8 or data[0] != kind or data[1] != 0:
            return False
        ident, sequence = struct.unpack_from("!HH", data, 4)
        # On an unprivileged socket the kernel sets the identifier, and keeps foreign answers away.
        return (not self.raw or ident == self.ident) and sequence == number and data[8:] == self.payload


class IcmpProber:
    """Built once for a module."""

    def __init__(self, options: IcmpProbe, resolver: Resolver) -> None:
        self._options = options
        self._resolver = resolver
        self._payload = (PAYLOAD + bytes(max(0, options.payload_size - len(PAYLOAD))))[: options.payload_size or None]
        if not options.payload_size:
            self._payload = PAYLOAD

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        if target.count(":") == 1 or not re.fullmatch(r"[^\s/]+", target):
            raise ValueError(f"{target[:100]!a} is no host; write a name or an address without a port")

    async def probe(self, target: str, run: Run) -> None:
        options = self._options
        run.phases("probe_icmp_duration_seconds", "resolve", "setup", "rtt")
        address = await self._resolver.choose(target, options.preferred_ip_protocol, options.ip_protocol_fallback, run)
        run.add("probe_icmp_duration_seconds", run.values["probe_dns_lookup_time_seconds", ()], phase="resolve")
        began = monotonic()
        with _open(address, options) as opened:
            raw = opened.type == socket.SOCK_RAW
            echo = _Echo(opened, address, int.from_bytes(os.urandom(2)), raw, self._payload)
            run.set("probe_icmp_duration_seconds", monotonic() - began, phase="setup")
            try:
                trips = await self._trips(echo, run)
            except OSError as error:
                raise ProbeFailed(f"cannot send to {address.text}: {reason(error)}") from None
        _record(run, trips, options.count)

    async def _trips(self, echo: _Echo, run: Run) -> list[float]:
        """Round trips of the requests that were answered. What is left of the time is shared by those to come."""
        trips = []
        count = self._options.count
        for number in range(count):
            wait = run.left() / (count - number)
            began = monotonic()
            answered = await echo.ask(began + wait * (0.95 if number == count - 1 else 1.0))
            if answered is not None:
                took, hops = answered
                trips.append(took)
                if hops is not None:
                    run.set("probe_icmp_reply_hop_limit", hops)
            if number < count - 1 and (pause := min(APART, wait) - (monotonic() - began)) > 0:
                await asyncio.sleep(pause)
        return trips


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _record(run: Run, trips: list[float], count: int) -> None:
    if count > 1:
        run.set("probe_icmp_loss_ratio", 1 - len(trips) / count)
    if not trips:
        raise ProbeFailed("no answer to an echo request" if count == 1 else f"no answer to {count} echo requests")
    run.set("probe_icmp_duration_seconds", sum(trips) / len(trips), phase="rtt")
    if len(trips) > 1:
        changes = [abs(later - earlier) for earlier, later in itertools.pairwise(trips)]
        run.set("probe_icmp_jitter_seconds", sum(changes) / len(changes))


def _open(address: Address, options: IcmpProbe) -> socket.socket:
    protocol = socket.IPPROTO_ICMP if address.version == 4 else socket.IPPROTO_ICMPV6
    opened: socket.socket | None = None
    try:
        try:
            opened = socket.socket(address.family, socket.SOCK_DGRAM, protocol)
        except PermissionError:
            opened = socket.socket(address.family, socket.SOCK_RAW, protocol)
        opened.setblocking(False)
        level = socket.IPPROTO_IP if address.version == 4 else socket.IPPROTO_IPV6
        opened.setsockopt(level, _IP_RECVTTL if address.version == 4 else socket.IPV6_RECVHOPLIMIT, 1)
        if options.ttl:
            opened.setsockopt(level, socket.IP_TTL if address.version == 4 else socket.IPV6_UNICAST_HOPS, options.ttl)
        if options.dont_fragment:
            discover = _IP_MTU_DISCOVER if address.version == 4 else _IPV6_MTU_DISCOVER
            opened.setsockopt(level, discover, _PMTUDISC_DO)
        if options.source_ip_address:
            opened.bind((options.source_ip_address, 0))
    except PermissionError:
        if opened is not None:
            opened.close()
        raise ProbeFailed(
            "no socket for ICMP: let the agent's group in by net.ipv4.ping_group_range, or give it CAP_NET_RAW"
        ) from None
    except OSError as error:
        if opened is not None:
            opened.close()
        raise ProbeFailed(f"no socket for ICMP: {reason(error)}") from None
    return opened


def _packet(kind: int, ident: int, number: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHH", kind, 0, 0, ident, number)
    return struct.pack("!BBHHH", kind, 0, checksum(head + payload), ident, number) + payload


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071). For ICMPv6 the kernel makes it anew with its pseudo header."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _hop_limit(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    wanted = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}
    values = (value for level, kind, value in ancillary if (level, kind) in wanted and len(value) >= 4)
    return next((int.from_bytes(value[:4], sys.byteorder) for value in values), None)
