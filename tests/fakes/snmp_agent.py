"""A scriptable SNMP agent on a loopback port: an honest one by itself, and as hostile as ``behave`` makes it.

It speaks v1, v2c, and v3 without authentication, from a thread of its own, so that any kind of test can ask it::

    with SnmpAgent({"1.3.6.1.2.1.1.3.0": ber.time_ticks(100)}) as agent:
        agent.mib["1.3.6.1.2.1.1.5.0"] = ber.octets("sw1")        # changes count from the next request on
        agent.behave = lambda request, reply: [reply, reply]      # every reply twice
        ... ask 127.0.0.1, agent.port ...
        agent.requests                                            # what came in, oldest first
"""

from __future__ import annotations

import contextlib
import socket
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from fakes import ber

ENGINE_ID = bytes.fromhex("80001f8804746f6373696e")
NO_ERROR, TOO_BIG, NO_SUCH_NAME, BAD_VALUE, READ_ONLY, GEN_ERR = range(6)
AUTHORIZATION_ERROR = 16
_UNKNOWN_ENGINE_IDS = "1.3.6.1.6.3.15.1.1.4.0"


@dataclass(frozen=True)
class Request:
    """What was asked. ``repetitions`` and ``non_repeaters`` are 0 except for GETBULK."""

    version: int
    community: bytes
    pdu: int
    id: int
    oids: tuple[str, ...]
    non_repeaters: int = 0
    repetitions: int = 0
    message_id: int = 0
    engine_id: bytes = b""
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Later:
    """A datagram that is sent after so many seconds."""

    seconds: float
    datagram: bytes


@dataclass(frozen=True)
class Elsewhere:
    """A datagram from another port than the one that was asked."""

    datagram: bytes


Reply = bytes | Later | Elsewhere
Behaviour = Callable[[Request, bytes], Iterable[Reply]]


def number(oid: str) -> tuple[int, ...]:
    """What an OID is sorted by."""
    return tuple(map(int, oid.split(".")))


def honest(_request: Request, reply: bytes) -> list[Reply]:
    return [reply]


def silent(_request: Request, _reply: bytes) -> list[Reply]:
    return []


