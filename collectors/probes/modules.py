"""Modules: how a target is probed. The keys and defaults are those of blackbox_exporter's ``modules`` file.

Its options that cannot be honoured here have the type ``Unsupported`` and are refused by name. Secrets are given by
reference (or by the file names that blackbox_exporter has for them), never written out.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from collectors._options import CredentialRef, Unsupported

Millis = Annotated[int, Meta(extra={"unit": "ms", "go": True}, ge=0, le=600_000)]
IpVersion = Literal["ip4", "ip6"]
Patterns = Annotated[tuple[str, ...], Meta(max_length=100)]
_NO = Unsupported()
_SIZE = re.compile(r"([0-9]{1,12})(?:([KMGT]?)i?B)?", re.ASCII)
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})


class Prober(Enum):
    """What a module speaks."""

    HTTP = "http"
    TCP = "tcp"
    ICMP = "icmp"
    DNS = "dns"
    GRPC = "grpc"
    UNIX = "unix"


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What all of these have in common."""


class TlsConfig(Options, frozen=True):
    """TLS towards the target. Certificates are verified unless ``insecure_skip_verify`` is set."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = ""
    max_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = ""
    ca: Unsupported = _NO
    cert: Unsupported = _NO
    key: Unsupported = _NO
    ca_ref: Unsupported = _NO
    cert_ref: Unsupported = _NO
    key_ref: Unsupported = _NO


class HeaderMatch(Options, frozen=True):
    """A header and the pattern that decides."""

    header: Annotated[str, Meta(min_length=1)]
    regexp: Annotated[str, Meta(min_length=1)]
    allow_missing: bool = False


class BasicAuth(Options, frozen=True):
    """A login."""

    username: str = ""
    password: CredentialRef | None = None
    username_file: str = ""
    password_file: str = ""
    username_ref: Unsupported = _NO
    password_ref: Unsupported = _NO


class Authorization(Options, frozen=True):
    """The header ``Authorization``: its type and what follows."""

    type: str = "Bearer"
    credentials: CredentialRef | None = None
    credentials_file: str = ""
    credentials_ref: Unsupported = _NO


class HttpProbe(Options, frozen=True):
    """HTTP and HTTPS."""

    valid_status_codes: tuple[Annotated[int, Meta(ge=100, le=999)], ...] = ()
    valid_http_versions: tuple[Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"], ...] = ()
    preferred_ip_protocol: IpVersion = "ip6"
    ip_protocol_fallback: bool = True
    skip_resolve_phase_with_proxy: bool = False
    no_follow_redirects: bool | UnsetType = UNSET
    follow_redirects: bool | UnsetType = UNSET
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    accept_any_response: bool = False
    method: Annotated[str, Meta(pattern=r"^[A-Za-z]{0,32}$", extra={"form": "the name of a method"})] = "GET"
    headers: dict[str, str | CredentialRef] = field(default_factory=dict)
    fail_if_body_matches_regexp: Patterns = ()
    fail_if_body_not_matches_regexp: Patterns = ()
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    body: str = ""
    body_file: str = ""
    compression: Literal["", "gzip", "deflate", "identity"] = ""
    body_size_limit: str = ""
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: CredentialRef | None = None
    bearer_token_file: str = ""
    proxy_url: str = ""
    tls_config: TlsConfig = TlsConfig()
    enable_http2: bool = True
    oauth2: Unsupported = _NO
    no_proxy: Unsupported = _NO
    proxy_from_environment: Unsupported = _NO
    proxy_connect_header: Unsupported = _NO
    http_headers: Unsupported = _NO
    enable_http3: Unsupported = _NO
    fail_if_body_json_matches_cel: Unsupported = _NO
    fail_if_body_json_not_matches_cel: Unsupported = _NO

    def __post_init__(self) -> None:
        if UNSET not in (self.follow_redirects, self.no_follow_redirects):
            raise ValueError("follow_redirects and no_follow_redirects say the same; keep follow_redirects")
        ways = (self.basic_auth, self.authorization, self.bearer_token, self.bearer_token_file or None)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("authorization: more than one way to log in; keep one of basic_auth, authorization and "
                             "bearer_token")  # fmt: skip
        if self.accept_any_response and self.valid_status_codes:
            raise ValueError("accept_any_response and valid_status_codes contradict each other; keep one")
        if self.body and self.body_file:
            raise ValueError("body_file and body are both given; keep one")
        for name, value in self.headers.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                raise ValueError(f"headers: {name[:40]!r} is not the name of a header")
            if isinstance(value, str) and name.lower() in _SECRET_HEADERS:
                raise ValueError(f"headers: {name} holds a secret; write {name}: {{credential: NAME}}")
            if isinstance(value, str) and not value.isprintable():
                raise ValueError(f"headers: {name} holds a control character")
        if self.proxy_url and not re.fullmatch(r"http://[^/@\s]+/?", self.proxy_url):
            raise ValueError("proxy_url must be http://HOST:PORT, without a login; other proxies are not supported")
        _ = self.body_limit

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


class ExpectLabel(Options, frozen=True):
    """A label of ``probe_expect_info``; ``${1}`` in the value is what the first group matched."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", extra={"form": "a label name"})]
    value: str = ""


