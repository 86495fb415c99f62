"""CPU time by mode from /proc/stat (proc(5)); thermal throttling and which CPUs are online from sysfs.

The kernel's per-CPU counters may go slightly backwards (idle and iowait are estimates). Such a counter is held at its
last value, so that it does not look like a reset. When idle falls by 3 s or more the CPU was unplugged and came back:
its counters restart and the reset is let through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from collectors._filter import compile_pattern
from collectors._host import HostFS, Tree
from collectors._model import CollectorError, Labels, Sample, counter, gauge, labels

if TYPE_CHECKING:
    from collectors._cpuinfo import CpuInfo

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES = ("user", "nice")
USER_HZ = 100.0
"""Ticks per second in /proc/stat: 100 on every architecture of today, part of the user-space interface."""
IDLE_FALL = 3.0
_IDLE = MODES.index("idle")

METRICS = (
    counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "cpu", "mode"),
    counter("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", "cpu", "mode"),
    counter("node_cpu_core_throttles_total", "Number of times this CPU core has been throttled.", "package", "core"),
    counter("node_cpu_package_throttles_total", "Number of times this CPU package has been throttled.", "package"),
    gauge("node_cpu_online", "1 for a CPU that is online, 0 for one that is not.", "cpu"),
    gauge("node_cpu_isolated", "A CPU that the scheduler leaves alone; always 1.", "cpu"),
    gauge(
        "node_cpu_info", "What a CPU is; always 1. With the option `info`.",
        *("package", "core", "cpu", "vendor", "family", "model", "model_name", "microcode", "stepping", "cachesize"),
    ),
    gauge("node_cpu_flag_info", "A feature of the first CPU; always 1. With `info_flags_include`.", "flag"),
    gauge("node_cpu_bug_info", "A known flaw of the first CPU; always 1. With `info_bugs_include`.", "bug"),
)  # fmt: skip
_MOST = 8192
"""CPUs Linux can be built for."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is told beside the time by mode."""

    guest: Annotated[
        bool,
        Meta(
            description="Also give `node_cpu_guest_seconds_total`, the time spent in guests. It is contained in the "
            "modes `user` and `nice` too, so do not add it to them."
        ),
    ] = True
    info: Annotated[bool, Meta(description="Also give `node_cpu_info`, what each CPU is")] = False
    info_flags_include: Annotated[
        str,
        Meta(
            description="RE2 searched for in the features of the CPU (`flags` in /proc/cpuinfo); those that match are "
            "told, and `info` is on. Empty: none",
            examples=["^(aes|avx512f|constant_tsc)$"],
        ),
    ] = ""
    info_bugs_include: Annotated[
        str, Meta(description="The same for `bugs`, the flaws the kernel knows of the CPU", examples=["^spectre"])
    ] = ""


def parse(text: str) -> dict[str, list[float]]:
    """Seconds by CPU number: the eight MODES, then the two GUEST_MODES; fields an old kernel lacks are 0."""
    cpus: dict[str, list[float]] = {}
    for line in text.splitlines():
        if not line.startswith("cpu"):
            break  # the cpu lines come first; what follows (intr) can be very long
        key, *fields = line.split()
        number = key[3:]
        if not number:
            continue
        try:
            cpus[number] = [int(field) / USER_HZ for field in fields[:10]] + [0.0] * (10 - len(fields))
        except (ValueError, OverflowError) as error:
            raise CollectorError(f"/proc/stat: line {key!r:.20} has a field that is not a number") from error
    return cpus


class _Cpu:
    """One CPU: its labels, made once, and the values last given out."""

    __slots__ = ("guest", "last", "modes")

    def __init__(self, number: str) -> None:
        self.modes: tuple[Labels, ...] = tuple(labels(cpu=number, mode=mode) for mode in MODES)
        self.guest: tuple[Labels, ...] = tuple(labels(cpu=number, mode=mode) for mode in GUEST_MODES)
        self.last: list[float] = []

    def advance(self, now: list[float]) -> list[float]:
        if self.last and self.last[_IDLE] - now[_IDLE] < IDLE_FALL:
            now = [max(new, old) for new, old in zip(now, self.last, strict=True)]
        self.last = now
        return now


