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
import ssl
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from integrations._login import Authorization, check_header, redact
from integrations._text import clean_line, cut
from integrations.api import InDoubt, IntegrationError, NotSent, Ports, Rejected, Unauthorised

if TYPE_CHECKING:
    import aiohttp

    from integrations._resolver import Resolver

T = TypeVar("T")

BODY_LIMIT = 1 << 20
"""Most bytes of a reply that are read, before and after decompression."""
CONNECT_DEADLINE = 5.0
RETRY_AFTER_CAP = 3600.0
_SAID_LIMIT = 500
_UNAVAILABLE = 503


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Effect(Enum):
    """Whether a request may change something at the server: decides what a lost reply means."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for the connection; empty: the system's authorities, no client certificate. TLS 1.2 is the least."""

    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""


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

    def json(self, shape: type[T]) -> T:
        """The body as ``shape``; what does not fit was not said by the server's API (NotSent or InDoubt by effect)."""
        kind = self.headers.get("Content-Type", "")
        if "json" not in kind.lower():
            raise self.unexpected(f"answered with {clean_line(kind)[:80] or 'no type'} where JSON was expected")
        try:
            return msgspec.json.decode(self._body, type=shape)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise self.unexpected(f"answered with something else than its API says ({error})") from None

    def unexpected(self, problem: str) -> IntegrationError:
        """The error for a reply that is not what the API would say."""
        text = f"{self._what}: the server {problem}; is this the right address, or is a login page or proxy in between?"
        if self.said:
            text += f" It said: {self.said}"
        return InDoubt(text) if self._effect is Effect.WRITE else NotSent(text)


@dataclass(slots=True)
class _Progress:
    """How far one request came; filled in by aiohttp's tracing."""

    connected: bool = False


class Http:
    """Requests to one server, for one integration called ``name``. No I/O before the first request."""

    def __init__(
        self, name: str, url: str, authorize: Callable[[], Authorization], ports: Ports, tls: Tls | None = None
    ) -> None:
        self.url = url
        self._name = name
        self._authorize = authorize
        self._ports = ports
        self._tls = tls or Tls()
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
        """Write JSON; ``payload`` given as bytes is sent as it is, with the type that ``headers`` name."""
        body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        more = {"Content-Type": "application/json", **headers}
        return await self._request(method, path, Effect.WRITE, body, more, accept=accept)

    async def aclose(self) -> None:
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
        import aiohttp  # noqa: PLC0415 - only a configuration with a remote ITSM pays for it
        from yarl import URL  # noqa: PLC0415 - the same

        authorization = self._authorize()
        check_header(self._name, authorization)
        what = redact(f"{self._name}: {method} {self.url}{path.partition('?')[0]}", authorization)
        progress = _Progress()
        try:
            async with (
                asyncio.timeout(self._ports.deadline),
                self._open_session().request(
                    method,
                    URL(self.url + path, encoded=True),
                    data=body,
                    headers={
                        "Accept": "application/json",
                        "Accept-Encoding": "gzip",
                        **({"Authorization": authorization.header} if authorization.header else {}),
                        **headers,
                    },
                    allow_redirects=False,
                    trace_request_ctx=progress,
                ) as response,
            ):
                raw = await _bounded_read(response)
                status, reply_headers = response.status, response.headers.copy()
        except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, TimeoutError, ValueError) as error:
            # The cause is cut off: some of aiohttp's errors carry the request's headers.
            detail = redact(clean_line(str(error) or type(error).__name__), authorization)
            raise self._failure(what, effect, progress, type(error).__name__, detail) from None
        content, problem = _inflate(raw, reply_headers.get("Content-Encoding", ""))
        said = cut(redact(clean_line(content[: 4 * _SAID_LIMIT].decode(errors="replace")), authorization), _SAID_LIMIT)
        reply = Reply(status, reply_headers, said, what, effect, content)
        if status not in accept and not 200 <= status < 300:
            raise _status_error(reply, effect, what, self._ports.now())
        if problem:
            raise reply.unexpected(problem)
        return reply

    def _failure(self, what: str, effect: Effect, progress: _Progress, kind: str, detail: str) -> IntegrationError:
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
                self._name,
                self._tls,
                self._resolver,
                secure=self.url.startswith("https:"),
                seen=self._ports.certificate,
            )
        return self._session


def new_session(
    name: str, tls: Tls, resolver: Resolver, *, secure: bool, seen: Callable[[str, float], None]
) -> aiohttp.ClientSession:
    """A session as the door needs it. NotSent when the files of the TLS settings cannot be used.

    ``seen`` is told the name and the end of the server's certificate after each handshake.
    """
    import aiohttp  # noqa: PLC0415 - as above

    context: ssl.SSLContext | bool = True
    if secure:
        try:
            context = ssl.create_default_context(cafile=tls.ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.sslobject_class = _noting(partial(seen, name))
            if tls.client_certificate:
                context.load_cert_chain(tls.client_certificate, tls.client_key or None)
        except (OSError, ValueError) as error:
            raise NotSent(
                f"{name}: a certificate file cannot be used ({error}); look at ca_file, client_certificate, client_key"
            ) from error
    trace = aiohttp.TraceConfig()

    async def connecting(_session: aiohttp.ClientSession, context: Any, _params: object) -> None:
        # aiohttp sends GET and PUT a second time when the server hangs up before it answers. Whether a request is
        # repeated is not for the library to say.
        if context.trace_request_ctx.connected:
            raise aiohttp.ServerDisconnectedError("the server hung up before it answered")

    async def connected(_session: aiohttp.ClientSession, context: Any, _params: object) -> None:
        context.trace_request_ctx.connected = True

    trace.on_connection_create_start.append(connecting)
    trace.on_connection_create_end.append(connected)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, force_close=True, limit=4, resolver=resolver, use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_DEADLINE),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        trace_configs=[trace],
        max_line_size=16_384,
        max_field_size=16_384,
        read_bufsize=65_536,
    )


def _noting(ends: Callable[[float], None]) -> type[ssl.SSLObject]:
    """The class of connections that tell ``ends`` when the certificate of their server ends.

    A connection that has answered in one piece is gone before aiohttp could be asked for its certificate.
    """

    class Noting(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            until = (self.getpeercert() or {}).get("notAfter")
            if isinstance(until, str):
                ends(float(ssl.cert_time_to_seconds(until)))

    return Noting


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
