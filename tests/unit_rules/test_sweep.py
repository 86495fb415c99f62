"""Sweeping in parts: the same is forgotten as at once, whatever comes in between, and no part is long."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.origin import RawSample
from rules.series import SeriesWindow
from rules.sweep import Sweep
from rules.timeline import Series, Timeline

MINUTE = 60_000
CYCLES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sets(st.integers(0, 5)), st.booleans(), st.integers(1, 4 * MINUTE)),
    min_size=1,
    max_size=40,
)


def samples(source: str, numbers: set[int], value: int) -> list[RawSample]:
    return [(f"m{number % 3}", (("n", f"{source}{number}"),), float(value), None) for number in sorted(numbers)]


def held(window: SeriesWindow, since: int) -> dict[object, list[tuple[int, str]]]:
    found = {}
    for series in window.select(()):
        read = series.window(since, 1 << 60)
        if read is not None:
            found[series.name, series.labels] = list(zip(read[0], map(str, read[1]), strict=True))
    return found


@settings(max_examples=150, deadline=None)
@given(CYCLES)
def test_parts_forget_what_is_old_and_nothing_else(cycles: list[tuple[str, set[int], bool, int]]) -> None:
    swept, kept = SeriesWindow(), SeriesWindow()
    swept.retain({"m1": 3 * MINUTE}, 2 * MINUTE)
    kept.retain({}, 1 << 50)
    at = 0
    for value, (source, numbers, failed, pause) in enumerate(cycles):
        at += pause
        for window in (swept, kept):
            window.ingest(source, samples(source, numbers, value), at, failed=failed)
        assert held(swept, at - 2 * MINUTE) == held(kept, at - 2 * MINUTE)
    swept.sweep(at)
    assert held(swept, at - 2 * MINUTE) == held(kept, at - 2 * MINUTE)
    assert swept.stats().samples == sum(len(series.values) for series in swept.select(()))
    for series in swept.select(()):
        assert series.values
        assert series.lost or series.timeline.times[series.stop - 1 - series.timeline.base] > at - 3 * MINUTE


def test_one_call_sweeps_a_part_of_many_series() -> None:
    window = SeriesWindow(max_series=200_000)
    window.retain({}, MINUTE)
    many: list[RawSample] = [("m", (("n", f"{number}"),), 1.0, None) for number in range(20_000)]
    for minute in range(3):
        window.ingest("many", many, minute * MINUTE)
    before = window.stats().samples
    forgotten = []
    for second in range(1, 80):
        window.ingest("other", [("up", (), 1.0, None)], 2 * MINUTE + 1_000 * second)
        forgotten.append(before + 1 - window.stats().samples)
        before = window.stats().samples
    assert max(forgotten) <= 2_000
    assert window.stats().samples <= 20_000 + 80


def test_a_series_that_comes_back_in_the_middle_of_a_sweep_stays() -> None:
    timeline = Timeline(shared=True)
    series = Series("m", (), timeline, 0)
    series.put(timeline.push(0), 1.0)
    sweep = Sweep([series], [timeline], {}, MINUTE, 5 * MINUTE)
    assert sweep.advance(1) == 0
    series.put(timeline.push(5 * MINUTE), 2.0)
    assert sweep.emptied() == ([], 1)
    assert series.window(0, 9 * MINUTE) == ([5 * MINUTE], [2.0])


def test_a_source_that_begins_in_the_middle_of_a_sweep_keeps_its_times() -> None:
    old, new = Timeline(shared=True), Timeline(shared=True)
    series = Series("m", (), old, 0)
    series.put(old.push(0), 1.0)
    sweep = Sweep([series], [old, new], {}, MINUTE, 5 * MINUTE)
    later = Series("n", (), new, 0)
    later.put(new.push(5 * MINUTE), 1.0)
    later.put(new.push(6 * MINUTE), 2.0)
    sweep.advance(1)
    sweep.emptied()
    assert later.window(0, 9 * MINUTE) == ([5 * MINUTE, 6 * MINUTE], [1.0, 2.0])


def test_times_that_move_end_the_sweep_under_way() -> None:
    window = SeriesWindow(max_series=200_000)
    window.retain({}, MINUTE)
    many: list[RawSample] = [("m", (("n", f"{number}"),), 1.0, None) for number in range(5_000)]
    window.ingest("many", many, 10 * MINUTE)
    window.ingest("many", many, 11 * MINUTE)
    window.rebase(-8 * MINUTE)
    for second in range(20):
        window.ingest("other", [("up", (), 1.0, None)], 3 * MINUTE + second)
    assert window.stats().samples >= 10_000
