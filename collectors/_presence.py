"""What a machine must have for a collector to be worth loading.

A collector named here is not even imported before one of its sources is there, so that hardware and services which a
machine lacks cost it neither memory nor time. The frame looks again once a minute: a module may be loaded later, an
array plugged in. A collector that is not named here has its source on every Linux.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from collectors._host import HostFS
from collectors._model import Collector, CollectorError

SOURCES: dict[str, tuple[str, ...]] = {
    "conntrack": ("proc/sys/net/netfilter/nf_conntrack_count",),
    "dmi": ("sys/class/dmi/id",),
    "edac": ("sys/devices/system/edac/mc",),
    "pressure": ("proc/pressure",),
    "schedstat": ("proc/schedstat",),
}
"""Paths below /proc, /sys or the root as the host sees them, written ``proc/...``, ``sys/...`` or ``root/...``; one is
enough. A directory must hold something.
"""


@dataclass(frozen=True, slots=True)
class Absent:
    """A collector whose source is not there yet: how to look, and how to make it then."""

    present: Callable[[], bool]
    build: Callable[[], Collector]


def present(name: str, host: HostFS) -> bool:
    """Whether the machine has what the collector ``name`` reads. What cannot be looked at counts as there, for the
    collector will say what is wrong with it.
    """
    sources = SOURCES.get(name)
    return sources is None or any(_there(host, *path.partition("/")[::2]) for path in sources)


def _there(host: HostFS, tree: str, path: str) -> bool:
    root = {"proc": host.proc, "sys": host.sys, "root": host.root}[tree]
    try:
        info = root.info(path)
        return info is not None and (info.regular or bool(root.list(path)))
    except CollectorError:
        return True
