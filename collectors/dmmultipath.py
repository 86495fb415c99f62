"""Multipath devices and the state of each path, from /sys/block/dm-*/dm, its ``slaves`` and their device's state.

A path works when its SCSI device is ``running`` or its NVMe controller ``live``. A path whose state cannot be had, for
its device has just gone, counts as failed and has no ``node_dmmultipath_path_state``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import missing
from collectors._model import Labels, Notice, Sample, gauge, labels
from collectors._sysfs import TextLabels, each, number_in

_LABELS = ("device", "sysfs_name")
METRICS = (
    gauge("node_dmmultipath_device_info", "Identity of a multipath device; always 1.", *_LABELS, "uuid"),
    gauge("node_dmmultipath_device_active", "1 when the device is active, 0 when it is suspended.", *_LABELS),
    gauge("node_dmmultipath_device_size_bytes", "Size of the device in bytes.", *_LABELS),
    gauge("node_dmmultipath_device_paths", "Number of paths of the device.", *_LABELS),
    gauge("node_dmmultipath_device_paths_active", "Number of paths that work.", *_LABELS),
    gauge("node_dmmultipath_device_paths_failed", "Number of paths that do not work.", *_LABELS),
    gauge("node_dmmultipath_path_state", "State of a path's device; always 1.", "device", "path", "state"),
)
_SECTOR = 512.0
LOOK_AGAIN = 60.0
"""Seconds for which a device that is no multipath device is taken to stay one; some hosts have hundreds of volumes."""
_WORKING = frozenset({"running", "live"})


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Multipath devices that ought to be there; a missing one is a warning", examples=[["mpatha"]]),
    ] = ()


class DmMultipath:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._sys = host.sys
        self._expect = options.expect
        self._info = TextLabels("sysfs_name", "device", "uuid")
        self._plain = TextLabels("sysfs_name", "device")
        self._monotonic = host.monotonic
        self._seen: set[str] = set()
        self._others: set[str] = set()
        self._looked = self._monotonic()

    def collect(self) -> Iterator[Sample | Notice]:
        self._seen = set()
        entries = {name for name in self._sys.list("block") or () if name.startswith("dm-")}
        if not self._others <= entries or self._monotonic() - self._looked >= LOOK_AGAIN:
            self._others.clear()
            self._looked = self._monotonic()
        yield from each(sorted(entries - self._others), self._device)
        yield from missing("multipath device", self._expect, self._seen)

    def _device(self, entry: str) -> Iterator[Sample]:
        folder = f"block/{entry}"
        uuid = self._sys.attribute(f"{folder}/dm/uuid") or ""
        if not uuid.startswith("mpath-"):  # a logical volume, an encrypted disk, a partition of a multipath device
            self._others.add(entry)
            return
        name = self._sys.attribute(f"{folder}/dm/name") or entry
        self._seen.add(name)
        pairs = self._plain.of(entry, name)
        yield Sample("node_dmmultipath_device_info", self._info.of(entry, name, uuid), 1.0)
        suspended = number_in(self._sys.attribute(f"{folder}/dm/suspended"))
        if suspended is not None:
            yield Sample("node_dmmultipath_device_active", pairs, float(not suspended))
        sectors = number_in(self._sys.attribute(f"{folder}/size"))
        if sectors is not None:
            yield Sample("node_dmmultipath_device_size_bytes", pairs, sectors * _SECTOR)
        yield from self._paths(name, pairs, sorted(self._sys.list(f"{folder}/slaves") or ()))

    def _paths(self, name: str, pairs: Labels, paths: list[str]) -> Iterator[Sample]:
        working = 0
        for path in paths:
            state = self._sys.attribute(f"block/{path}/device/state")
            if state:
                working += state in _WORKING
                yield Sample("node_dmmultipath_path_state", labels(device=name, path=path, state=state), 1.0)
        yield Sample("node_dmmultipath_device_paths", pairs, float(len(paths)))
        yield Sample("node_dmmultipath_device_paths_active", pairs, float(working))
        yield Sample("node_dmmultipath_device_paths_failed", pairs, float(len(paths) - working))


def build(options: Options, host: HostFS) -> DmMultipath:
    return DmMultipath(options, host)
