"""The one HTTP door: what a status and a failure mean, certificates, addresses, bounds and redaction."""

from __future__ import annotations

import datetime
import gzip
import json
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
import pytest
import trustme
from fakes.fake_http import Answer, FakeHttp, Request
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations._http import BODY_LIMIT, Http, Reply, retry_after
from integrations._login import (
    Auth,
    Authorization,
    BasicAuth,
    Fixed,
    authorizer,
    basic,
    checked_url,
    redact,
    with_scheme,
)
from integrations._session import Connection
from integrations.api import (
    CredentialRef,
    InDoubt,
    IntegrationError,
    NotSent,
    Ports,
    Rejected,
    Secret,
    Unauthorised,
)

NOW = 1_790_000_000_000
SECRET = "canary secret/+="


class NoDatabase:
    async def transact(self, work: object) -> object:
        raise AssertionError("an adapter that speaks HTTP asked for the database")


def ports(deadline: float = 15.0) -> Ports:
    return Ports(lambda _: Secret(SECRET), NoDatabase(), lambda: NOW, deadline)  # type: ignore[arg-type]  # never used


def token() -> Authorization:
    return with_scheme("token", Secret(SECRET))


def door(url: str, connection: Connection = Connection(), deadline: float = 15.0) -> Http:  # noqa: B008 - frozen
    return Http("desk-1", url, Fixed(token), ports(deadline), connection)


class Echo(FakeHttp):
    """Answers with what it was asked."""

    answer: Answer | None = None

    def handle(self, request: Request) -> Answer:
        asked = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": dict(request.headers),
        }
        return self.answer or Answer(200, {**asked, "body": request.body.decode()})


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with Echo() as server:
        yield server


@asynccontextmanager
async def opened(http: Http) -> AsyncIterator[Http]:
    try:
        yield http
    finally:
        await http.aclose()


async def test_a_request_is_what_was_asked(echo: Echo) -> None:
    async with opened(door(echo.url)) as http:
        got = (await http.get("/a%2Fb", {"query": 'x\' = "y" & z+é', "n": "1"})).json(dict[str, object])
        put = (await http.send("PUT", "/t/1", {"Status": "é😀"}, {"If-Match": '"7"'})).json(dict[str, object])
    assert (got["method"], got["path"]) == ("GET", "/a%2Fb")
    assert got["query"] == {"query": 'x\' = "y" & z+é', "n": "1"}
    headers = msgspec.convert(put["headers"], dict[str, str])
    assert headers["authorization"] == f"token {SECRET}"
    assert headers["if-match"] == '"7"'
    assert headers["content-type"] == "application/json"
    assert "cookie" not in headers
    assert json.loads(str(put["body"])) == {"Status": "é😀"}


def expected(status: int, *, write: bool) -> type[IntegrationError] | None:
    """The table in the door's docstring, written a second time."""
    doubt: type[IntegrationError] = InDoubt if write else NotSent
    if status < 200:
        return doubt
    if status < 300:
        return None
    if status in (301, 308):
        return Rejected
    if status in (307, 429):
        return NotSent
    if status in (401, 403):
        return Unauthorised
    if 400 <= status < 500 and status != 408:
        return Rejected
    return doubt


@pytest.mark.parametrize("write", [False, True])
async def test_every_status_means_what_the_table_says(echo: Echo, write: bool) -> None:
    async with opened(door(echo.url)) as http:
        for status in range(100, 600):
            echo.answer = Answer(status, {})
            outcome: type[BaseException] | None = None
            try:
                await (http.send("POST", "/x", {}) if write else http.get("/x"))
            except IntegrationError as error:
                outcome = type(error)
            assert outcome is expected(status, write=write), status


async def test_accepted_statuses_come_back_as_replies(echo: Echo) -> None:
    echo.answer = Answer(404, {"message": "Not Found"})
    async with opened(door(echo.url)) as http:
        assert (await http.get("/x", accept=(404,))).status == 404


