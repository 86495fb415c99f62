"""The wall clock as this host has it, its time zone, and what the kernel counts time with.

A rule compares ``node_time_seconds`` with the time of the sample to see a clock that is off. A clock source that
changed (from ``tsc`` to ``hpet``) means that the kernel found the quick one unreliable.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Sample, gauge, labels

METRICS = (
    gauge("node_time_seconds", "System time in seconds since the epoch."),
    gauge("node_time_zone_offset_seconds", "Seconds that local time is ahead of UTC.", "time_zone"),
    gauge("node_time_clocksource_available_info", "A clock source there is; always 1.", "device", "clocksource"),
    gauge("node_time_clocksource_current_info", "The clock source in use; always 1.", "device", "clocksource"),
)
_BASE = "devices/system/clocksource"
_DEVICE = re.compile(r"clocksource(\d+)", re.ASCII)
_KINDS = (
    ("available_clocksource", "node_time_clocksource_available_info"),
    ("current_clocksource", "node_time_clocksource_current_info"),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Time:
    def __init__(self, host: HostFS) -> None:
        self._host = host
        self._devices: list[str] | None = None

    def collect(self) -> Iterator[Sample]:
        now = self._host.clock()
        yield Sample("node_time_seconds", NONE, now)
        local = time.localtime(now)
        yield Sample("node_time_zone_offset_seconds", (("time_zone", local.tm_zone),), float(local.tm_gmtoff))
        if self._devices is None:
            found = filter(None, map(_DEVICE.fullmatch, self._host.sys.list(_BASE) or ()))
            self._devices = sorted(match[1] for match in found)
        for device in self._devices:
            for file, metric in _KINDS:
                for name in (self._host.sys.attribute(f"{_BASE}/clocksource{device}/{file}") or "").split():
                    yield Sample(metric, labels(clocksource=name, device=device), 1.0)


def build(options: Options, host: HostFS) -> Time:
    return Time(host)
