"""Energy that parts of the machine used, from /sys/class/powercap (kernel Documentation/power/powercap/powercap.rst).

The metric is named after the zone: ``package-0`` is ``node_rapl_package_joules_total{index="0"}``. Since Linux 5.10 the
counters are for root, because they tell what other users compute; without that right there are no series, and a notice.
The counter begins again at ``max_energy_range_uj``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._model import CollectorError, Labels, Notice, Sample, counter, labels
from collectors._numbers import whole

_ZONES = ("package", "core", "uncore", "dram", "psys")
METRICS = (
    *(counter(f"node_rapl_{zone}_joules_total", f"Energy used by {zone} in joules.", "index", "path")
      for zone in _ZONES),
    counter("node_rapl_joules_total", "Energy used by a zone in joules.", "index", "path", "rapl_zone"),
)  # fmt: skip
"""The zones of today's processors; another one follows the same naming, undescribed."""
_BASE = "class/powercap"
_MICRO = 1e6
_INDEXED = re.compile(r"([^-]*)-(\d{1,6})", re.ASCII)
_FOR_ROOT = (
    "the energy counters of RAPL are for root: let the agent's group read /sys/class/powercap/*/energy_uj by a udev "
    "rule, or turn the collector off (rapl: off)"
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How zones are told apart."""

    enable_zone_label: Annotated[
        bool, Meta(description="One metric for all zones, `node_rapl_joules_total`, with the zone as a label")
    ] = False


class Rapl:
    def __init__(self, host: HostFS, zone_label: bool) -> None:
        self._sys = host.sys
        self._zone_label = zone_label
        self._listed: list[str] = []
        self._zones: list[tuple[str, str, Labels]] = []

    def collect(self) -> Iterator[Sample | Notice]:
        folders = sorted(self._sys.list(_BASE) or ())
        if folders != self._listed:
            self._listed, self._zones = folders, list(self._look(folders))
        refused = False
        for path, metric, pairs in self._zones:
            try:
                used = whole(self._sys, path)
            except CollectorError as error:
                if not isinstance(error.__cause__, PermissionError):
                    raise
                refused = True
                continue
            if used is not None:
                yield Sample(metric, pairs, used / _MICRO)
        if refused:
            yield Notice(_FOR_ROOT)

    def _look(self, folders: list[str]) -> Iterator[tuple[str, str, Labels]]:
        """(file, metric, labels) of each zone. Zones of one name that carry no number are counted."""
        counted: dict[str, int] = {}
        for folder in folders:
            full = self._sys.attribute(f"{_BASE}/{folder}/name")
            if not full:
                continue
            numbered = _INDEXED.fullmatch(full)
            name, index = (numbered[1], int(numbered[2])) if numbered else (full, counted.get(full, 0))
            counted[name] = index + 1
            path = f"{self._sys.root}{_BASE}/{folder}"
            file = f"{_BASE}/{folder}/energy_uj"
            if self._zone_label:
                yield file, "node_rapl_joules_total", labels(index=str(index), path=path, rapl_zone=name)
            else:
                metric = re.sub(r"[^a-zA-Z0-9_]", "_", name)
                yield file, f"node_rapl_{metric}_joules_total", labels(index=str(index), path=path)


def build(options: Options, host: HostFS) -> Rapl:
    return Rapl(host, options.enable_zone_label)
