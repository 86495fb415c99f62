"""The disk that holds the state is full while a fault happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon, RtServer, firing

pytestmark = pytest.mark.root


@pytest.fixture
def small(daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The state directory on a file system of so many megabytes; the reserve alone takes 2."""
    daemon.state.mkdir(mode=0o700)
    size = f"size={request.param}M,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tocsin-e2e", daemon.state], check=True)
    yield daemon.state
    daemon.end()
    subprocess.run(["umount", daemon.state], check=True)


def fill(folder: Path) -> Path:
    """Take every byte there is (now: SQLite gives some back when it fails)."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    assert os.statvfs(folder).f_bavail == 0
    return filler


@pytest.mark.parametrize("small", [2], indirect=True)
def test_a_full_disk_stops_no_watching_and_is_mended_without_a_restart(
    daemon: Daemon, rt: RtServer, small: Path
) -> None:
    daemon.at_rt(rt)
    daemon.gauge(a=9, b=1, c=1)
    daemon.start()
    daemon.until("a ticket", lambda: rt.statuses() == ["new"], 8)

    def nothing_is_taken() -> bool:
        fill(small)
        before = len(daemon.said("store_available"))
        daemon.pass_cycles(2)
        return not daemon.ask("tocsin/status")["store"]["healthy"] and len(daemon.said("store_available")) == before

    filler = fill(small)
    daemon.gauge(b=9)
    daemon.until("it is said", lambda: daemon.said("store_unavailable"), 5)
    daemon.until("no room is left", nothing_is_taken, 10)
    daemon.signal(signal.SIGHUP)  # a new configuration cannot be kept as the last good one
    daemon.until("the reload", lambda: daemon.said("reloaded"), 8)
    daemon.gauge(a=1, c=9)
    daemon.until("evaluation goes on", lambda: len(firing(daemon)) == 2, 4)
    daemon.until("and decides", lambda: daemon.metric("tocsin_incidents", state="open") == 2, 5)
    daemon.pass_cycles(3)
    status = daemon.ask("tocsin/status")
    assert not status["healthy"]
    assert not status["store"]["healthy"]
    assert daemon.metric("tocsin_store_healthy") == 0
    said = len(daemon.said("store_unavailable"))
    assert said == len(daemon.said("store_available")) + 1, "said once each time, not with every pass"
    assert status["cycles_skipped"] == 0

    filler.unlink()
    daemon.until("all is delivered", lambda: sorted(rt.statuses()) == ["new", "new", "resolved"], 30)
    daemon.until("and stored", lambda: daemon.ask("tocsin/status")["store"]["healthy"], 10)
    daemon.until("and said", lambda: len(daemon.said("store_available")) == said, 5)
    daemon.pass_cycles(2)
    assert rt.creates() == 3
    daemon.kill()
    daemon.start()
    daemon.pass_cycles(2)
    assert (rt.creates(), sorted(rt.statuses())) == (3, ["new", "new", "resolved"])
    assert [each["state"] for each in daemon.incidents("live")] == ["open", "open"]
    assert daemon.said("ticket_adopted") == [], "what was sent while the disk was full was never stored"


@pytest.mark.parametrize("small", [5], indirect=True)
def test_an_agent_starts_on_a_full_disk_by_giving_up_its_reserve(daemon: Daemon, rt: RtServer, small: Path) -> None:
    daemon.at_rt(rt)
    daemon.gauge(a=9, b=1)
    daemon.start()
    daemon.until("a ticket", lambda: rt.statuses() == ["new"], 8)
    assert (small / "tocsin.reserve").is_file()
    daemon.kill()
    fill(small)
    daemon.start()
    daemon.gauge(a=1, b=9)
    daemon.until("it delivers", lambda: sorted(rt.statuses()) == ["new", "resolved"], 10)
    assert daemon.ask("tocsin/status")["store"]["healthy"]
    assert rt.creates() == 2


@pytest.mark.parametrize("small", [2], indirect=True)
def test_without_room_and_without_reserve_it_starts_and_says_so(daemon: Daemon, small: Path) -> None:
    daemon.gauge(a=1)
    daemon.start()
    daemon.kill()
    filler = fill(small)
    daemon.start()
    assert daemon.said("disk_reserve_gone")
    daemon.gauge(a=9)
    daemon.until("the rules go on", lambda: len(firing(daemon)) == 1, 8)
    daemon.until("the store's lack of room shows", lambda: not daemon.ask("tocsin/status")["store"]["healthy"], 8)
    assert not daemon.ask("tocsin/status")["healthy"]
    filler.unlink()
    daemon.until("the store is well again", lambda: daemon.ask("tocsin/status")["store"]["healthy"], 20)
    daemon.until("and has what was decided", lambda: [each["state"] for each in daemon.incidents()] == ["open"], 8)
