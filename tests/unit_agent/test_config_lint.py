from __future__ import annotations

import pytest

from agent.config.lint import lint
from agent.config.load import load
from agent.config.schema import Config
from rules.api import RuleFile, parse_rule_file

TEXTS = "annotations: {summary: s, runbook_url: r}"


@pytest.fixture(scope="module")
def config() -> Config:
    found = load(None).config
    assert found is not None
    return found


def rules(*lines: str) -> RuleFile:
    text = "groups:\n  - name: g\n    rules:\n" + "".join(f"      - {{{line}}}\n" for line in lines)
    found, problems = parse_rule_file(text, "r.yml")
    assert found is not None, problems
    return found


def checks(file: RuleFile, config: Config, known: tuple[RuleFile, ...] = ()) -> list[str]:
    return [f"{p.line} {p.check}" for p in lint([file], config, known)]


def test_the_shipped_packs_raise_no_warning(config: Config) -> None:
    loaded = load(None)
    assert [str(problem) for problem in lint(loaded.rules, config)] == []


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ("node_load1 > 1", []),
        ("node_laod1 > 1", ["4 rule/metric"]),
        ("sum by (a) (rate(node_cpu_seconds_total[1m])) / count(node_nope) > 1", ["4 rule/metric"]),
        ('{__name__=~"anything.*"} > 1', []),
        ('{__name__="node_nope"} > 1', ["4 rule/metric"]),
        ("up == 0", []),
        ("tocsin_backend_up == 0", []),
        ("node_memory_Active_anon_bytes > 1", []),
        ("node_scrape_collector_success == 0", []),
        ("rate(node_context_switches_total[37s]) > 1", ["4 rule/window"]),
        ("rate(node_context_switches_total[38s]) > 1", []),
        ("max_over_time(node_load1[20s:5s]) > 1", []),
        ("node_load1", ["4 rule/evidence"]),
        ("absent(node_load1)", []),
        ("rate(node_nope[5s])", ["4 rule/metric", "4 rule/window", "4 rule/evidence"]),
    ],
)
def test_alerts(config: Config, expr: str, found: list[str]) -> None:
    assert checks(rules(f"alert: A, expr: '{expr}', {TEXTS}"), config) == found


def test_texts_are_wanted_of_alerts_only(config: Config) -> None:
    file = rules("alert: A, expr: 'up == 0'", "record: a:b, expr: node_load1")
    assert checks(file, config) == ["4 rule/annotation", "4 rule/annotation"]


def test_recorded_metrics_are_known_also_from_other_files(config: Config) -> None:
    user = rules(f"alert: A, expr: 'a:b > 1', {TEXTS}")
    assert checks(user, config) == ["4 rule/metric"]
    assert checks(user, config, (rules("record: a:b, expr: node_load1"),)) == []


def test_a_hint_names_what_was_probably_meant(config: Config) -> None:
    (problem,) = lint([rules(f"alert: A, expr: 'node_memory_MemAvailble_bytes > 1', {TEXTS}")], config)
    assert problem.hint == "did you mean 'node_memory_MemAvailable_bytes'?"
