"""Batteries and power supplies the kernel knows, from /sys/class/power_supply (kernel sysfs-class-power).

The kernel counts in millionths of a volt, an ampere and so on, and temperatures in tenths of a degree. Which files a
supply has is listed once; a value the hardware does not give just now has no series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import OneLabel, missing
from collectors._model import Notice, Sample, gauge
from collectors._sysfs import TextLabels, each, number_in

_PLAIN = {
    "authentic": "authentic", "calibrate": "calibrate", "capacity": "capacity",
    "capacity_alert_max": "capacity_alert_max", "capacity_alert_min": "capacity_alert_min",
    "cycle_count": "cyclecount", "online": "online", "present": "present",
    "time_to_empty_now": "time_to_empty_seconds", "time_to_full_now": "time_to_full_seconds",
}  # fmt: skip
_MICRO = {
    "current_now": "current_ampere", "energy_now": "energy_watthour", "voltage_now": "voltage_volt",
    "charge_now": "charge_ampere", "power_now": "power_watt",
} | {
    file: file
    for file in (
        "current_boot", "current_max", "energy_empty", "energy_empty_design", "energy_full", "energy_full_design",
        "voltage_boot", "voltage_max", "voltage_max_design", "voltage_min", "voltage_min_design", "voltage_ocv",
        "charge_control_limit", "charge_control_limit_max", "charge_counter", "charge_empty", "charge_empty_design",
        "charge_full", "charge_full_design", "charge_term_current", "constant_charge_current",
        "constant_charge_current_max", "constant_charge_voltage", "constant_charge_voltage_max", "precharge_current",
        "input_current_limit",
    )
}  # fmt: skip
_TENTHS = {
    file: f"{file}_celsius"
    for file in (
        "temp", "temp_alert_max", "temp_alert_min", "temp_ambient", "temp_ambient_max", "temp_ambient_min", "temp_max",
        "temp_min",
    )
}  # fmt: skip
_TEXTS = (
    "capacity_level", "charge_type", "health", "manufacturer", "model_name", "serial_number", "status", "technology",
    "type", "usb_type", "scope",
)  # fmt: skip
_COLUMNS: dict[str, tuple[str, float]] = {
    file: (f"node_power_supply_{name}", divisor)
    for columns, divisor in ((_PLAIN, 1.0), (_MICRO, 1e6), (_TENTHS, 10.0))
    for file, name in columns.items()
}
_UNIT_OF_DIVISOR = {1.0: "as it is", 1e6: "in the base unit (A, V, W, Ah, Wh)", 10.0: "in degrees Celsius"}
METRICS = (
    gauge("node_power_supply_info", "Texts about a supply; always 1.", "power_supply", *_TEXTS),
    *(
        gauge(name, f"The file {file} of a supply, {_UNIT_OF_DIVISOR[divisor]}.", "power_supply")
        for file, (name, divisor) in _COLUMNS.items()
    ),
)
IGNORED = "^$"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which supplies are told."""

    ignored_supplies: Annotated[
        str,
        Meta(
            description="RE2 searched for in supply names; those that match are left out. As it is, none is",
            examples=["^hidpp_battery"],
        ),
    ] = IGNORED
    expect: Annotated[
        tuple[str, ...],
        Meta(description="Supplies that ought to be there; a missing one is a warning", examples=[["AC", "BAT0"]]),
    ] = ()


class PowerSupplyClass:
    def __init__(self, options: Options, host: HostFS, keep: NameFilter) -> None:
        self._sys = host.sys
        self._keep = keep
        self._expect = options.expect
        self._supply = OneLabel("power_supply")
        self._info = TextLabels("power_supply", *_TEXTS)
        self._files: dict[str, frozenset[str]] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        names = [name for name in sorted(self._sys.list("class/power_supply") or ()) if self._keep.keeps(name)]
        for gone in self._files.keys() - set(names):
            del self._files[gone]
        yield from self._keep.all_left_out("power supply")
        yield from each(names, self._one)
        yield from missing("power supply", self._expect, names)

    def _one(self, name: str) -> Iterator[Sample]:
        folder = f"class/power_supply/{name}"
        files = self._files.get(name)
        if files is None:
            files = self._files[name] = frozenset(self._sys.list(folder) or ())
        pairs = self._supply[name]
        for file, (metric, divisor) in _COLUMNS.items():
            if file in files:
                value = number_in(self._sys.attribute(f"{folder}/{file}"))
                if value is not None:
                    yield Sample(metric, pairs, value / divisor)
        texts = [(self._sys.attribute(f"{folder}/{file}") or "") if file in files else "" for file in _TEXTS]
        if any(texts):
            yield Sample("node_power_supply_info", self._info.of(name, *texts), 1.0)


def build(options: Options, host: HostFS) -> PowerSupplyClass:
    keep = NameFilter.ignoring("ignored_supplies", options.ignored_supplies, shipped=IGNORED)
    return PowerSupplyClass(options, host, keep)
