"""The connection tracking table: /proc/sys/net/netfilter/nf_conntrack_* and /proc/net/stat/nf_conntrack.

They are there while the kernel's module is loaded. The statistics are summed over CPUs; a column that this kernel does
not have has no series.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, gauge
from collectors._numbers import counts, whole

_TABLE = {
    "sys/net/netfilter/nf_conntrack_count": gauge("node_nf_conntrack_entries", "Connections in the table."),
    "sys/net/netfilter/nf_conntrack_max": gauge("node_nf_conntrack_entries_limit", "Connections the table can hold."),
}
_COLUMNS = {
    "found": gauge("node_nf_conntrack_stat_found", "Searches that found a connection, a count."),
    "invalid": gauge("node_nf_conntrack_stat_invalid", "Packets that cannot be tracked, a count."),
    "ignore": gauge("node_nf_conntrack_stat_ignore", "Packets of connections known already, a count."),
    "insert": gauge("node_nf_conntrack_stat_insert", "Connections entered, a count."),
    "insert_failed": gauge("node_nf_conntrack_stat_insert_failed", "Connections that could not be entered, a count."),
    "drop": gauge("node_nf_conntrack_stat_drop", "Packets dropped by connection tracking, a count."),
    "early_drop": gauge("node_nf_conntrack_stat_early_drop", "Connections forgotten to make room, a count."),
    "search_restart": gauge("node_nf_conntrack_stat_search_restart", "Searches begun again, a count."),
}
METRICS = (*_TABLE.values(), *_COLUMNS.values())


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Conntrack:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for path, metric in _TABLE.items():
            number = whole(self._proc, path)
            if number is not None:
                yield Sample(metric.name, NONE, number)
        for column, total in parse(self._proc.find("net/stat/nf_conntrack") or "").items():
            if column in _COLUMNS:
                yield Sample(_COLUMNS[column].name, NONE, float(total))


def parse(text: str) -> dict[str, int]:
    """The sum over all CPUs of each column; the values are hexadecimal."""
    header, *rows = text.splitlines() or [""]
    names = header.split()
    values = [counts(row.split(), "/proc/net/stat/nf_conntrack", 16) for row in rows]
    if any(len(row) != len(names) for row in values):
        raise CollectorError("/proc/net/stat/nf_conntrack: a row has not as many values as there are names")
    return {name: sum(row[column] for row in values) for column, name in enumerate(names)} if values else {}


def build(options: Options, host: HostFS) -> Conntrack:
    return Conntrack(host)
