"""kill -9 in the middle of an incident's life: the next process goes on where this one was."""

from __future__ import annotations

import time

from daemon import Daemon, rule

FOR_S = 9.0
COOL_DOWN_S = 5.0
READY_CPU_S = 2.0
"""Of CPU: what the clock says of a busy machine is no fault of the agent."""


def test_kill_9_while_firing_pending_and_recovering_forgets_nothing(daemon: Daemon) -> None:
    daemon.rules.append(rule("GaugeLow", "e2e_gauge < 0", f"{FOR_S:g}s"))
    daemon.config["incident"]["cool_down"] = f"{COOL_DOWN_S:g}s"
    daemon.write()
    daemon.gauge(fires=9, recovers=9, waits=1)
    daemon.start()
    daemon.until("two tickets", lambda: len(daemon.tickets()) == 2, 8)
    daemon.gauge(recovers=1, waits=-1)
    begin = time.monotonic()
    daemon.until("it recovers", lambda: daemon.incident("recovers")["state"] == "recovering", 4)
    daemon.until("the other has waited for most of its time", lambda: time.monotonic() - begin > FOR_S - 4, FOR_S)
    before = {each["id"]: each for each in daemon.incidents()}
    assert before[daemon.incident("recovers")["id"]]["state"] in ("recovering", "resolved")
    daemon.kill()
    assert daemon.start() <= READY_CPU_S
    restarted = time.monotonic()
    after = {each["id"]: each for each in daemon.incidents()}
    assert after.keys() == before.keys()
    firing, recovering = daemon.incident("fires"), daemon.incident("recovers")
    assert firing["created_at"] == before[firing["id"]]["created_at"]
    assert recovering["recovering_since"] == before[recovering["id"]]["recovering_since"]

    daemon.until("what waited fires", lambda: daemon.ticket("waits"), FOR_S + 4)
    assert time.monotonic() - begin >= FOR_S - 0.1, "the rule's `for` was cut short"
    assert time.monotonic() - restarted <= FOR_S - 2, "the time it had waited was forgotten"
    daemon.until(
        "what recovered is resolved", lambda: daemon.ticket("recovers")["state"] == "resolved", COOL_DOWN_S + 4
    )
    daemon.kill()
    assert daemon.start() <= READY_CPU_S
    daemon.pass_cycles(3)
    states = {each["title"].split()[2]: each["state"] for each in daemon.tickets()}
    assert states == {"fires": "new", "recovers": "resolved", "waits": "new"}
    assert [each["episode"] for each in daemon.incidents()] == [1, 1, 1]
    assert daemon.said("wishes_made_again") == []
