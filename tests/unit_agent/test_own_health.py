"""What the agent notes about itself: its starts, its memory limit, and objectives in its long memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.slo import Slo
from agent.config.slo_rules import slo_file
from agent.health import STARTS, STARTS_KEPT, STARTS_WINDOW, Health, memory_limit, note_start
from agent.store.reserve import Reserve
from rules.api import Engine, SeriesWindow

HOUR, DAY = 3_600_000, 86_400_000


def test_starts_are_counted_for_an_hour(tmp_path: Path) -> None:
    first = 1_790_000_000_000
    for number in range(7):
        starts = note_start(tmp_path, first + number * 1000)
    assert len(starts) == 7
    health = Health(starts=starts)
    assert health.recent_starts(first + 6000) == 7
    assert health.recent_starts(first + STARTS_WINDOW + 2500) == 4
    assert health.recent_starts(first + 2 * STARTS_WINDOW) == 0


def test_starts_are_bounded_and_survive_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / STARTS).write_bytes(b"\xff\x00 no 5 99999999999999999999 7")
    assert note_start(tmp_path, 10) == [5, 7, 10]
    for at in range(100, 200):
        starts = note_start(tmp_path, at)
    assert starts == list(range(200 - STARTS_KEPT, 200))


def test_starts_from_a_clock_that_was_ahead_are_forgotten(tmp_path: Path) -> None:
    note_start(tmp_path, 9_000)
    assert note_start(tmp_path, 5_000) == [5_000]


def test_a_state_directory_that_takes_nothing_stops_no_start(tmp_path: Path) -> None:
    assert note_start(tmp_path / "missing", 5) == [5]


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"a/b": "max", "a": "200", "": None}, 200),
        ({"a/b": "100", "a": "200"}, 100),
        ({"a/b": "max"}, None),
        ({}, None),
    ],
)
def test_the_tightest_memory_limit_counts(tmp_path: Path, limits: dict[str, str | None], found: int | None) -> None:
    root = tmp_path / "cgroup"
    (root / "a/b").mkdir(parents=True)
    for group, limit in limits.items():
        if limit is not None:
            (root / group / "memory.max").write_text(limit + "\n")
    own = tmp_path / "self"
    own.write_text("1:name=systemd:/x\n0::/a/b\n")
    assert memory_limit(own, root) == found


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path / "missing", tmp_path) is None
    (tmp_path / "v1").write_text("9:memory:/x\n")
    assert memory_limit(tmp_path / "v1", tmp_path) is None


def test_the_reserve_is_whole_or_not(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    assert not reserve.whole
    assert reserve.make()
    assert reserve.whole
    reserve.release()
    assert not reserve.whole


def test_what_an_objective_remembers_is_kept_over_a_restart_and_little_else() -> None:
    """Series whose rules look back for more than an hour go to the disk."""
    engine = Engine(SeriesWindow(), interval_ms=15_000)
    slo = Slo(name="web", indicator='up{job="web"}')
    engine.load([slo_file([slo], 15_000, "tocsin.yaml", lambda _: (1, 1))])
    long = {name for name, back in engine.needs().items() if back > HOUR}
    counted = {f"slo:{kind}:{what}" for kind in ("events", "errors") for what in ("total", "hourly", "start")}
    assert long == counted
    assert max(engine.needs().values()) <= 30 * DAY + 4 * HOUR
