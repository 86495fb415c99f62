"""Messages of a WebSocket (RFC 6455 section 5) over an open connection, from the client's side and bounded."""

from __future__ import annotations

import os

from collectors.probes._dial import Connection
from collectors.probes._run import ProbeFailed

MESSAGE_LIMIT = 1 << 20
_FRAME_LIMIT = 1_000
"""Frames that may come before a message is whole."""
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10


def send(connection: Connection, data: bytes, kind: int = _TEXT) -> None:
    """One message in one frame; what a client sends is masked."""
    length = len(data)
    if length < 126:
        head = bytes([0x80 | kind, 0x80 | length])
    elif length < 65_536:
        head = bytes([0x80 | kind, 0x80 | 126]) + length.to_bytes(2)
    else:
        head = bytes([0x80 | kind, 0x80 | 127]) + length.to_bytes(8)
    mask = os.urandom(4)
    connection.send(head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(data)))


def close(connection: Connection) -> None:
    """Say that we go (1000: all is well); nobody waits for the answer."""
    if not connection.transport.is_closing():
        send(connection, (1000).to_bytes(2), _CLOSE)


async def receive(connection: Connection) -> bytes:
    """The next text or binary message; pings are answered meanwhile."""
    message = bytearray()
    begun = False
    for _ in range(_FRAME_LIMIT):
        final, kind, data = await _frame(connection, MESSAGE_LIMIT - len(message))
        if kind == _CLOSE:
            code = f" with code {int.from_bytes(data[:2])}" if len(data) >= 2 else ""
            raise ProbeFailed(f"the server closed the WebSocket{code}")
        if kind == _PING:
            send(connection, data, _PONG)
        elif kind in (_CONTINUED, _TEXT, _BINARY):
            if begun is not (kind == _CONTINUED):
                raise ProbeFailed("the messages of the WebSocket are out of order")
            begun = True
            message += data
            if final:
                return bytes(message)
        elif kind != _PONG:
            raise ProbeFailed(f"the WebSocket has a frame of kind {kind}")
    raise ProbeFailed(f"{_FRAME_LIMIT} frames make no message")


async def _frame(connection: Connection, limit: int) -> tuple[bool, int, bytes]:
    first, second = await _exactly(connection, 2)
    length = second & 0x7F
    if length >= 126:
        length = int.from_bytes(await _exactly(connection, 2 if length == 126 else 8))
    if first & 0x70 or second & 0x80:
        raise ProbeFailed("the WebSocket has a frame that no server may send")
    if length > limit or (first & 8 and length > 125):
        raise ProbeFailed(f"a message of the WebSocket is longer than {MESSAGE_LIMIT} bytes")
    return bool(first & 0x80), first & 0x0F, await _exactly(connection, length)


async def _exactly(connection: Connection, count: int) -> bytes:
    data = await connection.exactly(count)
    if len(data) < count:
        raise ProbeFailed("the connection was closed within a WebSocket")
    return data
