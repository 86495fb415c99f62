"""What a machine must have for a collector to be worth loading.

A collector named here is not even imported before one of its sources is there, so that hardware and services which a
machine lacks cost it neither memory nor time. The frame looks again once a minute: a module may be loaded later, an
array plugged in. A collector that is not named here has its source on every Linux.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from collectors._host import HostFS
from collectors._model import Collector, CollectorError

SOURCES: dict[str, tuple[str, ...]] = {
    "ata": ("sys/class/ata_device",),
    "bcache": ("sys/fs/bcache/*/internal",),
    "bonding": ("sys/class/net/bonding_masters",),
    "btrfs": ("sys/fs/btrfs/*/allocation",),
    "conntrack": ("proc/sys/net/netfilter/nf_conntrack_count",),
    "containers": (
        "root/run/containerd",
        "root/run/docker",
        "root/run/libpod",
        "root/run/crio",
        "sys/fs/cgroup/machine.slice",
        "sys/fs/cgroup/kubepods.slice",
        "sys/fs/cgroup/docker",
        "sys/fs/cgroup/memory/machine.slice",
        "sys/fs/cgroup/memory/kubepods.slice",
        "sys/fs/cgroup/memory/docker",
    ),
    "cpufreq": ("sys/devices/system/cpu/*/cpufreq",),
    "dmi": ("sys/class/dmi/id",),
    "dmmultipath": ("sys/block/*/dm",),
    "drbd": ("proc/drbd",),
    "edac": ("sys/devices/system/edac/mc",),
    "fibrechannel": ("sys/class/fc_host",),
    "hwmon": ("sys/class/hwmon",),
    "infiniband": ("sys/class/infiniband",),
    "ipvs": ("proc/net/ip_vs_stats",),
    "ksmd": ("sys/kernel/mm/ksm",),
    "logind": ("root/run/systemd/sessions",),
    "mdadm": ("proc/mdstat",),
    "nfs": ("proc/net/rpc/nfs",),
    "nfsd": ("proc/net/rpc/nfsd",),
    "nvme": ("sys/class/nvme",),
    "packages": ("root/var/lib/apt/lists", "root/var/cache/dnf", "root/var/cache/libdnf5"),
    "powersupplyclass": ("sys/class/power_supply",),
    "pressure": ("proc/pressure",),
    "rapl": ("sys/class/powercap",),
    "reboot": ("root/run/reboot-required", "root/boot"),
    "schedstat": ("proc/schedstat",),
    "scsi": ("sys/class/scsi_disk",),
    "selinux": ("sys/fs/selinux/enforce",),
    "tapestats": ("sys/class/scsi_tape",),
    "thermal_zone": ("sys/class/thermal",),
    "users": ("root/run/utmp", "root/run/systemd/sessions"),
    "watchdog": ("sys/class/watchdog",),
    "xfrm": ("proc/net/xfrm_stat",),
    "xfs": ("sys/fs/xfs/*/stats/stats",),
    "zfs": ("proc/spl/kstat/zfs",),
}
"""Paths below /proc, /sys or the root as the host sees them, written ``proc/...``, ``sys/...`` or ``root/...``; one is
enough. A directory must hold something. ``*/`` stands for any one directory: some file system, some CPU.
"""


class Absent(msgspec.Struct, frozen=True):
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
    folder, any_of_them, rest = path.partition("*/")
    try:
        if any_of_them:
            return any(root.info(f"{folder}{name}/{rest}") is not None for name in root.list(folder) or ())
        info = root.info(path)
        return info is not None and (info.regular or bool(root.list(path)))
    except CollectorError:
        return True
