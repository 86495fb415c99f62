"""Kernel activity counters from /proc/stat (proc(5)): interrupts, context switches, forks, boot time, run queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, counter, gauge, labels
from collectors._numbers import counts

METRICS = (
    counter("node_intr_total", "Total number of interrupts serviced."),
    counter("node_context_switches_total", "Total number of context switches."),
    counter("node_forks_total", "Total number of forks."),
    gauge("node_boot_time_seconds", "Node boot time, in seconds since the epoch."),
    gauge("node_procs_running", "Number of processes in runnable state."),
    gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
    counter("node_softirqs_total", "Soft interrupts by kind. With the option `softirq`.", "vector"),
)
_NAMES = {
    "intr": "node_intr_total",
    "ctxt": "node_context_switches_total",
    "processes": "node_forks_total",
    "btime": "node_boot_time_seconds",
    "procs_running": "node_procs_running",
    "procs_blocked": "node_procs_blocked",
}


VECTORS = ("hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is told beside the totals."""

    softirq: Annotated[bool, Meta(description="Also give `node_softirqs_total`, soft interrupts by kind")] = False


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


def parse_softirqs(text: str) -> list[int]:
    """The counts by kind, after their sum, of the line ``softirq``; none where a kernel has no such line."""
    for line in text.splitlines():
        if line.startswith("softirq "):
            return counts(line.split()[2:], "/proc/stat: softirq")
    return []


class Stat:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._proc = host.proc
        self._softirq = options.softirq
        self._vectors = [labels(vector=vector) for vector in VECTORS]

    def collect(self) -> Iterator[Sample]:
        text = self._proc.read_shared("stat", "stat")
        for name, value in parse(text):
            yield Sample(name, NONE, value)
        if self._softirq:
            for pairs, count in zip(self._vectors, parse_softirqs(text), strict=False):
                yield Sample("node_softirqs_total", pairs, float(count))


def build(options: Options, host: HostFS) -> Stat:
    return Stat(options, host)
