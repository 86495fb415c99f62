"""Load balancing in the kernel, from /proc/net/ip_vs_stats and /proc/net/ip_vs (kernel net/netfilter/ipvs/ip_vs_ctl.c).

Servers behind services that have the wanted labels in common are added up.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Labels, Sample, counter, gauge, labels
from collectors._numbers import counts

BACKEND_LABELS = ("local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark")
_TOTALS = (
    counter("node_ipvs_connections_total", "Connections made."),
    counter("node_ipvs_incoming_packets_total", "Packets that came in."),
    counter("node_ipvs_outgoing_packets_total", "Packets that went out."),
    counter("node_ipvs_incoming_bytes_total", "Bytes that came in."),
    counter("node_ipvs_outgoing_bytes_total", "Bytes that went out."),
)
_BACKEND = (
    gauge("node_ipvs_backend_weight", "Weight of a server.", *BACKEND_LABELS),
    gauge("node_ipvs_backend_connections_active", "Connections of a server that are in use.", *BACKEND_LABELS),
    gauge("node_ipvs_backend_connections_inactive", "Connections of a server that are not.", *BACKEND_LABELS),
)
METRICS = (*_TOTALS, *_BACKEND)
_PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How servers are told apart."""

    backend_labels: Annotated[
        tuple[str, ...],
        Meta(
            description="Labels of the metrics of servers, some of `local_address`, `local_port`, `remote_address`, "
            "`remote_port`, `proto`, `local_mark`",
            examples=[["local_address", "local_port", "proto"]],
        ),
    ] = BACKEND_LABELS


class Backend(NamedTuple):
    """One server of one service; the label values are in the order of BACKEND_LABELS."""

    values: tuple[str, str, str, str, str, str]
    weight: int
    active: int
    inactive: int


class Ipvs:
    def __init__(self, host: HostFS, wanted: tuple[str, ...]) -> None:
        self._proc = host.proc
        self._columns = [(column, name) for column, name in enumerate(BACKEND_LABELS) if name in wanted]

    def collect(self) -> Iterator[Sample]:
        text = self._proc.find("net/ip_vs_stats")
        if text is None:
            return
        for metric, total in zip(_TOTALS, parse_stats(text), strict=True):
            yield Sample(metric.name, NONE, float(total))
        sums: dict[Labels, list[int]] = {}
        for backend in parse_backends(self._proc.find("net/ip_vs") or ""):
            pairs = labels(**{name: backend.values[column] for column, name in self._columns})
            sums[pairs] = [a + b for a, b in zip(sums.get(pairs, (0, 0, 0)), backend[1:], strict=True)]
        for pairs, added in sums.items():
            for metric, value in zip(_BACKEND, added, strict=True):
                yield Sample(metric.name, pairs, float(value))


def parse_stats(text: str) -> list[int]:
    """The five totals, in hexadecimal after two lines of titles."""
    lines = text.splitlines()
    totals = counts(lines[2].split(), "/proc/net/ip_vs_stats", 16) if len(lines) > 2 else []
    if len(totals) != len(_TOTALS):
        raise CollectorError(f"/proc/net/ip_vs_stats: the third line has not {len(_TOTALS)} numbers")
    return totals


def parse_backends(text: str) -> Iterator[Backend]:
    """Each line ``-> address:port way weight active inactive`` with the service above it. The port of a service that
    is a mark of the firewall is 0, as in node_exporter.
    """
    proto, mark, address, port = "", "", "", ""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] in _PROTOCOLS:
            (address, port), proto, mark = _endpoint(fields[1]), fields[0], ""
        elif len(fields) >= 2 and fields[0] == "FWM":
            proto, mark, address, port = "FWM", fields[1], "", "0"
        elif len(fields) >= 6 and fields[0] == "->" and fields[1] != "RemoteAddress:Port":
            weight, active, inactive = counts(fields[3:6], "/proc/net/ip_vs")
            yield Backend((address, port, *_endpoint(fields[1]), proto, mark), weight, active, inactive)


def _endpoint(text: str) -> tuple[str, str]:
    """Address and port of ``C0A80016:0CEA`` or ``[2620:0000:...:0001]:0050``."""
    host, _, port = text.rpartition(":")
    try:
        number = str(int(port, 16))
        if host.startswith("["):
            return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.strip("[]"))), number
        return socket.inet_ntop(socket.AF_INET, bytes.fromhex(host)), number
    except (OSError, ValueError):
        raise CollectorError(f"/proc/net/ip_vs: not an address and a port: {text!r:.60}") from None


def build(options: Options, host: HostFS) -> Ipvs:
    if unknown := [name for name in options.backend_labels if name not in BACKEND_LABELS]:
        raise ValueError(f"backend_labels: {unknown[0]!r} is not one of {', '.join(BACKEND_LABELS)}")
    return Ipvs(host, options.backend_labels)
