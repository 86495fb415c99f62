"""Evidence under generated rules and generated data with gaps, through the engine as the agent runs it.

A world gives every series a value in every cycle. What the agent sees of it has gaps: a source fails, or a series is
missing. If the condition holds in the world all the time, no gap may end its alert. Once the world is good and all of
it is seen, the alert must end within a bounded number of cycles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules.engine import Engine, Start
from rules.files import RuleFile, parse_rule_file
from rules.model import AlertState, Labels
from rules.origin import RawSample
from rules.promql.compile import compile_expr
from rules.promql.parse import parse
from rules.promql.values import ScalarResult, Vector
from rules.series import SeriesWindow

CYCLE = 15_000
START = 1_700_000_000_000
WARM = 12
"""Cycles until every window of the generated rules (two minutes at most) is full."""
BRIEF = 15
"""Cycles in which a series may be missing though its source answers: less than the lookback."""
LONG = 40
SETTLED = WARM + 21
"""Cycles of good data after which everything is decided: the windows, and the lookback."""

Key = tuple[str, Labels]
World = dict[Key, float]
KEYS: list[Key] = [(name, (("d", d), ("i", i))) for name in "xyzc" for i in "12" for d in "ab"]
INFO: list[Key] = [("u", (("i", i), ("n", f"node{i}"))) for i in "12"]

RECORDINGS = (
    "i:x:sum", "sum by (i) (x)", "x:high", "x > 5", "c:rate", "rate(c[1m])", "y:few", "count by (i) (y < 3)",
    "x:seen", "max by (i) (x > 5) or x:seen",
)  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """``what`` is a source ("1" or "2") or one series; nothing of it is seen in cycles begin..end-1."""

    what: str | Key
    begin: int
    end: int

    def hides(self, key: Key, cycle: int) -> bool:
        return self.begin <= cycle < self.end and self.what in (key, dict(key[1])["i"])


class Run:
    def __init__(self, expr: str, keep: int = 0) -> None:
        self.expr = expr
        self.window = SeriesWindow()
        self.engine = Engine(self.window, interval_ms=CYCLE, start=Start.WARM, rule_cpu_ms=5_000)
        self.engine.load([rule_file(expr, keep)])
        self.at = START
        self.cycle = 0
        self.counters: World = {}

    def step(self, world: World, gaps: tuple[Gap, ...] = (), since: int = 0) -> Iterator[tuple[Labels, str]]:
        """One cycle; the alerts that ended in it and why."""
        self.at += CYCLE
        for source in "12":
            failed = any(gap.what == source and gap.begin <= since < gap.end for gap in gaps)
            seen = [
                sample
                for key, value in world.items()
                if dict(key[1])["i"] == source
                for sample in [self._sample(key, value)]
                if not any(gap.hides(key, since) for gap in gaps)
            ]
            self.window.ingest(
                source, [*seen, ("up", (("i", source),), float(not failed), None)], self.at, failed=failed
            )
        done = self.engine.evaluate_due(self.at)
        assume(not done.failures)
        for alert in done.alerts:
            if alert.state is AlertState.INACTIVE:
                yield alert.labels, alert.reason

    def _sample(self, key: Key, value: float) -> RawSample:
        if key[0] == "c":  # a counter: its value is how much it grows in a cycle
            self.counters[key] = value = self.counters.get(key, 0.0) + value
        return key[0], key[1], value, None

    def result(self) -> set[Labels]:
        found = compile_expr(parse(self.expr)).instant(self.window, self.at)
        if isinstance(found, ScalarResult):
            return {()}
        assert isinstance(found, Vector)
        return {element.labels for element in found.elements}

    def firing(self) -> set[Labels]:
        return {alert.labels for alert in self.engine.alerts()}


def rule_file(expr: str, keep: int) -> RuleFile:
    pairs = zip(RECORDINGS[::2], RECORDINGS[1::2], strict=True)
    lines = ["groups:", "- name: g", "  rules:"]
    lines += [f"  - {{record: '{name}', expr: '{made}'}}" for name, made in pairs if name in expr]
    lines += [f"  - alert: A\n    expr: {expr}\n    keep_firing_for: {keep}s"]
    loaded, problems = parse_rule_file("\n".join(lines), "f.yml")
    assert loaded is not None, (expr, problems)
    return loaded


def plain(labels: set[Labels]) -> set[Labels]:
    return {tuple(pair for pair in each if pair[0] != "alertname") for each in labels}


# Expressions

numbers = st.integers(0, 9)
OPS = st.sampled_from([">", "<", ">=", "<=", "==", "!="])
BY = st.sampled_from(["by (i)", "by (d)", "by (i, d)", "without (d)", ""])
LEAVES = st.sampled_from(
    ["x", "y", "z", "rate(c[1m])", "increase(c[2m])", "irate(c[1m])", "delta(y[1m])", "max_over_time(x[1m])",
     "min_over_time(z[45s])", "avg_over_time(y[1m])", "sum_over_time(x[1m])", "count_over_time(z[2m])",
     "max_over_time(x[1m:15s])", "avg_over_time((y + 1)[1m:15s])", "count_over_time((x > 5)[1m:15s])",
     "sum_over_time((y > bool 4)[2m:30s])", "max_over_time(x[1m:15s] offset 15s)", "last_over_time(y[1m])",
     "quantile_over_time(0.5, z[1m])", "abs(z)", "clamp_max(x, 8)", "-x", "x offset 15s", "present_over_time(x[1m])",
     "c:rate", "x:high", "predict_linear(y[1m], 60)", "deriv(c[1m])", "changes(y[1m])", "(x > bool 4)"]
)  # fmt: skip


def values(depth: int) -> st.SearchStrategy[str]:
    if depth == 0:
        return LEAVES
    inner = values(depth - 1)
    return st.one_of(
        LEAVES,
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("{} by (i, d) ({})".format, st.sampled_from(["sum", "avg", "min", "max", "count"]), inner),
        st.builds("quantile by (i, d) (0.9, {})".format, inner),
        st.builds("({} + on (d, i) group_left () {})".format, inner, inner),
        st.builds("({} * on (i) group_left (n) u)".format, inner).map(lambda text: f"sum by (i, d) ({text})"),
        st.builds("({} + scalar(sum(z)))".format, inner),
        st.builds("({} - scalar(max(max_over_time(y[1m]))))".format, inner),
        st.builds('label_replace({}, "k", "v", "", "")'.format, inner).map(lambda text: f"sum by (d, i) ({text})"),
    )


def comparisons(depth: int = 1) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, values(depth), OPS, numbers),
        st.builds("({} {} {})".format, numbers, OPS, values(depth)),
        st.builds("({} {} {})".format, values(depth), OPS, values(0)),
        st.builds("(({} {} bool {}) == 1)".format, values(depth), OPS, numbers),
        st.builds("({} {} scalar(avg(y)))".format, values(0), OPS),
        st.builds("({} > on (i) group_left () i:x:sum)".format, values(0)),
        st.builds("(y + 9 > on (i) group_left () sum by (i) ({}))".format, values(0)),
    )


def conditions(depth: int) -> st.SearchStrategy[str]:
    if depth == 0:
        return comparisons()
    inner = conditions(depth - 1)
    return st.one_of(
        comparisons(2),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} and on (i) {})".format, inner, inner),
        st.builds("({} and ignoring (d) {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} unless {})".format, inner, comparisons()),
        st.builds("({} unless on (i) {})".format, inner, comparisons()),
        st.builds("({} unless nowhere)".format, inner),
        st.builds("({} unless on () absent({}))".format, inner, values(0)),
        st.builds("(({}) * 2 > {})".format, inner, numbers),
        st.builds("(-{})".format, inner),
        st.builds(
            "({} {} ({}) {} {})".format,
            st.sampled_from(["sum", "count", "avg", "max"]),
            BY,
            comparisons(),
            OPS,
            numbers,
        ),
        st.builds("count {} ({})".format, BY, comparisons()),
        st.builds("(topk by (i) (1, {}))".format, comparisons()),
        st.builds("(sum by (i) ({}) / count by (i) ({}) {} {})".format, values(1), values(0), OPS, numbers),
        st.builds('label_replace({}, "k", "v$1", "d", "(.*)")'.format, comparisons()),
        st.builds('label_join({}, "k", "-", "i", "d")'.format, inner),
        st.builds("({} and on (i) u)".format, inner),
        st.builds("({} * on (i) group_left (n) u)".format, comparisons()),
        st.builds("(i:x:sum {} {})".format, OPS, numbers),
        st.builds("(x:high {} {})".format, OPS, numbers),
        st.builds("(count by (i) (x:high) {} {})".format, OPS, numbers),
        st.builds("(y:few >= {})".format, st.integers(0, 2)),
        st.builds("(max_over_time({}[1m:15s]) > {})".format, comparisons(0), numbers),
        st.builds("(count_over_time({}[2m:15s]) > {})".format, comparisons(0), numbers),
        st.builds("({} and on () absent(nowhere))".format, inner),
        st.builds("({} and on () vector(1) > 0)".format, inner),
    )


worlds = st.fixed_dictionaries({key: numbers.map(float) for key in KEYS}).map(
    lambda world: world | dict.fromkeys(INFO, 1.0)
)


def gap(what: st.SearchStrategy[str | Key], latest: int) -> st.SearchStrategy[Gap]:
    span = st.tuples(st.integers(0, latest - 1), st.integers(1, latest))
    return st.builds(lambda each, at: Gap(each, at[0], min(at[0] + at[1], latest)), what, span)


gaps = st.lists(
    gap(st.sampled_from("12"), 2 * LONG) | gap(st.sampled_from(KEYS + INFO), BRIEF), min_size=1, max_size=3
).map(tuple)
QUIET = settings(
    max_examples=60, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)  # fmt: skip


def alarmed(expr: str, world: World, keep: int = 0) -> tuple[Run, set[Labels]]:
    """A run in which the condition holds steadily for some labels, and these."""
    run = Run(expr, keep)
    for _ in range(WARM):
        list(run.step(world))
    labels = run.firing()
    assume(labels and run.result() >= plain(labels))
    return run, labels


@QUIET
@given(conditions(2), worlds, gaps)
def test_no_gap_in_the_data_ends_an_alert(expr: str, world: World, holes: tuple[Gap, ...]) -> None:
    run, labels = alarmed(expr, world)
    for cycle in range(2 * LONG):
        ended = [(gone, reason) for gone, reason in run.step(world, holes, cycle) if gone in labels]
        assert not ended, (expr, cycle, ended)
    for _ in range(SETTLED):
        assert not [gone for gone, _ in run.step(world) if gone in labels], expr
    states = {alert.labels: alert.state for alert in run.engine.alerts()}
    assert {states[each] for each in labels} == {AlertState.FIRING}


@QUIET
@given(
    conditions(2),
    worlds,
    worlds,
    st.one_of(st.just(()), gaps),
    st.sampled_from([0, 60]),
    st.sets(st.sampled_from("xyc")),
)
def test_every_alert_ends_on_good_data(  # noqa: PLR0917 - what is generated
    expr: str, bad: World, good: World, holes: tuple[Gap, ...], keep: int, never: set[str]
) -> None:
    """``never`` are metrics that exist at no time: they do not stand in the way, except of a ``scalar()``."""
    if "scalar" in expr:
        never = set()
    bad, good = ({key: value for key, value in world.items() if key[0] not in never} for world in (bad, good))
    run, labels = alarmed(expr, bad, keep)
    for cycle in range(2 * LONG if holes else 0):
        list(run.step(bad, holes, cycle))
    for _ in range(SETTLED + keep * 1000 // CYCLE):
        list(run.step(good))
    left = plain(run.firing()) - run.result()
    assert not left & plain(labels), expr
