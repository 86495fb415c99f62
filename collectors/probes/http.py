"""HTTP and HTTPS: status, version, headers and body against what the module asks for, over redirects and a proxy.

A client of its own, because the phases, the certificates and what went wrong half way are what a probe is for, and a
client library hides them.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from collectors._filter import compile_pattern
from collectors._options import CredentialRef
from collectors.probes import _http1, _tls
from collectors.probes._dial import Connection, dial
from collectors.probes._http1 import Answer, Request
from collectors.probes._resolve import Address, Resolver, split_host_port
from collectors.probes._run import Found, ProbeFailed, Run, patterns
from collectors.probes._secrets import Secrets
from collectors.probes.modules import HeaderMatch, HttpProbe

REDIRECT_LIMIT = 10
BODY_LIMIT = 16 << 20
"""Bytes of a body that are read when the module sets no limit."""
_KEPT = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, *_KEPT})


@dataclass(frozen=True, slots=True)
class _Header:
    name: str
    found: Found
    allow_missing: bool


@dataclass(slots=True)
class _Visit:
    """Where the chain of redirects has come to."""

    url: SplitResult
    method: str
    body: bytes
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)
    redirects: int = 0
    home: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        self.home = self.origin

    @property
    def origin(self) -> tuple[str, str]:
        """Secrets are sent to where the chain began, and nowhere else."""
        return self.url.scheme, self.url.netloc


class HttpProber:
    """Built once for a module; ValueError names the option that is wrong."""

    def __init__(self, options: HttpProbe, resolver: Resolver, contexts: _tls.Contexts, secrets: Secrets) -> None:
        self._options = options
        self._resolver = resolver
        self._contexts = contexts
        self._secrets = secrets
        self._refused = patterns("fail_if_body_matches_regexp", options.fail_if_body_matches_regexp)
        self._wanted = patterns("fail_if_body_not_matches_regexp", options.fail_if_body_not_matches_regexp)
        self._refused_headers = _headers("fail_if_header_matches", options.fail_if_header_matches)
        self._wanted_headers = _headers("fail_if_header_not_matches", options.fail_if_header_not_matches)

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        url = _parsed(target)
        if url.username is not None or url.password is not None:
            raise ValueError("the target holds a login; use basic_auth of a module with a credential")

    async def probe(self, target: str, run: Run) -> None:
        for name in ("content_length", "uncompressed_body_length", "redirects", "ssl", "status_code", "version"):
            run.set(f"probe_http_{name}", 0)
        run.set("probe_failed_due_to_regex", 0)
        run.phases("probe_http_duration_seconds", "resolve")
        options = self._options
        body = self._secrets.read("body_file", options.body_file) if options.body_file else options.body.encode()
        visit = _Visit(_parsed(target), options.method.upper() or "GET", body)
        address: Address | None = None
        if not (options.proxy_url and options.skip_resolve_phase_with_proxy):
            address = await self._resolver.choose(
                visit.url.hostname or "", options.preferred_ip_protocol, options.ip_protocol_fallback, run
            )
            run.add("probe_http_duration_seconds", run.values["probe_dns_lookup_time_seconds", ()], phase="resolve")
        run.phases("probe_http_duration_seconds", "connect", "tls", "processing", "transfer")
        while True:
            connection, answer, started = await self._exchange(visit, address, run)
            try:
                if not self._redirected(visit, answer, run):
                    await self._judge(connection, answer, started, run)
                    return
            finally:
                connection.close()
            address = None

    async def _exchange(self, visit: _Visit, address: Address | None, run: Run) -> tuple[Connection, Answer, float]:
        """One request; also the moment its answer began."""
        connection, through_proxy = await self._connect(visit, address, run)
        try:
            request = self._request(visit, through_proxy)
            sent = monotonic()
            if connection.tls is not None and connection.tls.selected_alpn_protocol() == "h2":
                from collectors.probes import _http2  # noqa: PLC0415 - only where a server speaks it

                exchange = _http2.Exchange(connection)
                await exchange.send(request)
                answer = await exchange.receive()
            else:
                _http1.send(connection, request)
                answer = await _http1.receive(connection, request.method)
        except BaseException:
            connection.close()
            raise
        began = monotonic()
        run.add("probe_http_duration_seconds", began - sent, phase="processing")
        run.set("probe_http_status_code", answer.status)
        return connection, answer, began

    async def _connect(self, visit: _Visit, address: Address | None, run: Run) -> tuple[Connection, bool]:
        """A connection for the next request, and whether that has to be written for a proxy."""
        url, options = visit.url, self._options
        secure = url.scheme == "https"
        host, port = url.hostname or "", url.port or (443 if secure else 80)
        to_host, to_port = (
            split_host_port(urlsplit(options.proxy_url).netloc, 80) if options.proxy_url else (host, port)
        )
        if address is None or options.proxy_url:
            began = monotonic()
            found = await self._resolver.addresses(to_host)
            address = _preferred(found, options)
            run.add("probe_http_duration_seconds", monotonic() - began, phase="resolve")
        connection = await dial(address, to_port)
        run.add("probe_http_duration_seconds", connection.connected - connection.dialed, phase="connect")
        try:
            if secure:
                if options.proxy_url:
                    await _tunnel(connection, f"{_in_url(host)}:{port}")
                began = monotonic()
                alpn = ("h2", "http/1.1") if options.enable_http2 else ("http/1.1",)
                name = options.tls_config.server_name if not visit.redirects else ""
                await connection.secure(self._contexts.get(options.tls_config, alpn), name or _ascii(host))
                run.add("probe_http_duration_seconds", connection.secured - began, phase="tls")
        except BaseException:
            connection.close()
            raise
        return connection, bool(options.proxy_url) and not secure

    def _request(self, visit: _Visit, through_proxy: bool) -> Request:
        url, options = visit.url, self._options
        path = quote(url.path or "/", safe="/:@!$&'()*+,;=~%-._") + (
            f"?{quote(url.query, safe='/?:@!$&()*+,;=~%-._[]')}" if url.query else ""
        )
        authority = _in_url(_ascii(url.hostname or "")) + (f":{url.port}" if url.port else "")
        headers = {"User-Agent": "Tocsin", "Connection": "close"}
        if options.compression:
            headers["Accept-Encoding"] = options.compression
        home = visit.origin == visit.home
        for name, value in options.headers.items():
            if isinstance(value, CredentialRef):
                if home:
                    headers[name] = self._secrets.get(f"headers.{name}", value, "")
            elif name.lower() == "host":
                authority = value if visit.redirects == 0 else authority
            else:
                headers[name] = value
        if home and (login := self._login()):
            headers["Authorization"] = login
        if cookies := [f"{name}={value}" for (host, name), value in visit.cookies.items() if host == url.hostname]:
            headers["Cookie"] = "; ".join(cookies)
        target = f"{url.scheme}://{authority}{path}" if through_proxy else path
        return Request(visit.method, url.scheme, authority, target, tuple(headers.items()), visit.body)

    def _login(self) -> str:
        options, secret = self._options, self._secrets.get
        if (basic := options.basic_auth) is not None:
            user = basic.username or secret("basic_auth.username_file", None, basic.username_file)
            password = secret("basic_auth.password", basic.password, basic.password_file)
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if (other := options.authorization) is not None:
            return f"{other.type} {secret('authorization.credentials', other.credentials, other.credentials_file)}"
        if options.bearer_token is not None or options.bearer_token_file:
            return f"Bearer {secret('bearer_token', options.bearer_token, options.bearer_token_file)}"
        return ""

    def _redirected(self, visit: _Visit, answer: Answer, run: Run) -> bool:
        """Move on to where the answer points; False when it is the last."""
        location = answer.first("location")
        if answer.status not in _REDIRECTS or not location:
            return False
        run.set("probe_http_redirects", visit.redirects + 1)
        if not self._options.follows or visit.redirects >= REDIRECT_LIMIT:
            answer.body = None
            return False
        for cookie in answer.all("set-cookie")[:100]:
            name, equals, value = cookie.partition(";")[0].partition("=")
            if equals and name.strip().isprintable() and value.strip().isprintable():
                visit.cookies[visit.url.hostname or "", name.strip()] = value.strip()
        try:
            visit.url = _parsed(urljoin(visit.url.geturl(), location))
        except ValueError as error:
            raise ProbeFailed(f"the server redirects to where nobody can go: {error}") from None
        if answer.status not in _KEPT:
            visit.method, visit.body = ("HEAD" if visit.method == "HEAD" else "GET"), b""
        visit.redirects += 1
        return True

    async def _judge(self, connection: Connection, answer: Answer, began: float, run: Run) -> None:
        """Record the last answer, then say what is wrong with it."""
        options = self._options
        run.set("probe_http_version", float(answer.version))
        run.set("probe_http_ssl", connection.tls is not None)
        if connection.tls is not None:
            _tls.record(run, connection.tls)
        run.set("probe_http_content_length", answer.length)
        modified = _timestamp(answer.first("last-modified"))
        if modified is not None:
            run.set("probe_http_last_modified_timestamp_seconds", modified)
        body = await self._read(answer, run)
        run.add("probe_http_duration_seconds", monotonic() - began, phase="transfer")
        if not self._takes(answer.status):
            after = (
                f" after {REDIRECT_LIMIT} redirects" if run.values["probe_http_redirects", ()] > REDIRECT_LIMIT else ""
            )
            raise ProbeFailed(f"the status is {answer.status}{after}")
        self._match_headers(answer, run)
        self._match_body(body, run)
        if options.valid_http_versions and f"HTTP/{answer.version}" not in options.valid_http_versions:
            raise ProbeFailed(f"the answer is HTTP/{answer.version}")
        if options.fail_if_ssl and connection.tls is not None:
            raise ProbeFailed("the last answer came over TLS")
        if options.fail_if_not_ssl and connection.tls is None:
            raise ProbeFailed("the last answer did not come over TLS")

    def _takes(self, status: int) -> bool:
        if self._options.accept_any_response:
            return True
        valid = self._options.valid_status_codes
        return status in valid if valid else 200 <= status < 300

    async def _read(self, answer: Answer, run: Run) -> str:
        """The body as text when patterns want it; counted in any case."""
        if answer.body is None:
            return ""
        limit = self._options.body_limit or BODY_LIMIT
        keep = bool(self._refused or self._wanted)
        size = 0
        kept = bytearray()
        async for part in _unpacked(answer.body, self._options.compression):
            size += len(part)
            run.set("probe_http_uncompressed_body_length", min(size, limit))
            if size > limit:
                raise ProbeFailed(f"the body is larger than {limit} bytes")
            if keep:
                kept += part
        return kept.decode("utf-8", "replace")

    def _match_body(self, body: str, run: Run) -> None:
        options = self._options
        for text, found in zip(options.fail_if_body_matches_regexp, self._refused, strict=True):
            _refuse_if(found(body), f"the body matches {text[:100]!a}", run)
        for text, found in zip(options.fail_if_body_not_matches_regexp, self._wanted, strict=True):
            _refuse_if(not found(body), f"the body does not match {text[:100]!a}", run)

    def _match_headers(self, answer: Answer, run: Run) -> None:
        for header in self._refused_headers:
            values = answer.all(header.name)
            _refuse_if(not values and not header.allow_missing, f"there is no header {header.name}", run)
            _refuse_if(any(map(header.found, values)), f"the header {header.name} matches what it must not", run)
        for header in self._wanted_headers:
            values = answer.all(header.name)
            _refuse_if(not values and not header.allow_missing, f"there is no header {header.name}", run)
            matched = not values or any(map(header.found, values))
            _refuse_if(not matched, f"the header {header.name} does not match", run)


def _refuse_if(wrong: bool, text: str, run: Run) -> None:
    if wrong:
        run.set("probe_failed_due_to_regex", 1)
        raise ProbeFailed(text)


def _headers(option: str, matches: tuple[HeaderMatch, ...]) -> tuple[_Header, ...]:
    return tuple(
        _Header(match.header.lower(), compile_pattern(option, match.regexp), match.allow_missing) for match in matches
    )


def _parsed(target: str) -> SplitResult:
    """ValueError when it is no URL that can be asked for."""
    if not target.startswith(("http://", "https://")):
        if "://" in target:
            raise ValueError(f"{target[:100]!a} is not an http or https URL")
        target = f"http://{target}"
    if any(char.isspace() or not char.isprintable() for char in target):
        raise ValueError("the URL holds blanks or control characters")
    url = urlsplit(target)
    if not url.hostname:
        raise ValueError(f"{target[:100]!a} has no host")
    if url.port == 0:  # reading it raises ValueError for what is no port
        raise ValueError("port 0 does not exist")
    return url


def _preferred(found: list[Address], options: HttpProbe) -> Address:
    version = 4 if options.preferred_ip_protocol == "ip4" else 6
    return next((address for address in found if address.version == version), found[0])


async def _tunnel(connection: Connection, authority: str) -> None:
    """Have the proxy connect us through."""
    _http1.send(connection, Request("CONNECT", "http", authority, authority))
    answer = await _http1.receive(connection, "CONNECT")
    if not 200 <= answer.status < 300:
        raise ProbeFailed(f"the proxy answers {answer.status}")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ProbeFailed(f"{host[:100]!a} is no host name") from None


def _timestamp(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError):
        return None


async def _unpacked(body: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The body without its compression, in pieces that do not depend on how well it was packed."""
    if encoding not in ("gzip", "deflate"):
        async for part in body:
            yield part
        return
    unpacker = None
    async for part in body:
        if unpacker is None:
            unpacker = zlib.decompressobj(_window(encoding, part))
        try:
            yield unpacker.decompress(part, 65_536)
            while unpacker.unconsumed_tail:
                yield unpacker.decompress(unpacker.unconsumed_tail, 65_536)
        except zlib.error:
            raise ProbeFailed(f"the body is not {encoding}") from None
    if unpacker is not None and not unpacker.eof:
        raise ProbeFailed(f"the body is not whole {encoding}")


def _window(encoding: str, start: bytes) -> int:
    """zlib's word for the format. Servers send ``deflate`` with and without zlib's header."""
    if encoding == "gzip":
        return 31
    return 15 if start[:1] == b"\x78" else -15
