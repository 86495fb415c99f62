"""What this host asks of NFS servers, from /proc/net/rpc/nfs (kernel net/sunrpc/stats.c, nfsstat(8))."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Sample, counter, labels
from collectors._rpc import V2, V3, labelled, parse

METRICS = (
    counter("node_nfs_packets_total", "Network packets by protocol.", "protocol"),
    counter("node_nfs_connections_total", "TCP connections made."),
    counter("node_nfs_rpcs_total", "Calls made."),
    counter("node_nfs_rpc_retransmissions_total", "Calls sent again."),
    counter("node_nfs_rpc_authentication_refreshes_total", "Times credentials were renewed."),
    counter("node_nfs_requests_total", "Calls by procedure.", "proto", "method"),
)
_V4 = (
    "Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close Setattr FsInfo Renew SetClientID"
    " SetClientIDConfirm Lock Lockt Locku Access Getattr Lookup LookupRoot Remove Rename Link Symlink Create Pathconf"
    " StatFs ReadLink ReadDir ServerCaps DelegReturn GetACL SetACL FsLocations ReleaseLockowner Secinfo FsidPresent"
    " ExchangeID CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete GetDeviceInfo LayoutGet"
    " LayoutCommit LayoutReturn SecinfoNoName TestStateID FreeStateID GetDeviceList BindConnToSession DestroyClientID"
    " Seek Allocate DeAllocate LayoutStats Clone"
)
"""In the order of the kernel's table (fs/nfs/nfs4xdr.c); newer kernels count more, unknown to node_exporter."""
_SINGLE = {
    "net": ((1, "node_nfs_packets_total", labels(protocol="udp")),
            (2, "node_nfs_packets_total", labels(protocol="tcp")), (3, "node_nfs_connections_total", NONE)),
    "rpc": ((0, "node_nfs_rpcs_total", NONE), (1, "node_nfs_rpc_retransmissions_total", NONE),
            (2, "node_nfs_rpc_authentication_refreshes_total", NONE)),
}  # fmt: skip
_METHODS = {"proc2": labelled("2", V2), "proc3": labelled("3", V3), "proc4": labelled("4", _V4)}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Nfs:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for line, numbers in parse(self._proc.find("net/rpc/nfs") or "", "/proc/net/rpc/nfs").items():
            for column, name, pairs in _SINGLE.get(line, ()):
                if column < len(numbers):
                    yield Sample(name, pairs, float(numbers[column]))
            for pairs, count in zip(_METHODS.get(line, ()), numbers[1:], strict=False):
                yield Sample("node_nfs_requests_total", pairs, float(count))


def build(options: Options, host: HostFS) -> Nfs:
    return Nfs(host)
