"""Memory zones from /proc/zoneinfo (proc(5)): watermarks, reserves, and what the pages are used for, all in pages.

What the kernel counts for a whole node it writes into the node's first zone, and so it is there here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Sample, counter, gauge, labels
from collectors._numbers import counts

_PLAIN = {
    "nr_free_pages": ("nr_free_pages", "Free pages."),
    "min": ("min_pages", "Watermark below which allocations wait."),
    "low": ("low_pages", "Watermark below which memory is reclaimed."),
    "high": ("high_pages", "Watermark at which reclaiming stops."),
    "scanned": ("scanned_pages", "Pages looked at since memory was last reclaimed."),
    "spanned": ("spanned_pages", "Pages from the first to the last, holes included."),
    "present": ("present_pages", "Pages that are there."),
    "managed": ("managed_pages", "Pages that can be allocated."),
    "nr_kernel_stack": ("nr_kernel_stacks", "Kernel stacks, in KiB."),
    "nr_anon_pages": ("nr_anon_pages", "Pages of programs."),
    "nr_file_pages": ("nr_file_pages", "Pages of files."),
    "nr_anon_transparent_hugepages": ("nr_anon_transparent_hugepages", "Transparent huge pages."),
}
_PAGES = (
    "nr_active_anon nr_inactive_anon nr_isolated_anon nr_active_file nr_inactive_file nr_isolated_file"
    " nr_slab_reclaimable nr_slab_unreclaimable nr_mlock_stack nr_mapped nr_dirty nr_writeback nr_unevictable nr_shmem"
)
_COUNTED = "nr_dirtied nr_written numa_hit numa_miss numa_foreign numa_interleave numa_local numa_other"
_FIELDS = {
    **{field: gauge(f"node_zoneinfo_{name}", text, "node", "zone") for field, (name, text) in _PLAIN.items()},
    **{field: gauge(f"node_zoneinfo_{field}_pages", f"The line {field}.", "node", "zone") for field in _PAGES.split()},
    **{
        field: counter(f"node_zoneinfo_{field}_total", f"The line {field}.", "node", "zone")
        for field in _COUNTED.split()
    },
}
_PROTECTION = tuple(
    gauge(f"node_zoneinfo_protection_{zone}", f"Pages kept from requests for zone {zone}.", "node", "zone")
    for zone in range(6)
)
METRICS = (*_FIELDS.values(), *_PROTECTION)
_NAMES = {field: metric.name for field, metric in _FIELDS.items()}
_ZONE = re.compile(r"Node (\d+), zone +(\S+)", re.ASCII)
_WHERE = "/proc/zoneinfo"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Zoneinfo:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._labels: dict[str, Labels] = {}

    def collect(self) -> Iterator[Sample]:
        pairs: Labels | None = None
        for line in self._proc.read("zoneinfo").splitlines():
            if line.startswith("Node"):
                pairs = self._zone(line)
            elif pairs is not None:
                for name, value in parse(line):
                    yield Sample(name, pairs, float(value))

    def _zone(self, line: str) -> Labels:
        known = self._labels.get(line)
        if known is None:
            found = _ZONE.match(line)
            if found is None:
                raise CollectorError(f"{_WHERE}: a line is not `Node n, zone name`: {line!r:.80}")
            known = self._labels[line] = labels(node=found[1], zone=found[2])
        return known


def parse(line: str) -> Iterator[tuple[str, int]]:
    """(metric, value) of a line of a zone, none for one that has no name here."""
    fields = line.split(None, 1)
    if len(fields) != 2:
        return
    if fields[0] == "protection:":
        kept = counts(fields[1].strip("() ").split(", "), _WHERE)
        for metric, value in zip(_PROTECTION, kept, strict=False):
            yield metric.name, value
    elif (name := _NAMES.get(fields[0])) is not None:
        (value,) = counts([fields[1].strip()], _WHERE)
        yield name, value


def build(options: Options, host: HostFS) -> Zoneinfo:
    return Zoneinfo(host)
