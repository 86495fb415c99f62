"""The example packs: complete, tested down to the ticket, explained, and without a finding of the checks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.cli import main
from agent.config import packs
from agent.config.load import load
from rules import api
from rules.evidence import Evidence
from rules.files import AlertingRule, read_rule_file

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "rules/packs/examples"
EXAMPLES = ("office", "production-line", "transactions")
ANNOTATIONS = {"summary", "description", "summary_zh", "description_zh", "runbook_url"}


def alerts(name: str) -> list[dict[str, Any]]:
    source = yaml.safe_load((FOLDER / f"{name}.rules.yml").read_text(encoding="utf-8"))
    return [rule for group in source["groups"] for rule in group["rules"] if "alert" in rule]


def test_each_example_has_its_four_files_and_nothing_else_is_there() -> None:
    kinds = ("rules.yml", "test.yml", "scenarios.yml", "yaml")
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.{kind}" for name in EXAMPLES for kind in kinds}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_a_pack_whose_configuration_loads_without_a_finding(name: str) -> None:
    assert name in packs.available()
    loaded = load(FOLDER / f"{name}.yaml")
    assert loaded.problems == ()
    assert loaded.config is not None
    assert name in loaded.config.rules.packs


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_alert_is_tested_explained_and_can_show_recovery(name: str) -> None:
    tests = yaml.safe_load((FOLDER / f"{name}.test.yml").read_text(encoding="utf-8"))["tests"]
    page = (ROOT / f"docs/examples/{name}.md").read_text(encoding="utf-8")
    for alert in alerts(name):
        checks = [
            (test["name"], check)
            for test in tests
            for check in test["alert_rule_test"]
            if check["alertname"] == alert["alert"]
        ]
        fired = {one["exp_labels"]["severity"] for _, check in checks for one in check["exp_alerts"]}
        assert alert["labels"]["severity"] in fired, alert["alert"]
        assert any("stays quiet" in title and not check["exp_alerts"] for title, check in checks), alert["alert"]
        assert set(alert["annotations"]) == ANNOTATIONS, alert["alert"]
        assert alert["annotations"]["runbook_url"] == f"docs/examples/{name}.md#{alert['alert'].lower()}"
        assert re.search(rf"^### {alert['alert']}$", page, re.MULTILINE), alert["alert"]
    file, _ = read_rule_file(FOLDER / f"{name}.rules.yml")
    assert file is not None
    rules = [rule for group in file.groups for rule in group.rules if isinstance(rule, AlertingRule)]
    assert [rule.name for rule in rules if not Evidence(rule.expr).possible] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_our_runner_accepts_its_tests(name: str) -> None:
    report = api.run_test_file(FOLDER / f"{name}.test.yml")
    assert report.passed, str(report)


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_scenarios_end_in_the_right_tickets(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["test", str(FOLDER / f"{name}.scenarios.yml")])
    assert status == 0, capsys.readouterr().out


@pytest.mark.server("promtool")
@pytest.mark.parametrize("name", EXAMPLES)
def test_promtool_accepts_it(require: Callable[[str], Path], name: str) -> None:
    for command in (["check", "rules", f"{name}.rules.yml"], ["test", "rules", f"{name}.test.yml"]):
        done = subprocess.run([str(require("promtool")), *command], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
