"""Debian's snmp_exporter and Tocsin over one snmpd: the same names, labels, types and values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import snmp_pass
from exporter_kit import fetched, parsed
from snmp_exporter_kit import has, has_table, module, rows, snmp_exporter
from snmp_walks import split

from collectors._model import Labels, Sample
from collectors.snmp.build import build
from collectors.snmp.check import check
from collectors.snmp.declared import declared
from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.options import Options
from collectors.snmp.port import Row
from collectors.snmp.profile import Profile
from collectors.snmp.samples import ScalarsPlan, TablePlan
from tests.servers.snmpd import Snmpd

pytestmark = pytest.mark.server("snmpd", "snmpbulkwalk", "prometheus-snmp-exporter")
VIEW = """
view some included .1.3.6.1
view some excluded .1.3.6.1.2.1.6
view some excluded .1.3.6.1.2.1.7
view some excluded .1.3.6.1.2.1.25.4
view some excluded .1.3.6.1.2.1.25.5
view some excluded .1.3.6.1.2.1.25.6
rocommunity public default -V some
disk / 10%
load 12 10 5
"""
SELF = "snmp_scrape_"
Series = dict[tuple[str, Labels], float]


def ours(profile: Profile, walked: list[Row]) -> Series:
    """Series out of a whole walk, of all objects that the exporter can be told about."""
    found: Series = {}
    plan = ScalarsPlan([each for each in profile.scalars if has(each)])
    for every in plan.reads:
        found |= {(s.name, s.labels): s.value for s in plan.samples(every, dict(walked)).samples}
    for table in filter(has_table, profile.tables):
        columns = tuple(filter(has, table.columns))
        tables = TablePlan(msgspec.structs.replace(table, columns=columns))
        by_root = split(walked, {*tables.labels, *(oid for oids in tables.reads.values() for oid in oids)})
        for every in tables.reads:
            made = tables.samples(every, by_root, tables.names(by_root))
            found |= {(s.name, s.labels): s.value for s in made.samples}
    return found


def disagreements(profile: Profile, before: list[Row], text: str, after: list[Row]) -> dict[str, str]:
    """What differs, by series. A value may lie between those of before and after."""
    types = {metric.name: metric.type.value for metric in declared([profile])}
    first, last = ours(profile, before), ours(profile, after)
    theirs: dict[tuple[str, Labels], tuple[float, str]] = {}
    for name, labels, value, kind in parsed(text):
        if not name.startswith(SELF):  # a reader of OpenMetrics calls every counter _total; the exporter does not
            theirs[name.removesuffix("_total"), labels] = value, kind
    found = {f"{s}": f"only the exporter has {s}" for s in theirs.keys() - first.keys() - last.keys()}
    found |= {f"{s}": f"only Tocsin has {s}" for s in (first.keys() & last.keys()) - theirs.keys()}
    for series in theirs.keys() & first.keys() & last.keys():
        value, kind = theirs[series]
        low, high = sorted((first[series], last[series]))
        if not low - 1e-5 * abs(low) <= value <= high + 1e-5 * abs(high):
            found[f"{series}"] = f"{series} is {value} there and {low} to {high} here"
        if types.get(series[0]) != kind:
            found[f"{series}"] = f"{series[0]} is a {kind} there and a {types.get(series[0])} here"
    return found


def compare(
    profiles: dict[str, Profile], snmpd: Snmpd, folder: Path, require: Callable[[str], Path], root: str = "1"
) -> tuple[dict[str, list[str]], dict[str, int]]:
    """What differed in each of up to three looks (much of it moves all the time), and each profile's series."""

    def walk() -> list[Row]:
        return rows(snmpd.walk(require("snmpbulkwalk"), "-v2c", "-cpublic", "-Cr40", snmpd.address, root))

    modules = {name: module(profile) for name, profile in profiles.items()}
    after: list[Row] = []
    looks: list[dict[str, dict[str, str]]] = []
    with snmp_exporter(require("prometheus-snmp-exporter"), folder, modules) as url:
        while len(looks) < 3 and (not looks or any(looks[-1].values())):
            before = walk()
            texts = {name: fetched(f"{url}?target={snmpd.host}:{snmpd.port}&module={name}") for name in profiles}
            after = walk()
            looks.append({n: disagreements(each, before, texts[n], after) for n, each in profiles.items()})
    always = {
        name: sorted(looks[-1][name][series] for series in set.intersection(*(set(look[name]) for look in looks)))
        for name in profiles
    }
    counts = {name: len(ours(profile, after)) for name, profile in profiles.items()}
    return {name: each for name, each in always.items() if each}, counts


