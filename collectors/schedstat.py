"""How long tasks ran and waited on each CPU, from /proc/schedstat (kernel Documentation/scheduler/sched-stats.rst)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Sample, counter
from collectors._numbers import counts

METRICS = (
    counter("node_schedstat_running_seconds_total", "Seconds tasks ran.", "cpu"),
    counter("node_schedstat_waiting_seconds_total", "Seconds tasks were ready to run and waited.", "cpu"),
    counter("node_schedstat_timeslices_total", "Turns that tasks had.", "cpu"),
)
_NANOSECONDS = 1_000_000_000
_FIELDS = 10


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Schedstat:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._cpu = OneLabel("cpu")

    def collect(self) -> Iterator[Sample]:
        for cpu, running, waiting, turns in parse(self._proc.read("schedstat")):
            pairs = self._cpu[cpu]
            yield Sample("node_schedstat_running_seconds_total", pairs, running / _NANOSECONDS)
            yield Sample("node_schedstat_waiting_seconds_total", pairs, waiting / _NANOSECONDS)
            yield Sample("node_schedstat_timeslices_total", pairs, float(turns))


def parse(text: str) -> Iterator[tuple[str, int, int, int]]:
    """(cpu, ns run, ns waited, turns) of each line ``cpuN`` and its nine numbers."""
    for line in text.splitlines():
        if not line.startswith("cpu"):
            continue
        fields = line.split()
        if len(fields) < _FIELDS or not all(map(str.isdecimal, fields[1:])):
            raise CollectorError(f"/proc/schedstat: a line is not cpuN and nine numbers: {line!r:.80}")
        running, waiting, turns = counts(fields[7:10], "/proc/schedstat")
        yield fields[0][3:], running, waiting, turns


def build(options: Options, host: HostFS) -> Schedstat:
    return Schedstat(host)
