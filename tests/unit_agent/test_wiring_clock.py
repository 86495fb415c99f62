"""The timeline: whatever the two clocks do, durations are those of the boot-time clock, and every step is told once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.clock import READ_MS, STEP_MS, Timeline, boot_ms, wall_ms

YEAR = 31_557_600_000


class Clocks:
    def __init__(self, boot: int = 5_000, wall: int = 1_760_000_000_000) -> None:
        self.boot = boot
        self.wall = wall
        self.timeline = Timeline(lambda: self.boot, lambda: self.wall)

    def run(self, ms: int) -> None:
        self.boot += ms
        self.wall += ms


moves = st.lists(
    st.tuples(
        st.integers(0, 10**7),
        st.one_of(st.just(0), st.integers(-STEP_MS * 3, STEP_MS * 3), st.integers(-50 * YEAR, 50 * YEAR)),
    ),
    max_size=30,
)


@given(moves)
def test_durations_are_those_of_the_boot_clock_whatever_the_wall_clock_does(steps: list[tuple[int, int]]) -> None:
    clocks = Clocks()
    kept = began = clocks.timeline.now()
    elapsed = 0
    for passed, wall_step in steps:
        clocks.run(passed)
        elapsed += passed
        clocks.wall += wall_step
        assert clocks.timeline.now() - kept == elapsed, "now() moved by itself"
        step = clocks.timeline.follow()
        kept += step  # what everybody who keeps a time does
        assert clocks.timeline.now() - kept == elapsed
        assert step == 0 or abs(step) >= STEP_MS
        assert abs(clocks.timeline.now() - clocks.wall) < STEP_MS
        assert clocks.timeline.follow() == 0
    assert clocks.timeline.now() - began == elapsed + (kept - began)


def test_a_step_is_followed_from_one_second_on() -> None:
    clocks = Clocks()
    clocks.wall += STEP_MS - 1
    assert clocks.timeline.follow() == 0
    clocks.wall += 1
    assert clocks.timeline.follow() == STEP_MS
    clocks.wall -= 50 * YEAR
    assert clocks.timeline.follow() == -50 * YEAR


def test_a_process_stopped_between_two_readings_sees_no_step() -> None:
    clocks = Clocks()
    pauses = [0, 90_000]

    def wall() -> int:
        now = clocks.wall
        clocks.run(pauses.pop() if pauses else 0)  # stopped as soon as the wall clock was read
        return now

    timeline = Timeline(lambda: clocks.boot, wall)
    assert timeline.now() == clocks.wall
    pauses.append(90_000)
    assert timeline.follow() == 0
    assert timeline.now() == clocks.wall


def test_readings_that_are_always_slow_end_all_the_same() -> None:
    boot = iter(range(0, 10**9, 2 * READ_MS))
    timeline = Timeline(lambda: next(boot), lambda: 10**12)
    assert timeline.now() > 0


def test_the_real_clocks_agree() -> None:
    timeline = Timeline()
    assert abs(timeline.now() - wall_ms()) < 50
    before = boot_ms()
    assert timeline.follow() == 0
    assert 0 <= boot_ms() - before < 1_000
