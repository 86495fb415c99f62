"""The collectors of subsystems of the kernel, most of which a machine may not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_host import STAT, GoldenHost, collected, gather, notices, plant, table
from golden_kernel import KERNEL

from collectors import cpu, cpufreq, ipvs, rapl, thermal_zone
from collectors.api import CollectorError


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> GoldenHost:
    """For tests that only read."""
    return plant(tmp_path_factory.mktemp("machine"), KERNEL | {"proc/stat": STAT})


def test_kernel_taint_by_flag_and_hung_tasks(machine: GoldenHost, tmp_path: Path) -> None:
    got = collected(machine, "kernel")
    assert got["node_kernel_hung_tasks_total"] == 3
    assert {key for key, value in got.items() if "tainted" in key and value} == {
        'node_kernel_tainted{bit="7",flag="D"}',
        'node_kernel_tainted{bit="9",flag="W"}',
        'node_kernel_tainted{bit="12",flag="O"}',
    }
    assert len(got) == 20 + 1
    old = collected(plant(tmp_path / "old", {"proc/sys/kernel/tainted": "0\n"}), "kernel")
    assert set(old.values()) == {0}
    assert len(old) == 20, "a kernel that does not count hung tasks has no such series"


def test_udp_queues(machine: GoldenHost, tmp_path: Path) -> None:
    assert collected(machine, "udp_queues") == {
        'node_udp_queues{ip="v4",queue="tx"}': 0x10,
        'node_udp_queues{ip="v4",queue="rx"}': 0x300,
        'node_udp_queues{ip="v6",queue="tx"}': 0,
        'node_udp_queues{ip="v6",queue="rx"}': 0,
    }
    four = collected(plant(tmp_path / "four", {"proc/net/udp": "titles\n"}), "udp_queues")
    assert set(four) == {'node_udp_queues{ip="v4",queue="tx"}', 'node_udp_queues{ip="v4",queue="rx"}'}


def test_cpufreq_in_hertz(machine: GoldenHost) -> None:
    assert collected(machine, "cpufreq") == {
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
    tree = {"proc/stat": "cpu0 1 2 3 4\n", "sys/devices/system/cpu/present": "0"}
    hidden = collected(plant(tmp_path / "hidden", tree), "cpu")
    assert not any("online" in key for key in hidden), "not to know is not to be offline"


def test_what_the_cpus_are_is_told_when_asked_for(machine: GoldenHost) -> None:
    got = {key for key in collected(machine, "cpu", info_flags_include="^a", info_bugs_include="v1$") if "info" in key}
    assert got == {
        'node_cpu_info{cachesize="8192 KB",core="0",cpu="0",family="6",microcode="0xb4",model="142",'
        'model_name="Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz",package="0",stepping="10",vendor="GenuineIntel"}',
        'node_cpu_info{core="1",cpu="1",package="0",vendor="GenuineIntel"}',
        'node_cpu_flag_info{flag="aes"}',
        'node_cpu_flag_info{flag="avx2"}',
        'node_cpu_bug_info{bug="spectre_v1"}',
    }
    assert sum("info" in key for key in collected(machine, "cpu", info=True)) == 2
    assert not any("info" in key for key in collected(machine, "cpu"))


def test_rapl_zones_are_metrics(machine: GoldenHost) -> None:
    path = f"{machine.sys.root}class/powercap/intel-rapl"
    assert collected(machine, "rapl") == {
        f'node_rapl_package_joules_total{{index="0",path="{path}:0"}}': 240422.366267,
        f'node_rapl_dram_joules_total{{index="0",path="{path}:0:0"}}': 118821.284256,
        f'node_rapl_dram_joules_total{{index="1",path="{path}:1:0"}}': 5.0,
    }
    labelled = collected(machine, "rapl", enable_zone_label=True)
    assert labelled[f'node_rapl_joules_total{{index="1",path="{path}:1:0",rapl_zone="dram"}}'] == 5.0


def test_rapl_that_is_for_root_is_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = plant(tmp_path)
    refuse(host, monkeypatch, "energy_uj")
    items = gather(rapl.build(rapl.Options(), host))
    assert table(items) == {}
    assert len(notices(items)) == 1
    assert "rapl: off" in notices(items)[0]


def test_thermal_zones_and_cooling(machine: GoldenHost) -> None:
    assert collected(machine, "thermal_zone") == {
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


def test_watchdog(machine: GoldenHost) -> None:
    assert collected(machine, "watchdog") == {
        'node_watchdog_bootstatus{name="watchdog0"}': 1,
        'node_watchdog_nowayout{name="watchdog0"}': 0,
        'node_watchdog_timeleft_seconds{name="watchdog0"}': 300,
        'node_watchdog_info{identity="iTCO_wdt",name="watchdog0",state="active",status="0x8000"}': 1,
        'node_watchdog_info{name="watchdog1"}': 1,
    }


def test_selinux(machine: GoldenHost, tmp_path: Path) -> None:
    got = collected(machine, "selinux")
    assert got["node_selinux_enabled"] == 1
    assert got["node_selinux_current_mode"] == 1
    assert got["node_selinux_config_mode"] == 0
    assert got["node_selinux_avc_lookups_total"] == 91590784 + 16
    assert got["node_selinux_avc_hash_buckets_used"] == 247
    assert got["node_selinux_avc_hash_buckets_available"] == 512
    assert got["node_selinux_avc_threshold"] == 512
    assert len(got) == 14
    assert collected(plant(tmp_path / "none", {}), "selinux") == {}


def test_ipvs_totals_and_servers(machine: GoldenHost) -> None:
    got = collected(machine, "ipvs")
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


def test_ipvs_servers_with_the_same_labels_are_added_up(machine: GoldenHost, tmp_path: Path) -> None:
    got = collected(machine, "ipvs", backend_labels=("proto", "local_port"))
    assert got['node_ipvs_backend_connections_active{local_port="3306",proto="TCP"}'] == 248 + 248
    with pytest.raises(ValueError, match="backend_labels: 'port' is not one of local_address, local_port"):
        ipvs.build(ipvs.Options(backend_labels=("port",)), plant(tmp_path, {}))


def test_nfs_client(machine: GoldenHost) -> None:
    got = collected(machine, "nfs")
    assert got['node_nfs_packets_total{protocol="tcp"}'] == 40
    assert got["node_nfs_connections_total"] == 3
    assert got["node_nfs_rpc_retransmissions_total"] == 374636
    assert got['node_nfs_requests_total{method="FsStat",proto="2"}'] == 82
    assert got['node_nfs_requests_total{method="Commit",proto="3"}'] == 23729
    assert got['node_nfs_requests_total{method="LayoutReturn",proto="4"}'] == 1337
    assert 'node_nfs_requests_total{method="Clone",proto="4"}' not in got, "this kernel counts 48 of 59"


def test_nfs_server(machine: GoldenHost) -> None:
    got = collected(machine, "nfsd")
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


def test_xfs_by_device_without_the_sum(machine: GoldenHost) -> None:
    got = collected(machine, "xfs")
    assert {key.split('device="')[1] for key in got} == {'sda1"}'}
    assert got['node_xfs_extent_allocation_blocks_allocated_total{device="sda1"}'] == 1048576
    assert got['node_xfs_directory_operation_getdents_total{device="sda1"}'] == 1343
    assert got['node_xfs_vnode_remove_total{device="sda1"}'] == 3
    assert got['node_xfs_write_calls_total{device="sda1"}'] == 28, "the kernel writes the calls of write first"
    assert got['node_xfs_read_calls_total{device="sda1"}'] == 7


def test_time_zone_and_clock_sources(machine: GoldenHost, monkeypatch: pytest.MonkeyPatch) -> None:
    got = collected(machine, "time")
    assert got['node_time_clocksource_current_info{clocksource="tsc",device="0"}'] == 1
    assert sum("available_info" in key for key in got) == 3
    assert sum("node_time_zone_offset_seconds" in key for key in got) == 1
