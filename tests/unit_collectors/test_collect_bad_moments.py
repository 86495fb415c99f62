"""Truth in bad moments: a mount that hangs, a /proc that hides, a container's view, things that vanish or restart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from golden_host import DISKSTATS, NETDEV, UDEV, gather, notices, plant, table

from collectors import diskstats, netdev, netstat, vmstat
from collectors.api import Collector

SCENES = Path(__file__).with_name("bad_moments.py")
NAMESPACES = ("--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")


def play(scene: str, given: str = "", *more: str) -> list[dict[str, Any]]:
    """The passes of a scene. Skipped where namespaces may not be made (an unprivileged container)."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, *NAMESPACES, *more, "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces cannot be made here: needs root and unshare of util-linux")
    done = subprocess.run(
        [unshare, *NAMESPACES, *more, sys.executable, str(SCENES), scene, given],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    passes: list[dict[str, Any]] = json.loads(done.stdout)
    return passes


@pytest.mark.root
def test_a_mount_that_sleeps_blocks_nobody_and_is_told(tmp_path: Path) -> None:
    if not Path("/dev/fuse").exists():
        pytest.skip("/dev/fuse is missing")
    before, asleep, still, awake = play("hung_mount", str(tmp_path))
    size, broken = f"node_filesystem_size_bytes sleeper fuse.sleeper {tmp_path}", "mountpoint timeout fuse.sleeper"
    error = f"node_filesystem_device_error sleeper {broken} {tmp_path}"
    assert not any(str(tmp_path) in key for key in before["filesystem"]["values"])
    for cycle in (asleep, still):
        values = cycle["filesystem"]["values"]
        assert values[error] == 1
        assert size not in values
        assert {key.split(" ")[0] for key in values if key.endswith(f"{broken} {tmp_path}")} == {
            "node_filesystem_device_error", "node_filesystem_readonly",
        }  # fmt: skip
        others = {key for key in before["filesystem"]["values"] if key.startswith("node_filesystem_size")}
        assert others
        assert others <= values.keys(), "the other mounts are told as before"
        for neighbour in ("loadavg", "meminfo", "stat"):
            assert cycle[neighbour]["error"] == ""
            assert cycle[neighbour]["seconds"] < 0.2
    assert asleep["filesystem"]["seconds"] < 2
    assert still["asked again"] == 0, "it is left alone until its call returns"
    assert still["filesystem"]["seconds"] < 0.2
    values = awake["filesystem"]["values"]
    assert values[size] == 1000 * 1024
    assert values[f"node_filesystem_device_error sleeper fuse.sleeper {tmp_path}"] == 0


@pytest.mark.root
@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_a_proc_that_hides_processes_is_an_error_and_no_small_number(hidepid: str) -> None:
    for cycle in play("hidden_proc", hidepid):
        processes = cycle.pop("processes")
        assert processes["error"].startswith("/proc hides the processes of other users, so none can be counted")
        assert "node_processes_pids " not in processes["values"]
        assert processes["values"]["node_scrape_collector_success processes"] == 0
        assert {name: scrape["error"] for name, scrape in cycle.items() if scrape["error"]} == {}


@pytest.mark.root
def test_the_view_of_a_container_is_told_as_it_is() -> None:
    for cycle in play("container", "", "--net", "--uts", "--ipc"):
        errors = {name: scrape["error"] for name, scrape in cycle.items() if scrape["error"]}
        assert errors.keys() == {"filefd"}, "what is masked says so, and only that"
        assert errors["filefd"].startswith("/proc/sys/fs/file-nr does not exist")
        assert cycle["processes"]["values"]["node_processes_pids "] <= 3, "only its own processes"
        devices = {key.split(" ")[1] for key in cycle["netdev"]["values"] if key.startswith("node_network_receive_b")}
        assert devices == {"lo"}
        assert cycle["meminfo"]["values"]["node_memory_MemTotal_bytes "] > 0


@pytest.mark.root
def test_processes_that_die_while_they_are_read() -> None:
    passes = play("dying_processes")
    assert {scrape["error"] for cycle in passes for scrape in cycle.values()} == {""}
    assert all(1 <= cycle["processes"]["values"]["node_processes_pids "] <= 22 for cycle in passes)


def twice(collector: Collector, top: Path, later: dict[str, str]) -> tuple[dict[str, float], dict[str, float]]:
    """Two passes, with files changed in between."""
    first = table(gather(collector))
    plant(top, later)
    return first, table(gather(collector))


def test_counters_that_restart_or_wrap_are_shown_as_they_are(tmp_path: Path) -> None:
    host = plant(tmp_path)
    wrapped = DISKSTATS.replace("25354637", "12").replace("1003346126", "4")
    first, second = twice(diskstats.build(diskstats.Options(), host), tmp_path, {"proc/diskstats": wrapped})
    reads = 'node_disk_reads_completed_total{device="sda"}'
    assert (first[reads], second[reads]) == (25354637, 12)
    assert second['node_disk_read_bytes_total{device="sda"}'] == 4 * 512
    host = plant(tmp_path)
    first, second = twice(
        netdev.build(netdev.Options(), host), tmp_path, {"proc/net/dev": NETDEV.replace("68210035552", "7")}
    )
    received = 'node_network_receive_bytes_total{device="eth0"}'
    assert (first[received], second[received]) == (68210035552, 7)
    first, second = twice(vmstat.build(vmstat.Options(), host), tmp_path, {"proc/vmstat": "oom_kill 0\n"})
    assert (first["node_vmstat_oom_kill"], second["node_vmstat_oom_kill"]) == (2, 0)
    big = 2**64 - 1  # the last value of a counter: told, not refused
    first, second = twice(
        netstat.build(netstat.Options(), host), tmp_path, {"proc/net/netstat": f"IpExt: InOctets\nIpExt: {big}\n"}
    )
    assert second["node_netstat_IpExt_InOctets"] == float(big)


def test_a_disk_that_vanishes_ends_and_is_missed(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = diskstats.build(diskstats.Options(expect=("sda",)), host)
    assert any('device="sda"' in key for key in table(gather(collector)))
    plant(tmp_path, {"proc/diskstats": "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"})
    items = gather(collector)
    assert table(items) == {}
    assert notices(items)[0].startswith("expected device 'sda' is not there")


def test_a_disk_that_comes_back_under_another_name_takes_its_identity_along(tmp_path: Path) -> None:
    host = plant(tmp_path)
    collector = diskstats.build(diskstats.Options(), host)

    def serials() -> dict[str, str]:
        infos = (key for key in table(gather(collector)) if key.startswith("node_disk_info"))
        return {
            key.split('device="')[1].split('"')[0]: key.split('serial="')[1].split('"')[0] if "serial" in key else ""
            for key in infos
        }

    assert serials()["sda"] == "ZA1"
    renamed = DISKSTATS.replace("   8       0 sda ", "   8      16 sdb ")
    (tmp_path / "run/udev/data/b8:0").unlink()
    plant(tmp_path, {"proc/diskstats": renamed, "run/udev/data/b8:16": UDEV})
    assert "sda" not in serials()
    assert serials()["sdb"] == "ZA1"
    plant(tmp_path, {"proc/diskstats": DISKSTATS})  # another disk takes the name and number; udev has not seen it yet
    assert serials()["sda"] == "", "never the identity of the disk before"
    plant(tmp_path, {"run/udev/data/b8:0": UDEV.replace("ZA1", "ZB2")})
    assert serials()["sda"] == "ZB2"
