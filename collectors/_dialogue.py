"""A short conversation over TCP with a daemon of this host, bounded in bytes and in time."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from collectors._model import CollectorError

BYTES = 256 << 10
"""Bytes taken from one peer in one conversation; the answers meant here have some kilobytes."""
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^\[\]:/@\s]+)):([0-9]{1,5})")


def split_address(option: str, address: str) -> tuple[str, int]:
    """(host, port) of ``127.0.0.1:3551`` or ``[::1]:3551``; ValueError naming ``option``."""
    found = _ADDRESS.fullmatch(address)
    port = int(found[3]) if found else 0
    if found is None or not 0 < port < 65536:
        raise ValueError(f"{option}: {address!r:.100} is not an address with a port, such as 127.0.0.1:3551")
    return found[1] or found[2], port


class Dialogue:
    """``with Dialogue(...) as peer:``; whatever goes wrong on the way is a CollectorError that names ``who``.

    ``seconds`` is for the whole of it, ``monotonic`` in seconds; ``mend`` is what to look at when nobody answers.
    """

    def __init__(
        self, who: str, address: tuple[str, int], seconds: float, monotonic: Callable[[], float], mend: str
    ) -> None:
        self._who = who
        self._address = address
        self._seconds = seconds
        self._monotonic = monotonic
        self._mend = mend
        self._end = 0.0
        self._held = b""
        self._taken = 0
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._end = self._monotonic() + self._seconds
        try:
            self._socket = socket.create_connection(self._address, timeout=self._seconds)
        except OSError as error:
            raise self._broken(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def send(self, data: bytes) -> None:
        try:
            self._connected().sendall(data)
        except OSError as error:
            raise self._broken(error) from error

    def exactly(self, count: int) -> bytes:
        """That many bytes."""
        while len(self._held) < count:
            self._more()
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def line(self) -> str:
        """A line without its end; bytes that are not UTF-8 are replaced."""
        while b"\n" not in self._held:
            self._more()
        taken, _, self._held = self._held.partition(b"\n")
        return taken.decode("utf-8", "replace").rstrip("\r")

    def _more(self) -> None:
        if self._taken > BYTES:
            raise CollectorError(f"{self._who} does not end: {BYTES} bytes taken, the rest left")
        try:
            data = self._connected().recv(65536)
        except OSError as error:
            raise self._broken(error) from error
        if not data:
            raise CollectorError(f"{self._who} closed the connection in the middle of an answer")
        self._taken += len(data)
        self._held += data

    def _connected(self) -> socket.socket:
        """The socket, with what is left of the time."""
        left = self._end - self._monotonic()
        if self._socket is None or left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket

    def _broken(self, error: OSError) -> CollectorError:
        if isinstance(error, TimeoutError):
            reason = f"no answer in {self._seconds:g} s"
        else:
            reason = error.strerror or str(error) or type(error).__name__
        return CollectorError(f"{self._who}: {reason} ({self._mend})")
