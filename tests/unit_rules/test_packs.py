"""The shipped rule packs: complete, tested, explained, built on metrics that exist, and able to show recovery."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pack_series import minutes_ms, window

from agent.own_metrics import OWN_METRICS
from collectors import api as collectors
from rules import api
from rules.evidence import Evidence
from rules.files import AlertingRule, RecordingRule, RuleFile, read_rule_file
from rules.look import Truth

ROOT = Path(__file__).resolve().parents[2]
PACKS = sorted(path.name.removesuffix(".rules.yml") for path in (ROOT / "rules/packs").glob("*.rules.yml"))

ANNOTATIONS = {"summary", "description", "summary_zh", "description_zh", "runbook_url", "runbook_url_zh"}
SEVERITIES = {"critical", "warning", "info"}
CATEGORIES = {"hardware", "software", "network", "system", "facility", "security"}
FRAME_METRICS = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "node_scrape_collector_duration_seconds", "node_scrape_collector_success",
}  # fmt: skip
RUNBOOKS = ROOT / "docs/runbooks"
SHORTEST_WINDOW_MS = 60_000  # 2.5 collections of 15 s, rounded up
REMEMBERS_THE_PAST = {"HostFilesystemReadOnly", "HostNetworkLinkLost", "SnmpUplinkDown"}
"""Quiet for ever until the machine was once seen well: their recovery has tests of its own in the pack."""


TEXT_FILES = {
    *("smartmon_device_smart_healthy", "smartmon_current_pending_sector_raw_value"),
    *("smartmon_reallocated_sector_ct_raw_value", "smartmon_udma_crc_error_count_raw_value"),
    *("smartctl_device_smart_status", "smartctl_device_critical_warning", "smartctl_device_media_errors"),
    *("smartctl_device_available_spare", "smartctl_device_available_spare_threshold"),
    *("smartctl_device_percentage_used", "smartctl_device_temperature"),
    *("nvme_critical_warning_total", "nvme_available_spare_ratio", "nvme_available_spare_threshold_ratio"),
    *("nvme_percentage_used_ratio", "nvme_media_errors_total"),
    *("megaraid_failed", "megaraid_degraded", "megaraid_battery_backup_healthy", "megaraid_pd_predictive_errors"),
    *("ipmi_temperature_state", "ipmi_fan_speed_state", "ipmi_voltage_state", "ipmi_power_state", "ipmi_sensor_state"),
    *("ipmi_chassis_drive_fault_state", "ipmi_chassis_cooling_fault_state", "ipmi_sel_free_space_bytes"),
}
"""Names that scripts and exporters give, which write them to a file: smartmon.sh, nvme_metrics.sh and storcli.py of
Debian's prometheus-node-exporter-collectors, smartctl_exporter, ipmi_exporter.
"""


@dataclass(frozen=True)
class Alert:
    """An alerting rule, read by us, and the same entry as it stands in the file."""

    rule: AlertingRule
    entry: dict[str, Any]

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def severity(self) -> str:
        return str(self.entry["labels"]["severity"])


@dataclass(frozen=True)
class Pack:
    file: RuleFile
    alerts: tuple[Alert, ...]
    tests: list[dict[str, Any]]

    @property
    def recorded(self) -> set[str]:
        return {rule.name for group in self.file.groups for rule in group.rules if isinstance(rule, RecordingRule)}

    def checks(self, alert: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each test of the alert, with the check of it."""
        for test in self.tests:
            for check in test["alert_rule_test"]:
                if check["alertname"] == alert:
                    yield test, check


def load(name: str) -> Pack:
    folder = ROOT / "rules/packs"
    file, problems = read_rule_file(folder / f"{name}.rules.yml")
    assert problems == []
    assert file is not None
    source = yaml.load((folder / f"{name}.rules.yml").read_text(), yaml.CSafeLoader)
    entries = [entry for group in source["groups"] for entry in group["rules"] if "alert" in entry]
    rules = [rule for group in file.groups for rule in group.rules if isinstance(rule, AlertingRule)]
    alerts = tuple(Alert(rule, entry) for rule, entry in zip(rules, entries, strict=True))
    assert all(alert.name == alert.entry["alert"] for alert in alerts)
    return Pack(file, alerts, yaml.load((folder / f"{name}.test.yml").read_text(), yaml.CSafeLoader)["tests"])


