"""The kernel's files: what node_exporter reads in them, and what is said of one that is not as it should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from exporter_kit import exporter, fetched, parsed
from golden_host import STAT, collected, plant, table
from golden_kernel import INTERRUPTS, IP_VS, KERNEL, NFSD

from agent.metrics_compared import TOLD_OTHERWISE
from collectors import cpu
from collectors.api import CollectorError, Sample

READ_ALIKE = (
    "cpu", "cpufreq", "ipvs", "nfs", "nfsd", "xfs", "rapl", "thermal_zone", "interrupts", "buddyinfo", "slabinfo",
    "ksmd", "lnstat", "meminfo_numa", "zoneinfo", "udp_queues", "time",
)  # fmt: skip
"""Collectors that node_exporter has too and that read the files below /proc and /sys which it is pointed at."""
OTHERWISE = re.compile("|".join(each.families for each in TOLD_OTHERWISE if each.whose != "ipvs"))
NOT_THERE = re.compile(
    r"node_cpu_(online|isolated|scaling_governor)|node_xfs_inode_operation_.*|node_time_(seconds|zone_offset_seconds)"
    r'|node_nfsd_requests_total\{method="(Verify|Write|RelLockOwner)",proto="4"\}'
)
"""Newer than this version, or of the moment; or read two columns off by this version, which a later one mends."""


@pytest.mark.server("prometheus-node-exporter")
def test_the_exporter_reads_the_same_out_of_the_golden_files(require: Callable[[str], Path], tmp_path: Path) -> None:
    flags = [f"--collector.{name}" for name in READ_ALIKE]
    # What this version gives up a whole collector for: a line of Linux 6.6, a frequency nobody knows, a line cut short.
    # And a service of SCTP, which it takes for no service.
    tree = KERNEL | {
        "proc/net/rpc/nfsd": NFSD.replace("wdeleg_getattr 0\n", ""),
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1219917\n",
        "proc/stat": STAT.partition("softirq")[0],
        "proc/net/ip_vs": re.sub("SCTP.*\n.*\n", "", IP_VS),
    }
    host = plant(tmp_path, tree)
    ours: dict[str, float] = {}
    for name in READ_ALIKE:
        ours |= collected(host, name, **({"info": True, "guest": True} if name == "cpu" else {}))
    with exporter(
        require("prometheus-node-exporter"), "--collector.disable-defaults", *flags, "--collector.cpu.info",
        f"--path.procfs={tmp_path}/proc", f"--path.sysfs={tmp_path}/sys",
    ) as url:  # fmt: skip
        answer = fetched(url)
    theirs = table(Sample(name, pairs, value) for name, pairs, value, _ in parsed(answer) if name.startswith("node_"))
    failed = {key for key, value in theirs.items() if "collector_success" in key and not value}
    assert failed == set()
    frame = re.compile("node_scrape_collector_.*|node_exporter_build_info.*")
    theirs = {key: value for key, value in theirs.items() if not frame.match(key) and not NOT_THERE.match(key)}
    assert len(theirs) > 250
    alike = {key: value for key, value in ours.items() if not OTHERWISE.match(key) and not NOT_THERE.match(key)}
    theirs_alike = {key: value for key, value in theirs.items() if not OTHERWISE.match(key)}
    assert alike.keys() ^ theirs_alike.keys() == set()
    assert alike == pytest.approx(theirs_alike, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "path", "text", "message"),
    [
        ("kernel", "proc/sys/kernel/tainted", "many\n", "not a whole number: 'many'"),
        ("kernel", "proc/sys/kernel/tainted", "9" * 400, "not a whole number"),
        ("udp_queues", "proc/net/udp", "titles\nhalf a line\n", "a line has no tx_queue:rx_queue"),
        ("tcpstat", "proc/net/tcp", "titles\n0: a b FF 0:0\n", "a line has no state and queues"),
        ("cpufreq", "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "fast", "not a frequency in kHz"),
        ("thermal_zone", "sys/class/thermal/thermal_zone0/temp", "warm", "thermal_zone0/temp: not a whole number"),
        ("watchdog", "sys/class/watchdog/watchdog0/timeleft", "?", "not a whole number"),
        ("selinux", "sys/fs/selinux/avc/cache_stats", "lookups hits\n1\n", "not as many values"),
        ("selinux", "sys/fs/selinux/avc/hash_stats", "entries: x\n", "not all are whole numbers: 'x'"),
        ("ipvs", "proc/net/ip_vs_stats", "a\nb\n1 2\n", "the third line has not 5 numbers"),
        ("ipvs", "proc/net/ip_vs", "TCP  C0A8:0CEA wlc\n", "not an address and a port: 'C0A8:0CEA'"),
        ("nfs", "proc/net/rpc/nfs", "net 1 x\n", "/proc/net/rpc/nfs: not all are whole numbers"),
        ("nfsd", "proc/net/rpc/nfsd", "rc 1 x\n", "/proc/net/rpc/nfsd: not all are whole numbers"),
        ("xfs", "sys/fs/xfs/sda1/stats/stats", "rw 1\n", "stats: the line rw has not 2 numbers"),
        ("interrupts", "proc/interrupts", "\n", "names no CPU"),
        ("interrupts", "proc/interrupts", INTERRUPTS.replace("5031", "x"), "not all are whole numbers"),
        ("softirqs", "proc/softirqs", "CPU0 CPU1\nHI: 1\n", "'HI' has 1 numbers for 2 CPUs"),
        ("buddyinfo", "proc/buddyinfo", "Node 0, DMA 1\n", "a line is not `Node n, zone name numbers"),
        ("zoneinfo", "proc/zoneinfo", "Node x\n", "a line is not `Node n, zone name`"),
        ("zoneinfo", "proc/zoneinfo", "Node 0, zone DMA\n min x\n", "not all are whole numbers: 'x'"),
        ("slabinfo", "proc/slabinfo", "a\nb\ndentry 1 2\n", "a line is not a name and 5 numbers"),
        ("lnstat", "proc/net/stat/arp_cache", "a b\n1\n", "not as many values"),
        ("meminfo_numa", "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 3 MB\n", "a line is not `Node n"),
        ("ksmd", "sys/kernel/mm/ksm/run", "?", "not a whole number"),
        ("xfrm", "proc/net/xfrm_stat", "XfrmInHdrError\n", "a line is not a name and a number"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_named(tmp_path: Path, name: str, path: str, text: str, message: str) -> None:
    near = path.split("/")[:2]
    others = {file: golden for file, golden in KERNEL.items() if file.split("/")[:2] == near}
    host = plant(tmp_path, others | {path: text})
    with pytest.raises(CollectorError, match=message):
        collected(host, name)


@pytest.mark.parametrize("text", ["0-x", "a", "99999", "0-99999"])
def test_a_list_of_cpus_that_is_none(text: str) -> None:
    with pytest.raises(CollectorError, match="not a list of CPUs"):
        cpu.parse_ranges(text)
