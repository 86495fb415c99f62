"""What this host's NFS server does, from /proc/net/rpc/nfsd (kernel fs/nfsd/stats.c, nfsstat(8))."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Labels, Sample, counter, gauge, labels
from collectors._rpc import V2, V3, labelled, parse

METRICS = (
    counter("node_nfsd_reply_cache_hits_total", "Answers given again because the client had lost them."),
    counter("node_nfsd_reply_cache_misses_total", "Calls that had to be kept in the cache of answers."),
    counter("node_nfsd_reply_cache_nocache_total", "Calls that need not be kept in the cache of answers."),
    counter("node_nfsd_file_handles_stale_total", "File handles that had become stale."),
    counter("node_nfsd_disk_bytes_read_total", "Bytes read."),
    counter("node_nfsd_disk_bytes_written_total", "Bytes written."),
    gauge("node_nfsd_server_threads", "Threads of the server."),
    gauge("node_nfsd_read_ahead_cache_size_blocks", "Size of the read-ahead cache in blocks."),
    counter("node_nfsd_read_ahead_cache_not_found_total", "Searches of the read-ahead cache that found nothing."),
    counter("node_nfsd_packets_total", "Network packets by protocol.", "proto"),
    counter("node_nfsd_connections_total", "TCP connections accepted."),
    counter("node_nfsd_rpc_errors_total", "Calls refused, by what was wrong with them.", "error"),
    counter("node_nfsd_server_rpcs_total", "Calls answered."),
    counter("node_nfsd_requests_total", "Calls by procedure.", "proto", "method"),
)
_SINGLE = {
    "rc": ((0, "node_nfsd_reply_cache_hits_total", NONE), (1, "node_nfsd_reply_cache_misses_total", NONE),
           (2, "node_nfsd_reply_cache_nocache_total", NONE)),
    "fh": ((0, "node_nfsd_file_handles_stale_total", NONE),),
    "io": ((0, "node_nfsd_disk_bytes_read_total", NONE), (1, "node_nfsd_disk_bytes_written_total", NONE)),
    "th": ((0, "node_nfsd_server_threads", NONE),),
    "ra": ((0, "node_nfsd_read_ahead_cache_size_blocks", NONE),
           (11, "node_nfsd_read_ahead_cache_not_found_total", NONE)),
    "net": ((1, "node_nfsd_packets_total", labels(proto="udp")), (2, "node_nfsd_packets_total", labels(proto="tcp")),
            (3, "node_nfsd_connections_total", NONE)),
    "rpc": ((0, "node_nfsd_server_rpcs_total", NONE), (2, "node_nfsd_rpc_errors_total", labels(error="fmt")),
            (3, "node_nfsd_rpc_errors_total", labels(error="auth")),
            (4, "node_nfsd_rpc_errors_total", labels(error="cInt"))),
}  # fmt: skip
_V4 = (
    "- - - Access Close Commit Create DelegPurge DelegReturn GetAttr GetFH Link Lock Lockt Locku Lookup LookupRoot"
    " Nverify Open OpenAttr OpenConfirm OpenDgrd PutFH - - Read ReadDir ReadLink Remove Rename Renew RestoreFH SaveFH"
    " SecInfo SetAttr - - Verify Write RelLockOwner"
)
"""In the order of the operations' numbers (RFC 7530); those that node_exporter does not tell are not told here."""
_UNTOLD = ("-", "Null")


def _told(proto: str, methods: str) -> list[tuple[bool, Labels]]:
    names = methods.split()
    return [(name not in _UNTOLD, pairs) for name, pairs in zip(names, labelled(proto, methods), strict=True)]


_METHODS = {"proc2": _told("2", V2), "proc3": _told("3", V3), "proc4ops": _told("4", _V4)}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Nfsd:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for line, numbers in parse(self._proc.find("net/rpc/nfsd") or "", "/proc/net/rpc/nfsd").items():
            for column, name, pairs in _SINGLE.get(line, ()):
                if column < len(numbers):
                    yield Sample(name, pairs, float(numbers[column]))
            for (told, pairs), count in zip(_METHODS.get(line, ()), numbers[1:], strict=False):
                if told:
                    yield Sample("node_nfsd_requests_total", pairs, float(count))


def build(options: Options, host: HostFS) -> Nfsd:
    return Nfsd(host)