def test_every_shipped_profile_gives_what_the_exporter_gives(tmp_path: Path, require: Callable[[str], Path]) -> None:
    profiles = {name: shipped(name) for name in shipped_names()}
    with Snmpd(require("snmpd"), tmp_path, VIEW) as snmpd:
        different, counts = compare(profiles, snmpd, tmp_path, require)
    assert different == {}
    assert min(counts[name] for name in ("system", "interfaces", "host-resources", "ucd", "ip")) > 5


async def test_a_device_that_is_polled_gives_what_the_exporter_gives(
    tmp_path: Path, require: Callable[[str], Path]
) -> None:
    """The same through everything: engine, walks, choice of profiles, what of a counter is believed."""
    with Snmpd(require("snmpd"), tmp_path, VIEW) as snmpd:
        written = {
            "credentials": {"ro": {"version": 2, "community": {"credential": "ro"}}},
            "targets": [{"host": snmpd.host, "port": snmpd.port, "credential": "ro"}],
        }
        alive, fast, slow = build(msgspec.convert(written, Options), lambda _: "public", tmp_path)
        items = [each for target in (fast, slow, alive) for each in await target.measure()]
        names = alive.state.known.chosen.names
        assert set(names) >= {"system", "interfaces", "host-resources", "ucd", "ip"}
        with snmp_exporter(
            require("prometheus-snmp-exporter"), tmp_path, {name: module(shipped(name)) for name in names}
        ) as url:
            texts = [fetched(f"{url}?target={snmpd.host}:{snmpd.port}&module={name}") for name in names]
        alive.state.close()
    given = {(each.name, each.labels) for each in items if isinstance(each, Sample)}
    theirs = {(name.removesuffix("_total"), labels) for text in texts for name, labels, *_ in parsed(text)}
    comparable = {name for name, _ in theirs if not name.startswith(SELF)}
    assert {each for each in theirs if each[0] in comparable} == {each for each in given if each[0] in comparable}
    assert len(comparable) > 60


TABLE = "1.3.6.1.4.1.99999.1"
OBJECTS = f"""\
{TABLE}.1.1.2.1 integer 5
{TABLE}.1.1.2.2 integer -5
{TABLE}.1.1.3.1 counter 4294967295
{TABLE}.1.1.4.1 counter64 18446744073709551615
{TABLE}.1.1.4.2 counter64 9007199254740993
{TABLE}.1.1.5.1 gauge 4294967295
{TABLE}.1.1.6.1 timeticks 360000
{TABLE}.1.1.7.1 string rack 3, left
{TABLE}.1.1.8.1 octet 00 1A 2B 3C 4D 5E
{TABLE}.1.1.8.2 string
{TABLE}.1.1.9.1 octet DE AD BE EF 00
{TABLE}.1.1.10.1 ipaddress 192.0.2.7
{TABLE}.1.1.11.1 objectid .1.3.6.1.4.1.8072.3.2.10
{TABLE}.1.1.12.1 octet 07 E8 02 1D 0C 1E 0F 05
{TABLE}.1.1.12.2 octet 07 E8 02 1D 0C 1E 0F 05 2B 02 1E
{TABLE}.1.1.13.1 integer 2
{TABLE}.1.1.13.2 integer 9
{TABLE}.1.1.14.1 integer 2
{TABLE}.1.1.14.2 integer 9
{TABLE}.1.1.15.1 octet 81 40
{TABLE}.1.1.16.1 integer 1
{TABLE}.1.1.16.2 integer 2
{TABLE}.1.1.16.3 integer 16
{TABLE}.1.1.17.1 octet 0A 00 00 01
{TABLE}.1.1.17.2 octet 20 01 0D B8 00 00 00 00 00 00 00 00 00 00 00 01
{TABLE}.1.1.17.3 string example
{TABLE}.1.1.18.1 string PA3200-A1.07
{TABLE}.1.1.19.1 octet 42 FC 72 6F
{TABLE}.2.1.2.5.2.97.98.1.4.10.0.0.1.0.26.43.60.77.94.1 integer 1
{TABLE}.2.1.2.6.0.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1.0.26.43.60.77.95.7 integer 2
{TABLE}.2.1.2.7.1.99.16.2.100.101.0.26.43.60.77.94.1 integer 3
{TABLE}.2.1.2.8.1.99.1.4.10.0.0.2.0.26.43.60.77 integer 4
{TABLE}.3.1.2.222.173.3.97.98.99 integer 1
{TABLE}.4.1.2.7.1.192.0.2.1 integer 1
{TABLE}.4.1.2.7.5.1.2 integer 2
{TABLE}.5.1.2.11.3.1 integer 31
{TABLE}.5.1.2.11.4.1 integer 41
{TABLE}.5.1.2.12.9.1 integer 91
{TABLE}.6.1.2.11 string Slot eleven
{TABLE}.7.1.2.11.3 integer 77
{TABLE}.8.1.2.77 string uplink-77
"""
"""Each type of value, and each type of index; as ``pass_persist`` takes them, but the OID stands before the type."""


