"""Frequencies of each CPU from /sys/devices/system/cpu/cpuN/cpufreq (kernel Documentation/admin-guide/pm/cpufreq.rst).

The kernel writes kHz. What the hardware does is often readable by root only; such a file is not tried again, and the
frequency the governor asked for (``scaling``) is there in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Sample, gauge, labels

_FILES = {
    "cpuinfo_cur_freq": gauge("node_cpu_frequency_hertz", "Frequency as the hardware tells it.", "cpu"),
    "cpuinfo_min_freq": gauge("node_cpu_frequency_min_hertz", "Lowest frequency the CPU can run at.", "cpu"),
    "cpuinfo_max_freq": gauge("node_cpu_frequency_max_hertz", "Highest frequency the CPU can run at.", "cpu"),
    "scaling_cur_freq": gauge("node_cpu_scaling_frequency_hertz", "Frequency as the driver has set it.", "cpu"),
    "scaling_min_freq": gauge("node_cpu_scaling_frequency_min_hertz", "Lowest frequency allowed now.", "cpu"),
    "scaling_max_freq": gauge("node_cpu_scaling_frequency_max_hertz", "Highest frequency allowed now.", "cpu"),
}
_GOVERNOR = gauge("node_cpu_scaling_governor", "1 for the governor in force, 0 for the others.", "cpu", "governor")
METRICS = (*_FILES.values(), _GOVERNOR)
_FIXED = ("cpuinfo_min_freq", "cpuinfo_max_freq")
"""The hardware's own limits: read once."""
_CPU = re.compile(r"cpu(\d+)", re.ASCII)
_BASE = "devices/system/cpu"
_KILO = 1000.0


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class _Cpu:
    """One CPU: its labels, what never changes, and the files that change."""

    __slots__ = ("files", "fixed", "folder", "governors", "pairs")

    def __init__(self, number: str) -> None:
        self.folder = f"{_BASE}/cpu{number}/cpufreq/"
        self.pairs = labels(cpu=number)
        self.fixed: list[Sample] = []
        self.files = [file for file in _FILES if file not in _FIXED]
        self.governors: list[tuple[str, Labels]] = []


class Cpufreq:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys
        self._cpus: dict[str, _Cpu] = {}

    def collect(self) -> Iterator[Sample]:
        seen = {found[1] for found in map(_CPU.fullmatch, self._sys.list(_BASE) or ()) if found}
        self._cpus = {number: self._cpus.get(number) or self._new(number) for number in sorted(seen)}
        for cpu in self._cpus.values():
            yield from cpu.fixed
            yield from self._changing(cpu)
            governor = self._sys.attribute(cpu.folder + "scaling_governor") if cpu.governors else None
            if governor:
                for name, pairs in cpu.governors:
                    yield Sample("node_cpu_scaling_governor", pairs, 1.0 if name == governor else 0.0)

    def _new(self, number: str) -> _Cpu:
        cpu = _Cpu(number)
        for file in _FIXED:
            if (kilohertz := parse(self._sys.attribute(cpu.folder + file), file)) is not None:
                cpu.fixed.append(Sample(_FILES[file].name, cpu.pairs, kilohertz * _KILO))
        known = self._sys.attribute(cpu.folder + "scaling_available_governors") or ""
        cpu.governors = [(name, labels(cpu=number, governor=name)) for name in known.split()]
        return cpu

    def _changing(self, cpu: _Cpu) -> Iterator[Sample]:
        for file in list(cpu.files):
            try:
                text = self._sys.attribute(cpu.folder + file)
            except CollectorError:  # the hardware's own frequency is for root
                cpu.files.remove(file)
                continue
            kilohertz = parse(text, file)
            if kilohertz is not None:
                yield Sample(_FILES[file].name, cpu.pairs, kilohertz * _KILO)


def parse(text: str | None, file: str) -> int | None:
    """The kHz in a file; None when there is none, or the driver says ``<unknown>``."""
    if not text or text.startswith("<"):
        return None
    if len(text) > 12 or not text.isdecimal():
        raise CollectorError(f"cpufreq/{file}: not a frequency in kHz: {text!r:.40}")
    return int(text)


def build(options: Options, host: HostFS) -> Cpufreq:
    return Cpufreq(host)
