"""How a probe gets to a server and who it says it is: proxies, OAuth 2, headers, keys, WebSockets, bytes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import dns.message
import pytest
from probe_kit import Asked, Authority, Handler, dns_server, http, mistakes, module, ok, probe, says, serve

from collectors._options import Secret
from collectors.probes import _oauth2
from collectors.probes._proxy import Proxies, Proxy, excluded
from collectors.probes._secrets import Secrets
from collectors.probes.http_options import Proxied

SECRETS = Secrets(str, Path())


def proxy_server(seen: list[str]) -> Handler:
    """A proxy of HTTP: it connects through where it is asked to, and answers itself else."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        seen.append("; ".join(line for line in head if line.lower().startswith(("connect ", "get", "proxy-", "x-"))))
        if head[0].startswith("CONNECT"):
            host, _, port = head[0].split()[1].partition(":")
            writer.write(b"HTTP/1.1 200 Go\r\n\r\n")
            await pump(reader, writer, host, int(port))
        else:
            writer.write(ok(b"by the proxy"))

    return handler


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    inner, out = await asyncio.open_connection(host, port)

    async def one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while part := await source.read(65_536):
            sink.write(part)
        sink.close()

    await asyncio.gather(one_way(reader, out), one_way(inner, writer), return_exceptions=True)


async def test_a_proxy_with_a_login_and_headers_of_its_own(tmp_path: Path) -> None:
    secure = Authority.make(tmp_path).server("localhost", alpn=("http/1.1",))
    seen: list[str] = []
    asked: list[Asked] = []
    async with serve(proxy_server(seen)) as through, serve(http(ok(), asked), secure) as port:
        options = {
            "proxy_url": f"http://us%65r:pass@127.0.0.1:{through}", "tls_config": {"ca_file": "ca.pem"},
            "proxy_connect_header": {"X-Site": ["a", {"credential": "site"}]},
        }  # fmt: skip
        assert (await probe(module("http", **options), f"https://localhost:{port}/", base=tmp_path)).ok
        plain = module("http", skip_resolve_phase_with_proxy=True, **options)
        assert (await probe(plain, "http://nothing.invalid/x")).ok
    login = "Proxy-Authorization: Basic " + base64.b64encode(b"user:pass").decode()
    assert seen == [
        f"CONNECT localhost:{port} HTTP/1.1; {login}; X-Site: a; X-Site: secret of site",
        f"GET http://nothing.invalid/x HTTP/1.1; {login}",
    ]
    assert "proxy-authorization" not in asked[0].headers


