"""The wall clock as this host has it: a rule compares it with the time of the sample to see a clock that is off."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Sample, gauge

METRICS = (gauge("node_time_seconds", "System time in seconds since the epoch."),)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Time:
    def __init__(self, host: HostFS) -> None:
        self._host = host

    def collect(self) -> Iterator[Sample]:
        yield Sample("node_time_seconds", NONE, self._host.clock())


def build(options: Options, host: HostFS) -> Time:
    return Time(host)
