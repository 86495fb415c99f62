"""Load averages over 1, 5 and 15 minutes from /proc/loadavg (proc(5))."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Sample, gauge

METRICS = (
    gauge("node_load1", "1m load average."),
    gauge("node_load5", "5m load average."),
    gauge("node_load15", "15m load average."),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def parse(text: str) -> tuple[float, float, float]:
    """The three averages, as in ``0.21 0.37 0.39 1/719 19737``."""
    fields = text.split()
    try:
        return float(fields[0]), float(fields[1]), float(fields[2])
    except (IndexError, ValueError) as error:
        raise CollectorError(f"/proc/loadavg does not begin with three numbers: {text!r:.60}") from error


class Loadavg:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for metric, value in zip(METRICS, parse(self._proc.read("loadavg")), strict=True):
            yield Sample(metric.name, NONE, value)


def build(options: Options, host: HostFS) -> Loadavg:
    return Loadavg(host)
