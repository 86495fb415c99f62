"""A new agent for each test, ended with it; tests that mostly wait are played side by side.

A test marked ``alongside`` is an ordinary one in its file, and is begun with the first test of this folder, in a thread
of its own with an agent of its own; its turn comes after the others and only waits for its end.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("daemon")
from daemon import Daemon, RtServer  # noqa: E402 - its assertions are to be explained too

HERE = Path(__file__).parent
AT_ONCE = 4
LIMIT_S = 120
PLAYED = pytest.StashKey[dict[str, Future[None]]]()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Configured and not started; its gauge ``e2e_gauge`` is watched by the rule GaugeHigh."""
    agent = Daemon(tmp_path / "agent")
    yield agent
    agent.end()
    assert agent.mishaps() == []


@pytest.fixture
def rt() -> Iterator[RtServer]:
    with RtServer() as server:
        yield server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alongside: mostly waits, and is played beside other end-to-end tests")


def _is_alongside(item: pytest.Item) -> bool:
    return item.get_closest_marker("alongside") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In this folder, those that are played alongside come last."""
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    ordered = sorted((items[place] for place in places), key=_is_alongside)
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def _play(item: pytest.Function, folder: Path) -> None:
    given: dict[str, Any] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    with ExitStack() as stack:
        if "rt" in inspect.signature(item.function).parameters:
            given["rt"] = stack.enter_context(RtServer())
        given["daemon"] = agent = Daemon(folder / "agent")
        stack.callback(agent.end)
        item.function(**given)
        assert agent.mishaps() == []


@pytest.fixture(scope="session", autouse=True)
def _side_by_side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    chosen = [item for item in request.session.items if isinstance(item, pytest.Function) and _is_alongside(item)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        request.config.stash[PLAYED] = {
            item.nodeid: pool.submit(_play, item, tmp_path_factory.mktemp("alongside")) for item in chosen
        }
        yield


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    played = pyfuncitem.config.stash.get(PLAYED, {}).get(pyfuncitem.nodeid)
    if played is None:
        return None
    played.result(LIMIT_S)
    return True
