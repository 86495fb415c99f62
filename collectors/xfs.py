"""Counters of each mounted XFS, from /sys/fs/xfs/DEVICE/stats/stats (kernel fs/xfs/xfs_stats.h).

They are 32 bits wide in the kernel and begin again at 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Sample, counter
from collectors._numbers import counts

_LINES = {
    "extent_alloc": ("extent_allocation", "extents_allocated blocks_allocated extents_freed blocks_freed"),
    "abt": ("allocation_btree", "lookups compares records_inserted records_deleted"),
    "blk_map": (
        "block_mapping",
        "reads writes unmaps extent_list_insertions extent_list_deletions extent_list_lookups extent_list_compares",
    ),
    "bmbt": ("block_map_btree", "lookups compares records_inserted records_deleted"),
    "dir": ("directory_operation", "lookup create remove getdents"),
    "ig": ("inode_operation", "attempts found recycled missed duplicates reclaims attribute_changes"),
    "rw": ("", "write_calls read_calls"),
    "vnodes": ("vnode", "active allocate get hold release reclaim remove"),
}
"""By the first word of the line: what the metrics are called, number by number."""
_NAMES = {
    line: [f"node_xfs_{group}_{field}_total" if group else f"node_xfs_{field}_total" for field in fields.split()]
    for line, (group, fields) in _LINES.items()
}
METRICS = tuple(
    counter(name, f"Number {column} of the line {line} in XFS's statistics.", "device")
    for line, names in _NAMES.items()
    for column, name in enumerate(names, 1)
)
_BASE = "fs/xfs"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Xfs:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._device = OneLabel("device")

    def collect(self) -> Iterator[Sample]:
        for device in sorted(self._sys.list(_BASE) or ()):
            path = f"{_BASE}/{device}/stats/stats"
            for name, value in parse(self._sys.find(path) or "", f"/sys/{path}"):
                yield Sample(name, self._device[device], float(value))


def parse(text: str, where: str) -> Iterator[tuple[str, int]]:
    """(metric, value) of the lines that have a name here; fewer numbers than names is another format."""
    for line in text.splitlines():
        key, *fields = line.split() or [""]
        names = _NAMES.get(key)
        if names is None:
            continue
        if len(fields) < len(names):
            raise CollectorError(f"{where}: the line {key} has not {len(names)} numbers")
        yield from zip(names, counts(fields, where), strict=False)


def build(options: Options, host: HostFS) -> Xfs:
    return Xfs(host)
