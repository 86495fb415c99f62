"""Logins that get tokens by a request of their own, proxies, and the pace of requests."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import msgspec
import pytest
from fakes.fake_http import Answer, FakeHttp, Fault, Request

from integrations._http import Http
from integrations._login import Auth, BasicAuth, OAuth, authorizer
from integrations._session import Connection, Pace
from integrations._tokens import MARGIN, ArJwtSource, OAuthSource, Tokens
from integrations.api import CredentialRef, InDoubt, IntegrationError, NotSent, Ports, Secret, Unauthorised

SECRETS = {"client": "canary client/+=", "refresh": "canary-refresh-1", "password": "canary pässword"}
OAUTH = {"client_id": "tocsin", "client_secret": {"credential": "client"}}


class Tokener(FakeHttp):
    """Gives tokens, and answers to whom it gave the newest one."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.logouts: list[str] = []
        self.life: object = 1800
        self.turn = False
        self.refuse_form: int = 0
        self.writes = 0
        self.good: set[str] = set()
        self.refresh = SECRETS["refresh"]

    def handle(self, request: Request) -> Answer:
        if request.path == "/oauth_token.do":
            return self._grant({name: values[0] for name, values in parse_qs(request.body.decode()).items()})
        if request.path == "/api/jwt/login":
            self.forms.append({name: values[0] for name, values in parse_qs(request.body.decode()).items()})
            token = f"jwt-canary-{len(self.forms)}"
            self.good = {f"AR-JWT {token}"}
            return Answer(200, token.encode(), {"Content-Type": "text/plain"})
        if request.path == "/api/jwt/logout":
            self.logouts.append(request.headers["authorization"])
            return Answer(204)
        if request.headers.get("authorization") not in self.good:
            return Answer(401, {"error": "who are you"})
        self.writes += request.method == "POST"
        return Answer(200, {"said": request.headers["authorization"]})

    def _grant(self, form: dict[str, str]) -> Answer:
        if self.refuse_form:
            return Answer(self.refuse_form, {"error": "invalid_client", "error_description": form["client_secret"]})
        self.forms.append(form)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return Answer(400, {"error": "invalid_grant"})
        token = f"canary-access-{len(self.forms)}"
        self.good = {f"Bearer {token}"}
        reply: dict[str, object] = {"access_token": token, "token_type": "Bearer", "expires_in": self.life}
        if self.turn:
            self.refresh = reply["refresh_token"] = f"canary-refresh-{len(self.forms) + 1}"
        return Answer(200, reply)


def ports(credential: Callable[[str], Secret] = lambda name: Secret(SECRETS[name])) -> Ports:
    return Ports(credential, None, lambda: 0)  # type: ignore[arg-type]  # no database


@asynccontextmanager
async def asking(server: FakeHttp, **oauth: object) -> AsyncIterator[Http]:
    auth = msgspec.convert({"oauth": {**OAUTH, **oauth}}, Auth)
    http = Http("sn", server.url, authorizer(auth, "Bearer", ports(), f"{server.url}/oauth_token.do"), ports())
    try:
        yield http
    finally:
        await http.aclose()


@pytest.fixture
async def server() -> AsyncIterator[Tokener]:
    async with Tokener() as tokener:
        yield tokener


async def test_one_token_serves_many_requests(server: Tokener) -> None:
    async with asking(server, scope="a b") as http:
        for _ in range(3):
            await http.get("/x")
    assert server.forms == [
        {"client_id": "tocsin", "client_secret": SECRETS["client"], "scope": "a b", "grant_type": "client_credentials"}
    ]


async def test_many_at_once_renew_once(server: Tokener) -> None:
    async with asking(server) as http:
        await asyncio.gather(*(http.get("/x") for _ in range(8)))
        server.good = set()
        server.forms.clear()
        await asyncio.gather(*(http.get("/x") for _ in range(8)))
    assert len(server.forms) == 1


