"""File systems: what a healthy, a broken and a hanging mount publish, and that hanging ones stay bounded."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden_host import MOUNTINFO, GoldenHost, gather, healthy, notices, plant, table

from collectors import _mountinfo, filesystem
from collectors.api import CollectorError, Scraper

ROOT = 'device="/dev/sda1",fstype="ext4",mountpoint="/"'
NAS = 'device="nas:/export",fstype="nfs4",mountpoint="/mnt/with blank\\slash"'
POINT = "/mnt/with blank\\slash"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Lets hanging calls go at the end of the test."""
    opened = threading.Event()
    yield opened
    opened.set()


def make(host: GoldenHost, **options: object) -> filesystem.Filesystem:
    return filesystem.build(filesystem.Options(**options), host)  # type: ignore[arg-type]  # options by name


def real_time(tmp_path: Path, mountinfo: str = MOUNTINFO) -> GoldenHost:
    import time

    plant(tmp_path, {"proc/1/mountinfo": mountinfo})
    return GoldenHost(tmp_path, monotonic=time.monotonic)


def test_healthy_mounts(tmp_path: Path) -> None:
    got = table(gather(make(real_time(tmp_path))))
    assert got[f"node_filesystem_size_bytes{{{ROOT}}}"] == 1000 * 1024
    assert got[f"node_filesystem_free_bytes{{{ROOT}}}"] == 400 * 1024
    assert got[f"node_filesystem_avail_bytes{{{ROOT}}}"] == 300 * 1024
    assert got[f"node_filesystem_files{{{ROOT}}}"] == 64
    assert got[f"node_filesystem_files_free{{{ROOT}}}"] == 32
    assert got[f"node_filesystem_readonly{{{ROOT}}}"] == got[f"node_filesystem_device_error{{{ROOT}}}"] == 0
    assert got['node_filesystem_mount_info{device="/dev/sda1",major="8",minor="1",mountpoint="/"}'] == 1
    assert got[f"node_filesystem_readonly{{{NAS}}}"] == 1
    sick = 'device="a@b:/",fstype="fuse.sshfs",mountpoint="/mnt/sick"'
    assert got[f"node_filesystem_readonly{{{sick}}}"] == 1  # the super block says ro, the mount does not
    assert {key.split("mountpoint=")[1].rstrip("}") for key in got} == {
        '"/"', '"/tmp"', '"/mnt/with blank\\slash"', '"/mnt/sick"',
    }  # fmt: skip


def test_a_mount_that_fails_publishes_only_readonly_and_the_error(tmp_path: Path) -> None:
    host = real_time(tmp_path)

    def fail() -> os.statvfs_result:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    host.mounts[POINT] = fail
    got = table(gather(make(host)))
    error = 'device="nas:/export",device_error="transport endpoint is not connected",fstype="nfs4"'
    mine = {key.partition("{")[0]: value for key, value in got.items() if "nas" in key}
    assert mine == {
        "node_filesystem_readonly": 1, "node_filesystem_device_error": 1, "node_filesystem_mount_info": 1,
    }  # fmt: skip
    assert any(error in key for key in got)
    host.mounts.clear()
    assert f"node_filesystem_size_bytes{{{NAS}}}" in table(gather(make(host)))


def test_a_hanging_mount_is_marked_left_alone_and_taken_back(tmp_path: Path, gate: threading.Event) -> None:
    host = real_time(tmp_path)
    asked = []

    def hang() -> os.statvfs_result:
        asked.append(1)
        gate.wait(20)
        return healthy()

    host.mounts[POINT] = hang
    collector = make(host, mount_timeout_seconds=0.2)
    for _ in range(4):
        got = table(gather(collector))
        assert [key for key in got if 'device_error="mountpoint timeout"' in key and "nas" in key]
        assert f"node_filesystem_size_bytes{{{ROOT}}}" in got
    assert len(asked) == 1
    assert collector._workers.alive == 2
    gate.set()
    while not all(call.finished for call in collector._stuck.values()):
        pass
    assert f"node_filesystem_size_bytes{{{NAS}}}" in table(gather(collector))
    assert len(asked) == 2


def test_hanging_mounts_never_take_more_than_the_limit_of_threads(tmp_path: Path, gate: threading.Event) -> None:
    lines = "".join(f"{n} 1 0:{n} / /nfs/{n} rw - nfs4 nas:/{n} rw\n" for n in range(40, 52))
    host = real_time(tmp_path, lines)
    before = threading.active_count()
    for n in range(40, 52):
        host.mounts[f"/nfs/{n}"] = lambda: (gate.wait(20), healthy())[1]
    collector = make(host, mount_timeout_seconds=0.1)
    for _ in range(3):
        got = table(gather(collector))
        assert sum(value for key, value in got.items() if key.startswith("node_filesystem_device_error")) == 12
        assert sum("mountpoint timeout" in key for key in got) == 2 * filesystem.STUCK_LIMIT
        assert sum(filesystem.NO_THREAD in key for key in got) == 2 * (12 - filesystem.STUCK_LIMIT)
    assert threading.active_count() - before == filesystem.STUCK_LIMIT
    gate.set()
    while any(not call.finished for call in collector._stuck.values()):
        pass
    assert len([key for key in table(gather(collector)) if "size_bytes" in key]) == 12


