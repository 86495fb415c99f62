"""A small host as literals: write it with ``plant``, read it with ``HostFS``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from golden_kernel import KERNEL

from collectors.api import Collector, HostFS, Notice, Sample, load

STAT = """\
cpu  300 6 90 3000 12 3 6 3 30 3
cpu0 100 2 30 1000 4 1 2 1 10 1
cpu1 200 4 60 2000 8 2 4 2 20 2
intr 8885917 17 0 0
ctxt 38014093
btime 1418183276
processes 26442
procs_running 2
procs_blocked 1
softirq 5057579 250191 1481983
"""
MEMINFO = """\
MemTotal:       15666184 kB
MemFree:          440324 kB
MemAvailable:    8087396 kB
Active(anon):    1000000 kB
HugePages_Total:       3
Hugepagesize:       2048 kB
"""
DISKSTATS = """\
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0
   8       0 sda 25354637 34367663 1003346126 18492372 28444756 11134226 505697032 63877960 2 9653880 82621804 10 20 30 40 50 60
   8       1 sda1 250 0 2000 36 0 0 0 0 0 36 36
 104       0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11
"""  # noqa: E501 - as the kernel writes it
NETDEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1664039048 1566805    0    0    0     0          0         0 1664039048 1566805    0    0    0     0       0          0
  eth0:68210035552 520993275    1    2    3     4          5         6 9315587528 43451486    7    8    9     10       11          12
eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""  # noqa: E501 - as the kernel writes it
MOUNTINFO = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
28 27 0:25 / /tmp rw,nosuid shared:2 master:3 - tmpfs tmpfs rw
29 27 0:40 / /mnt/with\040blank\134slash ro,relatime - nfs4 nas:/export rw,vers=4.2
30 27 8:1 / / rw,relatime - ext4 /dev/sda1 rw
31 27 0:41 / /mnt/sick rw - fuse.sshfs a@b:/ ro,user_id=0
"""
UDEV = """\
S:disk/by-id/x
E:ID_MODEL=ST8000
E:ID_SERIAL=long
E:ID_SERIAL_SHORT=ZA1
E:ID_WWN=0x5000
E:ID_PATH=pci-0
E:ID_REVISION=81
"""
INIT = "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 100 50 5 6 20 0 1 0 10 167772160 3000 18446744073709551615 1 1\n"
TREE: dict[str, str] = {
    **KERNEL,
    "proc/stat": STAT,
    "proc/loadavg": "0.21 0.37 0.39 1/719 19737\n",
    "proc/meminfo": MEMINFO,
    "proc/diskstats": DISKSTATS,
    "proc/net/dev": NETDEV,
    "proc/1/mountinfo": MOUNTINFO,
    "proc/1/stat": INIT,
    "proc/1/cmdline": "/sbin/init\0splash\0",
    "proc/sys/kernel/pid_max": "32768\n",
    "proc/sys/kernel/threads-max": "7801\n",
    "proc/sys/kernel/domainname": "(none)\n",
    "proc/vmstat": "nr_free_pages 977769\npgpgin 7344136\npswpout 1\npgfault 2320168809\npgmajfault 507162\n"
    "oom_kill 2\n",
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "proc/pressure/io": "some avg10=0.18 avg60=0.34 avg300=0.10 total=159886802\n"
    "full avg10=0.18 avg60=0.34 avg300=0.10 total=158229614\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "proc/sys/fs/file-nr": "1024\t0\t1631329\n",
    "proc/net/netstat": "TcpExt: SyncookiesSent EmbryonicRsts ListenOverflows\nTcpExt: 0 1 5\n"
    "IpExt: InNoRoutes InOctets\nIpExt: 0 6286396970\n",
    "proc/net/snmp": "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: RtoAlgorithm MaxConn CurrEstab RetransSegs\n"
    "Tcp: 1 -1 0 2258\n",
    "proc/net/snmp6": "Ip6InReceives                   \t7\nIp6InOctets                     \t460\n"
    "Udp6RcvbufErrors                \t9\n",
    "proc/net/sockstat": "sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1\n"
    "UDP: inuse 0 mem 0\nRAW: inuse 0\n",
    "proc/net/sockstat6": "TCP6: inuse 17\nFRAG6: inuse 0 memory 3\n",
    "proc/net/softnet_stat": "0027b908"
    + " 00000000" * 12
    + "\n0034a484 00000029 00000001"
    + " 00000000" * 8
    + " 00000002 00000004 00000000\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "123\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "65536\n",
    "proc/net/stat/nf_conntrack": "entries  clashres found insert_failed drop\n"
    "0000007b 00000000 00000000 00000001 00000010\n0000007b 00000000 00000000 00000002 00000020\n",
    "proc/net/arp": "IP address       HW type     Flags       HW address            Mask     Device\n"
    "192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        eth0\n"
    "192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
    "198.51.100.7     0x1         0x2         02:00:00:00:00:07     *        eth1\n",
    "proc/sys/kernel/random/entropy_avail": "256\n",
    "proc/schedstat": "version 15\ntimestamp 15819019232\n"
    "cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306\n"
    "domain0 00000000,00000003 212499247 210112015\n",
    "etc/os-release": '# a comment\nID=debian\nNAME="Debian \\"GNU\\"/Linux"\nPRETTY_NAME=\'Debian 12\'\n'
    "VERSION_ID=12.5.1\nSUPPORT_END=2026-06-30\n",
    "sys/class/dmi/id/bios_version": "1.2.3\n",
    "sys/class/dmi/id/sys_vendor": "Maker\n",
    "sys/class/dmi/id/uevent": "MODALIAS=dmi\n",
    "sys/devices/system/edac/mc/mc0/ce_count": "1\n",
    "sys/devices/system/edac/mc/mc0/ce_noinfo_count": "2\n",
    "sys/devices/system/edac/mc/mc0/ue_count": "5\n",
    "sys/devices/system/edac/mc/mc0/csrow10/ce_count": "3\n",
    "sys/devices/system/edac/mc/power/control": "auto\n",
    "run/udev/data/b8:0": UDEV,
    "sys/block/sda/queue/rotational": "1\n",
    "sys/class/net/bonding_masters": "bond0\n",
    "sys/class/net/eth0/operstate": "up\n",
    "sys/class/net/eth0/address": "01:01:01:01:01:01\n",
    "sys/class/net/eth0/broadcast": "ff:ff:ff:ff:ff:ff\n",
    "sys/class/net/eth0/duplex": "full\n",
    "sys/class/net/eth0/ifalias": "uplink \xe4\n",
    "sys/class/net/eth0/flags": "0x1303\n",
    "sys/class/net/eth0/mtu": "1500\n",
    "sys/class/net/eth0/speed": "1000\n",
    "sys/class/net/eth0/carrier_changes": "2\n",
    "sys/class/net/tun0/operstate": "unknown\n",
    "sys/class/net/tun0/flags": "0x1090\n",
    "sys/class/net/tun0/speed": "-1\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "5\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "30\n",
    "sys/devices/system/cpu/cpu0/topology/core_id": "0\n",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id": "0\n",
    "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "6\n",
    "sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count": "30\n",
    "sys/devices/system/cpu/cpu1/topology/core_id": "1\n",
    "sys/devices/system/cpu/cpu1/topology/physical_package_id": "0\n",
}


