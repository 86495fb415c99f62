"""Connections of the HTTP door: certificates, proxy, deadlines of connecting, and how far a request came."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from integrations.api import CredentialRef, NotSent

if TYPE_CHECKING:
    import aiohttp

    from integrations._resolver import Resolver

CONNECT_DEADLINE = 5.0


class ProxyLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user and a password for the proxy (Basic)."""

    user: Annotated[str, Meta(description="Name of the account at the proxy", examples=["tocsin"])]
    password: Annotated[
        CredentialRef, Meta(description="Its password, by reference", examples=[{"credential": "proxy-password"}])
    ]


class Connection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the server is reached; the same for every integration that speaks HTTP. TLS 1.2 is the least."""

    ca_file: Annotated[
        str,
        Meta(description="PEM file of the CAs to trust. Empty: those of the system", examples=["/etc/tocsin/ca.pem"]),
    ] = ""
    client_certificate: Annotated[
        str,
        Meta(description="PEM file of a TLS client certificate. Empty: none", examples=["/etc/tocsin/client.pem"]),
    ] = ""
    client_key: Annotated[
        str,
        Meta(
            description="PEM file of its key. Empty: the key is in the certificate's file",
            examples=["/etc/tocsin/client.key"],
        ),
    ] = ""
    proxy: Annotated[
        str,
        Meta(
            description="Address of an HTTP proxy all requests go through. Empty: none",
            examples=["http://proxy.example.net:3128"],
        ),
    ] = ""
    proxy_login: Annotated[
        ProxyLogin | None,
        Meta(
            description="How to log in at the proxy",
            examples=[{"user": "tocsin", "password": {"credential": "proxy-password"}}],
        ),
    ] = None
    requests_per_minute: Annotated[
        int,
        Meta(ge=0, description="Most requests in a minute, evenly spread, a tenth of them at once. 0: no limit"),
    ] = 0
    allow_plaintext: Annotated[
        bool,
        Meta(description="Confirms that `http://` to another machine is wanted; the credential is readable on the way"),
    ] = False


def check(connection: Connection) -> None:
    """ValueError with a text for a person when the options contradict each other."""
    if connection.proxy:
        parts = urlsplit(connection.proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("connection.proxy is no whole address; write one such as http://proxy.example.net:3128")
        if parts.username is not None or parts.password is not None:
            raise ValueError("connection.proxy carries a user or a password; name a credential under proxy_login")
    if connection.proxy_login is not None and not connection.proxy:
        raise ValueError("connection.proxy_login is given without connection.proxy; name the proxy, or leave it out")
    if connection.client_key and not connection.client_certificate:
        raise ValueError("connection.client_key is given without connection.client_certificate; name both")


@dataclass(slots=True)
class Progress:
    """How far one request came; filled in by aiohttp's tracing."""

    connected: bool = False


class Pace:
    """Spreads requests evenly. ``wait`` says how many seconds the next one has to wait, and books its place."""

    def __init__(self, per_minute: int) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._slack = self._gap * max(0, per_minute // 10 - 1)
        self._next = float("-inf")

    def wait(self, now: float, most: float) -> float | None:
        """Seconds to wait, at the loop's time ``now``; None when it would be more than ``most``."""
        start = max(self._next, now - self._slack)
        if start - now > most:
            return None
        self._next = start + self._gap
        return max(0.0, start - now)


def new_session(
    name: str, connection: Connection, resolver: Resolver, *, secure: bool, seen: Callable[[str, float], None]
) -> aiohttp.ClientSession:
    """A session as the door needs it. NotSent when the files of the TLS settings cannot be used.

    ``seen`` is told the name and the end of the server's certificate after each handshake.
    """
    import aiohttp  # noqa: PLC0415 - only a configuration with a remote ITSM pays for it

    context: ssl.SSLContext | bool = True
    if secure:
        try:
            context = ssl.create_default_context(cafile=connection.ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.sslobject_class = _noting(partial(seen, name))
            if connection.client_certificate:
                context.load_cert_chain(connection.client_certificate, connection.client_key or None)
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
