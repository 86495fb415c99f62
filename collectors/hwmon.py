"""Temperatures, fans, voltages and power as sensors tell them, from /sys/class/hwmon (kernel hwmon/sysfs-interface).

``hwmonN`` numbers change from boot to boot, so a chip is named for its place: ``platform_coretemp_0``,
``nvme_nvme0``. Which files a chip has is listed once; a sensor that does not answer just now has no series.

Alarms are 0 or 1 as the chip says. node_exporter scales some of them with the unit of what they guard, so that
``node_hwmon_temp_crit_alarm_celsius`` is 0.001 in alarm and the usual rule ``== 1`` never fires; here it is 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import missing
from collectors._model import Labels, Metric, Notice, Sample, counter, gauge, labels
from collectors._sysfs import each

_LABELS = ("chip", "sensor")
_MILLI, _MICRO = 0.001, 1e-6
_UNITS: dict[str, tuple[str, float, str]] = {
    "in": ("_volts", _MILLI, "volts"),
    "cpu": ("_volts", _MILLI, "volts"),
    "temp": ("_celsius", _MILLI, "degrees Celsius"),
    "curr": ("_amps", _MILLI, "amperes"),
    "energy": ("_joule_total", _MICRO, "joules used so far"),
    "power": ("_watt", _MICRO, "watts"),
    "humidity": ("", _MICRO, "a ratio of 1"),
}
"""By kind of sensor: what is added to the name, the factor to the base unit, and the unit in words."""
_RPM = frozenset({"input", "min", "max", "target"})
_FLAGS = frozenset({"alarm", "fault"})
_NO_VALUE = frozenset({"label", "reset_history"})
_WHOLE_CHIP = frozenset({"vrm", "beep_enable", "update_interval"})
_KINDS = frozenset({
    "in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy", "humidity",
    "intrusion", "freq",
})  # fmt: skip
# A number is needed: each directory of sysfs has a folder `power`, which is about the device's power management.
_FILE = re.compile(r"(?P<kind>[a-z_]*?[a-z])(?P<number>[0-9]{1,4})(?:_(?P<element>[a-z0-9_]+))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_UNCLEAN = re.compile(r"[^a-z0-9:_]")


def column(kind: str, element: str, *, plain_value: bool) -> tuple[Metric, float]:
    """The family of ``<kind>N_<element>`` and the factor to its unit; ``element`` is empty for the file ``<kind>N``.

    ``plain_value`` says that the sensor has that file too, and so ``input`` needs a name of its own.
    """
    if kind == "beep_enable":
        return gauge("node_hwmon_beep_enabled", "1 when the chip beeps on alarm.", *_LABELS), 1.0
    if kind == "vrm":
        return gauge("node_hwmon_voltage_regulator_version", "Version of the voltage regulator.", *_LABELS), 1.0
    if kind == "update_interval":
        return gauge("node_hwmon_update_interval_seconds", "Seconds between two readings.", *_LABELS), _MILLI
    name = f"node_hwmon_{kind}"
    if element and (element != "input" or plain_value):
        name += f"_{element}"
    what = f"{kind} {element or 'input'}"
    if kind == "freq" and element == "input":
        return gauge(f"{name}_freq_mhz", "Frequency in MHz.", *_LABELS), _MICRO
    if element == "beep":
        return gauge(f"{name}_enabled", f"1 when this sensor beeps on alarm ({kind}).", *_LABELS), 1.0
    if kind == "power" and element == "accuracy":
        return gauge(name, "Accuracy of the power meter, a ratio of 1.", *_LABELS), _MICRO
    if kind == "power" and element.startswith("average_interval"):
        return gauge(f"{name}_seconds", f"Seconds ({what}).", *_LABELS), _MILLI
    if kind == "fan" and element in _RPM:
        return gauge(f"{name}_rpm", f"Revolutions per minute ({what}).", *_LABELS), 1.0
    if kind in _UNITS and element not in _FLAGS and not (kind == "temp" and element == "type"):
        suffix, factor, unit = _UNITS[kind]
        if element.endswith("_alarm"):
            return gauge(f"{name}{suffix}", f"1 when in alarm ({what}).", *_LABELS), 1.0
        make = counter if kind == "energy" else gauge
        return make(f"{name}{suffix}", f"{what}, {unit}.", *_LABELS), factor
    return gauge(name, f"As the chip says ({what}).", *_LABELS), 1.0


_USUAL = (
    ("temp", "input max min crit crit_hyst max_hyst emergency lowest highest offset alarm fault crit_alarm max_alarm "
     "min_alarm emergency_alarm type"),
    ("fan", "input min max target div pulses alarm fault beep"),
    ("in", "input min max lcrit crit average lowest highest alarm min_alarm max_alarm beep"),
    ("curr", "input min max crit alarm max_alarm crit_alarm"),
    ("power", "input average cap cap_max cap_min max crit average_max average_interval average_interval_max "
     "average_interval_min accuracy alarm"),
    ("energy", "input"), ("humidity", "input"), ("pwm", " enable freq mode"), ("intrusion", "alarm beep"),
    ("freq", "input"), ("beep_enable", ""), ("vrm", ""), ("update_interval", ""),
)  # fmt: skip
_INFO = gauge("node_hwmon_chip_names", "The name a chip's driver gives it; always 1.", "chip", "chip_name")
_SENSOR = gauge("node_hwmon_sensor_label", "What a sensor measures, as its driver says; always 1.", *_LABELS, "label")
METRICS = (
    _INFO,
    _SENSOR,
    *(column(kind, element, plain_value=False)[0] for kind, elements in _USUAL for element in elements.split(" ")),
)
"""What is usual; a file that is not described here becomes a family by the same rule."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which chips and sensors are told: give an include or an exclude for each, not both."""

    chip_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in chip names; only those that match are told. Empty: all but the excluded",
            examples=["^platform_coretemp"],
        ),
    ] = ""
    chip_exclude: Annotated[
        str,
        Meta(
            description="RE2 searched for in chip names; those that match are left out. Empty: none",
            examples=["^power_supply_"],
        ),
    ] = ""
    sensor_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in `chip;sensor`; only those that match are told. Empty: all others",
            examples=["^platform_coretemp_0;temp1$"],
        ),
    ] = ""
    sensor_exclude: Annotated[
        str,
        Meta(
            description="RE2 searched for in `chip;sensor`; those that match are left out. Empty: none",
            examples=["^nvme_nvme0;temp2$"],
        ),
    ] = ""
    expect: Annotated[
        tuple[str, ...],
        Meta(description="Chips that ought to be there; a missing one is a warning", examples=[["nvme_nvme0"]]),
    ] = ()


