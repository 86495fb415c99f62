"""HTTP/2 over an open connection: one request, one answer, by the library h2 (RFC 9113). Serves HTTP and gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from collectors.probes._dial import Connection
from collectors.probes._http1 import HEADER_COUNT, Answer, Request
from collectors.probes._run import ProbeFailed

_STREAM = 1
_IDLE_LIMIT = 128 * 1024
"""Bytes that may come without one of the answer's body among them: pings, settings and the like without end."""
_HOP_BY_HOP = frozenset({"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


class Exchange:
    """One request on a connection of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.trailers: dict[str, str] = {}
        self._ended = False
        self._idle = 0

    async def send(self, request: Request) -> None:
        self._h2.initiate_connection()
        head = [
            (":method", request.method), (":scheme", request.scheme), (":authority", request.authority),
            (":path", request.target),
        ]  # fmt: skip
        head += [(name.lower(), value) for name, value in request.headers if name.lower() not in _HOP_BY_HOP]
        try:
            self._h2.send_headers(_STREAM, head, end_stream=not request.body)
            left = request.body
            while left:
                room = min(self._h2.local_flow_control_window(_STREAM), self._h2.max_outbound_frame_size, len(left))
                if not room:
                    self._flush()
                    await self._events()
                    continue
                self._h2.send_data(_STREAM, left[:room], end_stream=room == len(left))
                left = left[room:]
        except H2Error as error:
            raise ProbeFailed(f"HTTP/2 failed: {type(error).__name__}") from None
        self._flush()

    async def receive(self) -> Answer:
        pending: list[Event] = []
        while True:
            for number, event in enumerate(events := await self._events()):
                if isinstance(event, ResponseReceived):
                    pending = events[number + 1 :]
                    headers = [(str(name), str(value)) for name, value in event.headers or ()]
                    if len(headers) > HEADER_COUNT:
                        raise ProbeFailed(f"the head of the answer has more than {HEADER_COUNT} lines")
                    status = dict(headers).get(":status", "")
                    if not status.isdigit():
                        raise ProbeFailed("the answer has no status")
                    plain = [pair for pair in headers if not pair[0].startswith(":")]
                    return Answer(int(status), "2.0", plain, self._body(pending))
                self._check(event)

    async def _body(self, events: list[Event]) -> AsyncIterator[bytes]:
        while True:
            for event in events:
                self._check(event)
                if isinstance(event, DataReceived):
                    self._idle = 0 if event.data else self._idle
                    if event.flow_controlled_length:
                        self._h2.acknowledge_received_data(event.flow_controlled_length, _STREAM)
                        self._flush()
                    yield event.data or b""
                elif isinstance(event, TrailersReceived):
                    self.trailers = {str(name): str(value) for name, value in event.headers or ()}
            if self._ended:
                return
            events = await self._events()

    async def _events(self) -> list[Event]:
        """What comes next; an exception when the connection ends first."""
        data = await self._connection.some()
        if not data:
            raise ProbeFailed("the connection was closed before the answer was whole")
        self._idle += len(data)
        if self._idle > _IDLE_LIMIT:
            raise ProbeFailed(f"the server sends {_IDLE_LIMIT} bytes without an answer in them")
        try:
            events = self._h2.receive_data(data)
        except H2Error as error:
            raise ProbeFailed(f"the answer is no HTTP/2: {type(error).__name__}") from None
        self._flush()
        return events

    def _check(self, event: Event) -> None:
        if isinstance(event, StreamReset):
            raise ProbeFailed(f"the server gave the request up (HTTP/2 error {event.error_code})")
        if isinstance(event, ConnectionTerminated) and event.error_code:
            raise ProbeFailed(f"the server ended the connection (HTTP/2 error {event.error_code})")
        if isinstance(event, StreamEnded):
            self._ended = True

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._connection.send(data)
