"""Options of everything that speaks HTTP: the prober ``http``, the handshake of ``websocket``, OAuth 2.

The keys are those of Prometheus's common HTTP client and of blackbox_exporter's ``http`` section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import UNSET, Meta, UnsetType, field

from collectors._options import Secret, Unsupported
from collectors.probes._options import (
    NO,
    Alerts,
    ByReference,
    IpVersion,
    Options,
    Patterns,
    Pins,
    RevocationList,
    TlsConfig,
    only_one,
)

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_SIZE = re.compile(r"([0-9]{1,12})(?:([KMGT]?)i?B)?", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "host"})
_SCHEMES = ("http", "https", "socks5", "socks5h")
_HTTP3 = "HTTP/3 is not spoken by Tocsin; leave it to the exporter, or probe HTTP/2 here"
_JWT = Annotated[
    Unsupported, Meta(extra={"mend": "grants signed with a key are not made here: use client_secret, or the exporter"})
]
_CEL = Annotated[
    Unsupported,
    Meta(extra={"mend": "CEL is not evaluated here: write a pattern in fail_if_body_matches_regexp or "
                        "fail_if_body_not_matches_regexp instead, such as '\"status\": *\"up\"'"}),
]  # fmt: skip


class HeaderMatch(Options, frozen=True):
    """A header and the pattern that decides."""

    header: Annotated[str, Meta(min_length=1)]
    regexp: Annotated[str, Meta(min_length=1)]
    allow_missing: bool = False


class BasicAuth(Options, frozen=True):
    """A login."""

    username: str = ""
    password: Secret | None = None
    username_file: str = ""
    password_file: str = ""
    username_ref: ByReference = NO
    password_ref: ByReference = NO

    def __post_init__(self) -> None:
        only_one(self, "username", "username_file")
        only_one(self, "password", "password_file")


class Authorization(Options, frozen=True):
    """The header ``Authorization``: its type and what follows."""

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: str = ""
    credentials_ref: ByReference = NO

    def __post_init__(self) -> None:
        only_one(self, "credentials", "credentials_file")
        if self.type.strip().lower() == "basic":
            raise ValueError("type: Basic is written as basic_auth")


class Header(Options, frozen=True):
    """The values of one header: plain ones, secrets, and those that stand in files."""

    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[str, ...] = ()


class Proxied(Options, frozen=True):
    """The way to a server. ``no_proxy`` lists hosts, domains, addresses and networks that are asked directly."""

    proxy_url: Secret | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, tuple[Secret, ...]] = field(default_factory=dict)
    tls_config: TlsConfig = TlsConfig()

    def __post_init__(self) -> None:
        if self.proxy_url is not None and self.proxy_url.text:
            must_be_proxy(self.proxy_url.text)
        if self.proxy_from_environment and (self.proxy_url is not None or self.no_proxy):
            raise ValueError("proxy_from_environment stands for proxy_url and no_proxy; keep the one or the others")
        if self.no_proxy and self.proxy_url is None:
            raise ValueError("no_proxy is given without proxy_url")
        if self.proxy_connect_header and self.proxy_url is None and not self.proxy_from_environment:
            raise ValueError("proxy_connect_header is given without proxy_url")
        must_be_headers("proxy_connect_header", self.proxy_connect_header)


class OAuth2(Proxied, frozen=True):
    """OAuth 2.0 with the grant ``client_credentials`` (RFC 6749 section 4.4)."""

    client_id: str = ""
    client_secret: Secret | None = None
    client_secret_file: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    endpoint_params: dict[str, Secret] = field(default_factory=dict)
    grant_type: Literal["", "client_credentials"] = ""
    client_secret_ref: ByReference = NO
    client_certificate_key_id: _JWT = NO
    client_certificate_key: _JWT = NO
    client_certificate_key_file: _JWT = NO
    client_certificate_key_ref: _JWT = NO
    signature_algorithm: _JWT = NO
    iss: _JWT = NO
    audience: _JWT = NO
    claims: _JWT = NO

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.client_id or not self.token_url:
            raise ValueError("oauth2 needs client_id and token_url")
        only_one(self, "client_secret", "client_secret_file")
        if not self.token_url.startswith(("http://", "https://")) or not urlsplit(self.token_url).hostname:
            raise ValueError("token_url must be an http or https URL")


class ClientOptions(Proxied, frozen=True):
    """What a client of HTTP can be told."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: Secret | None = None
    bearer_token_file: str = ""
    oauth2: OAuth2 | None = None
    http_headers: dict[str, Header] = field(default_factory=dict)
    enable_http2: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = (self.basic_auth, self.authorization, self.bearer_token, self.bearer_token_file or None, self.oauth2)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("authorization: more than one way to log in; keep one of basic_auth, authorization, "
                             "bearer_token and oauth2")  # fmt: skip
        must_be_headers("http_headers", self.http_headers)
        for name, header in self.http_headers.items():
            if name.lower() in _FRAMING | SECRET_HEADERS:
                raise ValueError(f"http_headers: {name} cannot be set here")
            if any(not value.isprintable() for value in header.values):
                raise ValueError(f"http_headers: {name} holds a control character")


