"""The life of rules: what keeps an alert through edits, reloads and restarts, point by point as the reference."""

from __future__ import annotations

import msgspec
import pytest

from rules.alerting import AlertRow
from rules.engine import Engine, Start
from rules.files import RuleFile, parse_rule_file
from rules.model import AlertState, Labels
from rules.promql.compile import compile_expr
from rules.promql.parse import parse
from rules.promql.values import Vector
from rules.series import SeriesWindow

CYCLE = 15_000
MINUTE = 60_000
START = 1_700_000_000_000
A = "- {alert: A, expr: x > 5, for: 10m, labels: {severity: page}}"


def rules(body: str, file: str = "f.yml", group: str = "g", options: str = "") -> RuleFile:
    lines = "".join(f"  {line}\n" for line in body.strip().splitlines())
    loaded, problems = parse_rule_file(f"groups:\n- name: {group}\n  {options}\n  rules:\n{lines}", file)
    assert loaded is not None, problems
    return loaded


class Run:
    def __init__(self, *files: RuleFile, at: int = START) -> None:
        self.window = SeriesWindow()
        self.engine = Engine(self.window, interval_ms=CYCLE, start=Start.WARM)
        self.engine.load(files)
        self.at = at

    def cycles(self, count: int, **values: float) -> list[tuple[str, str]]:
        """The ends and their reasons."""
        ended = []
        for _ in range(count):
            self.at += CYCLE
            self.window.ingest("s", [(name, (("i", "1"),), value, None) for name, value in values.items()], self.at)
            for alert in self.engine.evaluate_due(self.at).alerts:
                if alert.state is AlertState.INACTIVE:
                    ended.append((alert.rule, alert.reason))
        return ended

    def restart(self, *files: RuleFile, outage: int) -> Run:
        rows = msgspec.json.decode(msgspec.json.encode(self.engine.snapshot()), type=list[AlertRow])
        fresh = Run(*files, at=self.at + outage)
        fresh.engine.restore(rows, fresh.at, outage)
        return fresh

    def states(self) -> list[tuple[str, str, int]]:
        return [(each.rule, each.state.value, each.since) for each in self.engine.alerts()]

    def ask(self, expr: str) -> dict[Labels, float]:
        found = compile_expr(parse(expr)).instant(self.window, self.at)
        assert isinstance(found, Vector)
        return {element.labels: element.value for element in found.elements}


OTHER = "- {alert: B, expr: y > 5}\n- {record: r, expr: x}\n"
KEEPS = {
    "unchanged": rules(A),
    "moved within the file": rules(OTHER + A),
    "another group": rules(A, group="renamed"),
    "another file": rules(A, file="renamed.yml"),
    "another interval": rules(A, options="interval: 30s"),
    "another expression": rules(A.replace("x > 5", "x > 4")),
    "other annotations": rules(A.replace("}}", "}, annotations: {summary: new}}")),
    "another keep_firing_for": rules(A.replace("10m,", "10m, keep_firing_for: 1m,")),
}


@pytest.mark.parametrize("edit", KEEPS)
@pytest.mark.parametrize("how", ["reload", "restart"])
def test_an_edit_that_keeps_name_and_labels_keeps_the_alert(edit: str, how: str) -> None:
    run = Run(rules(A))
    run.cycles(10, x=9)
    before = run.states()
    if how == "reload":
        run.engine.load([KEEPS[edit]])
    else:
        run = run.restart(KEEPS[edit], outage=0)
    assert run.cycles(2, x=9) == []
    assert run.states() == before
    assert len(run.ask('ALERTS{alertstate="pending"}')) == len(run.ask("ALERTS")) == 1
    assert list(run.ask("ALERTS_FOR_STATE").values()) == [before[0][2] / 1000]
    run.cycles(28, x=9)
    assert run.states()[0][1] == "pending"
    run.cycles(2, x=9)
    assert run.states() == [("A", "firing", before[0][2])]


@pytest.mark.parametrize("edit", [A.replace("alert: A", "alert: Z"), A.replace("page", "note"), OTHER.strip()])
@pytest.mark.parametrize("how", ["reload", "restart"])
def test_another_name_or_other_labels_are_another_rule(edit: str, how: str) -> None:
    run = Run(rules(A.replace(", for: 10m", "")))
    run.cycles(3, x=9)
    if how == "reload":
        run.engine.load([rules(edit)])
    else:
        run = run.restart(rules(edit), outage=0)
    assert run.cycles(1, x=9) == [("A", "rule_removed")]
    assert all(dict(labels)["alertname"] != "A" or "note" in dict(labels).values() for labels in run.ask("ALERTS"))


