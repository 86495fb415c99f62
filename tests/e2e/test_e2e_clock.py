"""Somebody sets the wall clock."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from daemon import Daemon, rule


def faketime() -> Path:
    """The library of Debian's package libfaketime, which is no program that ``require`` could find."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        reason = "libfaketime is missing: run tests/servers/install as root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found[0]


@pytest.mark.alongside
def test_steps_of_the_wall_clock_fire_and_resolve_nothing(daemon: Daemon) -> None:
    """Somebody sets the wall clock an hour forward and back again: nobody fires or recovers for that."""
    offset = daemon.folder / "offset"
    offset.write_text("+0\n")
    daemon.env = {
        "LD_PRELOAD": str(faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    daemon.rules.append(rule("GaugeLow", "e2e_gauge < 0", "12s"))
    daemon.config["incident"]["cool_down"] = "12s"
    daemon.write()
    daemon.gauge(fires=9, recovers=9, waits=1)
    daemon.start()
    daemon.until("two tickets", lambda: len(daemon.tickets()) == 2, 8)
    daemon.gauge(recovers=1, waits=-1)
    begin = time.monotonic()
    daemon.until("it recovers", lambda: daemon.incident("recovers")["state"] == "recovering", 4)
    before = {each["id"]: each["state"] for each in daemon.incidents()}
    wall = daemon.metric("tocsin_start_time_seconds")
    assert wall is not None

    for steps, jump in enumerate((3600, 0), 1):
        offset.write_text(f"+{jump}\n")
        daemon.until("the step is followed", lambda: daemon.metric("tocsin_clock_steps_total") == steps, 5)  # noqa: B023
        daemon.pass_cycles(1)
        assert {each["id"]: each["state"] for each in daemon.incidents()} == before
        assert [alert["state"] for alert in daemon.ask("tocsin/alerts")] == ["firing", "pending"]
        shown = daemon.metric("tocsin_start_time_seconds")
        assert shown == pytest.approx(wall + jump, abs=2), "what people read follows the wall clock"
    assert time.monotonic() - begin < 11, "too slow a machine to tell anything here"

    # Then each goes on after its own time, which the steps neither shortened nor lengthened.
    daemon.until("what waited fires", lambda: daemon.ticket("waits"), 15)
    assert time.monotonic() - begin >= 11.9
    daemon.until("what recovered is resolved", lambda: daemon.ticket("recovers")["state"] == "resolved", 8)
    assert time.monotonic() - begin <= 12 + 6
    assert len(daemon.tickets()) == 3
    assert daemon.ticket("fires")["state"] == "new"
    assert len(daemon.said("wall_clock_stepped")) == 2
    assert daemon.said("stood_still") == []

    # A process that starts after a step reads what was written before it.
    daemon.kill()
    offset.write_text("-3600\n")
    daemon.start()
    daemon.pass_cycles(3)
    assert [each["episode"] for each in daemon.incidents()] == [1, 1, 1]
    assert {each["state"] for each in daemon.tickets()} == {"new", "resolved"}
    assert len(daemon.tickets()) == 3
    daemon.gauge(fires=1)
    daemon.until("it recovers", lambda: daemon.incident("fires")["state"] == "recovering", 5)
