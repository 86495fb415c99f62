"""Selecting by an index finds what looking through all series finds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.buckets import MANY
from rules.promql.ast import Matcher, MatchOp
from rules.series import SeriesWindow

MATCHER = st.builds(
    Matcher,
    st.sampled_from([MatchOp.EQ, MatchOp.NE, MatchOp.RE]),
    st.sampled_from(["instance", "port", "job", "absent"]),
    st.sampled_from(["", "sw1", "sw2", "3", "7", "snmp", "none"]),
)


def labels(number: int) -> tuple[tuple[str, str], ...]:
    return (("instance", f"sw{number % 40}"), ("job", "snmp"), ("port", str(number // 40)))


def filled() -> SeriesWindow:
    window = SeriesWindow()
    for name, count in (("m", 2 * MANY), ("small", 10)):
        window.ingest(name, [(name, labels(number), 1.0, None) for number in range(count)], 1_000)
    return window


WINDOW = filled()


@settings(max_examples=150, deadline=None)
@given(st.lists(MATCHER, max_size=4), st.sampled_from(["m", "small", "none"]))
def test_the_same_series_in_the_same_order(matchers: list[Matcher], name: str) -> None:
    named = [Matcher(MatchOp.EQ, "__name__", name), *matchers]
    everything = [series for series in WINDOW.select(()) if series.name == name]
    expected = [series for series in WINDOW.select(matchers) if series.name == name]
    assert list(WINDOW.select(named)) == expected
    assert len(expected) <= len(everything)


def test_series_that_come_and_go_are_found_and_not_found() -> None:
    window = filled()
    window.retain({}, 60_000)
    one = [Matcher(MatchOp.EQ, "__name__", "m"), Matcher(MatchOp.EQ, "instance", "sw1")]
    before = len(window.select(one))
    window.append("m", (("instance", "sw1"), ("port", "new")), 1_000, 1.0)
    assert len(window.select(one)) == before + 1
    window.ingest("m", [("m", labels(number), 1.0, None) for number in range(40, 2 * MANY)], 120_000)
    window.sweep(120_000)
    assert len(window.select(one)) == before - 1
    window.sweep(10_000_000)
    assert list(window.select(one)) == []