@pytest.mark.parametrize("how", ["reload", "restart"])
@pytest.mark.parametrize("group", ["g", "renamed"])
def test_of_rules_with_one_name_each_keeps_its_own(how: str, group: str) -> None:
    """The n-th of a name and labels takes over from the n-th, in their group and when all move to another."""
    two = "- {alert: A, expr: x > 5}\n- {alert: A, expr: y > 5, for: 10m}"
    run = Run(rules(two))
    run.cycles(1, x=1, y=9)
    run.cycles(3, x=9, y=9)
    before = sorted(run.states())
    assert [state for _, state, _ in before] == ["firing", "pending"]
    after = rules(two, group=group)
    if how == "reload":
        run.engine.load([after])
    else:
        run = run.restart(after, outage=0)
    assert run.cycles(1, x=9, y=9) == []
    assert sorted(run.states()) == before
    assert run.cycles(1, x=1, y=9) == [("A", "recovered")]
    assert [state for _, state, _ in run.states()] == ["pending"]


def test_labels_of_the_group_are_part_of_the_rule_and_its_own_win() -> None:
    run = Run(rules(A.replace(", for: 10m", ""), options="labels: {severity: note, team: t}"))
    run.cycles(1, x=9)
    (alert,) = run.engine.alerts()
    assert dict(alert.labels) == {"alertname": "A", "i": "1", "severity": "page", "team": "t"}
    run.engine.load([rules(A.replace(", for: 10m", ""), options="labels: {team: u}")])
    assert run.cycles(1, x=9) == [("A", "rule_removed")]


@pytest.mark.parametrize(
    ("waited", "outage", "left"),
    [(8, 1, 2), (8, 59, 2), (2, 30, 8), (8, 61, 10)],
)
def test_the_time_an_alert_has_waited_survives_an_outage_of_an_hour(waited: int, outage: int, left: int) -> None:
    """Minutes. As in the reference the outage itself does not count; there, at least ten would be left."""
    run = Run(rules(A))
    run.cycles(waited * 4 + 1, x=9)
    fresh = run.restart(rules(A), outage=outage * MINUTE)
    cycles = 0
    while not fresh.states() or fresh.states()[0][1] != "firing":
        fresh.cycles(1, x=9)
        cycles += 1
    assert left * 4 - 1 <= cycles <= left * 4 + 1


def test_keep_firing_goes_on_after_a_restart() -> None:
    body = rules("- {alert: A, expr: x > 5, keep_firing_for: 5m}")
    run = Run(body)
    run.cycles(1, x=9)
    run.cycles(13, x=1)
    fresh = run.restart(body, outage=0)
    assert fresh.cycles(7, x=1) == []
    assert fresh.cycles(1, x=1) == [("A", "recovered")]


def test_a_clock_behind_the_former_process_does_not_make_an_alert_wait_for_ever() -> None:
    """A machine without a clock of its own comes up days in the past: what was last becomes now."""
    run = Run(rules(A))
    run.cycles(9, x=9)
    rows = run.engine.snapshot()
    fresh = Run(rules(A), at=START - 9 * 86_400_000)
    fresh.engine.restore(rows, fresh.at, 0)
    fresh.cycles(31, x=9)
    assert fresh.states()[0][1] == "pending"
    fresh.cycles(2, x=9)
    assert fresh.states()[0][1] == "firing"


def test_a_slow_group_keeps_its_alerts_between_its_evaluations() -> None:
    run = Run(rules("- {alert: A, expr: x > 5}\n- {record: r, expr: x}", options="interval: 1m"))
    run.cycles(1, x=9)
    at = run.at
    assert run.states() == [("A", "firing", at)]
    for value in (1, 2, 3):
        assert run.cycles(1, x=value) == []
        assert run.ask("r") == {(("i", "1"),): 9.0}  # and what it recorded is there meanwhile
    assert run.cycles(1, x=4) == [("A", "recovered")]
    assert run.ask("r") == {(("i", "1"),): 4.0}


def test_over_the_limit_nothing_changes_and_within_it_all_goes_on() -> None:
    """The reference forgets all alerts of the rule: to an incident that would look like a recovery."""
    body = """- {alert: A, expr: 'x > 5 or label_replace(y, "i", "2", "", "") > 5', for: 30s}"""
    run = Run(rules(body, options="limit: 1"))
    run.cycles(3, x=9, y=1)
    before = run.states()
    assert run.cycles(5, x=9, y=9) == []
    assert run.states() == before
    assert "exceeded limit" in run.engine.rules()[0].last_error
    assert run.cycles(1, x=9, y=1) == []
    assert run.states() == before
    assert run.engine.rules()[0].last_error == ""


def test_query_offset_asks_and_writes_in_the_past_and_counts_for_in_the_present() -> None:
    run = Run(rules("- {alert: A, expr: x > 5, for: 30s}", options="query_offset: 1m"))
    run.cycles(4, x=9)
    assert run.states() == []
    run.cycles(1, x=9)
    assert run.states() == [("A", "pending", run.at)]
    assert run.ask("ALERTS offset 61s") == {}
    assert len(run.ask("ALERTS offset 1m")) == 1
    run.cycles(2, x=9)
    assert run.states()[0][1] == "firing"


def test_what_a_rule_recorded_from_its_own_past_is_worth_keeping() -> None:
    run = Run(rules("- {record: seen, expr: x == 1 or seen}\n- {alert: A, expr: 'deriv(deep[2h]) > seen'}"))
    assert run.engine.long_reads() == {"seen", "deep"}
