"""The kernel's random pool from /proc/sys/kernel/random (random(4)); since Linux 5.18 it is always full."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Sample, gauge
from collectors._numbers import whole

_FILES = {
    "sys/kernel/random/entropy_avail": gauge("node_entropy_available_bits", "Entropy in the pool in bits."),
    "sys/kernel/random/poolsize": gauge("node_entropy_pool_size_bits", "Size of the pool in bits."),
}
METRICS = tuple(_FILES.values())


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Entropy:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc

    def collect(self) -> Iterator[Sample]:
        for path, metric in _FILES.items():
            number = whole(self._proc, path)
            if number is not None:
                yield Sample(metric.name, NONE, number)


def build(options: Options, host: HostFS) -> Entropy:
    return Entropy(host)
