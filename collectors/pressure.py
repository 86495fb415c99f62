"""Pressure stall information from /proc/pressure (kernel Documentation/accounting/psi.rst).

"Waiting" is time in which at least one task stood still for want of the resource, "stalled" time in which all did. A
kernel that was started without it has the files and refuses to read them: then there is no series.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, counter

_LINES = {
    ("cpu", "some"): counter("node_pressure_cpu_waiting_seconds_total", "Seconds in which a task waited for a CPU."),
    ("io", "some"): counter("node_pressure_io_waiting_seconds_total", "Seconds in which a task waited for I/O."),
    ("io", "full"): counter("node_pressure_io_stalled_seconds_total", "Seconds in which all tasks waited for I/O."),
    ("memory", "some"): counter(
        "node_pressure_memory_waiting_seconds_total", "Seconds in which a task waited for memory."
    ),
    ("memory", "full"): counter(
        "node_pressure_memory_stalled_seconds_total", "Seconds in which all tasks waited for memory."
    ),
    ("irq", "full"): counter(
        "node_pressure_irq_stalled_seconds_total", "Seconds in which tasks stood still for interrupts."
    ),
}
METRICS = tuple(_LINES.values())
_FILES = ("cpu", "io", "memory", "irq")
_SECOND = 1_000_000
_DIGITS = 20
"""As many as 2**64 has."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Pressure:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for resource in _FILES:
            for kind, microseconds in parse(self._proc.attribute(f"pressure/{resource}") or ""):
                metric = _LINES.get((resource, kind))
                if metric is not None:
                    yield Sample(metric.name, NONE, microseconds / _SECOND)


def parse(text: str) -> Iterator[tuple[str, int]]:
    """(some or full, total in microseconds) of each line ``some avg10=0.00 avg60=0.00 avg300=0.00 total=12``."""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        total = rest.rpartition("total=")[2]
        if not total.isdecimal() or len(total) > _DIGITS:
            raise CollectorError(f"/proc/pressure: a line has no total: {line!r:.80}")
        yield kind, int(total)


def build(options: Options, host: HostFS) -> Pressure:
    return Pressure(host)