class Clock:
    """Seconds that move only when told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class GoldenHost(HostFS):
    """A planted tree, with answers for statvfs by mount point and a fixed uname."""

    def __init__(self, top: Path, **others: Callable[[], float]) -> None:
        self.pulse = Clock()
        super().__init__(
            str(top / "proc"), str(top / "sys"), str(top), clock=others.get("clock", Clock(1_500_000_000.25)),
            monotonic=others.get("monotonic", self.pulse),
        )  # fmt: skip
        self.mounts: dict[str, Callable[[], os.statvfs_result]] = {}

    def statvfs(self, mountpoint: str) -> os.statvfs_result:
        return self.mounts.get(mountpoint, healthy)()

    def uname(self) -> os.uname_result:
        return os.uname_result(("Linux", "web-1", "6.1.0", "#1 SMP", "x86_64"))


def healthy() -> os.statvfs_result:
    """Blocks of 4096 in fragments of 1024: 1000 in all, 400 free, 300 for users; 64 inodes, 32 free."""
    return os.statvfs_result((4096, 1024, 1000, 400, 300, 64, 32, 32, 0, 255))


def plant(top: Path, tree: Mapping[str, str | bytes] = TREE) -> GoldenHost:
    for path, text in tree.items():
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return GoldenHost(top)


def gather(collector: Collector) -> list[Sample | Notice]:
    given = collector.collect()
    assert isinstance(given, Iterable)
    return list(given)


def collected(host: GoldenHost, name: str, **options: Any) -> dict[str, float]:
    """What the collector ``name`` with these options gives on ``host``, as ``table``."""
    module = load(name)
    return table(gather(module.build(module.Options(**options), host)))


def table(items: Iterable[Sample | Notice]) -> dict[str, float]:
    """Samples by the text people know: ``name{label="value"}``; no series may be there twice."""
    made: dict[str, float] = {}
    for item in items:
        if isinstance(item, Sample):
            pairs = ",".join(f'{name}="{value}"' for name, value in item.labels)
            key = f"{item.name}{{{pairs}}}" if pairs else item.name
            assert key not in made, key
            assert list(item.labels) == sorted(item.labels)
            made[key] = item.value
    return made


def notices(items: Iterable[Sample | Notice]) -> list[str]:
    return [item.text for item in items if isinstance(item, Notice)]
