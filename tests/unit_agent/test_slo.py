"""Objectives to rules: the rules fire on a real burn in time, stay quiet at the objective, leave planned time out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config.load import load
from agent.config.slo import Planned, Slo, Weekday, Weekly
from agent.config.slo_checks import calendars
from agent.config.slo_rules import slo_file, slo_text
from agent.objectives import objective_rows
from rules.api import (
    Alert,
    AlertState,
    Engine,
    EvalOptions,
    SeriesWindow,
    Start,
    Vector,
    compile_expr,
    parse,
    parse_rule_file,
    run_test_file,
)

INTERVAL = 15_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WEEKLY = Planned(weekly=(Weekly(weekdays=(Weekday.MONDAY,), start_time="01:00", end_time="02:00"),))
SHOP = Slo(name="shop", service="web-shop", good='shop_requests_total{code!="500"}', total="shop_requests_total")
WEB = Slo(name="web", indicator='up{job="web"}')
DOWN_AT_NIGHT = Slo(name="night", indicator='up{job="web"}', planned=WEEKLY)
REPORT = '{service="web-shop", slo="shop", window="30d"}'

SCENARIOS = f"""\
rule_files: [slo.rules.yml]
evaluation_interval: 1m
tests:
  - name: "a tenth fails after two good hours: it takes 8.64 minutes until an hour's share is 1.44%"
    interval: 15s
    input_series:
      - {{series: 'shop_requests_total{{code="200"}}', values: "1000000+100x480 1048090+90x160"}}
      - {{series: 'shop_requests_total{{code="500"}}', values: "1000000x480 1000010+10x160"}}
    promql_expr_test:
      - {{eval_time: 1h59m, expr: 'slo:events:total{{slo="shop"}}', exp_samples: [{{labels: 'slo:events:total{{slo="shop"}}', value: 47600}}]}}
      - {{eval_time: 1h59m, expr: 'slo:availability:ratio{{slo="shop"}}', exp_samples: [{{labels: 'slo:availability:ratio{REPORT}', value: 1}}]}}
      - {{eval_time: 1h59m, expr: 'slo:error_budget:remaining{{slo="shop"}}', exp_samples: [{{labels: 'slo:error_budget:remaining{REPORT}', value: 1}}]}}
      - {{eval_time: 1h59m, expr: 'slo:objective:ratio{{slo="shop"}}', exp_samples: [{{labels: 'slo:objective:ratio{REPORT}', value: 0.999}}]}}
      - {{eval_time: 2h7m, expr: 'count(ALERTS{{slo="shop", severity="critical"}})', exp_samples: []}}
      - {{eval_time: 2h10m, expr: 'count(ALERTS{{slo="shop", severity="critical"}})', exp_samples: [{{labels: '{{}}', value: 1}}]}}
  - name: "a service that is down for good"
    interval: 15s
    input_series: [{{series: 'up{{job="web"}}', values: "1x480 0x160"}}]
    promql_expr_test:
      - {{eval_time: 2h2m, expr: 'count(ALERTS{{alertname="SloBudgetBurn-web", severity="critical"}})', exp_samples: [{{labels: '{{}}', value: 1}}]}}
      - {{eval_time: 2h, expr: 'count(ALERTS{{alertname="SloBudgetBurn-web", severity="critical"}})', exp_samples: []}}
  - name: "nine of ten thousand fail for seven hours: within the objective"
    interval: 15s
    input_series:
      - {{series: 'shop_requests_total{{code="200"}}', values: "1000000+9991x1680"}}
      - {{series: 'shop_requests_total{{code="500"}}', values: "1000000+9x1680"}}
    promql_expr_test:
      - {{eval_time: 7h, expr: 'round(slo:sli_error:ratio_rate6h{{slo="shop"}}, 0.0001)', exp_samples: [{{labels: '{{slo="shop"}}', value: 0.0009}}]}}
    alert_rule_test:
      - {{eval_time: 7h, alertname: SloBudgetBurn-shop, exp_alerts: []}}
  - name: "down in planned time only: neither counted nor alarmed"
    interval: 15s
    input_series:
      - {{series: 'up{{job="web"}}', values: "1x240 0x240 1x240"}}
      - {{series: 'tocsin_slo_planned{{slo="night", job="tocsin"}}', values: "0x238 1x244 0x238"}}
    promql_expr_test:
      - {{eval_time: 1h30m, expr: 'slo:events:minute{{slo="night"}}', exp_samples: []}}
      - {{eval_time: 3h, expr: 'slo:errors:total{{slo="night"}}', exp_samples: [{{labels: 'slo:errors:total{{slo="night"}}', value: 0}}]}}
    alert_rule_test:
      - {{eval_time: 1h30m, alertname: SloBudgetBurn-night, exp_alerts: []}}
      - {{eval_time: 3h, alertname: SloBudgetBurn-night, exp_alerts: []}}
