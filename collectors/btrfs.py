"""Space and health of mounted btrfs file systems, from /sys/fs/btrfs (btrfs(5), "SYSFS INTERFACE").

node_exporter asks for device errors by ioctl, which needs the file system opened; here they come from ``devinfo``
(Linux 5.14 and later), which a mount that hangs cannot block. sysfs names a device there by its number, so errors
have ``devid``, and ``device`` as well where the file system has a single one.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import Sample, counter, gauge, labels
from collectors._sysfs import TextLabels, each, number_in

_SECTOR = 512
_MILLISECOND = 0.001
_COPIES = {"single": 1, "raid0": 1, "dup": 2, "raid1": 2, "raid10": 2, "raid1c3": 3, "raid1c4": 4}
_PARITY = {"raid5": 1, "raid6": 2}
_COMMITS = {
    "commits": ("node_btrfs_commits_total", 1.0),
    "last_commit_ms": ("node_btrfs_last_commit_seconds", _MILLISECOND),
    "max_commit_ms": ("node_btrfs_max_commit_seconds", _MILLISECOND),
    "total_commit_ms": ("node_btrfs_commit_seconds_total", _MILLISECOND),
}
_USAGE = ("uuid", "block_group_type", "mode")
METRICS = (
    gauge("node_btrfs_info", "Label of the file system; always 1.", "uuid", "label"),
    gauge("node_btrfs_global_rsv_size_bytes", "Reserve for operations that must not fail, in bytes.", "uuid"),
    counter("node_btrfs_commits_total", "Transactions committed since the mount.", "uuid"),
    gauge("node_btrfs_last_commit_seconds", "Duration of the last commit in seconds.", "uuid"),
    gauge("node_btrfs_max_commit_seconds", "Duration of the slowest commit in seconds.", "uuid"),
    counter("node_btrfs_commit_seconds_total", "Duration of all commits in seconds.", "uuid"),
    gauge("node_btrfs_reserved_bytes", "Bytes reserved for a type of data.", "uuid", "block_group_type"),
    gauge("node_btrfs_used_bytes", "Bytes used, by type of data and profile.", *_USAGE),
    gauge("node_btrfs_size_bytes", "Bytes allocated, by type of data and profile.", *_USAGE),
    gauge("node_btrfs_allocation_ratio", "Bytes on disk for each byte of data, by profile.", *_USAGE),
    gauge("node_btrfs_device_size_bytes", "Size of a device of the file system in bytes.", "uuid", "device"),
    gauge("node_btrfs_device_missing", "1 when a device of the file system is gone.", "uuid", "devid", "device"),
    counter(
        "node_btrfs_device_errors_total",
        "Errors of a device: write, read, flush, corruption or generation.",
        *("uuid", "devid", "device", "type"),
    ),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def parse_pairs(text: str) -> dict[str, int]:
    """``name number`` lines: commit_stats, error_stats. Others are left out."""
    fields = (line.split() for line in text.splitlines())
    return {pair[0]: number for pair in fields if len(pair) == 2 and (number := number_in(pair[1])) is not None}


def allocation_ratio(profile: str, devices: int) -> float | None:
    """Bytes on disk for each byte of data; None for a profile that is not known."""
    if profile in _COPIES:
        return float(_COPIES[profile])
    parity = _PARITY.get(profile)
    return devices / (devices - parity) if parity and devices > parity else None


class Btrfs:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._info = TextLabels("uuid", "label")

    def collect(self) -> Iterator[Sample]:
        # Beside the file systems there is only `features`, which has no allocation, and no `-` in its name.
        return each((name for name in sorted(self._sys.list("fs/btrfs") or ()) if "-" in name), self._filesystem)

    def _filesystem(self, uuid: str) -> Iterator[Sample]:
        folder = f"fs/btrfs/{uuid}"
        devices = sorted(self._sys.list(f"{folder}/devices") or ())
        if not devices:  # unmounted since the list was read
            return
        pairs = labels(uuid=uuid)
        yield Sample("node_btrfs_info", self._info.of(uuid, self._sys.attribute(f"{folder}/label") or ""), 1.0)
        reserve = number_in(self._sys.attribute(f"{folder}/allocation/global_rsv_size"))
        if reserve is not None:
            yield Sample("node_btrfs_global_rsv_size_bytes", pairs, float(reserve))
        commits = parse_pairs(self._sys.attribute(f"{folder}/commit_stats") or "")
        for key, (name, factor) in _COMMITS.items():
            if key in commits:
                yield Sample(name, pairs, commits[key] * factor)
        for kind in ("data", "metadata", "system"):
            yield from self._allocation(uuid, f"{folder}/allocation/{kind}", kind, len(devices))
        for device in devices:
            sectors = number_in(self._sys.attribute(f"{folder}/devices/{device}/size"))
            if sectors is not None:
                size = float(sectors * _SECTOR)
                yield Sample("node_btrfs_device_size_bytes", labels(uuid=uuid, device=device), size)
        yield from self._health(uuid, f"{folder}/devinfo", devices[0] if len(devices) == 1 else "")

    def _allocation(self, uuid: str, folder: str, kind: str, devices: int) -> Iterator[Sample]:
        reserved = number_in(self._sys.attribute(f"{folder}/bytes_reserved"))
        if reserved is not None:
            yield Sample("node_btrfs_reserved_bytes", labels(uuid=uuid, block_group_type=kind), float(reserved))
        for mode in sorted(self._sys.list(folder) or ()):
            total = number_in(self._sys.attribute(f"{folder}/{mode}/total_bytes"))
            used = number_in(self._sys.attribute(f"{folder}/{mode}/used_bytes"))
            ratio = allocation_ratio(mode, devices)
            pairs = labels(uuid=uuid, block_group_type=kind, mode=mode)
            if used is not None:
                yield Sample("node_btrfs_used_bytes", pairs, float(used))
            if total is not None:
                yield Sample("node_btrfs_size_bytes", pairs, float(total))
                if ratio is not None:
                    yield Sample("node_btrfs_allocation_ratio", pairs, ratio)

    def _health(self, uuid: str, folder: str, device: str) -> Iterator[Sample]:
        for devid in sorted(self._sys.list(folder) or ()):
            gone = number_in(self._sys.attribute(f"{folder}/{devid}/missing"))
            if gone is not None:
                pairs = labels(uuid=uuid, devid=devid, device=device)
                yield Sample("node_btrfs_device_missing", pairs, float(gone))
            errors = parse_pairs(self._sys.attribute(f"{folder}/{devid}/error_stats") or "")
            for key, count in errors.items():
                kind = key.removesuffix("_errs")
                pairs = labels(uuid=uuid, devid=devid, device=device, type=kind)
                yield Sample("node_btrfs_device_errors_total", pairs, float(count))


def build(options: Options, host: HostFS) -> Btrfs:
    return Btrfs(host)
