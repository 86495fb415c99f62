"""Servers that never stop, or stop half way: a probe ends by itself, soon, and holds little meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder
from probe_kit import Handler, Result, module, ok, probe, serve

from collectors.probes.dns import _STRAYS

MB = 1 << 20
HELD = 24 * MB
"""What one probe may hold at most: the 16 MiB of a body that patterns want, and room to work."""


def floods(before: bytes, again: bytes, *, asked: bool = True) -> Handler:
    """A server that says something, and then the same for ever."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asked:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(before)
        with contextlib.suppress(ConnectionError):
            while again:
                writer.write(again)
                await writer.drain()
            await reader.read()

    return handler


async def probed(handler: Handler, prober: str, target: str, **options: object) -> Result:
    """Probe such a server; the probe must end long before its timeout, with little memory."""
    tracemalloc.start()
    try:
        async with serve(handler) as port, asyncio.timeout(8):
            found = await probe(module(prober, timeout=20, **options), target.format(port))
        assert tracemalloc.get_traced_memory()[1] < HELD
    finally:
        tracemalloc.stop()
    return found


HTTP = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HTTP + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("before", "again", "why"),
    [
        (HTTP, b"A: b\r\n" * 100, "the head of the answer is larger than 262144 bytes or 500 lines"),
        (HTTP + b"A: ", b"x" * 10_000, "the answer has a line longer than 65536 bytes"),
        (b"", b"x" * 10_000, "the answer has a line longer than 65536 bytes"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "the server sends nothing but interim answers"),
        (HTTP + b"Content-Length: 1073741824\r\n\r\n", b"x" * 65_536, "the body is larger than 16777216 bytes"),
        (HTTP + b"\r\n", b"x" * 65_536, "the body is larger than 16777216 bytes"),
        (CHUNKED, b"8000\r\n" + b"x" * 0x8000 + b"\r\n", "the body is larger than 16777216 bytes"),
        (CHUNKED, b"1;" + b"x" * 60_000 + b"\r\nx\r\n", "the body has a chunk whose head is longer than 1000 bytes"),
        (CHUNKED + b"0\r\n", b"A: " + b"b" * 1_000 + b"\r\n", "the trailers of the body are larger than 262144 bytes"),
    ],
)  # fmt: skip
async def test_http_without_end(before: bytes, again: bytes, why: str) -> None:
    found = await probed(floods(before, again), "http", "http://127.0.0.1:{}/", fail_if_body_matches_regexp=["never"])
    assert found.why == why


