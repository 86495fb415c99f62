"""/proc/mdstat in the forms the kernel writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_hardware import MDSTAT, plant_hardware
from golden_host import gather, notices, table

from collectors import mdadm
from collectors.api import CollectorError
from collectors.mdadm import Array, State, parse


def test_the_golden_file() -> None:
    assert list(parse(MDSTAT)) == [
        Array("md127", State.ACTIVE, 2, 0, 0, 2, 1048512, 1048512),
        Array("md0", State.RECOVERING, 2, 1, 0, 3, 2095104, 150016),
        Array("md1", State.ACTIVE, 2, 0, 0, 2, 312319552, 312319552),
        Array("md2", State.INACTIVE, 0, 0, 1, None, 1953382400, 1953382400),
        Array("md3", State.RESYNC, 4, 0, 1, 4, 4190208, 0),
        Array("md4", State.CHECK, 2, 0, 0, 2, 195310144, 32500000),
        Array("md5", State.RESYNC, 2, 0, 0, 2, 1048512, 471830),
    ]


@pytest.mark.parametrize(
    ("text", "array"),
    [
        (  # a disk was taken out: it is not there, and not failed
            "md0 : active raid1 sda1[0]\n      1048512 blocks [2/1] [U_]\n",
            Array("md0", State.ACTIVE, 1, 0, 0, 2, 1048512, 1048512),
        ),
        (  # journal, write-mostly and replacement members are members
            "md0 : active raid5 sdf1[4](J) sde1[3](R) sdd1[2](W) sdc1[1] sdb1[0]\n"
            "      100 blocks super 1.2 level 5, 64k chunk, algorithm 2 [3/3] [UUU]\n"
            "        resync=DELAYED\n",
            Array("md0", State.RESYNC, 3, 0, 0, 3, 100, 0),
        ),
        (
            "md_d0 : active raid5 sda[0] sdb[1] sdc[2] sdd[3]\n"
            "      300 blocks level 5, 64k chunk, algorithm 2 [4/4] [UUUU]\n"
            "      [=>...................]  reshape =  8.0% (8/100) finish=1.0min speed=1K/sec\n",
            Array("md_d0", State.RESHAPE, 4, 0, 0, 4, 300, 8),
        ),
        (
            "md0 : active raid1 sdb[1] sda[0]\n      100 blocks [2/2] [UU]\n      \tresync=REMOTE\n",
            Array("md0", State.RESYNC, 2, 0, 0, 2, 100, 0),
        ),
        (
            "md9 : active (read-only) linear sda[0] sdb[1]\n      100 blocks 32k rounding\n",
            Array("md9", State.ACTIVE, 2, 0, 0, 2, 100, 100),
        ),
        (  # a raid0 that lost a member
            "md0 : broken raid0 sda[0] sdb[1]\n      100 blocks 512k chunks\n",
            Array("md0", State.INACTIVE, 0, 0, 0, None, 100, 100),
        ),
        (  # the container of an external format
            "md127 : inactive sdb[1](S) sda[0](S)\n      5488 blocks super external:imsm\n",
            Array("md127", State.INACTIVE, 0, 0, 2, None, 5488, 5488),
        ),
        ("md0 : inactive\n", Array("md0", State.INACTIVE, 0, 0, 0, None, None, None)),
    ],
)
def test_forms(text: str, array: Array) -> None:
    assert list(parse(f"Personalities : [raid1]\n{text}\nunused devices: <none>\n")) == [array]


@pytest.mark.parametrize("text", ["", "Personalities : \nunused devices: <none>\n"])
def test_no_arrays(text: str) -> None:
    assert list(parse(text)) == []


def test_a_line_that_is_not_understood_is_an_error_that_names_it() -> None:
    with pytest.raises(CollectorError, match=r"/proc/mdstat: a line is not .*: 'md0 is well'"):
        list(parse("md0 is well\n"))


def test_samples_and_what_is_expected(tmp_path: Path) -> None:
    host = plant_hardware(tmp_path)
    collector = mdadm.build(mdadm.Options(expect=("md0", "md7")), host)
    items = gather(collector)
    got = table(items)
    assert got['node_md_disks{device="md0",state="failed"}'] == 1
    assert got['node_md_disks_required{device="md0"}'] == 3
    assert got['node_md_degraded{device="md0"}'] == 1
    assert got['node_md_raid_disks{device="md0"}'] == 4, "the file says `4 (3)` while the array is reshaped"
    assert 'node_md_disks_required{device="md2"}' not in got
    for device in ("md127", "md0", "md2"):
        assert sum(value for key, value in got.items() if f'node_md_state{{device="{device}"' in key) == 1
    assert [text.split("'")[1] for text in notices(items)] == ["md7"]
    (tmp_path / "proc/mdstat").write_text("Personalities : [raid1]\nunused devices: <none>\n")
    assert table(gather(collector)) == {}, "the series of an array that is gone end"
