"""``generator.yml`` of snmp_exporter becomes profiles: beside the real generator, and what cannot be carried over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import msgspec
import pytest
import yaml

from collectors._importing import CannotImportError, Imported
from collectors.snmp.check import check
from collectors.snmp.import_generator import modules, profile_from
from collectors.snmp.mibs import Mibs
from collectors.snmp.profile import Form, Index, Lookup, Object, Profile, Syntax

MIBS = Path(__file__).parent / "snmp_mibs"
GENERATOR = """\
modules:
  plant:
    walk: [acmePlant]
    lookups:
      - {source_indexes: [pumpHall, pumpKey], lookup: pumpName}
      - {source_indexes: [pumpKey], lookup: pumpMac, drop_source_indexes: true}
    overrides:
      pumpName: {ignore: true}
      pumpMac: {ignore: true}
      pumpState: {type: EnumAsStateSet}
      stationSeen: {type: EnumAsInfo}
      plantSerial: {regex_extracts: {Number: [{regex: 'A(\\d+)', value: '$1'}]}}
  named: {walk: [pumpTable, plantUpTime, 1.3.6.1.4.1.99999.1.5]}
"""


@pytest.fixture(scope="module")
def mibs() -> Mibs:
    return Mibs([MIBS])


def imported(text: str, mibs: Mibs, name: str = "m") -> Imported:
    return profile_from(name, modules(f"modules: {{{name}: {text}}}")[name], mibs)


def profile(of: Imported) -> Profile:
    return msgspec.convert(yaml.load(of.text, yaml.BaseLoader), Profile, strict=False)


def as_generated(each: Object | Lookup | Index) -> str:
    """The type as snmp.yml has it. It has no type of its own for an OID, which it shows alike."""
    if isinstance(each, Object) and each.as_ is not Form.RAW:
        return {Form.INFO: "EnumAsInfo", Form.STATESET: "EnumAsStateSet", Form.BITS: "Bits"}[each.as_]
    return "OctetString" if each.type is Syntax.OBJECT_IDENTIFIER else each.type.value


def ours(of: Profile) -> dict[str, dict[str, Any]]:
    """What a profile reads, in the words of snmp.yml."""
    made: dict[str, dict[str, Any]] = {}
    for scalar in of.scalars:
        made[scalar.name] = {"oid": scalar.oid.removesuffix(".0"), "type": as_generated(scalar), "enum": scalar.enum}
    for table in of.tables:
        indexes = [(each.label, as_generated(each), each.size, each.implied) for each in table.indexes]
        for column in table.columns:
            made[column.name] = {
                "oid": column.oid, "type": as_generated(column), "enum": column.enum, "indexes": indexes,
                "lookups": [
                    (each.label, each.oid, as_generated(each), each.indexes or tuple(i.label for i in table.indexes))
                    for each in table.lookups
                ],
                "dropped": {each.label for each in table.indexes if each.drop},
            }  # fmt: skip
    return made


def theirs(snmp_yml: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for metric in snmp_yml["metrics"]:
        each = {"oid": metric["oid"], "type": metric["type"], "enum": metric.get("enum_values", {})}
        if "indexes" in metric:
            lookups = metric.get("lookups", ())
            each["indexes"] = [
                (
                    i["labelname"],
                    i["type"],
                    i.get("fixed_size", 0) * (i["type"] == "OctetString"),
                    i.get("implied", False),
                )
                for i in metric["indexes"]
            ]
            each["lookups"] = [(i["labelname"], i["oid"], i["type"], tuple(i["labels"])) for i in lookups if "oid" in i]
            each["dropped"] = {i["labelname"] for i in lookups if "oid" not in i}
        made[metric["name"]] = each
    return made


@pytest.mark.server("prometheus-snmp-exporter")
def test_agrees_with_the_generator(mibs: Mibs, tmp_path: Path, require: Callable[[str], str]) -> None:
    """The same objects, types, enumerations, indexes and lookups. Columns that no agent gives are left out by us."""
    program = require("prometheus-snmp-generator")
    (tmp_path / "generator.yml").write_text(GENERATOR, "utf-8")
    (tmp_path / "mibs").mkdir()
    for path in MIBS.iterdir():
        if path.name != "README":
            (tmp_path / "mibs" / path.stem).write_bytes(path.read_bytes())
    run(
        [program, "generate", f"--output-path={tmp_path}/snmp.yml"],
        cwd=tmp_path, env={"MIBDIRS": str(tmp_path / "mibs"), "HOME": str(tmp_path)}, check=True, capture_output=True,
        timeout=60,
    )  # fmt: skip
    generated = yaml.safe_load((tmp_path / "snmp.yml").read_text("utf-8"))
    for name, module in modules(GENERATOR).items():
        made = profile_from(name, module, mibs)
        assert made.usable, made.notes
        not_given = {"pumpHall", "pumpKey", "stationMac", "stationAddrType", "stationAddr"}
        expected = {metric: each for metric, each in theirs(generated[name]).items() if metric not in not_given}
        assert ours(profile(made)) == expected


def test_what_the_profile_adds(mibs: Mibs) -> None:
    """Widths of counters, units, the texts of what is looked up; and the numbers of overrides as they were."""
    newer = GENERATOR.replace("overrides:\n", "overrides:\n      plantHeat: {scale: 0.1, offset: 1}\n", 1)
    made = profile(profile_from("plant", modules(newer)["plant"], mibs))
    objects = {
        each.name: each for each in (*made.scalars, *(column for table in made.tables for column in table.columns))
    }
    assert (objects["pumpStrokes"].bits, objects["pumpStops"].bits) == (64, 32)
    assert objects["pumpStrokes"].help == "Strokes done (strokes)."
    assert objects["plantSerial"].help == "Number of the plant."
    assert (objects["plantHeat"].scale, objects["plantHeat"].offset) == (0.1, 1)
    assert objects["plantSerial"].regex_extracts["Number"][0].regex == r"A(\d+)"
    assert objects["stationSeen"].as_ is Form.INFO
    assert {table.name for table in made.tables} == {"pump", "pumpOil", "station"}
    assert list(check("plant", {"plant": made})) == []


def test_names_may_have_a_module_and_an_instance(mibs: Mibs) -> None:
    made = imported("{walk: ['ACME-PUMP-MIB::pumpStops', plantUpTime.0, 1.3.6.1.4.1.99999.1.5.0]}", mibs)
    assert made.notes == ()
    assert list(ours(profile(made))) == ["plantUpTime", "plantOpen", "pumpStops"]


def test_an_enumeration_that_is_looked_up_is_text(mibs: Mibs) -> None:
    made = profile(
        imported("{walk: [pumpStops], lookups: [{source_indexes: [pumpHall, pumpKey], lookup: pumpState}]}", mibs)
    )
    assert made.tables[0].lookups[0].enum == {1: "stopped", 2: "running", 9: "broken"}


def test_a_dynamic_filter_chooses_rows(mibs: Mibs) -> None:
    made = imported(
        "{walk: [pumpStops], filters: {dynamic: [{oid: pumpState, targets: [pumpStops], values: ['2', '9']}]}}", mibs
    )
    only = profile(made).tables[0].columns[0].only
    assert only is not None
    assert (only.oid, only.values) == ("1.3.6.1.4.1.99999.2.1.3", (2, 9))
    assert made.notes == ()


@pytest.mark.parametrize(
    ("module", "note"),
    [
        ("{walk: [plantUpTime, nothing]}", "walk: nothing is in no MIB that was read"),
        ("{walk: [plantUpTime, pumpStops.1.2]}", "walk: pumpStops.1.2: single instances of a table cannot be chosen"),
        ("{walk: [plantUpTime], timeout: 5s}", "timeout: the timeout is an option of a target"),
        ("{walk: [plantUpTime], colour: red}", "colour: this is unknown"),
        ("{walk: [plantUpTime], auth: {community: xyzzy}}", "auth: credentials are written under collect.snmp"),
        ("{walk: [plantUpTime], overrides: {nothing: {ignore: true}}}", "overrides: nothing is nothing that is walked"),
        ("{walk: [plantUpTime], overrides: {plantUpTime: {colour: red}}}", "overrides: plantUpTime: colour is unknown"),
        ("{walk: [plantUpTime, plantHeat], overrides: {plantHeat: {type: Colour}}}", "plantHeat: type 'Colour' is"),
        ("{walk: [plantUpTime, plantHeat], overrides: {plantHeat: {type: EnumAsInfo}}}", "needs an enumeration"),
        ("{walk: [pumpStops], lookups: [{source_indexes: [pumpKey], lookup: nothing}]}", "lookups: nothing is in no"),
        ("{walk: [pumpStops, pumpName], lookups: [{source_indexes: [pumpKey], lookup: pumpName}]}", "label of its"),
        ("{walk: [pumpStops], filters: {static: [{targets: [pumpStops], indices: ['1']}]}}", "static filters cannot"),
        ("{walk: [pumpStops], filters: {dynamic: [{oid: pumpName, targets: [], values: [a]}]}}", "only numbers of a"),
    ],
)  # fmt: skip
def test_what_is_not_carried_over_is_named(module: str, note: str, mibs: Mibs) -> None:
    made = imported(module, mibs)
    assert any(note in each for each in made.notes), made.notes
    assert made.usable
    assert "xyzzy" not in made.text + " ".join(made.notes)


def test_nothing_to_read_is_not_usable(mibs: Mibs) -> None:
    made = imported("{walk: [nothing]}", mibs)
    assert not made.usable
    assert "nothing is left to read" in made.notes


def test_a_mistake_in_the_result_is_said(mibs: Mibs) -> None:
    made = imported("{walk: [plantSerial], overrides: {plantSerial: {regex_extracts: {A: [{regex: '('}]}}}}", mibs)
    assert not made.usable
    assert any(each.startswith("scalars.0.regex_extracts") for each in made.notes), made.notes


@pytest.mark.parametrize("text", ["", "[]", "modules: 3", "modules: {a: 1}", "auths: {}", "modules: {a: {walk: [}"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(CannotImportError):
        modules(text)


def test_a_folder_without_mibs_says_what_helps(tmp_path: Path) -> None:
    with pytest.raises(CannotImportError, match="--mibs"):
        Mibs([tmp_path])


def test_a_broken_module_does_not_hide_the_others(tmp_path: Path) -> None:
    for path in MIBS.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "BROKEN-MIB").write_text("BROKEN-MIB DEFINITIONS ::= BEGIN\nbroken OBJECT-TYPE ((\nEND\n", "utf-8")
    (tmp_path / "LOST-MIB").write_text(
        "LOST-MIB DEFINITIONS ::= BEGIN\n"
        "IMPORTS acmeOther FROM ACME-OTHER-MIB OBJECT-TYPE, Integer32 FROM SNMPv2-SMI;\n"
        "lost OBJECT-TYPE SYNTAX Integer32 MAX-ACCESS read-only STATUS current\n"
        '  DESCRIPTION "" ::= { acmeOther 1 }\nEND\n',
        "utf-8",
    )
    found = Mibs([tmp_path])
    made = imported("{walk: [plantUpTime, broken, lost]}", found)
    assert made.usable
    assert [each.name for each in profile(made).scalars] == ["plantUpTime"]
    assert any("BROKEN-MIB was not read" in each for each in made.notes), made.notes
    assert any("ACME-OTHER-MIB was not read: not in the folders given" in each for each in made.notes), made.notes
