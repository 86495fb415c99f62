"""The collectors of subsystems of the kernel that not every machine has, and of those that are off until mentioned."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exporter_kit import exporter, fetched, parsed
from golden_host import STAT, TREE, GoldenHost, gather, notices, plant, table
from golden_kernel import INTERRUPTS, IP_VS, NFSD

from agent.metrics_compared import TOLD_OTHERWISE
from collectors import cpu, cpufreq, interrupts, ipvs, rapl, slabinfo, thermal_zone
from collectors._model import CollectorError
from collectors.api import Sample, available, load, on_by_default

Tree = dict[str, str]


def collected(tmp_path: Path, name: str, tree: Tree | None = None, **options: Any) -> dict[str, float]:
    module = load(name)
    host = plant(tmp_path, TREE if tree is None else tree)
    return table(gather(module.build(module.Options(**options), host)))


def test_kernel_taint_by_flag_and_hung_tasks(tmp_path: Path) -> None:
    got = collected(tmp_path, "kernel")
    assert got["node_kernel_hung_tasks_total"] == 3
    assert {key for key, value in got.items() if "tainted" in key and value} == {
        'node_kernel_tainted{bit="7",flag="D"}',
        'node_kernel_tainted{bit="9",flag="W"}',
        'node_kernel_tainted{bit="12",flag="O"}',
    }
    assert len(got) == 20 + 1
    old = collected(tmp_path / "old", "kernel", {"proc/sys/kernel/tainted": "0\n"})
    assert set(old.values()) == {0}
    assert len(old) == 20, "a kernel that does not count hung tasks has no such series"


def test_udp_queues(tmp_path: Path) -> None:
    assert collected(tmp_path, "udp_queues") == {
        'node_udp_queues{ip="v4",queue="tx"}': 0x10,
        'node_udp_queues{ip="v4",queue="rx"}': 0x300,
        'node_udp_queues{ip="v6",queue="tx"}': 0,
        'node_udp_queues{ip="v6",queue="rx"}': 0,
    }
    four = collected(tmp_path / "four", "udp_queues", {"proc/net/udp": "titles\n"})
    assert set(four) == {'node_udp_queues{ip="v4",queue="tx"}', 'node_udp_queues{ip="v4",queue="rx"}'}


def test_tcpstat_adds_up_both_families(tmp_path: Path) -> None:
    assert collected(tmp_path, "tcpstat") == {
        'node_tcp_connection_states{state="listen"}': 2,
        'node_tcp_connection_states{state="established"}': 2,
        'node_tcp_connection_states{state="time_wait"}': 2,
        'node_tcp_connection_states{state="tx_queued_bytes"}': 2 * 0x15,
        'node_tcp_connection_states{state="rx_queued_bytes"}': 2,
    }


def test_cpufreq_in_hertz(tmp_path: Path) -> None:
    assert collected(tmp_path, "cpufreq") == {
        'node_cpu_frequency_min_hertz{cpu="0"}': 800e6,
        'node_cpu_frequency_max_hertz{cpu="0"}': 2400e6,
        'node_cpu_scaling_frequency_hertz{cpu="0"}': 1219.917e6,
        'node_cpu_scaling_frequency_min_hertz{cpu="0"}': 800e6,
        'node_cpu_scaling_frequency_max_hertz{cpu="0"}': 2400e6,
        'node_cpu_scaling_governor{cpu="0",governor="performance"}': 0,
        'node_cpu_scaling_governor{cpu="0",governor="powersave"}': 1,
        'node_cpu_scaling_governor{cpu="1",governor="performance"}': 0,
        'node_cpu_scaling_governor{cpu="1",governor="powersave"}': 1,
    }


def test_cpufreq_follows_the_governor_and_cpus_that_come(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = cpufreq.build(cpufreq.Options(), host)
    gather(collector)
    folder = "sys/devices/system/cpu/"
    plant(tmp_path, {f"{folder}cpu0/cpufreq/scaling_governor": "performance\n",
                     f"{folder}cpu7/cpufreq/scaling_cur_freq": "1000\n"})  # fmt: skip
    got = table(gather(collector))
    assert got['node_cpu_scaling_governor{cpu="0",governor="performance"}'] == 1
    assert got['node_cpu_scaling_frequency_hertz{cpu="7"}'] == 1e6


def refuse(host: GoldenHost, monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Makes files called ``name`` unreadable; gives the paths asked for. The tests may run as root."""
    tree, asked = type(host.sys), []
    attribute = tree.attribute

    def guarded(self: Any, path: str) -> str | None:
        if path.endswith(name):
            asked.append(path)
            raise CollectorError(f"cannot read {path}: Permission denied") from PermissionError(13, "Permission denied")
        return attribute(self, path)

    monkeypatch.setattr(tree, "attribute", guarded)
    return asked


