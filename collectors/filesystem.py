"""Space and inodes of each mounted file system: mountinfo (proc(5)) and statvfs(3).

statvfs of a mount whose server is gone may never return. Each call runs on a daemon thread; one that does not return in
time marks its mount with ``device_error="mountpoint timeout"``, and the mount is not asked again until that call
returns. A mount in error has only ``readonly`` and ``device_error``; absent is what cannot be known.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import missing
from collectors._model import CollectorError, Labels, Notice, Sample, gauge, labels
from collectors._mountinfo import Mount, parse, reachable
from collectors._workers import Batch, Call, Workers

MOUNT_POINTS_EXCLUDE = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
FS_TYPES_EXCLUDE = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc"
    "|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$"
)
STUCK_LIMIT = 4
"""Threads that may hang at once. Beyond that a mount is not asked at all, and says so."""
PATIENCE = 0.2
TIMED_OUT = "mountpoint timeout"
NO_THREAD = "not asked: too many other mounts hang"

_LABELS = ("device", "mountpoint", "fstype", "device_error")
METRICS = (
    gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", *_LABELS),
    gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", *_LABELS),
    gauge("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", *_LABELS),
    gauge("node_filesystem_files", "Filesystem total file nodes.", *_LABELS),
    gauge("node_filesystem_files_free", "Filesystem total free file nodes.", *_LABELS),
    gauge("node_filesystem_readonly", "Filesystem read-only status.", *_LABELS),
    gauge("node_filesystem_device_error", "Whether the statistics of the given device could not be had.", *_LABELS),
    gauge("node_filesystem_mount_info", "Mount information; always 1.", "device", "mountpoint", "major", "minor"),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which mounts are told, by an include or an exclude for each, not both, and how long one may take to answer."""

    mount_points_exclude: Annotated[
        str | None,
        Meta(
            description="RE2 searched for in mount points; those that match are left out. Not set: those of the "
            "system's own and of containers, unless there is an include. Empty: nothing is left out",
            examples=["^/(dev|proc|sys|mnt/backup)($|/)"],
        ),
    ] = None
    mount_points_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in mount points; only those that match are told. Empty: all but the excluded",
            examples=["^/(srv|var)($|/)"],
        ),
    ] = ""
    fs_types_exclude: Annotated[
        str | None,
        Meta(
            description="RE2 searched for in file system types; mounts that match are left out. Not set: those that "
            "hold no files on a disk, unless there is an include. Empty: nothing is left out",
            examples=["^(tmpfs|overlay|squashfs)$"],
        ),
    ] = None
    fs_types_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in file system types; only mounts that match are told. Empty: all but the "
            "excluded",
            examples=["^(ext4|xfs)$"],
        ),
    ] = ""
    mount_timeout_seconds: Annotated[
        float,
        Meta(
            ge=0.05,
            le=3.0,
            description="Seconds one mount may take to answer before it counts as hung "
            "(`node_filesystem_device_error` 1)",
            examples=[0.5],
        ),
    ] = 2.0
    expect: Annotated[
        tuple[str, ...],
        Meta(description="Mount points that ought to be there; a missing one is a warning", examples=[["/data"]]),
    ] = ()


class _MountLabels:
    """Labels of one mount, made once."""

    __slots__ = ("error", "info", "well")

    def __init__(self, mount: Mount) -> None:
        self.well = labels(device=mount.device, mountpoint=mount.mountpoint, fstype=mount.fstype)
        self.info = labels(device=mount.device, mountpoint=mount.mountpoint, major=mount.major, minor=mount.minor)
        self.error: tuple[str, Labels] = ("", self.well)

    def broken(self, mount: Mount, reason: str) -> Labels:
        if self.error[0] != reason:
            self.error = (
                reason,
                labels(device=mount.device, mountpoint=mount.mountpoint, fstype=mount.fstype, device_error=reason),
            )
        return self.error[1]


