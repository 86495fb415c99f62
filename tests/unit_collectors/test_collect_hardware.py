"""Collectors of hardware over a golden machine, and side by side with Debian's node_exporter on the same files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exporter_kit import exporter, fetched, parsed
from golden_hardware import FILES, plant_hardware
from golden_host import GoldenHost, gather, notices, plant, table

from agent.metrics_compared import TOLD_OTHERWISE
from collectors import ata, btrfs, dmmultipath, hwmon, nvme, powersupplyclass, scsi, zfs
from collectors.api import Collector, CollectorError, HostFS, Notice, Sample, load, present

HARDWARE = (
    "ata", "bcache", "bonding", "btrfs", "dmmultipath", "drbd", "fibrechannel", "hwmon", "infiniband", "mdadm", "nvme",
    "powersupplyclass", "scsi", "tapestats", "zfs",
)  # fmt: skip
NOT_IN_1_5 = re.compile(
    r"node_(ata|dmmultipath|scsi|nvme_namespace|btrfs_(commit|last_commit|max_commit|device_(errors|missing)))_?.*"
    r"|node_md_(degraded|raid_disks).*|node_md_state\{.*reshape.*|node_zfs_zpool_state\{.*suspended.*|.*cntlid=.*"
)
DIFFERENT = re.compile("|".join(each.families for each in TOLD_OTHERWISE if each.whose in HARDWARE))
UNKNOWN_HERE = {'node_md_disks_required{device="md2"}'}
"""An inactive array does not say how many disks it needs; node_exporter says 0."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> GoldenHost:
    """The whole machine, for tests that only read it."""
    return plant_hardware(tmp_path_factory.mktemp("machine"))


def until_it_breaks(collector: Collector) -> tuple[dict[str, float], str]:
    """What a collector gave before its error, and the error."""
    items: list[Sample | Notice] = []
    given = collector.collect()
    assert isinstance(given, Iterator)
    try:
        items.extend(given)
    except CollectorError as error:
        return table(items), str(error)
    raise AssertionError("no error")


def collected(name: str, host: HostFS) -> dict[str, float]:
    module = load(name)
    return table(gather(module.build(module.Options(), host)))


@pytest.mark.parametrize("name", HARDWARE)
def test_a_machine_without_it_has_no_series_and_no_work(name: str, tmp_path: Path, machine: GoldenHost) -> None:
    for folder in ("proc", "sys/block", "sys/fs/btrfs/features", "sys/class/hwmon"):
        (tmp_path / folder).mkdir(parents=True)
    host = plant(tmp_path, {})
    assert not present(name, host)
    assert collected(name, host) == {}
    assert present(name, machine)


@pytest.mark.parametrize("name", HARDWARE)
def test_every_family_of_the_golden_machine_is_declared(name: str, machine: GoldenHost) -> None:
    by_rule = re.compile(r"node_hwmon_cpu_vid_volts|node_zfs_(arc_arc_need_free|zpool_[rw](len|up).*)")
    declared = {metric.name: metric for metric in load(name).METRICS}
    got = collected(name, machine)
    assert got
    for key in got:
        family, _, rest = key.partition("{")
        if not by_rule.fullmatch(family):
            assert set(re.findall(r'(\w+)="', rest)) <= set(declared[family].labels), key


