"""``tocsin snmp import``: what is printed, what is written, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli import main

MIBS = Path(__file__).parent.parent / "unit_collectors" / "snmp_mibs"
GENERATOR = """\
modules:
  plant: {walk: [plantUpTime], timeout: 5s}
  pumps: {walk: [pumpTable]}
"""


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    path = tmp_path / "generator.yml"
    path.write_text(GENERATOR, "utf-8")
    return path


def run(generator: Path, *more: str) -> int:
    return main(["snmp", "import", str(generator), "--mibs", str(MIBS), *more])


def test_prints_a_profile_and_says_what_it_left_out(generator: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(generator, "--module", "plant") == 0
    out, err = capsys.readouterr()
    assert out.startswith("about: ")
    assert "name: plantUpTime, oid: 1.3.6.1.4.1.99999.1.3.0" in out
    assert err == "plant: timeout: the timeout is an option of a target (collect.snmp.targets)\n"


def test_writes_a_file_for_each_module_and_none_over_another(
    generator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "snmp.d"
    assert run(generator, "--out", str(folder)) == 0
    assert capsys.readouterr().out.splitlines() == [str(folder / "plant.yml"), str(folder / "pumps.yml")]
    assert "pumpStrokes" in (folder / "pumps.yml").read_text("utf-8")
    assert run(generator, "--out", str(folder)) == 73
    assert "plant.yml is there already" in capsys.readouterr().err


def test_a_module_of_which_nothing_is_left_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "generator.yml"
    path.write_text("modules: {a: {walk: [nothing]}, '../b': {walk: [plantUpTime]}}", "utf-8")
    assert run(path, "--module", "a") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "a: nothing is left to read" in err
    assert run(path, "--module", "../b", "--out", str(tmp_path / "x")) == 73
    assert not (tmp_path / "b.yml").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--module", "c"), "the file has no module 'c'; it has plant, pumps"),
        (("--mibs", "/nothere"), "/nothere is no folder"),
    ],
)
def test_what_is_not_there_is_said(
    more: tuple[str, ...], said: str, generator: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(generator, *more) == 66
    assert said in capsys.readouterr().err
