"""Kernel activity counters from /proc/stat (proc(5)): interrupts, context switches, forks, boot time, run queue."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, counter, gauge

METRICS = (
    counter("node_intr_total", "Total number of interrupts serviced."),
    counter("node_context_switches_total", "Total number of context switches."),
    counter("node_forks_total", "Total number of forks."),
    gauge("node_boot_time_seconds", "Node boot time, in seconds since the epoch."),
    gauge("node_procs_running", "Number of processes in runnable state."),
    gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
)
_NAMES = {
    "intr": "node_intr_total",
    "ctxt": "node_context_switches_total",
    "processes": "node_forks_total",
    "btime": "node_boot_time_seconds",
    "procs_running": "node_procs_running",
    "procs_blocked": "node_procs_blocked",
}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def parse(text: str) -> Iterator[tuple[str, float]]:
    """(metric name, value) of each line we know; the first number of a line is its total."""
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        name = _NAMES.get(key)
        if name is None:
            continue
        first = rest.split(" ", 1)[0]
        if not first.isdecimal():
            raise CollectorError(f"/proc/stat: line {key!r} does not begin with a number: {first!r:.40}")
        yield name, float(first)


class Stat:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for name, value in parse(self._proc.read_shared("stat", "stat")):
            yield Sample(name, NONE, value)


def build(options: Options, host: HostFS) -> Stat:
    return Stat(host)