"""  # noqa: E501 - one sample, one line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slo.rules.yml").write_text(slo_text([SHOP, WEB, DOWN_AT_NIGHT], INTERVAL), encoding="utf-8")
    (tmp_path / "slo.test.yml").write_text(SCENARIOS, encoding="utf-8")
    return tmp_path


def test_the_scenarios_hold(folder: Path) -> None:
    report = run_test_file(folder / "slo.test.yml")
    assert report.passed, str(report)


@pytest.mark.server("promtool")
def test_the_scenarios_hold_in_prometheus(require: Callable[[str], Path], folder: Path) -> None:
    for command in (["check", "rules", "slo.rules.yml"], ["test", "rules", "slo.test.yml"]):
        done = subprocess.run([str(require("promtool")), *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


class Agent:
    """The rules of objectives in an engine, fed every fifteen seconds."""

    def __init__(self, *slos: Slo) -> None:
        self.window = SeriesWindow()
        self.engine = Engine(self.window, interval_ms=INTERVAL, start=Start.WARM)
        self.engine.load([slo_file(slos, INTERVAL, "/etc/tocsin/tocsin.yaml", lambda n: (n + 1, 1))])
        self.at = 1_700_000_000_000 // HOUR * HOUR

    def run(self, minutes: int, **values: float | None) -> None:
        for _ in range(minutes * 4):
            self.step(**values)

    def step(self, **values: float | None) -> None:
        self.at += INTERVAL
        samples = [(name, (("job", "web"),), float(v), None) for name, v in values.items() if v is not None]
        self.window.ingest("s", samples, self.at)
        self.engine.evaluate_due(self.at)

    def value(self, expr: str) -> float | None:
        found = compile_expr(parse(expr)).instant(self.window, self.at, EvalOptions())
        assert isinstance(found, Vector)
        return found.elements[0].value if found.elements else None

    def alerts(self) -> Mapping[str, Alert]:
        return {dict(alert.labels)["severity"]: alert for alert in self.engine.alerts()}


def test_a_burn_is_over_on_evidence_only() -> None:
    agent = Agent(WEB)
    agent.run(70, up=1)
    assert agent.alerts() == {}
    agent.run(15, up=0)
    assert agent.alerts()["critical"].state is AlertState.FIRING
    agent.run(40, up=None)
    assert agent.alerts()["critical"].state is AlertState.NO_DATA
    agent.run(45, up=1)
    assert "critical" not in agent.alerts()


def test_the_alert_says_what_a_ticket_needs_in_both_languages() -> None:
    agent = Agent(WEB)
    agent.run(60, up=1)
    agent.run(60, up=0)
    alert = agent.alerts()["critical"]
    assert dict(alert.labels) == {
        "alertname": "SloBudgetBurn-web", "slo": "web", "severity": "critical", "component": "service",
        "category": "software",
    }  # fmt: skip
    texts = alert.annotations
    assert texts["description"].startswith("98.75% was bad lately; the objective of 99.9% over 30d allows 0.1%. ")
    assert texts["description"].endswith("Left of the budget: 0%.")
    assert "而目标（30d 内 99.9%）只允许 0.1%。错误预算剩余 0%。" in texts["description_zh"]
    assert texts["runbook_url_zh"].startswith(texts["runbook_url"] + "#")


def test_a_counter_of_ours_survives_a_long_outage_by_its_hourly_note() -> None:
    agent = Agent(WEB)
    for kind, value in (("events", 86_400.0), ("errors", 432.0)):
        agent.window.append(f"slo:{kind}:hourly", (("slo", "web"),), agent.at - 2 * DAY, value)
    agent.run(3, up=1)
    assert agent.value("slo:errors:total") == 432.0
    assert agent.value("slo:events:total") == pytest.approx(86_400 + 180, abs=60)
    assert agent.value("slo:availability:ratio") == pytest.approx(1 - 432 / 86_580, abs=1e-5)


def test_the_status_says_how_each_objective_stands() -> None:
    agent = Agent(WEB, SHOP)
    agent.run(998, up=1)
    agent.run(1, up=0)
    agent.run(1, up=1)
    web, shop = objective_rows((WEB, SHOP), {}, agent.window, agent.at)
    assert web["availability"] == pytest.approx(99.9, abs=0.01)
    assert web["budget_left"] == pytest.approx(0.0, abs=0.05)
    assert (shop["service"], shop["availability"], shop["budget_left"]) == ("web-shop", None, None)


@pytest.mark.parametrize("late", range(4))
def test_an_event_is_counted_once_wherever_it_falls_in_its_minute(late: int) -> None:
    agent = Agent(SHOP)
    agent.run(3, shop_requests_total=1000.0)
    for _ in range(late):
        agent.step(shop_requests_total=1000.0)
    agent.run(3, shop_requests_total=1100.0)
    assert agent.value("slo:events:total") == pytest.approx(100)


@pytest.mark.parametrize(
    "entry",
    [
        "indicator: 'up offset 5m'", "indicator: 'up @ 0'", 'indicator: "up # comment"', 'indicator: "up\\n"',
        "indicator: 'up and on () vector(1)'", "indicator: 'up[5m]'", "indicator: '{__name__=~\"up|down\"}'",
        "indicator: up, labels: {team: '{{ shop'}, service: '{{ $x }}'", "indicator: up, labels: {team: \"it's\"}",
        "indicator: 'up) or (up'", "good: 'a{b=\"it''s\"}', total: a", "good: \"a # x\", total: a",
        "good: up, total: 'up @ end()'",
    ],
)  # fmt: skip
def test_whatever_is_written_is_a_rule_or_a_mistake(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text(f"slo:\n  - {{name: a, {entry}}}\n")
    loaded = load(path)
    assert (loaded.config is None) == bool(loaded.errors)
    if loaded.config is not None:
        assert "slo:a" in {group.name for file in loaded.rules for group in file.groups}
    assert all(problem.line == 2 for problem in loaded.problems)


def test_without_traffic_nothing_is_counted() -> None:
    agent = Agent(SHOP)
    agent.run(10, shop_requests_total=5.0)
    assert agent.value("slo:events:total") == 0.0
    assert agent.value("slo:sli_error:ratio_rate5m") is None
    assert agent.value("slo:availability:ratio") is None


def test_the_window_moves_on(tmp_path: Path) -> None:
    """Ten hours of failure eight days ago are forgotten by a window of seven days, and remembered before."""
    slo = Slo(name="x", indicator="up", window=7 * DAY)
    groups: dict[str, Any] = yaml.safe_load(slo_text([slo], INTERVAL))
    rules = [rule for group in reversed(groups["groups"]) for rule in group["rules"]]
    wanted = (
        "slo:events:hourly",
        "slo:errors:hourly",
        "slo:events:start",
        "slo:errors:start",
        "slo:events:window",
        "slo:errors:window",
        "slo:availability:ratio",
    )
    kept = [rule for rule in rules if rule.get("record") in wanted]
    text = yaml.safe_dump({"groups": [{"name": "g", "interval": "1h", "rules": kept}]})
    (tmp_path / "g.yml").write_text(text)
    (tmp_path / "g.test.yml").write_text("""\