@pytest.mark.parametrize(("life", "lasts"), [(1800, 1800 - MARGIN), ("100", 80.0), (None, 1740.0), (-1, 1740.0)])
async def test_a_token_is_renewed_before_it_ends(server: Tokener, life: object, lasts: float) -> None:
    server.life = life
    clock = [100.0]
    source = OAuthSource(msgspec.convert(OAUTH, OAuth), f"{server.url}/oauth_token.do", ports())
    http = Http("sn", server.url, Tokens(source, server.url, lambda: clock[0]), ports())
    await http.get("/x")
    clock[0] += lasts - 1
    await http.get("/x")
    assert len(server.forms) == 1
    clock[0] += 2
    await http.get("/x")
    await http.aclose()
    assert len(server.forms) == 2


async def test_a_refused_token_is_renewed_once_and_the_write_done_once(server: Tokener) -> None:
    async with asking(server) as http:
        await http.get("/x")
        server.good = set()
        await http.send("POST", "/x", {})
        assert (len(server.forms), server.writes) == (2, 1)
        server.fail(401, n=2, methods=("GET",))
        with pytest.raises(Unauthorised):
            await http.get("/x")
    assert len(server.forms) == 3


async def test_a_write_after_the_renewal_is_in_doubt_when_its_reply_is_lost(server: Tokener) -> None:
    async with asking(server) as http:
        await http.get("/x")
        server.good = set()
        await http.get("/x")
        server.fault(Fault(commit=True, reset=True, methods=("POST",)))
        with pytest.raises(InDoubt):
            await http.send("POST", "/x", {})
    assert server.writes == 1


async def test_a_login_that_fails_leaves_nothing_in_doubt(server: Tokener) -> None:
    for fault in (Fault(reset=True), Fault(raw=Answer(500, {}).raw()), Fault(raw=Answer(200, b"<html>").raw())):
        async with asking(server) as http:
            server.fault(fault)
            with pytest.raises(NotSent):
                await http.send("POST", "/x", {})


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_client_that_is_refused_is_said_without_its_secret(server: Tokener, status: int) -> None:
    server.refuse_form = status
    async with asking(server) as http:
        with pytest.raises(Unauthorised, match="client_id, client_secret") as caught:
            await http.get("/x")
    assert "canary" not in f"{caught.value} {http!r}"


async def test_no_token_is_shown(server: Tokener) -> None:
    async with asking(server) as http:
        await http.get("/x")
        for token in list(server.good):
            server.fault(Fault(raw=Answer(400, {"echo": token}).raw()))
            with pytest.raises(IntegrationError, match=r"\*\*\*") as caught:
                await http.get("/x")
            assert "canary" not in str(caught.value)


async def test_a_refresh_token_that_turns_is_followed_and_a_new_credential_counts(server: Tokener) -> None:
    server.turn = True
    async with asking(server, refresh_token={"credential": "refresh"}) as http:
        for _ in range(3):
            server.good = set()
            await http.get("/x")
        used = [form["refresh_token"] for form in server.forms]
        assert used == ["canary-refresh-1", "canary-refresh-2", "canary-refresh-3"]
        server.good, server.refresh = set(), SECRETS["refresh"]
        with pytest.raises(Unauthorised):
            await http.get("/x")
        await http.get("/x")
    assert server.forms[-1]["refresh_token"] == SECRETS["refresh"]


async def test_ar_jwt_logs_in_once_and_out_at_the_end(server: Tokener) -> None:
    source = ArJwtSource(BasicAuth("remedy", CredentialRef("password")), server.url, ports())
    http = Http("bmc", server.url, Tokens(source, server.url), ports())
    await http.get("/x")
    await http.get("/x")
    assert server.forms == [{"username": "remedy", "password": SECRETS["password"]}]
    server.good = set()
    await http.get("/x")
    await http.aclose()
    assert server.logouts == ["AR-JWT jwt-canary-2"]