class Cpu:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._host = host
        self._guest = options.guest
        self._cpus: dict[str, _Cpu] = {}
        self._throttles: list[tuple[str, str, Labels]] | None = None
        self._info = _cpu_info(options, host)
        self._ranges = ("", "")
        self._online: list[Sample] = []

    def collect(self) -> Iterator[Sample]:
        parsed = parse(self._host.proc.read_shared("stat", "cpu"))
        for number, seconds in parsed.items():
            cpu = self._cpus.get(number) or self._cpus.setdefault(number, _Cpu(number))
            values = cpu.advance(seconds)
            for pairs, value in zip(cpu.modes, values, strict=False):
                yield Sample("node_cpu_seconds_total", pairs, value)
            if self._guest:
                for pairs, value in zip(cpu.guest, values[len(MODES) :], strict=True):
                    yield Sample("node_cpu_guest_seconds_total", pairs, value)
        if self._throttles is None or len(self._cpus) != len(parsed):
            self._cpus = {number: cpu for number, cpu in self._cpus.items() if number in parsed}
            self._throttles = list(_throttle_files(self._host.sys, parsed))
        for name, path, pairs in self._throttles:
            count = self._host.sys.attribute(path)
            if count is not None and count.isdecimal():
                yield Sample(name, pairs, float(count))
        yield from self._which_are_online()
        if self._info is not None:
            yield from self._info.samples(frozenset(parsed))

    def _which_are_online(self) -> list[Sample]:
        """Made anew only when the kernel's lists of CPUs have changed."""
        attribute = self._host.sys.attribute
        folder = "devices/system/cpu/"
        ranges = (attribute(folder + "present") or "", attribute(folder + "online") or "")
        if ranges != self._ranges:
            present, online = (parse_ranges(text) for text in ranges) if all(ranges) else ((), ())
            isolated = parse_ranges(attribute(folder + "isolated") or "")
            self._online = [
                *(Sample("node_cpu_online", (("cpu", str(cpu)),), float(cpu in online)) for cpu in sorted(present)),
                *(Sample("node_cpu_isolated", (("cpu", str(cpu)),), 1.0) for cpu in sorted(isolated)),
            ]
            self._ranges = ranges
        return self._online


def _throttle_files(sys: Tree, cpus: dict[str, list[float]]) -> Iterator[tuple[str, str, Labels]]:
    """(metric, file, labels) of each core's and each package's throttle counter, where the hardware has them."""
    seen: set[Labels] = set()
    for number in cpus:
        folder = f"devices/system/cpu/cpu{number}"
        if sys.attribute(f"{folder}/thermal_throttle/core_throttle_count") is None:
            continue
        package = sys.attribute(f"{folder}/topology/physical_package_id")
        core = sys.attribute(f"{folder}/topology/core_id")
        if not package or not core:
            continue
        for name, file, pairs in (
            ("node_cpu_core_throttles_total", "core_throttle_count", labels(package=package, core=core)),
            ("node_cpu_package_throttles_total", "package_throttle_count", labels(package=package)),
        ):
            if pairs not in seen:
                seen.add(pairs)
                yield name, f"{folder}/thermal_throttle/{file}", pairs


def parse_ranges(text: str) -> set[int]:
    """The numbers in a list like ``0-3,8,10-11`` (kernel Documentation/admin-guide/cputopology.rst)."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first:
            continue
        if not first.isdecimal() or (dash and not last.isdecimal()) or max(len(first), len(last)) > 4:
            raise CollectorError(f"/sys/devices/system/cpu: not a list of CPUs: {text!r:.40}")
        found.update(range(int(first), min(int(last or first), _MOST) + 1))
    return found


def _cpu_info(options: Options, host: HostFS) -> CpuInfo | None:
    patterns = [
        compile_pattern(option, getattr(options, option)) if getattr(options, option) else None
        for option in ("info_flags_include", "info_bugs_include")
    ]
    if not options.info and not any(patterns):
        return None
    from collectors._cpuinfo import CpuInfo  # noqa: PLC0415 - most people do not ask for it

    return CpuInfo(host.proc, *patterns)


def build(options: Options, host: HostFS) -> Cpu:
    return Cpu(options, host)