class SnmpAgent:
    """``mib`` holds encoded values (``fakes.ber``) by OID. ``behave`` gives the datagrams that answer a request."""

    def __init__(
        self, mib: dict[str, bytes] | None = None, *, behave: Behaviour = honest, community: bytes = b"public",
        host: str = "127.0.0.1", port: int = 0, largest: int = 65_000,
    ) -> None:  # fmt: skip
        self.mib = dict(mib or {})
        self.behave = behave
        self.community = community
        self.host = host
        self.largest = largest
        self.engine_id, self.boots, self.time = ENGINE_ID, 1, 1000
        self.requests: list[Request] = []
        self._names: list[str] = []
        self._numbers: list[tuple[int, ...]] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._other = socket.socket(family, socket.SOCK_DGRAM)
        self._other.bind((host, 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True, name=f"snmp-agent-{self.port}")
        self._timers: list[threading.Timer] = []
        self._stopping = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._other.sendto(b"", self._socket.getsockname())
        self._thread.join()
        for timer in self._timers:
            timer.cancel()
            timer.join()
        self._socket.close()
        self._other.close()

    def answer(self, request: Request) -> bytes:
        """The honest reply, cut to what fits into ``largest`` bytes as agents do for GETBULK."""
        rows, status, index = self._rows(request)
        reply = respond(request, rows, status, index, agent=self)
        if request.pdu == ber.GET_BULK:
            while len(reply) > self.largest and rows:
                rows = rows[: len(rows) // 2 if len(rows) > 1 else 0]
                reply = respond(request, rows, agent=self)
        elif len(reply) > self.largest:
            reply = respond(request, [], TOO_BIG, agent=self)
        return reply

    def following(self, oid: str) -> tuple[str, bytes] | None:
        """The row after ``oid``, as of the last request."""
        at = bisect_right(self._numbers, number(oid))
        return (self._names[at], self.mib[self._names[at]]) if at < len(self._names) else None

    def _rows(self, request: Request) -> tuple[list[tuple[str, bytes]], int, int]:
        rows: list[tuple[str, bytes]] = []
        if self._names != list(self.mib):
            self._names = sorted(self.mib, key=number)
            self._numbers = [number(name) for name in self._names]
            self.mib = {name: self.mib[name] for name in self._names}
        if request.pdu == ber.GET_BULK:
            for oid in request.oids[: request.non_repeaters]:
                rows.append(self.following(oid) or (oid, ber.END_OF_MIB_VIEW))
            heads = list(request.oids[request.non_repeaters :])
            for _ in range(min(request.repetitions, 2000)):
                for place, oid in enumerate(heads):
                    rows.append(self.following(oid) or (oid, ber.END_OF_MIB_VIEW))
                    heads[place] = rows[-1][0]
            return rows, NO_ERROR, 0
        for index, oid in enumerate(request.oids, 1):
            if request.pdu == ber.GET_NEXT:
                row = self.following(oid)
                missing = ber.END_OF_MIB_VIEW
            else:
                row = (oid, self.mib[oid]) if oid in self.mib else None
                missing = ber.NO_SUCH_INSTANCE
            if row is None and request.version == 0:
                return [(oid, ber.NULL) for oid in request.oids], NO_SUCH_NAME, index
            rows.append(row or (oid, missing))
        return rows, NO_ERROR, 0

    def _serve(self) -> None:
        while True:
            datagram, sender = self._socket.recvfrom(65_535)
            if self._stopping:
                return
            with contextlib.suppress(ValueError, IndexError, OverflowError):
                self._handle(parse(datagram), sender)

    def _handle(self, request: Request, sender: object) -> None:
        self.requests.append(request)
        if request.version == 3:
            if request.engine_id != self.engine_id:
                rows = [(_UNKNOWN_ENGINE_IDS, ber.counter32(1))]
                self._send(respond(request, rows, pdu=ber.REPORT, agent=self), sender)
                return
        elif request.community != self.community:
            return
        for reply in self.behave(request, self.answer(request)):
            self._send(reply, sender)

    def _send(self, reply: Reply, sender: object) -> None:
        if isinstance(reply, Later):
            timer = threading.Timer(reply.seconds, self._send, (reply.datagram, sender))
            self._timers.append(timer)
            timer.start()
        elif isinstance(reply, Elsewhere):
            self._other.sendto(reply.datagram, sender)  # type: ignore[arg-type]
        else:
            self._socket.sendto(reply, sender)  # type: ignore[arg-type]


def respond(
    request: Request, rows: Iterable[tuple[str, bytes]], status: int = NO_ERROR, index: int = 0,
    *, pdu: int = ber.RESPONSE, agent: SnmpAgent | None = None,
) -> bytes:  # fmt: skip
    """A reply to ``request`` that says whatever it is told to."""
    bindings = ber.sequence(*(ber.sequence(ber.object_id(oid), value) for oid, value in rows))
    body = ber.sequence(ber.integer(request.id), ber.integer(status), ber.integer(index), bindings, tag=pdu)
    if request.version != 3:
        return ber.sequence(ber.integer(request.version), ber.octets(request.community), body)
    engine_id, boots, time = (agent.engine_id, agent.boots, agent.time) if agent else (ENGINE_ID, 1, 1000)
    header = ber.sequence(
        ber.integer(request.message_id), ber.integer(65_507), ber.octets(b"\0"), ber.integer(3)
    )  # fmt: skip
    usm = ber.sequence(
        ber.octets(engine_id), ber.integer(boots), ber.integer(time), ber.octets(request.community),
        ber.octets(b""), ber.octets(b""),
    )  # fmt: skip
    scoped = ber.sequence(ber.octets(engine_id), ber.octets(b""), body)
    return ber.sequence(ber.integer(3), header, ber.octets(usm), scoped)


def parse(datagram: bytes) -> Request:
    """A request; ``community`` is the user over v3. ValueError or IndexError when it is none."""
    ((_, message),) = ber.read(datagram)
    (_, version), *rest = ber.read(message)
    if ber.to_int(version) != 3:
        (_, community), (pdu, body) = rest
        return replace(_parse_pdu(pdu, body), version=ber.to_int(version), community=community, raw=datagram)
    (_, header), (_, security), (_, scoped) = rest
    (_, message_id), *_ = ber.read(header)
    ((_, usm),) = ber.read(security)
    (_, engine_id), _, _, (_, user), *_ = ber.read(usm)
    _, _, (pdu, body) = ber.read(scoped)
    known = replace(_parse_pdu(pdu, body), version=3, community=user, raw=datagram)
    return replace(known, message_id=ber.to_int(message_id), engine_id=engine_id)


def _parse_pdu(pdu: int, body: bytes) -> Request:
    (_, number), (_, second), (_, third), (_, bindings) = ber.read(body)
    oids = tuple(ber.to_oid(next(ber.read(binding))[1]) for _, binding in ber.read(bindings))
    bulk = (ber.to_int(second), ber.to_int(third)) if pdu == ber.GET_BULK else (0, 0)
    return Request(0, b"", pdu, ber.to_int(number), oids, *bulk)
