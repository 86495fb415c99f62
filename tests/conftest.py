"""What every test may lean on: the markers ``root`` and ``server``; the fixtures ``require``, ``root`` and ``wheel``.

A test that needs a program from Debian says so: ``@pytest.mark.server("promtool")``, or ``require("promtool")`` in its
body. On a laptop without it the test is skipped and the reason names the mend; under ``CI=true`` it fails, as there
nobody reads the skips. A test that needs root is skipped everywhere without it.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _missing(what: str) -> None:
    """Skip on a laptop, fail under CI."""
    reason = f"{what} is missing: run tests/servers/install as root"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _find(program: str) -> Path:
    found = shutil.which(program, path=SEARCH_PATH)
    if found is None:
        _missing(program)
    return Path(str(found))


def pytest_collection_finish() -> None:
    """The thousands of tests themselves are nothing to search for garbage: that would be in the CPU time of each."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") is not None and os.geteuid() != 0:
        pytest.skip("needs root")
    for marker in item.iter_markers("server"):
        for program in marker.args:
            _find(program)


@pytest.fixture(scope="session")
def require() -> Callable[[str], Path]:
    """``require("promtool")`` is the path of that program; without it the test is skipped, or fails under CI."""
    return _find


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution, built from a copy of the source tree, so that nothing is left behind in it (seconds)."""
    work = tmp_path_factory.mktemp("wheel")
    copy = work / "source"
    copy.mkdir()
    for part in ("pyproject.toml", "README.md", "LICENSE", "agent", "collectors", "rules", "integrations"):
        if (root / part).is_dir():
            shutil.copytree(root / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(root / part, copy / part)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(work), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = work.glob("*.whl")
    return built
