"""Memory of each NUMA node from /sys/devices/system/node/nodeN/meminfo and numastat (kernel numastat.rst).

A gauge for each line, named as in the collector ``meminfo``; what numastat counts are counters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Sample, counter, gauge
from collectors._numbers import counts

_GAUGES = (
    "MemTotal MemFree MemUsed SwapCached Active Inactive Active_anon Inactive_anon Active_file Inactive_file"
    " Unevictable Mlocked Dirty Writeback FilePages Mapped AnonPages Shmem KernelStack PageTables SecPageTables"
    " NFS_Unstable Bounce WritebackTmp KReclaimable Slab SReclaimable SUnreclaim AnonHugePages ShmemHugePages"
    " ShmemPmdMapped FileHugePages FilePmdMapped Unaccepted HugePages_Total HugePages_Free HugePages_Surp Balloon"
)
_COUNTERS = {
    "numa_hit": "Pages allocated where they were wanted.",
    "numa_miss": "Pages allocated here that were wanted elsewhere.",
    "numa_foreign": "Pages wanted here that were allocated elsewhere.",
    "interleave_hit": "Interleaved pages allocated where they were wanted.",
    "local_node": "Pages allocated by a process that ran here.",
    "other_node": "Pages allocated by a process that ran elsewhere.",
}
METRICS = (
    *(gauge(f"node_memory_numa_{name}", f"The line {name} of a node; bytes but for HugePages.", "node")
      for name in _GAUGES.split()),
    *(counter(f"node_memory_numa_{name}_total", text, "node") for name, text in _COUNTERS.items()),
)  # fmt: skip
"""The lines of today's kernels; another one follows the same naming, undescribed."""
_BASE = "devices/system/node"
_NODE = re.compile(r"node(\d+)", re.ASCII)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class MeminfoNuma:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._node = OneLabel("node")

    def collect(self) -> Iterator[Sample]:
        for found in filter(None, map(_NODE.fullmatch, sorted(self._sys.list(_BASE) or ()))):
            pairs = self._node[found[1]]
            for name, value in parse(self._sys.find(f"{_BASE}/{found[0]}/meminfo") or ""):
                yield Sample(f"node_memory_numa_{name}", pairs, float(value))
            for line in (self._sys.find(f"{_BASE}/{found[0]}/numastat") or "").splitlines():
                name, _, number = line.partition(" ")
                (pages,) = counts([number.strip()], f"{found[0]}/numastat")
                yield Sample(f"node_memory_numa_{name}_total", pairs, float(pages))


def parse(text: str) -> Iterator[tuple[str, int]]:
    """(name, value) of each line ``Node 0 Active(anon): 12 kB``; kB are given in bytes."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) not in (4, 5) or fields[4:] not in ([], ["kB"]):
            raise CollectorError(f"nodeN/meminfo: a line is not `Node n Name: number [kB]`: {line!r:.80}")
        (number,) = counts([fields[3]], "nodeN/meminfo")
        yield fields[2].rstrip(":").replace("(", "_").replace(")", ""), number * (1024 if fields[4:] else 1)


def build(options: Options, host: HostFS) -> MeminfoNuma:
    return MeminfoNuma(host)
