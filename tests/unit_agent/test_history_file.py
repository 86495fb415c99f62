"""The file of long windows: written rarely and little, taken up whatever state it is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import history
from agent.history import ASIDE, NAME, History
from rules.api import Engine, Matcher, MatchOp, SeriesWindow, parse_rule_file

START = 1_700_000_000_000
CYCLE = 15_000
MINUTE = 60_000
RULES = "groups: [{name: g, rules: [{alert: A, expr: 'predict_linear(deep[6h], 60) < 0'}]}]"
SHORT = "groups: [{name: g, rules: [{alert: A, expr: 'deep < 0'}]}]"


class Agent:
    """The rules, the window and the file of one process."""

    def __init__(self, directory: Path, at: int, rules: str = RULES) -> None:
        self.window = SeriesWindow()
        self.engine = Engine(self.window, interval_ms=CYCLE)
        self.history = History(directory, self.window, self.engine)
        self.load(rules)
        self.at = at
        self.history.load(at)

    def load(self, rules: str) -> None:
        loaded, problems = parse_rule_file(rules, "f.yml")
        assert loaded is not None, problems
        self.engine.load([loaded])

    def run(self, cycles: int) -> None:
        for _ in range(cycles):
            self.at += CYCLE
            samples = [
                (name, (("i", str(i)),), float(self.at + i), None) for name in ("deep", "flat") for i in range(3)
            ]
            self.window.ingest("s", samples, self.at)
            self.engine.evaluate_due(self.at)

    def held(self) -> list[tuple[int, ...]]:
        found = self.window.select([Matcher(MatchOp.EQ, "__name__", "deep")])
        return [tuple(series.timeline.times) for series in found]

    async def keep(self) -> None:
        await self.history.keep(self.at)


async def test_a_restart_goes_on_with_the_windows_it_had(tmp_path: Path) -> None:
    old = Agent(tmp_path, START)
    old.run(800)
    await old.keep()
    fresh = Agent(tmp_path, old.at + MINUTE)
    assert fresh.held() == old.held()
    assert fresh.history.stats.samples_taken_up == 3 * 800
    fresh.run(1)
    assert not fresh.engine.waiting()
    assert [name for name in fresh.window.metric_names() if name != "flat"] == ["deep"]


async def test_only_what_is_new_is_written_and_nothing_when_nothing_is(tmp_path: Path) -> None:
    agent = Agent(tmp_path, START)
    agent.run(1_000)
    await agent.keep()
    first = agent.history.stats.written_bytes
    agent.run(60)
    await agent.keep()
    assert 0 < agent.history.stats.written_bytes - first < first / 4
    written = agent.history.stats.written_bytes
    await agent.keep()
    assert agent.history.stats.written_bytes == written == (tmp_path / NAME).stat().st_size
    fresh = Agent(tmp_path, agent.at)
    assert fresh.held() == agent.held()
    fresh.run(60)
    await fresh.keep()
    assert 0 < fresh.history.stats.written_bytes < first / 4  # a start alone writes nothing anew


async def test_without_a_long_window_there_is_no_file(tmp_path: Path) -> None:
    agent = Agent(tmp_path, START, SHORT)
    agent.run(100)
    await agent.keep()
    assert list(tmp_path.iterdir()) == []


async def test_the_file_stays_near_what_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SLACK", 0)
    agent = Agent(tmp_path, START)
    sizes = []
    for _ in range(40):
        agent.run(150)
        await agent.keep()
        sizes.append((tmp_path / NAME).stat().st_size)
    assert max(sizes) < 3 * min(sizes[12:])
    fresh = Agent(tmp_path, agent.at)
    for each in (fresh, agent):
        each.window.sweep(agent.at)
    assert fresh.held() == agent.held()


@pytest.mark.parametrize(
    ("harm", "left"),
    [
        (lambda data: data[:-7], "the first keep"),
        (lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], "the first keep"),
        (lambda data: data + b"\0\0\0", "both keeps"),
        (lambda data: data.replace(b" 1\n", b" 2\n", 1), "nothing"),
        (lambda _data: b"", "nothing"),
        (lambda _data: b"SQLite format 3\0" * 64, "nothing"),
        (lambda data: data[:10], "nothing"),
    ],
)
async def test_a_damaged_file_stops_nothing_and_what_is_whole_counts(tmp_path: Path, harm, left: str) -> None:  # type: ignore[no-untyped-def]
    old = Agent(tmp_path, START)
    old.run(100)
    await old.keep()
    old.run(20)
    await old.keep()
    path = tmp_path / NAME
    path.write_bytes(harm(path.read_bytes()))
    fresh = Agent(tmp_path, old.at)
    taken = {"the first keep": 300, "both keeps": 360, "nothing": 0}[left]
    assert (fresh.history.stats.damaged, fresh.history.stats.samples_taken_up) == (1, taken)
    assert (tmp_path / ASIDE).exists()
    fresh.run(10)
    await fresh.keep()
    again = Agent(tmp_path, fresh.at)
    assert (again.history.stats.damaged, again.history.stats.samples_taken_up) == (0, taken + 30)


async def test_a_file_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    agent = Agent(tmp_path, START)
    assert agent.history.stats.damaged == 1
    agent.run(10)
    await agent.keep()
    assert Agent(tmp_path, agent.at).held() == agent.held()


async def test_a_disk_that_refuses_is_asked_again_for_all(tmp_path: Path) -> None:
    state = tmp_path / "state"
    agent = Agent(state, START)
    agent.run(10)
    await agent.keep()
    assert (agent.history.stats.failed, agent.history.stats.error) == (1, "No such file or directory")
    state.mkdir()
    agent.run(10)
    await agent.keep()
    assert (agent.history.stats.error, agent.history.stats.kept_at) == ("", agent.at)
    assert Agent(state, agent.at).held() == agent.held()


async def test_after_a_clock_step_the_file_says_the_new_times(tmp_path: Path) -> None:
    agent = Agent(tmp_path, START)
    agent.run(100)
    await agent.keep()
    for step in (3_600_000, -7_200_000):
        agent.window.rebase(step)
        agent.engine.rebase(step)
        agent.history.moved()
        agent.at += step
        agent.run(1)
        await agent.keep()
        assert Agent(tmp_path, agent.at).held() == agent.held()


async def test_a_clock_behind_the_former_process_moves_its_past(tmp_path: Path) -> None:
    """A machine without a clock of its own starts in the past: what was newest then is taken for now."""
    old = Agent(tmp_path, START)
    old.run(800)
    await old.keep()
    fresh = Agent(tmp_path, 1_000 * CYCLE)
    assert [times[-1] for times in fresh.held()] == [1_000 * CYCLE] * 3
    assert [len(times) for times in fresh.held()] == [800] * 3
    fresh.run(1)
    assert not fresh.engine.waiting()


async def test_a_reload_that_wants_more_writes_what_is_there_of_it(tmp_path: Path) -> None:
    agent = Agent(tmp_path, START)
    agent.run(30)
    await agent.keep()
    agent.load(RULES.replace("deep", '{__name__="deep"}').replace(" < 0", " + predict_linear(flat[2h], 1) < 0"))
    agent.run(10)
    await agent.keep()
    fresh = Agent(tmp_path, agent.at, RULES.replace("deep", "flat"))
    assert fresh.history.stats.samples_taken_up == 3 * 40


async def test_series_without_room_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 100)
    agent = Agent(tmp_path, START)
    agent.run(100)
    await agent.keep()
    assert agent.history.stats.left_out == 3
    assert (tmp_path / NAME).stat().st_size <= 100


async def test_a_quarter_of_an_hour_is_what_a_crash_costs_at_most(tmp_path: Path) -> None:
    assert history.EVERY_S <= 900
    agent = Agent(tmp_path, START)
    assert agent.history.pause_s == history.EVERY_S
    agent.run(60)
    await agent.keep()
    agent.run(60)  # and is killed
    assert Agent(tmp_path, agent.at).history.stats.samples_taken_up == 3 * 60
