"""Servers on loopback to be probed, and one probe of one target, as values."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import msgspec
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from collectors.api import CredentialRef, Notice, Sample, Secret
from collectors.probes import Options, build, check
from collectors.probes.modules import Module
from collectors.probes.options import TargetOptions

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SERIAL = 2_026_010_203


@dataclass(frozen=True)
class Result:
    """What one probe gave; ``why`` is empty when it succeeded."""

    values: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
    why: str

    def __getitem__(self, name: str) -> float:
        """The only value of that name."""
        (value,) = [value for (known, _), value in self.values.items() if known == name]
        return value

    def labels(self, name: str) -> dict[str, str]:
        (found,) = [dict(labels) for known, labels in self.values if known == name]
        return found

    def phase(self, name: str, phase: str) -> float:
        return self.values[name, (("phase", phase),)]

    @property
    def ok(self) -> bool:
        assert self["probe_success"] == (not self.why)
        return not self.why


def module(prober: str, /, timeout: float = 2.0, **options: Any) -> Module:
    """A module from plain values, its timeout in seconds."""
    plain = {"prober": prober, "timeout": int(timeout * 1000), prober: options}
    return msgspec.convert({k: v for k, v in plain.items() if v != {}}, Module, dec_hook=custom)


def custom(kind: type, given: Any) -> Any:
    """A secret as text, by reference, or as the value itself."""
    assert kind is Secret
    if isinstance(given, Secret):
        return given
    return Secret(CredentialRef(**given) if isinstance(given, dict) else given)


async def probe(
    what: Module, target: str, *, reveal: Callable[[str], str] = lambda name: f"secret of {name}", base: Path = Path()
) -> Result:
    """Probe once, after the check of the options found no mistake."""
    options = Options(targets=(TargetOptions(module="m", target=target),), modules={"m": what})
    mistakes = [problem for problem in check(options, 1_000) if not (problem.warning or problem.secret)]
    assert mistakes == []
    (made,) = build(options, reveal, base)
    items = list(await made.measure())
    values = {(item.name, item.labels): item.value for item in items if isinstance(item, Sample)}
    whys = [item.text for item in items if isinstance(item, Notice)]
    return Result(values, whys[0] if whys else "")


def mistakes(what: Module, target: str) -> list[str]:
    """What the check says about one target of one module."""
    options = Options(targets=(TargetOptions(module="m", target=target),), modules={"m": what})
    return [problem.text for problem in check(options, 1_000)]


@contextlib.asynccontextmanager
async def serve(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A TCP server on a free port of ``host``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def says(greeting: bytes, *, hold: bool = False) -> Handler:
    """A server that speaks first; ``hold`` keeps the connection open until the client goes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        if hold:
            await reader.read()

    return handler


@dataclass
class Asked:
    """What an HTTP server was asked."""

    line: str
    headers: dict[str, str]
    body: bytes


def http(answer: bytes | Callable[[Asked], bytes], seen: list[Asked] | None = None) -> Handler:
    """An HTTP/1.1 server with one answer for each connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(head[0], headers, body)
        if seen is not None:
            seen.append(asked)
        writer.write(answer if isinstance(answer, bytes) else answer(asked))
        await writer.drain()

    return handler


def ok(body: bytes = b"hello", *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True)
class Authority:
    """A CA of the test."""

    ca: trustme.CA
    file: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        ca = trustme.CA(organization_name="Test CA")
        path = folder / "ca.pem"
        ca.cert_pem.write_to_path(path)
        return cls(ca, path)

    def server(self, *names: str, alpn: tuple[str, ...] = (), **more: Any) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("localhost", "127.0.0.1")), **more).configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def h2_server(answer: Callable[[bytes], tuple[list[tuple[str, str]], bytes, list[tuple[str, str]]]]) -> Handler:
    """An HTTP/2 server: from the body of the request to head, body and trailers of the answer."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        body = b""
        while data := await reader.read(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    body = b""
                elif isinstance(event, DataReceived):
                    body += event.data or b""
                elif isinstance(event, StreamEnded):
                    head, content, trailers = answer(body)
                    connection.send_headers(event.stream_id or 1, head, end_stream=not content and not trailers)
                    if content:
                        connection.send_data(event.stream_id or 1, content, end_stream=not trailers)
                    if trailers:
                        connection.send_headers(event.stream_id or 1, trailers, end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()

    return handler


def health(status: int, code: int = 0) -> Handler:
    """A gRPC server whose health service gives ``status``."""
    message = b"\x08" + bytes([status]) if status else b""

    def answer(body: bytes) -> tuple[list[tuple[str, str]], bytes, list[tuple[str, str]]]:
        head = [(":status", "200"), ("content-type", "application/grpc")]
        content = b"" if code else b"\0" + len(message).to_bytes(4) + message
        return head, content, [("grpc-status", str(code))]

    return h2_server(answer)


Records = Mapping[str, str]
"""Zone data by type: the text of the records."""


class DnsServer(asyncio.DatagramProtocol):
    """Answers over UDP and TCP for ``example.test`` as ``change`` makes of a usual answer."""

    def __init__(self, change: Callable[[dns.message.Message], bytes | None] | None = None) -> None:
        self._change = change

    def reply(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query)
        (question,) = query.question
        zone = {
            1: ("A", ["192.0.2.1", "192.0.2.2"]), 6: ("SOA", [f"ns. admin. {SERIAL} 1 2 3 4"]),
            16: ("TXT", ['"hello world"']), 15: ("MX", ["10 mail.example.test."]),
        }  # fmt: skip
        if question.name.to_text() != "example.test.":
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype in zone:
            kind, texts = zone[question.rdtype]
            response.answer.append(dns.rrset.from_text("example.test.", 300, "IN", kind, *texts))
            response.authority.append(dns.rrset.from_text("example.test.", 300, "IN", "NS", "ns.example.test."))
            response.additional.append(dns.rrset.from_text("ns.example.test.", 300, "IN", "A", "192.0.2.53"))
        return response.to_wire() if self._change is None else self._change(response)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self.reply(data)
        if reply is not None:
            self._transport.sendto(reply, addr)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        reply = self.reply(wire)
        if reply is not None:
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()


@contextlib.asynccontextmanager
async def dns_server(
    change: Callable[[dns.message.Message], bytes | None] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The server on one port, for UDP and TCP."""
    server = DnsServer(change)
    async with serve(server.stream, tls) as port:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: server, local_addr=("127.0.0.1", port)
        )
        try:
            yield port
        finally:
            transport.close()