class Filesystem:
    def __init__(self, options: Options, host: HostFS, points: NameFilter, types: NameFilter) -> None:
        self._host = host
        self._options = options
        self._points = points
        self._types = types
        self._mountinfo = ""
        self._mounts: dict[Mount, _MountLabels] = {}
        self._workers = Workers("tocsin-statvfs", STUCK_LIMIT, host.monotonic)
        self._stuck: dict[str, Call] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        self._list_mounts()
        answers = self._ask({mount.mountpoint for mount in self._mounts})
        for mount, made in self._mounts.items():
            yield from _emit(mount, made, answers[mount.mountpoint])
        yield from self._points.all_left_out("mount point")
        yield from self._types.all_left_out("file system type")
        yield from missing("mount point", self._options.expect, answers)

    def _list_mounts(self) -> None:
        """Mounts to watch, by distinct labels; parsed only when the kernel's list has changed."""
        text = self._read_mountinfo()
        if text == self._mountinfo:
            return
        mounts: dict[Mount, _MountLabels] = {}
        seen: set[Labels] = set()
        for mount in reachable(parse(text)):
            if not (self._points.keeps(mount.mountpoint) and self._types.keeps(mount.fstype)):
                continue
            made = self._mounts.get(mount) or _MountLabels(mount)
            if made.well not in seen:  # mounted twice with the same labels: the first wins
                seen.add(made.well)
                mounts[mount] = made
        self._mounts, self._mountinfo = mounts, text

    def _read_mountinfo(self) -> str:
        """The mounts of process 1: ours may be fewer in a sandbox. Ours when those may not be read."""
        try:
            text = self._host.proc.find("1/mountinfo")
        except CollectorError:
            text = None
        return text if text is not None else self._host.proc.read("self/mountinfo")

    def _ask(self, points: set[str]) -> dict[str, os.statvfs_result | str]:
        """statvfs of each mount point, or the reason there is none."""
        answers: dict[str, os.statvfs_result | str] = {}

        def call_for(point: str) -> Call:
            def work() -> None:
                answers[point] = self._host.statvfs(point)

            return Call(work)

        self._stuck = {point: call for point, call in self._stuck.items() if not call.finished}
        calls = {point: call_for(point) for point in sorted(points - self._stuck.keys())}
        woken = threading.Event()
        deadline = self._options.mount_timeout_seconds
        batch = Batch(self._workers, calls.values(), woken.set, patience=min(PATIENCE, deadline), deadline=deadline)
        while (wait := batch.step()) is not None:
            woken.wait(wait)
            woken.clear()
        settled: dict[str, os.statvfs_result | str] = dict.fromkeys(self._stuck, TIMED_OUT)
        for point, call in calls.items():
            if call in batch.dropped:
                settled[point] = NO_THREAD
            elif not call.finished:
                self._stuck[point] = call
                settled[point] = TIMED_OUT
            elif call.error is None:
                settled[point] = answers[point]
            else:
                settled[point] = _reason(call.error)
        return {point: settled[point] for point in points}


def _reason(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.lower() or type(error).__name__


def _emit(mount: Mount, made: _MountLabels, answer: os.statvfs_result | str) -> Iterator[Sample]:
    pairs = made.broken(mount, answer) if isinstance(answer, str) else made.well
    if not isinstance(answer, str):
        block = answer.f_frsize
        yield Sample("node_filesystem_size_bytes", pairs, float(answer.f_blocks * block))
        yield Sample("node_filesystem_free_bytes", pairs, float(answer.f_bfree * block))
        yield Sample("node_filesystem_avail_bytes", pairs, float(answer.f_bavail * block))
        yield Sample("node_filesystem_files", pairs, float(answer.f_files))
        yield Sample("node_filesystem_files_free", pairs, float(answer.f_ffree))
    yield Sample("node_filesystem_readonly", pairs, float(mount.readonly))
    yield Sample("node_filesystem_device_error", pairs, float(isinstance(answer, str)))
    yield Sample("node_filesystem_mount_info", made.info, 1.0)


def build(options: Options, host: HostFS) -> Filesystem:
    points = _filter("mount_points", options.mount_points_include, options.mount_points_exclude, MOUNT_POINTS_EXCLUDE)
    types = _filter("fs_types", options.fs_types_include, options.fs_types_exclude, FS_TYPES_EXCLUDE)
    return Filesystem(options, host, points, types)


def _filter(name: str, include: str, exclude: str | None, shipped: str) -> NameFilter:
    if include and exclude:
        raise ValueError(f"{name}_include and {name}_exclude cannot both be given; keep one")
    if exclude is None:
        exclude = "" if include else shipped
    return NameFilter.of(name, include=include, exclude=exclude, shipped=shipped)