class HttpProbe(ClientOptions, frozen=True):
    """HTTP and HTTPS."""

    valid_status_codes: tuple[Annotated[int, Meta(ge=100, le=999)], ...] = ()
    valid_http_versions: tuple[Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/3.0"], ...] = ()
    preferred_ip_protocol: IpVersion = "ip6"
    ip_protocol_fallback: bool = True
    skip_resolve_phase_with_proxy: bool = False
    no_follow_redirects: bool | UnsetType = UNSET
    follow_redirects: bool | UnsetType = UNSET
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    accept_any_response: bool = False
    method: Annotated[str, Meta(pattern=r"^[A-Za-z]{0,32}$", extra={"form": "the name of a method"})] = "GET"
    headers: dict[str, Secret] = field(default_factory=dict)
    fail_if_body_matches_regexp: Patterns = ()
    fail_if_body_not_matches_regexp: Patterns = ()
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    body: str = ""
    body_file: str = ""
    compression: Literal["", "gzip", "deflate", "identity", "br"] = ""
    body_size_limit: str = ""
    enable_http3: bool = False
    fail_if_body_json_matches_cel: _CEL = NO
    fail_if_body_json_not_matches_cel: _CEL = NO
    check_revoked: RevocationList = NO
    pinned_public_key_hashes: Pins = NO
    valid_tls_alert_codes: Alerts = NO

    def __post_init__(self) -> None:
        super().__post_init__()
        if UNSET not in (self.follow_redirects, self.no_follow_redirects):
            raise ValueError("follow_redirects and no_follow_redirects say the same; keep follow_redirects")
        if self.accept_any_response and self.valid_status_codes:
            raise ValueError("accept_any_response and valid_status_codes contradict each other; keep one")
        only_one(self, "body", "body_file")
        must_be_headers("headers", self.headers)
        for name, value in self.headers.items():
            if not value.text.isprintable():
                raise ValueError(f"headers: {name} holds a control character")
        if self.compression == "br":
            raise ValueError("compression: br is not unpacked by Tocsin; write gzip, or leave this to the exporter")
        if self.enable_http3:
            raise ValueError(f"enable_http3: {_HTTP3}")
        if self.valid_http_versions and not self.versions:
            raise ValueError(f"valid_http_versions: {_HTTP3}")
        _ = self.body_limit

    @property
    def versions(self) -> frozenset[str]:
        """The versions that are taken, as ``1.1`` and ``2.0``; empty for all."""
        spoken = (version.removeprefix("HTTP/") for version in self.valid_http_versions if "/3" not in version)
        return frozenset("2.0" if version == "2" else version for version in spoken)

    @property
    def follows(self) -> bool:
        if self.no_follow_redirects is not UNSET:
            return not self.no_follow_redirects
        return self.follow_redirects is not False

    @property
    def body_limit(self) -> int:
        """Bytes of a body that are taken; 0 when the module does not say."""
        if not self.body_size_limit:
            return 0
        match = _SIZE.fullmatch(self.body_size_limit)
        if match is None:
            raise ValueError("body_size_limit must be a size such as 10MB or 512KiB")
        return int(match[1]) << 10 * " KMGT".index(match[2] or " ")


def must_be_proxy(url: str) -> None:
    """ValueError, without the URL, which may hold a login."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("proxy_url is no URL") from None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError(f"proxy_url must be SCHEME://HOST:PORT, the scheme one of {', '.join(_SCHEMES)}")
    if any(char.isspace() or not char.isprintable() for char in url) or port == 0:
        raise ValueError("proxy_url holds a blank, a control character or port 0")


def must_be_headers(option: str, names: Iterable[str]) -> None:
    """ValueError for what cannot be the name of a header."""
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{option}: {name[:40]!r} is not the name of a header")
