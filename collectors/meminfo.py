"""Memory from /proc/meminfo (proc(5)): one gauge for each line, so that a new kernel's lines appear by themselves.

``MemTotal: 24684096 kB`` becomes ``node_memory_MemTotal_bytes``; ``Active(anon)`` becomes ``Active_anon``; lines
without a unit (HugePages_Total) have no ``_bytes`` suffix.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, gauge

_NAMED = (
    gauge("node_memory_MemTotal_bytes", "Usable memory in bytes."),
    gauge("node_memory_MemFree_bytes", "Memory nobody uses in bytes."),
    gauge(
        "node_memory_MemAvailable_bytes", "Estimate of the memory a new program can have without swapping, in bytes."
    ),
    gauge("node_memory_Buffers_bytes", "Block device buffers in bytes."),
    gauge("node_memory_Cached_bytes", "Page cache in bytes."),
    gauge("node_memory_SwapTotal_bytes", "Swap space in bytes."),
    gauge("node_memory_SwapFree_bytes", "Unused swap space in bytes."),
    gauge("node_memory_Slab_bytes", "Kernel data structures cache in bytes."),
    gauge("node_memory_SReclaimable_bytes", "Part of the slab that can be reclaimed, in bytes."),
    gauge("node_memory_Dirty_bytes", "Memory that waits to be written to disk, in bytes."),
    gauge("node_memory_Committed_AS_bytes", "Memory promised to programs, in bytes."),
    gauge("node_memory_CommitLimit_bytes", "Memory that may be promised in strict mode, in bytes."),
    gauge("node_memory_HardwareCorrupted_bytes", "Memory the kernel has taken out of use as broken, in bytes."),
)
"""The lines rules use."""

_IN_BYTES = (
    "SwapCached", "Active", "Inactive", "Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)",
    "Unevictable", "Mlocked", "Zswap", "Zswapped", "Writeback", "AnonPages", "Mapped", "Shmem", "KReclaimable",
    "SUnreclaim", "KernelStack", "PageTables", "SecPageTables", "NFS_Unstable", "Bounce", "WritebackTmp",
    "VmallocTotal", "VmallocUsed", "VmallocChunk", "Percpu", "AnonHugePages", "ShmemHugePages", "ShmemPmdMapped",
    "FileHugePages", "FilePmdMapped", "CmaTotal", "CmaFree", "Unaccepted", "Balloon", "Hugepagesize", "Hugetlb",
    "DirectMap4k", "DirectMap2M", "DirectMap4M", "DirectMap1G",
)  # fmt: skip
_COUNTS = ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp")
_REMEMBERED = 512


def metric_name(key: str, has_unit: bool) -> str:
    suffix = "_bytes" if has_unit else ""
    return f"node_memory_{key.replace('(', '_').replace(')', '')}{suffix}"


METRICS = (
    *_NAMED,
    *(gauge(metric_name(key, True), f"The line {key} of /proc/meminfo, in bytes.") for key in _IN_BYTES),
    *(gauge(metric_name(key, False), f"The line {key} of /proc/meminfo, a count of pages.") for key in _COUNTS),
)
"""What kernels up to 6.12 show; the lines of a newer one are there under the same naming, undescribed."""
_DIGITS = 20
"""As many as 2**64 has."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Meminfo:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._names: dict[tuple[str, bool], str] = {}

    def collect(self) -> Iterator[Sample]:
        for key, value, has_unit in parse(self._proc.read("meminfo")):
            name = self._names.get((key, has_unit))
            if name is None:
                name = metric_name(key, has_unit)
                if len(self._names) < _REMEMBERED:
                    self._names[key, has_unit] = name
            yield Sample(name, NONE, value)


def parse(text: str) -> Iterator[tuple[str, float, bool]]:
    """(key, value, has a unit) of each line; a value with the unit kB is given in bytes."""
    for line in text.splitlines():
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2 or not fields[1].isdecimal() or len(fields[1]) > _DIGITS:
            raise CollectorError(f"/proc/meminfo: a line is not `Name: number [kB]`: {line!r:.80}")
        if len(fields) == 2:
            yield fields[0].rstrip(":"), float(fields[1]), False
        elif fields[2] == "kB":
            yield fields[0].rstrip(":"), float(int(fields[1]) * 1024), True
        else:
            raise CollectorError(f"/proc/meminfo: unknown unit {fields[2]!r:.20} of {fields[0]!r:.40}")


def build(options: Options, host: HostFS) -> Meminfo:
    return Meminfo(host)
