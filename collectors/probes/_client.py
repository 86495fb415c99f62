"""One exchange over HTTP for those who must see each step of it: through a proxy or not, HTTP/1.1 or HTTP/2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from urllib.parse import SplitResult, quote, urlsplit

from collectors.probes import _http1, _tls
from collectors.probes._dial import Connection, dial
from collectors.probes._http1 import Answer, Request
from collectors.probes._options import IpVersion
from collectors.probes._proxy import DEFAULT_PORTS, Proxies, Proxy
from collectors.probes._resolve import Address, Resolver
from collectors.probes._run import ProbeFailed
from collectors.probes._secrets import Secrets
from collectors.probes.http_options import Proxied

Phase = Callable[[str, float], None]
"""Takes the seconds a phase took: ``resolve``, ``connect``, ``tls``, ``processing``."""
Headers = tuple[tuple[str, str], ...]


def unheard(phase: str, seconds: float) -> None:
    """For exchanges whose phases nobody asks for."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. ``authority`` is what ``Host`` says; that of the URL when it is empty."""

    url: SplitResult
    method: str = "GET"
    headers: Headers = ()
    body: bytes = b""
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request, its body still to be read; whoever has it closes the connection."""

    connection: Connection
    answer: Answer
    began: float


class Client:
    """Makes exchanges, each on a connection of its own."""

    def __init__(
        self, options: Proxied, resolver: Resolver, contexts: _tls.Contexts, secrets: Secrets,
        *, prefer: IpVersion = "ip6", http2: bool = True,
    ) -> None:  # fmt: skip
        self._options = options
        self._resolver = resolver
        self._contexts = contexts
        self._secrets = secrets
        self._prefer = prefer
        self._alpn = ("h2", "http/1.1") if http2 else ("http/1.1",)
        self.proxies = Proxies(options, secrets)

    async def exchange(
        self, ask: Ask, address: Address | None = None, phase: Phase = unheard, server_name: str = ""
    ) -> Answered:
        """``address`` is that of the URL's host when the caller has looked it up."""
        proxy = self.proxies.to(ask.url)
        connection = await self.connect(ask.url, proxy, address, phase, server_name)
        try:
            sent = monotonic()
            if connection.tls is not None and connection.tls.selected_alpn_protocol() == "h2":
                from collectors.probes import _http2  # noqa: PLC0415 - only where a server speaks it

                exchange = _http2.Exchange(connection)
                await exchange.send(_request(ask, None))
                answer = await exchange.receive()
            else:
                _http1.send(connection, _request(ask, proxy))
                answer = await _http1.receive(connection, ask.method)
        except BaseException:
            connection.close()
            raise
        began = monotonic()
        phase("processing", began - sent)
        return Answered(connection, answer, began)

    async def connect(
        self, url: SplitResult, proxy: Proxy | None, address: Address | None, phase: Phase, server_name: str = ""
    ) -> Connection:
        """A connection over which the server of ``url`` can be asked, with TLS where the URL wants it."""
        host, port = url.hostname or "", url.port or DEFAULT_PORTS[url.scheme]
        if address is None or proxy is not None:
            began = monotonic()
            address = self._preferred(await self._resolver.addresses(proxy.host if proxy is not None else host))
            phase("resolve", monotonic() - began)
        connection = await dial(address, proxy.port if proxy is not None else port)
        phase("connect", connection.connected - connection.dialed)
        secure = url.scheme in ("https", "wss")
        config = self._options.tls_config
        try:
            if proxy is not None:
                await self._pass(connection, proxy, host, port, tunnel=secure or url.scheme == "ws")
            if secure:
                began = monotonic()
                alpn = self._alpn if url.scheme == "https" else ()
                await connection.secure(self._contexts.get(config, alpn), server_name or in_ascii(host))
                phase("tls", connection.secured - began)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _pass(self, connection: Connection, proxy: Proxy, host: str, port: int, *, tunnel: bool) -> None:
        """Have the proxy let us through to ``host``; plain HTTP it is asked for itself."""
        if proxy.scheme.startswith("socks5"):
            from collectors.probes._socks import pass_through  # noqa: PLC0415 - only where there is such a proxy

            await pass_through(connection, host, port, proxy.username, proxy.password)
            return
        if proxy.scheme == "https":
            await connection.secure(self._contexts.get(self._options.tls_config), in_ascii(proxy.host))
        if not tunnel:
            return
        headers = [("Proxy-Authorization", proxy.authorization)] if proxy.authorization else []
        for name, values in self._options.proxy_connect_header.items():
            headers += [(name, self._secrets.get(f"proxy_connect_header.{name}", value)) for value in values]
        authority = f"{in_url(host)}:{port}"
        _http1.send(connection, Request("CONNECT", "http", authority, authority, tuple(headers)))
        answer = await _http1.receive(connection, "CONNECT")
        if not 200 <= answer.status < 300:
            raise ProbeFailed(f"the proxy answers {answer.status}")

    def _preferred(self, found: list[Address]) -> Address:
        version = 4 if self._prefer == "ip4" else 6
        return next((address for address in found if address.version == version), found[0])


def _request(ask: Ask, proxy: Proxy | None) -> Request:
    url = ask.url
    path = quote(url.path or "/", safe="/:@!$&'()*+,;=~%-._") + (
        f"?{quote(url.query, safe='/?:@!$&()*+,;=~%-._[]')}" if url.query else ""
    )
    authority = ask.authority or in_url(in_ascii(url.hostname or "")) + (f":{url.port}" if url.port else "")
    headers, target = ask.headers, path
    if proxy is not None and url.scheme == "http" and not proxy.scheme.startswith("socks5"):
        target = f"{url.scheme}://{authority}{path}"
        if proxy.authorization:
            headers = (*headers, ("Proxy-Authorization", proxy.authorization))
    return Request(ask.method, url.scheme, authority, target, headers, ask.body)


def parsed(target: str, *, schemes: tuple[str, ...] = ("http", "https")) -> SplitResult:
    """ValueError when it is no URL that can be asked for. Without a scheme it is of the first one."""
    if not target.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        if "://" in target:
            raise ValueError(f"{target[:100]!a} is not an {' or '.join(schemes)} URL")
        target = f"{schemes[0]}://{target}"
    if any(char.isspace() or not char.isprintable() for char in target):
        raise ValueError("the URL holds blanks or control characters")
    url = urlsplit(target)
    if not url.hostname:
        raise ValueError(f"{target[:100]!a} has no host")
    if url.port == 0:  # reading it raises ValueError for what is no port
        raise ValueError("port 0 does not exist")
    return url


def must_hold_no_login(url: SplitResult) -> None:
    if url.username is not None or url.password is not None:
        raise ValueError("the target holds a login; use basic_auth of a module with a credential")


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def in_ascii(host: str) -> str:
    """ProbeFailed when it is no host name."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ProbeFailed(f"{host[:100]!a} is no host name") from None
