"""Profiles of one's own: a folder of files beside the configuration, and every mistake told where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.files import load_bundle, save_bundle
from agent.config.load import Loaded, load

CONFIG = """\
collect:
  snmp:
    profiles: snmp.d
    credentials: {ro: {version: 2, community: {credential: snmp-ro}}}
    targets: [{host: 192.0.2.1, credential: ro, profile: mast}]
"""
MAST = """\
about: {en: Mast}
with: [system]
scalars:
  - {name: mastVoltage, oid: 1.3.6.1.4.1.99999.1.1.0, scale: 0.01}
tables:
  - name: batteries
    indexes: [{label: batteryIndex}]
    lookups: [{label: batteryName, oid: 1.3.6.1.4.1.99999.2.1.2}]
    columns:
      - {name: batteryState, oid: 1.3.6.1.4.1.99999.2.1.4, as: stateset, enum: {1: ok, 2: low}}
"""


def written(folder: Path, **files: str) -> Loaded:
    (folder / "snmp.d").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "snmp.d" / f"{name}.yml").write_text(text)
    (folder / "tocsin.yaml").write_text(CONFIG)
    return load(str(folder / "tocsin.yaml"))


def test_each_file_of_the_folder_is_the_profile_of_its_name(tmp_path: Path) -> None:
    loaded = written(tmp_path, mast=MAST, other=MAST.replace("mast", "other").replace("battery", "cell"))
    assert loaded.errors == ()
    assert loaded.config is not None
    profiles = loaded.config.collect.snmp.options.profiles
    assert sorted(profiles) == ["mast", "other"]
    assert profiles["mast"].scalars[0].scale == 0.01
    assert profiles["mast"].tables[0].columns[0].enum == {1: "ok", 2: "low"}


def test_they_are_kept_with_the_last_good_configuration(tmp_path: Path) -> None:
    before = written(tmp_path, mast=MAST)
    bundle = before.bundle()
    assert bundle is not None
    save_bundle(bundle, tmp_path / "last-good")
    (tmp_path / "snmp.d" / "mast.yml").unlink()
    again = load_bundle(tmp_path / "last-good")
    after = load(again.main, again)
    assert (after.errors, after.config, after.config_hash) == ((), before.config, before.config_hash)


@pytest.mark.parametrize(
    ("found", "put", "at", "message"),
    [
        ("as: stateset", "as: statset", "statset", "must be one of raw, info, stateset, bits, found 'statset'"),
        ("oid: 1.3.6.1.4.1.99999.1.1.0", "oid: .1.3", ".1.3, scale", "must be an OID as dotted numbers without a dot"),
        ("scale: 0.01", "scale: big", "big", "must be a number, found 'big'"),
        ("scale: 0.01", "type: Gauge", "Gauge", "must be one of gauge, counter, Float"),
        ("scale: 0.01", "scales: 2", "scales", "unknown key 'scales'"),
        ("{1: ok, 2: low}", "{one: ok}", "one: ok", "must be a whole number"),
        ("batteryName, oid", "batteryIndex, oid", "batteryIndex, oid", "label batteryIndex stands twice"),
        ("2.1.2}]", "2.1.2, indexes: [slot]}]", "slot", "the table has no index slot"),
        ("99999.2.1.4,", "99999.2.1.4.0,", "1.3.6.1.4.1.99999.2.1.4.0,", "is a scalar, not a column"),
        ("[system]", "[sytem]", "sytem", "there is no profile 'sytem'"),
        ("[system]", "[mast]", "mast]", "profiles bring each other along in a circle: mast -> mast"),
        ("mastVoltage", "sysUpTime", "sysUpTime", "sysUpTime stands twice, also in profile system, which comes along"),
        ("about: {en: Mast}", "about: {en: Mast", "{en", "not YAML: while parsing a flow mapping"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_column(
    tmp_path: Path, found: str, put: str, at: str, message: str
) -> None:
    text = MAST.replace(found, put)
    before, _, rest = text.partition(at)
    assert text != MAST
    assert rest
    assert at not in rest
    loaded = written(tmp_path, mast=text)
    (first, *_) = [each for each in loaded.errors if Path(each.file).name == "mast.yml"]
    assert (first.line, first.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert message in first.message
    assert loaded.config is None


def test_a_mistake_in_a_profile_that_is_written_in_the_configuration_is_told_there(tmp_path: Path) -> None:
    inline = "profiles: {mast: {scalars: [{name: x, oid: 1.3.6.1.4.1.99999.1.0, scale: 0}]}}"
    (tmp_path / "tocsin.yaml").write_text(CONFIG.replace("profiles: snmp.d", inline))
    (problem,) = load(str(tmp_path / "tocsin.yaml")).errors
    assert (Path(problem.file).name, problem.line, problem.column) == ("tocsin.yaml", 3, 78)
    assert problem.message.endswith("a scale of 0 leaves nothing of the value")


def test_a_folder_without_profiles_is_a_mistake(tmp_path: Path) -> None:
    (problem,) = written(tmp_path).errors
    assert (problem.line, problem.column) == (3, 15)
    assert problem.message == f"there is no *.yml in {tmp_path}/snmp.d"
    assert problem.hint == "put profiles there, each as NAME.yml, or take 'profiles' out"
