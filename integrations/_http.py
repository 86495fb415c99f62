"""The one HTTP door: deadlines, certificates, bounds, redaction, and what a failure means.

What happened to a request is decided here, once, for every adapter:

    what was seen                                        a read          a write
    name, connection or TLS failed, nothing was sent     NotSent         NotSent
    anything failed after that; too late; cut short      NotSent         InDoubt
    2xx with the wrong type, too big, not JSON           NotSent         InDoubt
    301, 308                                             Rejected        Rejected
    307                                                  NotSent         NotSent
    other 3xx (after a POST they may mean "done")        NotSent         InDoubt
    401, 403                                             Unauthorised    Unauthorised
    429, 503 with Retry-After                            NotSent         NotSent
    408, other 5xx                                       NotSent         InDoubt
    other 4xx                                            Rejected        Rejected

Every request has a connection of its own, so "after that" begins where the connection stands, and a connection that
died while idle cannot make a request doubtful. A request is sent once. Redirects are never followed and credentials
never sent on.
"""

from __future__ import annotations

import asyncio
import email.utils
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from integrations._login import NO_AUTHORIZATION, Authorization, Login, basic, check_header, redact
from integrations._session import Connection, Pace, Progress, check, new_session
from integrations._text import clean_line, cut
from integrations.api import InDoubt, IntegrationError, NotSent, Ports, Rejected, Unauthorised

if TYPE_CHECKING:
    import aiohttp

    from integrations._resolver import Resolver

T = TypeVar("T")

BODY_LIMIT = 1 << 20
"""Most bytes of a reply that are read, before and after decompression."""
RETRY_AFTER_CAP = 3600.0
_SAID_LIMIT = 500
_UNAVAILABLE = 503


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Effect(Enum):
    """Whether a request may change something at the server: decides what a lost reply means."""

    READ = "read"
    WRITE = "write"


def segment(text: str) -> str:
    """Text as one segment of a path."""
    return quote(text, safe="")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole, bounded reply. ``said`` is its text for a message: one line, cut, redacted."""

    status: int
    headers: Mapping[str, str]
    said: str
    _what: str
    _effect: Effect
    _body: bytes
    _now: int

    def text(self) -> str:
        """The body as text without surrounding blanks; what is no UTF-8 in it is replaced."""
        return self._body.decode(errors="replace").strip()

    def json(self, shape: type[T]) -> T:
        """The body as ``shape``; what does not fit was not said by the server's API (NotSent or InDoubt by effect)."""
        kind = self.headers.get("Content-Type", "")
        if "json" not in kind.lower():
            raise self.unexpected(f"answered with {clean_line(kind)[:80] or 'no type'} where JSON was expected")
        try:
            return msgspec.json.decode(self._body, type=shape)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise self.unexpected(f"answered with something else than its API says ({error})") from None

    def error(self) -> IntegrationError:
        """What the door would have raised for the status, had the caller not accepted it."""
        return _status_error(self, self._effect, self._what, self._now)

    def unexpected(self, problem: str) -> IntegrationError:
        """The error for a reply that is not what the API would say."""
        text = f"{self._what}: the server {problem}; is this the right address, or is a login page or proxy in between?"
        if self.said:
            text += f" It said: {self.said}"
        return InDoubt(text) if self._effect is Effect.WRITE else NotSent(text)


