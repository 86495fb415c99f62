"""The series window: cycles, stale markers, bounds, retention, time jumps."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.model import Labels
from rules.origin import RawSample
from rules.promql.ast import Matcher, MatchOp
from rules.promql.compile import compile_expr
from rules.promql.parse import parse
from rules.promql.values import Matrix, Vector
from rules.series import Ingest, SeriesWindow
from rules.staleness import STALE, is_stale

A: Labels = (("a", "1"),)
B: Labels = (("a", "2"),)


def instant(window: SeriesWindow, expr: str, at: int) -> list[tuple[str, Labels, float]]:
    result = compile_expr(parse(expr)).instant(window, at)
    assert isinstance(result, Vector)
    return [tuple(element) for element in result.elements]


def points(window: SeriesWindow, expr: str, at: int) -> list[tuple[int, float]]:
    result = compile_expr(parse(expr)).instant(window, at)
    assert isinstance(result, Matrix)
    return [point for line in result.lines for point in zip(line.times, line.values, strict=True)]


def sample(name: str, labels: Labels, value: float, time: int | None = None) -> RawSample:
    return (name, labels, value, time)


def test_a_cycle_is_stored_and_counted() -> None:
    window = SeriesWindow()
    first = window.ingest("s", [sample("m", A, 1), sample("m", B, 2)], 1000)
    second = window.ingest("s", [sample("m", A, 3), sample("m", B, 4)], 2000)
    assert first == Ingest(added=2, new_series=2)
    assert second == Ingest(added=2)
    assert instant(window, "m", 2000) == [("m", A, 3.0), ("m", B, 4.0)]
    assert points(window, 'm{a="1"}[5s]', 2000) == [(1000, 1.0), (2000, 3.0)]


def test_a_missing_series_ends_at_once_and_may_come_back() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1), sample("m", B, 2)], 1000)
    window.ingest("s", [sample("m", B, 3)], 2000)
    window.ingest("s", [sample("m", B, 4)], 3000)
    assert instant(window, "m", 1999) == [("m", A, 1.0), ("m", B, 2.0)]
    assert instant(window, "m", 2000) == [("m", B, 3.0)]
    back = window.ingest("s", [sample("m", A, 5), sample("m", B, 6)], 4000)
    assert back == Ingest(added=2)
    assert instant(window, "m", 4000) == [("m", A, 5.0), ("m", B, 6.0)]
    assert points(window, 'm{a="1"}[10s]', 4000) == [(1000, 1.0), (4000, 5.0)]
    assert instant(window, 'count_over_time(m{a="1"}[2s])', 3000) == []


def test_order_may_change_and_series_may_be_added_between() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1), sample("m", B, 2)], 1000)
    window.ingest("s", [sample("m", B, 3), sample("n", A, 9), sample("m", A, 4)], 2000)
    window.ingest("s", [sample("m", B, 5), sample("n", A, 10), sample("m", A, 6)], 3000)
    assert sorted(instant(window, '{a!=""}', 3000)) == [("m", A, 6.0), ("m", B, 5.0), ("n", A, 10.0)]


def test_a_failed_source_ends_all_its_series_and_no_other() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1)], 1000)
    window.ingest("t", [sample("m", B, 2)], 1000)
    window.stale("s", 2000)
    window.stale("unknown", 2000)
    assert instant(window, "m", 2000) == [("m", B, 2.0)]
    window.ingest("s", [sample("m", A, 3)], 3000)
    assert instant(window, "m", 3000) == [("m", A, 3.0), ("m", B, 2.0)]


def test_old_cycles_and_second_values_are_dropped_and_counted() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1)], 1000)
    assert window.ingest("s", [sample("m", A, 2), sample("m", B, 2)], 1000) == Ingest(out_of_order=2)
    assert window.ingest("s", [sample("m", A, 2)], 999) == Ingest(out_of_order=1)
    assert window.ingest("s", [sample("m", A, 3), sample("m", A, 4)], 2000) == Ingest(added=1, out_of_order=1)
    assert instant(window, "m", 2000) == [("m", A, 3.0)]


def test_target_labels_and_clashes() -> None:
    window = SeriesWindow()
    target = (("instance", "h"), ("job", "node"))
    own = (("exported_job", "y"), ("instance", "x"), ("job", "z"))
    window.ingest("s", [sample("m", own, 1)], 1000, target)
    window.ingest("t", [sample("n", own, 1)], 1000, target, honor_labels=True)
    clashed = (
        ("exported_exported_job", "z"),
        ("exported_instance", "x"),
        ("exported_job", "y"),
        ("instance", "h"),
        ("job", "node"),
    )
    assert instant(window, "m", 1000) == [("m", clashed, 1.0)]
    assert instant(window, "n", 1000) == [("n", own, 1.0)]


def test_new_target_labels_make_new_series_and_end_the_old() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", (), 1)], 1000, (("job", "a"),))
    result = window.ingest("s", [sample("m", (), 2)], 2000, (("job", "b"),))
    assert result == Ingest(added=1, new_series=1)
    assert instant(window, "m", 2000) == [("m", (("job", "b"),), 2.0)]


def test_empty_label_values_are_no_labels() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", (("a", ""), ("b", "1")), 1)], 1000)
    assert instant(window, 'm{a=""}', 1000) == [("m", (("b", "1"),), 1.0)]


def test_samples_with_their_own_time_are_not_ended() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1, 500), sample("n", A, 1)], 1000)
    assert window.ingest("s", [sample("m", A, 2, 500)], 2000) == Ingest(out_of_order=1)
    window.ingest("s", [], 3000)
    assert points(window, "m[10s]", 3000) == [(500, 1.0)]
    assert instant(window, "m", 3000) == [("m", A, 1.0)]
    assert instant(window, "n", 3000) == []


def test_one_series_from_two_sources() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1)], 1000)
    window.ingest("t", [sample("m", A, 2)], 1500)
    window.ingest("s", [sample("m", A, 3)], 2000)
    assert window.append("m", A, 2500, 4.0)
    assert not window.append("m", A, 2500, 5.0)
    assert points(window, "m[10s]", 3000) == [(1000, 1.0), (1500, 2.0), (2000, 3.0), (2500, 4.0)]
    window.ingest("s", [], 3000)
    assert instant(window, "m", 3000) == []


def test_measured_nan_is_data_and_the_marker_is_not() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, math.nan)], 1000)
    assert math.isnan(instant(window, "m", 1000)[0][2])
    assert not is_stale(math.nan)
    assert is_stale(STALE)
    window.append("r", A, 1000, STALE)
    assert instant(window, "r", 1000) == []


def test_over_budget_is_refused_and_counted_and_the_rest_kept() -> None:
    window = SeriesWindow(max_series=1)
    assert window.ingest("s", [sample("m", A, 1), sample("m", B, 2)], 1000) == Ingest(1, 0, 1, refused=1)
    assert window.ingest("s", [sample("m", A, 1), sample("m", B, 2)], 2000) == Ingest(added=1, refused=1)
    assert not window.append("n", A, 3000, 1.0)
    assert window.refused == 3
    window.budget(2, 1_000)
    assert window.append("n", A, 3000, 1.0)
    assert window.refused == 3
    window = SeriesWindow(max_samples=3)
    window.ingest("s", [sample("m", A, 1), sample("m", B, 2)], 1000)
    assert window.ingest("s", [sample("m", A, 3), sample("m", B, 4)], 2000) == Ingest(added=1, refused=1)
    assert not window.append("m", B, 3000, 1.0)
    assert instant(window, "m", 2000) == [("m", A, 3.0), ("m", B, 2.0)]
    assert window.stats().samples == 3


def test_retention_per_metric_and_forgotten_series() -> None:
    window = SeriesWindow()
    window.retain({"long": 300_000}, 60_000)
    for cycle in range(21):
        both = [sample("long", A, cycle), sample("short", A, cycle)]
        window.ingest("s", both if cycle < 12 else both[:1], cycle * 15_000)
    window.sweep(300_000)
    assert window.metric_names() == ["long"]
    assert [at for at, _ in points(window, "long[1h]", 300_000)] == [cycle * 15_000 for cycle in range(1, 21)]
    again = window.ingest("s", [sample("long", A, 1), sample("short", A, 7)], 315_000)
    assert again == Ingest(added=2, new_series=1)
    assert instant(window, "short", 315_000) == [("short", A, 7.0)]


def test_memory_stays_bounded_without_help() -> None:
    window = SeriesWindow()
    window.retain({}, 600_000)
    for cycle in range(400):
        window.ingest("s", [sample("m", A, cycle), sample("churn", (("pid", str(cycle)),), 1)], cycle * 15_000)
    stats = window.stats()
    assert stats.series < 60
    assert stats.samples < 150
    assert len(window.find([()])[0].timeline.times) < 50


def test_a_source_that_was_silent_for_long_starts_anew() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1)], 0)
    window.ingest("t", [sample("other", A, 1)], 0)
    window.ingest("t", [sample("other", A, 2)], 3_600_000)
    assert window.metric_names() == ["other"]
    assert window.ingest("s", [sample("m", A, 2)], 3_600_001) == Ingest(added=1, new_series=1)
    window.ingest("s", [], 3_600_002)
    assert instant(window, "m", 3_600_002) == []


def test_rebase_moves_everything_and_changes_no_result() -> None:
    window = SeriesWindow()
    for cycle in range(10):
        window.ingest("s", [sample("c_total", A, cycle * 10)], cycle * 15_000)
        window.append("r", A, cycle * 15_000, cycle)
    before = instant(window, "rate(c_total[1m])", 135_000), instant(window, "r", 135_000)
    window.rebase(-86_400_000)
    assert (instant(window, "rate(c_total[1m])", -86_265_000), instant(window, "r", -86_265_000)) == before
    assert window.ingest("s", [sample("c_total", A, 100)], -86_250_000).added == 1


def test_labels_and_values_for_the_api() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", (("a", "1"), ("b", "x")), 1), sample("n", (("a", "2"),), 1)], 1000)
    window.ingest("s", [sample("n", (("a", "2"),), 1)], 100_000)
    only_n = (Matcher(MatchOp.EQ, "__name__", "n"),)
    assert window.label_names() == ["__name__", "a", "b"]
    assert window.label_names([only_n]) == ["__name__", "a"]
    assert window.label_values("a") == ["1", "2"]
    assert window.label_values("__name__") == ["m", "n"]
    assert window.label_values("a", (), 50_000, 200_000) == ["2"]
    assert [series.name for series in window.find([only_n, only_n])] == ["n"]
    assert window.find([only_n], 2000, 3000) == []


def test_a_query_sees_series_that_came_after_it_was_compiled() -> None:
    window = SeriesWindow()
    query = compile_expr(parse("m + on (a) n"))
    assert query.instant(window, 0) == Vector(0, [])
    window.ingest("s", [sample("m", A, 1), sample("n", A, 2)], 1000)
    assert query.instant(window, 1000) == Vector(1000, [("", A, 3.0)])
    other = SeriesWindow()
    assert query.instant(other, 1000) == Vector(1000, [])


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        (MatchOp.RE, "1|2", ["1", "2"]),
        (MatchOp.RE, ".+", ["1", "12", "2", "x\ny"]),
        (MatchOp.RE, "1.*", ["1", "12"]),
        (MatchOp.RE, "1.+", ["12"]),
        (MatchOp.RE, "x.y", ["x\ny"]),
        (MatchOp.RE, "x.*", ["x\ny"]),
        (MatchOp.RE, "(?i:X).*", ["x\ny"]),
        (MatchOp.RE, "[12]", ["1", "2"]),
        (MatchOp.RE, "|1", ["", "1"]),
        (MatchOp.NRE, "1.*|", ["2", "x\ny"]),
        (MatchOp.NE, "", ["1", "12", "2", "x\ny"]),
        (MatchOp.EQ, "", [""]),
    ],
)
def test_matchers_are_anchored_and_dot_is_any_character(op: MatchOp, value: str, found: list[str]) -> None:
    window = SeriesWindow()
    for label in ("", "1", "12", "2", "x\ny"):
        window.append("m", (("a", label),) if label else (), 1000, 1.0)
    series = window.select([Matcher(MatchOp.EQ, "__name__", "m"), Matcher(op, "a", value)])
    assert sorted(dict(one.labels).get("a", "") for one in series) == found


def test_cost_of_series_and_samples_stays_within_the_promise() -> None:
    window = SeriesWindow()

    def cycle(number: int) -> Iterator[RawSample]:
        for index in range(500):
            yield sample(f"metric_{index % 20}_total", (("device", f"d{index}"), ("mode", "x")), number + index)

    tracemalloc.start()
    try:
        window.ingest("s", cycle(0), 0, (("instance", "h"), ("job", "node")))
        fixed, _ = tracemalloc.get_traced_memory()
        for number in range(1, 200):
            window.ingest("s", cycle(number), number * 15_000, (("instance", "h"), ("job", "node")))
        full, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    stats = window.stats()
    assert fixed / 500 < 1500
    assert (full - fixed) / stats.samples < 10
    assert stats.bytes == pytest.approx(full, rel=0.3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 1.5, math.nan])), max_size=6),
            st.integers(1, 40_000),
        ),
        max_size=25,
    )
)
def test_window_agrees_with_a_plain_model(cycles: list[tuple[int, list[tuple[int, float]], int]]) -> None:
    """Sources share no series here; the model is a dictionary of lists with explicit stale markers."""
    window = SeriesWindow()
    window.retain({}, 10_000_000)
    model: dict[Labels, list[tuple[int, float | None]]] = {}
    live: dict[int, set[Labels]] = {}
    now = 0
    for source, given_samples, gap in cycles:
        now += gap
        fresh: dict[Labels, float] = {}
        batch = []
        for index, value in given_samples:
            labels = (("i", str(index)), ("s", str(source)))
            batch.append(sample("m", labels, value))
            fresh.setdefault(labels, value)
        window.ingest(str(source), batch, now)
        for labels, value in fresh.items():
            model.setdefault(labels, []).append((now, value))
        for labels in live.get(source, set()) - set(fresh):
            model[labels].append((now, None))
        live[source] = set(fresh)
    for lo, hi in ((-1, now), (now // 3, now // 2), (now - 20_000, now)):
        for series in window.find([()]):
            inside = [(at, value) for at, value in model[series.labels] if lo < at <= hi]
            kept = [(at, value) for at, value in inside if value is not None]
            found = series.window(lo, hi)
            got = [] if found is None else list(zip(*found, strict=True))
            assert repr(got) == repr(kept)
            newest = inside[-1] if inside and inside[-1][1] is not None else None
            assert repr(series.latest(lo, hi)) == repr(newest)


def test_another_name_with_the_same_labels_is_another_series() -> None:
    window = SeriesWindow()
    window.ingest("s", [sample("m", A, 1), sample("n", A, 2)], 1000)
    assert window.ingest("s", [sample("n", A, 3), sample("o", A, 4)], 2000) == Ingest(added=2, new_series=1)
    assert sorted(instant(window, '{a="1"}', 2000)) == [("n", A, 3.0), ("o", A, 4.0)]


def test_a_forgotten_series_of_a_silent_source_is_made_again() -> None:
    window = SeriesWindow()
    window.retain({"long": 3_600_000}, 60_000)
    window.ingest("s", [sample("short", A, 1), sample("long", A, 1)], 0)
    window.ingest("other", [], 0)
    window.ingest("other", [], 120_000)
    assert window.metric_names() == ["long"]
    again = window.ingest("s", [sample("short", A, 2), sample("long", A, 2)], 121_000)
    assert again == Ingest(added=2, new_series=1)
    assert instant(window, '{a="1"}', 121_000) == [("long", A, 2.0), ("short", A, 2.0)]
