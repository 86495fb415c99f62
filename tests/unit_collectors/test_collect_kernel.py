"""The collectors that read one or two files, over a golden tree."""

from __future__ import annotations

from inspect import iscoroutinefunction
from pathlib import Path

import msgspec
import pytest
from golden_host import STAT, gather, notices, plant, table

from collectors import cpu, diskstats, loadavg, meminfo, netclass, netdev, stat, time, uname
from collectors.api import CollectorError, Sample, available, load


def test_stat(tmp_path: Path) -> None:
    assert table(gather(stat.build(stat.Options(), plant(tmp_path)))) == {
        "node_intr_total": 8885917,
        "node_context_switches_total": 38014093,
        "node_forks_total": 26442,
        "node_boot_time_seconds": 1418183276,
        "node_procs_running": 2,
        "node_procs_blocked": 1,
    }


def test_soft_interrupts_by_kind_on_request(tmp_path: Path) -> None:
    tree = {"proc/stat": "ctxt 5\nsoftirq 60 1 2 3 4 5 6 7 8 9 10\n"}
    got = table(gather(stat.build(stat.Options(softirq=True), plant(tmp_path, tree))))
    assert got['node_softirqs_total{vector="hi"}'] == 1
    assert got['node_softirqs_total{vector="rcu"}'] == 10
    assert len(got) == 1 + 10
    assert len(table(gather(stat.build(stat.Options(softirq=True), plant(tmp_path, {"proc/stat": "ctxt 5\n"}))))) == 1


def test_cpu_seconds_and_throttles(tmp_path: Path) -> None:
    got = table(gather(cpu.build(cpu.Options(), plant(tmp_path))))
    assert got['node_cpu_seconds_total{cpu="0",mode="idle"}'] == 10.0
    assert got['node_cpu_seconds_total{cpu="1",mode="steal"}'] == 0.02
    assert got['node_cpu_core_throttles_total{core="1",package="0"}'] == 6
    assert got['node_cpu_package_throttles_total{package="0"}'] == 30
    assert len(got) == 2 * (8 + 2) + 3 + 5
    assert got['node_cpu_guest_seconds_total{cpu="1",mode="user"}'] == 0.2
    plain = table(gather(cpu.build(cpu.Options(guest=False), plant(tmp_path))))
    assert len(plain) == len(got) - 4


def test_a_shared_read_grows_old(tmp_path: Path) -> None:
    host = plant(tmp_path)
    gather(cpu.build(cpu.Options(), host))
    plant(tmp_path, {"proc/stat": "ctxt 5\n"})
    host.pulse.now += 1
    assert table(gather(stat.build(stat.Options(), host))) == {"node_context_switches_total": 5}


