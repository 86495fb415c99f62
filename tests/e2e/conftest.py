"""A new agent for each test, ended with it; and the scenarios that mostly wait, which play beside the other tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from daemon import Daemon, RtServer
from scenarios import SCENARIOS


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


def _play(name: str, folder: Path) -> None:
    agent = Daemon(folder / "agent")
    try:
        with RtServer() as server:
            SCENARIOS[name](agent, server)
    finally:
        agent.end()


@pytest.fixture(scope="session", autouse=True)
def alongside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[None]]]:
    """The scenarios among the chosen tests, begun with the first test of this folder: they wait while others work."""
    chosen = [name for name in SCENARIOS if any(item.name.endswith(f"[{name}]") for item in request.session.items)]
    with ThreadPoolExecutor(max(1, len(chosen))) as pool:
        yield {name: pool.submit(_play, name, tmp_path_factory.mktemp(name)) for name in chosen}
