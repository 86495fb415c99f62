"""Rules in the forms that people already own for snmp_exporter load and find the same faults, as they are."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from collectors.snmp.load import shipped
from collectors.snmp.profile import Every, Form
from collectors.snmp.samples import TablePlan
from rules import api
from rules.promql.compile import compile_expr

RECORDINGS = Path(__file__).resolve().parents[1] / "unit_collectors/snmp_recordings"
MINUTE, POLLS = 60_000, 31
COUNTERS = re.compile(
    r"(if|dot3Stats|dot1d|bgpPeer|hrStorageAllocation|ospf).*(Octets|Errors|Discards|Pkts|Transitions|Events)"
)


def polled(device: str) -> api.SeriesWindow:
    """Half an hour of polls: what counts grows by its own value each minute, clocks move on, the rest stays."""
    series = api.SeriesWindow()
    series.retain({}, 3_600_000)
    for line in (RECORDINGS / f"{device}.expected").read_text("utf-8").splitlines():
        if (match := re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)) is None:
            continue
        name, value = match[1], float(match[3])
        pairs = [pair for pair in re.findall(r'(\w+)="([^"]*)"', match[2] or "") if pair[1]]
        pace = value if COUNTERS.fullmatch(name) else 6_000.0 if name == "sysUpTime" else 0.0
        labels = tuple(sorted([*pairs, ("instance", device), ("job", "snmp")]))
        for number in range(POLLS):
            series.append(name, labels, number * MINUTE, value + pace * number)
    for number in range(POLLS):
        series.append("up", (("instance", device), ("job", "snmp")), number * MINUTE, 1.0)
    return series


def found(expr: str, series: api.SeriesWindow) -> int:
    result = compile_expr(api.parse(expr)).instant(series, (POLLS - 1) * MINUTE, api.EvalOptions())
    assert isinstance(result, api.Vector)
    return len(result.elements)


RULES = [
    ('up{job=~"snmp.*"} == 1', "linux", ""),
    ('up{job=~".*snmp.*"} == 0', "", "linux"),
    ("ifOperStatus != 1 and on (instance, ifIndex) ifAdminStatus == 1", "cisco-stack", "fortigate"),
    ("ifAdminStatus == 1 and ifOperStatus == 2", "cisco-stack", "fortigate"),
    ('(ifAdminStatus{job="snmp"} == 1) unless (ifOperStatus == 1)', "cisco-stack", "fortigate"),
    ("rate(ifHCInOctets[5m]) * 8 / (ifHighSpeed * 1000000) > 0", "cisco-stack", ""),
    ("sum by (instance) (rate(ifHCOutOctets[5m])) * 8 > 100", "cisco-stack", "eaton-ups"),
    ("rate(ifHCInOctets[5m]) * 8 / ifSpeed * 100 > 80", "", "dell-switch"),
    ("(sysUpTime / 100) / 86400 < 30", "linux", ""),
    ("resets(sysUpTime[15m]) > 0", "", "linux"),
    ("changes(ifOperStatus[15m]) > 2", "", "cisco-stack"),
    ("hrStorageUsed / hrStorageSize * 100 > 90", "", "arista-switch"),
    ('100 - (hrStorageUsed{hrStorageDescr="/"} / hrStorageSize) * 100 > 10', "linux", ""),
    ("avg by (instance) (hrProcessorLoad) > 90", "", "linux"),
    ("(memTotalReal - memAvailReal) / memTotalReal > 0.01", "linux", ""),
    ("laLoadInt / 100 > 50", "", "linux"),
    ("bgpPeerState != 6", "juniper-router", ""),
    ("bgpPeerState != 6 and bgpPeerAdminStatus == 2", "juniper-router", ""),
    ("ospfNbrState < 8 and ospfNbrState != 4", "", "juniper-router"),
    ('cefcFRUPowerOperStatus{cefcFRUPowerOperStatus!="on"} == 1', "cisco-stack", ""),
    ("ciscoEnvMonFanState > 1 and ciscoEnvMonFanState != 5", "cisco-stack", ""),
    ('jnxRedAlarmState{jnxRedAlarmState="on"} == 1', "juniper-router", ""),
    ('jnxOperatingCPU{jnxOperatingContentsIndex="9"} > 95', "", "juniper-router"),
    ('upsBasicBatteryStatus{upsBasicBatteryStatus="batteryNormal"} == 1', "apc-ups", "eaton-ups"),
    ("upsSecondsOnBattery > 0", "eaton-ups", ""),
    ("upsAdvBatteryRunTimeRemaining / 100 / 60 < 10", "", "apc-ups"),
    ("fgHwSensorEntAlarmStatus == 1", "fortigate", ""),
    ("topk(5, rate(ifHCInOctets[5m])) > 0", "cisco-stack", ""),
    ("count by (instance) (ifOperStatus == 1) > 1", "cisco-stack", "apc-ups"),
]
"""An expression, a recorded device of which it finds something, and one of which it finds nothing."""


@pytest.mark.parametrize(("expr", "some", "none"), RULES, ids=[expr for expr, _, _ in RULES])
def test_a_rule_that_people_own_works_as_it_is(expr: str, some: str, none: str) -> None:
    assert some or none
    if some:
        assert found(expr, polled(some)) > 0
    if none:
        assert found(expr, polled(none)) == 0


def test_a_state_set_on_request_serves_rules_written_for_it() -> None:
    """``as: stateset`` in a profile of one's own makes the form that some rules expect of BGP."""
    (table,) = shipped("bgp4").tables
    (state,) = [column for column in table.columns if column.name == "bgpPeerState"]
    plan = TablePlan(msgspec.structs.replace(table, columns=(msgspec.structs.replace(state, as_=Form.STATESET),)))
    rows = {state.oid: [(f"{state.oid}.192.0.2.1", 6), (f"{state.oid}.192.0.2.2", 3)]}
    series = api.SeriesWindow()
    for each in plan.samples(Every.FAST, rows, plan.names({})).samples:
        series.append(each.name, each.labels, (POLLS - 1) * MINUTE, each.value)
    assert found('bgpPeerState{bgpPeerState="established"} < 1', series) == 1
    assert found('bgpPeerState{bgpPeerState="established"} == 1', series) == 1
