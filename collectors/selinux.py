"""SELinux from its file system /sys/fs/selinux, and the mode of the next boot from /etc/selinux/config.

A host whose kernel runs without SELinux has no series; node_exporter gives ``node_selinux_enabled`` 0 there.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, counter, gauge
from collectors._numbers import counts, whole

_CACHE = {
    "lookups": counter("node_selinux_avc_lookups_total", "Decisions looked up in the cache."),
    "hits": counter("node_selinux_avc_hits_total", "Decisions the cache had."),
    "misses": counter("node_selinux_avc_misses_total", "Decisions the cache did not have."),
    "allocations": counter("node_selinux_avc_allocations_total", "Entries made."),
    "reclaims": counter("node_selinux_avc_reclaims_total", "Entries given up to make room."),
    "frees": counter("node_selinux_avc_frees_total", "Entries freed."),
}
_HASH = {
    "entries": gauge("node_selinux_avc_hash_entries", "Entries in the cache."),
    "buckets available": gauge("node_selinux_avc_hash_buckets_available", "Buckets of the cache."),
    "buckets used": gauge("node_selinux_avc_hash_buckets_used", "Buckets with an entry."),
    "longest chain": gauge("node_selinux_avc_hash_longest_chain", "Entries in the fullest bucket."),
}
METRICS = (
    gauge("node_selinux_enabled", "1 where SELinux runs."),
    gauge("node_selinux_config_mode", "Configured mode: 1 enforcing, 0 permissive, -1 disabled."),
    gauge("node_selinux_current_mode", "Mode in force: 1 enforcing, 0 permissive."),
    *_CACHE.values(),
    *_HASH.values(),
    gauge("node_selinux_avc_threshold", "Entries above which room is made."),
)
_BASE = "fs/selinux"
_MODES = {"enforcing": 1.0, "permissive": 0.0, "disabled": -1.0}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Selinux:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._root = host.root

    def collect(self) -> Iterator[Sample]:
        current = whole(self._sys, f"{_BASE}/enforce")
        if current is None:
            return
        yield Sample("node_selinux_enabled", NONE, 1.0)
        yield Sample("node_selinux_current_mode", NONE, current)
        configured = parse_config(self._root.find("etc/selinux/config") or "")
        if configured is not None:
            yield Sample("node_selinux_config_mode", NONE, configured)
        for column, total in parse_cache(self._sys.find(f"{_BASE}/avc/cache_stats") or "").items():
            if column in _CACHE:
                yield Sample(_CACHE[column].name, NONE, float(total))
        for name, value in parse_hash(self._sys.find(f"{_BASE}/avc/hash_stats") or "").items():
            if name in _HASH:
                yield Sample(_HASH[name].name, NONE, float(value))
        threshold = whole(self._sys, f"{_BASE}/avc/cache_threshold")
        if threshold is not None:
            yield Sample("node_selinux_avc_threshold", NONE, threshold)


def parse_config(text: str) -> float | None:
    """The mode in ``SELINUX=...``; None when there is no such line or its mode is none."""
    modes = [line.partition("=")[2].strip() for line in text.splitlines() if line.startswith("SELINUX=")]
    return _MODES.get(modes[-1].lower()) if modes else None


def parse_cache(text: str) -> dict[str, int]:
    """The sum over all CPUs of each column, by its title."""
    titles, *rows = [line.split() for line in text.splitlines()] or [[]]
    values = [counts(row, f"/sys/{_BASE}/avc/cache_stats") for row in rows]
    if any(len(row) != len(titles) for row in values):
        raise CollectorError(f"/sys/{_BASE}/avc/cache_stats: a row has not as many values as there are titles")
    return {title: sum(row[column] for row in values) for column, title in enumerate(titles)} if values else {}


def parse_hash(text: str) -> dict[str, int]:
    """Lines ``name: number``; ``buckets used: 270/512`` is two of them."""
    found: dict[str, int] = {}
    where = f"/sys/{_BASE}/avc/hash_stats"
    for line in text.splitlines():
        name, _, value = line.partition(":")
        numbers = counts(value.strip().split("/"), where)
        found[name] = numbers[0]
        if name == "buckets used" and len(numbers) == 2:
            found["buckets available"] = numbers[1]
    return found


def build(options: Options, host: HostFS) -> Selinux:
    return Selinux(host)