async def test_a_body_of_a_gigabyte_that_came_small() -> None:
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b"\0" * (64 * MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    found = await probed(
        floods(HTTP + b"\r\n" + packed, b""), "http", "http://127.0.0.1:{}/",
        compression="gzip", fail_if_body_matches_regexp=["never"],
    )  # fmt: skip
    assert found.why == "the body is larger than 16777216 bytes"


@pytest.mark.parametrize(
    ("again", "step", "why"),
    [
        (b"x" * 10_000, {"expect": "^220"}, "the answer has a line longer than 65536 bytes"),
        (b"hello\r\n" * 100, {"expect": "^220"}, "no line matches '^220' in 262144 bytes; the last line is 'hello'"),
        (b"x" * 10_000, {"expect_raw": "^220"}, "the answer does not match '^220': it begins with '" + "78" * 30 + "'"),
        (b"x" * 10_000, {"expect_bytes": "220"}, "the answer is not '323230': it begins with '787878'"),
    ],
)
async def test_greetings_without_end(again: bytes, step: dict[str, str], why: str) -> None:
    found = await probed(floods(b"", again, asked=False), "tcp", "127.0.0.1:{}", query_response=[step])
    assert found.why == why


def frames(make: Callable[[H2Connection], bytes]) -> Handler:
    """A server of HTTP/2 that begins well and goes on with what ``make`` makes, for ever."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        seen = b""
        while b"/grpc.health" not in seen and len(seen) < 100:
            seen += await reader.read(65_536)
        connection.receive_data(seen)
        with contextlib.suppress(ConnectionError):
            while data := make(connection):
                writer.write(data)
                await writer.drain()

    return handler


def frame(kind: int, flags: int, stream: int, data: bytes) -> bytes:
    return len(data).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + data


HEAD = frame(1, 4, 1, Encoder().encode([(":status", "200"), ("content-type", "application/grpc")]))


def once_then(first: bytes, again: bytes) -> Callable[[H2Connection], bytes]:
    parts = [first]
    return lambda connection: parts.pop() if parts else again


@pytest.mark.parametrize(
    ("first", "again", "why"),
    [
        (b"", frame(6, 0, 0, b"x" * 8) * 100, "the server sends 131072 bytes without an answer in them"),
        (b"", frame(4, 0, 0, b"\0\3\0\0\0\1") * 100, "the server sends 131072 bytes without an answer in them"),
        (HEAD, frame(6, 0, 0, b"x" * 8) * 100, "the server sends 131072 bytes without an answer in them"),
        (HEAD, frame(0, 0, 1, b"") * 1_000, "the server sends 131072 bytes without an answer in them"),
        (HEAD, frame(0, 0, 1, b"x" * 10_000), "the answer is no HTTP/2: FlowControlError"),
        (frame(1, 0, 1, b"\x82"), frame(9, 0, 1, b"x" * 10_000), None),
        (frame(7, 0, 0, bytes(8)), b"", None),
        (frame(7, 0, 0, bytes(7) + b"\x02"), b"", "the server ended the connection (HTTP/2 error 2)"),
        (frame(3, 0, 1, b"\0\0\0\x07"), b"", None),
    ],
)  # fmt: skip
async def test_grpc_without_end(first: bytes, again: bytes, why: str | None) -> None:
    found = await probed(frames(once_then(first or again, again)), "grpc", "127.0.0.1:{}")
    assert not found.ok
    if why is not None:
        assert found.why == why
    assert found["probe_grpc_status_code"] == 14


def stops(data: bytes) -> Handler:
    """A server that says something and ends its side of the connection, but not the other."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.write_eof()
        await reader.read()

    return handler


@pytest.mark.parametrize(
    ("prober", "target", "data", "why"),
    [
        ("http", "http://127.0.0.1:{}/", b"", "the connection was closed before the answer was whole"),
        ("http", "http://127.0.0.1:{}/", ok(b"hello")[:-2], "the connection was closed before the body was whole"),
        ("http", "http://127.0.0.1:{}/", ok(b"hello"), ""),
        ("tcp", "127.0.0.1:{}", b"22", "no line matches '^220' before the connection ends; the last line is '22'"),
        ("tcp", "127.0.0.1:{}", b"220", ""),
        ("grpc", "127.0.0.1:{}", b"\0\0\0\4", "the connection was closed before the answer was whole"),
        ("dns", "127.0.0.1:{}", b"\0\x10\0", "the connection was closed before the answer was whole"),
        ("websocket", "ws://127.0.0.1:{}", b"HTTP/1.1 101", "the connection was closed before the answer was whole"),
    ],
)  # fmt: skip
async def test_a_connection_that_is_closed_on_one_side(prober: str, target: str, data: bytes, why: str) -> None:
    options: dict[str, object] = {
        "tcp": {"query_response": [{"expect": "^220"}]}, "dns": {"query_name": "a", "transport_protocol": "tcp"},
    }.get(prober, {})  # fmt: skip
    assert (await probed(stops(data), prober, target, **options)).why == why


DRIPS: tuple[tuple[str, str, bytes], ...] = (
    ("http", "http://127.0.0.1:{}/", b"HTTP/1.1 200 OK\r\nA: b\r\n" * 100),
    ("tcp", "127.0.0.1:{}", b"no\n" * 1_000),
    ("grpc", "127.0.0.1:{}", frame(6, 0, 0, b"x" * 8) * 100),
    ("websocket", "ws://127.0.0.1:{}", b"HTTP/1.1 101 Go\r\n" * 100),
)


@pytest.mark.parametrize(("prober", "target", "data"), DRIPS, ids=[prober for prober, _, _ in DRIPS])
async def test_a_server_that_drips_is_left_at_the_timeout(prober: str, target: str, data: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await asyncio.sleep(0.01)

    options: dict[str, object] = {"query_response": [{"expect": "^220"}]} if prober == "tcp" else {}
    async with serve(handler) as port:
        found = await probe(module(prober, timeout=0.2, **options), target.format(port))
    assert found.why == "not done after 0.2 s, in the middle of the answer"
    assert found["probe_duration_seconds"] < 1


async def test_answers_to_other_queries_without_end() -> None:
    loop = asyncio.get_running_loop()
    flood, _ = await loop.create_datagram_endpoint(_Flood, local_addr=("127.0.0.1", 0))
    port = flood.get_extra_info("sockname")[1]
    try:
        found = await probe(module("dns", timeout=5, query_name="a"), f"127.0.0.1:{port}")
    finally:
        flood.close()
    assert found.why == f"the server sends {_STRAYS} answers, and none to this query"


class _Flood(asyncio.DatagramProtocol):
    def connection_made(self, transport: object) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for _ in range(_STRAYS + 20):
            self._transport.sendto(bytes([data[0] ^ 1]) + data[1:], addr)  # type: ignore[attr-defined]
