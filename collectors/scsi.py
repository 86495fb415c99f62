"""Health of SCSI, SAS and SATA disks as the kernel sees it, without asking them: /sys/block/*/device.

A disk that the kernel has given up is ``offline`` while its name and size are still there; its errors and timeouts are
counted whether or not anybody reads its log. The counters have 32 bits (``iocounterbits``) and wrap to 0, which a rate
takes as a reset. Names are ours: node_exporter has no such families.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import Sample, counter, gauge
from collectors._sysfs import TextLabels, each, number_in

_COUNTERS = {
    "ioerr_cnt": counter("node_scsi_errors_total", "Commands that completed with an error.", "device"),
    "iotmo_cnt": counter("node_scsi_timeouts_total", "Commands that timed out (Linux 6.2 and later).", "device"),
}
METRICS = (
    gauge(
        "node_scsi_device_state",
        "State of a disk: running, blocked, quiesce, offline, transport-offline and others; always 1.",
        "device",
        "state",
    ),
    *_COUNTERS.values(),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Scsi:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._device = OneLabel("device")
        self._state = TextLabels("device", "state")
        self._names: dict[str, tuple[int, str]] = {}

    def collect(self) -> Iterator[Sample]:
        # One entry for each disk, named for its address.
        addresses = sorted(self._sys.list("class/scsi_disk") or ())
        for gone in self._names.keys() - set(addresses):
            del self._names[gone]
        return each(addresses, self._disk)

    def _disk(self, address: str) -> Iterator[Sample]:
        device = self._name(address)
        if not device:
            return
        folder = f"class/scsi_disk/{address}/device"
        state = self._sys.attribute(f"{folder}/state")
        if state:
            yield Sample("node_scsi_device_state", self._state.of(device, state), 1.0)
        for file, metric in _COUNTERS.items():
            count = number_in(self._sys.attribute(f"{folder}/{file}"))
            if count is not None:
                yield Sample(metric.name, self._device[device], float(count))

    def _name(self, address: str) -> str:
        """The disk's name; looked up anew when the entry is another one than before."""
        folder = f"class/scsi_disk/{address}"
        info = self._sys.info(folder)
        held = self._names.get(address)
        if info is None or held is None or held[0] != info.inode:
            names = self._sys.list(f"{folder}/device/block") or [""]
            held = self._names[address] = (info.inode if info else 0, names[0])
        return held[1]


def build(options: Options, host: HostFS) -> Scsi:
    return Scsi(host)
