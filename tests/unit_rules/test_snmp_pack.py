"""The pack snmp against what devices say: the shipped profiles, recorded devices, renumbered ports, slow polls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import snmp_pack
import yaml
from pack_series import RETENTION_MS, minutes_ms, window

from agent.cli import main
from rules import api
from rules.evidence import Evidence
from rules.files import AlertingRule, RecordingRule, read_rule_file
from rules.look import Truth
from rules.model import Labels
from rules.promql.compile import compile_expr

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests/unit_collectors/snmp_recordings"
MINUTE = 60_000
FAST_WINDOW, SLOW_WINDOW = 3 * MINUTE, 10 * MINUTE
"""Two and a half polls, rounded up."""
CONFIG = """
collect:
  snmp:
    credentials: {public: {version: 2, community: {credential: ro}}}
    targets: [{host: 10.0.0.1, credential: public}]
    traps: {listen: "127.0.0.1:10162", communities: [{credential: traps}]}
"""
Rule = AlertingRule | RecordingRule


@cache
def rules() -> tuple[Rule, ...]:
    file, problems = read_rule_file(ROOT / "rules/packs/snmp.rules.yml")
    assert problems == []
    assert file is not None
    return tuple(rule for group in file.groups for rule in group.rules)


def alert(name: str) -> AlertingRule:
    return next(rule for rule in rules() if isinstance(rule, AlertingRule) and rule.name == name)


@cache
def pack_tests() -> list[dict[str, Any]]:
    found = yaml.load((ROOT / "rules/packs/snmp.test.yml").read_text("utf-8"), yaml.CSafeLoader)["tests"]
    return list(found)


def nodes(value: object) -> Iterator[Any]:
    if isinstance(value, tuple):
        for part in value:
            yield from nodes(part)
    elif is_dataclass(value):
        yield value
        for each in fields(value):
            yield from nodes(getattr(value, each.name))


def metric(selector: api.VectorSelector) -> str:
    return next((matcher.value for matcher in selector.matchers if matcher.name == "__name__"), "")


def reads(rule: Rule) -> set[str]:
    return {metric(node) for node in nodes(rule.expr) if isinstance(node, api.VectorSelector)}


def labels_of(rule: Rule) -> set[str]:
    """Every label that something the rule reads may have."""
    known = snmp_pack.metrics()
    return {label for name in reads(rule) if name in known for label in known[name].labels}


def holds(rule: AlertingRule, series: api.SeriesWindow, at: int) -> list[Labels]:
    found = compile_expr(rule.expr).instant(series, at, api.EvalOptions())
    assert isinstance(found, api.Vector)
    return sorted(element.labels for element in found.elements)


def test_a_selector_names_only_labels_that_its_metric_has() -> None:
    known = snmp_pack.metrics()
    for rule in rules():
        for node in nodes(rule.expr):
            if isinstance(node, api.VectorSelector) and metric(node) in known:
                asked = {matcher.name for matcher in node.matchers} - {"__name__"}
                assert asked <= known[metric(node)].labels, f"{rule.name}: {metric(node)} {asked}"


def test_texts_name_only_labels_that_the_rule_can_have() -> None:
    for rule in rules():
        if isinstance(rule, AlertingRule):
            named = {label for _, text in rule.annotations for label in re.findall(r"\$labels\.(\w+)", text.source)}
            assert named <= labels_of(rule), rule.name


def test_grouping_and_matching_name_only_labels_that_are_there() -> None:
    for rule in rules():
        for node in nodes(rule.expr):
            grouping, matching = getattr(node, "grouping", ()), getattr(node, "matching", None)
            named = {*grouping, *(matching.labels if matching is not None else ())}
            assert named <= labels_of(rule), f"{rule.name}: {named - labels_of(rule)}"


def test_a_window_holds_two_polls() -> None:
    known = snmp_pack.metrics()
    for rule in rules():
        for node in nodes(rule.expr):
            for part in nodes(node) if getattr(node, "range", None) is not None else ():
                if isinstance(part, api.VectorSelector) and metric(part) in known:
                    least = SLOW_WINDOW if known[metric(part)].slow else FAST_WINDOW
                    assert node.range >= least, f"{rule.name}: {metric(part)}"


def test_alerts_go_on_between_slow_polls() -> None:
    """With what is read every 240 s there only then, no condition has a gap that would start ``for`` anew.

    Without the rule that reads a recorded series, which only an engine has.
    """
    known = snmp_pack.metrics()
    checked = 0
    for test in pack_tests():
        for check in test["alert_rule_test"]:
            slow = [entry for entry in test["input_series"] if known[entry["series"].partition("{")[0]].slow]
            if not check["exp_alerts"] or not slow:
                continue
            start = minutes_ms(check["eval_time"]) + 4 * MINUTE
            series = window(test, start + 4 * MINUTE, lambda name, number: not known[name].slow or number % 4 == 0)
            severities = {expected["exp_labels"]["severity"] for expected in check["exp_alerts"]}
            for rule in rules():
                if not isinstance(rule, AlertingRule) or rule.name != check["alertname"]:
                    continue
                if dict(rule.labels)["severity"].source not in severities or not reads(rule) <= known.keys():
                    continue
                seen = [holds(rule, series, start + minute * MINUTE) for minute in range(5)]
                assert seen[0], test["name"]
                assert seen == [seen[0]] * len(seen), test["name"]
                checked += 1
    assert checked > 30


def recorded(device: str) -> Iterator[tuple[str, Labels, float]]:
    """What a recorded device gives, as its test expects it."""
    for line in (RECORDINGS / f"{device}.expected").read_text("utf-8").splitlines():
        if (match := re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)) is not None:
            pairs = [pair for pair in re.findall(r'(\w+)="([^"]*)"', match[2] or "") if pair[1]]
            yield match[1], tuple(sorted([*pairs, ("instance", device), ("job", "snmp")])), float(match[3])


def polled(device: str, polls: int = 40) -> api.SeriesWindow:
    """An hour of polls of a recorded device in which only its clocks move on. The first is at 0."""
    series = api.SeriesWindow()
    series.retain({}, RETENTION_MS)
    moving = {"sysUpTime": 6_000.0, "hrSystemUptime": 6_000.0, "snmpEngineTime": 60.0, "hrSystemDate": 60.0}
    for name, labels, value in recorded(device):
        for number in range(polls):
            series.append(name, labels, number * MINUTE, value + moving.get(name, 0) * number)
    return series


FAULTS = {
    "apc-ups": {"SnmpUpsBatteryReplace"},
    "arista-switch": {"SnmpBgpPeerDown", "SnmpSensorSilent"},
    "aruba-cx": {"SnmpFanFailed", "SnmpPowerSupplyFailed"},
    "cisco-nexus": {"SnmpFanFailed", "SnmpVpcDown"},
    "cisco-stack": {"SnmpFanFailed", "SnmpLagMemberLost", "SnmpPowerSupplyFailed", "SnmpStackMemberNotReady"},
    "dell-idrac": {"SnmpDiskFailed", "SnmpFanFailed", "SnmpPowerSupplyFailed"},
    "dell-switch": {"SnmpFanFailed"},
    "eaton-ups": {"SnmpUpsBatteryLow", "SnmpUpsOnBattery"},
    "fortigate": {"SnmpFirewallOutOfSync", "SnmpSensorAlarm", "SnmpVpnTunnelDown"},
    "h3c-switch": {"SnmpFanFailed", "SnmpPowerSupplyFailed"},
    "hp-procurve": {"SnmpSensorAlarm"},
    "huawei-ce": {"SnmpFanFailed", "SnmpPowerSupplyFailed"},
    "juniper-router": {"SnmpBfdSessionDown", "SnmpBgpPeerDown", "SnmpIsisAdjacencyDown", "SnmpPowerSupplyFailed"},
    "linux": set(),
    "mikrotik-router": set(),
    "paloalto": set(),
    "printer": set(),
    "synology-nas": {"SnmpDiskFailed", "SnmpFanFailed"},
    "unifi-ap": set(),
}  # fmt: skip
"""What is wrong with each recorded device, and nothing else. Its clock is of the day it was recorded."""


def test_every_recorded_device_is_looked_at() -> None:
    assert set(FAULTS) == {path.stem for path in RECORDINGS.glob("*.expected")}


@pytest.mark.parametrize("device", FAULTS)
def test_what_is_wrong_with_a_recorded_device(device: str) -> None:
    series = polled(device)
    alerts = [rule for rule in rules() if isinstance(rule, AlertingRule) and rule.name != "SnmpClockOff"]
    assert {rule.name for rule in alerts if holds(rule, series, 39 * MINUTE)} == FAULTS[device]


def port(**labels: str) -> Labels:
    own = {"instance": "sw1", "job": "snmp", "ifName": "Gi1/0/7", "ifDescr": "GigabitEthernet1/0/7"}
    return tuple(sorted((own | labels).items()))


def link(*polls: tuple[Labels, float, float] | None) -> api.SeriesWindow:
    """A port, minute by minute: its labels, what it is and what it should be."""
    series = api.SeriesWindow()
    series.retain({}, RETENTION_MS)
    for number, poll in enumerate(polls):
        if poll is not None:
            labels, oper, admin = poll
            series.append("ifOperStatus", labels, number * MINUTE, oper)
            series.append("ifAdminStatus", labels, number * MINUTE, admin)
    return series


BEFORE, AFTER = port(ifIndex="7", ifAlias="uplink"), port(ifIndex="9", ifAlias="uplink (broken, ticket 17)")


def test_a_new_description_or_number_of_a_port_makes_no_other_fault() -> None:
    rule = alert("SnmpInterfaceDown")
    series = link((BEFORE, 2, 1), (BEFORE, 2, 1), *[None] * 5, (AFTER, 7, 1))
    assert holds(rule, series, MINUTE) == holds(rule, series, 7 * MINUTE) == [port()]


def test_a_port_that_was_renumbered_and_is_up_is_well_again() -> None:
    series = link((BEFORE, 2, 1), (BEFORE, 2, 1), *[None] * 8, (AFTER, 1, 1))
    verdict = Evidence(alert("SnmpInterfaceDown").expr).at(series, 10 * MINUTE, api.EvalOptions()).verdict(port())
    assert verdict.truth is Truth.FALSE


def test_a_port_that_vanished_is_not_well_again() -> None:
    other = tuple(sorted({**dict(BEFORE), "ifIndex": "8", "ifName": "Gi1/0/8"}.items()))
    series = link((BEFORE, 2, 1), *[None] * 9, (other, 1, 1))
    look = Evidence(alert("SnmpInterfaceDown").expr).at(series, 10 * MINUTE, api.EvalOptions())
    assert look.verdict(port()).truth is Truth.UNKNOWN


def test_a_port_that_is_down_and_is_then_said_to_be_unused_is_no_fault_any_more() -> None:
    series = link((BEFORE, 2, 1), (port(ifIndex="7", ifAlias="Unused since May"), 2, 1))
    look = Evidence(alert("SnmpInterfaceDown").expr).at(series, MINUTE, api.EvalOptions())
    assert holds(alert("SnmpInterfaceDown"), series, 0) == [port()]
    assert look.verdict(port()).truth is Truth.FALSE


def test_a_port_that_is_switched_off_meanwhile_is_no_fault_any_more() -> None:
    series = link((BEFORE, 2, 1), (BEFORE, 2, 2))
    look = Evidence(alert("SnmpInterfaceDown").expr).at(series, MINUTE, api.EvalOptions())
    assert look.verdict(port()).truth is Truth.FALSE


@pytest.mark.parametrize("name", ["SnmpStackMemberLost", "SnmpOspfNeighborDown"])
def test_what_is_known_by_its_absence_is_not_well_again_when_the_device_is_silent(name: str) -> None:
    """Whoever does not answer has no rows; that a row was seen an hour ago must not end the alert when it leaves."""
    (test, check) = next(
        (test, check)
        for test in pack_tests()
        for check in test["alert_rule_test"]
        if check["alertname"] == name and check["exp_alerts"]
    )
    expected = check["exp_alerts"][0]["exp_labels"]
    element = tuple(sorted(pair for pair in expected.items() if pair[0] not in {"severity", "component", "category"}))
    evidence = Evidence(alert(name).expr)
    fired = minutes_ms(check["eval_time"])
    series = window(test, fired)
    branches = evidence.at(series, fired, api.EvalOptions()).branches(element)
    for later in range(0, 120, 10):
        verdict = evidence.at(series, fired + later * MINUTE, api.EvalOptions()).verdict(element, branches)
        assert verdict.truth is not Truth.FALSE, later


def test_the_five_rules_of_the_page_are_without_a_mistake_or_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/snmp.md").read_text("utf-8")
    (text,) = re.findall(r"<!-- tests load this -->\n```yaml\n(.*?)```", page, re.DOTALL)
    config, own = tmp_path / "tocsin.yaml", tmp_path / "ours.yml"
    own.write_text(text, "utf-8")
    config.write_text(CONFIG + f"rules: {{packs: [snmp], files: [{own}]}}\n", "utf-8")
    assert main(["check", "--config", str(config)]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.strip() == "no mistakes"
    assert text.count("alert: ") == 5
