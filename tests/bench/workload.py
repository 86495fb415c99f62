"""The rules and series of the rule benchmark, in the shapes of public rule collections: a host, and a network.

``HOST``: 400 rules over 3,000 series with node_exporter's names, every 15 s. ``NETWORK``: 44 rules over 31,000 series
with snmp_exporter's names from 300 devices, every 60 s. Thresholds are set so that a few percent of the alerts fire.
Values depend on the cycle alone: two runs see the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any

import yaml

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float, None]

CPUS, MOUNTS, DISKS, NICS, UNITS = 32, 20, 16, 24, 225
MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
STATES = ("activating", "active", "deactivating", "failed", "inactive")
DISK = (
    "reads_completed", "reads_merged", "read_bytes", "read_time_seconds", "writes_completed", "writes_merged",
    "written_bytes", "write_time_seconds", "io_time_seconds", "io_time_weighted_seconds", "discards_completed",
    "flush_requests",
)  # fmt: skip
NET = tuple(f"{way}_{what}" for way in ("receive", "transmit") for what in ("bytes", "packets", "errs", "drop", "fifo"))
FS = ("avail_bytes", "size_bytes", "free_bytes", "files", "files_free", "readonly", "device_error")
MEMORY = (
    "MemTotal", "MemAvailable", "MemFree", "Buffers", "Cached", "SwapTotal", "SwapFree", "Slab", "SReclaimable",
    "Dirty", "Writeback", "Committed_AS", "CommitLimit", "HardwareCorrupted", "HugePages_Total", "HugePages_Free",
)  # fmt: skip
COUNTERS = (
    "node_vmstat_pgmajfault", "node_vmstat_oom_kill", "node_vmstat_pswpin", "node_vmstat_pswpout",
    "node_netstat_Tcp_RetransSegs", "node_netstat_Tcp_OutSegs", "node_netstat_TcpExt_ListenOverflows",
    "node_netstat_TcpExt_TCPSynRetrans", "node_netstat_Udp_InErrors", "node_netstat_Udp_RcvbufErrors",
    "node_context_switches_total", "node_intr_total", "node_forks_total", "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_waiting_seconds_total", "node_pressure_memory_waiting_seconds_total",
)  # fmt: skip
GAUGES = (
    "node_load1", "node_load5", "node_load15", "node_procs_running", "node_procs_blocked", "node_filefd_allocated",
    "node_filefd_maximum", "node_nf_conntrack_entries", "node_nf_conntrack_entries_limit", "node_timex_offset_seconds",
    "node_timex_sync_status", "node_timex_maxerror_seconds", "node_sockstat_TCP_tw", "node_sockstat_TCP_mem",
    "node_sockstat_sockets_used", "node_time_seconds", "node_boot_time_seconds", "node_reboot_required",
    "node_textfile_scrape_error", "node_entropy_available_bits", "up",
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """``for_`` and ``record`` as in a rule file; a rule with ``record`` has no ``for_``."""

    name: str
    expr: str
    for_: str = ""
    record: bool = False


@dataclass(frozen=True)
class Workload:
    """``sources`` are (source, target labels, names and labels of its series); times in ms."""

    name: str
    interval: int
    rules: Sequence[Rule]
    sources: Sequence[tuple[str, Labels, Sequence[tuple[str, Labels]]]]

    @property
    def series(self) -> int:
        return sum(len(series) for _, _, series in self.sources)

    def samples(self, cycle: int) -> Iterator[tuple[str, Labels, list[Sample]]]:
        """Each source with its samples of this cycle."""
        for number, (source, target, series) in enumerate(self.sources):
            yield (
                source,
                target,
                [
                    (name, labels, value(name, labels, number * 31 + place, cycle), None)
                    for place, (name, labels) in enumerate(series)
                ],
            )

    def rule_file(self) -> str:
        """The rules as Prometheus reads them."""
        lines = ["groups:", f"  - name: {self.name}", f"    interval: {self.interval // 1000}s", "    rules:"]
        for rule in self.rules:
            lines.append(f"      - {'record' if rule.record else 'alert'}: {rule.name}")
            lines.append(f"        expr: {rule.expr!r}" if "'" not in rule.expr else f'        expr: "{rule.expr}"')
            if rule.record:
                continue
            if rule.for_:
                lines.append(f"        for: {rule.for_}")
            lines.append("        labels: {severity: warning, component: bench}")
            lines.append('        annotations: {summary: "{{ $labels.instance }}: {{ $value | humanize }}"}')
        return "\n".join(lines) + "\n"


FLEETING = {(("groupname", "proc-7"),), (("name", "unit-3.service"), ("state", "failed"), ("type", "simple"))}
"""Labels of series that are missing in each fourth cycle: a process that comes and goes, a unit."""


def value(name: str, labels: Labels, place: int, cycle: int) -> float:
    """What this series says in this cycle: counters grow at a speed of their own, gauges move a little."""
    if name in _FIXED:
        return _FIXED[name]
    if name in _STATES:
        wanted = _STATES[name]
        return float(any(pair in wanted for pair in labels))
    if name.endswith(("_total", "Octets", "Pkts", "Errors", "Discards", "Ticks")) or name in COUNTERS:
        return float(cycle * (place % 97 + 1) + place)
    if name == "node_time_seconds":
        return 1.7e9 + cycle * 15
    if name == "sysUpTime":
        return 1e6 + cycle * 6000.0
    return 1e6 * (1 + place % 13) + (cycle * 7 + place) % 101


_FIXED = {
    "node_filesystem_readonly": 0.0, "node_filesystem_device_error": 0.0, "node_filesystem_size_bytes": 5e7,
    "node_filesystem_files": 5e7, "node_boot_time_seconds": 1.69e9, "node_uname_info": 1.0, "up": 1.0,
    "node_timex_sync_status": 1.0, "node_reboot_required": 0.0, "node_textfile_scrape_error": 0.0,
    "node_memory_MemTotal_bytes": 3e7, "node_memory_SwapTotal_bytes": 3e7, "node_network_up": 1.0,
    "node_network_info": 1.0,
    "node_network_carrier": 1.0, "ifAdminStatus": 1.0, "ifHighSpeed": 1000.0, "hrStorageSize": 2e7,
    "node_md_disks": 0.0, "node_memory_HardwareCorrupted_bytes": 0.0, "bgpPeerAdminStatus": 2.0, "ifOperStatus": 1.0,
}  # fmt: skip
_STATES = {
    "node_systemd_unit_state": {("state", "active")},
    "node_scrape_collector_success": {("collector", name) for name in ("cpu", "disk", "net", "filesystem")},
}


# The host


def _host_series() -> Iterator[tuple[str, Labels]]:
    for cpu in range(CPUS):
        for mode in MODES:
            yield "node_cpu_seconds_total", (("cpu", str(cpu)), ("mode", mode))
        for name in ("dropped", "processed", "times_squeezed"):
            yield f"node_softnet_{name}_total", (("cpu", str(cpu)),)
        yield "node_schedstat_waiting_seconds_total", (("cpu", str(cpu)),)
        yield "node_cpu_scaling_frequency_hertz", (("cpu", str(cpu)),)
        yield "node_cpu_core_throttles_total", (("core", str(cpu)), ("package", "0"))
    for device, name in product(range(DISKS), DISK):
        yield f"node_disk_{name}_total", (("device", f"sd{chr(97 + device)}"),)
    for device in range(NICS):
        labels = (("device", f"eth{device}"),)
        for name in NET:
            yield f"node_network_{name}_total", labels
        for name in ("up", "carrier", "speed_bytes", "mtu_bytes"):
            yield f"node_network_{name}", labels
        yield "node_network_carrier_changes_total", labels
        yield "node_network_info", (*labels, ("duplex", "full"), ("operstate", "up"))
    for mount, name in product(range(MOUNTS), FS):
        yield f"node_filesystem_{name}", (
            ("device", f"/dev/sd{mount}1"), ("fstype", "tmpfs" if mount > 15 else "ext4"), ("mountpoint", f"/m{mount}"),
        )  # fmt: skip
    for unit in range(UNITS):
        for state in STATES:
            yield "node_systemd_unit_state", (
                ("name", f"unit-{unit}.service"), ("state", state), ("type", "simple"),
            )  # fmt: skip
        yield "node_systemd_service_restart_total", (("name", f"unit-{unit}.service"),)
    for name in MEMORY:
        yield f"node_memory_{name}_bytes", ()
    for name in (*COUNTERS, *GAUGES):
        yield name, ()
    for chip, sensor in product(range(8), range(6)):
        for name in ("celsius", "crit_celsius", "max_celsius"):
            yield f"node_hwmon_temp_{name}", (("chip", f"platform_coretemp_{chip}"), ("sensor", f"temp{sensor}"))
    for device, state in product(range(6), ("active", "failed", "spare")):
        yield "node_md_disks", (("device", f"md{device}"), ("state", state))
    for controller in range(4):
        yield "node_edac_correctable_errors_total", (("controller", str(controller)),)
        yield "node_edac_uncorrectable_errors_total", (("controller", str(controller)),)
    for collector in ("cpu", "disk", "net", "filesystem"):
        yield "node_scrape_collector_success", (("collector", collector),)
        yield "node_scrape_collector_duration_seconds", (("collector", collector),)
    for group in range(50):
        for name in ("num_procs", "memory_bytes", "cpu_seconds_total", "open_filedesc", "worst_fd_ratio"):
            yield f"namedprocess_namegroup_{name}", (("groupname", f"proc-{group}"),)
    yield "node_uname_info", (
        ("domainname", "(none)"), ("machine", "x86_64"), ("nodename", "host-1"), ("release", "6.1"),
        ("sysname", "Linux"),
    )  # fmt: skip


def _rules(prefix: str, shapes: list[dict[str, Any]], count: int) -> list[Rule]:
    rules: list[Rule] = []
    for number, shape in enumerate(shapes):
        values = shape.get("with", {})
        for variant, chosen in enumerate(product(*values.values())):
            text = shape["expr"].format(**dict(zip(values, chosen, strict=True)))
            rules.append(Rule(f"{prefix}{number}Variant{variant}", text, ("", "1m", "5m", "15m")[variant % 4]))
    if len(rules) < count:
        raise ValueError(f"only {len(rules)} rules of {count}")
    # The last ones, which fire, always; of the others so many, evenly spread.
    rest = rules[:-9]
    return [rest[place * len(rest) // (count - 9)] for place in range(count - 9)] + rules[-9:]


# The network

DEVICES, PORTS = 300, 10
IF = (
    "ifHCInOctets", "ifHCOutOctets", "ifInErrors", "ifOutErrors", "ifInDiscards", "ifOutDiscards", "ifOperStatus",
    "ifAdminStatus", "ifHighSpeed",
)  # fmt: skip


def _device_series() -> Iterator[tuple[str, Labels]]:
    for port, name in product(range(1, PORTS + 1), IF):
        yield (
            name,
            (
                ("ifAlias", f"to floor {port}"),
                ("ifDescr", f"GigabitEthernet0/{port}"),
                ("ifIndex", str(port)),
                ("ifName", f"Gi0/{port}"),
            ),
        )
    for storage, name in product((1, 2, 3), ("hrStorageUsed", "hrStorageSize")):
        yield name, (("hrStorageDescr", f"pool {storage}"), ("hrStorageIndex", str(storage)))
    for processor in range(4):
        yield "hrProcessorLoad", (("hrDeviceIndex", str(processor)),)
    for name in ("bgpPeerState", "bgpPeerAdminStatus"):
        yield name, (("bgpPeerRemoteAddr", "10.255.0.1"),)
    yield "sysUpTime", ()
    yield "up", ()


SHAPES = yaml.safe_load((Path(__file__).parent / "shapes.yml").read_text())
RECORDED = [Rule(shape["record"], shape["expr"], record=True) for shape in SHAPES["recorded"]]
"""First in their group, and read by the rules behind them."""

HOST = Workload(
    "host", 15_000, [*RECORDED, *_rules("Host", SHAPES["host"], 394)],
    [
        (collector, (("instance", "host-1"), ("job", "node")), list(series))
        for collector, series in groupby(sorted(_host_series()), lambda one: "_".join(one[0].split("_")[:2]))
    ],
)  # fmt: skip
NETWORK = Workload(
    "network", 60_000, _rules("Network", SHAPES["network"], 44),
    [
        (
            f"snmp {device}",
            (("instance", f"10.0.{device // 250}.{device % 250}"), ("job", "snmp")),
            list(_device_series()),
        )
        for device in range(DEVICES)
    ],
)  # fmt: skip
