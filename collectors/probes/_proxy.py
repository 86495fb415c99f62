"""Which proxy leads to a URL: ``proxy_url`` with ``no_proxy``, or what the environment of the process says.

``no_proxy`` means what it does to blackbox_exporter (Go's golang.org/x/net/http/httpproxy): a name stands for itself
and all names below it, ``.name`` for those below alone, an address or a network for addresses as they stand in the URL,
``*`` for all, each with ``:PORT`` for that port alone. Where there is such a list, this machine itself is never asked
through a proxy.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from collectors.probes._run import ProbeFailed
from collectors.probes._secrets import Secrets
from collectors.probes.http_options import Proxied, must_be_proxy

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy; ``username`` and ``password`` are its login, empty when it needs none."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self.scheme}://{self.host}:{self.port})"

    @property
    def authorization(self) -> str:
        """The header ``Proxy-Authorization``, or ''."""
        if not self.username:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Proxies:
    """The proxies of one set of options.

    ``environ``: with ``proxy_from_environment`` the environment is the configuration, so it is read here, once.
    """

    def __init__(self, options: Proxied, secrets: Secrets, environ: Mapping[str, str] = os.environ) -> None:
        self._options = options
        self._secrets = secrets
        self._environ: dict[str, str] = {}
        if options.proxy_from_environment:
            names = ("http_proxy", "https_proxy", "no_proxy")
            self._environ = {name: environ.get(name.upper()) or environ.get(name, "") for name in names}
        self._excluded = options.no_proxy or self._environ.get("no_proxy", "")

    @property
    def configured(self) -> bool:
        return self._options.proxy_url is not None or any(self._environ.values())

    def to(self, url: SplitResult) -> Proxy | None:
        """The proxy that leads to ``url``; ProbeFailed when it cannot be told."""
        options = self._options
        if options.proxy_url is None and not options.proxy_from_environment:
            return None
        host = url.hostname or ""
        local = options.proxy_from_environment or options.no_proxy
        if local and (_is_here(host) or excluded(self._excluded, host, url.port or DEFAULT_PORTS.get(url.scheme, 0))):
            return None
        if options.proxy_url is not None:
            return _proxy("proxy_url", self._secrets.get("proxy_url", options.proxy_url))
        name = "https_proxy" if url.scheme in ("https", "wss") else "http_proxy"
        written = self._environ[name]
        if not written:
            return None
        return _proxy(name.upper(), written if "://" in written else f"http://{written}")


def _proxy(option: str, written: str) -> Proxy:
    try:
        must_be_proxy(written)
    except ValueError as error:
        raise ProbeFailed(f"{option}: {error}") from None
    parts = urlsplit(written)
    port = parts.port or _PORTS[parts.scheme]
    return Proxy(parts.scheme, parts.hostname or "", port, unquote(parts.username or ""), unquote(parts.password or ""))


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def excluded(listed: str, host: str, port: int) -> bool:
    """Whether ``listed`` (the form of NO_PROXY) names this host."""
    host = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in filter(None, (part.strip().lower() for part in listed.split(","))):
        if entry == "*":
            return True
        name, only = _with_port(entry)
        if only is not None and only != port:
            continue
        try:
            network = ipaddress.ip_network(name, strict=False)
        except ValueError:
            network = None
        if network is not None:
            if address is not None and address.version == network.version and address in network:
                return True
            continue
        name = name.removeprefix("*")
        if name.startswith("."):
            if host.endswith(name):
                return True
        elif host == name or host.endswith(f".{name}"):
            return True
    return False


def _with_port(entry: str) -> tuple[str, int | None]:
    """``host:port``, ``[v6]:port``, or only a host, an address or a network."""
    host, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and port.isascii() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return entry.strip("[]"), None
