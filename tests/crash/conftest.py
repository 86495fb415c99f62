"""The real Request Tracker of the crash tests: one of its own, so that other tests' tickets are not in the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_at_rt import Agent, Rt

PORT = "8087"


@pytest.fixture(scope="session")
def real_rt(root: Path) -> Rt:
    """Started if it does not run, and left running: starting it takes longer than a test."""
    if os.geteuid() != 0 and not Path("/usr/share/request-tracker5").exists():
        pytest.skip("needs Request Tracker 5: run tests/servers/install as root")
    done = subprocess.run(
        [str(root / "tests/servers/rt5-up")],
        capture_output=True, text=True, timeout=600, env={**os.environ, "RT_PORT": PORT},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Rt.from_output(done.stdout)


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    """Those a test puts here are ended with it, also when it fails."""
    started: list[Agent] = []
    yield started
    for agent in started:
        if agent.process is not None and agent.process.poll() is None:
            agent.kill()
