"""Filters that leave nothing: said where somebody chose the pattern, and not of our own defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from golden_hardware import plant_hardware
from golden_host import GoldenHost, gather, notices, plant

from collectors import (
    arp,
    diskstats,
    filesystem,
    hwmon,
    interrupts,
    netclass,
    netdev,
    netstat,
    powersupplyclass,
    slabinfo,
    tapestats,
    vmstat,
)
from collectors.api import Collector, NameFilter

Build = Callable[[GoldenHost], Collector]


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (
            lambda host: diskstats.build(diskstats.Options(device_include="^nvme"), host),
            "device_include leaves out every device there is: cciss/c0d0, loop0, sda and 1 more (mend the pattern, or"
            " turn the collector off)",
        ),
        (
            lambda host: netdev.build(netdev.Options(device_exclude="."), host),
            "device_exclude leaves out every network device there is: ",
        ),
        (
            lambda host: netclass.build(netclass.Options(ignored_devices="."), host),
            "ignored_devices leaves out every network device there is: ",
        ),
        (
            lambda host: filesystem.build(filesystem.Options(mount_points_exclude="."), host),
            "mount_points_exclude leaves out every mount point there is: ",
        ),
        (
            lambda host: vmstat.build(vmstat.Options(fields="^x"), host),
            "fields leaves out every field there is: ",
        ),
        (
            lambda host: netstat.build(netstat.Options(fields="^x"), host),
            "fields leaves out every field there is: ",
        ),
        (
            lambda host: interrupts.build(interrupts.Options(name_include="^x"), host),
            "name_include leaves out every interrupt there is: ",
        ),
        (
            lambda host: slabinfo.build(slabinfo.Options(slabs_exclude="."), host),
            "slabs_exclude leaves out every cache there is: ",
        ),
        (
            lambda host: arp.build(arp.Options(device_include="^x"), host),
            "device_include leaves out every interface with neighbours there is: ",
        ),
    ],
)
def test_a_pattern_that_leaves_nothing_is_a_notice(tmp_path: Path, build: Build, told: str) -> None:
    (notice,) = notices(gather(build(plant(tmp_path))))
    assert notice.startswith(told)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (
            lambda host: hwmon.build(hwmon.Options(chip_include="^gpu"), host),
            "chip_include leaves out every hardware monitor there is: i2c_0_0_0018, nct6775, nvme_nvme0 and 1 more",
        ),
        (
            lambda host: hwmon.build(hwmon.Options(sensor_include=";temp9$"), host),
            "sensor_include leaves out every sensor there is: i2c_0_0_0018;temp1, ",
        ),
        (
            lambda host: powersupplyclass.build(powersupplyclass.Options(ignored_supplies="AC|BAT"), host),
            "ignored_supplies leaves out every power supply there is: AC, BAT0 (",
        ),
        (
            lambda host: tapestats.build(tapestats.Options(ignored_devices="^st"), host),
            "ignored_devices leaves out every tape drive there is: st0 (",
        ),
    ],
)
def test_also_of_hardware(tmp_path: Path, build: Build, told: str) -> None:
    (notice,) = notices(gather(build(plant_hardware(tmp_path))))
    assert notice.startswith(told)


def test_our_own_default_leaves_out_what_it_likes() -> None:
    ours = NameFilter.of("device", exclude=diskstats.DEVICE_EXCLUDE, shipped=diskstats.DEVICE_EXCLUDE)
    assert not ours.keeps("loop0")
    assert list(ours.all_left_out("device")) == []
    theirs = NameFilter.of("device", include="^sd")
    assert list(theirs.all_left_out("device")) == [], "nothing was there to be left out"
    assert not theirs.keeps("loop0")
    assert list(theirs.all_left_out("device")) != []
    assert theirs.keeps("sda")
    assert list(theirs.all_left_out("device")) == []
    with pytest.raises(ValueError, match="ignored_supplies: '\\(' is not a valid RE2"):
        NameFilter.ignoring("ignored_supplies", "(", shipped="^$")
