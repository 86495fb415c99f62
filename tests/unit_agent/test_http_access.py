"""Who may do what: every route that changes something, every way in, and what a browser's cookie is good for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from http_kit import PUBLIC, TOKEN, Listening, listening, raw, wish

from agent.http import access as access_module
from agent.http.access import COOKIE, HEADER, READS_BY_POST, load_or_create_token
from agent.http.server import BODY_LIMIT
from agent.store import StoreUnavailable
from integrations.api import NotSent

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def web_app(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as made:
        await made.desk.create(wish())
        yield made


async def test_each_route_that_is_no_read_needs_the_token(web_app: Listening) -> None:
    changing = [(m, p) for m, p in web_app.routes if m not in ("GET", "HEAD") and p not in READS_BY_POST]
    assert len(changing) >= 7, "the routes of the desk, of the command and of reload are all here"
    for method, path in changing:
        for headers in ({}, {HEADER: "wrong"}, {HEADER: ""}, {HEADER: TOKEN[:-1]}, {HEADER: TOKEN + "x"}):
            async with web_app.client.request(method, path, headers=headers, json={"who": "mallory"}) as reply:
                assert reply.status == 403, (method, path, headers)
                assert TOKEN not in await reply.text()
    assert web_app.agent.acted == []
    assert web_app.agent.reloads == 0
    assert len((await web_app.desk.ticket("1")).events) == 1


async def test_each_route_that_is_no_read_hears_the_token(web_app: Listening) -> None:
    """The table above would hold for a listener that refuses everything."""
    for method, path in web_app.routes:
        if method == "POST":
            async with web_app.client.request(method, path, headers=web_app.token, data=b"{}") as reply:
                assert reply.status not in (403, 404, 405, 500), (method, path)


async def test_each_route_that_reads_answers_without_a_token_and_to_head(web_app: Listening) -> None:
    for method, path in web_app.routes:
        if method in ("GET", "HEAD"):
            async with web_app.client.request(method, path) as reply:
                assert reply.status in (200, 400, 404), (method, path)
                assert method == "GET" or await reply.read() == b""
        elif path in READS_BY_POST:
            async with web_app.client.request(
                method, path, data="query=1&match[]=load&start=1&end=2&step=1", headers=FORM
            ) as reply:
                assert reply.status == 200, path


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200), ("127.0.0.1:9787", 200), ("localhost:1", 200), ("LOCALHOST", 200), ("[::1]:9787", 200),
        (PUBLIC, 200), (PUBLIC.upper(), 200), (f"{PUBLIC}:443", 200),
        ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.evil.example", 403), (f"x.{PUBLIC}", 403),
        ("127.0.0.2", 403), ("0.0.0.0", 403), ("", 403), ("[::1", 403), ("]", 403), ("@localhost", 403),
        ("localhost@evil.example", 403), ("127.0.0.1:9787:1", 403), ("localhost/x", 403), ("localhost:", 403),
        ("evil.example/localhost", 403), ("evil.example\\@localhost", 403), ("2130706433", 403), ("127.1", 403),
        ("localhost:x", 403), ("localhost evil.example", 403),
    ],
)  # fmt: skip
async def test_only_hosts_that_are_ours_are_served(web_app: Listening, host: str, status: int) -> None:
    answer = await raw(web_app, f"GET /-/healthy HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]


async def test_a_request_without_host_is_refused(web_app: Listening) -> None:
    assert (await raw(web_app, b"GET /metrics HTTP/1.0\r\n\r\n")).split()[1] == b"403"


async def test_a_foreign_host_is_refused_with_the_token_too(web_app: Listening) -> None:
    async with web_app.client.get("/desk", params={"token": TOKEN}, headers={"Host": "evil.example"}) as reply:
        assert reply.status == 403
        assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize("path", ["/", "/desk", "/desk/INC0000001"])
async def test_the_link_sets_a_cookie_and_leaves_no_token_behind(web_app: Listening, path: str) -> None:
    async with web_app.client.get(path, params={"token": TOKEN, "state": "all"}, allow_redirects=False) as reply:
        assert reply.status == 303
        assert reply.headers["Location"] == path
        assert reply.headers["Cache-Control"] == "no-store"
        cookie = reply.headers["Set-Cookie"]
        assert re.fullmatch(rf"{COOKIE}={TOKEN}; HttpOnly; Path=/; SameSite=Strict", cookie), cookie
        assert TOKEN not in await reply.text()


async def test_a_wrong_link_gives_no_cookie(web_app: Listening) -> None:
    for token in ("", "x", TOKEN[:-1], TOKEN + "x", "é"):
        async with web_app.client.get("/desk", params={"token": token}, allow_redirects=False) as reply:
            assert reply.status == 303
            assert "Set-Cookie" not in reply.headers


async def test_a_link_to_an_odd_path_stays_here_and_injects_nothing(web_app: Listening) -> None:
    for path in ("/desk/%0d%0aX-Injected:%20yes", "/desk/%2f%2fevil.example", "/desk/%E2%82%AC"):
        answer = await raw(
            web_app, f"GET {path}?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        head = answer.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 303"), answer
        assert f"\r\nLocation: {path}\r\n".encode() in head
        assert b"\r\nX-Injected" not in head


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://{address}", 303), ("HTTP://{address}", 403), (f"https://{PUBLIC}", 303),
        (None, 403), ("null", 403), ("", 403), ("http://localhost:3000", 403), ("http://127.0.0.1:8888", 403),
        ("http://127.0.0.1", 403), ("https://evil.example", 403), (f"https://{PUBLIC}.evil.example", 403),
        ("file://", 403), ("http://", 403), ("http://[::1", 403), (f"ftp://{PUBLIC}", 403), ("{address}", 403),
    ],
)  # fmt: skip
async def test_a_cookie_counts_only_on_a_page_of_ours(web_app: Listening, origin: str | None, status: int) -> None:
    """Another program's page on this machine, at another port, is sent our cookie by the browser all the same."""
    headers = {"Cookie": f"{COOKIE}={TOKEN}"}
    if origin is not None:
        headers["Origin"] = origin.format(address=web_app.address)
    form = {"who": "ann", "text": "hello"}
    async with web_app.client.post("/desk/INC0000001/note", data=form, headers=headers, allow_redirects=False) as reply:
        assert reply.status == status
    assert len((await web_app.desk.ticket("1")).notes) == (status == 303)


