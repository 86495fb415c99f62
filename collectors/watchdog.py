"""Watchdog timers from /sys/class/watchdog (kernel Documentation/ABI/testing/sysfs-class-watchdog).

A kernel built without CONFIG_WATCHDOG_SYSFS shows the devices and nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import Sample, gauge, labels
from collectors._numbers import whole

_NUMBERS = {
    "bootstatus": gauge("node_watchdog_bootstatus", "Why the machine was started, as bits; 0 is no watchdog.", "name"),
    "fw_version": gauge("node_watchdog_fw_version", "Version of the firmware.", "name"),
    "nowayout": gauge("node_watchdog_nowayout", "1 when it cannot be stopped once started.", "name"),
    "timeleft": gauge("node_watchdog_timeleft_seconds", "Seconds until the machine is reset.", "name"),
    "timeout": gauge("node_watchdog_timeout_seconds", "Seconds without a sign of life until a reset.", "name"),
    "pretimeout": gauge("node_watchdog_pretimeout_seconds", "Seconds between the warning and the reset.", "name"),
    "access_cs0": gauge("node_watchdog_access_cs0", "1 when booted from the first flash chip (Aspeed).", "name"),
}
_TEXTS = ("options", "identity", "state", "status", "pretimeout_governor")
_INFO = gauge("node_watchdog_info", "What is not a number; always 1.", "name", *_TEXTS)
METRICS = (*_NUMBERS.values(), _INFO)
_BASE = "class/watchdog"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Watchdog:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._name = OneLabel("name")

    def collect(self) -> Iterator[Sample]:
        for name in sorted(self._sys.list(_BASE) or ()):
            for file, metric in _NUMBERS.items():
                value = whole(self._sys, f"{_BASE}/{name}/{file}")
                if value is not None:
                    yield Sample(metric.name, self._name[name], value)
            texts = {file: self._sys.attribute(f"{_BASE}/{name}/{file}") or "" for file in _TEXTS}
            yield Sample("node_watchdog_info", labels(name=name, **texts), 1.0)


def build(options: Options, host: HostFS) -> Watchdog:
    return Watchdog(host)