async def test_gzip_is_understood_and_bounded(echo: Echo) -> None:
    async with opened(door(echo.url)) as http:
        echo.answer = Answer(200, gzip.compress(b'{"a": 1}'), {"Content-Encoding": "gzip"})
        assert (await http.get("/x")).json(dict[str, int]) == {"a": 1}
        echo.answer = Answer(200, gzip.compress(b" " * (BODY_LIMIT + 1)), {"Content-Encoding": "gzip"})
        with pytest.raises(NotSent, match="more than"):
            await http.get("/x")
        echo.answer = Answer(200, b" " * (BODY_LIMIT - 2) + b"{}")
        assert (await http.get("/x")).json(dict[str, int]) == {}


async def test_the_servers_words_are_short_and_on_one_line(echo: Echo) -> None:
    echo.answer = Answer(400, {"message": "line\none \x1b[31m " + "x" * 5000})
    async with opened(door(echo.url)) as http:
        with pytest.raises(Rejected) as caught:
            await http.get("/x")
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


# Certificates


@asynccontextmanager
async def tls_server(
    authority: trustme.CA, name: str = "127.0.0.1", **certificate: object
) -> AsyncIterator[tuple[Echo, ssl.SSLContext]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **certificate).configure_cert(context)  # type: ignore[arg-type]  # passed through
    async with Echo(tls=context) as server:
        yield server, context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


async def test_a_certificate_of_our_authority_is_accepted(authority: trustme.CA, ca_file: str) -> None:
    async with tls_server(authority) as (server, _), opened(door(server.url, Connection(ca_file))) as http:
        assert (await http.get("/x")).status == 200


async def test_the_end_of_the_certificate_is_told(authority: trustme.CA, ca_file: str) -> None:
    ends = datetime.datetime(2031, 5, 17, 12, tzinfo=datetime.UTC)
    told: list[tuple[str, float]] = []
    listening = msgspec.structs.replace(ports(), certificate=lambda name, until: told.append((name, until)))
    async with tls_server(authority, not_after=ends) as (server, _):
        async with opened(Http("rt", server.url, Fixed(token), listening, Connection(ca_file))) as http:
            assert (await http.get("/x")).status == 200
        assert told == [("rt", ends.timestamp())]
        async with opened(Http("rt", server.url, Fixed(token), listening)) as http:
            with pytest.raises(NotSent):
                await http.get("/x")
    assert len(told) == 1


async def test_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    async with tls_server(authority) as (server, _), opened(door(server.url)) as http:
        with pytest.raises(NotSent, match="certificate"):
            await http.send("POST", "/x", {})
        assert server.requests == []


@pytest.mark.parametrize("case", ["wrong name", "expired"])
async def test_a_wrong_certificate_is_refused(authority: trustme.CA, ca_file: str, case: str) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    wrong: dict[str, object] = {"not_before": past, "not_after": past + datetime.timedelta(days=9)}
    name = "127.0.0.1" if case == "expired" else "elsewhere.example"
    async with (
        tls_server(authority, name, **(wrong if case == "expired" else {})) as (server, _),
        opened(door(server.url, Connection(ca_file))) as http,
    ):
        with pytest.raises(NotSent, match="certificate"):
            await http.send("POST", "/x", {})
        assert server.requests == []


async def test_old_tls_is_refused(authority: trustme.CA, ca_file: str) -> None:
    async with tls_server(authority) as (server, context), opened(door(server.url, Connection(ca_file))) as http:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(NotSent):
            await http.send("POST", "/x", {})
        assert server.requests == []