class File(NamedTuple):
    """One file of a sensor: where, and what becomes of the number in it."""

    path: str
    name: str
    labels: Labels
    factor: float


class Chip(NamedTuple):
    """What does not change while the chip is there."""

    name: str
    place: str | None
    files: tuple[File, ...]
    constant: tuple[Sample, ...]


def clean(text: str) -> str:
    """A text in the form labels have here: small letters, digits, ``:`` and ``_``."""
    return _UNCLEAN.sub("_", text.lower()).strip("_")


def split(file: str) -> tuple[str, str, str] | None:
    """(kind, number, element) of a file's name, or None when it is none of a sensor: ``temp1_input``, ``pwm2``."""
    if file in _WHOLE_CHIP:
        return file, "", ""
    match = _FILE.fullmatch(file)
    if match is None or match["kind"] not in _KINDS:
        return None
    return match["kind"], match["number"], match["element"] or ""


class Hwmon:
    def __init__(self, host: HostFS, chips: NameFilter, sensors: NameFilter, expect: tuple[str, ...]) -> None:
        self._sys = host.sys
        self._keep_chip = chips
        self._keep_sensor = sensors
        self._expect = expect
        self._chips: dict[str, Chip] = {}

    def collect(self) -> Iterator[Sample | Notice]:
        entries = sorted(self._sys.list("class/hwmon") or ())
        for gone in self._chips.keys() - set(entries):
            del self._chips[gone]
        yield from each(entries, self._chip)
        yield from self._keep_chip.all_left_out("hardware monitor")
        yield from self._keep_sensor.all_left_out("sensor")
        if self._expect:
            yield from missing("hardware monitor", self._expect, {chip.name for chip in self._chips.values()})

    def _chip(self, entry: str) -> Iterator[Sample]:
        place = self._sys.resolve(f"class/hwmon/{entry}/device")
        chip = self._chips.get(entry)
        if chip is None or chip.place != place:
            chip = self._chips[entry] = self._look(entry, place)
        if not self._keep_chip.keeps(chip.name):
            return
        yield from chip.constant
        yield from each(chip.files, self._read)

    def _read(self, file: File) -> Iterator[Sample]:
        text = self._sys.attribute(file.path)
        if text is not None and _NUMBER.fullmatch(text):
            yield Sample(file.name, file.labels, float(text) * file.factor)

    def _look(self, entry: str, place: str | None) -> Chip:
        """List a chip that is new here."""
        folder = f"class/hwmon/{entry}"
        driver = self._sys.attribute(f"{folder}/name") or ""
        name = self._name(entry, place, driver)
        constant = [Sample(_INFO.name, labels(chip=name, chip_name=clean(driver)), 1.0)] if clean(driver) else []
        sensors: dict[str, dict[str, tuple[str, str]]] = {}
        for where in (folder, f"{folder}/device"):  # old drivers keep their files with the device
            for file in sorted(self._sys.list(where) or ()):
                parts = split(file)
                if parts is not None:
                    kind, number, element = parts
                    sensors.setdefault(f"{kind}{number or '0'}", {})[element] = (kind, f"{where}/{file}")
        files: list[File] = []
        for sensor, elements in sensors.items():
            if not self._keep_sensor.keeps(f"{name};{sensor}"):
                continue
            text = (self._sys.attribute(elements["label"][1]) if "label" in elements else None) or ""
            if text:
                constant.append(Sample(_SENSOR.name, labels(chip=name, sensor=sensor, label=text), 1.0))
            told = clean(text) if sensor.startswith("freq") and clean(text) else sensor  # as node_exporter names GPUs'
            files += _files(elements, labels(chip=name, sensor=told))
        return Chip(name, place, tuple(files), tuple(constant))

    @staticmethod
    def _name(entry: str, place: str | None, driver: str) -> str:
        if place is not None:
            parent, device = (clean(part) for part in place.rsplit("/", 2)[-2:])
            if device:
                return f"{parent}_{device}" if parent else device
        return clean(driver) or clean(entry)


def _files(elements: dict[str, tuple[str, str]], pairs: Labels) -> Iterable[File]:
    for element, (kind, path) in elements.items():
        if element not in _NO_VALUE:
            metric, factor = column(kind, element, plain_value="" in elements)
            yield File(path, metric.name, pairs, factor)


def build(options: Options, host: HostFS) -> Hwmon:
    for part in ("chip", "sensor"):
        if getattr(options, f"{part}_include") and getattr(options, f"{part}_exclude"):
            raise ValueError(f"{part}_include and {part}_exclude cannot both be given; keep one")
    chips = NameFilter.of("chip", include=options.chip_include, exclude=options.chip_exclude)
    sensors = NameFilter.of("sensor", include=options.sensor_include, exclude=options.sensor_exclude)
    return Hwmon(host, chips, sensors, options.expect)
