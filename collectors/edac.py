"""Memory errors that the hardware corrected or could not, from /sys/devices/system/edac (kernel edac.rst).

Errors whose place in the controller is unknown have ``csrow="unknown"``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._model import Labels, Sample, counter, labels
from collectors._numbers import whole

_KINDS = (
    ("ce", "node_edac_correctable_errors_total", "node_edac_csrow_correctable_errors_total"),
    ("ue", "node_edac_uncorrectable_errors_total", "node_edac_csrow_uncorrectable_errors_total"),
)
METRICS = (
    counter("node_edac_correctable_errors_total", "Memory errors that were corrected.", "controller"),
    counter("node_edac_uncorrectable_errors_total", "Memory errors that could not be corrected.", "controller"),
    counter("node_edac_csrow_correctable_errors_total", "Corrected errors of one row.", "controller", "csrow"),
    counter("node_edac_csrow_uncorrectable_errors_total", "Uncorrected errors of one row.", "controller", "csrow"),
)
_BASE = "devices/system/edac/mc"
_CONTROLLER = re.compile(r"mc(\d+)", re.ASCII)
_ROW = re.compile(r"csrow(\d+)", re.ASCII)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class Edac:
    def __init__(self, host: HostFS) -> None:
        self._sys = host.sys

    def collect(self) -> Iterator[Sample]:
        for name in sorted(self._sys.list(_BASE) or ()):
            if controller := _CONTROLLER.fullmatch(name):
                yield from self._controller(f"{_BASE}/{name}", controller[1])

    def _controller(self, folder: str, number: str) -> Iterator[Sample]:
        whole = labels(controller=number)
        unknown = labels(controller=number, csrow="unknown")
        rows = [(row[0], labels(controller=number, csrow=row[1])) for row in self._rows(folder)]
        for kind, total, by_row in _KINDS:
            yield from self._count(total, whole, f"{folder}/{kind}_count")
            yield from self._count(by_row, unknown, f"{folder}/{kind}_noinfo_count")
            for row, pairs in rows:
                yield from self._count(by_row, pairs, f"{folder}/{row}/{kind}_count")

    def _rows(self, folder: str) -> Iterator[re.Match[str]]:
        return filter(None, map(_ROW.fullmatch, sorted(self._sys.list(folder) or ())))

    def _count(self, name: str, pairs: Labels, path: str) -> Iterator[Sample]:
        number = whole(self._sys, path)
        if number is not None:
            yield Sample(name, pairs, number)


def build(options: Options, host: HostFS) -> Edac:
    return Edac(host)
