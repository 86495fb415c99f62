"""A small HTTP/1.1 server under full control of a test: what it answers, whether it acts, and how it misbehaves.

Every reply closes its connection. A ``Fault`` takes the place of the next matching request's reply; the request still
acts (``commit=True``, "the reply was lost") or not. Subclasses answer requests in ``handle``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

WRITES = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        payload = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        if self.status in (204, 304):
            payload = b""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(payload)),
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Status\r\n{head}Connection: close\r\n\r\n".encode() + payload


@dataclass(slots=True)
class Fault:
    """What happens instead of the true reply to the next ``times`` requests of these ``methods`` (empty: any).

    ``raw`` is sent as it is, byte by byte every ``drip`` seconds when that is set; then the connection is closed, or
    reset, or kept open without a word (``hang``).
    """

    raw: bytes = b""
    commit: bool = False
    times: int = 1
    methods: tuple[str, ...] = ()
    reset: bool = False
    hang: bool = False
    drip: float = 0.0
    late: bool = False
    """Act only when the test calls ``commit_late``."""


class FakeHttp:
    """``async with FakeX() as server:`` then ``server.url``."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.requests: list[Request] = []
        self.url = ""
        self._faults: list[Fault] = []
        self._late: list[Request] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopping = asyncio.Event()

    def handle(self, request: Request) -> Answer:
        raise NotImplementedError

    # Faults

    def fault(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def fail(
        self, status: int, n: int = 1, headers: Mapping[str, str] | None = None, methods: tuple[str, ...] = ()
    ) -> None:
        """The next ``n`` requests are answered with this status and do nothing."""
        raw = Answer(status, {"message": f"status {status}"}, headers or {}).raw()
        self.fault(Fault(raw=raw, times=n, methods=methods))

    def lose_reply_after_commit(self, n: int = 1) -> None:
        """The next ``n`` writes are done, and the connection breaks before the reply."""
        self.fault(Fault(commit=True, reset=True, times=n, methods=WRITES))

    def lose_before_commit(self, n: int = 1) -> None:
        """The next ``n`` writes arrive, are not done, and the connection breaks."""
        self.fault(Fault(reset=True, times=n, methods=WRITES))

    def late_commit(self, n: int = 1) -> None:
        """The connection of the next ``n`` writes breaks; they are done when ``commit_late`` is called."""
        self.fault(Fault(reset=True, late=True, times=n, methods=WRITES))

    def commit_late(self) -> None:
        late, self._late = self._late, []
        for request in late:
            self.handle(request)

    # The server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 22, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.stopping.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            request = await _read(reader)
            if request is not None:
                await self._reply(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which is its right
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _reply(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        fault = next((each for each in self._faults if not each.methods or request.method in each.methods), None)
        if fault is None:
            writer.write(self.handle(request).raw())
            await writer.drain()
            return
        fault.times -= 1
        if fault.times <= 0:
            self._faults.remove(fault)
        if fault.commit:
            self.handle(request)
        if fault.late:
            self._late.append(request)
        if fault.drip:
            await self._drip(fault, writer)
        else:
            writer.write(fault.raw)
            await writer.drain()
        if fault.hang:
            gone = asyncio.ensure_future(reader.read(1))
            stop = asyncio.ensure_future(self.stopping.wait())
            await asyncio.wait({gone, stop}, return_when=asyncio.FIRST_COMPLETED)
            for waiter in (gone, stop):
                waiter.cancel()
        if fault.reset:
            writer.transport.abort()

    async def _drip(self, fault: Fault, writer: asyncio.StreamWriter) -> None:
        for byte in fault.raw:
            writer.write(bytes([byte]))
            await writer.drain()
            try:
                await asyncio.wait_for(self.stopping.wait(), fault.drip)
            except TimeoutError:
                continue
            return


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Request(method, parts.path, query, headers, body)