def test_a_frequency_that_is_for_root_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = plant(tmp_path)
    asked = refuse(host, monkeypatch, "cpuinfo_cur_freq")
    collector = cpufreq.build(cpufreq.Options(), host)
    first = gather(collector)
    assert gather(collector) == first
    assert len(first) == 9
    assert len(asked) == 2, "once for each of two CPUs"


def test_cpus_that_are_online_and_isolated(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = cpu.build(cpu.Options(), host)
    got = {key: value for key, value in table(gather(collector)).items() if "online" in key or "isolated" in key}
    assert got == {
        'node_cpu_online{cpu="0"}': 1, 'node_cpu_online{cpu="1"}': 1, 'node_cpu_online{cpu="2"}': 0,
        'node_cpu_online{cpu="3"}': 1, 'node_cpu_isolated{cpu="3"}': 1,
    }  # fmt: skip
    plant(tmp_path, {"sys/devices/system/cpu/online": "0-3\n"})
    host.pulse.now += 15
    assert table(gather(collector))['node_cpu_online{cpu="2"}'] == 1
    hidden = collected(
        tmp_path / "hidden", "cpu", {"proc/stat": "cpu0 1 2 3 4\n", "sys/devices/system/cpu/present": "0"}
    )
    assert not any("online" in key for key in hidden), "not to know is not to be offline"


def test_what_the_cpus_are_is_told_when_asked_for(tmp_path: Path) -> None:
    got = {key for key in collected(tmp_path, "cpu", info_flags_include="^a", info_bugs_include="v1$") if "info" in key}
    assert got == {
        'node_cpu_info{cachesize="8192 KB",core="0",cpu="0",family="6",microcode="0xb4",model="142",'
        'model_name="Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz",package="0",stepping="10",vendor="GenuineIntel"}',
        'node_cpu_info{core="1",cpu="1",package="0",vendor="GenuineIntel"}',
        'node_cpu_flag_info{flag="aes"}',
        'node_cpu_flag_info{flag="avx2"}',
        'node_cpu_bug_info{bug="spectre_v1"}',
    }
    assert sum("info" in key for key in collected(tmp_path, "cpu", info=True)) == 2
    assert not any("info" in key for key in collected(tmp_path, "cpu"))


@pytest.mark.parametrize("text", ["0-x", "a", "99999", "0-99999"])
def test_a_list_of_cpus_that_is_none(text: str) -> None:
    with pytest.raises(CollectorError, match="not a list of CPUs"):
        cpu.parse_ranges(text)


def test_rapl_zones_are_metrics(tmp_path: Path) -> None:
    path = f"{tmp_path}/sys/class/powercap/intel-rapl"
    assert collected(tmp_path, "rapl") == {
        f'node_rapl_package_joules_total{{index="0",path="{path}:0"}}': 240422.366267,
        f'node_rapl_dram_joules_total{{index="0",path="{path}:0:0"}}': 118821.284256,
        f'node_rapl_dram_joules_total{{index="1",path="{path}:1:0"}}': 5.0,
    }
    labelled = collected(tmp_path, "rapl", enable_zone_label=True)
    assert labelled[f'node_rapl_joules_total{{index="1",path="{path}:1:0",rapl_zone="dram"}}'] == 5.0


def test_rapl_that_is_for_root_is_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = plant(tmp_path)
    refuse(host, monkeypatch, "energy_uj")
    items = gather(rapl.build(rapl.Options(), host))
    assert table(items) == {}
    assert len(notices(items)) == 1
    assert "rapl: off" in notices(items)[0]


def test_thermal_zones_and_cooling(tmp_path: Path) -> None:
    assert collected(tmp_path, "thermal_zone") == {
        'node_thermal_zone_temp{type="x86_pkg_temp",zone="0"}': 49.925,
        'node_thermal_zone_temp{type="acpitz",zone="1"}': -8.0,
        'node_cooling_device_cur_state{name="0",type="Processor"}': 0,
        'node_cooling_device_max_state{name="0",type="Processor"}': 10,
    }


def test_a_zone_that_comes_is_seen(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = thermal_zone.build(thermal_zone.Options(), host)
    gather(collector)
    plant(tmp_path, {"sys/class/thermal/thermal_zone2/type": "pch\n", "sys/class/thermal/thermal_zone2/temp": "1000\n"})
    assert table(gather(collector))['node_thermal_zone_temp{type="pch",zone="2"}'] == 1.0


def test_watchdog(tmp_path: Path) -> None:
    assert collected(tmp_path, "watchdog") == {
        'node_watchdog_bootstatus{name="watchdog0"}': 1,
        'node_watchdog_nowayout{name="watchdog0"}': 0,
        'node_watchdog_timeleft_seconds{name="watchdog0"}': 300,
        'node_watchdog_info{identity="iTCO_wdt",name="watchdog0",state="active",status="0x8000"}': 1,
        'node_watchdog_info{name="watchdog1"}': 1,
    }


def test_selinux(tmp_path: Path) -> None:
    got = collected(tmp_path, "selinux")
    assert got["node_selinux_enabled"] == 1
    assert got["node_selinux_current_mode"] == 1
    assert got["node_selinux_config_mode"] == 0
    assert got["node_selinux_avc_lookups_total"] == 91590784 + 16
    assert got["node_selinux_avc_hash_buckets_used"] == 247
    assert got["node_selinux_avc_hash_buckets_available"] == 512
    assert got["node_selinux_avc_threshold"] == 512
    assert len(got) == 14
    assert collected(tmp_path / "none", "selinux", {}) == {}


def test_ipvs_totals_and_servers(tmp_path: Path) -> None:
    got = collected(tmp_path, "ipvs")
    assert got["node_ipvs_connections_total"] == 0x16AA370
    assert got["node_ipvs_incoming_bytes_total"] == 0x51D8C8883AB3
    first = (
        'local_address="192.168.0.22",local_port="3306",proto="TCP",remote_address="192.168.82.22",remote_port="3306"'
    )
    assert got[f"node_ipvs_backend_weight{{{first}}}"] == 100
    assert got[f"node_ipvs_backend_connections_active{{{first}}}"] == 248
    assert got[f"node_ipvs_backend_connections_inactive{{{first}}}"] == 2
    six = 'local_address="2620::1",local_port="80",proto="TCP",remote_address="2620::2",remote_port="80"'
    assert got[f"node_ipvs_backend_connections_inactive{{{six}}}"] == 3
    mark = 'local_mark="10001000",local_port="0",proto="FWM",remote_address="192.168.50.21",remote_port="3306"'
    assert got[f"node_ipvs_backend_weight{{{mark}}}"] == 20
    assert sum("_weight" in key and 'proto="SCTP"' in key for key in got) == 1
    assert len(got) == 5 + 3 * 5


def test_ipvs_servers_with_the_same_labels_are_added_up(tmp_path: Path) -> None:
    got = collected(tmp_path, "ipvs", backend_labels=("proto", "local_port"))
    assert got['node_ipvs_backend_connections_active{local_port="3306",proto="TCP"}'] == 248 + 248
    with pytest.raises(ValueError, match="backend_labels: 'port' is not one of local_address, local_port"):
        ipvs.build(ipvs.Options(backend_labels=("port",)), plant(tmp_path, {}))


def test_nfs_client(tmp_path: Path) -> None:
    got = collected(tmp_path, "nfs")
    assert got['node_nfs_packets_total{protocol="tcp"}'] == 40
    assert got["node_nfs_connections_total"] == 3
    assert got["node_nfs_rpc_retransmissions_total"] == 374636
    assert got['node_nfs_requests_total{method="FsStat",proto="2"}'] == 82
    assert got['node_nfs_requests_total{method="Commit",proto="3"}'] == 23729
    assert got['node_nfs_requests_total{method="LayoutReturn",proto="4"}'] == 1337
    assert 'node_nfs_requests_total{method="Clone",proto="4"}' not in got, "this kernel counts 48 of 59"


def test_nfs_server(tmp_path: Path) -> None:
    got = collected(tmp_path, "nfsd")
    assert got["node_nfsd_server_threads"] == 8
    assert got["node_nfsd_reply_cache_nocache_total"] == 18622
    assert got["node_nfsd_disk_bytes_read_total"] == 157286400
    assert got["node_nfsd_read_ahead_cache_not_found_total"] == 7
    assert got['node_nfsd_packets_total{proto="tcp"}'] == 18628
    assert got['node_nfsd_rpc_errors_total{error="cInt"}'] == 3
    assert got['node_nfsd_requests_total{method="GetAttr",proto="4"}'] == 8179
    assert got['node_nfsd_requests_total{method="RelLockOwner",proto="4"}'] == 7
    assert got['node_nfsd_requests_total{method="PathConf",proto="3"}'] == 1
    assert not any('method="Null"' in key or 'method="-"' in key for key in got)


def test_xfs_by_device_without_the_sum(tmp_path: Path) -> None:
    got = collected(tmp_path, "xfs")
    assert {key.split('device="')[1] for key in got} == {'sda1"}'}
    assert got['node_xfs_extent_allocation_blocks_allocated_total{device="sda1"}'] == 1048576
    assert got['node_xfs_directory_operation_getdents_total{device="sda1"}'] == 1343
    assert got['node_xfs_vnode_remove_total{device="sda1"}'] == 3
    assert got['node_xfs_write_calls_total{device="sda1"}'] == 28, "the kernel writes the calls of write first"
    assert got['node_xfs_read_calls_total{device="sda1"}'] == 7


def test_time_zone_and_clock_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got = collected(tmp_path, "time")
    assert got['node_time_clocksource_current_info{clocksource="tsc",device="0"}'] == 1
    assert sum("available_info" in key for key in got) == 3
    assert sum("node_time_zone_offset_seconds" in key for key in got) == 1


def test_interrupts_by_cpu_and_source(tmp_path: Path) -> None:
    got = collected(tmp_path, "interrupts")
    rx = 'devices="1-edge eth0-rx",info="PCI-MSIX-0000:00:02.0",type="36"'
    assert got[f'node_interrupts_total{{cpu="2",{rx}}}'] == 12345678, "the columns are named: CPU1 is not there"
    assert got['node_interrupts_total{cpu="0",info="Non-maskable interrupts",type="NMI"}'] == 47
    assert len(got) == 2 * 4, "ERR and MIS are sums"


@pytest.mark.parametrize(
    ("options", "series"),
    [({"name_include": "^NMI;"}, 2), ({"name_exclude": "eth0"}, 6), ({"include_zeros": False}, 4)],
)
def test_interrupts_can_be_chosen(tmp_path: Path, options: dict[str, Any], series: int) -> None:
    assert len(collected(tmp_path, "interrupts", **options)) == series


def test_softirqs_by_cpu_and_kind(tmp_path: Path) -> None:
    got = collected(tmp_path, "softirqs")
    assert got['node_softirqs_functions_total{cpu="2",type="NET_RX"}'] == 142110
    assert len(got) == 4


def test_buddyinfo_by_size(tmp_path: Path) -> None:
    got = collected(tmp_path, "buddyinfo")
    assert got['node_buddyinfo_blocks{node="0",size="2",zone="DMA"}'] == 3
    assert got['node_buddyinfo_blocks{node="0",size="0",zone="Normal"}'] == 76
    assert len(got) == 6


def test_zoneinfo_knows_its_lines(tmp_path: Path) -> None:
    assert collected(tmp_path, "zoneinfo") == {
        'node_zoneinfo_nr_inactive_anon_pages{node="0",zone="DMA"}': 349401,
        'node_zoneinfo_nr_dirtied_total{node="0",zone="DMA"}': 19572557,
        'node_zoneinfo_nr_kernel_stacks{node="0",zone="DMA"}': 3040,
        'node_zoneinfo_min_pages{node="0",zone="DMA"}': 10,
        'node_zoneinfo_low_pages{node="0",zone="DMA"}': 13,
        'node_zoneinfo_high_pages{node="0",zone="DMA"}': 16,
        'node_zoneinfo_spanned_pages{node="0",zone="DMA"}': 4095,
        'node_zoneinfo_protection_0{node="0",zone="DMA"}': 0,
        'node_zoneinfo_protection_1{node="0",zone="DMA"}': 3019,
        'node_zoneinfo_protection_2{node="0",zone="DMA"}': 24090,
        'node_zoneinfo_nr_free_pages{node="0",zone="DMA"}': 3840,
        'node_zoneinfo_numa_hit_total{node="0",zone="DMA"}': 222845133,
        'node_zoneinfo_min_pages{node="0",zone="Normal"}': 11711,
    }


def test_slabinfo_and_its_filter(tmp_path: Path) -> None:
    got = collected(tmp_path, "slabinfo")
    assert got['node_slabinfo_active_objects{slab="dentry"}'] == 32104
    assert got['node_slabinfo_object_size_bytes{slab="tcp_ver1"}'] == 2240
    assert got['node_slabinfo_pages_per_slab{slab="tcp_ver1"}'] == 8
    assert len(got) == 10
    assert len(collected(tmp_path, "slabinfo", slabs_include="^dentry$")) == 5


def test_ksmd(tmp_path: Path) -> None:
    got = collected(tmp_path, "ksmd")
    assert len(got) == 9
    assert got["node_ksmd_full_scans_total"] == 323
    assert got["node_ksmd_pages_sharing"] == 255
    assert got["node_ksmd_sleep_seconds"] == 0.02


def test_lnstat_by_cpu(tmp_path: Path) -> None:
    got = collected(tmp_path, "lnstat")
    assert got['node_lnstat_hits_total{cpu="1",subsystem="arp_cache"}'] == 0xB
    assert got['node_lnstat_entries_total{cpu="0",subsystem="arp_cache"}'] == 0x14
    assert got['node_lnstat_drop_total{cpu="1",subsystem="nf_conntrack"}'] == 0x20


def test_ipsec_errors_that_node_exporter_names(tmp_path: Path) -> None:
    assert collected(tmp_path, "xfrm") == {
        "node_xfrm_in_hdr_error_packets_total": 7, "node_xfrm_out_pol_dead_packets_total": 3,
    }  # fmt: skip


def test_memory_of_a_node(tmp_path: Path) -> None:
    assert collected(tmp_path, "meminfo_numa") == {
        'node_memory_numa_MemTotal{node="0"}': 24684096 * 1024,
        'node_memory_numa_Active_anon{node="0"}': 707916 * 1024,
        'node_memory_numa_HugePages_Total{node="0"}': 5,
        'node_memory_numa_numa_hit_total{node="0"}': 193460335812,
        'node_memory_numa_local_node_total{node="0"}': 193454780853,
    }


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
    tree = TREE | {
        "proc/net/rpc/nfsd": NFSD.replace("wdeleg_getattr 0\n", ""),
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1219917\n",
        "proc/stat": STAT.partition("softirq")[0],
        "proc/net/ip_vs": re.sub("SCTP.*\n.*\n", "", IP_VS),
    }
    ours: dict[str, float] = {}
    for name in READ_ALIKE:
        ours |= collected(tmp_path, name, tree, **({"info": True, "guest": True} if name == "cpu" else {}))
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
    with pytest.raises(CollectorError, match=message):
        collected(tmp_path, name, {**TREE, path: text})


@pytest.mark.parametrize("module", [interrupts, slabinfo])
def test_an_include_and_an_exclude_cannot_both_be_given(tmp_path: Path, module: Any) -> None:
    prefix = "name" if module is interrupts else "slabs"
    options = module.Options(**{f"{prefix}_include": "a", f"{prefix}_exclude": "b"})
    with pytest.raises(ValueError, match=f"{prefix}_include and {prefix}_exclude cannot both be given"):
        module.build(options, plant(tmp_path, {}))


def test_what_is_off_until_mentioned_is_there() -> None:
    off = {name for name in available() if not on_by_default(name)}
    assert off >= {"interrupts", "slabinfo", "zoneinfo"}
    assert "kernel" not in off
