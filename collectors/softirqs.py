"""Soft interrupts by CPU and kind from /proc/softirqs (proc(5))."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Sample, counter, labels
from collectors._numbers import counts

METRICS = (counter("node_softirqs_functions_total", "Soft interrupts handled.", "cpu", "type"),)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Softirqs:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._title = ""
        self._labels: dict[str, list[Labels]] = {}

    def collect(self) -> Iterator[Sample]:
        title, *lines = self._proc.read("softirqs").splitlines() or [""]
        cpus = [name.removeprefix("CPU") for name in title.split()]
        if title != self._title:
            self._title, self._labels = title, {}
        for line in lines:
            name, _, rest = line.partition(":")
            kind = name.strip()
            numbers = counts(rest.split(), "/proc/softirqs")
            if len(numbers) != len(cpus):
                raise CollectorError(f"/proc/softirqs: {kind!r:.20} has {len(numbers)} numbers for {len(cpus)} CPUs")
            known = self._labels.get(kind)
            if known is None:
                known = self._labels[kind] = [labels(cpu=cpu, type=kind) for cpu in cpus]
            for pairs, count in zip(known, numbers, strict=True):
                yield Sample("node_softirqs_functions_total", pairs, float(count))


def build(options: Options, host: HostFS) -> Softirqs:
    return Softirqs(host)