@pytest.fixture(scope="module", params=PACKS)
def pack(request: pytest.FixtureRequest) -> Pack:
    return load(request.param)


def nodes(value: object) -> Iterator[object]:
    """Every node of an expression."""
    if isinstance(value, tuple):
        for part in value:
            yield from nodes(part)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from nodes(getattr(value, field.name))


LEAST = {"host": 100, "host-extra": 16, "hardware": 30, "self": 15, "probe": 20, "snmp": 77}


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_the_pack_is_there(name: str, least: int) -> None:
    assert name in PACKS
    assert len({alert.name for alert in load(name).alerts}) >= least


def test_every_alert_says_all_that_a_ticket_needs(pack: Pack) -> None:
    for alert in pack.alerts:
        labels = alert.entry["labels"]
        assert set(alert.entry["annotations"]) == ANNOTATIONS, alert.name
        assert set(labels) == {"severity", "component", "category"}, alert.name
        assert labels["severity"] in SEVERITIES, alert.name
        assert labels["category"] in CATEGORIES, alert.name


def test_rules_of_one_name_are_grades_of_one_fault(pack: Pack) -> None:
    grades = Counter((alert.name, alert.severity) for alert in pack.alerts)
    assert [grade for grade, times in grades.items() if times > 1] == []


def test_every_alert_has_a_test_where_it_fires_and_one_where_it_stays_quiet(pack: Pack) -> None:
    for alert in pack.alerts:
        fired = [expected for _, check in pack.checks(alert.name) for expected in check["exp_alerts"]]
        assert alert.severity in {one["exp_labels"]["severity"] for one in fired}, f"{alert.name} never fires"
        quiet = [test["name"] for test, check in pack.checks(alert.name) if not check["exp_alerts"]]
        assert any("stays quiet" in name for name in quiet), f"{alert.name} has no test where it stays quiet"


