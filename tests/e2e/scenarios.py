"""Scenarios that mostly wait. They are played side by side, each with its own agent; see ``conftest.alongside``."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from daemon import Daemon, RtServer, firing, rule
from fakes.fake_http import Fault

READ_BACK_S = 30.0
"""How often the agent reads open tickets back."""
QUIET_PASSES = 20


def people(daemon: Daemon, rt: RtServer) -> None:
    """What people do at the desk while the fault goes on is read back, respected, and never overwritten."""
    del rt
    daemon.gauge(taken=9, held=9, solved=9, cancelled=9)
    daemon.start()
    daemon.until("four tickets", lambda: len(daemon.tickets()) == 4, 8)
    number = {name: daemon.ticket(name)["number"] for name in daemon.gauges}
    daemon.act(number["taken"], "acknowledge", note="I look into it")
    daemon.act(number["taken"], "prioritise", priority="1")
    daemon.act(number["held"], "hold", reason="spare part ordered")
    daemon.act(number["solved"], "resolve", text="was a test")
    daemon.act(number["cancelled"], "cancel", reason="not ours")
    expected = {
        "taken": ("in_progress", "acknowledged"),
        "held": ("on_hold", "put_on_hold"),
        "solved": ("resolved", "resolved_by_person"),
        "cancelled": ("cancelled", "cancelled_by_person"),
    }

    def seen(name: str) -> bool:
        return bool(daemon.incident(name)["people"]["desk"]["state"] == expected[name][0])

    daemon.until("all of it is read back", lambda: all(map(seen, expected)), READ_BACK_S + 3)
    for name, (_, reason) in expected.items():
        assert reason in daemon.history(daemon.incident(name)), name
    taken = daemon.incident("taken")["people"]["desk"]
    assert (taken["owner"], taken["priority"]) == ("ann", 1)
    daemon.gauge(taken=8, held=8, solved=8, cancelled=8)
    daemon.pass_cycles(3)
    assert {name: daemon.ticket(name)["state"] for name in expected} == {name: s for name, (s, _) in expected.items()}
    assert len(daemon.tickets()) == 4, "a second ticket behind a person's back"

    # The fault is over: what a person has in hand is resolved, what is held waits and says so, an end stays as it is.
    daemon.gauge(taken=1, held=1, solved=1, cancelled=1)
    daemon.until("the resolve", lambda: daemon.ticket("taken")["state"] == "resolved", 10)
    daemon.until("a note to who holds it", lambda: daemon.page(number["held"])["notes"][1:], 10)
    daemon.pass_cycles(2)
    page = daemon.page(number["taken"])
    assert (page["ticket"]["owner"], page["ticket"]["priority"]) == ("ann", 1)
    assert "I look into it" in [note["text"] for note in page["notes"]]
    assert daemon.ticket("held")["state"] == "on_hold"
    assert [daemon.ticket(name)["ended_by"] for name in ("solved", "cancelled")] == ["ann", "ann"]
    assert daemon.ticket("solved")["resolution_text"] == "was a test"
    assert daemon.ticket("cancelled")["state"] == "cancelled"

    # The hold ends, and a reload reads back at once: nothing is left to wait for.
    daemon.act(number["held"], "acknowledge")
    daemon.signal(signal.SIGHUP)
    daemon.until("the resolve of what was held", lambda: daemon.ticket("held")["state"] == "resolved", 10)
    assert daemon.stop() == 0


def written(pid: int) -> int:
    found = re.search(r"^write_bytes: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def quiet(daemon: Daemon, rt: RtServer) -> None:
    """While states stay as they are nothing is written, although values move every second."""
    del rt
    daemon.rules.append(rule("GaugeOdd", "e2e_gauge < -5", "1h"))
    daemon.write()
    daemon.gauge(a=9, b=1)
    daemon.start()
    pid = daemon.running.pid
    daemon.until("a ticket", lambda: daemon.ticket("a"), 8)
    daemon.pass_cycles(3)
    before = written(pid)
    assert before > 0, "writes are not counted here: keep the temporary directory on a real disk"
    first = daemon.cycles()
    while daemon.cycles() - first < QUIET_PASSES:
        daemon.gauge(a=9 + time.monotonic() % 7, b=time.monotonic() % 3)
        time.sleep(0.5)
    assert written(pid) == before, f"{written(pid) - before} bytes were written\n{daemon.log()[-2000:]}"
    daemon.gauge(b=-9)
    daemon.until("a pending alert is a change", lambda: written(pid) > before, 4)
    assert daemon.stop() == 0


def stopped(daemon: Daemon, rt: RtServer) -> None:
    """SIGSTOP for ten seconds: the time that nobody looked counts for nobody."""
    del rt
    daemon.rules = [
        rule("GaugeHigh", "e2e_gauge > 5", "8s"),
        rule("Silent", "time() - timestamp(e2e_gauge) > 5"),
        rule("Falling", "rate(e2e_count[5s]) < 0.2", "2s"),
    ]
    daemon.write()
    daemon.gauge(a=1)
    daemon.start()
    daemon.pass_cycles(3)
    daemon.gauge(a=9)
    daemon.until("it is pending", lambda: daemon.ask("tocsin/alerts"), 4)
    daemon.signal(signal.SIGSTOP)
    time.sleep(10)
    daemon.signal(signal.SIGCONT)
    woken = time.monotonic()
    daemon.until("it noticed", lambda: daemon.said("stood_still"), 4)
    daemon.pass_cycles(2)
    assert [alert["state"] for alert in daemon.ask("tocsin/alerts")] == ["pending"]
    assert daemon.incidents() == []
    daemon.until("it fires after its own time", lambda: firing(daemon), 10)
    assert time.monotonic() - woken >= 4, "the pause counted towards `for`"
    assert daemon.metric("tocsin_pauses_total") == 1
    assert len(daemon.said("stood_still")) == 1
    assert daemon.stop() == 0


def slow_stop(daemon: Daemon, rt: RtServer) -> None:
    """SIGTERM while a send hangs: an orderly end within its bound, in doubt, and settled by the next process."""
    daemon.at_rt(rt)
    daemon.gauge(a=1)
    daemon.start()
    daemon.pass_cycles(1)
    rt.book.fault(Fault(hang=True, commit=True, methods=("POST",)))
    daemon.gauge(a=9)
    daemon.until("the send hangs", rt.creates, 8)
    begin = time.monotonic()
    assert daemon.stop(within=13) == 0
    assert time.monotonic() - begin <= 12
    assert daemon.said("ticket_in_doubt")
    assert any("STOPPING=1" in notice for notice in daemon.notices())
    daemon.start()
    daemon.until("it is settled", lambda: [row["state"] for row in daemon.ask("tocsin/outbox")] == ["done"], 10)
    daemon.pass_cycles(4)  # longer than the window of uncertainty
    assert (rt.creates(), rt.statuses()) == (1, ["new"])


def faketime() -> Path:
    """The library of Debian's package libfaketime, which is no program that ``require`` could find."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        reason = "libfaketime is missing: run tests/servers/install as root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found[0]


def clock_steps(daemon: Daemon, rt: RtServer) -> None:
    """Somebody sets the wall clock an hour forward and back again: nobody fires or recovers for that."""
    del rt
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


SCENARIOS: dict[str, Callable[[Daemon, RtServer], None]] = {
    each.__name__: each for each in (people, quiet, stopped, slow_stop, clock_steps)
}
