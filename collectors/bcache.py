"""Block caches, from /sys/fs/bcache (kernel Documentation/admin-guide/bcache.rst).

Sizes there are written for people (``1.4k``, ``500.0M``), so they are as exact as one digit after the point allows;
node_exporter reads that digit differently, by up to 1 %. It also takes the microseconds of a btree read for
nanoseconds; here ``node_bcache_btree_read_average_duration_seconds`` is in seconds.

Statistics of how old the buckets are cost the kernel a sort of all of them at each reading, and are left out, as
node_exporter does unless it is told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import Labels, Metric, Sample, counter, gauge, labels
from collectors._sysfs import each

_MICRO = 1e-6
_UUID = ("uuid",)
_BACKING = ("uuid", "backing_device")
_CACHE = ("uuid", "cache_device")
_SET: tuple[tuple[str, Metric], ...] = (
    ("average_key_size", gauge("node_bcache_average_key_size_sectors", "Data for each key in sectors.", *_UUID)),
    ("btree_cache_size", gauge("node_bcache_btree_cache_size_bytes", "Memory the btree uses in bytes.", *_UUID)),
    ("cache_available_percent",
     gauge("node_bcache_cache_available_percent", "Part of the cache without dirty data, in percent.", *_UUID)),
    ("congested", gauge("node_bcache_congested", "How congested the cache is.", *_UUID)),
    ("root_usage_percent",
     gauge("node_bcache_root_usage_percent", "Part of the root node in use, in percent.", *_UUID)),
    ("tree_depth", gauge("node_bcache_tree_depth", "Depth of the btree.", *_UUID)),
    ("internal/active_journal_entries",
     gauge("node_bcache_active_journal_entries", "Journal entries newer than the index.", *_UUID)),
    ("internal/btree_nodes", gauge("node_bcache_btree_nodes", "Nodes in the btree.", *_UUID)),
    ("internal/cache_read_races",
     counter("node_bcache_cache_read_races_total", "Buckets reused while they were read.", *_UUID)),
)  # fmt: skip
_READ_DURATION = gauge(
    "node_bcache_btree_read_average_duration_seconds", "Average time of a btree read in seconds.", *_UUID
)
_DIRTY = gauge("node_bcache_dirty_data_bytes", "Data of a disk not written back yet, in bytes.", *_BACKING)
_WRITEBACK: tuple[tuple[str, Metric], ...] = (
    ("target", gauge("node_bcache_dirty_target_bytes", "Dirty data aimed at, in bytes.", *_BACKING)),
    ("rate", gauge("node_bcache_writeback_rate", "Bytes written back per second.", *_BACKING)),
    ("proportional",
     gauge("node_bcache_writeback_rate_proportional_term", "Proportional part of that rate.", *_BACKING)),
    ("integral", gauge("node_bcache_writeback_rate_integral_term", "Integral part of that rate.", *_BACKING)),
    ("change", gauge("node_bcache_writeback_change", "Last change of that rate.", *_BACKING)),
)  # fmt: skip
_TOTAL: tuple[tuple[str, Metric], ...] = (
    ("bypassed", counter("node_bcache_bypassed_bytes_total", "Bytes that went past the cache.", *_BACKING)),
    ("cache_hits", counter("node_bcache_cache_hits_total", "Requests the cache could answer.", *_BACKING)),
    ("cache_misses", counter("node_bcache_cache_misses_total", "Requests it could not.", *_BACKING)),
    ("cache_bypass_hits",
     counter("node_bcache_cache_bypass_hits_total", "Hits of requests meant to go past it.", *_BACKING)),
    ("cache_bypass_misses",
     counter("node_bcache_cache_bypass_misses_total", "Misses of requests meant to go past it.", *_BACKING)),
    ("cache_miss_collisions",
     counter("node_bcache_cache_miss_collisions_total", "Insertions that lost against a write.", *_BACKING)),
    ("cache_readaheads", counter("node_bcache_cache_readaheads_total", "Reads ahead.", *_BACKING)),
)  # fmt: skip
_DEVICE: tuple[tuple[str, Metric], ...] = (
    ("io_errors", gauge("node_bcache_io_errors", "Errors of a cache device, fading with time.", *_CACHE)),
    ("metadata_written",
     counter("node_bcache_metadata_written_bytes_total", "Bytes of metadata written to it.", *_CACHE)),
    ("written", counter("node_bcache_written_bytes_total", "Bytes of data written to it.", *_CACHE)),
)  # fmt: skip
METRICS = (
    *(metric for _, metric in _SET),
    _READ_DURATION,
    _DIRTY,
    *(metric for columns in (_WRITEBACK, _TOTAL, _DEVICE) for _, metric in columns),
)
_HUMAN = re.compile(r"(-?[0-9]{1,20})(?:\.([0-9]{1,3}))?([kMGTPEZY]?)(?:/sec)?")
_POWERS = {unit: 1024**power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E", "Z", "Y"))}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def size(text: str | None) -> float | None:
    """``1.4k`` as 1433.6: a number as the kernel writes it for people, in steps of 1024."""
    found = _HUMAN.fullmatch(text or "")
    return float(f"{found[1]}.{found[2] or 0}") * _POWERS[found[3]] if found else None


def parse_rate(text: str) -> dict[str, float]:
    """The ``name: value`` lines of writeback_rate_debug, with the values as numbers."""
    pairs = (line.partition(":")[::2] for line in text.splitlines())
    return {name.strip(): value for name, given in pairs if (value := size(given.strip())) is not None}


class Bcache:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys

    def collect(self) -> Iterator[Sample]:
        # Beside the cache sets there are only the files that register devices.
        return each((name for name in sorted(self._sys.list("fs/bcache") or ()) if "-" in name), self._set)

    def _set(self, uuid: str) -> Iterator[Sample]:
        folder = f"fs/bcache/{uuid}"
        entries = self._sys.list(folder)
        if not entries:
            return
        pairs = labels(uuid=uuid)
        yield from self._columns(folder, _SET, pairs)
        duration = size(self._sys.attribute(f"{folder}/internal/btree_read_average_duration_us"))
        if duration is not None:
            yield Sample(_READ_DURATION.name, pairs, duration * _MICRO)
        for entry in sorted(entries):
            if entry.startswith("bdev"):
                yield from self._backing(f"{folder}/{entry}", labels(uuid=uuid, backing_device=entry))
            elif entry.startswith("cache") and entry[5:].isdecimal():
                yield from self._columns(f"{folder}/{entry}", _DEVICE, labels(uuid=uuid, cache_device=entry))

    def _backing(self, folder: str, pairs: Labels) -> Iterator[Sample]:
        dirty = size(self._sys.attribute(f"{folder}/dirty_data"))
        if dirty is not None:
            yield Sample(_DIRTY.name, pairs, dirty)
        told = parse_rate(self._sys.attribute(f"{folder}/writeback_rate_debug") or "")
        for key, metric in _WRITEBACK:
            if key in told:
                yield Sample(metric.name, pairs, told[key])
        yield from self._columns(f"{folder}/stats_total", _TOTAL, pairs)

    def _columns(self, folder: str, columns: tuple[tuple[str, Metric], ...], pairs: Labels) -> Iterator[Sample]:
        for file, metric in columns:
            value = size(self._sys.attribute(f"{folder}/{file}"))
            if value is not None:
                yield Sample(metric.name, pairs, value)


def build(options: Options, host: HostFS) -> Bcache:
    return Bcache(host)
