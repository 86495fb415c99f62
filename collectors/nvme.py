"""NVMe controllers and their namespaces, from /sys/class/nvme and the block devices below it (kernel drivers/nvme).

Only what the kernel has at hand is read. How much of a namespace is in use is left out: the kernel would ask the device
for it at every read, and the answer of one that hangs would not come. Wear and media errors: see docs/hardware.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import missing
from collectors._model import Labels, Notice, Sample, gauge
from collectors._sysfs import TextLabels, each, number_in

_NAMESPACE = ("device", "nsid")
METRICS = (
    gauge(
        "node_nvme_info",
        "Model and state (live, resetting, dead) of a controller; always 1.",
        *("device", "firmware_revision", "model", "serial", "state", "cntlid"),
    ),
    gauge("node_nvme_namespace_info", "Path state of a namespace; always 1.", *_NAMESPACE, "ana_state"),
    gauge("node_nvme_namespace_capacity_bytes", "Capacity of a namespace in bytes.", *_NAMESPACE),
    gauge("node_nvme_namespace_size_bytes", "Size of a namespace in bytes.", *_NAMESPACE),
    gauge("node_nvme_namespace_logical_block_size_bytes", "Bytes in a logical block.", *_NAMESPACE),
)
_FILES = ("firmware_rev", "model", "serial", "state", "cntlid")
_SECTOR = 512.0
_DISK = re.compile(r"nvme[0-9]+(?:c[0-9]+)?n([0-9]+)")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Controllers that ought to be there; a missing one is a warning", examples=[["nvme0"]]),
    ] = ()


class Nvme:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._sys = host.sys
        self._expect = options.expect
        self._info = TextLabels("device", "firmware_revision", "model", "serial", "state", "cntlid")

    def collect(self) -> Iterator[Sample | Notice]:
        devices = sorted(self._sys.list("class/nvme") or ())
        yield from each(devices, self._controller)
        yield from missing("NVMe controller", self._expect, devices)

    def _controller(self, device: str) -> Iterator[Sample]:
        folder = f"class/nvme/{device}"
        texts = [self._sys.attribute(f"{folder}/{file}") or "" for file in _FILES]
        if not any(texts):  # gone since the list was read
            return
        yield Sample("node_nvme_info", self._info.of(device, *texts), 1.0)
        entries = sorted(self._sys.list(folder) or ())
        disks = {
            disk[1]: entry for entry in entries if (disk := _DISK.fullmatch(entry))
        }  # nvme0c0n1 is a path of nvme0n1
        for nsid, entry in disks.items():
            yield from self._disk(device, nsid, f"{folder}/{entry}")

    def _disk(self, device: str, nsid: str, folder: str) -> Iterator[Sample]:
        pairs: Labels = (("device", device), ("nsid", nsid))
        state = self._sys.attribute(f"{folder}/ana_state") or "unknown"
        yield Sample("node_nvme_namespace_info", (("ana_state", state), *pairs), 1.0)
        sectors = number_in(self._sys.attribute(f"{folder}/size"))
        if sectors is not None:
            yield Sample("node_nvme_namespace_capacity_bytes", pairs, sectors * _SECTOR)
            yield Sample("node_nvme_namespace_size_bytes", pairs, sectors * _SECTOR)
        block = number_in(self._sys.attribute(f"{folder}/queue/logical_block_size"))
        if block is not None:
            yield Sample("node_nvme_namespace_logical_block_size_bytes", pairs, float(block))


def build(options: Options, host: HostFS) -> Nvme:
    return Nvme(options, host)
