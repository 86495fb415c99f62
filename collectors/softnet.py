"""What each CPU did with arriving packets, from /proc/net/softnet_stat (kernel net/core/net-procfs.c), all in hex."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Sample, counter, gauge
from collectors._numbers import counts

_COLUMNS = {
    0: counter("node_softnet_processed_total", "Packets processed.", "cpu"),
    1: counter("node_softnet_dropped_total", "Packets dropped because the queue was full.", "cpu"),
    2: counter("node_softnet_times_squeezed_total", "Times work was left over when the time was up.", "cpu"),
    8: counter("node_softnet_cpu_collision_total", "Times a lock was taken already while sending.", "cpu"),
    9: counter("node_softnet_received_rps_total", "Times another CPU handed over packets.", "cpu"),
    10: counter("node_softnet_flow_limit_count_total", "Times the limit of a flow was reached.", "cpu"),
    11: gauge("node_softnet_backlog_len", "Packets that wait.", "cpu"),
}
METRICS = tuple(_COLUMNS.values())
_INDEX = 12
"""The column with the number of the CPU; a kernel before 5.10 has none, and there the lines count."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Softnet:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._cpu = OneLabel("cpu")

    def collect(self) -> Iterator[Sample]:
        for line, fields in enumerate(parse(self._proc.read("net/softnet_stat"))):
            cpu = self._cpu[str(fields[_INDEX] if len(fields) > _INDEX else line)]
            for column, metric in _COLUMNS.items():
                if column < len(fields):
                    yield Sample(metric.name, cpu, float(fields[column]))


def parse(text: str) -> Iterator[list[int]]:
    """The numbers of each line, at least three."""
    for line in text.splitlines():
        fields = counts(line.split(), "/proc/net/softnet_stat", 16)
        if len(fields) < 3:
            raise CollectorError(f"/proc/net/softnet_stat: fewer than 3 columns: {line!r:.80}")
        yield fields


def build(options: Options, host: HostFS) -> Softnet:
    return Softnet(host)
