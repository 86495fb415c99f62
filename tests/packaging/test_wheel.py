"""The wheel holds exactly the four packages, with their data files, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PACKAGES = {"agent", "collectors", "rules", "integrations"}
DATA = {".yml", ".yaml", ".sql", ".j2", ".html", ".css", ".typed"}


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_owns_the_four_names_and_no_other(names: set[str]) -> None:
    tops = {name.split("/", 1)[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_it_holds_every_file_of_the_packages(names: set[str], root: Path) -> None:
    files = {
        path.relative_to(root).as_posix()
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    unexpected = {name for name in files if Path(name).suffix not in DATA | {".py"}}
    assert not unexpected, "files of a kind that pyproject.toml does not ship"
    assert {name for name in names if ".dist-info/" not in name} == files


def test_it_installs_the_command(names: set[str], wheel: Path) -> None:
    (entry_points,) = (name for name in names if name.endswith("/entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        assert "tocsin = agent.cli:main" in archive.read(entry_points).decode().splitlines()
