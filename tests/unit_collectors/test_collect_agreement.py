"""Side by side with Debian's node_exporter on this host: the same names and labels, and the same values."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exporter_kit import exporter, fetched, parsed

from agent.metrics_compared import NOT_MADE
from collectors import filesystem
from collectors.api import HostFS, Labels, Sample, Scraper, load

COLLECTORS = (
    "cpu", "stat", "loadavg", "uname", "time", "meminfo", "filesystem", "diskstats", "netdev", "netclass", "processes",
    "textfile", "vmstat", "pressure", "filefd", "netstat", "sockstat", "softnet", "conntrack", "arp", "entropy", "edac",
    "os", "dmi", "timex", "udp_queues", "cpufreq", "ipvs", "nfs", "nfsd", "xfs", "rapl", "thermal_zone", "selinux",
    "interrupts", "buddyinfo", "slabinfo", "ksmd", "lnstat", "tcpstat", "meminfo_numa", "zoneinfo", "cgroups",
)  # fmt: skip
FAMILIES = re.compile(
    r"node_(cpu_.*|intr_total|softirqs_total|context_switches_total|forks_total|boot_time_seconds|procs_(running|blocked)"
    r"|load\d+|uname_info|time_seconds|memory_.*|filesystem_.*|disk_.*|network_.*|processes_.*|textfile_scrape_error"
    r"|vmstat_.*|pressure_.*|filefd_.*|netstat_.*|sockstat_.*|softnet_.*|nf_conntrack_.*|arp_entries|entropy_.*|edac_.*"
    r"|os_(info|version)|dmi_info|timex_.*|time_zone_.*|time_clocksource_.*|udp_queues|ipvs_.*|nfsd?_.*|xfs_.*|rapl_.*"
    r"|thermal_zone_temp|cooling_device_.*|selinux_.*|interrupts_total|buddyinfo_blocks|slabinfo_.*|ksmd_.*|lnstat_.*"
    r"|tcp_connection_states|zoneinfo_.*|cgroups_.*)$"
)
NOT_OURS = re.compile(
    "|".join(each.families for each in NOT_MADE) + "|node_nf_conntrack_stat_ignore|node_selinux_enabled"
)
"""The last two: where the kernel has no such thing the exporter says 0."""
TUNED: dict[str, dict[str, bool]] = {"cpu": {"guest": True, "info": True}, "stat": {"softirq": True}}
NEWER = re.compile(
    r"node_filesystem_(mount_info|purgeable_bytes)|node_pressure_irq_.*"
    r"|node_softnet_(cpu_collision_total|received_rps_total|flow_limit_count_total|backlog_len)"
    r"|node_netstat_TcpExt_(TCPOFOQueue|TCPRcvQDrop)|node_cpu_(online|isolated|scaling_governor)|node_xfs_inode_operation_.*"
    r"|node_xfrm_.*|node_kernel_hung_tasks_total|node_softirqs_functions_total"
)
"""Families node_exporter got after the version Debian 12 has (1.5)."""
NEWER_LABELS = frozenset({"adminstate", "rotational"})
CONSTANT = re.compile(
    r"node_(boot_time_seconds|uname_info|memory_(Mem|Swap)Total_bytes|filesystem_(size_bytes|files|readonly|device_error)"
    r"|disk_info|network_(info|up|mtu_bytes|flags|speed_bytes|iface_id|transmit_queue_length)|processes_max_.*)$"
)
COUNTER = re.compile(r".*_total$")


@pytest.fixture
def node_exporter(require: Callable[[str], Path], tmp_path: Path) -> Iterator[str]:
    """The exporter with node_exporter's current default filters, on loopback."""
    disks = load("diskstats").DEVICE_EXCLUDE  # type: ignore[attr-defined]  # of this one module
    with exporter(
        require("prometheus-node-exporter"),
        "--collector.cpu.guest", "--collector.cpu.info", "--collector.stat.softirq",
        "--collector.netdev.device-exclude=^$",
        *(f"--collector.{name}" for name in COLLECTORS),
        f"--collector.diskstats.device-exclude={disks}",
        f"--collector.filesystem.mount-points-exclude={filesystem.MOUNT_POINTS_EXCLUDE}",
        f"--collector.filesystem.fs-types-exclude={filesystem.FS_TYPES_EXCLUDE}",
        f"--collector.textfile.directory={tmp_path}",
    ) as url:  # fmt: skip
        yield url


def theirs(url: str) -> dict[tuple[str, Labels], float]:
    return {
        (name, pairs): value
        for name, pairs, value, _ in parsed(fetched(url))
        if FAMILIES.match(name) and not NOT_OURS.match(name)
    }


async def ours(frame: Scraper) -> dict[tuple[str, Labels], float]:
    def plain(sample: Sample) -> tuple[str, Labels]:
        target = {"instance", "job", *NEWER_LABELS}
        return sample.name, tuple(pair for pair in sample.labels if pair[0] not in target)

    return {
        plain(sample): sample.value
        for scrape in await frame.cycle(0)
        for sample in scrape.samples
        if FAMILIES.match(sample.name) and not NEWER.match(sample.name) and not NOT_OURS.match(sample.name)
    }


@pytest.mark.server("prometheus-node-exporter")
async def test_names_labels_and_values_agree(node_exporter: str) -> None:
    host = HostFS()
    built = {}
    for name in COLLECTORS:
        module = load(name)
        options = module.Options(**TUNED.get(name, {}))
        built[name] = module.build(options, host)
    frame = Scraper(built, job="node", instance="here")
    before = await ours(frame)
    reference = await asyncio.to_thread(theirs, node_exporter)
    after = await ours(frame)
    await frame.aclose()
    fleeting = re.compile("node_(processes_state|tcp_connection_states)")  # a state nothing is in has no series
    assert {key for key in reference if not fleeting.match(key[0])} == {
        key for key in after if not fleeting.match(key[0])
    }
    assert len(reference) > 150
    for key, value in reference.items():
        if CONSTANT.match(key[0]):
            assert after[key] == pytest.approx(value, rel=1e-12), key
        elif COUNTER.match(key[0]):
            slack = 0.05 + value * 1e-9
            assert before[key] - slack <= value <= after[key] + slack, key
    assert after["node_memory_MemFree_bytes", ()] == pytest.approx(reference["node_memory_MemFree_bytes", ()], rel=0.2)
    assert after["node_time_seconds", ()] == pytest.approx(reference["node_time_seconds", ()], abs=30)
