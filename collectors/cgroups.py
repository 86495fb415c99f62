"""Control groups by controller, from /proc/cgroups (cgroups(7))."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collectors._host import HostFS
from collectors._labels import OneLabel
from collectors._model import CollectorError, Sample, gauge
from collectors._numbers import counts

METRICS = (
    gauge("node_cgroups_cgroups", "Number of control groups that use the controller.", "subsys_name"),
    gauge("node_cgroups_enabled", "1 when the controller is enabled, 0 otherwise.", "subsys_name"),
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


def parse(text: str) -> Iterator[tuple[str, float, float]]:
    """Name, number of groups and whether it is enabled, of each controller."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) != 4:
            raise CollectorError(f"/proc/cgroups has a line that is not understood: {line!r:.80}")
        groups, enabled = counts(fields[2:], f"/proc/cgroups: {fields[0]:.20}")
        yield fields[0], groups, enabled


class Cgroups:
    def __init__(self, host: HostFS) -> None:
        self._proc = host.proc
        self._name = OneLabel("subsys_name")

    def collect(self) -> Iterator[Sample]:
        seen = set()
        for name, count, enabled in parse(self._proc.find("cgroups") or ""):
            if name not in seen:
                seen.add(name)
                yield Sample("node_cgroups_cgroups", self._name[name], count)
                yield Sample("node_cgroups_enabled", self._name[name], enabled)


def build(options: Options, host: HostFS) -> Cgroups:
    return Cgroups(host)
