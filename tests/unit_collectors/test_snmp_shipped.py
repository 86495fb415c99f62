"""The shipped profiles as data: their objects are where they say, and the same name is always the same thing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from collectors.snmp.check import check
from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.profile import Every, Form, Index, Lookup, Object, Profile, Syntax, Table

UNITS = re.compile(
    r"\((?:[^()]*\b)?(?:%RH|%|bytes|[kM]B|bit/s|Mbit/s|s|min|1/100 s|1/1000 celsius|celsius|rpm|[mk]?V|m?A|W|Hz|dBm?"
    r"|count|number of|units? of|AS number|processes|seconds|sheets|path cost|per second|0 to 255)(?:[^\w)][^()]*)?\)"
    r"|%\)|^Bytes|\bSeconds since\b|\bHow often\b",
)
"""What the help of a number ends with: its unit in brackets."""
TEXTUAL = {
    Syntax.DISPLAY_STRING,
    Syntax.OCTET_STRING,
    Syntax.PHYS_ADDRESS_48,
    Syntax.INET_ADDRESS_IPV4,
    Syntax.INET_ADDRESS_IPV6,
    Syntax.INET_ADDRESS,
    Syntax.LLDP_PORT_ID,
    Syntax.OBJECT_IDENTIFIER,
}


def profiles() -> list[tuple[str, Profile]]:
    return [(name, shipped(name)) for name in shipped_names()]


def objects(profile: Profile) -> Iterator[Object]:
    yield from profile.scalars
    for table in profile.tables:
        yield from table.columns


def entry(table: Table) -> set[str]:
    return {each.oid.rpartition(".")[0] for each in table.columns}


@pytest.mark.parametrize("name", shipped_names())
def test_is_complete(name: str) -> None:
    profile = shipped(name)
    assert set(profile.about) == {"en", "zh"}
    assert all(profile.about.values())
    assert any("一" <= letter <= "鿿" for letter in profile.about["zh"])
    assert profile.match.always or profile.match.answers or profile.match.sys_object_id
    assert profile.scalars or profile.tables
    for other in profile.with_:
        assert other in shipped_names()
        assert name not in shipped(other).with_


@pytest.mark.parametrize("name", shipped_names())
def test_has_no_mistake_that_tocsin_check_would_find(name: str) -> None:
    assert list(check(name, dict(profiles()))) == []


@pytest.mark.parametrize("name", shipped_names())
def test_objects_are_where_they_say(name: str) -> None:
    """A scalar is an instance; the columns of a table are of one entry (ifTable and ifXTable are one table in two)."""
    profile = shipped(name)
    for scalar in profile.scalars:
        assert scalar.oid.endswith(".0"), scalar.name
    for table in profile.tables:
        allowed = {"1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"} if table.name == "interfaces" else None
        assert len(entry(table)) == 1 or entry(table) == allowed, (table.name, entry(table))
        for each in table.columns:
            assert each.every is not Every.LIVENESS, each.name
            assert each.only is None or each.only.oid.rpartition(".")[0] in entry(table), each.name
        if table.changes is not None:
            assert table.changes.endswith(".0")
        if table.discontinuity is not None:
            assert not table.discontinuity.endswith(".0")


@pytest.mark.parametrize("name", shipped_names())
def test_names_within_a_profile_do_not_clash(name: str) -> None:
    profile = shipped(name)
    names = [each.name for each in objects(profile)]
    assert len(names) == len(set(names))
    oids = [each.oid for each in objects(profile)]
    assert len(oids) == len(set(oids))
    tables = [table.name for table in profile.tables]
    assert len(tables) == len(set(tables))
    for table in profile.tables:
        labels = [*(each.label for each in table.indexes), *(each.label for each in table.lookups)]
        assert len(labels) == len(set(labels)), table.name
        for lookup in table.lookups:
            known = labels[: labels.index(lookup.label)]
            assert set(lookup.indexes) <= set(known), lookup.label
        for each in table.columns:
            assert each.name not in labels or each.type not in TEXTUAL, each.name


def test_one_name_is_one_object() -> None:
    """Over all profiles: a metric has one OID, one type, one enumeration and one set of labels."""
    found: dict[str, set[object]] = defaultdict(set)
    for _, profile in profiles():
        for scalar in profile.scalars:
            found[scalar.name].add((scalar.oid, scalar.type, tuple(scalar.enum.items()), scalar.as_, scalar.help))
        for table in profile.tables:
            labels = tuple(sorted(each.label for each in (*table.indexes, *table.lookups) if not each.drop))
            for column in table.columns:
                found[column.name].add((column.oid, column.type, tuple(column.enum.items()), column.as_, labels))
    assert {name: kinds for name, kinds in found.items() if len(kinds) > 1} == {}


def test_one_oid_is_one_name() -> None:
    """Over all profiles, labels too: an object of a MIB is called the same everywhere."""
    found: dict[str, set[str]] = defaultdict(set)
    links = {"1.3.6.1.2.1.17.1.4.1.2", "1.3.6.1.4.1.9.9.807.1.4.2.1.3"}  # they hold an ifIndex, and the label says so
    for _, profile in profiles():
        for each in objects(profile):
            found[each.oid].add(each.name)
            if each.instead is not None:
                found[each.instead.oid].add(each.instead.name)
        for table in profile.tables:
            for lookup in table.lookups:
                if lookup.oid not in links:
                    found[lookup.oid].add(lookup.label)
        for trap in profile.traps:
            found[trap.oid].add(trap.name)
            for label in trap.labels:
                found[label.oid].add(label.label)
    assert {oid: names for oid, names in found.items() if len(names) > 1} == {}


@pytest.mark.parametrize("name", shipped_names())
def test_help_is_a_sentence_with_its_unit(name: str) -> None:
    profile = shipped(name)
    for each in objects(profile):
        assert each.help.endswith("."), each.name
        assert len(each.help) <= 200, each.name
        number = each.type not in TEXTUAL and each.type is not Syntax.COUNTER and not each.enum
        assert not number or UNITS.search(each.help), (each.name, each.help)
    for trap in profile.traps:
        assert trap.help.endswith("."), trap.name


@pytest.mark.parametrize("name", shipped_names())
def test_enumerations_are_of_numbers_that_can_be(name: str) -> None:
    profile = shipped(name)
    parts: list[Object | Lookup | Index] = list(objects(profile))
    for table in profile.tables:
        parts += [*table.lookups, *table.indexes]
    for each in parts:
        assert len(each.enum) == len(set(each.enum.values())), each
        assert all(number >= 0 for number in each.enum), each
        if isinstance(each, Object):
            assert each.as_ is Form.RAW or each.enum, each.name
            assert each.type is Syntax.GAUGE or not each.enum, each.name


def test_counters_know_their_width() -> None:
    """Counter32 wraps at 2^32: a counter outside the 64-bit columns says so."""
    wide = re.compile(r"HC|^vrrpv3")
    for name, profile in profiles():
        for each in objects(profile):
            if each.type is Syntax.COUNTER:
                assert each.bits == (64 if wide.search(each.name) else 32), (name, each.name)


def test_traps_that_clear_have_one_that_raises() -> None:
    """What says that a fault is over is of a profile that also hears of the fault."""
    for name, profile in profiles():
        clearing = [trap for trap in profile.traps if trap.clears]
        assert len(profile.traps) > len(clearing) or not clearing, name


def test_what_tells_a_restart_of_the_device_from_one_of_its_agent_is_read_in_one_request() -> None:
    """Else a young sysUpTime stands alone for minutes, and is taken for a restart of the device."""
    scalars = {each.name: each.every for name in ("system", "host-resources") for each in shipped(name).scalars}
    ages = ("sysUpTime", "snmpEngineTime", "hrSystemUptime")
    assert {scalars[name] for name in ages} == {Every.LIVENESS}