async def test_a_page_where_a_token_was_expected_is_no_token(server: Tokener) -> None:
    source = ArJwtSource(BasicAuth("remedy", CredentialRef("password")), server.url, ports())
    http = Http("bmc", server.url, Tokens(source, server.url), ports())
    server.fault(Fault(raw=Answer(200, b"<html>please log in</html>").raw()))
    with pytest.raises(NotSent, match="no token"):
        await http.send("POST", "/x", {})
    await http.aclose()


def test_the_token_address_is_checked() -> None:
    for url, complaint in (("http://10.0.0.1/token", "plain http"), ("", "no usual place")):
        auth = msgspec.convert({"oauth": {**OAUTH, "token_url": url}}, Auth)
        with pytest.raises(ValueError, match=complaint):
            authorizer(auth, "Bearer", ports())


# Proxy


class Proxy(FakeHttp):
    def handle(self, request: Request) -> Answer:
        pair = base64.b64encode(f"me:{SECRETS['password']}".encode()).decode()
        if request.headers.get("proxy-authorization") != f"Basic {pair}":
            return Answer(407, {"echo": request.headers.get("proxy-authorization", "")})
        return Answer(200, {"path": request.path, "authorization": request.headers["authorization"]})


async def test_requests_go_through_the_proxy_with_its_own_login() -> None:
    async with Proxy() as proxy:
        login = authorizer(Auth(token=CredentialRef("client")), "Bearer", ports())
        options = {"proxy": proxy.url, "proxy_login": {"user": "me", "password": {"credential": "password"}}}
        http = Http("sn", "http://127.0.0.1:9", login, ports(), msgspec.convert(options, Connection))
        assert (await http.get("/x")).json(dict[str, str])["authorization"] == f"Bearer {SECRETS['client']}"
        await http.aclose()
        secure = Http("sn", "https://sn.example.net", login, ports(), msgspec.convert(options, Connection))
        with pytest.raises(NotSent, match="no connection") as caught:
            await secure.send("POST", "/x", {})
        assert proxy.requests[-1].method == "CONNECT"
        assert "canary" not in str(caught.value)
        await secure.aclose()


@pytest.mark.parametrize(
    ("connection", "complaint"),
    [
        (Connection(proxy="proxy:3128"), "no whole address"),
        (Connection(proxy="http://me:secret@proxy:3128"), "proxy_login"),
        (Connection(client_key="/k"), "client_certificate"),
    ],
)
def test_connections_that_are_refused(connection: Connection, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        Http(
            "sn",
            "https://sn.example.net",
            authorizer(Auth(token=CredentialRef("x")), "B", ports()),
            ports(),
            connection,
        )
    assert "secret" not in str(caught.value)


# Pace


def test_requests_are_spread_evenly_after_a_small_burst() -> None:
    pace = Pace(60)
    at, sent = 100.0, []
    for _ in range(20):
        wait = pace.wait(at, 60)
        assert wait is not None
        at += wait
        sent.append(at)
    assert sent[:6] == [100.0] * 6
    assert sent[6:9] == [101.0, 102.0, 103.0]
    assert pace.wait(at, 0.5) is None
    assert pace.wait(at + 3600, 0.0) == 0.0


def test_no_limit_waits_never() -> None:
    pace = Pace(0)
    assert [pace.wait(1.0, 0.0) for _ in range(3)] == [0.0] * 3


async def test_a_request_that_would_wait_too_long_is_not_sent(server: Tokener) -> None:
    patient = Ports(lambda name: Secret(SECRETS[name]), None, lambda: 0, 0.5)  # type: ignore[arg-type]  # no database
    login = authorizer(Auth(token=CredentialRef("client")), "Bearer", patient)
    server.good = {f"Bearer {SECRETS['client']}"}
    http = Http("sn", server.url, login, patient, Connection(requests_per_minute=1))
    await http.get("/x")
    with pytest.raises(NotSent, match="requests_per_minute"):
        await http.get("/x")
    await http.aclose()
    assert len(server.requests) == 1
