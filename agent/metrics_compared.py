"""How the families of metrics here stand beside node_exporter's, for ``docs/metrics.md``.

``tests/unit_collectors/test_collect_families.py`` compares it with the real exporter and with what collectors declare:
a family that neither side of a table knows is found there, and so is an entry that is no longer true.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Families by a regular expression over whole names; ``whose`` is the collector that gives them."""

    families: str
    whose: str
    why: str


NOT_MADE = (
    Difference("node_exporter_build_info", "itself", "`tocsin_build_info` is ours"),
    Difference(
        "node_(ethtool_.*|network_(asymmetricpause|autonegotiate|pause|port|supported|advertised)_.*|network_autonegotiate)",
        "ethtool",
        "an ioctl for each interface and a name of its own for each counter of each driver; off there too",
    ),
    Difference("node_network_address_info", "netdev", "addresses of interfaces; off there too"),
    Difference(
        "node_network_receive_nohandler_total",
        "netdev",
        "only a socket of the kernel's (rtnetlink) tells it, not /proc/net/dev; no public rule uses it",
    ),
    Difference(
        "node_network_routes?(_info)?",
        "network_route",
        "a series for each route, over rtnetlink; off there too",
    ),
    Difference("node_qdisc_.*", "qdisc", "only rtnetlink tells it; off there too"),
    Difference(
        "node_processes_threads_state",
        "processes",
        "a file to read for each thread of the machine in each cycle",
    ),
    Difference("node_perf_.*", "perf", "needs capabilities over the whole machine; off there too"),
    Difference(
        "node_mountstats_.*",
        "mountstats",
        "some 600 series for each NFS mount; off there too. Retransmissions and calls are in `nfs`",
    ),
    Difference("node_sysctl_.*", "sysctl", "any file below /proc/sys as a metric; off there too"),
    Difference("node_swap_.*", "swap", "swap by device; `meminfo` has the sums. Newer than 1.5; off there too"),
    Difference("node_pcidevice_.*", "pcidevice", "links of PCI devices. Newer than 1.5; off there too"),
    Difference("node_drm_.*", "drm", "graphics cards of one maker; off there too"),
    Difference("node_wifi_.*", "wifi", "wireless stations, over netlink; off there too"),
    Difference(
        "node_(runit|supervisord)_.*", "runit, supervisord", "other service managers; off there, given up there"
    ),
    Difference(
        "node_nvme_namespace_used_bytes",
        "nvme",
        "the kernel asks the device for it at each reading, and one that hangs would not answer",
    ),
)
"""What node_exporter gives and nothing here does."""

ONLY_HERE = (
    Difference("namedprocess_namegroup_.*", "processes", "named groups of processes, as in process-exporter"),
    Difference("node_scsi_.*", "scsi", "the state of each SCSI device, and its errors"),
    Difference("apcupsd_.*", "apcupsd", "power supplies, as in apcupsd_exporter; `apcupsd_status` is ours"),
    Difference("network_ups_tools_.*", "nut", "power supplies, as in nut_exporter"),
    Difference("node_ata_.*", "ata", "speed and errors of SATA links"),
    Difference("node_btrfs_device_missing", "btrfs", "whether a device of a file system is gone"),
    Difference("x509_.*", "certificates", "certificates on disk, as in x509-certificate-exporter"),
    Difference("container_.*", "containers", "what containers use, as in cAdvisor"),
    Difference(
        "apt_.*", "packages", "updates that wait, as in the textfile script apt_info; those about security are ours"
    ),
    Difference("yum_.*", "packages", "the same of dnf, as in the textfile script yum; those about security are ours"),
    Difference("node_(reboot|kernel_newer)_.*", "reboot", "whether a restart is due, and why"),
    Difference("node_files_.*", "files", "number, age and size of files, for backups and the like"),
    Difference("node_journal_.*", "journal", "what is written to the journal, by unit and priority"),
    Difference("node_kmsg_.*", "kmsg", "what the kernel's log tells of: OOM kills, hung tasks, I/O errors"),
    Difference("node_users_.*", "users", "who is logged in, from utmp"),
    Difference("node_kernel_tainted", "kernel", "why the kernel is tainted, a series for each flag"),
)
"""What a collector here gives and node_exporter does not, in any version."""

TOLD_OTHERWISE = (
    Difference(
        "node_hwmon_.*_alarm_(celsius|volts|amps|watt)",
        "hwmon",
        "1 in alarm; node_exporter gives 0.001, so that the usual rule `== 1` never fires",
    ),
    Difference(
        "node_md_disks_required",
        "mdadm",
        "not there for an inactive array, which does not say it; node_exporter gives 0",
    ),
    Difference(
        "node_md_state",
        "mdadm",
        "`reshape` is a state of its own, and a broken array is `inactive`; no state of node_exporter's is 1 then",
    ),
    Difference(
        "node_btrfs_device_errors_total",
        "btrfs",
        "from sysfs, with `devid`, and `device` where there is only one; by ioctl and with `device` there",
    ),
    Difference("node_btrfs_global_rsv_size_bytes", "btrfs", "0 in node_exporter 1.5"),
    Difference("node_drbd_network_received_bytes_total", "drbd", "bytes; node_exporter gives KiB"),
    Difference(
        "node_bcache_btree_read_average_duration_seconds",
        "bcache",
        "node_exporter takes microseconds for nanoseconds",
    ),
    Difference(
        "node_ipvs_backend_.*",
        "ipvs",
        "servers of an SCTP service are told under it; node_exporter adds them to the service above",
    ),
    Difference(
        "node_(interrupts|softirqs_functions)_total",
        "interrupts, softirqs",
        "`cpu` is the CPU's own number; node_exporter counts columns, and is wrong behind a CPU that is offline",
    ),
    Difference("node_selinux_enabled", "selinux", "not there on a host without SELinux, where node_exporter gives 0"),
    Difference(
        "node_nf_conntrack_stat_ignore",
        "conntrack",
        "not there where the kernel has no such column, where node_exporter gives 0",
    ),
    Difference(
        "node_nfs_requests_total",
        "nfs",
        "methods that an older kernel does not count are not there, where node_exporter gives 0",
    ),
    Difference(
        "node_network_speed_bytes", "netclass", "may be left out where the driver does not know it, by an option"
    ),
)
"""Families of the same name whose values are not the same."""