class Http:
    """Requests to one server, for one integration called ``name``. No I/O before the first request."""

    def __init__(
        self,
        name: str,
        url: str,
        login: Login,
        ports: Ports,
        connection: Connection = Connection(),  # noqa: B008 - frozen
    ) -> None:
        check(connection)
        self.url = url
        self._name = name
        self._login = login
        self._ports = ports
        self._connection = connection
        self._secure = url.startswith("https:") or login.secure
        self._pace = Pace(connection.requests_per_minute)
        self._session: aiohttp.ClientSession | None = None
        self._resolver: Resolver | None = None

    def __repr__(self) -> str:
        return f"Http({self._name!r}, {self.url!r})"

    async def get(self, path: str, params: Mapping[str, str] | None = None, accept: Collection[int] = ()) -> Reply:
        """Read. ``path`` is already quoted; statuses in ``accept`` come back as a reply instead of an error."""
        query = f"?{urlencode(params)}" if params else ""
        return await self._request("GET", path + query, Effect.READ, accept=accept)

    async def send(
        self,
        method: str,
        path: str,
        payload: object,
        headers: Mapping[str, str] = NO_HEADERS,
        accept: Collection[int] = (),
    ) -> Reply:
        """Write JSON; bytes are sent as they are, and ``headers`` says what they are."""
        body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        more = {"Content-Type": "application/json", **headers}
        return await self._request(method, path, Effect.WRITE, body, more, accept=accept)

    async def aclose(self) -> None:
        await self._login.release(self._ask)
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._resolver is not None:
            await self._resolver.close()  # aiohttp closes only a resolver of its own making
            self._resolver = None

    async def _request(
        self,
        method: str,
        path: str,
        effect: Effect,
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        accept: Collection[int],
    ) -> Reply:
        url = self.url + path
        authorization = await self._login.authorization(self._ask)
        reply = await self._exchange(method, url, effect, authorization, body=body, headers=headers)
        if reply.status == 401 and 401 not in accept and self._login.refused(authorization):
            # Refused is provably not done, so it may be sent a second time; with a new token, and once.
            authorization = await self._login.authorization(self._ask)
            reply = await self._exchange(method, url, effect, authorization, body=body, headers=headers)
        if reply.status not in accept and not 200 <= reply.status < 300:
            raise reply.error()
        return reply

    async def _ask(self, url: str, form: bytes, authorization: Authorization) -> Reply:
        """Posts a login's form. It changes no ticket, so nothing about it is ever in doubt.

        A refusal comes back as a reply, for the login to say what it means: no ticket is to be blamed for it.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await self._exchange("POST", url, Effect.READ, authorization, body=form, headers=headers)
        refusal = 400 <= reply.status < 500 and reply.status not in (408, 429)
        if not refusal and not 200 <= reply.status < 300:
            raise reply.error()
        return reply

    async def _exchange(
        self,
        method: str,
        url: str,
        effect: Effect,
        authorization: Authorization,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        """One request and its whole reply, whatever its status."""
        import aiohttp  # noqa: PLC0415 - only a configuration with a remote ITSM pays for it
        from yarl import URL  # noqa: PLC0415 - the same

        check_header(self._name, authorization)
        what = redact(f"{self._name}: {method} {url.partition('?')[0]}", authorization)
        await self._wait_for_turn(what)
        more = {"Authorization": authorization.header} if authorization.header else {}
        proxy, proxy_authorization = self._proxy()
        to_proxy = {"Proxy-Authorization": proxy_authorization.header} if proxy_authorization.header else {}
        if url.startswith("http:"):
            more |= to_proxy  # there is no CONNECT that could carry it
        progress = Progress()
        try:
            async with (
                asyncio.timeout(self._ports.deadline),
                self._open_session().request(
                    method,
                    URL(url, encoded=True),
                    data=body,
                    headers={"Accept": "application/json", "Accept-Encoding": "gzip", **more, **headers},
                    allow_redirects=False,
                    proxy=proxy,
                    proxy_headers=to_proxy,
                    trace_request_ctx=progress,
                ) as response,
            ):
                raw = await _bounded_read(response)
                status, reply_headers = response.status, response.headers.copy()
        except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, TimeoutError, ValueError) as error:
            # The cause is cut off: some of aiohttp's errors carry the request's headers.
            detail = redact(redact(clean_line(str(error) or type(error).__name__), authorization), proxy_authorization)
            raise self._failure(what, effect, progress, type(error).__name__, detail) from None
        content, problem = _inflate(raw, reply_headers.get("Content-Encoding", ""))
        said = redact(clean_line(content[: 4 * _SAID_LIMIT].decode(errors="replace")), authorization)
        said = cut(redact(said, proxy_authorization), _SAID_LIMIT)
        reply = Reply(status, reply_headers, said, what, effect, content, self._ports.now())
        if problem and 200 <= status < 300:
            raise reply.unexpected(problem)
        return reply

    async def _wait_for_turn(self, what: str) -> None:
        wait = self._pace.wait(asyncio.get_running_loop().time(), self._ports.deadline)
        if wait is None:
            raise NotSent(
                f"{what}: requests_per_minute leaves no room within {self._ports.deadline:g} s; nothing was sent",
                retry_after=self._ports.deadline,
            )
        if wait:
            await asyncio.sleep(wait)

    def _proxy(self) -> tuple[str | None, Authorization]:
        login = self._connection.proxy_login
        if not self._connection.proxy or login is None:
            return self._connection.proxy or None, NO_AUTHORIZATION
        authorization = basic(login.user, self._ports.credential(login.password.credential))
        check_header(self._name, authorization)
        return self._connection.proxy, authorization

    def _failure(self, what: str, effect: Effect, progress: Progress, kind: str, detail: str) -> IntegrationError:
        if not progress.connected:
            return NotSent(
                f"{what}: no connection ({kind}: {detail}); look at the address, the network and the certificates"
            )
        text = f"{what}: no whole reply within {self._ports.deadline:g} s ({kind}: {detail})"
        return NotSent(text) if effect is Effect.READ else InDoubt(text)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            from integrations._resolver import Resolver  # noqa: PLC0415 - as above

            self._resolver = Resolver()
            self._session = new_session(
                self._name, self._connection, self._resolver, secure=self._secure, seen=self._ports.certificate
            )
        return self._session


def retry_after(value: str | None, date: str | None, now: int) -> float | None:
    """Seconds from a ``Retry-After`` header (seconds or a date, RFC 9110 10.2.3), 0 to 3600; None when it says nothing.

    A date is read against the server's own ``Date``, so that a wrong clock here changes nothing; else against ``now``
    (ms).
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_CAP)
    try:
        then = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    try:
        base = email.utils.parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        base = now / 1000
    return min(max(then - base, 0.0), RETRY_AFTER_CAP)


