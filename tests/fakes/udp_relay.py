"""A relay for datagrams on loopback that may lose, repeat, delay or change replies on their way from a real server."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

Tamper = Callable[[bytes], Iterable[bytes]]


def honest(datagram: bytes) -> list[bytes]:
    return [datagram]


class UdpRelay:
    """``on_reply`` and ``on_request`` give what goes on instead of a datagram. One client at a time."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self.on_reply: Tamper = honest
        self.on_request: Tamper = honest
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind((host, 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect((host, port))
        self._stop, self._stopped = socket.socketpair()
        self.port = int(self._front.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.send(b"x")
        self._thread.join()
        for each in (self._front, self._back, self._stop, self._stopped):
            each.close()

    def _serve(self) -> None:
        client: object = None
        while True:
            ready, _, _ = select.select([self._front, self._back, self._stopped], [], [])
            if self._stopped in ready:
                return
            if self._front in ready:
                request, client = self._front.recvfrom(65_535)
                for datagram in self.on_request(request):
                    self._back.send(datagram)
            if self._back in ready:
                try:
                    reply = self._back.recv(65_535)
                except ConnectionRefusedError:
                    continue
                for datagram in self.on_reply(reply):
                    self._front.sendto(datagram, client)  # type: ignore[arg-type]
