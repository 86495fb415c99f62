"""A UDP socket that is connected to one device: datagrams from elsewhere do not reach it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from collectors.snmp.port import Address

_LARGEST = 65_535


class Wire:
    """Gives each datagram to ``received`` and each error of the network to ``failed``, for as long as it is open.

    OSError when there is no way to the address, or it is none.
    """

    def __init__(self, address: Address, received: Callable[[bytes], None], failed: Callable[[OSError], None]) -> None:
        self._received = received
        self._failed = failed
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        family, kind, _, _, to = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM, flags=numeric)[
            0
        ]
        self._socket = socket.socket(family, kind)
        try:
            self._socket.setblocking(False)
            self._socket.connect(to)
        except OSError:
            self._socket.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)

    def send(self, datagram: bytes) -> None:
        """OSError when it cannot be sent."""
        try:
            self._socket.send(datagram)
        except OSError:
            self._socket.send(datagram)  # the first may have told what became of an earlier one

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        try:
            datagram = self._socket.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error)
        else:
            self._received(datagram)
