"""Counters as ``rate`` sees them: true where they can be known, and never more than can have happened."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.snmp.counters import Counters, Reason
from collectors.snmp.reboot import Uptime, restarted
from rules.api import SeriesWindow, Vector, compile_expr, parse

ROOT = "1.3.6.1.2.1.31.1.1.1.6"
STEP = 60
GIGABIT = 125_000_000.0
WRAP = 1 << 32


class Line:
    """One counter, polled each minute, its published values in the real window."""

    def __init__(self, bits: int = 64, *, limit: float = GIGABIT, octets: bool = True) -> None:
        self.counters = Counters(ROOT, bits, octets=octets)
        self.counters.limit({"7": limit} if limit else {})
        self.window = SeriesWindow()
        self.at = 0
        self.published: list[float] = []
        self.rates: list[float] = []
        self._query = compile_expr(parse("rate(c[5m])"))

    def poll(self, *raws: int, broken: bool = False, step: int = STEP) -> Line:
        for raw in raws:
            self.at += step
            kept = self.counters.believed([(f"{ROOT}.7", raw)], self.at, {"7"} if broken else None)
            samples = [("c", (), float(value & ((1 << 53) - 1)), None) for _, value in kept]  # type: ignore[operator]
            self.window.ingest("snmp", samples, self.at * 1000)
            self.published += [sample[2] for sample in samples]
            result = self._query.instant(self.window, self.at * 1000)
            assert isinstance(result, Vector)
            self.rates += [point.value for point in result.elements]
        return self

    @property
    def highest(self) -> float:
        return max(self.rates)

    @property
    def reasons(self) -> dict[Reason, int]:
        return self.counters.dropped


def steady(start: int, rate: int, count: int, modulus: int = 1 << 64) -> list[int]:
    return [(start + rate * STEP * n) % modulus for n in range(count)]


def test_a_counter_that_grows_is_published_as_it_is() -> None:
    raws = steady(10**12, 10_000_000, 10)
    line = Line().poll(*raws)
    assert line.published == [float(raw) for raw in raws]
    assert line.rates[-1] == pytest.approx(10_000_000)
    assert not line.reasons


@pytest.mark.parametrize("before", [WRAP - 5_000_000, WRAP - 1, WRAP - 100_000_000])
def test_a_wrap_of_32_bits_gives_the_true_rate(before: int) -> None:
    raws = steady(before - 6 * 60 * 900_000, 900_000, 30, WRAP)
    line = Line(32, limit=GIGABIT / 10).poll(*raws)
    assert line.rates[5:] == pytest.approx([900_000] * len(line.rates[5:]))
    assert all(later >= earlier for earlier, later in pairwise(line.published))


@pytest.mark.parametrize("bits", [32, 64])
def test_a_restart_that_the_device_tells_of_counts_from_nothing(bits: int) -> None:
    line = Line(bits, limit=GIGABIT / 10).poll(*steady(10**9, 100_000, 8))
    line.poll(2_000_000, broken=True).poll(*steady(8_000_000, 100_000, 8))
    assert 2_000_000 in line.published
    assert line.highest <= 100_000 * 1.2


def test_a_restart_of_the_snmp_service_alone_leaves_the_counter_as_it_is() -> None:
    raws = steady(10**12, 100_000, 9)
    line = Line().poll(*raws[:5]).poll(raws[5], broken=True).poll(*raws[6:])
    assert line.published == [float(raw) for raw in raws]


@pytest.mark.parametrize("elsewhere", [5 * 10**12, 3 * 10**11])
def test_a_counter_that_goes_on_elsewhere_after_a_discontinuity_gives_no_spike(elsewhere: int) -> None:
    line = Line().poll(*steady(10**12, 100_000, 8))
    line.poll(elsewhere, broken=True).poll(*steady(elsewhere + 6_000_000, 100_000, 8))
    assert line.highest <= 100_001
    assert line.reasons == {Reason.MOVED: 1}
    assert line.rates[-1] == pytest.approx(100_000)


@pytest.mark.parametrize("glitch", [0, 17, 10**15, 2**63, 1 << 31])
@pytest.mark.parametrize(("bits", "limit"), [(64, GIGABIT), (64, 0.0), (32, GIGABIT / 10), (32, 0.0)])
def test_a_glitch_is_never_published(glitch: int, bits: int, limit: float) -> None:
    if glitch >= 1 << bits:
        return
    raws = steady(3 * 10**9, 100_000, 17)
    raws[8] = glitch
    line = Line(bits, limit=limit).poll(*raws)
    assert line.highest <= 100_001
    assert line.reasons[Reason.UNCONFIRMED] >= 1
    assert float(glitch) not in line.published
    assert line.rates[-1] == pytest.approx(100_000)


@pytest.mark.parametrize("low", [0, 5_000_000])
def test_a_reset_that_nothing_tells_of_is_believed_when_the_next_poll_confirms_it(low: int) -> None:
    line = Line().poll(*steady(10**12, 100_000, 8)).poll(*steady(low, 100_000, 8))
    assert line.highest <= 100_000 * 2.5
    assert line.published[-1] == low + 42_000_000.0
    assert line.rates[-1] == pytest.approx(100_000)


def test_a_fall_to_somewhere_high_is_no_reset() -> None:
    line = Line().poll(*steady(10**12, 100_000, 8)).poll(*steady(9 * 10**11, 100_000, 8))
    assert line.highest <= 100_001
    assert line.reasons[Reason.MOVED] == 1


def test_growth_beyond_the_line_is_held_and_believed_only_when_it_goes_on() -> None:
    once = Line().poll(*steady(10**9, 1_000_000, 8)).poll(10**12).poll(*steady(10**12 + 6 * 10**7, 1_000_000, 6))
    assert once.highest <= 1_000_001
    lying = Line(limit=1_250_000).poll(*steady(10**9, 40_000_000, 12))  # a virtual card says 10 Mbit/s
    assert lying.rates[-1] == pytest.approx(40_000_000)
    assert lying.reasons == {Reason.UNCONFIRMED: 1}


def test_32_bits_of_octets_on_a_fast_line_say_nothing() -> None:
    line = Line(32, limit=GIGABIT).poll(*steady(10**9, 60_000_000, 12, WRAP))
    assert line.rates == []
    assert line.reasons[Reason.AMBIGUOUS] >= 10


def test_errors_on_a_fast_line_are_counted_in_32_bits_all_the_same() -> None:
    line = Line(32, limit=100 * GIGABIT * 8 / 672, octets=False).poll(*steady(10**6, 3, 8))
    assert line.rates[-1] == pytest.approx(3)
    assert not line.reasons


def test_a_value_that_is_no_counter_is_left_out() -> None:
    counters = Counters(ROOT, 64)
    rows: list[tuple[str, int | str | bytes | float]] = [(f"{ROOT}.1", b"x"), (f"{ROOT}.2", -1), (f"{ROOT}.3", 5)]
    assert counters.believed(rows, 0) == [(f"{ROOT}.3", 5)]
    assert counters.dropped == {Reason.WRONG_TYPE: 2}


def test_a_row_of_something_else_starts_anew() -> None:
    counters = Counters(ROOT, 64)
    counters.believed([(f"{ROOT}.1", 10**12)], 0)
    counters.forget({"1"})
    assert counters.believed([(f"{ROOT}.1", 5)], 60) == [(f"{ROOT}.1", 5)]
    counters.forget_older(61)
    assert counters.believed([(f"{ROOT}.1", 3)], 120) == [(f"{ROOT}.1", 3)]


SURPRISES = st.sampled_from(["glitch", "zero", "reset", "silent reset", "jump", "fall"])
EVENTS = st.one_of(
    st.lists(st.sampled_from(["none", "none", "none", "gap"]), min_size=1, max_size=6),
    SURPRISES.map(lambda event: [event, "none", "none"]),
)
"""Two surprises running that look like a pace cannot be told from one: each is followed by two true values."""


def tell(line: Line, bits: int, events: list[str], garbage: list[int], paces: list[int]) -> None:
    """Poll through ``events``."""
    true = 0
    for event, noise, pace in zip(events, garbage, paces, strict=False):
        step = STEP * (5 if event == "gap" else 1)
        true += pace * step
        broken = event in ("reset", "jump")
        if event in ("reset", "silent reset"):
            true = pace * 10
        elif event in ("jump", "fall"):
            true = noise
        shown = noise if event == "glitch" else 0 if event == "zero" else true
        line.poll(shown % (1 << bits), broken=broken, step=step)


@settings(max_examples=200, deadline=None)
@given(
    events=st.lists(EVENTS, min_size=4, max_size=15),
    bits=st.sampled_from([32, 64]),
    known=st.booleans(),
    start=st.integers(0, 1 << 64),
    garbage=st.lists(st.integers(0, 1 << 64), min_size=60, max_size=60),
    paces=st.lists(st.integers(50_000, 200_000), min_size=60, max_size=60),
)
def test_whatever_happens_rate_never_exceeds_what_the_counter_can_have_grown(
    *, events: list[list[str]], bits: int, known: bool, start: int, garbage: list[int], paces: list[int]
) -> None:
    limit = GIGABIT / 10
    line = Line(bits, limit=limit if known else 0.0)
    # Its pace has to be known: of one that is new and whose line is unknown, any pace is as good as another.
    told = ["jump"] + ["none"] * 3 + [event for some in events for event in some]
    tell(line, bits, told, [start, *garbage], paces)
    # What is believed at once is the bound: the speed of the line, or eight times the highest pace seen.
    most = limit if known else 8 * 200_000
    assert all(rate <= most * 1.5 + 1000 for rate in line.rates), max(line.rates)


def test_one_value_that_may_pass_does_not_make_a_greater_one_usual() -> None:
    usual = steady(10**9, 50_000, 12)
    passes = usual[-1] + 350_000 * STEP
    line = Line(limit=0.0).poll(*usual, passes, passes + 2_000_000 * STEP)
    assert line.published[-1] == passes
    assert line.reasons[Reason.UNCONFIRMED] == 2  # the first pace of all, and this one


@pytest.mark.parametrize(
    ("known", "surprises", "garbage"),
    [
        (True, ["silent reset", "fall", "fall", "glitch", "none", "glitch"], [0, 0, 1_025_761_684]),
        (False, ["glitch", "glitch", "none", "none", "jump", "none"], [0, 0, 0, 0, 717_300_001]),
    ],
)
def test_several_surprises_running_teach_nothing(known: bool, surprises: list[str], garbage: list[int]) -> None:
    line = Line(32, limit=GIGABIT / 10 if known else 0.0)
    tell(line, 32, ["none"] * 15 + surprises, [0] * 15 + garbage + [0] * 6, [50_000] * 60)
    assert line.highest < (GIGABIT / 10 if known else 8 * 200_000) * 1.5


DAY = 86_400


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Uptime(0, 100), Uptime(60, 6_100), False),
        (Uptime(0, WRAP - 100), Uptime(60, 5_900), False),  # 497 days, nothing else to go by
        (Uptime(0, WRAP - 100, 3, 497 * DAY), Uptime(60, 5_900, 3, 497 * DAY + 60), False),
        (Uptime(0, 10**8, 3, 10**6), Uptime(60, 2_000, 4, 20), True),
        (Uptime(0, 10**8, 3, 10**6), Uptime(60, 2_000, 3, 20), True),  # boots are not kept by some
        (Uptime(0, 10**8), Uptime(60, 2_000), True),
        (Uptime(0, 1_000), Uptime(3_600, 100_000), True),  # away for an hour, and only 1000 s old
        (Uptime(0, 10**8, 3, 10**6), Uptime(60, 10**8 + 6_000, 4, 5), True),
        (Uptime(0, 10**8), Uptime(60, 10**8 + 6_300), False),  # a clock 5 % fast
        (Uptime(0), Uptime(60), False),
        (Uptime(0, -1, -1, 500), Uptime(60, -1, -1, 5), True),
        (Uptime(0, -1, -1, 500), Uptime(60, -1, -1, 560), False),
    ],
)
def test_a_reboot_is_told_from_497_days(before: Uptime, after: Uptime, expected: bool) -> None:
    assert restarted(before, after) is expected
