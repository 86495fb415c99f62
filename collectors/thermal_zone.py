"""Temperatures and cooling from /sys/class/thermal (kernel Documentation/driver-api/thermal/sysfs-api.rst).

A zone whose sensor is off at the moment refuses to be read: it has no series then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import Labels, Sample, gauge, labels
from collectors._numbers import whole

METRICS = (
    gauge("node_thermal_zone_temp", "Temperature of a zone in degrees Celsius.", "zone", "type"),
    gauge("node_cooling_device_cur_state", "How much a device cools or slows down now, 0 is not.", "name", "type"),
    gauge("node_cooling_device_max_state", "The most a device can cool or slow down.", "name", "type"),
)
_BASE = "class/thermal"
_ZONE = re.compile(r"thermal_zone(\d+)", re.ASCII)
_DEVICE = re.compile(r"cooling_device(\d+)", re.ASCII)
_MILLI = 1000.0


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class ThermalZone:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._listed: list[str] = []
        self._zones: list[tuple[str, Labels]] = []
        self._devices: list[tuple[str, Labels]] = []

    def collect(self) -> Iterator[Sample]:
        names = sorted(self._sys.list(_BASE) or ())
        if names != self._listed:
            self._listed = names
            self._zones = list(self._look(_ZONE, "zone"))
            self._devices = list(self._look(_DEVICE, "name"))
        for folder, pairs in self._zones:
            if (degrees := whole(self._sys, f"{folder}/temp")) is not None:
                yield Sample("node_thermal_zone_temp", pairs, degrees / _MILLI)
        for folder, pairs in self._devices:
            for file in ("cur_state", "max_state"):
                if (state := whole(self._sys, f"{folder}/{file}")) is not None:
                    yield Sample(f"node_cooling_device_{file}", pairs, state)

    def _look(self, pattern: re.Pattern[str], label: str) -> Iterator[tuple[str, Labels]]:
        """(folder, labels) of each; they keep their type as long as they are there."""
        for found in filter(None, map(pattern.fullmatch, self._listed)):
            folder = f"{_BASE}/{found[0]}"
            yield folder, labels(**{label: found[1], "type": self._sys.attribute(f"{folder}/type") or ""})


def build(options: Options, host: HostFS) -> ThermalZone:
    return ThermalZone(host)
