"""Cold start: what waits, for what, until when, and what makes the wait shorter or longer."""

from __future__ import annotations

import pytest

from rules.coldstart import WaitsFor, Watched
from rules.engine import Engine
from rules.files import RuleFile, parse_rule_file
from rules.history import Stretch
from rules.lookback import Reach, reaches
from rules.promql.parse import parse
from rules.series import SeriesWindow

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000


def rule(expr: str, extra: str = "") -> RuleFile:
    loaded, problems = parse_rule_file(f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}'{extra}}}]}}]", "f.yml")
    assert loaded is not None, problems
    return loaded


class Machine:
    """A process that collects ``x`` every minute."""

    def __init__(self, *files: RuleFile, at: int = START, past: list[Stretch] | None = None) -> None:
        self.window = SeriesWindow()
        self.engine = Engine(self.window, interval_ms=MINUTE)
        self.engine.load(files)
        self.at = at
        for stretch in past or ():
            self.engine.take_up(stretch, at)

    def run(self, minutes: int, value: float | None = 1.0) -> None:
        for _ in range(minutes):
            self.at += MINUTE
            samples = [] if value is None else [("x", (("i", "1"),), value, None)]
            self.window.ingest("s", samples, self.at)
            self.engine.evaluate_due(self.at)

    def waits(self) -> int | None:
        """Minutes until the rule is evaluated; None when it is."""
        waiting = self.engine.waiting()
        if not waiting:
            return None
        return (waiting[0].until - self.at) // MINUTE

    def past(self) -> list[Stretch]:
        return list(self.window.past({"x"}, {}))