rule_files: [g.yml]
evaluation_interval: 1h
tests:
  - interval: 1h
    input_series:
      - {series: 'slo:events:total{slo="x"}', values: "0+3600x250"}
      - {series: 'slo:errors:total{slo="x"}', values: "0x10 360+360x9 3600x230"}
    promql_expr_test:
      - {eval_time: 100h, expr: 'slo:availability:ratio', exp_samples: [{labels: 'slo:availability:ratio{slo="x", window="7d"}', value: 0.99}]}
      - {eval_time: 240h, expr: 'slo:availability:ratio', exp_samples: [{labels: 'slo:availability:ratio{slo="x", window="7d"}', value: 1}]}
""")  # noqa: E501 - one sample, one line
    assert parse_rule_file(text, "g.yml")[1] == []
    report = run_test_file(tmp_path / "g.test.yml")
    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("objective", "window", "limits"),
    [
        (99.9, 30, ["0.0144", "0.006", "0.003", "0.001"]),
        (99.9, 7, ["0.00336", "0.0014", "0.001", "0.001"]),
        (90.0, 30, ["0.6", "0.3", "0.1"]),  # not even a total failure burns a tenth 14.4 times as fast
        (50.0, 90, []),
    ],
)
def test_the_factors_are_shares_of_the_budget(objective: float, window: int, limits: list[str]) -> None:
    text = slo_text([Slo(name="x", indicator="up", objective=objective, window=window * DAY)], INTERVAL)
    found = [
        line.split(" > ")[1].split(" ")[0] for line in text.splitlines() if "ratio_rate" in line and " and " in line
    ]
    assert found == limits


def test_they_stand_where_the_objective_does(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text("slo:\n  - {name: a, indicator: up}\n  - name: b\n    indicator: up\n")
    loaded = load(path)
    assert loaded.problems == ()
    (file,) = (file for file in loaded.rules if file.file == str(path))
    places = {group.name: {(rule.line, rule.column) for rule in group.rules} for group in file.groups}
    assert places == {"slo:a": {(2, 5)}, "slo:a:hourly": {(2, 5)}, "slo:b": {(3, 5)}, "slo:b:hourly": {(3, 5)}}


def test_planned_time_is_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text("""\
slo:
  - name: a
    indicator: up
    planned:
      location: Europe/Berlin
      weekly: [{weekdays: [sunday], start_time: "23:00", end_time: "01:30"}]
      dated: [{start: 2026-03-29 01:00, end: 2026-03-29 04:00}]
""")
    loaded = load(path)
    assert loaded.config is not None, loaded.problems
    (calendar,) = calendars(loaded.config.slo).values()
    # 29 March 2026 is a Sunday; at 01:00 UTC clocks in Berlin go from 02:00 to 03:00. Times below are UTC.
    moments = {
        "28 23:59": 1774742340, "29 00:00": 1774742400, "29 01:59": 1774749540, "29 02:00": 1774749600,
        "29 20:59": 1774817940, "29 21:00": 1774818000, "29 23:29": 1774826940, "29 23:30": 1774827000,
    }  # fmt: skip
    assert [calendar.planned(at * 1000) for at in moments.values()] == [
        False,
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
