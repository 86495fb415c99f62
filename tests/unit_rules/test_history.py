"""The past over a restart: what goes into records comes out, and damage is always noticed."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.history import DamagedHistory, Part, Stretch, pack, records, unpack
from rules.model import Labels
from rules.promql.ast import Matcher, MatchOp
from rules.series import SeriesWindow
from rules.staleness import STALE

DAY = 86_400_000
I1: Labels = (("i", "1"),)
I2: Labels = (("i", "2"),)
DEEP = {"deep": DAY}


def window() -> SeriesWindow:
    made = SeriesWindow()
    made.retain(DEEP, 600_000)
    return made


def held(source: SeriesWindow, name: str = "deep") -> dict[Labels, list[tuple[int, float]]]:
    found = {}
    for series in source.select([Matcher(MatchOp.EQ, "__name__", name)]):
        times, values = series.window(-(2**62), 2**62) or ((), ())
        found[series.labels] = list(zip(times, values, strict=True))
    return found


def through(old: SeriesWindow, now: int, since: dict[object, int] | None = None) -> SeriesWindow:
    """A new window with what the old one holds of ``deep``, by way of bytes."""
    data = b"".join(pack(stretch) for stretch in old.past({"deep"}, since or {}))
    fresh = window()
    for record in records(data, 0):
        fresh.take_up(unpack(record), now)
    return fresh


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.floats(width=64), st.booleans()), min_size=1, max_size=30),
    st.text(max_size=5),
)
def test_what_is_packed_comes_out_to_the_last_bit(rows: list[tuple[int, float, bool]], source: str) -> None:
    times, at = array("q"), -5_000
    for step, _, _ in rows:
        at += step
        times.append(at)
    values = array("d", [STALE if stale else value for _, value, stale in rows])
    part = Part("né.tô", (("a", "ü"), ("b", "")), 0, values)
    stretch = Stretch(source, times, [part, part] if source else [part])
    (record,) = records(pack(stretch), 0)
    back = unpack(record)
    assert (back.source, back.times, back.key, record.newest) == (source, times, stretch.key, times[-1])
    assert [each.values.tobytes() for each in back.parts] == [each.values.tobytes() for each in stretch.parts]
    assert back.parts[0]._replace(values=values) == part


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    data = pack(Stretch("s", array("q", [1, 2]), [Part("deep", I1, 0, array("d", [1.0, 2.0]))]))
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << (place % 8)
        with pytest.raises(DamagedHistory):
            list(records(bytes(broken), 0))
        if place:
            with pytest.raises(DamagedHistory):
                list(records(data[:place], 0))


def test_a_whole_record_that_says_what_cannot_be_is_refused() -> None:
    one = Part("deep", I1, 0, array("d", [1.0]))
    for stretch in (
        Stretch("s", array("q", [2, 1]), [one]),
        Stretch("s", array("q", [1]), [one._replace(start=1)]),
        Stretch("s", array("q", [1]), [one._replace(start=-1)]),
        Stretch("", array("q", [1]), [one, one]),
    ):
        (record,) = records(pack(stretch), 0)
        with pytest.raises(DamagedHistory):
            unpack(record)


def test_only_what_is_asked_for_is_given_and_only_what_is_new() -> None:
    old = window()
    old.ingest("s", [("deep", I1, 1.0, None), ("flat", I1, 1.0, None)], 1_000)
    old.ingest("s", [("deep", I1, 2.0, None), ("flat", I1, 1.0, None)], 2_000)
    (stretch,) = old.past({"deep"}, {})
    assert [part.name for part in stretch.parts] == ["deep"]
    old.ingest("s", [("deep", I1, 3.0, None), ("deep", I2, 9.0, None)], 3_000)
    (newer,) = old.past({"deep"}, {stretch.key: stretch.times[-1]})
    assert newer.times.tolist() == [3_000]
    assert [(part.labels, part.values.tolist()) for part in newer.parts] == [(I1, [3.0]), (I2, [9.0])]
    assert list(old.past({"deep"}, {stretch.key: 3_000})) == []


def test_series_go_on_where_their_source_gives_them_again_and_end_where_it_does_not() -> None:
    old = window()
    for at in (1_000, 2_000, 3_000):
        old.ingest("s", [("deep", I1, float(at), None), ("deep", I2, 7.0, None)], at)
    fresh = through(old, 60_000)
    assert held(fresh) == held(old)
    fresh.ingest("s", [("new", (), 1.0, None), ("deep", I1, 60.0, None)], 60_000)
    fresh.end_unclaimed(60_000)
    assert held(fresh)[I1] == [*held(old)[I1], (60_000, 60.0)]
    i2 = next(series for series in fresh.select([Matcher(MatchOp.EQ, "i", "2")]))
    assert i2.latest(0, 60_000) is None
    assert i2.latest(0, 59_999) == (3_000, 7.0)
    steady = fresh.ingest("s", [("new", (), 1.0, None), ("deep", I1, 61.0, None)], 61_000)
    assert (steady.added, steady.new_series, steady.out_of_order) == (2, 0, 0)


def test_what_no_source_gives_any_more_ends_with_the_first_cycle() -> None:
    old = window()
    old.ingest("gone", [("deep", I1, 1.0, None)], 1_000)
    fresh = through(old, 2_000)
    fresh.ingest("s", [("x", (), 1.0, None)], 2_000)
    fresh.end_unclaimed(2_000)
    (series,) = fresh.select([Matcher(MatchOp.EQ, "__name__", "deep")])
    assert series.latest(0, 2_000) is None
    fresh.end_unclaimed(3_000)
    assert len(series.values) == 2


def test_what_is_too_old_too_new_or_there_already_is_left_out() -> None:
    old = window()
    old.retain({"deep": 9 * DAY}, 600_000)
    for at in (1_000, DAY, 2 * DAY):
        old.ingest("s", [("deep", I1, float(at), None)], at)
    stretches = list(old.past({"deep"}, {}))
    fresh = window()
    assert fresh.take_up(stretches[0], DAY + 1_000) == 1
    assert held(fresh) == {I1: [(DAY, float(DAY))]}
    assert fresh.take_up(stretches[0], DAY + 1_000) == 0
    assert fresh.take_up(stretches[0], 2 * DAY) == 1


def test_a_series_that_began_or_ended_in_between_keeps_its_times() -> None:
    old = window()
    old.ingest("s", [("deep", I1, 1.0, None)], 1_000)
    old.ingest("s", [("deep", I1, 2.0, None), ("deep", I2, 5.0, None)], 2_000)
    old.ingest("s", [("deep", I2, math.nan, None)], 3_000)
    old.append("deep", (("own", "times"),), 2_500, 8.0)
    fresh = through(old, 4_000)
    assert held(fresh)[I1] == [(1_000, 1.0), (2_000, 2.0)]
    assert [time for time, _ in held(fresh)[I2]] == [2_000, 3_000]
    assert held(fresh)[(("own", "times"),)] == [(2_500, 8.0)]
    assert fresh.stats().samples == old.stats().samples


def test_stretches_append_up_to_the_same_past() -> None:
    old, pieces, since = window(), [], {}
    for at in range(1_000, 20_000, 1_000):
        old.ingest("s", [("deep", I1, float(at), None), ("deep", I2, 1.0, None)][: 1 + (at // 4_000) % 2], at)
        if at % 3_000 == 0:
            for stretch in old.past({"deep"}, since):
                pieces.append(pack(stretch))
                since[stretch.key] = stretch.times[-1]
    pieces += [pack(stretch) for stretch in old.past({"deep"}, since)]
    fresh = window()
    for record in records(b"".join(pieces), 0):
        fresh.take_up(unpack(record), 30_000)
    assert held(fresh) == held(old)


def test_a_full_window_takes_up_what_has_room() -> None:
    old = window()
    for at in range(1_000, 11_000, 1_000):
        old.ingest("s", [("deep", I1, 1.0, None), ("deep", I2, 1.0, None)], at)
    (stretch,) = old.past({"deep"}, {})
    small = SeriesWindow(max_samples=15)
    small.retain(DEEP, 600_000)
    assert small.take_up(stretch, 20_000) == 10
    assert small.stats().samples == 10
