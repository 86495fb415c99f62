"""From a fault to its incident, and from its recovery to the resolve: the main job, with the embedded desk."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import CI, INTERVAL_S, SLACK_S, Daemon, rule

FOR_S = 2.0


class Watched:
    """A program with a name of its own, which the agent watches; ``kill`` is a real kill -9."""

    def __init__(self, folder: Path) -> None:
        self.name = "e2esleeper"
        self._program = folder / self.name
        shutil.copy2("/usr/bin/sleep", self._program)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([str(self._program), "600"])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)
            self._process = None


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    program = Watched(tmp_path)
    yield program
    program.kill()


def watching(daemon: Daemon, watched: Watched) -> None:
    daemon.config["collect"]["host"]["processes"] = {"groups": [{"name": "sleeper", "comm": [watched.name]}]}
    daemon.rules = [
        rule(
            "ProcessGone", 'namedprocess_namegroup_num_procs{groupname="sleeper"} < 1', f"{FOR_S:g}s",
            summary="No process of {{ $labels.groupname }} runs",
            description="{{ $value }} processes of {{ $labels.groupname }}, at least 1 is expected.",
        )
    ]  # fmt: skip
    daemon.write()


def test_a_killed_process_opens_one_ticket_and_its_return_resolves_it(daemon: Daemon, watched: Watched) -> None:
    watching(daemon, watched)
    watched.start()
    daemon.start()
    daemon.pass_cycles(2)
    assert daemon.incidents() == []

    watched.kill()
    killed = time.monotonic()
    (ticket,) = daemon.until("a ticket at the desk", daemon.tickets, 10)
    assert time.monotonic() - killed <= FOR_S + INTERVAL_S + SLACK_S
    assert time.monotonic() - killed >= FOR_S, "the rule's `for` was not waited for"
    text = ticket["body"]
    assert ticket["title"].count("No process of sleeper runs") == 1
    assert ticket["ci"] == CI
    assert CI in text
    assert "0 processes of sleeper, at least 1 is expected." in text
    (row,) = daemon.ask("tocsin/outbox")
    assert row["correlation_id"] in text
    assert ticket["correlation_id"] == row["correlation_id"]

    watched.start()
    returned = time.monotonic()
    daemon.until("the resolve at the desk", lambda: daemon.tickets()[0]["state"] == "resolved", 10)
    assert time.monotonic() - returned >= 2.0, "the cool-down was not waited for"
    (incident,) = daemon.incidents()
    (member,) = incident["members"]
    assert (member["state"], member["value"], member["evidence_value"]) == ("recovered", "0", "1")
    resolution = daemon.tickets()[0]["resolution_text"]
    assert "evidence 1 at" in resolution

    watched.kill()
    daemon.until("the same ticket again", lambda: daemon.tickets()[0]["state"] == "new", 10)
    (incident,) = daemon.incidents()
    assert incident["episode"] == 1
    assert "reopened_within_window" in daemon.history(incident)
    assert len(daemon.tickets()) == 1
    assert daemon.stop() == 0


@pytest.mark.alongside
def test_a_fault_that_returns_is_a_new_episode_where_policy_says_so(daemon: Daemon) -> None:
    daemon.config["incident"] |= {"again": [], "cool_down": "1s"}
    daemon.write()
    daemon.gauge(a=9)
    daemon.start()
    first = daemon.until("a ticket", lambda: daemon.ticket("a"), 8)
    daemon.gauge(a=1)
    daemon.until("its resolve", lambda: daemon.ticket("a")["state"] == "resolved", 8)
    daemon.gauge(a=7)
    second = daemon.until("a second ticket", lambda: daemon.tickets()[1:], 8)[0]
    assert daemon.page(first["number"])["ticket"]["state"] == "resolved"
    assert (first["episode"], second["episode"]) == (1, 2)
    assert first["correlation_id"] == second["correlation_id"]
    assert first["number"] in second["body"], "the new ticket names the one before"
    assert [each["episode"] for each in daemon.incidents()] == [1, 2]


@pytest.mark.alongside
def test_data_that_vanishes_is_no_recovery(daemon: Daemon) -> None:
    daemon.gauge(a=9)
    daemon.start()
    ticket = daemon.until("a ticket", lambda: daemon.ticket("a"), 8)
    written = daemon.folder / "prom" / "gauges.prom"
    written.unlink()
    daemon.until("no data", lambda: daemon.incident("a")["state"] == "no_data", 8)
    notes = daemon.until("a note about it", lambda: daemon.page(ticket["number"])["notes"], 8)
    assert "no data" in notes[-1]["text"].lower(), notes
    daemon.pass_cycles(4)  # longer than the cool-down
    assert daemon.ticket("a")["state"] == "new"
    assert [alert["state"] for alert in daemon.ask("tocsin/alerts")] == ["no_data"]

    daemon.gauge(a=9)
    daemon.until("it fires again", lambda: daemon.incident("a")["state"] == "open", 8)
    written.unlink()
    daemon.until("no data again", lambda: daemon.incident("a")["state"] == "no_data", 8)
    daemon.gauge(a=2)
    daemon.until("the resolve", lambda: daemon.ticket("a")["state"] == "resolved", 10)
    (incident,) = daemon.incidents()
    assert [member["evidence_value"] for member in incident["members"]] == ["2"]
    assert len(daemon.tickets()) == 1
    history = daemon.history(incident)
    assert history.index("no_data") < history.index("firing_again") < history.index("recovering")
