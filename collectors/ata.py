"""SATA links and the errors libata saw on them, from /sys/class/ata_device (kernel ABI/testing/sysfs-ata).

A bad cable or a dying disk shows here first: the kernel slows the link down (``spdn_cnt``) and notes errors in a ring
of the last 32. ``disk`` is the name of the disk behind the link, empty without one. Names are ours: node_exporter has
no such families.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from collectors._host import HostFS
from collectors._model import Labels, Sample, counter, gauge, labels
from collectors._sysfs import each, number_in

_LABELS = ("device", "disk")
METRICS = (
    counter("node_ata_speed_reductions_total", "Times the kernel slowed a link down because of errors.", *_LABELS),
    gauge("node_ata_link_speed_bits_per_second", "Speed of the link in bits per second.", *_LABELS),
    gauge("node_ata_recent_errors", "Errors in the ring of the last 32, until the device is reset.", *_LABELS),
)
_SPEED = re.compile(r"([0-9]{1,3}(?:\.[0-9])?) Gbps")
_GIGA = 1_000_000_000
_RING_LIMIT = 65536
_DEPTH = 4
"""Steps from a device up to its link."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class _Device(NamedTuple):
    """A device that is in use, and the path of its disk, which tells when another one has taken its place."""

    place: str
    disk: str
    labels: Labels
    link: str


def speed(text: str | None) -> float | None:
    """Bits per second of ``6.0 Gbps``; None for ``<unknown>``, which a link without a disk has."""
    found = _SPEED.fullmatch(text or "")
    return float(round(float(found[1]) * _GIGA)) if found else None


class Ata:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._devices: dict[str, _Device] = {}

    def collect(self) -> Iterator[Sample]:
        names = sorted(self._sys.list("class/ata_device") or ())
        for gone in self._devices.keys() - set(names):
            del self._devices[gone]
        return each(names, self._one)

    def _one(self, name: str) -> Iterator[Sample]:
        folder = f"class/ata_device/{name}"
        if self._sys.attribute(f"{folder}/class") in ("none", "unknown"):  # nothing is plugged in there
            self._devices.pop(name, None)
            return
        device = self._look(name, folder)
        if device is None:
            return
        slower = number_in(self._sys.attribute(f"{folder}/spdn_cnt"))
        if slower is not None:
            yield Sample("node_ata_speed_reductions_total", device.labels, float(slower))
        bits = speed(self._sys.attribute(f"class/ata_link/{device.link}/sata_spd"))
        if bits is not None:
            yield Sample("node_ata_link_speed_bits_per_second", device.labels, bits)
        ring = self._sys.find(f"{folder}/ering", _RING_LIMIT)
        if ring is not None:
            errors = sum(line.startswith("[") for line in ring.splitlines())
            yield Sample("node_ata_recent_errors", device.labels, float(errors))

    def _look(self, name: str, folder: str) -> _Device | None:
        """Where the device is: ``.../ata1/link1/dev1.0/ata_device/dev1.0``, its disk below ``.../ata1/host*``."""
        place = self._sys.resolve(folder)
        if place is None or place.count("/") < _DEPTH:
            return None
        held = self._devices.get(name)
        if held is not None and held.place == place and held.disk and self._sys.info(held.disk) is not None:
            return held
        disk = self._disk(f"{folder}/device/../..")
        pairs = labels(device=name, disk=disk.rpartition("/")[2])
        made = self._devices[name] = _Device(place, disk, pairs, place.split("/")[-_DEPTH])
        return made

    def _disk(self, port: str) -> str:
        """Path of the first disk below a port, or nothing; those behind a port multiplier cannot be told apart here."""
        for host in _named(self._sys.list(port), "host"):
            for target in _named(self._sys.list(f"{port}/{host}"), "target"):
                for unit in self._sys.list(f"{port}/{host}/{target}") or ():
                    for disk in self._sys.list(f"{port}/{host}/{target}/{unit}/block") or ():
                        return f"{port}/{host}/{target}/{unit}/block/{disk}"
        return ""


def _named(names: list[str] | None, start: str) -> list[str]:
    return sorted(name for name in names or () if name.startswith(start))


def build(options: Options, host: HostFS) -> Ata:
    return Ata(host)