def test_what_a_selector_asks_of_the_past() -> None:
    def of(expr: str) -> set[tuple[str, int, int]]:
        found = {(each.metric, each.offset // MINUTE, each.span // MINUTE) for each in reaches(parse(expr))}
        assert all(isinstance(each, Reach) for each in reaches(parse(expr)))
        return found

    assert of("x + y offset 5m") == {("x", 0, 0), ("y", 5, 0)}
    assert of("rate(x[10m] offset 1h) > 0") == {("x", 60, 10)}
    assert of("max_over_time(rate(x[5m] offset 1m)[1h:] offset 2m)") == {("x", 3, 65)}
    assert of("x offset -5m") == {("x", 0, 0)}
    assert of("last_over_time(x[1h])") == {("x", 0, 0)}
    assert of('{job="a"}') == {("", 0, 0)}


@pytest.mark.parametrize(
    ("expr", "minutes"),
    [("predict_linear(x[6h], 3600) < 0", 180), ("deriv(x[1h]) > 1", 30), ("increase(x[20m]) > 1", 10),
     ("rate(x[10m]) > 1", 5), ("avg_over_time(x[10m]) > 1", 5), ("max_over_time(rate(x[5m])[55m:]) > 1", 30),
     ("x offset 1h > 5", 60), ("x unless x offset 10m", 10), ("absent_over_time(x[10m])", 5),
     ("absent_over_time(x[10m] offset 1h)", 65), ("increase(x[10m]) > 1 and predict_linear(x[1h], 60) < 0", 30)],
)  # fmt: skip
def test_a_rule_waits_until_half_of_each_window_was_watched(expr: str, minutes: int) -> None:
    machine = Machine(rule(expr))
    machine.run(1)
    assert machine.waits() == minutes
    machine.run(minutes - 1)
    assert machine.waits() == 1
    machine.run(1)
    assert machine.waits() is None


def test_a_waiting_rule_says_for_what() -> None:
    machine = Machine(rule("increase(x[20m] offset 1h) > 1"))
    machine.run(2)
    (waiting,) = machine.engine.waiting()
    assert (waiting.reason, str(waiting)) == (WaitsFor.WINDOW, "half of the 20m of x that ended 1h ago")
    (status,) = machine.engine.rules()
    assert status.waiting == waiting
    machine.run(90)
    assert machine.engine.rules()[0].waiting is None


def test_samples_taken_up_end_the_wait_at_once() -> None:
    files = rule("predict_linear(x[6h], 3600) < 0")
    old = Machine(files)
    old.run(200)
    assert old.waits() is None
    fresh = Machine(files, at=old.at + 2 * MINUTE, past=old.past())
    fresh.run(1)
    assert fresh.waits() is None


@pytest.mark.parametrize(
    ("before", "outage", "waits"), [(120, 10, 60), (200, 179, None), (200, 181, 180), (20, 5, 160)]
)
def test_an_outage_was_not_watched(before: int, outage: int, waits: int | None) -> None:
    """Of the last six hours three must have been watched, by either process."""
    files = rule("predict_linear(x[6h], 3600) < 0")
    old = Machine(files)
    old.run(before + 1)
    fresh = Machine(files, at=old.at + (outage - 1) * MINUTE, past=old.past())
    fresh.run(1)
    assert fresh.waits() == waits
    fresh.run(waits or 0)
    assert fresh.waits() is None


def test_an_earlier_outage_is_seen_in_the_samples() -> None:
    files = rule("predict_linear(x[6h], 3600) < 0")
    machine = Machine(files)
    for _ in range(2):
        machine.run(61)
        machine = Machine(files, at=machine.at + HOUR, past=machine.past())
    machine.run(1)
    assert machine.waits() == 60  # two hours of the last six


def test_after_a_suspend_a_long_window_waits_again() -> None:
    machine = Machine(rule("predict_linear(x[1h], 60) < 0"))
    machine.run(40)
    assert machine.waits() is None
    machine.at += 10 * MINUTE
    machine.run(1)
    assert machine.waits() is None
    machine.at += 8 * HOUR
    machine.run(1)
    assert machine.waits() == 30
    machine.run(30)
    assert machine.waits() is None


def test_a_rule_loaded_later_knows_what_was_kept() -> None:
    machine = Machine(rule("x > 5"))
    machine.run(100)
    machine.engine.load([rule("avg_over_time(x[1h]) > 5")])
    machine.run(1)
    assert 17 <= (machine.waits() or 0) <= 20  # ten minutes were kept of every metric
    machine.engine.load([rule("avg_over_time(x[20m]) > 5")])
    machine.run(1)
    assert machine.waits() is None


def test_a_rule_whose_window_becomes_longer_waits_for_it() -> None:
    machine = Machine(rule("avg_over_time(x[10m]) > 5"))
    machine.run(30)
    machine.engine.load([rule("avg_over_time(x[2h]) > 5")])
    machine.run(1)
    assert (machine.waits() or 0) > 40


def test_a_clock_step_does_not_shorten_the_wait() -> None:
    machine = Machine(rule("avg_over_time(x[1h]) > 5"))
    machine.run(11)
    assert machine.waits() == 20
    for step in (5 * HOUR, -9 * HOUR):
        machine.engine.rebase(step)
        machine.window.rebase(step)
        machine.at += step
        machine.run(1)
    assert machine.waits() == 18


def test_slow_samples_are_no_gaps() -> None:
    watched = Watched()
    watched.add([hour * HOUR for hour in range(10)], 5 * MINUTE)
    assert watched.covered(0, 9 * HOUR) == 9 * HOUR
    watched = Watched()
    watched.add([*(hour * HOUR for hour in range(5)), *(hour * HOUR for hour in range(12, 16))], 5 * MINUTE)
    watched.look(16 * HOUR, MINUTE)
    assert watched.covered(0, 16 * HOUR) == 7 * HOUR


@pytest.mark.parametrize(
    ("expr", "waits"), [("x > 5", 0), ("sum(x) > 5", 2), ("count(x == 1) < 3 or y", 2), ("absent(y)", 3)]
)
def test_before_everything_was_measured_nothing_is_summed_up_or_missed(expr: str, waits: int) -> None:
    """A target that is measured every few minutes comes later than the first pass."""
    machine = Machine(rule(expr))
    held = []
    for complete in (False, False, True, True, True):
        machine.at += MINUTE
        machine.window.ingest("s", [("x", (("i", "1"),), 9.0, None)], machine.at)
        held.append(bool(machine.engine.evaluate_due(machine.at, complete=complete).waiting))
    assert held == [True] * waits + [False] * (5 - waits)


def test_a_slow_group_does_not_wait_a_whole_interval_for_a_second_cycle() -> None:
    files, problems = parse_rule_file(
        "groups: [{name: g, interval: 1h, rules: [{alert: A, expr: absent(y)}, {alert: B, expr: x > 5}]}]", "f.yml"
    )
    assert files is not None, problems
    machine = Machine(files)
    evaluated = []
    for _ in range(4):
        machine.at += MINUTE
        machine.window.ingest("s", [("x", (("i", "1"),), 9.0, None)], machine.at)
        evaluated.append(machine.engine.evaluate_due(machine.at).evaluated)
    assert evaluated == [1, 1, 0, 0]


def test_who_reads_a_recorded_metric_waits_with_the_rule_that_records_it() -> None:
    """Or what is not recorded yet would look as if it were not so any more."""
    files, problems = parse_rule_file(
        "groups: [{name: g, rules: [{record: bad, expr: 'avg_over_time(x[10m]) > 5'}, {record: all, expr: count(bad)},"
        " {alert: A, expr: bad > 0}, {alert: B, expr: all > 0}, {alert: C, expr: x > 5}]}]", "f.yml"
    )  # fmt: skip
    assert files is not None, problems
    machine = Machine(files)
    machine.run(2, 9.0)
    assert [(each.rule, str(each)) for each in machine.engine.waiting()] == [
        (name, "half of the 10m of x") for name in ("bad", "all", "A", "B")
    ]
    machine.run(4, 9.0)
    assert not machine.engine.waiting()
    assert sorted(alert.rule for alert in machine.engine.alerts()) == ["A", "B", "C"]
