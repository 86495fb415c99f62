"""What is known of metrics beyond their declaration: the values they take, and what becomes of their labels.

Names are those of node_exporter, snmp_exporter and blackbox_exporter, also of families no collector gives yet: a rule
that is wrong about them is wrong wherever they come from. Sources: IF-MIB, BGP4-MIB, UPS-MIB, the kernel's documents.
"""

from __future__ import annotations

from typing import Final

FLAGS: Final = frozenset(
    """
    up probe_success node_scrape_collector_success node_filesystem_readonly node_filesystem_device_error
    node_network_up node_network_carrier node_network_dormant node_systemd_unit_state node_systemd_system_running
    node_textfile_scrape_error node_timex_sync_status node_md_state node_hwmon_temp_crit_alarm_celsius
    node_hwmon_temp_alarm tocsin_backend_up tocsin_store_healthy tocsin_config_last_reload_successful
    probe_http_ssl probe_failed_due_to_regex
    """.split()  # noqa: SIM905 - names read better so
)
"""0 or 1."""

ALWAYS_ONE: Final = frozenset(
    """
    ALERTS node_uname_info node_network_info node_os_info node_dmi_info node_disk_info node_filesystem_mount_info
    tocsin_build_info node_exporter_build_info
    """.split()  # noqa: SIM905
)
"""Their labels are the message; the value is always 1."""

BETWEEN: Final[dict[str, tuple[float, float]]] = {
    "ifOperStatus": (1, 7),
    "ifAdminStatus": (1, 3),
    "bgpPeerState": (1, 6),
    "bgpPeerAdminStatus": (1, 2),
    "hrProcessorLoad": (0, 100),
    "upsEstimatedChargeRemaining": (0, 100),
    "upsOutputPercentLoad": (0, 200),
    "node_power_supply_capacity": (0, 100),
    "namedprocess_namegroup_worst_fd_ratio": (0, 1),
    "node_processes_state": (1, float("inf")),  # a state without processes has no series
}
"""Whole or bounded values: the least and the greatest."""

SHARES_OF_TIME: Final = frozenset(
    """
    node_cpu_seconds_total node_disk_io_time_seconds_total node_pressure_cpu_waiting_seconds_total
    node_pressure_io_waiting_seconds_total node_pressure_io_stalled_seconds_total
    node_pressure_memory_waiting_seconds_total node_pressure_memory_stalled_seconds_total
    """.split()  # noqa: SIM905
)
"""Seconds of something that happens at most all the time: their rate is a share (extrapolation may go a bit over 1)."""

PARTS: Final = (
    ("node_filesystem_avail_bytes", "node_filesystem_size_bytes"),
    ("node_filesystem_free_bytes", "node_filesystem_size_bytes"),
    ("node_filesystem_files_free", "node_filesystem_files"),
    ("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
    ("node_memory_MemFree_bytes", "node_memory_MemTotal_bytes"),
    ("node_memory_Cached_bytes", "node_memory_MemTotal_bytes"),
    ("node_memory_Buffers_bytes", "node_memory_MemTotal_bytes"),
    ("node_memory_SwapFree_bytes", "node_memory_SwapTotal_bytes"),
    ("node_filefd_allocated", "node_filefd_maximum"),
    ("node_nf_conntrack_entries", "node_nf_conntrack_entries_limit"),
    ("node_processes_pids", "node_processes_max_processes"),
    ("node_processes_threads", "node_processes_max_threads"),
    ("hrStorageUsed", "hrStorageSize"),
)
"""Of two metrics the first is a part of the second: their quotient is between 0 and 1."""

OPTIONAL_LABELS: Final = frozenset(
    {
        "device_error", "type", "serial", "path", "revision", "wwn", "model", "id_like",
        "ifAlias", "ifDescr", "ifName", "entPhysicalDescr", "entPhysicalName",
    }
)  # fmt: skip
"""Labels that a declared metric has on some series only."""

LABEL_VALUES: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("node_cpu_seconds_total", "mode"): frozenset(
        {"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"}
    ),
    ("node_cpu_guest_seconds_total", "mode"): frozenset({"user", "nice"}),
    ("node_md_state", "state"): frozenset({"active", "inactive", "recovering", "resync", "check"}),
    ("node_md_disks", "state"): frozenset({"active", "failed", "spare"}),
    ("node_systemd_unit_state", "state"): frozenset(
        {"active", "activating", "deactivating", "failed", "inactive", "reloading", "refreshing", "maintenance"}
    ),
}
"""All values that a label of a metric can have, where there are few."""

OPEN_LABELS: Final = frozenset({"probe_expect_info"})
"""Metrics whose labels are written in the configuration."""

CHANGING_LABELS: Final[dict[str, frozenset[str]]] = {
    "node_filesystem_device_error": frozenset({"device_error"}),
    "node_network_info": frozenset({"operstate", "adminstate", "duplex", "address"}),
    "node_systemd_version": frozenset({"version"}),
    "node_uname_info": frozenset({"release", "version"}),
    "tocsin_build_info": frozenset({"version"}),
}
"""Labels that hold a state: they change when the thing they describe does."""

STEADY: Final = frozenset(
    """
    node_memory_MemTotal_bytes node_memory_SwapTotal_bytes node_memory_HardwareCorrupted_bytes
    node_filesystem_size_bytes node_filesystem_files node_network_mtu_bytes node_network_speed_bytes
    node_network_flags node_timex_maxerror_seconds node_processes_max_processes node_processes_max_threads
    node_systemd_units
    """.split()  # noqa: SIM905
)
"""Gauges that change by steps and not by noise."""

SCRIPTS: Final = ("smartmon_", "smartctl_", "nvme_", "megaraid_", "ipmi_")
"""What the names begin with that the usual scripts write for the collector textfile."""