def test_every_alert_has_a_runbook(pack: Pack) -> None:
    for alert in pack.alerts:
        page = f"docs/runbooks/{alert.name}.md"
        assert alert.entry["annotations"]["runbook_url"] == page
        assert alert.entry["annotations"]["runbook_url_zh"] == f"{page}#含义"
        text = (RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {alert.name}\n")
        for heading in ("## Meaning", "## See it", "## Mend it", "## 含义", "## 查看", "## 处理"):
            assert f"\n{heading}\n" in text, f"{alert.name}.md: {heading}"


def test_no_runbook_is_about_an_alert_that_is_gone() -> None:
    known = {alert.name for name in PACKS for alert in load(name).alerts}
    pages = {path.stem for path in RUNBOOKS.glob("*.md")}
    assert pages - known == {"README", "SloBudgetBurn"}  # the latter is of alerts made from the configuration
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert {page for page in known if f"({page}.md)" not in index} == set()


def test_every_metric_is_one_a_collector_declares(pack: Pack) -> None:
    declared = {metric.name for name in collectors.available() for metric in collectors.load(name).METRICS}
    of_targets = {metric.name for kind in collectors.target_kinds() for metric in collectors.load_targets(kind).METRICS}
    own = {metric.name for metric in OWN_METRICS} | pack.recorded
    known = declared | of_targets | FRAME_METRICS | TEXT_FILES | own
    for group in pack.file.groups:
        for rule in group.rules:
            used = {
                matcher.value
                for node in nodes(rule.expr)
                if isinstance(node, api.VectorSelector)
                for matcher in node.matchers
                if matcher.name == "__name__"
            }
            assert used, rule.name
            assert used <= known, f"{rule.name}: {used - known}"


def test_every_window_holds_enough_collections(pack: Pack) -> None:
    for alert in pack.alerts:
        for node in nodes(alert.rule.expr):
            window = getattr(node, "range", None)
            assert window is None or window >= SHORTEST_WINDOW_MS, alert.name


def at(test: dict[str, Any], check: dict[str, Any]) -> tuple[api.SeriesWindow, int]:
    """The data of a test at the time of one of its checks."""
    now = minutes_ms(check["eval_time"])
    return window(test, now), now


def test_good_data_shows_recovery_and_missing_data_does_not(pack: Pack) -> None:
    """For each alert: on the data of its quiet test the condition is known to be false, without data it is unknown."""
    nothing = api.SeriesWindow()
    for alert in pack.alerts:
        bad, checked, fired = next(
            (test, check, expected["exp_labels"])
            for test, check in pack.checks(alert.name)
            for expected in check["exp_alerts"]
            if expected["exp_labels"]["severity"] == alert.severity
        )
        element = tuple(sorted(pair for pair in fired.items() if pair[0] not in alert.entry["labels"]))
        evidence = Evidence(alert.rule.expr)
        assert evidence.possible, alert.name
        branches = evidence.at(*at(bad, checked), api.EvalOptions()).branches(element)
        assert evidence.at(nothing, 0, api.EvalOptions()).verdict(element).truth is Truth.UNKNOWN, alert.name
        if alert.name in REMEMBERS_THE_PAST:
            continue
        verdicts = set()
        for test, check in pack.checks(alert.name):
            if "stays quiet" in test["name"]:
                verdicts.add(evidence.at(*at(test, check), api.EvalOptions()).verdict(element, branches).truth)
        assert Truth.FALSE in verdicts, f"{alert.name}: {verdicts}"


def apart(name: str, folder: Path) -> list[str]:
    """The tests of a pack in files of which each loads only the groups that its tests are about.

    promtool evaluates every rule of a file at each step of each test, so a pack in one file costs the square of its
    size: twice the time at a hundred alerts.
    """
    rules = yaml.load((ROOT / f"rules/packs/{name}.rules.yml").read_text(), yaml.CSafeLoader)
    source = yaml.load((ROOT / f"rules/packs/{name}.test.yml").read_text(), yaml.CSafeLoader)
    homes: dict[str, set[str]] = {}
    for group in rules["groups"]:
        for rule in group["rules"]:
            homes.setdefault(rule.get("alert", ""), set()).add(group["name"])
    recording = homes.pop("", set())  # anybody may read what they record
    tests: dict[frozenset[str], list[Any]] = {}
    for test in source["tests"]:
        about = (homes[check["alertname"]] for check in test["alert_rule_test"])
        tests.setdefault(frozenset().union(recording, *about), []).append(test)
    files = []
    for number, (groups, some) in enumerate(tests.items()):
        wanted = [group for group in rules["groups"] if group["name"] in groups]
        own = {"rules": {"groups": wanted}, "test": source | {"rule_files": [f"{number}.rules.yml"], "tests": some}}
        for kind, part in own.items():
            (folder / f"{number}.{kind}.yml").write_text(yaml.dump(part, Dumper=yaml.CSafeDumper, allow_unicode=True))
        files.append(f"{number}.test.yml")
    return files


@pytest.mark.server("promtool")
@pytest.mark.parametrize("name", PACKS)
def test_promtool_accepts_the_pack(require: Callable[[str], Path], name: str, tmp_path: Path) -> None:
    shipped = ROOT / f"rules/packs/{name}.rules.yml"
    for command in (["check", "rules", str(shipped)], ["test", "rules", *apart(name, tmp_path)]):
        done = subprocess.run([str(require("promtool")), *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PACKS)
def test_our_runner_accepts_the_pack(name: str) -> None:
    report = api.run_test_file(ROOT / f"rules/packs/{name}.test.yml")
    assert report.passed, str(report)
