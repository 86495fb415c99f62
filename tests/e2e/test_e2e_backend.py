"""The ITSM is away, refuses the credential, or hangs: nothing is lost or doubled, and the rest goes on."""

from __future__ import annotations

import time

import pytest
from daemon import Daemon, RtServer

FAULTS = 10


@pytest.mark.alongside
def test_a_backend_that_is_down_gets_its_tickets_later_and_once(daemon: Daemon) -> None:
    with RtServer(up=False) as rt:
        daemon.at_rt(rt)
        daemon.gauge(a=9)
        daemon.start()
        daemon.until("it is found down", lambda: daemon.said("backend_down"), 15)
        daemon.gauge(b=9)
        begin = time.monotonic()
        daemon.until("the second incident", lambda: daemon.incident("b"), 3)
        assert time.monotonic() - begin <= 2.5
        status = daemon.ask("tocsin/status")
        assert [(each["state"], each["pending"]) for each in status["backends"]] == [("down", 2)]
        assert not status["healthy"]
        assert daemon.metric("tocsin_backend_up", backend="rt") == 0
        (first,) = daemon.ask("query?query=max_over_time(tocsin_backend_up[1m])")["result"]
        assert first["value"][1] == "0", "it was never said to be up before it was asked"
        rt.up()
        daemon.until("both tickets", lambda: rt.statuses() == ["new", "new"], 20)
        daemon.until("all is settled", lambda: daemon.ask("tocsin/status")["healthy"], 5)
        daemon.pass_cycles(2)
        assert rt.creates() == 2
        assert (len(daemon.said("backend_down")), len(daemon.said("backend_up"))) == (1, 1)
        assert daemon.ask("tocsin/status")["cycles_skipped"] == 0


@pytest.mark.alongside
def test_a_refused_credential_pauses_the_backend_until_it_is_mended(daemon: Daemon, rt: RtServer) -> None:
    daemon.at_rt(rt)
    secret = daemon.folder / "credentials" / "rt-token"
    good = secret.read_text()
    secret.write_text("canary-of-a-wrong-token")
    daemon.gauge(**{f"fault{number}": 9 for number in range(FAULTS)})
    daemon.start()
    daemon.until("it is seen", lambda: daemon.said("backend_refuses_credential"), 8)
    daemon.pass_cycles(4)
    (backend,) = daemon.ask("tocsin/status")["backends"]
    assert backend["state"] == "unauthorised"
    assert "401" in backend["last_error"]
    assert daemon.metric("tocsin_backend_up", backend="rt") == 0
    assert len(daemon.said("backend_refuses_credential")) == 1
    assert len(rt.book.requests) <= FAULTS, "the pause is the whole backend's, not each ticket's"
    secret.write_text(good)
    daemon.until("the tickets", lambda: rt.statuses() == ["new"] * FAULTS, 20)
    assert rt.creates() == FAULTS
    told = daemon.log() + daemon.http("/metrics").decode() + str(daemon.ask("tocsin/status"))
    assert "canary" not in told
