"""Replicated block devices of DRBD 8.4, from /proc/drbd; DRBD 9 shows only its version there, and so has no series.

Sizes there are KiB. node_exporter gives ``node_drbd_network_received_bytes_total`` in KiB by mistake; here it is bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import missing
from collectors._model import Labels, Notice, Sample, counter, gauge

_KIB = 1024.0
_NUMBERS = {
    "ns": (counter("node_drbd_network_sent_bytes_total", "Bytes sent to the peer.", "device"), _KIB),
    "nr": (counter("node_drbd_network_received_bytes_total", "Bytes received from the peer.", "device"), _KIB),
    "dw": (counter("node_drbd_disk_written_bytes_total", "Bytes written to the local disk.", "device"), _KIB),
    "dr": (counter("node_drbd_disk_read_bytes_total", "Bytes read from the local disk.", "device"), _KIB),
    "al": (counter("node_drbd_activitylog_writes_total", "Updates of the activity log.", "device"), 1.0),
    "bm": (counter("node_drbd_bitmap_writes_total", "Updates of the bitmap.", "device"), 1.0),
    "lo": (gauge("node_drbd_local_pending", "Requests open to the local disk.", "device"), 1.0),
    "pe": (gauge("node_drbd_remote_pending", "Requests the peer has not answered.", "device"), 1.0),
    "ua": (gauge("node_drbd_remote_unacknowledged", "Requests of the peer not answered yet.", "device"), 1.0),
    "ap": (gauge("node_drbd_application_pending", "Requests of programs not answered yet.", "device"), 1.0),
    "ep": (gauge("node_drbd_epochs", "Epochs under way.", "device"), 1.0),
    "oos": (gauge("node_drbd_out_of_sync_bytes", "Bytes known to be out of sync.", "device"), _KIB),
}
_PAIRS = {
    "ro": (gauge("node_drbd_node_role_is_primary", "1 when the node is primary.", "device", "node"), "Primary"),
    "ds": (
        gauge("node_drbd_disk_state_is_up_to_date", "1 when the node's disk is up to date.", "device", "node"),
        "UpToDate",
    ),
}
_CONNECTED = gauge("node_drbd_connected", "1 when connected to the peer.", "device")
METRICS = (*(metric for metric, _ in _NUMBERS.values()), *(metric for metric, _ in _PAIRS.values()), _CONNECTED)
_DEVICE = re.compile(r"([0-9]{1,7}):")
_FIELD = re.compile(r"([a-z]+):([^\s:]+)")
_COUNT = re.compile(r"[0-9]{1,20}")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ought to be there."""

    expect: Annotated[
        tuple[str, ...],
        Meta(description="Devices that ought to be there; a missing one is a warning", examples=[["drbd0"]]),
    ] = ()


def parse(text: str) -> Iterator[tuple[str, str, str]]:
    """(device, field, value) of each field; what comes before the first device is about the module."""
    device = ""
    for word in text.split():
        if number := _DEVICE.fullmatch(word):
            device = f"drbd{number[1]}"
        elif device and (field := _FIELD.fullmatch(word)):
            yield device, field[1], field[2]


class Drbd:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._proc = host.proc
        self._expect = options.expect

    def collect(self) -> Iterator[Sample | Notice]:
        seen: set[tuple[str, str]] = set()
        for device, field, value in parse(self._proc.find("drbd") or ""):
            if (device, field) not in seen:
                seen.add((device, field))
                yield from _samples((("device", device),), field, value)
        yield from missing("DRBD device", self._expect, {device for device, _ in seen})


def _samples(pairs: Labels, field: str, value: str) -> Iterator[Sample]:
    if field in _NUMBERS:
        metric, factor = _NUMBERS[field]
        if _COUNT.fullmatch(value):
            yield Sample(metric.name, pairs, int(value) * factor)
    elif field in _PAIRS:
        metric, good = _PAIRS[field]
        for node, state in zip(("local", "remote"), value.split("/"), strict=False):
            yield Sample(metric.name, (*pairs, ("node", node)), float(state == good))
    elif field == "cs":
        yield Sample(_CONNECTED.name, pairs, float(value == "Connected"))


def build(options: Options, host: HostFS) -> Drbd:
    return Drbd(options, host)
