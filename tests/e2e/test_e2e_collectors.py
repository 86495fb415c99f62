"""A collector that cannot read its source: its series, the status and the log say so, once, and when it is over."""

from __future__ import annotations

import shutil
from typing import Any

from daemon import Daemon

MDSTAT = """\
Personalities : [raid1]
md0 : active raid1 sdb1[1] sda1[0]
      1048512 blocks super 1.2 [2/2] [UU]

unused devices: <none>
"""


def test_a_source_that_breaks_is_told_once_with_the_reason_and_so_is_its_end(daemon: Daemon) -> None:
    proc, sys = daemon.folder / "proc", daemon.folder / "sys"
    for folder in (proc, sys):
        folder.mkdir()
    (proc / "mdstat").write_text(MDSTAT)
    daemon.config["collect"] |= {"procfs": str(proc), "sysfs": str(sys)}
    daemon.config["collect"]["host"]["mdadm"] = "on"
    daemon.write()
    daemon.start()

    def success() -> float | None:
        return daemon.metric("node_scrape_collector_success", collector="mdadm")

    def status() -> dict[str, Any]:
        (mine,) = (each for each in daemon.ask("tocsin/status")["collectors"] if "mdadm" in each.values())
        return dict(mine)

    daemon.until("the array", lambda: daemon.metric("node_md_state", device="md0", state="active") == 1, 8)
    assert success() == 1
    (proc / "mdstat").write_text("md0 is well\n")
    daemon.until("the failure", lambda: success() == 0, 8)
    daemon.pass_cycles(2)
    assert daemon.metric("node_md_state", device="md0", state="active") is None, "no old value stays"
    assert "a line is not `device : active|inactive ...`: 'md0 is well'" in str(status())
    (line,) = daemon.said("collector_failed", collector="mdadm")
    assert "/proc/mdstat: a line is not" in line
    (proc / "mdstat").write_text(MDSTAT)
    daemon.until("the recovery", lambda: success() == 1, 8)
    assert "a line is not" not in str(status())
    assert len(daemon.said("collector_recovered", collector="mdadm")) == 1
    assert len(daemon.said("collector_failed", collector="mdadm")) == 1


def test_hardware_that_turns_up_is_watched_and_hardware_that_goes_is_no_error(daemon: Daemon) -> None:
    proc, sys = daemon.folder / "proc", daemon.folder / "sys"
    folder = sys / "class/hwmon/hwmon0"
    folder.mkdir(parents=True)
    proc.mkdir()
    (folder / "name").write_text("coretemp\n")
    (folder / "temp1_input").write_text("55000\n")
    daemon.config["collect"] |= {"procfs": str(proc), "sysfs": str(sys)}
    daemon.config["collect"]["host"]["hwmon"] = {"expect": ["coretemp"]}
    daemon.write()
    daemon.start()
    daemon.until("the sensor", lambda: daemon.metric("node_hwmon_temp_celsius", chip="coretemp") == 55, 8)
    assert daemon.metric("node_scrape_collector_success", collector="zfs") is None, "no such thing, no series"
    shutil.rmtree(folder)
    said = daemon.until("what is missed", lambda: daemon.said("collector_warns", collector="hwmon"), 8)
    daemon.pass_cycles(2)
    assert len(daemon.said("collector_warns", collector="hwmon")) == len(said) == 1
    assert "expected hardware monitor 'coretemp' is not there" in said[0]
    assert daemon.metric("node_hwmon_temp_celsius", chip="coretemp") is None
    assert daemon.metric("node_scrape_collector_success", collector="hwmon") == 1
