"""What the agent remembers is damaged, foreign, gone, or in use: it starts all the same, and no ticket is doubled."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from daemon import Daemon, RtServer


def overwrite(state: Path) -> None:
    """As a bad disk would: a stretch of bytes in every page but the first."""
    path = state / "tocsin.db"
    content = bytearray(path.read_bytes())
    for at in range(4096, len(content), 4096):
        content[at : at + 64] = b"\xa5" * 64
    path.write_bytes(content)


def replace_by_another(state: Path) -> None:
    path = state / "tocsin.db"
    for each in state.glob("tocsin.db*"):
        each.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (title)")
        other.commit()


@pytest.mark.alongside
@pytest.mark.parametrize(
    ("damage", "found"),
    [(overwrite, "corrupt"), (replace_by_another, "foreign"), (shutil.rmtree, "new")],
    ids=["corrupt", "foreign", "deleted"],
)
def test_lost_state_is_rebuilt_from_open_tickets(
    daemon: Daemon, rt: RtServer, damage: Callable[[Path], None], found: str
) -> None:
    daemon.at_rt(rt)
    daemon.config["incident"]["cool_down"] = "1s"
    daemon.write()
    daemon.gauge(goes_on=9, is_over=9)
    daemon.start()
    daemon.until("two tickets", lambda: rt.statuses() == ["new", "new"], 8)
    rt.book.take(1, "ann")
    assert daemon.stop() == 0
    damage(daemon.state)
    daemon.gauge(is_over=2)
    daemon.start()
    store = daemon.ask("tocsin/status")["store"]
    assert store["found"] == found
    if found != "new":
        assert (daemon.state / store["quarantined_to"]).is_file()
        assert daemon.said("state_file_quarantined", found=found)
    names = {ticket.id: ticket.subject for ticket in rt.book.tickets.values()}
    over = next(number for number, subject in names.items() if "is_over" in subject)
    on = next(number for number, subject in names.items() if "goes_on" in subject)
    daemon.until("the fault that is over is resolved", lambda: rt.book.tickets[over].status == "resolved", 12)
    assert "2" in [m["evidence_value"] for i in daemon.incidents() for m in i["members"]]
    daemon.pass_cycles(2)
    assert rt.book.tickets[on].status == "new"
    assert rt.creates() == 2, "a ticket was doubled"
    live = daemon.incidents("live")
    assert [(each["rule"], each["state"]) for each in live] == [("GaugeHigh", "open")]
    assert [ticket["number"] for ticket in live[0]["tickets"]] == [str(on)]

    daemon.gauge(goes_on=1)
    daemon.until("the other too, once it is over", lambda: rt.statuses() == ["resolved"] * 2, 10)
    assert rt.creates() == 2
    # What was rebuilt is remembered like anything else.
    daemon.kill()
    daemon.start()
    daemon.pass_cycles(2)
    assert (rt.creates(), rt.statuses()) == (2, ["resolved"] * 2)
    assert daemon.ask("tocsin/status")["store"]["found"] == "good"


def test_a_second_agent_on_one_state_directory_names_the_first(daemon: Daemon) -> None:
    daemon.start()
    code, said = daemon.refused()
    assert code == 75
    assert str(daemon.running.pid) in said
    assert "Traceback" not in said
    daemon.kill()
    daemon.start()  # the lock of the dead is no obstacle


def test_a_taken_port_is_said_with_the_mend(daemon: Daemon) -> None:
    with socket.create_server(("127.0.0.1", daemon.port)):
        code, said = daemon.refused()
    assert code == 69
    assert f"cannot listen on 127.0.0.1:{daemon.port}" in said
    assert "listen.address" in said
    assert "Traceback" not in said
    daemon.start()
