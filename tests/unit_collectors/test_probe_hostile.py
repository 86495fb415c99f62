"""Whatever a server sends, a probe ends with a verdict: success, or a reason. Nothing else leaves it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_kit import DnsServer, h2_server, health, module, ok, probe, serve

from collectors.probes import _http1, _http2
from collectors.probes._dial import Connection
from collectors.probes._http1 import Request
from collectors.probes._options import TlsConfig
from collectors.probes._run import ProbeFailed, Run
from collectors.probes._secrets import Secrets
from collectors.probes._talk import steps, talk
from collectors.probes._tls import Contexts
from collectors.probes.dns import _parsed, _texts
from collectors.probes.grpc import _status
from collectors.probes.modules import QueryResponse

ASK = Request("GET", "http", "host", "/")
GOOD_HTTP = (
    ok(b"hello", "X: y"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\n\r\nbody",
)


class Sink:
    """A transport that takes everything."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return False


def connection(data: bytes) -> Connection:
    """A connection whose peer sends ``data`` and goes."""
    reader = asyncio.StreamReader(65_536)
    reader.feed_data(data)
    reader.feed_eof()
    sink: Any = Sink()
    return Connection(reader, sink, 0, 0)


@st.composite
def mutated(draw: st.DrawFn, *good: bytes) -> bytes:
    """Something good with a few bytes changed, cut out or put in; or bytes without any sense."""
    data = bytearray(draw(st.one_of(st.sampled_from(good), st.binary(max_size=300))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return bytes(data)


async def http1(data: bytes) -> None:
    answer = await _http1.receive(connection(data), "GET")
    assert 200 <= answer.status <= 999 or answer.status == 101
    if answer.body is not None:
        async for _ in answer.body:
            pass


@settings(max_examples=400, deadline=None)
@given(mutated(*GOOD_HTTP))
def test_http_1(data: bytes) -> None:
    with contextlib.suppress(ProbeFailed):
        asyncio.run(http1(data))


def good_h2() -> bytes:
    """What a good server of HTTP/2 sends for one request."""

    async def main() -> bytes:
        client = connection(b"")
        with contextlib.suppress(ProbeFailed):
            exchange = _http2.Exchange(client)
            await exchange.send(ASK)
            await exchange.receive()
        sink: Any = client.transport
        reader = asyncio.StreamReader()
        reader.feed_data(sink.data)
        reader.feed_eof()
        out: Any = Sink()
        out.drain = lambda: asyncio.sleep(0)
        answer = h2_server(lambda body: ([(":status", "200"), ("a", "b")], b"hello", [("grpc-status", "0")]))
        await answer(reader, out)
        return bytes(out.data)

    return asyncio.run(main())


GOOD_H2 = good_h2()


async def http2(data: bytes) -> bytes:
    exchange = _http2.Exchange(connection(data))
    await exchange.send(ASK)
    answer = await exchange.receive()
    body = b""
    if answer.body is not None:
        async for part in answer.body:
            body += part
    return body


def test_the_good_case_of_http_2_is_one() -> None:
    assert asyncio.run(http2(GOOD_H2)) == b"hello"


@settings(max_examples=400, deadline=None)
@given(mutated(GOOD_H2))
def test_http_2(data: bytes) -> None:
    with contextlib.suppress(ProbeFailed):
        asyncio.run(http2(data))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=20))
def test_health_messages(data: bytes) -> None:
    with contextlib.suppress(ProbeFailed):
        assert _status(data)


@settings(max_examples=200, deadline=None)
@given(mutated(b"220 mail\r\n250 ok\r\n", b"\x00" * 40), st.booleans())
def test_conversations(data: bytes, raw: bool) -> None:
    asked = QueryResponse(expect_raw="(?s)o.*k") if raw else QueryResponse(expect="^2(..)", send="$1${2}${x}")

    async def main() -> None:
        conversation = steps((asked,))
        await talk(
            connection(data),
            conversation,
            Run(0),
            tls=TlsConfig(),
            server_name="",
            contexts=Contexts(Secrets(str, Path())),
        )

    with contextlib.suppress(ProbeFailed):
        asyncio.run(main())


def question() -> tuple[Any, bytes]:
    query = dns.message.make_query("example.test", "MX", id=7)
    reply = DnsServer().reply(query.to_wire())
    assert reply is not None
    return query, reply


QUERY, GOOD_DNS = question()


@settings(max_examples=500, deadline=None)
@given(mutated(GOOD_DNS))
def test_dns(data: bytes) -> None:
    with contextlib.suppress(ProbeFailed):
        response = _parsed(QUERY, data)
        for section in (response.answer, response.authority, response.additional):
            assert all(isinstance(text, str) for text in _texts(section))


@pytest.mark.parametrize("status", [4, 200])
async def test_a_health_status_nobody_knows(status: int) -> None:
    async with serve(health(status)) as port:
        found = await probe(module("grpc"), f"127.0.0.1:{port}")
    assert found.why == "the answer is no message of the health service"
