"""What a pending alert keeps over a reload and a restart, beside Debian's Prometheus with the same rules and values."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from daemon import Daemon, free_port, rule, until

PENDING = rule("Slow", "e2e_gauge > 5", for_="10m")
OTHER = rule("Other", "e2e_gauge > 100")


class Gauge(http.server.BaseHTTPRequestHandler):
    """The value that the agent reads from its text file, for Prometheus."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b'e2e_gauge{fault="one"} 9\n')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is for failures."""


class Reference:
    """Debian's Prometheus, on the rules of ``agent``, whose alerts may be restored whatever their ``for``."""

    def __init__(self, program: Path, folder: Path, agent: Daemon, target: int) -> None:
        self.port, self._folder = free_port(), folder
        scrape = {"job_name": "node", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        rules = [str(agent.folder / "rules.yml")]
        config = {"global": {"evaluation_interval": "1s"}, "scrape_configs": [scrape], "rule_files": rules}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._command = [
            str(program), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.port}", "--rules.alert.for-grace-period=1s",
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        with (self._folder / "prometheus.log").open("ab") as out:
            self.process = subprocess.Popen(self._command, stdout=out, stderr=out)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def reference(require: Callable[[str], Path], tmp_path: Path, daemon: Daemon) -> Iterator[Reference]:
    program = require("prometheus")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gauge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    daemon.rules = [PENDING]
    daemon.write()
    (tmp_path / "reference").mkdir()
    made = Reference(program, tmp_path / "reference", daemon, server.server_address[1])
    yield made
    made.stop()
    server.shutdown()
    server.server_close()


def active_at(port: int) -> float | None:
    """When the alert began, by either's API; None while it is not pending or nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=2) as reply:
            alerts = json.load(reply)["data"]["alerts"]
    except OSError:
        return None
    found = [alert for alert in alerts if alert["labels"]["alertname"] == "Slow" and alert["state"] == "pending"]
    return datetime.fromisoformat(found[0]["activeAt"][:19] + "+00:00").timestamp() if found else None


@pytest.mark.slow
@pytest.mark.server("prometheus")
def test_a_pending_alert_stays_pending_as_in_prometheus(daemon: Daemon, reference: Reference) -> None:
    daemon.gauge(one=9)
    daemon.start()
    both = (daemon.port, reference.port)
    before = [until("pending", lambda port=port: active_at(port), 30) for port in both]  # type: ignore[misc]

    daemon.rules = [OTHER, PENDING]  # moved within its file
    daemon.write()
    daemon.signal(signal.SIGHUP)
    reference.process.send_signal(signal.SIGHUP)
    for port in both:
        until("the other rule", lambda port=port: "Other" in rule_names(port), 20)  # type: ignore[misc]
    assert [active_at(port) for port in both] == before

    until("longer pending than the outage lasts", lambda: time.time() - max(filter(None, before)) > 15, 20)
    stopped = time.time()
    daemon.stop()
    reference.stop()
    daemon.start()
    reference.start()

    def restored(port: int) -> float | None:
        """The reference takes it up again at its second evaluation; the one of the first begins anew, perhaps still
        within the second in which it was stopped.
        """
        found = active_at(port)
        return found if found is not None and found < stopped - 1 else None

    after = [until("still pending", lambda port=port: restored(port), 40) for port in both]  # type: ignore[misc]
    downtime = time.time() - stopped
    for was, now in zip(before, after, strict=True):
        assert was - 1 <= now <= was + downtime + 2  # time in which nobody looked is not counted
    assert abs((after[0] - before[0]) - (after[1] - before[1])) <= downtime + 2


def test_a_long_window_survives_a_stop_and_a_damaged_file_stops_nothing(daemon: Daemon) -> None:
    daemon.rules = [rule("Long", "avg_over_time(e2e_gauge[2h]) > 100")]
    daemon.write()
    daemon.gauge(one=9)
    daemon.start()
    daemon.pass_cycles(3)
    (waiting,) = daemon.ask("tocsin/status")["rules_waiting"]
    assert (waiting["rule"], waiting["waits_for"]) == ("Long", "half of the 2h of e2e_gauge")
    daemon.stop()
    kept = daemon.state / "tocsin.history"
    assert kept.stat().st_size > 100
    daemon.start()
    assert daemon.ask("tocsin/status")["history"]["samples_taken_up"] >= 3
    assert daemon.said("history_taken_up")
    daemon.stop()
    kept.write_bytes(kept.read_bytes()[:-5] + b"wrong")
    daemon.start()
    daemon.pass_cycles(1)
    history = daemon.ask("tocsin/status")["history"]
    assert (history["damaged"], (daemon.state / "tocsin.history.corrupt").exists()) == (1, True)
    assert len(daemon.said("history_damaged")) == 1


def rule_names(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=2) as reply:
        groups = json.load(reply)["data"]["groups"]
    return [each["name"] for group in groups for each in group["rules"]]
