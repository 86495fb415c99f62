"""Collectors whose source the machine lacks: not loaded, no series, and one of the others when it turns up."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from collectors import _presence
from collectors.api import Absent, HostFS, Sample, Scraper, available, present
from collectors.api import labels as pairs


def host(tmp_path: Path) -> HostFS:
    for name in ("proc", "sys", "root"):
        (tmp_path / name).mkdir(exist_ok=True)
    return HostFS(str(tmp_path / "proc"), str(tmp_path / "sys"), str(tmp_path / "root"))


def test_the_table_names_collectors_and_paths_below_a_root() -> None:
    assert set(_presence.SOURCES) <= set(available())
    assert {path.partition("/")[0] for paths in _presence.SOURCES.values() for path in paths} <= {"proc", "sys", "root"}


def test_a_file_or_a_directory_that_holds_something_is_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_presence.SOURCES, "mdadm", ("proc/mdstat", "sys/class/hwmon"))
    machine = host(tmp_path)
    assert present("not in the table", machine)
    assert not present("mdadm", machine)
    (tmp_path / "sys/class/hwmon").mkdir(parents=True)
    assert not present("mdadm", machine), "an empty directory is nothing to read"
    (tmp_path / "sys/class/hwmon/hwmon0").mkdir()
    assert present("mdadm", machine)
    (tmp_path / "sys/class/hwmon/hwmon0").rmdir()
    (tmp_path / "proc/mdstat").write_text("")
    assert present("mdadm", machine)


def test_a_star_stands_for_one_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_presence.SOURCES, "xfs", ("sys/fs/xfs/*/stats/stats",))
    machine = host(tmp_path)
    (tmp_path / "sys/fs/xfs/stats").mkdir(parents=True)
    (tmp_path / "sys/fs/xfs/stats/stats").write_text("")
    assert not present("xfs", machine), "the sum over all file systems is there before one is mounted"
    (tmp_path / "sys/fs/xfs/sda1/stats").mkdir(parents=True)
    (tmp_path / "sys/fs/xfs/sda1/stats/stats").write_text("")
    assert present("xfs", machine)


class Zfs:
    def collect(self) -> Iterable[Sample]:
        yield Sample("node_zfs", pairs(pool="tank"), 1.0)


async def test_an_absent_collector_has_no_series_and_joins_when_its_source_turns_up() -> None:
    now, there, joined = 0.0, False, []
    frame = Scraper(
        {}, job="node", instance="h", monotonic=lambda: now,
        absent={"zfs": Absent(lambda: there, Zfs)}, joined=joined.append,
    )  # fmt: skip
    assert await frame.cycle(0) == []
    assert frame.absent == ("zfs",)
    there = True
    now = 59.0
    assert await frame.cycle(59_000) == [], "looked again before its time"
    now = 60.0
    (scrape,) = await frame.cycle(60_000)
    assert scrape.ok
    assert {sample.name for sample in scrape.samples} >= {"node_zfs", "up"}
    assert joined == ["zfs"]
    assert frame.absent == ()
    await frame.aclose()
