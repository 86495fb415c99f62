"""Profile files: the shipped ones are right, a wrong one is refused by name, and a device gets those meant for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collectors._model import counter, gauge
from collectors.snmp import profile
from collectors.snmp.check import check
from collectors.snmp.declared import declared
from collectors.snmp.load import shipped, shipped_names
from collectors.snmp.profile import Profile
from collectors.snmp.select import UnknownProfileError, automatic, named, objects, questions, silent

A = "1.3.6.1.4.1.99999.1.1"


def profiles(**written: Any) -> dict[str, Profile]:
    return msgspec.convert(written, dict[str, Profile])


def problems(written: Any, **others: Any) -> list[tuple[str, str, str]]:
    found = check("own", profiles(own=written, **others))
    return [(".".join(map(str, each.path)), each.text, each.hint) for each in found]


def in_table(**parts: Any) -> dict[str, Any]:
    table = {"name": "t", "indexes": [{"label": "i"}], "columns": [{"name": "c", "oid": f"{A}.2"}], **parts}
    return {"tables": [table]}


def column(**parts: Any) -> dict[str, Any]:
    return in_table(columns=[{"name": "c", "oid": f"{A}.2", **parts}])


@pytest.mark.parametrize("name", shipped_names())
def test_no_shipped_profile_has_a_mistake(name: str) -> None:
    assert list(check(name, {each: shipped(each) for each in shipped_names()})) == []


@pytest.mark.parametrize(
    ("written", "path", "text"),
    [
        ({}, "", "the profile has no scalars, tables or traps"),
        (
            {"scalars": [{"name": "up", "oid": f"{A}.1.0"}]},
            "scalars.0.name",
            "no metric can have the name up: it has a meaning of its own",
        ),
        (
            in_table(indexes=[{"label": "__name__"}]),
            "tables.0.indexes.0.label",
            "no label can have the name __name__: it has a meaning of its own",
        ),
        (
            in_table(columns=[{"name": "i", "oid": f"{A}.2", "as": "info", "enum": {1: "x"}}]),
            "tables.0.columns.0.as",
            "the table has a label i already, which the texts of its enumeration need",
        ),
        ({"with": ["nobody"]}, "with.0", "there is no profile 'nobody'"),
        ({"with": ["ours"]}, "with.0", "there is no profile 'ours'"),
        (
            {"scalars": [{"name": "x", "oid": f"{A}.1.0"}] * 2},
            "scalars.1.name",
            f"metric x stands twice, also in the object {A}.1.0",
        ),
        ({"scalars": [{"name": "x", "oid": f"{A}.1", "every": "liveness"}]}, "scalars.0.oid", f"{A}.1 is not a scalar"),
        (
            {"scalars": [{"name": "x", "oid": f"{A}.1.0", "only": {"oid": A, "values": [1]}}]},
            "scalars.0.only",
            "'only' does nothing for x: a scalar has no other columns beside it",
        ),
        (
            in_table(
                lookups=[
                    {"label": "a", "oid": f"{A}.3", "indexes": ["b"]},
                    {"label": "b", "oid": f"{A}.4", "indexes": ["a"]},
                ]
            ),
            "tables.0.lookups.0.indexes.0",
            "a is looked up by b, which is looked up after it",
        ),
        (
            in_table(lookups=[{"label": "a", "oid": f"{A}.3", "indexes": ["a"]}]),
            "tables.0.lookups.0.indexes.0",
            "a is looked up by itself",
        ),
        (
            in_table(lookups=[{"label": "a", "oid": f"{A}.3", "indexes": ["z"]}]),
            "tables.0.lookups.0.indexes.0",
            "the table has no index z",
        ),
        (in_table(lookups=[{"label": "i", "oid": f"{A}.3"}]), "tables.0.lookups.0.label", "label i stands twice"),
        (
            in_table(lookups=[{"label": "a", "oid": f"{A}.3", "type": "DateAndTime"}]),
            "tables.0.lookups.0.type",
            "DateAndTime does not make a label",
        ),
        (
            in_table(lookups=[{"label": "a", "oid": f"{A}.3", "enum": {1: "x"}}]),
            "tables.0.lookups.0.type",
            "type DisplayString has no numbers to name",
        ),
        (
            in_table(indexes=[{"label": "i", "type": "Float"}]),
            "tables.0.indexes.0.type",
            "an index cannot be of type Float",
        ),
        (
            in_table(indexes=[{"label": "i", "type": "OctetString", "implied": True}, {"label": "j"}]),
            "tables.0.indexes.0.implied",
            "only the last index can be implied: it takes all that is left",
        ),
        (
            in_table(indexes=[{"label": "i", "size": 4}]),
            "tables.0.indexes.0.size",
            "an index of type gauge has a length of its own",
        ),
        (in_table(every="liveness"), "tables.0.every", "a table is no sign of life: it is more than one request"),
        (in_table(changes=f"{A}.7"), "tables.0.changes", f"{A}.7 is not a scalar"),
        (
            in_table(columns=[{"name": "c", "oid": A}, {"name": "d", "oid": f"{A}.3"}]),
            "tables.0.columns.0.oid",
            f"{A} is not a column: {A}.3 lies below it",
        ),
        (
            in_table(columns=[{"name": "c", "oid": f"{A}.3"}, {"name": "d", "oid": f"{A}.3"}]),
            "tables.0.columns.1.oid",
            f"column {A}.3 stands twice",
        ),
        (column(oid=f"{A}.2.0"), "tables.0.columns.0.oid", f"{A}.2.0 is a scalar, not a column"),
        (column(**{"as": "stateset"}), "tables.0.columns.0.as", "c has no 'enum' to make a stateset of"),
        (
            column(**{"as": "stateset", "enum": {1: "x", 2: "x"}}),
            "tables.0.columns.0.enum.2",
            "two numbers of c have the text 'x'",
        ),
        (column(scale=0), "tables.0.columns.0.scale", "a scale of 0 leaves nothing of the value"),
        (
            column(type="DisplayString", scale=2),
            "tables.0.columns.0.scale",
            "'scale' does nothing for c: it is not published as a number",
        ),
        (
            column(type="DisplayString", display_hint="z"),
            "tables.0.columns.0.display_hint",
            "'z' is not a DISPLAY-HINT for octet strings, such as 1x: or 255a",
        ),
        (
            column(type="DisplayString", regex_extracts={"": [{"regex": "(a"}]}),
            "tables.0.columns.0.regex_extracts..0.regex",
            "'(a' is not a valid RE2 regular expression: missing ): (a",
        ),
        (
            column(type="DisplayString", regex_extracts={"X": [{"regex": "a"}]}),
            "tables.0.columns.0.regex_extracts.X.0.value",
            "the value takes group 1, which the pattern does not have",
        ),
        (column(type="ParseDateAndTime"), "tables.0.columns.0.type", "c has no datetime_pattern"),
        (
            column(type="ParseDateAndTime", datetime_pattern="%Q"),
            "tables.0.columns.0.datetime_pattern",
            "'%Q' is no pattern: 'Q' is a bad directive in format '%Q'",
        ),
        (column(speed="c"), "tables.0.columns.0.speed", "'speed' does nothing for c: it is not a counter"),
        (column(type="counter", speed="d"), "tables.0.columns.0.speed", "table t has no column 'd'"),
        (column(type="counter", bits=48), "tables.0.columns.0.bits", "a counter of 48 bits does not exist in SNMP"),
        (
            column(type="LldpPortId", oid=f"{A}.1"),
            "tables.0.columns.0.oid",
            f"no column comes before {A}.1 to say its type",
        ),
        ({"traps": [{"oid": A, "name": "x"}, {"oid": A, "name": "y"}]}, "traps.1.oid", f"trap {A} stands twice"),
    ],
)
def test_a_mistake_is_told_where_it_stands(written: Any, path: str, text: str) -> None:
    assert (path, text) in [found[:2] for found in problems(written)]


def test_profiles_that_bring_each_other_along_are_refused_and_end_all_the_same() -> None:
    circle = {"own": {"with": ["b"]}, "b": {"with": ["c"]}, "c": {"with": ["own"]}}
    found = problems(circle["own"], b=circle["b"], c=circle["c"])
    assert found == [
        (
            "with.0",
            "profiles bring each other along in a circle: own -> b -> c -> own",
            "take one of them out of 'with'",
        )
    ]
    assert set(named(profiles(**circle), ["b"]).names) == {"own", "b", "c"}


def test_a_metric_of_a_profile_that_comes_along_is_not_given_twice() -> None:
    scalar = {"name": "x", "oid": f"{A}.1.0"}
    (found,) = problems({"with": ["b"], "scalars": [scalar]}, b={"scalars": [scalar]})
    assert found[:2] == ("scalars.0.name", "metric x stands twice, also in profile b, which comes along")


@pytest.mark.parametrize("oid", ["1.3", "2.999.4294967295", "0.39.0", "1.3.6.1.4.1.3999999999", f"1{'.1' * 127}"])
def test_an_oid(oid: str) -> None:
    assert profiles(own={"scalars": [{"name": "x", "oid": oid}]})["own"].scalars[0].oid == oid


@pytest.mark.parametrize(
    "oid",
    [
        "", "1", ".1.3", "1.3.", "1.03", "1.3.-1", "3.1", "1.40", "1.3.4294967296", "1.3.9999999999", "iso.3", "1.3.６",
        "1.3\n", f"1{'.1' * 128}",
    ],
)  # fmt: skip
def test_what_is_no_oid_is_refused(oid: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        profiles(own={"scalars": [{"name": "x", "oid": oid}]})


KNOWN = profiles(
    system={"match": {"always": True}, "scalars": [{"name": "sysUpTime", "oid": "1.3.6.1.2.1.1.3.0"}]},
    interfaces={"match": {"answers": ["1.3.6.1.2.1.2.2.1.1"]}, **in_table()},
    vendor={"match": {"sys_object_id": ["1.3.6.1.4.1.9"]}, "with": ["interfaces"]},
    model={"match": {"sys_object_id": ["1.3.6.1.4.1.9.12"]}, "with": ["vendor"]},
    optics={"match": {"sys_object_id": ["1.3.6.1.4.1.9.12"], "answers": ["1.3.6.1.4.1.9.9.91"]}},
    other={"match": {"sys_object_id": ["1.3.6.1.4.1.99"]}},
    extra={"scalars": [{"name": "extra", "oid": f"{A}.1.0"}]},
)


@pytest.mark.parametrize(
    ("sys_object_id", "answered", "expected"),
    [
        ("1.3.6.1.4.1.8072.3.2.10", {"1.3.6.1.2.1.2.2.1.1"}, ("system", "interfaces")),
        ("1.3.6.1.4.1.8072.3.2.10", set(), ("system",)),
        ("1.3.6.1.4.1.9.1.5", set(), ("system", "interfaces", "vendor")),
        ("1.3.6.1.4.1.9.12.3", set(), ("system", "interfaces", "vendor", "model")),
        ("1.3.6.1.4.1.9.12.3", {"1.3.6.1.4.1.9.9.91"}, ("system", "interfaces", "vendor", "model", "optics")),
        ("1.3.6.1.4.1.9.120", set(), ("system", "interfaces", "vendor")),
        ("1.3.6.1.4.1.90", set(), ("system",)),
        ("", set(), ("system",)),
    ],
)
def test_a_device_gets_the_profiles_of_its_kind(
    sys_object_id: str, answered: set[str], expected: tuple[str, ...]
) -> None:
    assert automatic(KNOWN, sys_object_id, answered).names == expected


def test_why_a_device_got_a_profile_is_told() -> None:
    assert automatic(KNOWN, "1.3.6.1.4.1.9.12.3", set()).why == {
        "system": "every device gets it",
        "interfaces": "it comes along with vendor",
        "vendor": "it comes along with model",
        "model": "sysObjectID 1.3.6.1.4.1.9.12.3 is below 1.3.6.1.4.1.9.12",
    }
    assert named(KNOWN, ["extra"]).why == {"extra": "the configuration names it"}


def test_a_device_is_asked_only_what_can_decide() -> None:
    assert questions(KNOWN, "1.3.6.1.4.1.9.12.3") == ("1.3.6.1.2.1.2.2.1.1", "1.3.6.1.4.1.9.9.91")
    assert questions(KNOWN, "1.3.6.1.4.1.8072") == ("1.3.6.1.2.1.2.2.1.1",)


def test_a_name_that_no_profile_has_is_refused() -> None:
    with pytest.raises(UnknownProfileError, match=r"there is no profile 'nobody'; there are extra, interfaces, "):
        named(KNOWN, ["nobody"])


def test_a_profile_of_which_the_device_has_nothing_is_told() -> None:
    chosen = named(KNOWN, ["vendor", "extra", "system"])
    assert silent(KNOWN, chosen, {"1.3.6.1.2.1.1.3.0", f"{A}.2"}) == ("extra",)
    assert silent(KNOWN, chosen, set()) == ("system", "extra", "interfaces")
    assert list(objects(KNOWN["interfaces"])) == [f"{A}.2"]


def test_the_page_names_every_key_and_every_shipped_profile(root: Path) -> None:
    page = (root / "docs" / "snmp.md").read_text()
    structs = [each for each in vars(profile).values() if isinstance(each, type) and issubclass(each, profile.Part)]
    keys = {field.encode_name for each in structs for field in msgspec.structs.fields(each)}
    assert len(keys) > 40
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
    assert [each.value for each in profile.Syntax if f"`{each.value}`" not in page] == []
    rows = [f"| `{name}` | {shipped(name).about['en']} |" for name in shipped_names()]
    assert [row for row in rows if row not in page] == []


def test_the_profile_that_the_page_shows_is_one(root: Path) -> None:
    page = (root / "docs" / "snmp.md").read_text()
    (shown,) = re.findall(r"```yaml\n(about: .*?)```", page, re.DOTALL)
    written = msgspec.convert(yaml.load(shown, yaml.BaseLoader), Profile, strict=False)
    assert list(check("mast", {"system": shipped("system"), "mast": written})) == []


def test_every_family_is_declared_once_with_its_labels() -> None:
    found = {each.name: each for each in declared(map(shipped, shipped_names()))}
    assert len(found) == len(declared(map(shipped, shipped_names())))
    assert found["ifHCInOctets"] == counter(
        "ifHCInOctets", "Bytes received.", "ifAlias", "ifDescr", "ifIndex", "ifName"
    )
    assert found["ifInOctets"].type.value == "counter"
    assert found["ifType_info"].labels == ("ifAlias", "ifDescr", "ifIndex", "ifName", "ifType")
    assert found["sysDescr"] == gauge("sysDescr", "Platform and software as text.", "sysDescr")
