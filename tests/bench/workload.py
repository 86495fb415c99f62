"""The rules and series of the rule benchmark, in the shapes of public rule collections: a host, and a network.

``HOST``: 400 rules over 3,000 series with node_exporter's names, every 15 s. ``NETWORK``: 44 rules over 31,000 series
with snmp_exporter's names from 300 devices, every 60 s. Thresholds are set so that a few percent of the alerts fire.
Values depend on the cycle alone: two runs see the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

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
    "node_network_info": 1.0, "ifAdminStatus": 1.0, "ifHighSpeed": 1000.0, "hrStorageSize": 2e7, "node_md_disks": 0.0,
    "node_memory_HardwareCorrupted_bytes": 0.0, "bgpPeerAdminStatus": 2.0, "ifOperStatus": 1.0,
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
        ("domainname", "(none)"), ("machine", "x86_64"), ("nodename", "host-1"), ("release", "6.1"), ("sysname", "Linux"),
    )  # fmt: skip


RECORDED = (
    Rule("instance:node_cpu_utilisation:rate5m",
         "1 - avg without (cpu) (sum without (mode) (rate(node_cpu_seconds_total{mode=~'idle|iowait|steal'}[5m])))", record=True),
    Rule("instance:node_num_cpu:sum", "count without (cpu, mode) (node_cpu_seconds_total{mode='idle'})", record=True),
    Rule("instance:node_memory_utilisation:ratio", "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", record=True),
    Rule("instance_device:node_disk_io_time_seconds:rate5m", "rate(node_disk_io_time_seconds_total[5m])", record=True),
    Rule("instance:node_network_receive_bytes:rate5m", "sum without (device) (rate(node_network_receive_bytes_total{device!='lo'}[5m]))", record=True),
    Rule("instance:node_load1_per_cpu:ratio", "node_load1 / instance:node_num_cpu:sum", record=True),
)  # fmt: skip
"""First in their group, and read by the rules behind them."""

NODENAME = " * on(instance) group_left (nodename) node_uname_info{{nodename=~'.+'}}"
REAL = "fstype!~'tmpfs|ramfs|nfs.*'"
SHAPES: tuple[tuple[str, dict[str, tuple[object, ...]]], ...] = (
    # Filled with every combination of the values given; {limit} comes in two grades, warning and critical.
    ("100 - (avg by(instance) (rate(node_cpu_seconds_total{{mode='idle'}}[{w}])) * 100) > {limit}",
     {"w": ("2m", "5m", "10m", "15m"), "limit": (3e3, 9e3)}),
    ("avg by(instance) (rate(node_cpu_seconds_total{{mode='{mode}'}}[{w}])) * 100 > {limit} and on(instance) node_uname_info",
     {"mode": ("iowait", "steal", "softirq", "system", "user"), "w": ("2m", "5m", "10m"), "limit": (1e4, 3e4)}),
    ("sum by(instance, cpu) (rate(node_cpu_seconds_total{{mode!='idle'}}[{w}])) > {limit}", {"w": ("5m", "10m"), "limit": (5e2, 9e2)}),
    ("(node_memory_{m}_bytes / node_memory_MemTotal_bytes * 100 {op} {limit})" + NODENAME,
     {"m": ("MemAvailable", "MemFree", "Slab", "Dirty", "Cached"), "op": ("<", ">"), "limit": (1, 5000)}),
    ("rate(node_vmstat_{c}[{w}]) > {limit}", {"c": ("pgmajfault", "oom_kill", "pswpin", "pswpout"), "w": ("1m", "5m"), "limit": (1e3, 1e4)}),
    ("(node_filesystem_avail_bytes{{" + REAL + "}} * 100) / node_filesystem_size_bytes{{" + REAL + "}} < {limit} and on(instance, device, mountpoint) node_filesystem_readonly{{" + REAL + "}} == 0",
     {"limit": (1, 2)}),
    ("(node_filesystem_{a}{{{sel}}} / node_filesystem_{b}{{{sel}}} * 100 < {limit} and on(instance, device, mountpoint) node_filesystem_readonly == 0)" + NODENAME,
     {"a": ("files_free", "avail_bytes", "free_bytes"), "b": ("files", "size_bytes"), "sel": ("fstype!='tmpfs'", "mountpoint!~'/m1.*'"), "limit": (1, 2)}),
    ("predict_linear(node_filesystem_{a}{{fstype!~'tmpfs'}}[{w}], {ahead} * 3600) < 0 and on(instance, device, mountpoint) node_filesystem_readonly == 0",
     {"a": ("avail_bytes", "files_free"), "w": ("1h", "6h"), "ahead": (4, 24)}),
    ("node_filesystem_avail_bytes{{{sel}}} / node_filesystem_size_bytes < 0.{limit} and predict_linear(node_filesystem_avail_bytes{{{sel}}}[6h], 24*60*60) < 0 and node_filesystem_readonly == 0",
     {"sel": ("fstype!=''", "mountpoint!=''"), "limit": ("01", "02")}),
    ("sum by(instance) (rate(node_network_{way}_bytes_total[{w}])) / 1024 / 1024 > {limit}",
     {"way": ("receive", "transmit"), "w": ("2m", "5m"), "limit": (100, 200)}),
    ("rate(node_network_{way}_{what}_total{{device!~'lo|veth.*'}}[{w}]) / rate(node_network_{way}_packets_total{{device!~'lo|veth.*'}}[{w}]) > {limit}",
     {"way": ("receive", "transmit"), "what": ("errs", "drop", "fifo"), "w": ("2m", "5m", "15m"), "limit": (500, 1000)}),
    ("rate(node_network_{way}_bytes_total[{w}]) / node_network_speed_bytes > {limit} < 1000",
     {"way": ("receive", "transmit"), "w": ("1m", "2m", "5m"), "limit": (0.8, 0.9)}),
    ("sum by(instance) (irate(node_disk_{what}_bytes_total[{w}])) / 1024 / 1024 > {limit}", {"what": ("read", "written"), "w": ("2m", "5m"), "limit": (50, 90)}),
    ("(rate(node_disk_{x}_time_seconds_total[{w}]) / rate(node_disk_{y}_completed_total[{w}]) > {limit} and rate(node_disk_{y}_completed_total[{w}]) > 0)",
     {"x": ("read", "write"), "y": ("reads", "writes"), "w": ("1m", "2m", "5m"), "limit": (300, 900)}),
    ("rate(node_disk_{what}_seconds_total[{w}]) > {limit}", {"what": ("io_time", "io_time_weighted"), "w": ("5m", "30m"), "limit": (80, 90)}),
    ("node_load{n} / on(instance) count by(instance) (node_cpu_seconds_total{{mode='idle'}}) > {limit}", {"n": (1, 5, 15), "limit": (1e6, 2e6)}),
    ("avg_over_time(node_load{n}[{w}]) > {limit}", {"n": (1, 5, 15), "w": ("10m", "1h"), "limit": (1e8, 2e8)}),
    ("increase({c}[{w}]) > {limit}",
     {"c": ("node_edac_correctable_errors_total", "node_edac_uncorrectable_errors_total", "node_cpu_core_throttles_total", "node_softnet_dropped_total",
            "node_netstat_TcpExt_ListenOverflows", "node_netstat_Udp_InErrors", "node_network_carrier_changes_total"), "w": ("1m", "5m"), "limit": (1e5, 1e6)}),
    ("rate({c}[5m]) > {limit}", {"c": ("node_pressure_cpu_waiting_seconds_total", "node_pressure_io_waiting_seconds_total",
            "node_pressure_memory_waiting_seconds_total", "node_context_switches_total", "node_forks_total", "node_intr_total"), "limit": (50, 500)}),
    ("rate(node_netstat_Tcp_RetransSegs[{w}]) / rate(node_netstat_Tcp_OutSegs[{w}]) > {limit}", {"w": ("5m", "15m"), "limit": (10, 20)}),
    ("node_systemd_unit_state{{state='failed', name=~'{name}'}} == {limit}", {"name": (".+", "unit-1.*", "(unit-2|unit-3).service"), "limit": (1, 2)}),
    ("changes(node_systemd_unit_state{{state='active', name!~'getty.*'}}[{w}]) > {limit}", {"w": ("10m", "1h"), "limit": (3, 5)}),
    ("increase(node_systemd_service_restart_total[{w}]) > {limit}", {"w": ("5m", "15m"), "limit": (1e5, 1e6)}),
    ("node_hwmon_temp_celsius > {limit}", {"limit": (5e7, 9e7)}),
    ("avg_over_time(node_hwmon_temp_celsius[{w}]) > node_hwmon_temp_{k}_celsius * {limit}", {"w": ("5m", "30m"), "k": ("crit", "max"), "limit": (1e3, 2e3)}),
    ("node_md_disks{{state='failed'}} > {limit}", {"limit": (0, 1)}),
    ("(node_timex_offset_seconds > {limit} and deriv(node_timex_offset_seconds[5m]) >= 0) or (node_timex_offset_seconds < -{limit} and deriv(node_timex_offset_seconds[5m]) <= 0)",
     {"limit": (1e9, 2e9)}),
    ("min_over_time(node_timex_sync_status[{w}]) == 0 and node_timex_maxerror_seconds >= {limit}", {"w": ("1m", "5m"), "limit": (16, 32)}),
    ("absent({c})", {"c": ("up", "node_load1", "node_uname_info", "node_cpu_seconds_total", "node_time_seconds", "node_exporter_missing")}),
    ("node_filefd_allocated / node_filefd_maximum * 100 > {limit}", {"limit": (7e3, 9e3)}),
    ("node_nf_conntrack_entries / node_nf_conntrack_entries_limit > {limit}", {"limit": (75, 90)}),
    ("node_time_seconds - node_boot_time_seconds < {limit}", {"limit": (300, 600)}),
    ("node_scrape_collector_success == 0 unless on(instance, collector) node_scrape_collector_duration_seconds < {limit}", {"limit": (1, 2)}),
    ("namedprocess_namegroup_{m}{{groupname=~'proc-{g}.*'}} > {limit}", {"m": ("num_procs", "memory_bytes", "open_filedesc"), "g": (1, 2, 3), "limit": (1e8, 2e8)}),
    ("sum by(groupname) (rate(namedprocess_namegroup_cpu_seconds_total[{w}])) > {limit}", {"w": ("5m", "10m"), "limit": (1e3, 2e3)}),
    ("max by(instance) (node_network_up{{operstate!='down'}}) == {limit}", {"limit": (0, 2)}),
    ("(node_network_up{{device!~'veth.*'}} == 0) and on(instance, device) (changes(node_network_carrier[{w}]) > {limit})", {"w": ("5m", "15m"), "limit": (2, 4)}),
    ("quantile_over_time(0.95, node_procs_running[{w}]) > {limit}", {"w": ("5m", "15m"), "limit": (1e8, 2e8)}),
    ("{f}_over_time(node_sockstat_{c}[{w}]) > {limit}", {"f": ("max", "min"), "c": ("TCP_tw", "TCP_mem", "sockets_used"), "w": ("5m", "15m"), "limit": (1e8, 2e8)}),
    ("{r} > {limit}", {"r": tuple(rule.name for rule in RECORDED), "limit": (1e8, 2e8)}),
    ("topk(5, rate(node_disk_io_time_seconds_total[{w}])) > {limit}", {"w": ("5m", "10m"), "limit": (1e3, 2e3)}),
    # A few that fire all the time.
    ("node_filesystem_avail_bytes{{mountpoint='/m{n}'}} / node_filesystem_size_bytes < {limit}", {"n": (1, 2, 3, 4), "limit": (1, 2)}),
    ("up == 1 and node_reboot_required == {limit}", {"limit": (0,)}),
)  # fmt: skip


def _rules(prefix: str, shapes: tuple[tuple[str, dict[str, tuple[object, ...]]], ...], count: int) -> list[Rule]:
    rules: list[Rule] = []
    for number, (shape, values) in enumerate(shapes):
        for variant, chosen in enumerate(product(*values.values())):
            text = shape.format(**dict(zip(values, chosen, strict=True)))
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


NETWORK_SHAPES: tuple[tuple[str, dict[str, tuple[object, ...]]], ...] = (
    ("rate(ifHC{way}Octets[{w}]) * 8 / (ifHighSpeed * 1e6) > {limit}", {"way": ("In", "Out"), "w": ("5m", "15m"), "limit": (0.8, 0.95)}),
    ("(ifOperStatus == 2 and ifAdminStatus == 1) * on(instance) group_left () up", {}),
    ("increase(if{way}{what}[{w}]) > {limit}", {"way": ("In", "Out"), "what": ("Errors", "Discards"), "w": ("15m",), "limit": (1e5, 1e6)}),
    ("rate(if{way}Errors[5m]) / (rate(ifHC{way}Octets[5m]) > 0) > {limit}", {"way": ("In", "Out"), "limit": (500, 900)}),
    ("changes(ifOperStatus[{w}]) > {limit}", {"w": ("15m", "1h"), "limit": (3, 6)}),
    ("sum by(instance) (rate(ifHC{way}Octets[5m])) * 8 > {limit}", {"way": ("In", "Out"), "limit": (1e6,)}),
    ("sysUpTime / 100 < {limit}", {"limit": (300, 900)}),
    ("resets(sysUpTime[1h]) > {limit}", {"limit": (2,)}),
    ("hrStorageUsed / hrStorageSize > {limit}", {"limit": (0.99, 1.5)}),
    ("avg by(instance) (hrProcessorLoad) > {limit}", {"limit": (1e8, 2e8)}),
    ("avg_over_time(hrProcessorLoad[{w}]) > {limit}", {"w": ("5m", "15m"), "limit": (1e8,)}),
    ("bgpPeerState != 6 and bgpPeerAdminStatus == 1", {}),
    ("(rate(ifHCInOctets[5m]) + rate(ifHCOutOctets[5m])) * 8 / (ifHighSpeed * 1e6) > {limit}", {"limit": (1.2, 1.6)}),
    ("count by(instance) (ifOperStatus == 2 and ifAdminStatus == 1) > 3", {}),
    ("predict_linear(hrStorageUsed[1h], 4 * 3600) > hrStorageSize * {limit}", {"limit": (2,)}),
    ("hrStorageUsed / hrStorageSize > {limit}", {"limit": (0.6,)}),
    ("up == {limit}", {"limit": (0, 2)}),
    ("absent(up)", {}),
)  # fmt: skip

HOST = Workload(
    "host", 15_000, [*RECORDED, *_rules("Host", SHAPES, 394)],
    [("node", (("instance", "host-1"), ("job", "node")), list(_host_series()))],
)  # fmt: skip
NETWORK = Workload(
    "network", 60_000, _rules("Network", NETWORK_SHAPES, 44),
    [
        (f"snmp {device}", (("instance", f"10.0.{device // 250}.{device % 250}"), ("job", "snmp")), list(_device_series()))
        for device in range(DEVICES)
    ],
)  # fmt: skip
