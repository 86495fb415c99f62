"""The engine on a timeline of cycles: states, evidence, recording, reload, restart, cold start, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
import pytest

from rules.alerting import AlertRow
from rules.coldstart import WaitsFor
from rules.engine import Engine, Start
from rules.evaluation import Health
from rules.files import RuleFile, parse_rule_file
from rules.model import Alert, AlertState, Labels
from rules.promql.compile import compile_expr
from rules.promql.parse import parse
from rules.promql.values import Vector
from rules.series import SeriesWindow
from rules.settings import Recovery
from rules.status import Evaluation

CYCLE = 15_000
START = 1_700_000_000_000


def rules(body: str, file: str = "f.yml", group: str = "g", options: str = "") -> RuleFile:
    lines = "".join(f"  {line}\n" for line in body.strip().splitlines())
    loaded, problems = parse_rule_file(f"groups:\n- name: {group}\n  {options}\n  rules:\n{lines}", file)
    assert loaded is not None, problems
    return loaded


class Run:
    """An engine fed cycle after cycle; values are of ``x{i=...}``, None ends the series."""

    def __init__(
        self, *files: RuleFile, start: Start = Start.WARM, recovery: Recovery = Recovery.EVIDENCE, cap: int = 5_000,
        cpu_ms: int = 100,
    ):  # fmt: skip
        self.window = SeriesWindow()
        self.engine = Engine(
            self.window, interval_ms=CYCLE, start=start, recovery=recovery, rule_series=cap, rule_cpu_ms=cpu_ms
        )
        self.engine.load(files)
        self.at = START

    def cycle(self, value: float | None = None, **more: float | None) -> Evaluation:
        self.at += CYCLE
        values = {"x": value, **more}
        samples = [(name, (("i", "1"),), float(v), None) for name, v in values.items() if v is not None]
        self.window.ingest("s", samples, self.at)
        return self.engine.evaluate_due(self.at)

    def states(self) -> list[tuple[str, str]]:
        return [(alert.rule, alert.state.value) for alert in self.engine.alerts()]

    def ask(self, expr: str) -> Mapping[Labels, float]:
        found = compile_expr(parse(expr)).instant(self.window, self.at)
        assert isinstance(found, Vector)
        return {element.labels: element.value for element in found.elements}


def only(evaluation: Evaluation) -> Alert:
    (alert,) = evaluation.alerts
    return alert


HIGH = rules("- {alert: High, expr: x > 5, for: 30s, labels: {severity: page}, annotations: {summary: '{{ $value }}'}}")
PLAIN = rules("- {alert: High, expr: x > 5}")


def test_an_alert_waits_fires_is_held_without_data_and_recovers_on_evidence() -> None:
    run = Run(HIGH)
    assert run.cycle(1).alerts == ()
    assert (only(run.cycle(9)).state, only(run.cycle(1)).reason) == (AlertState.PENDING, "pending_dropped")
    pending = only(run.cycle(9))
    assert run.cycle(8).alerts == ()  # still pending is no news
    fired = only(run.cycle(7))
    assert (fired.state, fired.reason, fired.since, fired.fired_at) == (
        AlertState.FIRING, "fired", pending.since, pending.since + 30_000,
    )  # fmt: skip
    assert fired.labels == (("alertname", "High"), ("i", "1"), ("severity", "page"))
    assert (fired.value, fired.annotations["summary"]) == (7.0, "7")
    held = only(run.cycle(None))
    assert (held.state, held.no_data_since, held.value) == (AlertState.NO_DATA, run.at, 7.0)
    again = only(run.cycle(None))
    assert (again.state, again.no_data_since) == (AlertState.NO_DATA, run.at - CYCLE)
    back = only(run.cycle(9))
    assert (back.state, back.reason, back.since, back.no_data_since) == (
        AlertState.FIRING, "data_back", pending.since, None,
    )  # fmt: skip
    over = only(run.cycle(3))
    assert (over.state, over.reason, over.value, over.evidence_value, over.resolved_at) == (
        AlertState.INACTIVE, "recovered", 9.0, 3.0, run.at,
    )  # fmt: skip
    assert run.engine.alerts() == ()
    assert run.cycle(3).alerts == ()


def test_held_alert_recovers_from_no_data_on_good_data() -> None:
    run = Run(PLAIN)
    run.cycle(9)
    run.cycle(None)
    assert only(run.cycle(2)).reason == "recovered"


def test_in_prometheus_ways_absence_is_recovery() -> None:
    run = Run(PLAIN, recovery=Recovery.ABSENCE)
    run.cycle(9)
    assert only(run.cycle(None)).reason == "recovered"


def test_keep_firing_counts_from_the_evidence() -> None:
    run = Run(rules("- {alert: High, expr: x > 5, keep_firing_for: 30s}"))
    run.cycle(9)
    assert only(run.cycle(None)).state is AlertState.NO_DATA
    assert [only(run.cycle(1)).reason for _ in range(3)] == ["keep_firing", "keep_firing", "recovered"]


def test_sides_of_or_that_never_had_data_are_not_waited_for_while_an_alert_is_kept_firing() -> None:
    run = Run(rules("- {alert: High, expr: y > 5 or x > 5 or z > 5, keep_firing_for: 30s}"))
    run.cycle(9)
    assert [only(run.cycle(1)).reason for _ in range(3)] == ["keep_firing", "keep_firing", "recovered"]


def test_condition_true_again_resets_keep_firing() -> None:
    run = Run(rules("- {alert: High, expr: x > 5, keep_firing_for: 30s}"))
    run.cycle(9)
    assert [only(run.cycle(value)).reason for value in (1, 9, 1, 1, 1)] == [
        "keep_firing", "firing", "keep_firing", "keep_firing", "recovered",
    ]  # fmt: skip


def test_a_label_that_follows_the_value_hands_the_alert_over() -> None:
    run = Run(
        rules("- {alert: High, expr: x > 5, labels: {severity: '{{ if gt $value 8.0 }}page{{ else }}note{{ end }}'}}")
    )
    assert dict(only(run.cycle(9)).labels)["severity"] == "page"
    fresh, old = run.cycle(6).alerts
    assert (dict(fresh.labels)["severity"], fresh.state) == ("note", AlertState.FIRING)
    assert (dict(old.labels)["severity"], old.reason) == ("page", "recovered")


def test_a_scalar_condition_always_fires() -> None:
    run = Run(rules("- {alert: Always, expr: 1}"))
    assert only(run.cycle()).labels == (("alertname", "Always"),)


def test_recorded_series_feed_the_next_rule_in_the_same_evaluation_and_end() -> None:
    run = Run(
        rules("- {record: 'i:x:twice', expr: x * 2, labels: {i: '', k: v}}\n- {alert: High, expr: 'i:x:twice > 5'}")
    )
    assert only(run.cycle(9)).labels == (("alertname", "High"), ("k", "v"))
    assert run.ask("i:x:twice") == {(("k", "v"),): 18.0}
    assert only(run.cycle(None)).state is AlertState.NO_DATA
    assert run.ask("i:x:twice") == {}


def test_alert_series_are_written_and_end() -> None:
    run = Run(HIGH)
    run.cycle(9)
    labels = {"alertname": "High", "i": "1", "severity": "page"}
    assert run.ask("ALERTS") == {tuple(sorted({**labels, "alertstate": "pending"}.items())): 1.0}
    assert run.ask("ALERTS_FOR_STATE") == {tuple(sorted(labels.items())): run.at / 1000}
    run.cycle(1)
    assert run.ask("ALERTS") == run.ask("ALERTS_FOR_STATE") == {}


@pytest.mark.parametrize(
    ("body", "options", "error"),
    [
        ("- {alert: A, expr: 'x * on(i) group_left dup'}", "", "duplicate series"),
        ("- {alert: A, expr: 'dup > 0', labels: {k: ''}}", "", "same labelset after applying alert labels"),
        ("- {record: a, expr: dup, labels: {k: ''}}", "", "same labelset after applying rule labels"),
        ("- {alert: A, expr: dup}", "limit: 1", "exceeded limit of 1 with 2 alerts"),
        ("- {record: a, expr: dup}", "limit: 1", "exceeded limit of 1 with 2 series"),
        ("- {record: a, expr: many}", "", "the result has 60 series, more than the 50 a rule may have"),
    ],
)
def test_one_rule_in_error_changes_nothing_and_stops_no_other(body: str, options: str, error: str) -> None:
    run = Run(rules(body + "\n- {alert: Other, expr: x > 5}", options=options), cap=50)
    at = run.at + CYCLE
    run.window.ingest("dup", [("dup", (("i", "1"), ("k", k)), 1.0, None) for k in "ab"], at)
    run.window.ingest("many", [("many", (("i", str(i)),), 1.0, None) for i in range(60)], at)
    evaluation = run.cycle(9)
    assert only(evaluation).rule == "Other"
    (failure,) = evaluation.failures
    assert error in failure.error
    status = run.engine.rules()[0]
    assert (status.health, status.last_error) == (Health.ERR, failure.error)


def test_an_error_leaves_a_firing_alert_as_it_is() -> None:
    run = Run(rules("- {alert: A, expr: 'x * on(i) y > 5'}"))
    run.cycle(9, y=1)
    before = run.engine.alerts()
    run.window.ingest("dup", [("y", (("i", "1"), ("k", k)), 1.0, None) for k in "ab"], run.at + CYCLE)
    assert run.cycle(9, y=1).failures
    assert run.engine.alerts() == before


# Groups and time


def test_groups_keep_their_interval_though_cycles_jitter() -> None:
    run = Run(rules("- {record: a, expr: x}", options="interval: 1m"))
    evaluated = []
    for jitter in (0, 3, -4, 2, -3, 5, 0, -3, -4):
        run.at += jitter
        evaluated.append(run.cycle(1).evaluated)
    assert evaluated == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_time_that_does_not_advance_does_nothing() -> None:
    run = Run(PLAIN)
    run.cycle(9)
    before = run.engine.alerts()
    assert run.engine.evaluate_due(run.at).evaluated == 0
    assert run.engine.alerts() == before


def test_a_standstill_does_not_count_toward_for() -> None:
    run = Run(HIGH)
    run.cycle(9)
    run.at += 8 * 3_600_000
    assert run.cycle(9).alerts == ()
    assert only(run.cycle(9)).reason == "fired"


def test_a_clock_step_changes_no_duration() -> None:
    run = Run(HIGH)
    run.cycle(9)
    run.cycle(9)
    run.engine.rebase(-7_200_000)
    run.window.rebase(-7_200_000)
    run.at -= 7_200_000
    fired = only(run.cycle(9))
    assert (fired.reason, fired.fired_at, fired.since) == ("fired", run.at, run.at - 30_000)


def test_query_offset_reads_and_writes_the_past() -> None:
    run = Run(rules("- {record: a, expr: x}", options="query_offset: 15s"))
    run.cycle(1)
    run.cycle(2)
    assert run.ask("a") == {(("i", "1"),): 1.0}


# Cold start


def test_absent_waits_for_two_cycles() -> None:
    run = Run(rules("- {alert: Gone, expr: absent(y)}\n- {alert: High, expr: x > 5}"), start=Start.COLD)
    evaluation = run.cycle(9)
    assert (only(evaluation).rule, evaluation.waiting) == ("High", 1)
    assert [(waiting.rule, waiting.reason) for waiting in run.engine.waiting()] == [("Gone", WaitsFor.TWO_CYCLES)]
    assert run.engine.rules()[0].health is Health.WAITING
    assert ("Gone", "firing") in [(a.rule, a.state.value) for a in run.cycle(9).alerts]
    assert run.engine.waiting() == []


def test_a_window_waits_for_half_of_itself() -> None:
    run = Run(rules("- {alert: Busy, expr: 'avg_over_time(x[2m]) > 5'}"), start=Start.COLD)
    fired = [bool(run.cycle(9).alerts) for _ in range(5)]
    assert fired == [False, False, False, False, True]
    assert not run.engine.waiting()


def test_what_only_remembers_waits_for_no_window() -> None:
    run = Run(rules("- {record: seen, expr: 'last_over_time(seen[30d]) or x'}"), start=Start.COLD)
    run.cycle(9)
    assert not run.engine.waiting()
    run.cycle(1)
    assert run.ask("seen") == {(("i", "1"),): 9.0}


def test_a_warm_engine_waits_for_nothing() -> None:
    run = Run(rules("- {alert: Busy, expr: 'avg_over_time(x[2m]) > 5'}\n- {alert: Gone, expr: absent(y)}"))
    assert len(run.cycle(9).alerts) == 2


# Reload


def test_reload_keeps_alerts_of_rules_that_stay_move_or_change_their_condition() -> None:
    run = Run(HIGH)
    for _ in range(3):
        run.cycle(9)
    (before,) = run.engine.alerts()
    moved = rules("- {alert: High, expr: x > 4, for: 1h, labels: {severity: page}}", "other.yml", "elsewhere")
    for files in ([HIGH], [moved], [HIGH]):
        run.engine.load(files)
        after = only(run.cycle(9))
        assert (after.state, after.since, after.fired_at) == (AlertState.FIRING, before.since, before.fired_at)
        assert (after.file, after.group) == (files[0].file, files[0].groups[0].name)
    assert len(run.ask("ALERTS")) == 1


def test_reload_ends_the_alerts_and_series_of_a_removed_rule() -> None:
    run = Run(HIGH, rules("- {record: a, expr: x}", "r.yml"))
    for _ in range(3):
        run.cycle(9)
    run.engine.load([])
    gone = only(run.cycle(9))
    assert (gone.state, gone.reason, gone.resolved_at) == (AlertState.INACTIVE, "rule_removed", run.at)
    assert run.ask("ALERTS") == run.ask("a") == {}
    assert run.cycle(9).alerts == ()


def test_two_rules_of_one_name_keep_their_own_alerts() -> None:
    both = rules("- {alert: High, expr: x > 5}\n- {alert: High, expr: y > 5}")
    run = Run(both)
    run.cycle(9, y=1)
    run.engine.load([both])
    assert only(run.cycle(1, y=1)).reason == "recovered"


# Restart


def restarted(run: Run, files: list[RuleFile], downtime: int) -> Run:
    """A new process after ``downtime`` ms, with the alerts of ``run`` as they come out of a store."""
    rows = msgspec.json.decode(msgspec.json.encode(run.engine.snapshot()), type=list[AlertRow])
    fresh = Run(*files, start=Start.COLD)
    fresh.at = run.at + downtime
    fresh.engine.restore(rows, fresh.at, downtime)
    return fresh


def test_restart_looks_like_nothing_happened() -> None:
    run = Run(HIGH)
    for _ in range(3):
        run.cycle(9)
    (before,) = run.engine.alerts()
    fresh = restarted(run, [HIGH], 60_000)
    (kept,) = fresh.engine.alerts()
    assert (kept.state, kept.since, kept.fired_at, kept.labels) == (
        AlertState.FIRING, before.since, before.fired_at, before.labels,
    )  # fmt: skip
    assert only(fresh.cycle(None)).reason == "restored"  # the collector is not there yet
    assert only(fresh.cycle(8)).state is AlertState.FIRING
    assert only(fresh.cycle(1)).reason == "recovered"


def test_a_restored_alert_without_data_is_held_after_the_lookback() -> None:
    run = Run(PLAIN)
    run.cycle(9)
    fresh = restarted(run, [PLAIN], 60_000)
    states = {only(fresh.cycle(None)).state for _ in range(19)}
    assert states == {AlertState.FIRING}
    assert only(fresh.cycle(None)).state is AlertState.NO_DATA


@pytest.mark.parametrize(("downtime", "fires_after"), [(60_000, 2), (3_600_000, 2), (3_600_001, 3), (604_800_000, 3)])
def test_a_pending_alert_goes_on_where_it_was_after_at_most_an_hour(downtime: int, fires_after: int) -> None:
    """It had just become pending; an outage does not count toward the 30 seconds."""
    run = Run(HIGH)
    run.cycle(9)
    fresh = restarted(run, [HIGH], downtime)
    cycles = 1
    while only_reason(fresh.cycle(9)) != "fired":
        cycles += 1
    assert cycles == fires_after


def only_reason(evaluation: Evaluation) -> str:
    return evaluation.alerts[0].reason if evaluation.alerts else ""


def test_a_firing_alert_whose_rule_is_gone_at_restart_ends_by_name() -> None:
    run = Run(PLAIN)
    run.cycle(9)
    fresh = restarted(run, [], 60_000)
    assert len(fresh.engine.snapshot()) == 1
    assert only(fresh.cycle(9)).reason == "rule_removed"


def test_infinity_survives_the_store() -> None:
    run = Run(rules("- {alert: Inf, expr: x / 0 > 5}"))
    run.cycle(9)
    (alert,) = restarted(run, [PLAIN, rules("- {alert: Inf, expr: x / 0 > 5}")], 0).engine.alerts()
    assert alert.value == float("inf")


def test_an_or_side_that_never_had_data_does_not_hold_the_alert_even_after_a_restart() -> None:
    either = rules("- {alert: Either, expr: x > 5 or y > 5}")
    run = Run(either)
    run.cycle(9)
    fresh = restarted(run, [either], 60_000)
    assert only(fresh.cycle(1)).reason == "recovered"
    run = Run(either)
    run.cycle(9, y=1)
    assert only(run.cycle(1, y=None)).state is AlertState.NO_DATA


def test_an_or_side_that_took_the_alert_over_holds_it_when_it_vanishes() -> None:
    run = Run(rules("- {alert: Either, expr: x > 5 or y > 5}"))
    run.cycle(9)
    assert only(run.cycle(1, y=9)).state is AlertState.FIRING
    assert only(run.cycle(1)).state is AlertState.NO_DATA


# What others ask


def test_needs_tell_how_far_back_each_metric_is_read() -> None:
    body = (
        "- {alert: A, expr: 'rate(x[1h] offset 5m) > 1'}\n- {alert: B, expr: 'max_over_time(rate(y[5m])[1d:1m]) > z'}\n"
        "- {alert: C, expr: '{job=\"a\"} > 1', annotations: {t: '{{ query `avg_over_time(w[2h])` | first | value }}'}}"
    )
    needs = Run(rules(body)).engine.needs()
    slack = 300_000 + CYCLE
    hour = 3_600_000
    assert dict(needs) == {
        "x": hour + 300_000 + slack, "y": 24 * hour + 300_000 + slack, "z": 600_000, "w": 2 * hour + slack, "": 600_000,
    }  # fmt: skip


def test_status_tells_what_the_api_shows() -> None:
    run = Run(HIGH, rules("- {record: a, expr: x}", "r.yml"))
    run.cycle(9)
    (group, _) = run.engine.groups()
    alert, record = run.engine.rules()
    assert (group.name, group.interval_seconds, group.evaluated_at) == ("g", 15.0, run.at)
    assert (alert.type, alert.for_seconds, dict(alert.annotations)) == ("alerting", 30.0, {"summary": "{{ $value }}"})
    assert (alert.health, alert.evaluated_at, alert.line, len(alert.alerts)) == (Health.OK, run.at, 5, 1)
    assert (record.type, record.query, record.alerts) == ("recording", "x", ())


def test_a_template_asks_at_the_time_of_the_evaluation_and_its_failure_costs_no_alert() -> None:
    body = (
        "- alert: A\n  expr: x > 5\n  annotations:\n    y: '{{ with query \"y\" }}{{ . | first | value }}{{ end }}'\n"
        "    bad: '{{ query \"sum(\" }}'"
    )
    run = Run(rules(body))
    first = only(run.cycle(9, y=4))
    assert first.annotations["y"] == "4"
    assert first.annotations["bad"].startswith("<error expanding template: line 1: error calling query: ")
    assert only(run.cycle(9, y=5)).annotations["y"] == "5"


def test_when_each_rule_was_evaluated_is_told_by_name() -> None:
    twice = rules(
        "- {alert: Same, expr: x > 5, labels: {n: a}}\n- {alert: Same, expr: 'y * on(i) z > 5', labels: {n: b}}\n"
        "- {alert: Waits, expr: 'absent(q)'}"
    )
    run = Run(twice, start=Start.COLD)
    assert run.engine.evaluated() == {"Same": None, "Waits": None}
    run.cycle(1, y=1, z=1)
    assert run.engine.evaluated() == {"Same": run.at, "Waits": None}
    first = run.at
    run.cycle(1, y=1, z=1)
    assert run.engine.evaluated() == {"Same": run.at, "Waits": run.at}
    run.engine.rebase(-500)
    assert run.engine.evaluated() == {"Same": first + CYCLE - 500, "Waits": first + CYCLE - 500}


@pytest.mark.parametrize("expr", ["x > 5", "x > 5 or y > 5"])
def test_the_end_of_a_storm_is_judged_in_time_that_grows_with_the_alerts_and_not_with_their_square(expr: str) -> None:
    """Judged one by one against all the others, four thousand alerts kept the agent for a minute."""
    run = Run(rules(f"- {{alert: High, expr: {expr}}}"), cpu_ms=5_000)  # a slow machine must not be what fails
    for value in (9.0, 1.0):
        run.at += CYCLE
        series = [(name, (("i", f"{n}"),), value, None) for n in range(4_000) for name in "xy"]
        run.window.ingest("s", series, run.at)
        begin = time.process_time()
        evaluation = run.engine.evaluate_due(run.at)
        assert time.process_time() - begin < 5
        assert not evaluation.failures
        assert len(evaluation.alerts) == 4_000
    assert {(alert.state, alert.reason) for alert in evaluation.alerts} == {(AlertState.INACTIVE, "recovered")}


def test_between_two_rules_others_have_their_turn() -> None:
    run = Run(rules("- {alert: A, expr: x > 5}\n- {alert: B, expr: x > 6}\n- {record: c, expr: x}"))
    run.window.ingest("s", [("x", (), 9.0, None)], run.at)
    work = run.engine.evaluating(run.at)
    turns = []
    for _ in work:
        turns.append([alert.rule for alert in run.engine.alerts()])
    assert turns == [["A"], ["A", "B"], ["A", "B"]]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("count(count_over_time({__name__=~`.+`}[1d:1ms]))", "too many samples"),
        ("(" * 100 + "x" + ")" * 100, "nested deeper"),
        ("x[5m]", "not a vector or scalar"),
        ("x * on () group_left () {__name__=~`x|y`}", "found duplicate series"),
    ],
)
def test_a_query_in_a_template_has_the_limits_of_an_expression(query: str, reason: str) -> None:
    run = Run(rules(f"- {{alert: High, expr: x > 1, annotations: {{a: '{{{{ query \"{query}\" }}}}', b: fine}}}}"))
    evaluation = run.cycle(5, y=1)
    assert [alert.state for alert in run.engine.alerts()] == [AlertState.FIRING]
    annotations = dict(next(iter(run.engine.alerts())).annotations)
    assert annotations["b"] == "fine"
    assert annotations["a"].startswith("<error expanding template: ")
    assert reason in annotations["a"]
    assert evaluation.failures == ()


def test_the_queries_of_all_templates_of_a_rule_share_its_time() -> None:
    busy = '{{ query "count(count_over_time(x[1d:500ms]))" }}'
    texts = ", ".join(f"a{number}: '{busy * 40}'" for number in range(10))
    run = Run(rules(f"- {{alert: High, expr: x > 1, annotations: {{{texts}}}}}"), cpu_ms=50)
    started = time.thread_time()
    run.cycle(5)
    assert time.thread_time() - started < 1  # alone, each of the 400 would have taken its 50 ms
    annotations = dict(next(iter(run.engine.alerts())).annotations)
    assert all("timed out" in text for text in annotations.values())


def test_a_recording_rule_says_when_there_is_no_room_for_its_series() -> None:
    window = SeriesWindow(max_series=2)
    file, _ = parse_rule_file("groups: [{name: g, rules: [{record: r, expr: x}]}]", "t.yml")
    assert file is not None
    engine = Engine(window, interval_ms=15_000, start=Start.WARM)
    engine.load([file])
    window.ingest("s", [("x", (("a", "1"),), 1.0, None), ("x", (("a", "2"),), 1.0, None)], 1_000)
    (failure,) = engine.evaluate_due(1_000).failures
    assert failure.error == "no room for 2 of the 2 series: the storage is full"


def test_a_sum_that_lacks_a_series_for_a_moment_keeps_its_alert_as_it_is() -> None:
    run = Run(rules("- {alert: Many, expr: 'sum({__name__=~\"x|y\"}) > 10'}"))
    run.cycle(9, y=9)
    run.cycle(9, y=9)
    for _ in range(3):
        partial = only(run.cycle(9))
        assert (partial.state, partial.reason) == (AlertState.FIRING, "data_partial")
    assert only(run.cycle(9, y=9)).reason == "firing"
    assert only(run.cycle(9, y=0)).reason == "recovered"
    run.cycle(9, y=9)
    ended = [run.cycle(9).alerts[0].reason for _ in range(20)]  # the source answers: in the end it is gone
    assert ended == ["data_partial"] * 19 + ["recovered"]
