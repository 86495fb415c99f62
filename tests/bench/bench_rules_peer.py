"""The same rules over the same series in Debian's Prometheus and here; prints both and the ratio, exits 1 above 1.0.

Prometheus scrapes this program: first, in a hurry, half an hour of history with its times, then what is new. Its
figure is the smaller of two: the best ``prometheus_rule_group_last_duration_seconds``, and the CPU time of the process
for each evaluation (with its few scrapes), which other processes do not stretch. Ours is the best CPU time of
``Engine.evaluate_due``. Prometheus evaluates every 10 s here; what one evaluation costs does not depend on that.

    .venv/bin/python tests/bench/bench_rules_peer.py [--seconds 62] [--only host|network]
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml
from _proc import read, wait_until  # beside this file
from bench_rules import run  # beside this file
from footprint import answers, free_port  # beside this file
from workload import HOST, NETWORK, Workload  # beside this file

HISTORY = 1_800_000
"""ms. A fresh Prometheus takes nothing that is older than an hour."""
HURRY = {"host": 0.5, "network": 2.0}
"""Seconds between two scrapes while the history is read."""
EVERY = "10s"


def exposition(samples: list[Any], at: int) -> Iterator[str]:
    """One line a sample, with its time in ms."""
    for name, labels, value, _ in samples:
        pairs = ",".join(f'{label}="{text}"' for label, text in labels)
        yield f"{name}{{{pairs}}} {value!r} {at}\n"


class Listener(http.server.ThreadingHTTPServer):
    """Serves each source of a workload at /N: with each scrape the next cycle, until it has come to the present."""

    daemon_threads = True

    def __init__(self, work: Workload) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.work = work
        self.port = self.server_address[1]
        self._began = int(time.time() * 1000) - HISTORY
        self._next = [0] * len(work.sources)
        self._lock = threading.Lock()
        self._bodies: dict[int, list[bytes]] = {}

    @property
    def present(self) -> bool:
        """Whether all of the history was read."""
        return min(self._next) >= HISTORY // self.work.interval

    def body(self, source: int) -> bytes:
        with self._lock:
            newest = (int(time.time() * 1000) - self._began) // self.work.interval
            cycle = min(self._next[source], newest)
            self._next[source] = cycle + 1
            if cycle not in self._bodies:
                at = self._began + cycle * self.work.interval
                self._bodies[cycle] = [
                    "".join(exposition(samples, at)).encode() for _, _, samples in self.work.samples(cycle)
                ]
                self._bodies.pop(cycle - 5, None)
            return self._bodies[cycle][source]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        body = self.server.body(int(self.path.strip("/")))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # a scrape that gave up; the next one goes on
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: 300 devices are scraped."""


def configure(work: Workload, folder: Path, port: int, interval: float) -> None:
    rules = yaml.safe_load(work.rule_file())
    for group in rules["groups"]:
        group["interval"] = EVERY
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    scrapes = [
        {
            "job_name": f"source-{number}",
            "metrics_path": f"/{number}",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": dict(target)}],
        }
        for number, (_, target, _) in enumerate(work.sources)
    ]
    pace = f"{int(interval * 1000)}ms"
    config = {
        "global": {"scrape_interval": pace, "scrape_timeout": pace},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))


def metric(port: int, pattern: str) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    return sum(float(found) for found in re.findall(rf"^{pattern}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


def durations(work: Workload, seconds: int) -> tuple[list[float], float]:
    """ms of each evaluation in Prometheus, and the ms of CPU for one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listener = Listener(work)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        configure(work, folder, listener.port, HURRY[work.name])
        port = free_port()
        process = subprocess.Popen(
            [
                "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60, "Prometheus ready")
            wait_until(lambda: listener.present, 300, "the history read")
            configure(work, folder, listener.port, work.interval / 1000)
            process.send_signal(signal.SIGHUP)
            time.sleep(6)
            found: dict[float, float] = {}
            evaluations = metric(port, "prometheus_rule_group_iterations_total")
            cpu = read(process.pid).cpu
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                found[metric(port, "prometheus_rule_group_last_evaluation_timestamp_seconds")] = metric(
                    port, "prometheus_rule_group_last_duration_seconds"
                )
                time.sleep(1)
            cpu = read(process.pid).cpu - cpu
            evaluations = metric(port, "prometheus_rule_group_iterations_total") - evaluations
            if failures := metric(port, "prometheus_rule_evaluation_failures_total"):
                raise SystemExit(f"{failures:.0f} evaluations failed in Prometheus")
        finally:
            process.terminate()
            process.wait(20)
            listener.shutdown()
    return [1000 * value for value in found.values()], 1000 * cpu / evaluations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=62)
    parser.add_argument("--only", choices=("host", "network"))
    given = parser.parse_args()
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        print("prometheus is not installed (tests/servers/install)", file=sys.stderr)
        return 69
    worst = 0.0
    for work in (HOST, NETWORK):
        if given.only in (None, work.name):
            theirs, cpu = durations(work, given.seconds)
            _, ours = run(work, HISTORY, 20)
            ratio = min(ours) / min(*theirs, cpu)
            worst = max(worst, ratio)
            print(
                f"{work.name}: here {min(ours):.1f} ms, Prometheus {min(theirs):.1f} ms at best "
                f"and {cpu:.1f} ms of CPU: ratio {ratio:.2f} (bound 1.00)"
            )
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
