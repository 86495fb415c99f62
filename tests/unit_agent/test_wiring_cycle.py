"""The main loop with a scraper that a test steers, the real engine, book and store, and a timeline of virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes import virtual
from structlog.testing import capture_logs
from wiring_kit import Agent

from agent.clock import Timeline
from agent.core.model import IncidentState
from agent.cycle import Cycle
from collectors.api import Sample, Scrape, labels
from rules.api import AlertRow, AlertState, Engine, RuleFile, SeriesWindow, parse_rule_file

INTERVAL = 15_000
RULES = """
- {alert: Full, expr: disk_used > 0.9, annotations: {summary: 'at {{ $value }}'}}
- {alert: Slow, expr: latency > 5, for: 5m}
"""


def rules(body: str = RULES) -> RuleFile:
    lines = "".join(f"  {line}\n" for line in body.strip().splitlines())
    loaded, problems = parse_rule_file(f"groups:\n- name: g\n  rules:\n{lines}", "t.rules.yml")
    assert loaded is not None, problems
    return loaded


class FakeScraper:
    """``values`` by collector; a text instead is how it fails."""

    targets = None

    def __init__(self, **values: dict[str, float] | str) -> None:
        self.values = values
        self.warnings: dict[str, tuple[str, ...]] = {}
        self.takes = 0.0
        self.asked: list[int] = []
        self.absent: tuple[str, ...] = ()
        self.waiting: frozenset[str] = frozenset()

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(self.values) | self.waiting

    async def cycle(self, at: int, now: Callable[[], int] | None = None) -> list[Scrape]:
        self.asked.append(at)
        if self.takes:
            await asyncio.sleep(self.takes)
        return [self._scrape(name, value, at) for name, value in self.values.items()]

    def _scrape(self, name: str, value: dict[str, float] | str, at: int) -> Scrape:
        target = labels(collector=name, instance="web-1:9100", job="node")
        who = labels(instance="web-1:9100", job="node")
        given = {} if isinstance(value, str) else value
        samples = [Sample(metric, who, number) for metric, number in given.items()]
        error = value if isinstance(value, str) else ""
        return Scrape(name, target, at, tuple(samples), not error, error, self.warnings.get(name, ()), 0.001)


class World(Agent):
    """The agent of ``wiring_kit`` with the loop on top."""

    def __init__(self, loop: virtual.VirtualLoop, directory: Path) -> None:
        super().__init__(loop, directory)
        self.wall_offset = 0
        self.timeline = Timeline(lambda: loop.now_ms() - virtual.START_MS, lambda: loop.now_ms() + self.wall_offset)
        self.scraper = FakeScraper(disk={"disk_used": 0.5, "latency": 1})
        self.moves: list[int] = []

    def now(self) -> int:
        return self.timeline.now() if hasattr(self, "timeline") else super().now()

    async def begin(self, restored: list[AlertRow] | None = None) -> None:
        await self.start()
        self.series = SeriesWindow()
        self.engine = Engine(self.series, interval_ms=INTERVAL)
        self.engine.load([rules()])
        if restored:
            self.engine.restore(restored, self.now(), 0)
        self.cycle = Cycle(
            self.timeline, self.scraper, self.series, self.engine, self.book, interval_ms=INTERVAL,  # type: ignore[arg-type]
            own=list, moved=self._moved, restored=restored or [],
        )  # fmt: skip
        self.running.append(asyncio.create_task(self.cycle.run()))

    def _moved(self, step: int) -> None:
        self.delivery.rebase(step)
        self.moves.append(step)

    async def end(self) -> None:
        self.running.pop().cancel()
        await self.stop()

    async def passes(self, count: float) -> None:
        await asyncio.sleep(count * INTERVAL / 1000)
        for task in self.running:
            if task.done():
                task.result()

    def set(self, **values: float) -> None:
        self.scraper.values["disk"] = {"disk_used": 0.5, "latency": 1, **values}

    def states(self) -> list[str]:
        return sorted(f"{alert.rule} {alert.state.value}" for alert in self.engine.alerts())


def run(directory: Path, steps: Callable[[World], Coroutine[Any, Any, None]]) -> World:
    async def main(loop: virtual.VirtualLoop) -> World:
        world = World(loop, directory)
        await world.begin()
        await asyncio.sleep(0.001)
        await steps(world)
        await world.end()
        return world

    return virtual.run(main)


@contextlib.contextmanager
def said(*events: str) -> Iterator[None]:
    """Exactly these lines, of those the loop says."""
    with capture_logs() as lines:
        yield
    assert [line["event"] for line in lines if line["part"] == "cycle"] == list(events)


def test_a_pass_goes_straight_through(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        assert world.cycle.first_done.is_set()
        world.set(disk_used=0.95)
        await world.passes(1)
        await asyncio.sleep(1)
        (ticket,) = world.backend.active
        assert ticket.title == "web-1: at 0.95"
        assert world.scraper.asked[1] - world.scraper.asked[0] == INTERVAL
        world.set()
        await world.passes(20)
        assert not world.backend.active
        assert world.cycle.stats.cycles == len(world.scraper.asked)
        assert world.cycle.stats.skipped == 0

    run(tmp_path, steps)


def test_nothing_is_owed_while_nothing_changes(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.set(disk_used=0.95)
        await world.passes(3)
        written, asked = world.store.stats.commits, len(world.commits)
        for number in range(40):
            world.set(disk_used=0.95 + number / 1000)
            await world.passes(1)
        assert (world.store.stats.commits, len(world.commits)) == (written, asked)

    run(tmp_path, steps)


def alert_writes(world: World) -> list[str]:
    """The state of each alert row that was stored, in order."""
    bodies = (body for change in world.commits for body in change.alert_upserts.values())
    return [msgspec.json.decode(body, type=AlertRow).state.value for body in bodies]


def test_alert_rows_are_written_when_they_change_and_ever_more_rarely_while_pending(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.set(latency=9)
        await world.passes(26)
        states = alert_writes(world)
        assert states[-1] == "firing"
        assert 5 <= states.count("pending") <= 20
        assert states.count("firing") == 1
        world.set()
        await world.passes(1)
        assert [key for change in world.commits for key in change.alert_deletes], "an ended alert stays in the store"

    run(tmp_path, steps)


def test_what_was_pending_or_firing_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def main(loop: virtual.VirtualLoop) -> None:
        world = World(loop, tmp_path)
        await world.begin()
        world.set(disk_used=0.99, latency=9)
        await world.passes(16)
        await world.end()
        await world.start()
        loaded = await world.store.load()
        await world.stop()
        rows = [msgspec.json.decode(body, type=AlertRow) for body in loaded.alerts.values()]
        assert sorted(row.state.value for row in rows) == ["firing", "pending"]
        await world.begin(rows)
        await asyncio.sleep(0.01)
        assert world.states() == ["Full firing", "Slow pending"]
        await world.passes(8)
        assert world.states() == ["Full firing", "Slow firing"]
        await asyncio.sleep(1)
        assert len(world.backend.tickets) == 2
        await world.end()

    virtual.run(main)


def test_a_slow_pass_leaves_out_those_it_covers_and_counts_them(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        await world.passes(1.5)
        world.scraper.takes = 40
        await world.passes(4)
        world.scraper.takes = 0
        assert world.cycle.stats.skipped >= 2
        await world.passes(4)
        skipped = world.cycle.stats.skipped
        await world.passes(10)
        assert world.cycle.stats.skipped == skipped
        gaps = [after - before for before, after in zip(world.scraper.asked, world.scraper.asked[1:], strict=False)]
        assert all(gap % INTERVAL == 0 for gap in gaps), gaps

    run(tmp_path, steps)


def test_standing_still_in_the_middle_of_a_pass_is_said_too(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        await world.passes(1.5)
        world.scraper.takes = 90
        with said("stood_still"):
            await world.passes(2)
            world.scraper.takes = 0
            await world.passes(8)
        assert world.cycle.stats.pauses == 1

    run(tmp_path, steps)


@pytest.mark.parametrize("step", [3_600_000, -3_600_000, 50 * 31_557_600_000, 2_000])
def test_a_clock_step_fires_nothing_and_resolves_nothing(tmp_path: Path, step: int) -> None:
    async def steps(world: World) -> None:
        world.set(disk_used=0.95, latency=9)
        await world.passes(6)
        assert world.states() == ["Full firing", "Slow pending"]
        before = {incident.id: incident.state for incident in world.book.live.values()}
        with said(*["wall_clock_stepped"] * (abs(step) > 30_000)):
            world.wall_offset += step
            await world.passes(3)
        assert world.states() == ["Full firing", "Slow pending"]
        assert {incident.id: incident.state for incident in world.book.live.values()} == before
        assert (world.cycle.stats.clock_steps, world.moves) == (1, [step])
        assert world.cycle.stats.skipped == world.cycle.stats.pauses == 0
        await world.passes(12)
        assert world.states() == ["Full firing", "Slow firing"], "the time it had waited was lost"
        world.set()
        await world.passes(20)
        assert not world.book.live

    world = run(tmp_path, steps)
    assert len(world.backend.tickets) == 2
    assert not world.backend.active


def test_a_collector_that_fails_is_one_line_and_its_recovery_another(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        with said("collector_failed"):
            for number in range(5):
                world.scraper.values["disk"] = f"no process {number}"
                await world.passes(1)
        with said("collector_recovered"):
            world.set()
            await world.passes(3)
        with said("collector_warns"):
            world.scraper.warnings["disk"] = ("/data is not there",)
            await world.passes(3)
        with said("collector_well"):
            world.scraper.warnings.clear()
            await world.passes(3)

    run(tmp_path, steps)


def test_a_collector_that_fails_holds_its_alerts_without_data(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.set(disk_used=0.95)
        await world.passes(2)
        world.scraper.values["disk"] = "hung"
        await world.passes(2)
        assert world.states() == ["Full no_data"]
        world.set()
        await world.passes(20)
        assert world.states() == []
        assert not world.book.live

    run(tmp_path, steps)


def test_a_collector_turned_off_leaves_its_alerts_without_data_and_its_incident_open(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.scraper.values["cpu"] = {"load": 1.0}
        world.set(disk_used=0.95)
        await world.passes(2)
        await world.cycle.replace(FakeScraper(cpu={"load": 1.0}), INTERVAL)  # type: ignore[arg-type]
        with said():
            await world.passes(1)
            assert world.states() == ["Full no_data"], "its series went on after it was turned off"
            await world.passes(100)
        assert world.states() == ["Full no_data"]
        (incident,) = world.book.live.values()
        assert incident.state is IncidentState.NO_DATA
        assert len(world.backend.active) == 1
        assert set(world.cycle.stats.scrapes) == {"cpu"}

    run(tmp_path, steps)


def test_a_target_without_news_goes_on_and_one_taken_away_ends(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.scraper.values.clear()
        world.scraper.waiting = frozenset({"probe/a"})
        for _ in range(6):  # its interval is twice that of the passes
            world.scraper.values["probe/a"] = {"disk_used": 0.95, "latency": 1}
            await world.passes(1)
            del world.scraper.values["probe/a"]
            await world.passes(1)
            assert set(world.cycle.stats.scrapes) == {"probe/a"}
            assert world.states() == ["Full firing"], "a pass without news of it ended its series"
        with said("target_warns", "target_well"):
            for warnings in ((), ("refused",), ("refused",), ()):
                world.scraper.warnings["probe/a"] = warnings
                world.scraper.values["probe/a"] = {"disk_used": 0.95, "latency": 1}
                await world.passes(1)
        del world.scraper.values["probe/a"]
        world.scraper.waiting = frozenset()
        await world.passes(1)
        assert set(world.cycle.stats.scrapes) == set()
        assert world.states() == ["Full no_data"]

    run(tmp_path, steps)


def test_a_collector_is_replaced_between_two_passes(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        await world.passes(0.5)
        world.scraper.takes = 4
        await world.passes(0.6)
        fresh = FakeScraper(disk={"disk_used": 0.1})
        began = world.now()
        await world.cycle.replace(fresh, INTERVAL)  # type: ignore[arg-type]
        assert world.now() - began > 1_000, "the pass that was under way was not waited for"
        assert fresh.asked == []
        await world.passes(1)
        assert len(fresh.asked) == 1

    run(tmp_path, steps)


def test_a_new_interval_begins_at_once(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        await world.cycle.replace(world.scraper, 3_600_000)  # type: ignore[arg-type]
        await asyncio.sleep(60)
        asked = len(world.scraper.asked)
        await asyncio.sleep(600)
        assert len(world.scraper.asked) == asked
        await world.cycle.replace(world.scraper, 1_000)  # type: ignore[arg-type]
        await asyncio.sleep(10.5)
        assert len(world.scraper.asked) >= asked + 10

    run(tmp_path, steps)


def test_a_rule_that_fails_is_one_line_and_its_recovery_another(tmp_path: Path) -> None:
    broken = "- {alert: Twice, expr: 'a * on(x) b > 0'}"

    async def steps(world: World) -> None:
        world.engine.load([rules(broken)])
        world.scraper.values["disk"] = {"a": 1.0, "b": 1.0}
        await world.passes(2)
        series = FakeScraper(disk={"a": 1.0, "b": 1.0})
        who = [labels(instance="web-1:9100", job="node", y=str(n)) for n in range(2)]

        async def doubled(at: int, now: Callable[[], int] | None = None) -> list[Scrape]:
            (scrape,) = await FakeScraper.cycle(series, at)
            more = tuple(Sample(name, each, 1.0) for name in "ab" for each in who)
            return [Scrape(scrape.source, scrape.target, at, more, ok=True, error="", warnings=(), duration_s=0.0)]

        series.cycle = doubled  # type: ignore[method-assign]
        with said("rule_failed"):
            await world.cycle.replace(series, INTERVAL)  # type: ignore[arg-type]
            await world.passes(5)
        assert world.cycle.stats.rule_failures >= 4
        with said("rule_recovered"):
            await world.cycle.replace(world.scraper, INTERVAL)  # type: ignore[arg-type]
            await world.passes(3)
        assert world.cycle.stats.rules_failing == {}

    run(tmp_path, steps)


def test_a_full_storage_is_one_line_and_its_end_another(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        await world.passes(1.5)
        held = world.series.stats().series
        world.series.budget(held, 1_000_000)
        world.set(more=1.0)
        with said("storage_full"):
            await world.passes(3)
        assert world.cycle.stats.storage_full
        assert world.cycle.stats.refused_samples == 3
        world.series.budget(held + 1, 1_000_000)
        with said("storage_has_room"):
            await world.passes(2)
        assert not world.cycle.stats.storage_full
        assert world.cycle.stats.refused_samples == 3

    run(tmp_path, steps)


def test_a_state_that_is_restored_and_not_wanted_is_removed(tmp_path: Path) -> None:
    async def main(loop: virtual.VirtualLoop) -> None:
        world = World(loop, tmp_path)
        row = AlertRow(
            file="gone.yml", group="g", rule="Gone", rule_labels=(), nth=0, labels=(("alertname", "Gone"),), element=(),
            state=AlertState.PENDING, since=world.now(), evaluated_at=world.now(), value="1", annotations={},
        )  # fmt: skip
        await world.begin([row])
        await world.passes(2)
        assert [key for change in world.commits for key in change.alert_deletes]
        await world.end()

    virtual.run(main)


def test_a_thousand_faults_leave_nothing_behind_in_memory(tmp_path: Path) -> None:
    """Every pass another series fires and recovers; what the parts keep stays bounded once it is pruned."""

    async def steps(world: World) -> None:
        def sizes() -> tuple[int, ...]:
            book, ledger = world.book, world.delivery.ledger
            return (
                len(book.ended), len(book._alarms), len(book._owed), len(list(ledger)), len(ledger._finished),
                len(ledger._unwritten), len(ledger._wished), len(world.cycle._kept),
            )  # fmt: skip

        seen = []
        for number in range(300):
            world.set(disk_used=0.95 if number % 12 < 3 else 0.5)
            await world.passes(1)
            if number % 60 == 59:
                world.book.forget(world.now())
                world.delivery.forget({each.id for each in (*world.book.live.values(), *world.book.ended.values())})
                await world.store.prune(world.now())
                seen.append((sizes(), world.series.stats().series))
        assert len(world.backend.tickets) >= 1
        assert max(max(each) for each, _ in seen) <= 3, seen
        assert len({count for _, count in seen[1:]}) == 1, seen

    run(tmp_path, steps)


def test_rules_that_want_more_than_fits_are_told_before_it_is_full(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.series.budget(1_000, 50)
        with said("rules_want_more_than_fits"):
            await world.passes(4)
        assert world.cycle.stats.samples_wanted > 50
        assert not world.cycle.stats.storage_full

    run(tmp_path, steps)


def test_a_sum_is_held_while_one_of_the_collectors_behind_it_fails(tmp_path: Path) -> None:
    """And when that is no longer configured, what the others give counts."""

    async def steps(world: World) -> None:
        world.engine.load([rules("- {alert: Many, expr: 'sum({__name__=~\"errors|faults\"}) > 20'}")])
        world.scraper.values = {"one": {"errors": 20}, "two": {"faults": 1}}
        await world.passes(3)
        assert world.states() == ["Many firing"]
        world.scraper.values["two"] = "it hangs"
        await world.passes(60)
        assert world.states() == ["Many firing"]
        assert {alert.reason for alert in world.engine.alerts()} == {"data_partial"}
        del world.scraper.values["two"]
        await world.passes(2)
        assert world.states() == []

    run(tmp_path, steps)


def test_before_a_slow_target_was_measured_nothing_is_summed_up(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.engine.load([rules("- {alert: Few, expr: count(up) < 9}\n- {alert: High, expr: disk_used > 0.1}")])
        world.scraper.values["disk"] = {"disk_used": 0.5, "up": 1}
        world.scraper.waiting = frozenset({"target"})
        world.cycle.stats.scrapes.clear()
        world.engine._cycles = 0
        await world.passes(3)
        assert world.states() == ["High firing"]
        assert [(each.rule, each.reason.value) for each in world.engine.waiting()] == [("Few", "everything")]
        world.scraper.waiting = frozenset()
        await world.passes(1)
        assert world.states() == ["Few firing", "High firing"]

    run(tmp_path, steps)
