"""Counters of the network protocols from /proc/net/netstat, /proc/net/snmp and /proc/net/snmp6 (proc(5)).

The first two hold pairs of lines, names and values, for each protocol; the third one name and value a line. The
position of each wanted field is remembered until the line of names changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Notice, Sample, untyped

FIELDS = (
    "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    "|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    "|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    "|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
)
_USUAL = {
    "Icmp": "InErrors InMsgs OutMsgs", "Icmp6": "InErrors InMsgs OutMsgs",
    "Ip": "Forwarding", "Ip6": "InOctets OutOctets", "IpExt": "InOctets OutOctets",
    "Tcp": "ActiveOpens CurrEstab InErrs InSegs OutRsts OutSegs PassiveOpens RetransSegs",
    "TcpExt": "ListenDrops ListenOverflows SyncookiesFailed SyncookiesRecv SyncookiesSent TCPOFOQueue TCPRcvQDrop "
    "TCPSynRetrans TCPTimeouts",
    "Udp": "InDatagrams InErrors NoPorts OutDatagrams RcvbufErrors SndbufErrors",
    "Udp6": "InDatagrams InErrors NoPorts OutDatagrams RcvbufErrors SndbufErrors",
    "UdpLite": "InErrors", "UdpLite6": "InErrors",
}  # fmt: skip
METRICS = tuple(
    untyped(f"node_netstat_{protocol}_{field}", f"The field {field} of {protocol} (RFC 1213, 2011 to 2013, 4293).")
    for protocol, fields in _USUAL.items()
    for field in fields.split()
)
"""What the default of ``fields`` lets through; other fields follow the same naming, undescribed."""
_REMEMBERED = 2048


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which fields are told."""

    fields: Annotated[str, Meta(description="RE2 searched for in PROTOCOL_FIELD; those that match are told")] = FIELDS


class Netstat:
    def __init__(self, host: HostFS, keep: NameFilter) -> None:
        self._proc = host.proc
        self._keep = keep
        self._columns: dict[str, list[tuple[int, str]]] = {}
        """By line of names: the wanted columns and their metrics."""
        self._lines: dict[str, str | None] = {}
        """By name in snmp6: the metric, or None when it is not wanted."""

    def collect(self) -> Iterator[Sample | Notice]:
        for file in ("net/netstat", "net/snmp"):
            yield from self._pairs(file, self._proc.read(file))
        yield from self._single(self._proc.find("net/snmp6") or "")
        yield from self._keep.all_left_out("field")

    def _pairs(self, file: str, text: str) -> Iterator[Sample]:
        lines = text.splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            fields = values.split()
            if not fields or fields[0] != names.partition(" ")[0]:
                raise CollectorError(f"/proc/{file}: no line of values after {names!r:.40}")
            columns = self._columns.get(names)
            if columns is None:
                if len(self._columns) >= _REMEMBERED:
                    self._columns.clear()
                columns = self._columns[names] = self._wanted(names)
            for column, metric in columns:
                if column >= len(fields):
                    raise CollectorError(f"/proc/{file}: fewer values than names after {fields[0]!r:.40}")
                yield Sample(metric, NONE, _number(fields[column], file))

    def _wanted(self, names: str) -> list[tuple[int, str]]:
        protocol, *fields = names.split()
        prefix = protocol.rstrip(":")
        found = ((column, f"{prefix}_{field}") for column, field in enumerate(fields, 1))
        return [(column, f"node_netstat_{name}") for column, name in found if self._keep.keeps(name)]

    def _single(self, text: str) -> Iterator[Sample]:
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            try:
                metric = self._lines[name]
            except KeyError:
                if len(self._lines) >= _REMEMBERED:
                    self._lines.clear()
                protocol, six, field = name.partition("6")
                full = f"{protocol}6_{field}"
                metric = self._lines[name] = f"node_netstat_{full}" if six and self._keep.keeps(full) else None
            if metric is not None:
                yield Sample(metric, NONE, _number(value.strip(), "net/snmp6"))


def _number(text: str, file: str) -> float:
    try:
        return float(int(text))
    except (ValueError, OverflowError):
        raise CollectorError(f"/proc/{file}: not a number: {text!r:.40}") from None


def build(options: Options, host: HostFS) -> Netstat:
    return Netstat(host, NameFilter.choosing("fields", options.fields, shipped=FIELDS))