def test_steady_state_uses_one_thread_for_all_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "PATIENCE", 2.0)
    host = real_time(tmp_path)
    idents = set()

    def note() -> os.statvfs_result:
        idents.add(threading.get_ident())
        return healthy()

    for point in ("/", "/tmp", POINT, "/mnt/sick"):
        host.mounts[point] = note
    collector = make(host)
    for _ in range(5):
        gather(collector)
    assert len(idents) == 1
    assert threading.get_ident() not in idents


async def test_a_hang_fits_inside_the_frames_deadline(tmp_path: Path, gate: threading.Event) -> None:
    host = real_time(tmp_path)
    host.mounts["/"] = lambda: (gate.wait(20), healthy())[1]
    frame = Scraper({"filesystem": make(host, mount_timeout_seconds=0.2)}, job="j", instance="i", deadline_s=2)
    (scrape,) = await frame.cycle(0)
    assert scrape.ok
    assert scrape.duration_s < 1
    await frame.aclose()


def test_a_mount_table_that_changes_is_read_anew(tmp_path: Path) -> None:
    host = real_time(tmp_path)
    collector = make(host, expect=("/", "/data"))
    assert "expected mount point '/data' is not there" in notices(gather(collector))[0]
    plant(tmp_path, {"proc/1/mountinfo": MOUNTINFO + "40 27 0:9 / /data rw - xfs /dev/sdb rw\n"})
    items = gather(collector)
    assert notices(items) == []
    assert any('mountpoint="/data"' in key for key in table(items))


def test_only_what_is_included_is_told(tmp_path: Path) -> None:
    def told(**options: object) -> set[str]:
        found = gather(make(real_time(tmp_path), **options))
        return {key.split("mountpoint=")[1].rstrip("}") for key in table(found) if "readonly" in key}

    assert told(mount_points_include="^/tmp$") == {'"/tmp"'}
    assert told(fs_types_include="^(proc|ext4)$") == {'"/"'}, "the shipped mount points are still left out"
    assert told(fs_types_include="^proc$", mount_points_exclude="") == {'"/proc"'}
    assert told(fs_types_exclude="", mount_points_include="^/proc$") == {'"/proc"'}
    for name in ("mount_points", "fs_types"):
        with pytest.raises(ValueError, match=f"{name}_include and {name}_exclude cannot both be given; keep one"):
            told(**{f"{name}_include": "a", f"{name}_exclude": "b"})


def test_our_own_mount_table_stands_in(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/self/mountinfo": "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"})
    (tmp_path / "proc/1/mountinfo").mkdir(parents=True)  # there, but it cannot be read
    assert f"node_filesystem_size_bytes{{{ROOT}}}" in table(gather(make(GoldenHost(tmp_path))))


@pytest.mark.parametrize(
    "line", ["", "1 2 3", "27 1 8:1 / / rw shared:1 ext4 /dev/sda1 rw", "27 1 8 / / rw - ext4 a b"]
)
def test_a_line_that_is_not_a_mount(line: str) -> None:
    with pytest.raises(CollectorError, match=r"mountinfo: a line is not as in proc\(5\)"):
        list(_mountinfo.parse(line + "\n"))


def mounts(*lines: tuple[int, int, str]) -> list[str]:
    """The devices (named after their ids) of those mounts (id, parent, mount point) that are reachable."""
    text = "".join(f"{ident} {parent} 0:{ident} / {point} rw - xfs d{ident} rw\n" for ident, parent, point in lines)
    return [mount.device for mount in _mountinfo.reachable(_mountinfo.parse(text))]


def test_a_mount_that_others_hide_is_not_told_with_their_values() -> None:
    assert mounts((1, 0, "/"), (2, 1, "/data"), (3, 2, "/data/sub"), (4, 2, "/data"), (5, 4, "/data/sub")) == [
        "d1", "d4", "d5",
    ]  # fmt: skip
    # over a folder in which others are mounted, and what stands upon those
    assert mounts((1, 0, "/"), (2, 1, "/a/b"), (3, 2, "/a/b/c"), (4, 1, "/a"), (5, 1, "/ab")) == ["d1", "d4", "d5"]
    assert mounts((1, 0, "/"), (3, 2, "/a/b/c"), (2, 1, "/a/b"), (4, 1, "/a")) == ["d1", "d4"], "in any order"
    assert mounts((1, 0, "/"), (2, 1, "/a"), (3, 2, "/a/b/c"), (4, 3, "/a/b/c/d")) == ["d1", "d2", "d3", "d4"]
    assert mounts((1, 0, "/"), (2, 1, "/"), (3, 1, "/data")) == ["d1", "d2", "d3"], "nobody's root is hidden"
    assert mounts((5, 4, "/a"), (4, 5, "/b")) == ["d5", "d4"], "what the kernel never writes"


def test_a_mount_upon_another_is_told_alone(tmp_path: Path) -> None:
    upon = "40 28 0:9 / /tmp rw - xfs /dev/sdb rw\n"
    got = table(gather(make(real_time(tmp_path, MOUNTINFO + upon))))
    at_tmp = [key for key in got if 'mountpoint="/tmp"' in key]
    assert at_tmp
    assert all('device="/dev/sdb"' in key for key in at_tmp)
