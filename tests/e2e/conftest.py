"""A new agent for each test, ended with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon, RtServer


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Configured and not started; its gauge ``e2e_gauge`` is watched by the rule GaugeHigh."""
    agent = Daemon(tmp_path / "agent")
    yield agent
    agent.end()


@pytest.fixture
def rt() -> Iterator[RtServer]:
    with RtServer() as server:
        yield server