def _status_error(reply: Reply, effect: Effect, what: str, now: int) -> IntegrationError:
    status, said = reply.status, f"; it said: {reply.said}" if reply.said else ""
    text = f"{what}: the server answered {status}"
    wait = retry_after(reply.headers.get("Retry-After"), reply.headers.get("Date"), now)
    if status in (401, 403):
        return Unauthorised(f"{text}: the credential or its rights do not suffice{said}")
    if status == 429 or (status == _UNAVAILABLE and wait is not None):
        return NotSent(f"{text}: too busy for now{said}", retry_after=wait)
    if status in (301, 308):
        return Rejected(f"{text}: it has moved to {_target(reply)}; correct the url, redirects are not followed")
    if status == 307:
        return NotSent(f"{text}: it sends elsewhere for now, to {_target(reply)}; redirects are not followed")
    if 400 <= status < 500 and status != 408:
        return Rejected(f"{text} and refused the request{said}")
    if 300 <= status < 400:
        text += f" and sends to {_target(reply)}; redirects are not followed"
    return NotSent(text + said) if effect is Effect.READ else InDoubt(text + said)


def _target(reply: Reply) -> str:
    """Where a redirect points, without query: a login page puts tickets and tokens there."""
    return cut(clean_line(reply.headers.get("Location", "nowhere").partition("?")[0]), 200)


async def _bounded_read(response: aiohttp.ClientResponse) -> bytes:
    """The body, or its first ``BODY_LIMIT + 1`` bytes when it is longer."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk[: BODY_LIMIT + 1 - size])
        size += len(chunks[-1])
        if size > BODY_LIMIT:
            break
    return b"".join(chunks)


def _inflate(raw: bytes, encoding: str) -> tuple[bytes, str]:
    """The body's content, and what is wrong with it (empty when nothing is)."""
    too_big = f"sent more than {BODY_LIMIT} bytes"
    if len(raw) > BODY_LIMIT:
        return raw[:BODY_LIMIT], too_big
    if encoding.strip().lower() in ("", "identity"):
        return raw, ""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return b"", f"sent the body in the encoding {clean_line(encoding)[:40]!r}, which nobody asked for"
    inflater = zlib.decompressobj(wbits=47)
    try:
        content = inflater.decompress(raw, BODY_LIMIT + 1)
    except zlib.error as error:
        return b"", f"sent a damaged body ({error})"
    if len(content) > BODY_LIMIT:
        return content[:BODY_LIMIT], too_big
    if not inflater.eof:
        return content, "sent a body that ends too early"
    return content, ""