def column(table: int, number: int, name: str, **parts: Any) -> dict[str, Any]:
    return {"name": name, "oid": f"{TABLE}.{table}.1.{number}", **parts}


EVERYTHING = {
    "tables": [
        {"name": "values", "indexes": [{"label": "row", "enum": {2: "second"}}], "columns": [
            column(1, 2, "plain"), column(1, 3, "short", type="counter"), column(1, 4, "long", type="counter"),
            column(1, 5, "level"), column(1, 6, "ticks"), column(1, 7, "words", type="DisplayString"),
            column(1, 8, "mac", type="PhysAddress48"), column(1, 9, "octets", type="OctetString"),
            column(1, 10, "ip", type="InetAddressIPv4"), column(1, 11, "kind", type="OID"),
            column(1, 12, "date", type="DateAndTime"),
            column(1, 13, "state", **{"as": "stateset", "enum": {1: "up", 2: "down"}}),
            column(1, 14, "sort", **{"as": "info", "enum": {1: "up", 2: "down"}}),
            column(1, 15, "flags", **{"as": "bits", "enum": {0: "a", 1: "b", 9: "c", 20: "d"}}),
            column(1, 17, "address", type="InetAddress"),
            column(1, 18, "version", type="DisplayString", regex_extracts={
                "Major": [{"regex": "(.*)x"}, {"regex": r".*A(\d)\..*"}], "Minor": [{"regex": r".*\.0?(\d+)"}]}),
            column(1, 19, "text", type="OctetString"),
        ]},
        {"name": "index", "columns": [column(2, 2, "indexed")], "indexes": [
            {"label": "number"}, {"label": "string", "type": "DisplayString"},
            {"label": "address", "type": "InetAddress"}, {"label": "mac", "type": "PhysAddress48"},
            {"label": "state", "enum": {1: "up"}}]},
        {"name": "strings", "columns": [column(3, 2, "strung")], "indexes": [
            {"label": "fixed", "type": "OctetString", "size": 2}, {"label": "number"},
            {"label": "rest", "type": "DisplayString", "implied": True}]},
        {"name": "sizes", "columns": [column(4, 2, "sized")], "indexes": [
            {"label": "number"}, {"label": "address", "type": "InetAddressMissingSize"}]},
        {"name": "lookups", "columns": [column(5, 2, "looked")], "indexes": [
            {"label": "slot"}, {"label": "port"}, {"label": "mark", "drop": True}],
         "lookups": [
            {"label": "slotName", "oid": f"{TABLE}.6.1.2", "indexes": ["slot"]},
            {"label": "ifIndex", "oid": f"{TABLE}.7.1.2", "type": "gauge", "indexes": ["slot", "port"]},
            {"label": "ifName", "oid": f"{TABLE}.8.1.2", "indexes": ["ifIndex"]}]},
    ],
}  # fmt: skip


def test_every_type_of_value_and_index_is_shown_as_the_exporter_shows_it(
    tmp_path: Path, require: Callable[[str], Path]
) -> None:
    (tmp_path / "objects").write_text(OBJECTS)
    served = f"rocommunity public\npass_persist .{TABLE} {sys.executable} {snmp_pass.__file__} {tmp_path}/objects"
    profile = msgspec.convert(EVERYTHING, Profile)
    assert list(check("types", {"types": profile})) == []
    with Snmpd(require("snmpd"), tmp_path, served) as snmpd:
        different, counts = compare({"types": profile}, snmpd, tmp_path, require, TABLE)
    assert different == {}
    assert counts == {"types": 42}
