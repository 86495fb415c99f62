"""What people do at the desk while the fault goes on."""

from __future__ import annotations

import signal

import pytest
from daemon import Daemon

READ_BACK_S = 30.0
"""How often the agent reads open tickets back."""


@pytest.mark.alongside
def test_people_are_read_back_and_never_overwritten(daemon: Daemon) -> None:
    """What people do at the desk while the fault goes on is read back, respected, and never overwritten."""
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
