"""The shipped units are valid and closed: checked by systemd's own tools, without a running service manager."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.notify import TRAPS

pytestmark = pytest.mark.server("systemd-analyze")

UNITS = ("tocsin.service", "tocsin.socket", "tocsin-traps.socket")
LIMIT = 15  # tenths: an exposure level of 1.5
DROP_INS = sorted(path.name for path in (Path(__file__).parents[2] / "deploy/systemd/drop-ins").glob("*.conf"))


@pytest.fixture
def units(root: Path, tmp_path: Path) -> Path:
    """Copies whose program exists here, since `verify` looks for it."""
    for name in UNITS:
        text = (root / "deploy/systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/tocsin/bin/python", shutil.which("true") or ""))
    return tmp_path


def analyze(require: Callable[[str], Path], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(require("systemd-analyze")), *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def verify(require: Callable[[str], Path], units: Path) -> str:
    done = analyze(require, "verify", "--man=no", "--recursive-errors=no", *(units / name for name in UNITS))
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_units_are_valid(require: Callable[[str], Path], units: Path) -> None:
    assert verify(require, units) == ""


def test_a_mistake_in_a_unit_is_seen(require: Callable[[str], Path], units: Path) -> None:
    unit = units / "tocsin.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchDogSecs="))
    with pytest.raises(AssertionError, match="Unknown key 'WatchDogSecs'"):
        verify(require, units)


def test_the_agent_knows_the_socket_for_traps_by_its_name(root: Path) -> None:
    unit = (root / "deploy/systemd/tocsin-traps.socket").read_text()
    assert f"FileDescriptorName={TRAPS}\n" in unit
    assert "Service=tocsin.service\n" in unit


def test_the_service_is_exposed_by_at_most_the_limit(require: Callable[[str], Path], units: Path) -> None:
    done = analyze(
        require, "security", "--offline=true", "--no-pager", f"--threshold={LIMIT}", units / "tocsin.service"
    )
    assert done.returncode == 0, done.stdout
    level = re.search(r"exposure level for tocsin.service: ([0-9.]+)", done.stdout)
    assert level is not None
    assert float(level[1]) <= LIMIT / 10


@pytest.mark.parametrize("name", DROP_INS)
def test_a_drop_in_is_valid(require: Callable[[str], Path], units: Path, root: Path, name: str) -> None:
    unit = units / "tocsin.service"
    addition = (root / "deploy/systemd/drop-ins" / name).read_text()
    unit.write_text(unit.read_text() + addition)
    assert verify(require, units) == ""
    assert addition.startswith("# "), "a drop-in begins with what it is for"


def test_the_python_of_the_unit_ignores_its_surroundings(root: Path) -> None:
    unit = (root / "deploy/systemd/tocsin.service").read_text()
    assert (
        "ExecStart=/opt/tocsin/bin/python -I -OO -X no_debug_ranges -m agent run --config /etc/tocsin/tocsin.yaml\n"
        in unit
    )
