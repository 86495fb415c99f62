"""Caches of kernel objects from /proc/slabinfo (slabinfo(5)), which only root may read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Notice, Sample, gauge
from collectors._numbers import counts

METRICS = (
    gauge("node_slabinfo_active_objects", "Objects in use.", "slab"),
    gauge("node_slabinfo_objects", "Objects there is room for.", "slab"),
    gauge("node_slabinfo_object_size_bytes", "Size of an object in bytes.", "slab"),
    gauge("node_slabinfo_objects_per_slab", "Objects in a slab.", "slab"),
    gauge("node_slabinfo_pages_per_slab", "Pages of a slab.", "slab"),
)
_TITLES = 2


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which caches are told."""

    slabs_include: Annotated[str, Meta(description="RE2 searched for in names; those that match are told")] = ""
    slabs_exclude: Annotated[str, Meta(description="RE2 searched for in names; those that match are left out")] = ""


class Slabinfo:
    def __init__(self, host: HostFS, keep: NameFilter) -> None:
        self._proc = host.proc
        self._keep = keep
        self._slab = OneLabel("slab")

    def collect(self) -> Iterator[Sample | Notice]:
        for line in self._proc.read("slabinfo").splitlines()[_TITLES:]:
            name, _, rest = line.partition(" ")
            if not self._keep.keeps(name):
                continue
            numbers = counts(rest.split(None, len(METRICS))[: len(METRICS)], "/proc/slabinfo")
            if len(numbers) != len(METRICS):
                raise CollectorError(f"/proc/slabinfo: a line is not a name and {len(METRICS)} numbers: {line!r:.80}")
            pairs = self._slab[name]
            for metric, number in zip(METRICS, numbers, strict=True):
                yield Sample(metric.name, pairs, float(number))
        yield from self._keep.all_left_out("cache")


def build(options: Options, host: HostFS) -> Slabinfo:
    if options.slabs_include and options.slabs_exclude:
        raise ValueError("slabs_include and slabs_exclude cannot both be given; keep one")
    return Slabinfo(host, NameFilter.of("slabs", include=options.slabs_include, exclude=options.slabs_exclude))