async def test_a_wrong_header_is_not_made_good_by_a_cookie(web_app: Listening) -> None:
    headers = {"Cookie": f"{COOKIE}={TOKEN}", "Origin": f"http://{web_app.address}", HEADER: "wrong"}
    async with web_app.client.post("/-/reload", headers=headers) as reply:
        assert reply.status == 403
    assert web_app.agent.reloads == 0


async def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, web_app: Listening) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def same(given: bytes, kept: bytes) -> bool:
        compared.append((given, kept))
        return False

    monkeypatch.setattr(access_module.hmac, "compare_digest", same)
    async with web_app.client.post("/-/reload", headers={HEADER: TOKEN}) as reply:
        assert reply.status == 403, "nothing else than this comparison decides"
    async with web_app.client.get("/desk", params={"token": TOKEN}, allow_redirects=False) as reply:
        assert "Set-Cookie" not in reply.headers
    assert compared == [(TOKEN.encode(), TOKEN.encode())] * 2


async def test_a_body_beyond_the_limit_is_refused(web_app: Listening) -> None:
    paths = ("/api/v1/tocsin/drill", "/api/v1/query", "/desk/INC0000001/note", "/api/v1/desk/tickets/1/note")
    for path in paths:
        async with web_app.client.post(
            path, data=BytesIO(b"x" * (BODY_LIMIT + 1)), headers={**web_app.token, **FORM}
        ) as reply:
            assert reply.status == 413, path
        async with web_app.client.post(
            path, data=BytesIO(b"x" * BODY_LIMIT), headers={**web_app.token, **FORM}
        ) as reply:
            assert reply.status in (400, 409), path


@pytest.mark.parametrize(
    "path", ["/nothere", "/desk/", "/desk/1/2/3", "//evil.example", "/..%2f..%2fetc/passwd", "/static/x"]
)
async def test_an_unknown_path_is_said_in_text(web_app: Listening, path: str) -> None:
    answer = await raw(web_app, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404"), answer
    assert b"there is nothing at" in answer
    assert b"Content-Type: text/plain" in answer
    assert b"Traceback" not in answer


async def test_below_api_an_error_is_json(web_app: Listening) -> None:
    assert await web_app.error("/api/v1/nothere") == (404, "not_found", "there is nothing at /api/v1/nothere")
    assert (await web_app.error("/api/v1/status"))[0] == 404
    async with web_app.client.post("/api/v1/tocsin/drill") as reply:
        assert (await reply.json())["errorType"] == "forbidden"
    async with web_app.client.put("/api/v1/query", headers=web_app.token) as reply:
        assert reply.status == 405
        assert reply.headers["Allow"] == "GET,HEAD,POST"
        assert (await reply.json())["errorType"] == "bad_data"


async def test_an_unforeseen_error_shows_no_trace_but_is_logged(
    web_app: Listening, capsys: pytest.CaptureFixture[str]
) -> None:
    web_app.agent.breaks = RuntimeError("secret inside")
    for path in ("/", "/api/v1/tocsin/status"):
        async with web_app.client.get(path) as reply:
            text = await reply.text()
            assert reply.status == 500
            assert "its log says why" in text
            assert "secret inside" not in text
            assert "Traceback" not in text
    logged = capsys.readouterr()
    assert (logged.out + logged.err).count("secret inside") >= 2


@pytest.mark.parametrize("error", [StoreUnavailable("disk full"), NotSent("disk full")])
async def test_a_store_that_cannot_be_read_is_no_failure_of_ours(web_app: Listening, error: Exception) -> None:
    web_app.agent.breaks = error
    status, kind, text = await web_app.error("/api/v1/tocsin/status")
    assert (status, kind) == (503, "unavailable")
    assert "disk full" in text


async def test_what_every_answer_carries(web_app: Listening) -> None:
    for path in ("/", "/metrics", "/nothere", "/api/v1/query", "/desk"):
        async with web_app.client.get(path) as reply:
            assert reply.headers["X-Content-Type-Options"] == "nosniff", path
            assert reply.headers["Server"] == "tocsin", "no versions for whoever looks for holes"
    async with web_app.client.get("/-/healthy", headers={"Origin": "https://evil.example"}) as reply:
        assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_token_is_made_once_for_the_agent_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_or_create_token(path)
    assert len(token) >= 43, "256 bits"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_token(path) == token
    path.write_text("short\n")
    (tmp_path / "token.new").write_text("left by a crash")
    replaced = load_or_create_token(path)
    assert replaced not in (token, "short")
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "token.new").exists()


async def test_bytes_that_are_no_text_match_nothing(web_app: Listening) -> None:
    for value in (b"\xff" + TOKEN.encode(), TOKEN.encode() + b"\xc3\xa9", b"\xed\xb0\x80"):
        for name in (HEADER.encode() + b": ", f"Cookie: {COOKIE}=".encode()):
            head = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\n"
            answer = await raw(web_app, head + name + value + b"\r\nContent-Length: 0\r\n\r\n")
            assert answer.split()[1] in (b"400", b"403"), answer[:200]
    assert web_app.agent.reloads == 0
