"""What one control group has used and may use, of cgroup v2 (kernel Documentation/admin-guide/cgroup-v2.rst) or v1.

Both give the same measures under cAdvisor's names. A file that is not there (its controller is off, the group has just
gone) gives none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from collectors._host import Tree

ROOT = "fs/cgroup/"
_UNLIMITED = 1 << 62
"""v1 writes the largest whole number of pages for "no limit"."""
_SECOND = {"usec": 1e6, "nsec": 1e9}
_TICKS = 100.0
"""USER_HZ, in which v1 counts user and system time."""
_IO = re.compile(r"(\d+:\d+) (.*)")

_IO_MEASURES = {
    "rbytes": ("container_fs_reads_bytes_total", 1.0),
    "wbytes": ("container_fs_writes_bytes_total", 1.0),
    "rios": ("container_fs_reads_total", 1.0),
    "wios": ("container_fs_writes_total", 1.0),
}


class Measure(NamedTuple):
    """A value under a metric's name; ``device`` is major:minor where it is of one block device."""

    name: str
    value: float
    device: str = ""


class Version1:
    """Each controller is a tree of its own."""

    def __init__(self, sys: Tree) -> None:
        self._sys = sys

    def list(self, path: str) -> list[str]:
        return self._sys.list(f"{ROOT}memory/{path}") or []

    def measures(self, path: str) -> Iterator[Measure]:
        read = self._read
        memory = f"memory/{path}/memory."
        stat = pairs(read(memory + "stat"))
        yield from _memory(
            number(read(memory + "usage_in_bytes")),
            stat.get("total_inactive_file"),
            stat.get("total_rss"),
            stat.get("total_cache"),
        )
        yield from _limit("container_spec_memory_limit_bytes", read(memory + "limit_in_bytes"))
        yield from _some(pairs(read(memory + "oom_control")), {"oom_kill": ("container_oom_events_total", 1)})
        used = number(read(f"cpuacct/{path}/cpuacct.usage"))
        if used is not None:
            yield Measure("container_cpu_usage_seconds_total", used / _SECOND["nsec"])
        yield from _some(
            pairs(read(f"cpuacct/{path}/cpuacct.stat")),
            {
                "user": ("container_cpu_user_seconds_total", _TICKS),
                "system": ("container_cpu_system_seconds_total", _TICKS),
            },
        )
        yield from _throttled(pairs(read(f"cpu/{path}/cpu.stat")), "throttled_time", _SECOND["nsec"])
        quota, period = number(read(f"cpu/{path}/cpu.cfs_quota_us")), number(read(f"cpu/{path}/cpu.cfs_period_us"))
        if quota is not None and period is not None and quota > 0:
            yield Measure("container_spec_cpu_quota", quota)
            yield Measure("container_spec_cpu_period", period)
        yield from _pids(read, f"pids/{path}/pids.")
        for file, what in (("io_service_bytes", "bytes_total"), ("io_serviced", "total")):
            text = read(f"blkio/{path}/blkio.throttle.{file}_recursive")
            for line in (text or "").splitlines():
                device, kind, value = (*line.split(), "", "", "")[:3]
                way = {"Read": "reads", "Write": "writes"}.get(kind)
                if way and value.isdecimal():
                    yield Measure(f"container_fs_{way}_{what}", float(value), device)

    def _read(self, path: str) -> str | None:
        return self._sys.find(ROOT + path, 65536)


class Version2:
    """One tree."""

    def __init__(self, sys: Tree) -> None:
        self._sys = sys

    def list(self, path: str) -> list[str]:
        return self._sys.list(ROOT + path) or []

    def measures(self, path: str) -> Iterator[Measure]:
        read = self._read
        group = f"{path}/"
        stat = pairs(read(group + "memory.stat"))
        used = number(read(group + "memory.current"))
        yield from _memory(used, stat.get("inactive_file"), stat.get("anon"), stat.get("file"))
        yield from _limit("container_spec_memory_limit_bytes", read(group + "memory.max"))
        yield from _some(pairs(read(group + "memory.events")), {"oom_kill": ("container_oom_events_total", 1)})
        cpu = pairs(read(group + "cpu.stat"))
        yield from _some(
            cpu,
            {
                "usage_usec": ("container_cpu_usage_seconds_total", _SECOND["usec"]),
                "user_usec": ("container_cpu_user_seconds_total", _SECOND["usec"]),
                "system_usec": ("container_cpu_system_seconds_total", _SECOND["usec"]),
            },
        )
        yield from _throttled(cpu, "throttled_usec", _SECOND["usec"])
        quota, _, period = (read(group + "cpu.max") or "").strip().partition(" ")
        if quota.isdecimal() and period.isdecimal():
            yield Measure("container_spec_cpu_quota", float(quota))
            yield Measure("container_spec_cpu_period", float(period))
        yield from _pids(read, group + "pids.")
        for line in (read(group + "io.stat") or "").splitlines():
            yield from _io(line)

    def _read(self, path: str) -> str | None:
        return self._sys.find(ROOT + path, 65536)


def number(text: str | None) -> float | None:
    """A whole number, or None."""
    text = (text or "").strip()
    return float(text) if text.removeprefix("-").isdecimal() else None


def pairs(text: str | None) -> dict[str, float]:
    """Lines of a name and a number; others are passed over."""
    made = {}
    for line in (text or "").splitlines():
        name, _, value = line.partition(" ")
        if value.isdecimal():
            made[name] = float(value)
    return made


def _memory(used: float | None, inactive: float | None, rss: float | None, cache: float | None) -> Iterator[Measure]:
    if used is not None:
        yield Measure("container_memory_usage_bytes", used)
        if inactive is not None:
            yield Measure("container_memory_working_set_bytes", max(0.0, used - inactive))
    if rss is not None:
        yield Measure("container_memory_rss", rss)
    if cache is not None:
        yield Measure("container_memory_cache", cache)


def _limit(name: str, text: str | None) -> Iterator[Measure]:
    """0 stands for no limit, as with cAdvisor."""
    value = number(text)
    if value is not None:
        yield Measure(name, 0.0 if value >= _UNLIMITED else value)
    elif text is not None and text.strip() == "max":
        yield Measure(name, 0.0)


def _some(values: dict[str, float], wanted: dict[str, tuple[str, float]]) -> Iterator[Measure]:
    for key, (name, scale) in wanted.items():
        if key in values:
            yield Measure(name, values[key] / scale)


def _throttled(values: dict[str, float], time: str, scale: float) -> Iterator[Measure]:
    """Only of a group that has a quota: the others are never throttled."""
    if values.get("nr_periods"):
        yield from _some(
            values,
            {
                "nr_periods": ("container_cpu_cfs_periods_total", 1),
                "nr_throttled": ("container_cpu_cfs_throttled_periods_total", 1),
                time: ("container_cpu_cfs_throttled_seconds_total", scale),
            },
        )


def _pids(read: Callable[[str], str | None], prefix: str) -> Iterator[Measure]:
    tasks = number(read(prefix + "current"))
    if tasks is not None:
        yield Measure("container_threads", tasks)
        yield from _limit("container_threads_max", read(prefix + "max"))


def _io(line: str) -> Iterator[Measure]:
    found = _IO.fullmatch(line)
    if found is None:
        return
    values = pairs(found[2].replace(" ", "\n").replace("=", " "))
    for name, value, _ in _some(values, _IO_MEASURES):
        yield Measure(name, value, found[1])
