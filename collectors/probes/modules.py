"""Modules: how a target is probed. The keys and defaults are those of blackbox_exporter's ``modules`` file.

Its options that cannot be honoured here are refused by name, with what to write instead. A secret is given by reference
or by the name of a file; in the exporter's own file it may be written out, which ``check`` warns of.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from typing import Annotated, Literal

from msgspec import Meta, field

from collectors._options import Secret
from collectors.probes._options import (
    NO,
    Alerts,
    IpVersion,
    Millis,
    Options,
    Patterns,
    Pins,
    RevocationList,
    TlsConfig,
    only_one,
)
from collectors.probes.http_options import BasicAuth, HttpProbe, must_be_headers


class Prober(Enum):
    """What a module speaks."""

    HTTP = "http"
    TCP = "tcp"
    ICMP = "icmp"
    DNS = "dns"
    GRPC = "grpc"
    UNIX = "unix"
    WEBSOCKET = "websocket"


class ExpectLabel(Options, frozen=True):
    """A label of ``probe_expect_info``; ``${1}`` in the value is what the first group matched."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", extra={"form": "a label name"})]
    value: str = ""


Raw = Annotated[str, Meta(extra={"bytes": True}, max_length=65_536)]
"""Text, or bytes (``!!binary``), which then are ``Octets``."""


class QueryResponse(Options, frozen=True):
    """One step of a conversation: what to wait for, what to send then, and whether to go on under TLS.

    ``expect`` is looked for in whole lines, ``expect_bytes`` must be exactly what comes next. ``expect_raw`` (Tocsin's
    own) is looked for in the bytes that came, read as Latin-1, for protocols without lines. ``send`` ends with a line
    end, unless it is ``!!binary``; ``send_hex`` (Tocsin's own) sends bytes as they are.
    """

    expect: str = ""
    expect_bytes: Raw = ""
    labels: tuple[ExpectLabel, ...] = ()
    send: Raw = ""
    starttls: bool = False
    expect_raw: str = ""
    send_hex: Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{2})*$", extra={"form": "bytes in hexadecimal"})] = ""

    def __post_init__(self) -> None:
        only_one(self, "expect", "expect_raw", "expect_bytes")
        only_one(self, "send", "send_hex")


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
    check_revoked: RevocationList = NO
    pinned_public_key_hashes: Pins = NO
    valid_tls_alert_codes: Alerts = NO

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
    edns0_udp_size: Annotated[int, Meta(ge=512, le=65_535)] | None = None
    check_revoked: RevocationList = NO
    pinned_public_key_hashes: Pins = NO

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
    check_revoked: RevocationList = NO
    pinned_public_key_hashes: Pins = NO


class WebsocketClient(Options, frozen=True):
    """The request that a WebSocket begins with; each of its headers has one value."""

    tls_config: TlsConfig = TlsConfig()
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    http_headers: dict[str, Secret] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.basic_auth is not None and self.bearer_token is not None:
            raise ValueError("bearer_token and basic_auth are both given; keep one")
        must_be_headers("http_headers", self.http_headers)


class WebsocketProbe(Options, frozen=True):
    """A WebSocket (RFC 6455), and a conversation of text messages over it."""

    http_config: WebsocketClient = WebsocketClient()
    query_response: Annotated[tuple[QueryResponse, ...], Meta(max_length=100)] = ()

    def __post_init__(self) -> None:
        for step in self.query_response:
            for name in ("expect_bytes", "expect_raw", "labels", "send_hex", "starttls"):
                if getattr(step, name):
                    raise ValueError(f"query_response: {name} does nothing over a WebSocket; use expect and send")


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
    websocket: WebsocketProbe = WebsocketProbe()

    def __post_init__(self) -> None:
        if self.prober is Prober.DNS and self.dns is None:
            raise ValueError("a module of the prober dns needs dns: {query_name: ...}")


class Modules(Options, frozen=True):
    """A whole ``modules`` file."""

    modules: Annotated[dict[str, Module], Meta(max_length=1_000)] = field(default_factory=dict)
