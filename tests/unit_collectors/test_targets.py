"""The frame for targets, under virtual time: spread, intervals, bounds, and what comes of a target that is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from fakes.virtual import VirtualLoop, run

from collectors._targets import spread
from collectors.api import Notice, Sample, Scrape, Scraper, Target, TargetScheduler, labels

Measure = Callable[[], Coroutine[Any, Any, Iterable[Sample | Notice]]]
FAILED = (Sample("probe_success", (), 0.0),)


def target(name: str, measure: Measure, *, interval: float = 30.0, timeout: float = 10.0) -> Target:
    who = {"instance": name, "job": "blackbox", "module": "m", "empty": ""}
    return Target("probe", name, who, interval, timeout, measure, FAILED)


def gives(value: float = 1.0, takes: float = 0.0, log: list[float] | None = None) -> Measure:
    async def measure() -> list[Sample | Notice]:
        if log is not None:
            log.append(asyncio.get_running_loop().time())
        await asyncio.sleep(takes)
        return [Sample("probe_success", (), value)]

    return measure


def values(scrape: Scrape) -> dict[str, float]:
    return {sample.name: sample.value for sample in scrape.samples}


def test_targets_start_spread_over_their_interval_and_then_keep_it() -> None:
    logs: dict[str, list[float]] = {f"t{number}": [] for number in range(200)}

    async def main(loop: VirtualLoop) -> None:
        await asyncio.sleep(7)  # some time after the clock began
        scheduler = TargetScheduler([target(name, gives(log=log)) for name, log in logs.items()], limit=10)
        scheduler.take(0)
        await asyncio.sleep(90.01)
        await scheduler.aclose()

    run(main)
    assert all(len(log) in (3, 4) for log in logs.values())
    steps = {round(later - earlier, 6) for log in logs.values() for earlier, later in pairwise(log)}
    assert steps == {30.0}
    starts = sorted(log[0] for log in logs.values())
    assert starts[0] >= 7
    assert max(later - earlier for earlier, later in pairwise(starts)) < 2, "they start in a heap"
    # The grid is the clock's, not that of the start: a reload neither delays a target nor measures it twice.
    assert all(abs(log[0] % 30 - 30 * spread(f"probe/{name}")) < 1e-6 for name, log in logs.items())


def test_a_result_is_published_once_with_the_labels_of_its_target() -> None:
    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", gives())], limit=1)
        assert scheduler.take(1) == []
        await asyncio.sleep(31)
        began = 30 * spread("probe/a")
        (scrape,) = scheduler.take(90_000, 91_000)  # a cycle that runs a second late
        assert scheduler.take(100_000) == []
        assert scrape.source == "probe/a"
        assert scrape.target == labels(instance="a", job="blackbox", module="m")
        assert scrape.at == pytest.approx(91_000 - (31 - began) * 1000, abs=1), "not when its measuring began"
        assert {sample.labels for sample in scrape.samples} == {scrape.target}
        assert values(scrape) == {
            "probe_success": 1, "up": 1, "scrape_duration_seconds": 0, "scrape_samples_scraped": 1,
        }  # fmt: skip
        await scheduler.aclose()

    run(main)


def test_a_slow_target_delays_no_other_and_its_missed_starts_are_counted() -> None:
    quick: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        slow = target("slow", gives(takes=70), timeout=100)
        scheduler = TargetScheduler([slow, target("quick", gives(log=quick))], limit=2)
        scheduler.take(0)
        await asyncio.sleep(125)
        assert len(quick) >= 4
        assert scheduler.stats.skipped in (2, 3)
        await scheduler.aclose()

    run(main)


def test_no_more_than_the_limit_at_a_time() -> None:
    now = most = 0

    async def measure() -> list[Sample | Notice]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.5)
        now -= 1
        return []

    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target(str(number), measure) for number in range(30)], limit=4)
        began = loop.time()
        await scheduler.once()
        assert loop.time() - began == pytest.approx(4), "4 at a time need 4 seconds for 30"
        assert len(scheduler.take(0)) == 30
        assert scheduler.stats.runs == 30
        assert scheduler.running == scheduler.waiting == 0

    run(main)
    assert most == 4


@pytest.mark.parametrize(
    ("measure", "error", "overruns"),
    [
        (gives(takes=50), "did not end within 10 s and was stopped", 1),
        (None, "ZeroDivisionError: division by zero", 0),
    ],
)
def test_what_goes_wrong_is_a_failed_scrape_with_the_series_rules_need(
    measure: Measure | None, error: str, overruns: int
) -> None:
    async def broken() -> list[Sample | Notice]:
        return [Sample("x", (), 1 / 0)]

    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", measure or broken)], limit=1)
        await scheduler.once()
        (scrape,) = scheduler.take(5)
        assert not scrape.ok
        assert scrape.error == error
        assert values(scrape)["up"] == 0
        assert values(scrape)["probe_success"] == 0
        assert scheduler.stats.overruns == overruns

    run(main)


def test_closing_stops_what_runs() -> None:
    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target(str(n), gives(takes=9)) for n in range(5)], limit=2)
        scheduler.take(0)
        await asyncio.sleep(35)
        await scheduler.aclose()
        assert scheduler.running == 0
        before = scheduler.stats.runs
        await asyncio.sleep(100)
        assert scheduler.stats.runs == before, "it goes on after its end"

    run(main)


def test_time_in_which_the_process_stood_still_is_past() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", gives(log=log))], limit=1)
        scheduler.take(0)
        await asyncio.sleep(40)
        loop._jump.clock += 3_600
        await asyncio.sleep(61)
        await scheduler.aclose()

    run(main)
    assert len(log) <= 6


async def test_the_frame_publishes_what_there_is_and_knows_what_there_will_be() -> None:
    scheduler = TargetScheduler([target("a", gives())], limit=1)
    scraper = Scraper({}, job="node", instance="host", targets=scheduler)
    assert await scraper.cycle(1) == []
    assert scraper.sources == {"probe/a"}
    await scheduler.once()
    (scrape,) = await scraper.cycle(2)
    assert scrape.source == "probe/a"
    await scraper.aclose()


def test_no_result_is_later_than_the_cycle_that_publishes_it() -> None:
    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", gives())], limit=1)
        scheduler.take(0)
        await asyncio.sleep(30 * spread("probe/a") + 0.5)
        (scrape,) = scheduler.take(1_000, 3_000)  # measured 0.5 s ago, but the cycle was due 2 s ago
        assert scrape.at == 1_000
        await scheduler.aclose()

    run(main)


def test_of_several_targets_about_one_instance_only_one_has_the_series_of_the_frame() -> None:
    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([msgspec.structs.replace(target("a", gives()), frame=False)], limit=1)
        await scheduler.once()
        (scrape,) = scheduler.take(1)
        assert values(scrape) == {"probe_success": 1}

    run(main)


def test_a_nudge_measures_at_once_but_not_in_a_flood() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", gives(log=log))], limit=1)
        scheduler.take(0)
        first = 30 * spread("probe/a")
        await asyncio.sleep(first + 7)
        for _ in range(1000):
            assert scheduler.nudge("probe/a")
        assert not scheduler.nudge("probe/b")
        await asyncio.sleep(0.1)
        assert [moment - first for moment in log] == pytest.approx([0, 7])
        scheduler.nudge("probe/a")
        scheduler.nudge("probe/a")
        await asyncio.sleep(30)
        assert [moment - first for moment in log] == pytest.approx([0, 7, 12, 30]), "later ones wait; the grid stays"
        await scheduler.aclose()

    run(main)


def test_what_costs_much_is_nudged_less_often() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        costly = msgspec.structs.replace(target("a", gives(log=log), interval=240.0), nudge_gap=60.0)
        scheduler = TargetScheduler([costly], limit=1)
        scheduler.take(0)
        begin = loop.time()
        for _ in range(100):
            scheduler.nudge("probe/a")
            await asyncio.sleep(1)
        assert [moment - begin for moment in log if moment - begin < 100][:2] == pytest.approx([0, 60])
        await scheduler.aclose()

    run(main)


def test_a_nudge_before_the_first_cycle_is_not_forgotten() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", gives(log=log))], limit=1)
        await asyncio.sleep(30 * spread("probe/a") + 10)
        scheduler.nudge("probe/a")
        assert not log
        begin = loop.time()
        scheduler.take(0)
        await asyncio.sleep(25)
        assert [moment - begin for moment in log] == pytest.approx([0, 20]), "at once, and then on the grid"
        await scheduler.aclose()

    run(main)


def test_a_nudge_does_not_wait_for_the_first_measurement_that_is_set_for_later() -> None:
    logs: dict[str, list[float]] = {f"t{number}": [] for number in range(20)}

    async def main(loop: VirtualLoop) -> None:
        targets = [target(name, gives(log=log), interval=240.0) for name, log in logs.items()]
        scheduler = TargetScheduler(targets, limit=20)
        scheduler.take(0)
        begin = loop.time()
        for name in logs:
            scheduler.nudge(f"probe/{name}")
        await asyncio.sleep(1)
        assert all(log and log[0] - begin < 0.1 for log in logs.values())
        await scheduler.aclose()

    run(main)


def test_a_nudge_while_it_is_measured_measures_again() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target("a", gives(takes=7, log=log), timeout=9)], limit=1)
        scheduler.take(0)
        first = 30 * spread("probe/a")
        await asyncio.sleep(first + 1)
        scheduler.nudge("probe/a")
        await asyncio.sleep(20)
        assert [moment - first for moment in log] == pytest.approx([0, 7])
        await scheduler.aclose()

    run(main)


def test_slow_targets_leave_half_of_the_places_to_others() -> None:
    quick: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        slow = [target(f"slow{n}", gives(takes=25), timeout=28) for n in range(20)]
        scheduler = TargetScheduler([*slow, target("quick", gives(log=quick))], limit=4)
        scheduler.take(0)
        await asyncio.sleep(30 * 60 + 0.1)  # every slow one has been measured by then, and is known as slow
        before = len(quick)
        await asyncio.sleep(30 * 30)
        assert len(quick) - before == 30
        late = [(moment - 30 * spread("probe/quick")) % 30 for moment in quick[before:]]
        assert late == pytest.approx([0] * 30, abs=1e-6)
        await scheduler.aclose()

    run(main)


def test_hung_targets_delay_others_by_no_more_than_a_second_from_the_first_round_on() -> None:
    logs: dict[str, list[float]] = {f"quick{number}": [] for number in range(20)}
    most = 0

    async def main(loop: VirtualLoop) -> None:
        nonlocal most
        hung = [target(f"hung{n}", gives(takes=25), timeout=9.5) for n in range(300)]
        quick = [target(name, gives(log=log), interval=5.0) for name, log in logs.items()]
        scheduler = TargetScheduler([*hung, *quick], limit=50)
        scheduler.take(0)
        for _ in range(600):
            await asyncio.sleep(0.1)
            most = max(most, scheduler.running)
        await scheduler.aclose()
        assert scheduler.running == 0

    run(main)
    late = [(moment - 5 * spread(f"probe/{name}")) % 5 for name, log in logs.items() for moment in log]
    assert len(late) == 20 * 12
    assert max(late) <= 1.0
    assert 100 < most <= 50 + 3 * 50


def test_what_goes_on_beyond_the_limit_is_bounded() -> None:
    async def main(loop: VirtualLoop) -> None:
        scheduler = TargetScheduler([target(f"hung{n}", gives(takes=50)) for n in range(30)], limit=2)
        once = loop.create_task(scheduler.once())
        await asyncio.sleep(5)
        assert scheduler.running == 2 + 3 * 2
        assert scheduler.waiting == 22
        await once
        assert scheduler.running == scheduler.waiting == 0
        assert scheduler.stats.overruns == 30

    run(main)


@pytest.mark.parametrize("takes", [0.0, 4.0])
def test_a_measurement_that_a_reload_interrupts_is_made_again(takes: float) -> None:
    """Else a table that is read every four minutes has a gap of eight, which rules do not look across."""
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        seldom = target("seldom", gives(takes=takes, log=log), interval=240.0)
        old = TargetScheduler([seldom], limit=1)
        old.take(0)
        first = 240 * spread("probe/seldom")
        await asyncio.sleep(first + 242)  # measured or being measured, and no cycle since
        before = len(log)
        between = TargetScheduler([seldom], limit=1)  # two reloads in a row
        between.inherit(old)
        between.take(0)
        await old.aclose()
        new = TargetScheduler([seldom], limit=1)
        new.inherit(between)
        new.take(0)
        await between.aclose()
        await asyncio.sleep(10)
        assert len(log) == before + 1
        (scrape,) = new.take(1)
        assert values(scrape)["probe_success"] == 1
        third = TargetScheduler([seldom], limit=1)
        third.inherit(new)
        third.take(0)
        await new.aclose()
        await asyncio.sleep(100)
        assert len(log) == before + 1, "what was taken is not measured again"
        await third.aclose()

    run(main)


def test_what_was_not_measured_before_a_reload_is_measured_soon_after_it() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        seldom = target("seldom", gives(log=log), interval=1000)
        old = TargetScheduler([seldom], limit=1)
        old.take(0)
        await asyncio.sleep(30 * spread("probe/seldom"))
        new = TargetScheduler([seldom], limit=1)
        new.inherit(old)
        new.take(0)
        await old.aclose()
        await asyncio.sleep(61)
        assert len(log) == 1
        await new.aclose()

    run(main)


def test_what_is_measured_seldom_is_measured_soon_after_a_start_but_not_after_a_reload() -> None:
    log: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        seldom = target("seldom", gives(log=log), interval=1000)
        scheduler = TargetScheduler([seldom], limit=1)
        scheduler.take(0)
        await asyncio.sleep(2000)
        share = spread("probe/seldom")
        assert log == pytest.approx([60 * share, 1000 * share, 1000 * share + 1000])
        scheduler.take(1)
        again = TargetScheduler([seldom], limit=1)
        again.inherit(scheduler)
        again.take(0)
        await scheduler.aclose()
        await asyncio.sleep(1000)
        assert log[3:] == pytest.approx([1000 * share + 2000])
        await again.aclose()

    run(main)
