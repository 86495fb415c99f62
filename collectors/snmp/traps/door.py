"""The UDP socket that notifications come in by.

Under a flood the loop would wake up for every datagram, which costs more than the datagram. So after each look the
socket is left alone for some milliseconds, and what came meanwhile is read in one go; what the kernel had no room for,
it counts.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from collectors.snmp.traps.message import LARGEST
from collectors.snmp.traps.senders import canonical

_PAUSE = 0.005
_AT_ONCE = 256
"""Datagrams that are read before the loop turns again."""
_BUFFER = 4 << 20
"""Bytes that the kernel is asked to hold; it gives what its own limit allows."""
_SO_MEMINFO = 55
_DROPS = 8
"""Where the drops stand in what SO_MEMINFO gives (linux/sock_diag.h)."""

Receive = Callable[[bytes, str], bytes | None]


class Door:
    """A bound socket that is read on the running loop until ``close``."""

    def __init__(self, sock: socket.socket, receive: Receive) -> None:
        self.receive = receive
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        sock.setblocking(False)
        self._listen()

    @property
    def drops(self) -> int:
        """Datagrams for which the kernel had no room."""
        return int(struct.unpack_from("=9I", self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))[_DROPS])

    def stop(self) -> socket.socket:
        """Read no more; the socket stays open, and what comes waits in it."""
        self._closed = True
        self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        return self._socket

    def _listen(self) -> None:
        self._timer = None
        self._loop.add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, sender = self._socket.recvfrom(LARGEST + 1)
            except BlockingIOError:
                break
            except OSError:  # an answer that could not be delivered is reported on the next read
                continue
            address = sender[0]
            answer = self.receive(data, canonical(address) if ":" in address else address)
            if answer is not None:
                try:
                    self._socket.sendto(answer, sender)
                except OSError:  # no room, or no way: the sender will ask again
                    continue
        if not self._closed:
            self._loop.remove_reader(self._socket)
            self._timer = self._loop.call_later(_PAUSE, self._listen)


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address; at ``::`` it takes IPv4 as well. OSError as the system has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
