"""ZFS: its caches and queues, and each pool's state and data sets, from /proc/spl/kstat/zfs (OpenZFS kstats).

One series for each line of a kstat: ``c_max`` of ``arcstats`` becomes ``node_zfs_arc_c_max``, so that a new version's
lines appear by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import missing
from collectors._model import CollectorError, Labels, Notice, Sample, gauge, labels, untyped
from collectors._sysfs import each, number_in

_FOLDER = "spl/kstat/zfs"
_FILES = {
    "abdstats": "node_zfs_abd_", "arcstats": "node_zfs_arc_", "dbufstats": "node_zfs_dbuf_",
    "dmu_tx": "node_zfs_dmu_tx_", "dnodestats": "node_zfs_dnode_", "fm": "node_zfs_fm_",
    "vdev_cache_stats": "node_zfs_vdev_cache_", "vdev_mirror_stats": "node_zfs_vdev_mirror_",
    "xuio_stats": "node_zfs_xuio_", "zfetchstats": "node_zfs_zfetch_", "zil": "node_zfs_zil_",
}  # fmt: skip
_POOL = "node_zfs_zpool_"
_DATASET = "node_zfs_zpool_dataset_"
_NUMBERS = frozenset({"3", "4"})
"""Types of a kstat line that are whole numbers of 64 bits, signed and unsigned."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,100}")


class PoolState(Enum):
    """Values of the label ``state`` of node_zfs_zpool_state."""

    ONLINE = "online"
    DEGRADED = "degraded"
    FAULTED = "faulted"
    OFFLINE = "offline"
    REMOVED = "removed"
    UNAVAIL = "unavail"
    SUSPENDED = "suspended"


METRICS = (
    gauge("node_zfs_zpool_state", "1 for the state the pool is in.", "zpool", "state"),
    untyped("node_zfs_arc_size", "Bytes in the cache (ARC)."),
    untyped("node_zfs_arc_c", "Size the cache aims at, in bytes."),
    untyped("node_zfs_arc_c_min", "Least size of the cache in bytes."),
    untyped("node_zfs_arc_c_max", "Greatest size of the cache in bytes."),
    untyped("node_zfs_arc_hits", "Reads the cache could answer, a count."),
    untyped("node_zfs_arc_misses", "Reads it could not, a count."),
    untyped("node_zfs_arc_memory_throttle_count", "Times ZFS held back because memory was short, a count."),
    untyped("node_zfs_arc_l2_io_error", "Errors of the second level cache, a count."),
    untyped("node_zfs_arc_l2_cksum_bad", "Wrong checksums in the second level cache, a count."),
    untyped("node_zfs_zil_zil_commit_count", "Commits to the intent log, a count."),
    *(
        untyped(f"{_DATASET}{name}", f"{what} of a data set.", "zpool", "dataset")
        for name, what in (
            ("reads", "Reads, a count,"), ("writes", "Writes, a count,"), ("nread", "Bytes read"),
            ("nwritten", "Bytes written"), ("nunlinked", "Files being removed"), ("nunlinks", "Files removed"),
        )
    ),
    *(
        untyped(f"{_POOL}{name}", f"{what} of a pool (OpenZFS before 2.0).", "zpool")
        for name, what in (
            ("nread", "Bytes read"), ("nwritten", "Bytes written"), ("reads", "Reads, a count,"),
            ("writes", "Writes, a count,"), ("wtime", "Nanoseconds of waiting"), ("rtime", "Nanoseconds of service"),
            ("wcnt", "Requests waiting"), ("rcnt", "Requests in service"),
        )
    ),
)  # fmt: skip
"""What rules use; the other lines of the kstats are there under the same naming, undescribed."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Pools that ought to be there; a missing one is a warning", examples=[["tank"]]),
    ] = ()


def parse(text: str) -> Iterator[tuple[str, str, str]]:
    """(name, type, data) of the lines below ``name type data``."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.split() == ["name", "type", "data"]:
            break
    else:
        raise CollectorError("a kstat has no line `name type data` (is the version of ZFS a new one?)")
    for line in lines:
        fields = line.split(None, 2)
        if len(fields) == 3:
            yield fields[0], fields[1], fields[2].strip()


def numbers(text: str, prefix: str, pairs: Labels) -> Iterator[Sample]:
    """Samples of the whole numbers in a kstat."""
    for name, kind, data in parse(text):
        value = number_in(data) if kind in _NUMBERS and _NAME.fullmatch(name) else None
        if value is not None:
            yield Sample(prefix + name.replace("-", "_"), pairs, float(value))


class Zfs:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._proc = host.proc
        self._expect = options.expect

    def collect(self) -> Iterator[Sample | Notice]:
        entries = sorted(self._proc.list(_FOLDER) or ())
        pools = [name for name in entries if self._proc.info(f"{_FOLDER}/{name}/state") is not None]
        yield from each([file for file in entries if file in _FILES] + pools, self._entry)
        yield from missing("pool", self._expect, pools)

    def _entry(self, name: str) -> Iterator[Sample]:
        return self._kstat(name) if name in _FILES else self._pool(name)

    def _kstat(self, file: str) -> Iterator[Sample]:
        text = self._proc.find(f"{_FOLDER}/{file}")
        if text:
            yield from numbers(text, _FILES[file], ())

    def _pool(self, pool: str) -> Iterator[Sample]:
        state = (self._proc.find(f"{_FOLDER}/{pool}/state") or "").strip().lower()
        if state:
            for each_state in PoolState:
                pairs = labels(zpool=pool, state=each_state.value)
                yield Sample("node_zfs_zpool_state", pairs, float(state == each_state.value))
        yield from self._io(pool)
        for file in sorted(self._proc.list(f"{_FOLDER}/{pool}") or ()):
            if file.startswith("objset-"):
                yield from self._dataset(pool, self._proc.find(f"{_FOLDER}/{pool}/{file}"))

    def _io(self, pool: str) -> Iterator[Sample]:
        lines = [line.split() for line in (self._proc.find(f"{_FOLDER}/{pool}/io") or "").splitlines()]
        for names, values in pairwise(lines):
            if names[:1] == ["nread"]:
                for name, value in zip(names, map(number_in, values), strict=False):
                    if value is not None and _NAME.fullmatch(name):
                        yield Sample(_POOL + name, (("zpool", pool),), float(value))
                return

    @staticmethod
    def _dataset(pool: str, text: str | None) -> Iterator[Sample]:
        if text:
            name = next((data for name, _, data in parse(text) if name == "dataset_name"), "")
            yield from numbers(text, _DATASET, labels(zpool=pool, dataset=name))


def build(options: Options, host: HostFS) -> Zfs:
    return Zfs(options, host)