async def test_a_proxy_that_is_spoken_to_over_tls(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    seen: list[str] = []
    at_proxy, at_server = (authority.server("localhost", alpn=("http/1.1",)) for _ in range(2))
    async with serve(proxy_server(seen), at_proxy) as through, serve(http(ok()), at_server) as port:
        options = {"proxy_url": f"https://localhost:{through}", "tls_config": {"ca_file": "ca.pem"}}
        found = await probe(module("http", **options), f"https://localhost:{port}/", base=tmp_path)
        assert found.ok, found.why
        assert (await probe(module("http", **options), f"http://localhost:{port}/", base=tmp_path)).ok
    assert seen == [f"CONNECT localhost:{port} HTTP/1.1", f"GET http://localhost:{port}/ HTTP/1.1"]


def socks(asked: list[str], *, login: bytes = b"", code: int = 0) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        writer.write(bytes([5, 2 if login else 0]))
        if login:
            assert 2 in methods
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            word = await reader.readexactly((await reader.readexactly(1))[0])
            good = user + b":" + word == login
            writer.write(bytes([1, not good]))
            if not good:
                return
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(map(str, await reader.readexactly(4)))
        port = int.from_bytes(await reader.readexactly(2))
        asked.append(host)
        writer.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        if not code:
            await pump(reader, writer, "127.0.0.1", port)

    return handler


async def test_a_socks_proxy_looks_the_name_up_itself() -> None:
    asked: list[str] = []
    async with serve(socks(asked, login=b"u:p")) as through, serve(http(ok())) as port:
        options = {"skip_resolve_phase_with_proxy": True, "preferred_ip_protocol": "ip4"}
        there = module("http", proxy_url=f"socks5://u:p@127.0.0.1:{through}", **options)
        assert (await probe(there, f"http://nothing.invalid:{port}/")).ok
        assert (await probe(there, f"http://127.0.0.1:{port}/")).ok
        other = module("http", proxy_url=f"socks5://u:x@127.0.0.1:{through}", **options)
        assert (await probe(other, f"http://nothing.invalid:{port}/")).why == "the proxy refuses the login"
        none = module("http", proxy_url=f"socks5://127.0.0.1:{through}", **options)
        assert (await probe(none, f"http://nothing.invalid:{port}/")).why == "the proxy wants another login"
    assert asked == ["nothing.invalid", "127.0.0.1"]
    async with serve(socks([], code=5)) as through:
        refused = module("http", proxy_url=f"socks5h://127.0.0.1:{through}", **options)
        found = await probe(refused, "http://a.invalid/")
        assert found.why == "the proxy cannot connect: the connection is refused"
    async with serve(says(b"HT")) as through:
        wrong = module("http", proxy_url=f"socks5://127.0.0.1:{through}", **options)
        assert (await probe(wrong, "http://a.invalid/")).why == "the proxy speaks no SOCKS 5"


@pytest.mark.parametrize(
    ("listed", "host", "port", "out"),
    [
        ("example.net", "example.net", 80, True), ("example.net", "a.example.net", 80, True),
        ("example.net", "aexample.net", 80, False), (".example.net", "example.net", 80, False),
        (".example.net", "A.Example.net.", 80, True), ("*.example.net", "a.example.net", 443, True),
        ("example.net:8080", "example.net", 80, False), ("example.net:8080", "example.net", 8080, True),
        ("10.0.0.0/8, 192.0.2.1", "10.1.2.3", 80, True), ("10.0.0.0/8, 192.0.2.1", "192.0.2.1", 80, True),
        ("10.0.0.0/8", "11.0.0.1", 80, False), ("10.0.0.0/8", "ten.example", 80, False),
        ("2001:db8::/32", "2001:db8::1", 443, True), ("[2001:db8::1]:443", "2001:db8::1", 443, True),
        ("[2001:db8::1]:80", "2001:db8::1", 443, False), ("*", "a", 1, True), (" , ", "a", 1, False),
    ],
)  # fmt: skip
def test_what_is_asked_directly(listed: str, host: str, port: int, *, out: bool) -> None:
    assert excluded(listed, host, port) is out


def test_the_proxy_of_the_environment() -> None:
    environ = {"HTTP_PROXY": "proxy:3128", "https_proxy": "http://u:p@other", "NO_PROXY": "example.org"}
    proxies = Proxies(Proxied(proxy_from_environment=True), SECRETS, environ)
    ways = {url: proxies.to(urlsplit(url)) for url in (
        "http://a/", "https://a/", "wss://a/", "http://www.example.org/", "http://localhost/", "http://[::1]:9/",
    )}  # fmt: skip
    other = Proxy("http", "other", 80, "u", "p")
    assert list(ways.values()) == [Proxy("http", "proxy", 3128), other, other, None, None, None]
    assert repr(other) == "Proxy(http://other:80)"
    assert Proxies(Proxied(proxy_from_environment=True), SECRETS, {}).to(urlsplit("http://a/")) is None
    given = Proxies(Proxied(proxy_url=Secret("http://p:1")), SECRETS, environ)
    assert given.to(urlsplit("http://localhost/")) == Proxy("http", "p", 1)
    assert Proxies(Proxied(proxy_url=Secret("http://p:1"), no_proxy="x"), SECRETS).to(urlsplit("http://[::1]/")) is None


class TokenServer:
    """The token endpoint of OAuth 2 and what it protects: tokens end, by time or because somebody ends them."""

    def __init__(self, *, lasts: int | None = 60, basic: bool = True) -> None:
        self.lasts, self.basic = lasts, basic
        self.given: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.good: set[str] = set()

    def __call__(self, asked: Asked) -> bytes:
        if asked.line.startswith("POST /token"):
            return self.token(asked)
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return ok(b"in") if bearer in self.good else ok(b"out", status="401 Who")

    def token(self, asked: Asked) -> bytes:
        form = parse_qs(asked.body.decode())
        self.forms.append(form)
        login = "Basic " + base64.b64encode(b"me%2Fyou:secret+of+oauth").decode()
        by_header = self.basic and asked.headers.get("authorization") == login
        by_form = (form.get("client_id"), form.get("client_secret")) == (["me/you"], ["secret of oauth"])
        if not by_header and (self.basic or not by_form):
            return ok(b'{"error": "invalid_client"}', status="401 No")
        self.given.append(f"token-{len(self.given)}")
        self.good = {self.given[-1]}
        answer = {"access_token": self.given[-1], "token_type": "bearer"}
        return ok(json.dumps(answer if self.lasts is None else {**answer, "expires_in": self.lasts}).encode())


def with_oauth2(port: int, **more: object) -> dict[str, object]:
    return {
        "client_id": "me/you", "client_secret": {"credential": "oauth"}, "token_url": f"http://127.0.0.1:{port}/token",
        **more,
    }  # fmt: skip


async def probes(what: object, target: str, count: int) -> list[str]:
    """The same prober several times: what each run said."""
    from collectors.probes import Options, build
    from collectors.probes.options import TargetOptions

    options = Options(targets=(TargetOptions(module="m", target=target),), modules={"m": what})  # type: ignore[dict-item]
    (made,) = build(options, lambda name: f"secret of {name}", Path())
    said = []
    for _ in range(count):
        items = list(await made.measure())
        said.append(next((str(item.text) for item in items if hasattr(item, "text")), ""))
    return said


@pytest.mark.parametrize("basic", [True, False])
async def test_oauth2_fetches_a_token_and_uses_it_again(*, basic: bool) -> None:
    server = TokenServer(basic=basic)
    async with serve(http(server)) as port:
        oauth2 = with_oauth2(port, scopes=["read", "write"], endpoint_params={"audience": "x"})
        assert await probes(module("http", oauth2=oauth2), f"http://127.0.0.1:{port}/", 3) == ["", "", ""]
    assert server.given == ["token-0"]
    assert server.forms[-1]["grant_type"] == ["client_credentials"]
    assert server.forms[-1]["scope"] == ["read write"]
    assert server.forms[-1]["audience"] == ["x"]
    assert ("client_secret" in server.forms[-1]) is not basic


async def test_a_token_is_fetched_anew_before_it_ends_and_when_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(_oauth2, "monotonic", lambda: now)
    server = TokenServer(lasts=60)
    async with serve(http(server)) as port:
        what = module("http", oauth2=with_oauth2(port))
        target = f"http://127.0.0.1:{port}/"
        from collectors.probes import Options, build
        from collectors.probes.options import TargetOptions

        options = Options(targets=(TargetOptions(module="m", target=target),), modules={"m": what})
        (made,) = build(options, lambda name: f"secret of {name}", Path())

        async def run() -> str:
            return next((str(item.text) for item in await made.measure() if hasattr(item, "text")), "")

        assert await run() == ""
        now += 49
        assert (await run(), len(server.given)) == ("", 1)
        now += 1
        assert (await run(), len(server.given)) == ("", 2)
        server.good.clear()  # ended by somebody: this run says so, the next has another token
        assert await run() == "the status is 401"
        assert (await run(), len(server.given)) == ("", 3)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ok(b"no", status="500 Broken"), "oauth2: the token endpoint answers 500"),
        (ok(b"no json"), "oauth2: the token endpoint gives no token"),
        (ok(b"[]"), "oauth2: the token endpoint gives no token"),
        (ok(b'{"access_token": "a\\u000ab"}'), "oauth2: the token endpoint gives no token"),
        (ok(b'{"access_token": {}}'), "oauth2: the token endpoint gives no token"),
        (ok(b"[" * 100_000), "oauth2: the token endpoint gives no token"),
        (ok(b"x" * (2 << 20)), "oauth2: the answer is larger than 1048576 bytes"),
        (b"SSH-2.0-x\r\n", "oauth2: the answer is no HTTP/1: 'SSH-2.0-x'"),
    ],
)  # fmt: skip
async def test_token_endpoints_that_are_not_well(answer: bytes, why: str) -> None:
    async with serve(http(answer)) as port:
        found = await probe(module("http", oauth2=with_oauth2(port)), f"http://127.0.0.1:{port}/")
    assert found.why == why
    assert found["probe_http_status_code"] == 0


