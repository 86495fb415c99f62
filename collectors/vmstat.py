"""Activity of virtual memory from /proc/vmstat: page faults, paging, swapping, processes ended for want of memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Notice, Sample, untyped

METRICS = (
    untyped("node_vmstat_oom_kill", "Processes ended because memory ran out, a count."),
    untyped("node_vmstat_pgfault", "Page faults, a count."),
    untyped("node_vmstat_pgmajfault", "Page faults that had to read from a disk, a count."),
    untyped("node_vmstat_pgpgin", "Kibibytes read from block devices, a count."),
    untyped("node_vmstat_pgpgout", "Kibibytes written to block devices, a count."),
    untyped("node_vmstat_pswpin", "Pages read from swap, a count."),
    untyped("node_vmstat_pswpout", "Pages written to swap, a count."),
)
"""What the default of ``fields`` lets through; other lines of the kernel follow the same naming, undescribed."""
FIELDS = "^(oom_kill|pgpg|pswp|pg.*fault).*"
_REMEMBERED = 1024


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which lines of /proc/vmstat are told."""

    fields: Annotated[
        str, Meta(description="RE2 searched for in the names of the lines; those that match are told")
    ] = FIELDS


class Vmstat:
    def __init__(self, host: HostFS, keep: NameFilter) -> None:
        self._proc = host.proc
        self._keep = keep
        self._names: dict[str, str | None] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        names = self._names
        for line in self._proc.read("vmstat").splitlines():
            field, _, text = line.partition(" ")
            try:
                name = names[field]
            except KeyError:
                if len(names) >= _REMEMBERED:
                    raise CollectorError(f"/proc/vmstat: more than {_REMEMBERED} different lines") from None
                name = names[field] = f"node_vmstat_{field}" if self._keep.keeps(field) else None
            if name is None:
                continue
            if not text.isdecimal():
                raise CollectorError(f"/proc/vmstat: {field!r:.40} is not followed by a number: {text!r:.40}")
            yield Sample(name, NONE, float(text))
        yield from self._keep.all_left_out("field")


def build(options: Options, host: HostFS) -> Vmstat:
    return Vmstat(host, NameFilter.choosing("fields", options.fields, shipped=FIELDS))
