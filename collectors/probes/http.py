"""HTTP and HTTPS: status, version, headers and body against what the module asks for, over redirects and a proxy.

A client of its own, because the phases, the certificates and what went wrong half way are what a probe is for, and a
client library hides them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import SplitResult, urljoin

from collectors._filter import compile_pattern
from collectors.probes import _tls
from collectors.probes._client import Answered, Ask, Client, Headers, must_hold_no_login, parsed
from collectors.probes._http1 import Answer
from collectors.probes._login import authorization
from collectors.probes._resolve import Address, Resolver
from collectors.probes._run import Found, ProbeFailed, Run, patterns
from collectors.probes._secrets import Secrets
from collectors.probes._unpack import unpacked
from collectors.probes.http_options import SECRET_HEADERS, HeaderMatch, HttpProbe

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
        self._secrets = secrets
        self._client = Client(
            options, resolver, contexts, secrets, prefer=options.preferred_ip_protocol, http2=options.enable_http2
        )
        self._tokens = None
        if options.oauth2 is not None:
            from collectors.probes._oauth2 import Tokens  # noqa: PLC0415 - only for modules that have it

            self._tokens = Tokens(options.oauth2, resolver, contexts, secrets)
        self._refused = patterns("fail_if_body_matches_regexp", options.fail_if_body_matches_regexp)
        self._wanted = patterns("fail_if_body_not_matches_regexp", options.fail_if_body_not_matches_regexp)
        self._refused_headers = _headers("fail_if_header_matches", options.fail_if_header_matches)
        self._wanted_headers = _headers("fail_if_header_not_matches", options.fail_if_header_not_matches)

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        must_hold_no_login(parsed(target))

    async def probe(self, target: str, run: Run) -> None:
        for name in ("content_length", "uncompressed_body_length", "redirects", "ssl", "status_code", "version"):
            run.set(f"probe_http_{name}", 0)
        run.set("probe_failed_due_to_regex", 0)
        run.phases("probe_http_duration_seconds", "resolve")
        options = self._options
        body = self._secrets.read("body_file", options.body_file) if options.body_file else options.body.encode()
        visit = _Visit(parsed(target), options.method.upper() or "GET", body)
        address: Address | None = None
        if not (self._client.proxies.configured and options.skip_resolve_phase_with_proxy):
            address = await self._resolver.choose(
                visit.url.hostname or "", options.preferred_ip_protocol, options.ip_protocol_fallback, run
            )
            run.add("probe_http_duration_seconds", run.values["probe_dns_lookup_time_seconds", ()], phase="resolve")
        run.phases("probe_http_duration_seconds", "connect", "tls", "processing", "transfer")
        phase = _phase(run)
        while True:
            login = await self._authorization(visit)
            answered = await self._ask(visit, login, address, phase)
            run.set("probe_http_status_code", answered.answer.status)
            if answered.answer.status == 401 and self._tokens is not None:
                self._tokens.refused(login)
            try:
                if not self._redirected(visit, answered.answer, run):
                    await self._judge(answered, run)
                    return
            finally:
                answered.connection.close()
            address = None

    async def _authorization(self, visit: _Visit) -> str:
        if visit.origin != visit.home:
            return ""
        if self._tokens is not None:
            return await self._tokens.authorization()
        return authorization(self._options, self._secrets)

    async def _ask(
        self, visit: _Visit, login: str, address: Address | None, phase: Callable[[str, float], None]
    ) -> Answered:
        headers, host = self._headers(visit, login)
        ask = Ask(visit.url, visit.method, headers, visit.body, host)
        name = self._options.tls_config.server_name if not visit.redirects else ""
        return await self._client.exchange(ask, address, phase, name)

    def _headers(self, visit: _Visit, login: str) -> tuple[Headers, str]:
        """The headers, one after the other, and what ``Host`` says where the module decides it."""
        options, home, host = self._options, visit.origin == visit.home, ""
        pairs = [("User-Agent", "Tocsin"), ("Connection", "close")]
        if options.compression:
            pairs.append(("Accept-Encoding", options.compression))
        for name, value in options.headers.items():
            secret = value.reference is not None or name.lower() in SECRET_HEADERS
            if name.lower() == "host":
                host = value.text if not visit.redirects else ""
            elif home or not secret:
                _replace(pairs, (name, self._secrets.get(f"headers.{name}", value)))
        for name, header in options.http_headers.items():
            values = list(header.values)
            if home:
                values += [self._secrets.get(f"http_headers.{name}", secret) for secret in header.secrets]
                values += [self._secrets.get(f"http_headers.{name}", None, file) for file in header.files]
            _replace(pairs, *((name, value) for value in values))
        if login:
            _replace(pairs, ("Authorization", login))
        if cookies := [
            f"{name}={value}" for (host_, name), value in visit.cookies.items() if host_ == visit.url.hostname
        ]:
            pairs.append(("Cookie", "; ".join(cookies)))
        return tuple(pairs), host

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
            visit.url = parsed(urljoin(visit.url.geturl(), location.replace(" ", "%20")))  # as browsers read it
        except ValueError as error:
            raise ProbeFailed(f"the server redirects to where nobody can go: {error}") from None
        if answer.status not in _KEPT:
            visit.method, visit.body = ("HEAD" if visit.method == "HEAD" else "GET"), b""
        visit.redirects += 1
        return True

    async def _judge(self, answered: Answered, run: Run) -> None:
        """Record the last answer, then say what is wrong with it."""
        connection, answer, options = answered.connection, answered.answer, self._options
        run.set("probe_http_version", float(answer.version))
        run.set("probe_http_ssl", connection.tls is not None)
        if connection.tls is not None:
            _tls.record(run, connection.tls)
        run.set("probe_http_content_length", answer.length)
        modified = _timestamp(answer.first("last-modified"))
        if modified is not None:
            run.set("probe_http_last_modified_timestamp_seconds", modified)
        body = await self._read(answer, run)
        run.add("probe_http_duration_seconds", monotonic() - answered.began, phase="transfer")
        if not self._takes(answer.status):
            after = (
                f" after {REDIRECT_LIMIT} redirects" if run.values["probe_http_redirects", ()] > REDIRECT_LIMIT else ""
            )
            raise ProbeFailed(f"the status is {answer.status}{after}")
        self._match_headers(answer, run)
        self._match_body(body, run)
        if options.versions and answer.version not in options.versions:
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
        async for part in unpacked(answer.body, self._options.compression):
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


def _phase(run: Run) -> Callable[[str, float], None]:
    def took(phase: str, seconds: float) -> None:
        run.add("probe_http_duration_seconds", seconds, phase=phase)

    return took


def _replace(pairs: list[tuple[str, str]], *others: tuple[str, str]) -> None:
    """Put headers in the place of those that have the same name."""
    names = {name.lower() for name, _ in others}
    pairs[:] = [*(pair for pair in pairs if pair[0].lower() not in names), *others]


def _timestamp(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError):
        return None
