"""Whether somebody is there at all, asked without a credential: SNMPv3 discovery, ICMP echo, TCP.

An agent that speaks SNMPv3 tells its engine id to anybody (RFC 3414 section 4), also where it drops what has the wrong
community, and whatever its users are. So silence to a community is told from silence to everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct

from collectors.snmp.engines import _header
from collectors.snmp.engines._wire import Wire
from collectors.snmp.port import Address, Engine

_PORTS = (22, 23, 80, 443)
"""Of TCP, on which a device says yes or no: that is an answer either way."""
_LOWEST, _BEYOND = 1 << 24, 1 << 31
"""Message ids of four bytes that no agent writes otherwise."""


async def engine_of(address: Address, seconds: float) -> Engine | None:
    """The SNMPv3 engine there, by one datagram; None when nobody tells. OSError when the network says no."""
    loop = asyncio.get_running_loop()
    number = random.randrange(_LOWEST, _BEYOND).to_bytes(4, "big")  # noqa: S311 - it only tells replies apart
    found: asyncio.Future[Engine] = loop.create_future()

    def received(datagram: bytes) -> None:
        head = _header.v3(datagram)
        if head is not None and head.message_id == number and head.engine.id and not found.done():
            found.set_result(head.engine)

    def failed(error: OSError) -> None:
        if not found.done():
            found.set_exception(error)

    wire = Wire(address, received, failed)
    try:
        wire.send(_discovery(number))
        async with asyncio.timeout(seconds):
            return await found
    except TimeoutError:
        return None
    finally:
        wire.close()


async def is_there(host: str, seconds: float, *, tcp: bool) -> bool:
    """Whether the host answers an ICMP echo or, if ``tcp`` is to be tried, says yes or no to a connection."""
    tries = [asyncio.ensure_future(_echo(host, seconds))]
    if tcp:
        tries += [asyncio.ensure_future(_connects(host, port, seconds)) for port in _PORTS]
    try:
        for done in asyncio.as_completed(tries):
            if await done:
                return True
        return False
    finally:
        for each in tries:
            each.cancel()
        await asyncio.gather(*tries, return_exceptions=True)


async def _connects(host: str, port: int, seconds: float) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as way:
        way.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(way, (host, port))
        except ConnectionRefusedError:
            return True
        except OSError:  # TimeoutError is one
            return False
        return True


async def _echo(host: str, seconds: float) -> bool:
    """False also where this process may not ask."""
    six = ":" in host
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    kind, answer = (128, 129) if six else (8, 0)
    loop = asyncio.get_running_loop()
    token = os.urandom(16)
    for style in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(OSError), socket.socket(family, style, protocol) as way:
            way.setblocking(False)
            way.connect((host, 0))
            way.send(_request(kind, token))
            async with asyncio.timeout(seconds):
                while True:
                    data = await loop.sock_recv(way, 2048)
                    if style is socket.SOCK_RAW and not six and data:
                        data = data[(data[0] & 0xF) * 4 :]  # such a socket gives the IP header too
                    if data[:1] == bytes((answer,)) and data.endswith(token):
                        return True
    return False


def _request(kind: int, token: bytes) -> bytes:
    """An echo request (RFC 792); over IPv6 the kernel makes the checksum itself."""
    packet = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, 1) + token
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return packet[:2] + struct.pack("!H", ~total & 0xFFFF) + packet[4:]


def _discovery(number: bytes) -> bytes:
    """A request without engine and user (RFC 3412 section 6, RFC 3414 section 4), of which ``number`` is the id."""
    return b"".join(
        (
            bytes.fromhex("303e 020103 3011 0204"),
            number,
            bytes.fromhex("020300ffe3 040104 020103"),
            bytes.fromhex("0410 300e 0400 020100 020100 0400 0400 0400"),
            bytes.fromhex("3014 0400 0400 a00e 0204"),
            number,
            bytes.fromhex("020100 020100 3000"),
        )
    )