async def test_headers_with_several_values_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of a file\n")
    lines: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.extend((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n"))
        writer.write(ok())

    values = {"X-Key": {"values": ["plain"], "secrets": ["text", {"credential": "k"}], "files": ["key"]},
              "user-agent": {"values": ["other"]}}  # fmt: skip
    async with serve(server) as port:
        assert (await probe(module("http", http_headers=values), f"http://127.0.0.1:{port}/", base=tmp_path)).ok
    assert [line for line in lines if line.lower().startswith((b"x-key", b"user-agent"))] == [
        b"X-Key: plain", b"X-Key: text", b"X-Key: secret of k", b"X-Key: of a file", b"user-agent: other",
    ]  # fmt: skip


async def test_no_way_to_log_in_goes_to_where_the_probe_is_sent_on(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    server = TokenServer()
    seen: list[Asked] = []
    async with (
        serve(http(ok(), seen)) as other,
        serve(http(lambda asked: ok(b"", f"Location: http://127.0.0.1:{other}/", status="302 Found"), seen)) as port,
        serve(http(server)) as tokens,
    ):
        ways: tuple[dict[str, object], ...] = (
            {"headers": {"Authorization": "Bearer hunter2", "X-Plain": "a"}},
            {"http_headers": {"X-Key": {"values": ["a"], "secrets": ["hunter2"], "files": ["key"]}}},
            {"oauth2": with_oauth2(tokens)},
        )
        for way in ways:
            seen.clear()
            found = await probe(module("http", **way), f"http://127.0.0.1:{port}/", base=tmp_path)
            assert found.ok, found.why
            first, second = (" ".join(asked.headers.values()) for asked in seen)
            assert "hunter2" in first or "token-0" in first
            assert "hunter2" not in second
            assert "token-0" not in second


async def test_certificate_and_key_in_the_module_itself(tmp_path: Path) -> None:
    import ssl

    authority = Authority.make(tmp_path)
    client = authority.ca.issue_cert("client@example.net")
    server = authority.server("localhost", alpn=("http/1.1",))
    server.verify_mode = ssl.CERT_REQUIRED
    authority.ca.configure_trust(server)
    key = client.private_key_pem.bytes().decode()
    tls = {
        "ca": authority.ca.cert_pem.bytes().decode(), "cert": client.cert_chain_pems[0].bytes().decode(),
        "key": {"credential": "key"},
    }  # fmt: skip
    async with serve(http(ok()), server) as port:
        there = f"https://localhost:{port}/"
        found = await probe(module("http", tls_config=tls), there, reveal=lambda name: key)
        assert found.ok, found.why
        written = module("http", tls_config={**tls, "key": key})
        assert (await probe(written, there)).ok
        assert key not in repr(written)
        assert not (await probe(module("http", tls_config={"ca": tls["ca"]}), there)).ok
        broken = await probe(module("http", tls_config={**tls, "key": "no key"}), there)
        assert broken.why.startswith("tls_config: a file: ")
        assert "no key" not in broken.why


def echo(*, frames: Callable[[bytes], bytes] | None = None, accept: str = "") -> Handler:
    """A WebSocket that gives back each message, or bytes of the test's choice."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        if headers.get("authorization") != "Bearer secret of ws":
            writer.write(ok(status="401 Who"))
            return
        key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        proof = accept or base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        head = f"HTTP/1.1 101 Go\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n\r\n"
        writer.write(head.encode())
        while True:
            first, length = await reader.readexactly(2)
            assert length & 0x80, "a client masks"
            length &= 0x7F
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2))
            mask = await reader.readexactly(4)
            data = bytes(byte ^ mask[at & 3] for at, byte in enumerate(await reader.readexactly(length)))
            if first & 15 == 8:
                return
            size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
            writer.write(b"\x81" + size + data if frames is None else frames(data))
            await writer.drain()

    return handler


def websocket(*steps: dict[str, object], **config: object) -> object:
    return {"http_config": {"bearer_token": {"credential": "ws"}, **config}, "query_response": list(steps)}


TALK: tuple[dict[str, object], ...] = ({"send": "a" * 300}, {"expect": "^(a+)$", "send": "b${1}"}, {"expect": "^baaa"})


async def test_a_conversation_over_a_websocket(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    async with serve(echo(), authority.server("localhost")) as port, serve(echo()) as plain:
        what = module("websocket", **websocket(*TALK, tls_config={"ca_file": "ca.pem"}))  # type: ignore[arg-type]
        found = await probe(what, f"wss://localhost:{port}/chat?x=1", base=tmp_path)
        assert found.ok, found.why
        assert found["probe_websocket_status_code"] == 101
        assert found["probe_websocket_connection_upgraded"] == 1
        assert found["probe_websocket_failed_due_to_regex"] == 0
        assert found["probe_ssl_earliest_cert_expiry"] > 1e9
        other = module("websocket", **websocket({"send": "x"}, {"expect": "y"}))  # type: ignore[arg-type]
        found = await probe(other, f"ws://127.0.0.1:{plain}")
        assert found.why == "the message does not match 'y': 'x'"
        assert found["probe_websocket_failed_due_to_regex"] == 1
        stranger = await probe(module("websocket", http_config={"http_headers": {"X": "a"}}), f"ws://127.0.0.1:{plain}")
        assert stranger.why == "the server does not change over to a WebSocket: the status is 401"
        assert stranger["probe_websocket_status_code"] == 401


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        (b"\x89\x01p\x01\x01x\x00\x01y\x80\x01z", ""),  # a ping, then a message in three frames
        (b"\x88\x02\x03\xe9", "the server closed the WebSocket with code 1001"),
        (b"\x81\x7f" + (1 << 40).to_bytes(8), "a message of the WebSocket is longer than 1048576 bytes"),
        (b"\x80\x01x", "the messages of the WebSocket are out of order"),
        (b"\x81\x81maskx", "the WebSocket has a frame that no server may send"),
        (b"\xf1\x01x", "the WebSocket has a frame that no server may send"),
        (b"\x83\x01x", "the WebSocket has a frame of kind 3"),
        (b"\x89\x00" * 1_001, "1000 frames make no message"),
        (b"\x01\x01x" + b"\x00\x00" * 1_001, "1000 frames make no message"),
    ],
)
async def test_frames_of_a_server(frames: bytes, why: str) -> None:
    async with serve(echo(frames=lambda data: frames)) as port:
        what = module("websocket", **websocket({"send": "x"}, {"expect": "xyz"}))  # type: ignore[arg-type]
        assert (await probe(what, f"ws://127.0.0.1:{port}/")).why == why


async def test_a_server_that_only_says_it_is_a_websocket() -> None:
    async with serve(echo(accept="wrong")) as port:
        found = await probe(module("websocket", **websocket()), f"ws://127.0.0.1:{port}/")  # type: ignore[arg-type]
    assert found.why == "the server does not change over to a WebSocket, though it says so"
    assert found["probe_websocket_connection_upgraded"] == 0
    assert mistakes(module("websocket"), "http://a/") == ["'http://a/' is not an ws or wss URL"]


async def test_bytes_that_must_come(tmp_path: Path) -> None:
    from collectors._options import Octets

    came: list[bytes] = []

    async def postgresql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(100))
        writer.write(b"S")
        await writer.start_tls(authority.server("localhost"))

    authority = Authority.make(tmp_path)
    request = Octets.of(bytes.fromhex("0000000804d2162f"))
    steps = [{"send": request}, {"expect_bytes": "S"}, {"starttls": True}]
    async with serve(postgresql) as port:
        what = module("tcp", tls_config={"ca_file": "ca.pem"}, query_response=steps)
        found = await probe(what, f"localhost:{port}", base=tmp_path)
        assert found.ok, found.why
        assert found["probe_failed_due_to_bytes"] == 0
        refused = module("tcp", query_response=[{"send": request}, {"expect_bytes": "N"}])
        found = await probe(refused, f"localhost:{port}")
    assert came[0].hex() == "0000000804d2162f"
    assert found.why == "the answer is not '4e': it begins with '53'"
    assert found["probe_failed_due_to_bytes"] == 1
    assert found["probe_failed_due_to_regex"] == 0


async def test_the_size_that_a_dns_answer_may_have() -> None:
    sizes: list[int] = []

    def change(response: dns.message.Message) -> bytes:
        sizes.append(response.request_payload)
        return response.to_wire()

    async with dns_server(change) as port:
        for size in (None, 1400):
            options = {} if size is None else {"edns0_udp_size": size}
            assert (await probe(module("dns", query_name="example.test", **options), f"127.0.0.1:{port}")).ok
    assert sizes == [0, 1400]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"no_proxy": "a"}, "no_proxy is given without proxy_url"),
        ({"proxy_from_environment": True, "no_proxy": "a"}, "proxy_from_environment stands for"),
        ({"proxy_connect_header": {"A": ["b"]}}, "proxy_connect_header is given without proxy_url"),
        ({"proxy_url": "http://u:hunter2@:x"}, "proxy_url is no URL"),
        ({"oauth2": {"client_id": "a"}}, "oauth2 needs client_id and token_url"),
        ({"oauth2": {"client_id": "a", "token_url": "http://a"}, "bearer_token": "x"}, "more than one way to log in"),
        ({"http_headers": {"Host": {"values": ["a"]}}}, "http_headers: Host cannot be set here"),
        ({"http_headers": {"A": {"values": ["a\nb"]}}}, "http_headers: A holds a control character"),
        ({"authorization": {"type": "basic"}}, "type: Basic is written as basic_auth"),
        ({"tls_config": {"key": "x"}}, "key is given without cert"),
        ({"compression": "br"}, "compression: br is not unpacked"),
        ({"enable_http3": True}, "enable_http3: HTTP/3 is not spoken"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        module("http", **options)
    assert "hunter2" not in str(raised.value)