async def test_a_client_certificate_is_shown(authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    pair = tmp_path / "client.pem"
    authority.issue_cert("agent.example").private_key_and_cert_chain_pem.write_to_path(str(pair))
    async with tls_server(authority) as (server, context):
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        async with opened(door(server.url, Connection(ca_file, str(pair)))) as http:
            assert (await http.get("/x")).status == 200
        async with opened(door(server.url, Connection(ca_file))) as http:
            with pytest.raises(NotSent):
                await http.get("/x")


@pytest.mark.parametrize("tls", [Connection(ca_file="/no/such/file"), Connection(client_certificate="/no/such/file")])
async def test_missing_certificate_files_are_named(tls: Connection) -> None:
    async with opened(door("https://rt.example.net", tls)) as http:
        with pytest.raises(NotSent, match="ca_file, client_certificate"):
            await http.send("POST", "/x", {})


# Addresses and logins


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("rt.example.net", "whole address"), ("ftp://rt.example.net", "whole address"), ("https://", "whole address"),
        ("", "whole address"), ("https://me:canary@rt.example.net", "name a credential"),
        ("https://rt.example.net/?x=1", "query"), ("https://rt.example.net/#x", "fragment"),
        ("http://rt.example.net", "allow_plaintext"), ("http://10.0.0.1", "allow_plaintext"),
        ("http://localhost.example.net", "allow_plaintext"), ("http://[2001:db8::1]", "allow_plaintext"),
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        checked_url(url, allow_plaintext=False)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://rt.example.net/rt/", "http://127.0.0.1:8085", "http://localhost", "http://[::1]:80", "http://127.9.9.9"],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert checked_url(url, allow_plaintext=False) == url.rstrip("/")
    assert checked_url("http://10.0.0.1", allow_plaintext=True) == "http://10.0.0.1"


async def no_asking(_url: str, _form: bytes, _authorization: Authorization) -> Reply:
    raise AssertionError("a login that needs no request asked for one")


async def test_one_way_to_log_in() -> None:
    reference = CredentialRef("x")
    for wrong in (Auth(), Auth(token=reference, basic=BasicAuth("me", reference))):
        with pytest.raises(ValueError, match="exactly one"):
            authorizer(wrong, "token", ports())
    login = authorizer(Auth(token=reference), "token", ports())
    assert (await login.authorization(no_asking)).header == f"token {SECRET}"
    # RFC 7617's own example of a password that is not ASCII
    assert basic("test", Secret("123\u00a3")).header == "Basic dGVzdDoxMjPCow=="


async def test_a_rotated_credential_is_picked_up() -> None:
    secrets = iter(["old", "new"])
    rotating = Ports(lambda _: Secret(next(secrets)), NoDatabase(), lambda: NOW)  # type: ignore[arg-type]  # never used
    login = authorizer(Auth(token=CredentialRef("x")), "token", rotating)
    assert [(await login.authorization(no_asking)).header for _ in range(2)] == ["token old", "token new"]


def test_a_login_does_not_print_itself() -> None:
    for login in (with_scheme("token", Secret(SECRET)), basic("me", Secret(SECRET))):
        assert SECRET not in repr(login)
        assert all(secret not in repr(login) for secret in login.secrets)


@given(before=st.text(max_size=20), secret=st.text(min_size=4, max_size=30), after=st.text(max_size=20))
@settings(max_examples=200)
def test_redaction_leaves_no_secret(before: str, secret: str, after: str) -> None:
    try:
        secret.encode()
    except UnicodeEncodeError:
        return  # such a secret never becomes a header
    login = Authorization(secret, (secret,))
    if secret not in "***":
        assert secret not in redact(f"{before}|{secret}|{after}", login).replace("***", "")


@pytest.mark.parametrize("secret", ["pass wörd/+=", 'quote"back\\slash', "磁盘 secret"])
def test_redaction_knows_how_servers_echo(secret: str) -> None:
    login = Authorization("", (secret,))
    for echo in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps({"password": secret})):
        said = redact(f"refused {echo}", login)
        assert "***" in said
        assert said.replace("***", "").strip() in ("refused", 'refused {"password": ""}')


# Retry-After


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("0", None, 0.0), ("120", None, 120.0), (" 7 ", None, 7.0), ("3601", None, 3600.0), ("9" * 400, None, 3600.0),
        ("", None, None), (None, None, None), ("-1", None, None), ("1.5", None, None), ("soon", None, None),
        ("٣", None, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None, 0.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 30.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 3600.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", None, 60.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", "yesterday", 60.0),
        ("Mon, 99 Sep 2026 99:14:20 GMT", None, None),
    ],
)  # fmt: skip
def test_retry_after(value: str | None, date: str | None, seconds: float | None) -> None:
    assert retry_after(value, date, NOW) == seconds
