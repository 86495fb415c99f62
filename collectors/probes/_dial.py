"""Connections of probes: TCP or Unix, TLS at once or later, the time of each step, and reading with bounds."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from time import monotonic

from collectors.probes._resolve import Address
from collectors.probes._run import STEP, ProbeFailed

LINE_LIMIT = 64 * 1024


@dataclass(slots=True)
class Connection:
    """An open connection. ``tls`` is None while it is plain; the times are monotonic seconds."""

    reader: asyncio.StreamReader
    transport: asyncio.Transport
    dialed: float
    connected: float
    secured: float = 0.0
    tls: ssl.SSLObject | None = None
    answering: bool = False
    """Whether something came since the last that was sent."""

    async def secure(self, context: ssl.SSLContext, server_name: str) -> None:
        """Go on under TLS. What the server sent before is left behind: it was not protected."""
        STEP.set("in the TLS handshake")
        loop = asyncio.get_running_loop()
        reader, protocol = _reading(loop)
        try:
            transport = await loop.start_tls(self.transport, protocol, context, server_hostname=server_name)
        except ssl.SSLCertVerificationError as error:
            raise ProbeFailed(f"the certificate is refused: {error.verify_message}") from None
        except OSError as error:
            raise ProbeFailed(f"TLS failed: {reason(error)}") from None
        if transport is None:
            raise ProbeFailed("TLS failed: the connection was closed")
        protocol.connection_made(transport)
        self.reader, self.transport = reader, transport
        self.tls = transport.get_extra_info("ssl_object")
        self.secured = monotonic()

    def send(self, data: bytes) -> None:
        """All that a probe sends is small: nobody waits until the peer took it, but for its answer."""
        if self.transport.is_closing():
            raise ProbeFailed("the connection was closed before everything was sent")
        self.transport.write(data)
        self.answering = False

    def _waits(self) -> None:
        STEP.set("in the middle of the answer" if self.answering else "while waiting for the answer")

    async def some(self, limit: int = 65_536) -> bytes:
        """What has come, or comes next; empty at the end."""
        self._waits()
        try:
            found = await self.reader.read(limit)
        except (OSError, ssl.SSLError) as error:
            raise ProbeFailed(f"cannot read: {reason(error)}") from None
        self.answering = True
        return found

    async def exactly(self, count: int) -> bytes:
        """The next ``count`` bytes, or fewer at the end."""
        self._waits()
        try:
            found = await self.reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            return error.partial
        except (OSError, ssl.SSLError) as error:
            raise ProbeFailed(f"cannot read: {reason(error)}") from None
        self.answering = True
        return found

    async def line(self) -> bytes:
        """The next line without its end; empty at the end of the stream is told from an empty line by EOFError."""
        self._waits()
        try:
            line = await self.reader.readline()
        except ValueError:
            raise ProbeFailed(f"the answer has a line longer than {LINE_LIMIT} bytes") from None
        except (OSError, ssl.SSLError) as error:
            raise ProbeFailed(f"cannot read: {reason(error)}") from None
        if not line:
            raise EOFError
        self.answering = True
        return line.rstrip(b"\n").removesuffix(b"\r")

    def close(self) -> None:
        """Say goodbye without waiting for the peer, which may never answer."""
        self.transport.close()
        if self.tls is not None:
            self.transport.abort()


def _reading(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    reader = asyncio.StreamReader(LINE_LIMIT, loop)
    return reader, asyncio.StreamReaderProtocol(reader, loop=loop)


async def dial(address: Address, port: int, source: str = "") -> Connection:
    """A TCP connection to an address, optionally from a local one."""

    host = f"{address.text}%{address.scope}" if address.scope else address.text
    STEP.set(f"while connecting to {address.in_url}:{port}")
    loop = asyncio.get_running_loop()
    reader, protocol = _reading(loop)
    started = monotonic()
    try:
        transport, _ = await loop.create_connection(
            lambda: protocol, host, port, local_addr=(source, 0) if source else None
        )
    except OSError as error:
        raise ProbeFailed(f"cannot connect to {address.in_url}:{port}: {reason(error)}") from None
    return Connection(reader, transport, started, monotonic())


async def dial_unix(path: str) -> Connection:
    """A connection to a Unix stream socket."""
    STEP.set("while connecting")
    loop = asyncio.get_running_loop()
    reader, protocol = _reading(loop)
    started = monotonic()
    try:
        transport, _ = await loop.create_unix_connection(lambda: protocol, path)
    except OSError as error:
        raise ProbeFailed(f"cannot connect to {path[:108]}: {reason(error)}") from None
    return Connection(reader, transport, started, monotonic())


def reason(error: BaseException) -> str:
    """Why the system refused, without addresses and numbers that differ each time."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS error"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, OSError) and error.errno is not None:
        import os  # noqa: PLC0415 - for the rare case

        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return str(error) or type(error).__name__
