"""SOCKS 5 (RFC 1928) with the login of RFC 1929: one connection through, names looked up by the proxy."""

from __future__ import annotations

import ipaddress

from collectors.probes._dial import Connection
from collectors.probes._run import ProbeFailed

_NO_LOGIN, _LOGIN = 0, 2
_FAILURES = {
    1: "general failure", 2: "not allowed", 3: "the network is unreachable", 4: "the host is unreachable",
    5: "the connection is refused", 6: "it took too long", 7: "CONNECT is not supported",
    8: "this kind of address is not supported",
}  # fmt: skip
_REST = {1: 4 + 2, 4: 16 + 2}
"""Bytes that follow the type of an address: the address and a port."""


async def pass_through(connection: Connection, host: str, port: int, username: str, password: str) -> None:
    """ProbeFailed when the proxy does not let us through to ``host``."""
    methods = bytes((_NO_LOGIN, _LOGIN) if username else (_NO_LOGIN,))
    connection.send(b"\x05" + bytes([len(methods)]) + methods)
    version, method = await _exactly(connection, 2)
    if version != 5 or method not in methods:
        raise ProbeFailed("the proxy wants another login" if version == 5 else "the proxy speaks no SOCKS 5")
    if method == _LOGIN:
        user, word = username.encode()[:255], password.encode()[:255]
        connection.send(b"\x01" + bytes([len(user)]) + user + bytes([len(word)]) + word)
        if (await _exactly(connection, 2))[1]:
            raise ProbeFailed("the proxy refuses the login")
    connection.send(b"\x05\x01\x00" + _address(host) + port.to_bytes(2))
    _, failure, _, kind = await _exactly(connection, 4)
    if failure:
        raise ProbeFailed(f"the proxy cannot connect: {_FAILURES.get(failure, f'code {failure}')}")
    rest = _REST[kind] if kind in _REST else (await _exactly(connection, 1))[0] + 2
    await _exactly(connection, rest)


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna") if not host.isascii() else host.encode()
        if len(name) > 255:
            raise ProbeFailed("the host's name is longer than 255 bytes") from None
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


async def _exactly(connection: Connection, count: int) -> bytes:
    data = await connection.exactly(count)
    if len(data) < count:
        raise ProbeFailed("the proxy closed the connection")
    return data
