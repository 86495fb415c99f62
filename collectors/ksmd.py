"""Memory pages shared by the kernel's same-page merging, from /sys/kernel/mm/ksm (kernel admin-guide/mm/ksm.rst)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Sample, counter, gauge
from collectors._numbers import whole

_FILES = {
    "full_scans": (counter("node_ksmd_full_scans_total", "Times all mergeable memory was scanned."), 1.0),
    "merge_across_nodes": (gauge("node_ksmd_merge_across_nodes", "1 when pages of all nodes are merged."), 1.0),
    "pages_shared": (gauge("node_ksmd_pages_shared", "Pages that others share."), 1.0),
    "pages_sharing": (gauge("node_ksmd_pages_sharing", "Pages saved by sharing."), 1.0),
    "pages_to_scan": (gauge("node_ksmd_pages_to_scan", "Pages looked at before each sleep."), 1.0),
    "pages_unshared": (gauge("node_ksmd_pages_unshared", "Pages that are like no other."), 1.0),
    "pages_volatile": (gauge("node_ksmd_pages_volatile", "Pages that change too fast."), 1.0),
    "run": (gauge("node_ksmd_run", "0 stopped, 1 running, 2 stopped and all unmerged."), 1.0),
    "sleep_millisecs": (gauge("node_ksmd_sleep_seconds", "Seconds between two scans."), 1000.0),
}
METRICS = tuple(metric for metric, _ in _FILES.values())


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Ksmd:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys

    def collect(self) -> Iterator[Sample]:
        for file, (metric, divisor) in _FILES.items():
            value = whole(self._sys, f"kernel/mm/ksm/{file}")
            if value is not None:
                yield Sample(metric.name, NONE, value / divisor)


def build(options: Options, host: HostFS) -> Ksmd:
    return Ksmd(host)
