"""Modules that are there without a modules file. One of the same name in a file takes its place.

None of them sends a command that changes anything; those whose protocol has the client speak first say the least that
gets an answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectors.probes.http_options import HttpProbe
from collectors.probes.modules import IcmpProbe, Module, Prober, QueryResponse, TcpProbe, UnixProbe

_LDAP_BIND = "300c020101600702010304008000"
"""An anonymous simple bind, version 3 (RFC 4511 section 4.2)."""
_POSTGRESQL_SSL_REQUEST = "0000000804d2162f"
"""SSLRequest: the server answers with one letter before any login ("Message Formats" of its manual)."""


def _greeting(*steps: QueryResponse, tls: bool = False) -> Module:
    return Module(prober=Prober.TCP, tcp=TcpProbe(tls=tls, query_response=steps))


_SMTP = QueryResponse(expect=r"^220[ -]")
_IMAP = QueryResponse(expect=r"^\* (OK|PREAUTH)")
_POP3 = QueryResponse(expect=r"^\+OK")

READY: Mapping[str, Module] = {
    "http_2xx": Module(prober=Prober.HTTP),
    "http_post_2xx": Module(prober=Prober.HTTP, http=HttpProbe(method="POST")),
    "tcp_connect": Module(prober=Prober.TCP),
    "tls_connect": Module(prober=Prober.TCP, tcp=TcpProbe(tls=True)),
    "unix_connect": Module(prober=Prober.UNIX, unix=UnixProbe()),
    "icmp": Module(prober=Prober.ICMP),
    "icmp_loss": Module(prober=Prober.ICMP, icmp=IcmpProbe(count=10)),
    "grpc": Module(prober=Prober.GRPC),
    "ssh_banner": _greeting(QueryResponse(expect=r"^SSH-2\.0-", send="SSH-2.0-tocsin")),
    "smtp_banner": _greeting(_SMTP, QueryResponse(send="QUIT\r")),
    "smtp_starttls": _greeting(
        _SMTP,
        QueryResponse(send="EHLO tocsin\r"),
        QueryResponse(expect=r"^250[ -]STARTTLS", send="STARTTLS\r"),
        QueryResponse(expect=r"^220[ -]"),
        QueryResponse(starttls=True),
        QueryResponse(send="QUIT\r"),
    ),
    "imap_banner": _greeting(_IMAP, QueryResponse(send="a LOGOUT\r")),
    "imaps_banner": _greeting(_IMAP, QueryResponse(send="a LOGOUT\r"), tls=True),
    "imap_starttls": _greeting(
        _IMAP, QueryResponse(send="a STARTTLS\r"), QueryResponse(expect=r"^a OK"), QueryResponse(starttls=True)
    ),
    "pop3_banner": _greeting(_POP3, QueryResponse(send="QUIT\r")),
    "pop3s_banner": _greeting(_POP3, QueryResponse(send="QUIT\r"), tls=True),
    "ldap_bind": _greeting(QueryResponse(send_hex=_LDAP_BIND), QueryResponse(expect_raw=r"(?s)^0.+a.\x0a\x01")),
    "redis_ping": _greeting(QueryResponse(send="PING\r"), QueryResponse(expect=r"^(\+PONG|-NOAUTH|-NOPERM)")),
    "mysql_greeting": _greeting(QueryResponse(expect_raw=r"(?s)^...\x00\x0a[0-9]")),
    "postgresql_greeting": _greeting(
        QueryResponse(send_hex=_POSTGRESQL_SSL_REQUEST), QueryResponse(expect_raw="^[SN]")
    ),
}