def exporter_says(program: Path, top: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Values by series and types by family of a node_exporter that reads the same files."""
    wanted = [f"--collector.{name}" for name in HARDWARE if name not in ("ata", "dmmultipath", "scsi")]
    places = (f"--path.procfs={top}/proc", f"--path.sysfs={top}/sys")
    with exporter(program, "--collector.disable-defaults", *wanted, *places) as url:
        text = fetched(url)
    values: dict[str, float] = {}
    types: dict[str, str] = {}
    for name, labels, value, kind in parsed(text):
        if name.startswith("node_") and not name.startswith("node_exporter"):
            pairs = ",".join(f'{label}="{text}"' for label, text in labels)
            values[f"{name}{{{pairs}}}" if pairs else name] = value
            types[name] = kind
    return values, types


@pytest.mark.server("prometheus-node-exporter")
def test_names_labels_types_and_values_agree(require: Callable[[str], Path], machine: GoldenHost) -> None:
    top = Path(machine.root.root)
    theirs, types = exporter_says(require("prometheus-node-exporter"), top)
    succeeded = {key for key in theirs if key.startswith("node_scrape_collector_success")}
    assert all(theirs[key] == 1 for key in succeeded)
    theirs = {key: value for key, value in theirs.items() if not key.startswith("node_scrape_collector")}
    ours: dict[str, float] = {}
    declared = {}
    for name in HARDWARE:
        ours |= collected(name, machine)
        declared |= {metric.name: metric.type.value for metric in load(name).METRICS}
    ours = {key.replace('cntlid="1997",', ""): value for key, value in ours.items()}
    older = {key for key in theirs if not key.startswith("node_nvme_info")}
    assert older - ours.keys() == UNKNOWN_HERE
    assert {key for key in ours.keys() - theirs.keys() if not NOT_IN_1_5.fullmatch(key)} == set()
    assert len(theirs) > 250
    for key in older & ours.keys():
        family = key.partition("{")[0]
        if not DIFFERENT.fullmatch(family):
            near = 0.01 if family.startswith("node_bcache") else 1e-12
            assert ours[key] == pytest.approx(theirs[key], rel=near), key
        assert declared.get(family, types[family]) == types[family], family
    differing = {key.partition("{")[0] for key in older & ours.keys() if ours[key] != theirs[key]}
    assert {
        "node_hwmon_temp_crit_alarm_celsius", "node_drbd_network_received_bytes_total",
        "node_bcache_btree_read_average_duration_seconds", "node_btrfs_global_rsv_size_bytes",
    } <= differing, "what is no longer different leaves the table"  # fmt: skip


def test_a_chip_is_named_for_its_place_and_an_alarm_is_one(machine: GoldenHost) -> None:
    got = collected("hwmon", machine)
    assert got['node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"}'] == 1.0
    assert got['node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp2"}'] == -12.5
    assert got['node_hwmon_temp_celsius{chip="nvme_nvme0",sensor="temp1"}'] == 38.85
    assert got['node_hwmon_temp_celsius{chip="i2c_0_0_0018",sensor="temp1"}'] == 36.75, "files of the device itself"
    assert got['node_hwmon_sensor_label{chip="platform_coretemp_0",label="Package id 0",sensor="temp1"}'] == 1
    chosen = hwmon.Options(chip_include="coretemp", sensor_exclude=";temp2$", expect=("nvme_nvme0", "gpu"))
    items = gather(hwmon.build(chosen, machine))
    assert {key.split('sensor="')[1][:5] for key in table(items) if "sensor=" in key} == {"temp1"}
    assert [text.split("'")[1] for text in notices(items)] == ["gpu"]
    with pytest.raises(ValueError, match="chip_include and chip_exclude cannot both be given"):
        hwmon.build(hwmon.Options(chip_include="a", chip_exclude="b"), machine)


def test_a_chip_that_changes_its_number_keeps_its_name(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = hwmon.build(hwmon.Options(), host)
    before = table(gather(collector))
    links = tmp_path / "sys/class/hwmon"
    for one, other in (("hwmon0", "aside"), ("hwmon1", "hwmon0"), ("aside", "hwmon1")):
        (links / one).rename(links / other)
    assert table(gather(collector)) == before
    (links / "hwmon1").unlink()
    after = table(gather(collector))
    assert after == {key: value for key, value in before.items() if "coretemp" not in key}, "its series end"


def test_a_sensor_that_does_not_answer_has_no_series_and_one_that_is_forbidden_is_an_error(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = hwmon.build(hwmon.Options(), host)
    whole = table(gather(collector))
    sensor = tmp_path / "sys/class/hwmon/hwmon0/temp2_input"
    sensor.write_text("N/A\n")
    key = 'node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp2"}'
    assert table(gather(collector)) == {series: value for series, value in whole.items() if series != key}
    sensor.unlink()
    sensor.mkdir()  # reading a directory fails whoever asks: it stands for a file that may not be read
    given, error = until_it_breaks(collector)
    assert error.endswith("/temp2_input: Is a directory")
    assert given == {series: value for series, value in whole.items() if series != key}, "the others are told"


def test_zfs_goes_on_behind_a_kstat_it_cannot_read(tmp_path: Path) -> None:
    files = FILES | {"proc/spl/kstat/zfs/arcstats": "nonsense\n"}
    got, error = until_it_breaks(zfs.build(zfs.Options(), plant_hardware(tmp_path, files)))
    assert error.startswith("a kstat has no line `name type data`")
    assert got["node_zfs_zil_zil_commit_count"] == 10
    assert [key for key, value in got.items() if "zpool_state" in key and value == 1 and "tank" in key] == [
        'node_zfs_zpool_state{state="degraded",zpool="tank"}'
    ]
    assert got['node_zfs_zpool_dataset_nwritten{dataset="tank/home",zpool="tank"}'] == 20480


def test_paths_of_a_multipath_device(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = dmmultipath.build(dmmultipath.Options(expect=("mpatha", "mpathb")), host)
    items = gather(collector)
    got = table(items)
    assert got['node_dmmultipath_device_paths_active{device="mpatha",sysfs_name="dm-0"}'] == 1
    assert got['node_dmmultipath_device_paths_failed{device="mpatha",sysfs_name="dm-0"}'] == 1
    assert got['node_dmmultipath_path_state{device="mpatha",path="sdz",state="offline"}'] == 1
    assert got['node_dmmultipath_device_size_bytes{device="mpatha",sysfs_name="dm-0"}'] == 104857600 * 512
    assert [text.split("'")[1] for text in notices(items)] == ["mpathb"]
    assert not any("vg-root" in key for key in got), "a logical volume is no multipath device"
    (tmp_path / "sys/devices/platform/host9/9:0:0:1/state").unlink()
    gone = table(gather(collector))
    assert gone['node_dmmultipath_device_paths_failed{device="mpatha",sysfs_name="dm-0"}'] == 1
    assert not any("path_state" in key and "sdz" in key for key in gone)


def test_a_disk_the_kernel_gave_up(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = scsi.build(scsi.Options(), host)
    assert table(gather(collector)) == {
        'node_scsi_device_state{device="sdb",state="running"}': 1,
        'node_scsi_errors_total{device="sdb"}': 6,
        'node_scsi_timeouts_total{device="sdb"}': 1,
    }
    device = tmp_path / "sys/class/scsi_disk/1:0:0:0/device"
    (device / "state").write_text("offline\n")
    (device / "ioerr_cnt").write_text("0x0\n")  # it has 32 bits and wrapped: shown as it is
    got = table(gather(collector))
    assert got['node_scsi_device_state{device="sdb",state="offline"}'] == 1
    assert 'node_scsi_device_state{device="sdb",state="running"}' not in got
    assert got['node_scsi_errors_total{device="sdb"}'] == 0


def test_a_link_that_was_slowed_down(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = ata.build(ata.Options(), host)
    pairs = 'device="dev1.0",disk="sdb"'
    expected = {
        f"node_ata_speed_reductions_total{{{pairs}}}": 1.0,
        f"node_ata_link_speed_bits_per_second{{{pairs}}}": 3e9,
        f"node_ata_recent_errors{{{pairs}}}": 2.0,
    }
    assert table(gather(collector)) == expected, "nothing is told of a port without a disk"
    port = tmp_path / "sys/devices/pci0000:00/0000:00:17.0"
    (port / "ata2/host2/target2:0:0/2:0:0:0/block/sdx").mkdir(parents=True)
    (port / "ata2/link2/dev2.0/ata_device/dev2.0/class").write_text("ata\n")
    (port / "ata2/link2/ata_link/link2/sata_spd").write_text("6.0 Gbps\n")
    plugged = table(gather(collector))
    assert plugged['node_ata_link_speed_bits_per_second{device="dev2.0",disk="sdx"}'] == 6e9
    unit = port / "ata2/host2/target2:0:0/2:0:0:0/block"
    (unit / "sdx").rename(unit / "sdy")  # another disk was put in
    swapped = table(gather(collector))
    assert swapped['node_ata_link_speed_bits_per_second{device="dev2.0",disk="sdy"}'] == 6e9
    assert not any("sdx" in key for key in swapped)
    (port / "ata2/link2/dev2.0/ata_device/dev2.0/class").write_text("none\n")
    assert table(gather(collector)) == expected


def test_another_disk_at_the_same_address_has_its_own_name(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = scsi.build(scsi.Options(), host)
    gather(collector)
    entry = tmp_path / "sys/class/scsi_disk/1:0:0:0"
    other = tmp_path / "sys/devices/other/1:0:0:0"
    for name, text in {"state": "running\n", "ioerr_cnt": "0x0\n", "block/sdq/size": "8\n"}.items():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(text)
    (other / "scsi_disk/1:0:0:0").mkdir(parents=True)
    (other / "scsi_disk/1:0:0:0/device").symlink_to("../../../1:0:0:0")
    entry.unlink()
    entry.symlink_to("../../devices/other/1:0:0:0/scsi_disk/1:0:0:0")
    assert table(gather(collector)) == {
        'node_scsi_device_state{device="sdq",state="running"}': 1,
        'node_scsi_errors_total{device="sdq"}': 0,
    }
    entry.unlink()
    assert table(gather(collector)) == {}


def test_volumes_are_not_looked_at_in_every_cycle_but_again_in_time(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = dmmultipath.build(dmmultipath.Options(), host)
    before = table(gather(collector))
    (tmp_path / "sys/block/dm-1/dm/uuid").write_text("mpath-3600b\n")  # the number went to another device
    assert table(gather(collector)) == before
    host.pulse.now += dmmultipath.LOOK_AGAIN
    assert any('device="vg-root"' in key for key in table(gather(collector)))


def test_btrfs_errors_and_profiles(machine: GoldenHost) -> None:
    got = collected("btrfs", machine)
    uuid = 'uuid="7f07c59f-6136-449c-ab87-e1cf2328731b"'
    assert got[f'node_btrfs_device_errors_total{{devid="1",type="read",{uuid}}}'] == 2
    assert got[f'node_btrfs_device_missing{{devid="2",{uuid}}}'] == 1
    assert got[f"node_btrfs_commit_seconds_total{{{uuid}}}"] == pytest.approx(47836.09)
    assert btrfs.allocation_ratio("raid5", 3) == 1.5
    assert btrfs.allocation_ratio("raid6", 4) == 2
    assert btrfs.allocation_ratio("raid6", 2) is None
    assert btrfs.allocation_ratio("raid7", 9) is None


def test_one_device_that_cannot_be_read_does_not_silence_the_others(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    capacity = tmp_path / "sys/class/power_supply/AC/online"
    capacity.unlink()
    capacity.mkdir()
    got, error = until_it_breaks(powersupplyclass.build(powersupplyclass.Options(), host))
    assert "AC/online" in error
    assert got['node_power_supply_capacity{power_supply="BAT0"}'] == 81


def test_an_expected_device_that_is_gone_is_a_notice(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = nvme.build(nvme.Options(expect=("nvme0",)), host)
    assert notices(gather(collector)) == []
    (tmp_path / "sys/class/nvme/nvme0").unlink()
    items = gather(collector)
    assert table(items) == {}
    assert notices(items)[0].startswith("expected NVMe controller 'nvme0' is not there")