def test_cpu_and_stat_share_one_read_but_nobody_has_it_twice(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = cpu.build(cpu.Options(), host)
    gather(collector)
    plant(tmp_path, {"proc/stat": "ctxt 5\n"})
    assert table(gather(stat.build(stat.Options(), host)))["node_context_switches_total"] == 38014093
    assert table(gather(stat.build(stat.Options(), host))) == {"node_context_switches_total": 5}


@pytest.mark.parametrize(
    ("idle", "user", "expected"),
    [
        (1001, 101, (10.01, 1.01)),
        (999, 90, (10.0, 1.0)),  # a little back: held
        (701, 90, (10.0, 1.0)),  # 2.99 s back: still held
        (700, 90, (7.0, 0.9)),  # 3 s back: the CPU was unplugged, the reset shows
    ],
)
def test_cpu_counters_that_go_back(tmp_path: Path, idle: int, user: int, expected: tuple[float, float]) -> None:
    host = plant(tmp_path)
    collector = cpu.build(cpu.Options(), host)
    gather(collector)
    plant(tmp_path, {"proc/stat": STAT.replace("cpu0 100 2 30 1000", f"cpu0 {user} 2 30 {idle}")})
    host.pulse.now += 15
    got = table(gather(collector))
    modes = (got['node_cpu_seconds_total{cpu="0",mode="idle"}'], got['node_cpu_seconds_total{cpu="0",mode="user"}'])
    assert modes == expected


def test_cpu_of_an_old_kernel_and_an_unplugged_one(tmp_path: Path) -> None:
    host = plant(tmp_path, {"proc/stat": "cpu 1 2 3 4\ncpu0 1 2 3 400\ncpu3 1 1 1 100\n"})
    collector = cpu.build(cpu.Options(), host)
    assert table(gather(collector))['node_cpu_seconds_total{cpu="3",mode="steal"}'] == 0.0
    plant(tmp_path, {"proc/stat": "cpu0 1 2 3 500\n"})
    host.pulse.now += 15
    assert {key.split('"')[1] for key in table(gather(collector))} == {"0"}


def test_loadavg(tmp_path: Path) -> None:
    got = table(gather(loadavg.build(loadavg.Options(), plant(tmp_path))))
    assert got == {"node_load1": 0.21, "node_load5": 0.37, "node_load15": 0.39}


def test_uname_and_time(tmp_path: Path) -> None:
    host = plant(tmp_path)
    (key,) = table(gather(uname.build(uname.Options(), host)))
    assert key == (
        'node_uname_info{domainname="(none)",machine="x86_64",nodename="web-1",release="6.1.0",sysname="Linux",'
        'version="#1 SMP"}'
    )
    assert table(gather(time.build(time.Options(), host)))["node_time_seconds"] == 1_500_000_000.25


def test_meminfo_names_and_units(tmp_path: Path) -> None:
    assert table(gather(meminfo.build(meminfo.Options(), plant(tmp_path)))) == {
        "node_memory_MemTotal_bytes": 15666184 * 1024,
        "node_memory_MemFree_bytes": 440324 * 1024,
        "node_memory_MemAvailable_bytes": 8087396 * 1024,
        "node_memory_Active_anon_bytes": 1000000 * 1024,
        "node_memory_HugePages_Total": 3,
        "node_memory_Hugepagesize_bytes": 2048 * 1024,
    }


def test_diskstats_units_filters_and_identity(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = diskstats.build(diskstats.Options(expect=("sda", "nvme0n1")), host)
    items = gather(collector)
    got = table(items)
    assert got['node_disk_read_bytes_total{device="sda"}'] == 1003346126 * 512
    assert got['node_disk_read_time_seconds_total{device="sda"}'] == pytest.approx(18492.372)
    assert got['node_disk_io_now{device="sda"}'] == 2
    assert got['node_disk_flush_requests_time_seconds_total{device="sda"}'] == pytest.approx(0.06)
    identity = 'major="8",minor="0",model="ST8000",path="pci-0",revision="81",rotational="1",serial="ZA1",wwn="0x5000"'
    assert got[f'node_disk_info{{device="sda",{identity}}}'] == 1
    assert got['node_disk_io_time_weighted_seconds_total{device="cciss/c0d0"}'] == pytest.approx(0.011)
    assert 'node_disk_discards_completed_total{device="cciss/c0d0"}' not in got
    assert not any("loop0" in key or "sda1" in key for key in got)
    assert len(notices(items)) == 1
    assert "expected device 'nvme0n1' is not there" in notices(items)[0]


def test_disk_identity_follows_udev(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = diskstats.build(diskstats.Options(device_include="^sda$"), host)
    before = [key for key in table(gather(collector)) if "info" in key]
    plant(tmp_path, {"run/udev/data/b8:0": "E:ID_MODEL=Other\n"})
    after = [key for key in table(gather(collector)) if "info" in key]
    assert "ST8000" in before[0]
    assert 'model="Other"' in after[0]


def test_netdev(tmp_path: Path) -> None:
    items = gather(netdev.build(netdev.Options(device_exclude="^lo$", expect=("eth9",)), plant(tmp_path)))
    got = table(items)
    assert got['node_network_receive_bytes_total{device="eth0"}'] == 68210035552
    assert got['node_network_receive_multicast_total{device="eth0"}'] == 6
    assert got['node_network_transmit_colls_total{device="eth0"}'] == 10
    assert got['node_network_transmit_compressed_total{device="eth0:1"}'] == 16
    assert len(got) == 2 * 16
    assert "expected network device 'eth9' is not there" in notices(items)[0]


def test_netclass(tmp_path: Path) -> None:
    items = gather(netclass.build(netclass.Options(expect=("eth0", "eth9")), plant(tmp_path)))
    got = table(items)
    assert got['node_network_up{device="eth0"}'] == 1
    assert got['node_network_up{device="tun0"}'] == 0
    assert got['node_network_speed_bytes{device="eth0"}'] == 125_000_000
    assert got['node_network_speed_bytes{device="tun0"}'] == -125_000
    assert got['node_network_flags{device="eth0"}'] == 0x1303
    assert got['node_network_carrier_changes_total{device="eth0"}'] == 2
    assert got[
        'node_network_info{address="01:01:01:01:01:01",adminstate="up",broadcast="ff:ff:ff:ff:ff:ff",device="eth0",'
        'duplex="full",ifalias="uplink ä",operstate="up"}'
    ]
    assert got['node_network_info{adminstate="down",device="tun0",operstate="unknown"}'] == 1
    assert not any("bonding_masters" in key for key in got)
    assert len(notices(items)) == 1
    quiet = table(gather(netclass.build(netclass.Options(ignore_invalid_speed=True), plant(tmp_path))))
    assert 'node_network_speed_bytes{device="tun0"}' not in quiet


@pytest.mark.parametrize(
    ("module", "file", "text", "message"),
    [
        (stat, "proc/stat", "ctxt many\n", "/proc/stat: line 'ctxt' does not begin with a number"),
        (cpu, "proc/stat", "cpu0 1 x 3\n", "/proc/stat: line 'cpu0' has a field that is not a number"),
        (loadavg, "proc/loadavg", "0.1 0.2", "does not begin with three numbers"),
        (meminfo, "proc/meminfo", "MemTotal:\n", "a line is not `Name: number [kB]`"),
        (meminfo, "proc/meminfo", "MemTotal: 3 MB\n", "unknown unit 'MB' of 'MemTotal:'"),
        (diskstats, "proc/diskstats", "8 0 sda x\n", "a line is not `major minor name numbers...`"),
        (netdev, "proc/net/dev", "h\nh\neth0: 1 2\n", "a line is not `name: 16 numbers`"),
        (netdev, "proc/net/dev", "h\nh\neth0: 1 x\n", "a counter of 'eth0' is not a number"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(
    tmp_path: Path, module: object, file: str, text: str, message: str
) -> None:
    host = plant(tmp_path, {file: text})
    with pytest.raises(CollectorError, match=r".") as caught:
        gather(module.build(module.Options(), host))  # type: ignore[attr-defined]  # a module given as a parameter
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["stat", "cpu", "loadavg", "meminfo", "netdev", "filesystem"])
def test_a_missing_file_says_where_and_what_to_do(tmp_path: Path, name: str) -> None:
    module = load(name)
    with pytest.raises(CollectorError, match=r"does not exist \(is the file system mounted"):
        gather(module.build(module.Options(), plant(tmp_path, {})))


@pytest.mark.parametrize("name", ["diskstats", "netclass", "textfile", "uname", "time"])
def test_nothing_there_is_not_an_error(tmp_path: Path, name: str) -> None:
    module = load(name)
    assert notices(gather(module.build(module.Options(), plant(tmp_path, {})))) == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "diskstats",
            {"device_exclude": "(a"},
            "device_exclude: '(a' is not a valid RE2 regular expression: missing ): (a",
        ),
        ("diskstats", {"device_include": "(?=a)"}, "device_include: '(?=a)' is not a valid RE2 regular expression"),
        ("diskstats", {"device_include": "a", "device_exclude": "b"}, "cannot both be given"),
        ("netdev", {"device_include": "a", "device_exclude": "b"}, "cannot both be given"),
        ("netdev", {"device_exclude": "["}, "device_exclude: '['"),
        ("netclass", {"ignored_devices": "*"}, "ignored_devices: '*'"),
        ("filesystem", {"mount_points_exclude": "("}, "mount_points_exclude: '('"),
        ("filesystem", {"fs_types_exclude": "("}, "fs_types_exclude: '('"),
        ("systemd", {"unit_include": "("}, "unit_include: '('"),
        ("systemd", {"unit_include": "a)(b"}, "unit_include: 'a)(b'"),
        ("textfile", {"directories": ["relative"]}, "directories: 'relative' is not an absolute path"),
        ("processes", {"groups": [{"name": "a"}]}, "'a' needs `comm` or `cmdline`"),
        ("processes", {"groups": [{"name": "a", "comm": ["x"]}] * 2}, "the name 'a' is there twice"),
        ("processes", {"groups": [{"name": "a", "cmdline": "("}]}, "groups: cmdline of 'a': '('"),
    ],
)
def test_build_refuses_a_wrong_option_by_name(tmp_path: Path, name: str, options: object, message: str) -> None:
    module = load(name)
    with pytest.raises(ValueError) as caught:
        module.build(msgspec.convert(options, module.Options), plant(tmp_path, {}))
    assert message in str(caught.value)


UNDECLARED_OR_ASKED = ("meminfo", "apcupsd", "nut")
"""Any line of a file is a family of the first; the others ask a daemon."""


def test_every_sample_on_the_golden_host_is_declared(tmp_path: Path) -> None:
    host = plant(tmp_path)
    for name in available():
        module = load(name)
        declared = {metric.name: set(metric.labels) for metric in module.METRICS}
        collector = module.build(module.Options(), host)
        if name in UNDECLARED_OR_ASKED or iscoroutinefunction(collector.collect):
            continue
        for item in gather(collector):
            if isinstance(item, Sample):
                assert item.name in declared, item
                assert {pair[0] for pair in item.labels} <= declared[item.name]
