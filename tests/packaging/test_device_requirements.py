"""What devices install is what the agent depends on, but for what has no wheel there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEVICES = ROOT / "deploy/devices"
RUST = "flpc>=0.2.5,<0.3"
NOT_ON_ARM = {"msgspec", "PyYAML", "cryptography", "dbus-fast", "gufo-snmp"}


def listed(name: str) -> list[str]:
    lines = (DEVICES / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def name_of(requirement: str) -> str:
    return re.split(r"[<>=]", requirement)[0]


def test_musl_needs_what_everybody_needs_but_another_engine_for_patterns() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {requirement.partition(";")[0] for requirement in project["dependencies"]}
    assert {name_of(requirement) for requirement in wanted - set(listed("requirements.txt"))} == {"google-re2"}
    assert set(listed("requirements.txt")) - wanted == {RUST}


def test_arm_does_without_what_comes_from_the_system() -> None:
    left_out = set(listed("requirements.txt")) - set(listed("requirements-armv7l.txt"))
    assert {name_of(requirement) for requirement in left_out} == NOT_ON_ARM
    assert set(listed("requirements-armv7l.txt")) < set(listed("requirements.txt"))


def test_the_stand_in_needs_the_same_engine() -> None:
    project = tomllib.loads((DEVICES / "re2_on_rust/pyproject.toml").read_text())["project"]
    assert project["dependencies"] == [RUST]