class QueryResponse(Options, frozen=True):
    """One step of a conversation: what to wait for, what to send then, and whether to go on under TLS.

    ``expect`` is looked for in whole lines. ``expect_raw`` (Tocsin's own) is looked for in the bytes that came,
    read as Latin-1, for protocols without lines; ``send_hex`` (Tocsin's own) sends bytes without a line end.
    """

    expect: str = ""
    labels: tuple[ExpectLabel, ...] = ()
    send: str = ""
    starttls: bool = False
    expect_raw: str = ""
    send_hex: Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{2})*$", extra={"form": "bytes in hexadecimal"})] = ""
    expect_bytes: Unsupported = _NO

    def __post_init__(self) -> None:
        if self.expect and self.expect_raw:
            raise ValueError("expect_raw and expect are both given; keep one")
        if self.send and self.send_hex:
            raise ValueError("send_hex and send are both given; keep one")


def _must_be_address(source_ip_address: str) -> None:
    if source_ip_address:
        try:
            ipaddress.ip_address(source_ip_address)
        except ValueError:
            raise ValueError(f"source_ip_address: {source_ip_address[:60]!r} is not an IP address") from None


class TcpProbe(Options, frozen=True):
    """A TCP connection, and a conversation over it."""

    preferred_ip_protocol: IpVersion = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: str = ""
    query_response: Annotated[tuple[QueryResponse, ...], Meta(max_length=100)] = ()
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()

    def __post_init__(self) -> None:
        _must_be_address(self.source_ip_address)


class UnixProbe(Options, frozen=True):
    """A connection to a Unix socket, and a conversation over it."""

    query_response: Annotated[tuple[QueryResponse, ...], Meta(max_length=100)] = ()
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()


class IcmpProbe(Options, frozen=True):
    """ICMP echo. ``count`` (Tocsin's own) is how many requests are sent, for loss and jitter."""

    preferred_ip_protocol: IpVersion = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: str = ""
    payload_size: Annotated[int, Meta(ge=0, le=65_000)] = 0
    dont_fragment: bool = False
    ttl: Annotated[int, Meta(ge=0, le=255)] = 0
    count: Annotated[int, Meta(ge=1, le=100)] = 1

    def __post_init__(self) -> None:
        _must_be_address(self.source_ip_address)


class RecordsCheck(Options, frozen=True):
    """Patterns over the records of one section, each read as ``NAME<tab>TTL<tab>CLASS<tab>TYPE<tab>DATA``."""

    fail_if_matches_regexp: Patterns = ()
    fail_if_all_match_regexp: Patterns = ()
    fail_if_not_matches_regexp: Patterns = ()
    fail_if_none_matches_regexp: Patterns = ()


class DnsProbe(Options, frozen=True):
    """A DNS query. ``dnssec`` (Tocsin's own) asks the server to validate and reports whether it did."""

    query_name: Annotated[str, Meta(min_length=1, max_length=255)]
    preferred_ip_protocol: IpVersion = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: str = ""
    transport_protocol: Literal["udp", "tcp"] = "udp"
    dns_over_tls: bool = False
    tls_config: TlsConfig = TlsConfig()
    query_class: str = "IN"
    query_type: str = "ANY"
    recursion_desired: bool = True
    valid_rcodes: tuple[str, ...] = ("NOERROR",)
    validate_answer_rrs: RecordsCheck = RecordsCheck()
    validate_authority_rrs: RecordsCheck = RecordsCheck()
    validate_additional_rrs: RecordsCheck = RecordsCheck()
    dnssec: bool = False

    def __post_init__(self) -> None:
        if self.dns_over_tls and self.transport_protocol != "tcp":
            raise ValueError("dns_over_tls needs transport_protocol: tcp")
        _must_be_address(self.source_ip_address)


class GrpcProbe(Options, frozen=True):
    """The health service of gRPC (grpc.health.v1)."""

    service: str = ""
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()
    preferred_ip_protocol: IpVersion = "ip6"
    ip_protocol_fallback: bool = True


class Module(Options, frozen=True):
    """One way to probe. ``timeout`` is at most the interval of the target; 9.5 s when it is not given."""

    prober: Prober
    timeout: Millis = 9_500
    http: HttpProbe = HttpProbe()
    tcp: TcpProbe = TcpProbe()
    icmp: IcmpProbe = IcmpProbe()
    unix: UnixProbe = UnixProbe()
    grpc: GrpcProbe = GrpcProbe()
    dns: DnsProbe | None = None
    websocket: Unsupported = _NO

    def __post_init__(self) -> None:
        if self.prober is Prober.DNS and self.dns is None:
            raise ValueError("a module of the prober dns needs dns: {query_name: ...}")


class Modules(Options, frozen=True):
    """A whole ``modules`` file."""

    modules: Annotated[dict[str, Module], Meta(max_length=1_000)] = field(default_factory=dict)
