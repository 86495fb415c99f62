"""The process as the kernel sees it: quiet, stopped for a while, told to end."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from daemon import Daemon, RtServer, firing, rule
from fakes.fake_http import Fault

QUIET_PASSES = 20


def written(pid: int) -> int:
    found = re.search(r"^write_bytes: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.alongside
def test_nothing_is_written_while_states_stay_as_they_are(daemon: Daemon) -> None:
    """While states stay as they are nothing is written, although the value of a firing alert moves every second.

    The gauges are left alone meanwhile: to read a file that changed moves its access time, which the kernel counts as
    a write of whoever reads.
    """
    daemon.rules += [rule("Moving", "time() - e2e_gauge > 5"), rule("GaugeOdd", "e2e_gauge < -5", "1h")]
    daemon.write()
    daemon.gauge(a=9, b=1)
    daemon.start()
    pid = daemon.running.pid
    daemon.until("three tickets", lambda: len(daemon.tickets()) == 3, 8)
    daemon.pass_cycles(3)
    before = written(pid)
    assert before > 0, "writes are not counted here: keep the temporary directory on a real disk"
    values = {alert["value"] for alert in firing(daemon)}
    daemon.pass_cycles(QUIET_PASSES)
    assert values != {alert["value"] for alert in firing(daemon)}
    assert written(pid) == before, f"{written(pid) - before} bytes were written\n{daemon.log()[-2000:]}"
    daemon.gauge(b=-9)
    daemon.until("a pending alert is a change", lambda: written(pid) > before, 4)
    assert daemon.stop() == 0


@pytest.mark.alongside
def test_time_that_nobody_looked_counts_for_nobody(daemon: Daemon) -> None:
    """SIGSTOP for ten seconds: the time that nobody looked counts for nobody."""
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


@pytest.mark.alongside
def test_a_stop_during_a_slow_send_is_orderly_and_settles_later(daemon: Daemon, rt: RtServer) -> None:
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
