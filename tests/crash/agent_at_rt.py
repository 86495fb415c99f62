"""A whole agent at a real Request Tracker, started and killed by a test, and a look at the tickets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

RULE = """\
groups:
  - name: crash
    rules:
      - alert: CrashTestFault
        expr: crash_fault == 1
        labels: {severity: warning}
        annotations: {summary: 'Fault {{ $labels.fault }}', description: 'Made by the crash test.'}
      - alert: WatchedProcessDown
        expr: namedprocess_namegroup_num_procs < 1
        for: 2s
        labels: {severity: critical}
        annotations: {summary: 'No process of {{ $labels.groupname }}', description: '{{ $value }} run.'}
"""


@dataclass(frozen=True)
class Rt:
    """Where the server is and how to log in."""

    url: str
    queue: str
    token: str

    @classmethod
    def from_output(cls, text: str) -> Rt:
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return cls(values["RT_URL"], values["RT_QUEUE"], values["RT_TOKEN"])

    def get(self, path: str, **query: str) -> Any:
        url = f"{self.url}/REST/2.0/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(url, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def tickets(self, after: int) -> list[Mapping[str, Any]]:
        """Every ticket of the queue with an id above ``after``, oldest first. Nobody else uses this server."""
        found: list[Mapping[str, Any]] = []
        page = 1
        while True:
            reply = self.get(
                "tickets", query=f"Queue = '{self.queue}' AND id > {after}", orderby="id", per_page="100",
                page=str(page), fields="Subject,Status,CustomFields",
            )  # fmt: skip
            found += reply["items"]
            if len(reply["items"]) < 100:
                return found
            page += 1

    def newest(self) -> int:
        reply = self.get("tickets", query="id > 0", orderby="id", order="DESC", per_page="1")
        return max((int(ticket["id"]) for ticket in reply["items"]), default=0)


def key_of(ticket: Mapping[str, Any]) -> str:
    return next(f["values"][0] for f in ticket["CustomFields"] if f["name"] == "DedupKey" and f["values"])


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Agent:
    """One agent on one state directory; ``start`` and ``kill`` as often as the test likes."""

    folder: Path
    rt: Rt
    environment: str
    groups: Mapping[str, str] = field(default_factory=dict)
    """Process groups to watch: name and pattern of the command line."""
    faults: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    slowest_start: float = 0.0
    """Seconds by the clock; on a busy machine most of them belong to others."""
    dearest_start: float = 0.0
    """Seconds of CPU until ready."""
    starts: int = 0

    def configure(self) -> None:
        self.port = free_port()
        (self.folder / "prom").mkdir()
        (self.folder / "rules.yml").write_text(RULE)
        credentials = self.folder / "credentials"
        credentials.mkdir(mode=0o700)
        secret = credentials / "rt-token"
        secret.write_text(self.rt.token)
        secret.chmod(0o600)
        watched: dict[str, Any] = {"processes": {"groups": [{"name": n, "cmdline": c} for n, c in self.groups.items()]}}
        config = {
            "identity": {"environment": self.environment},
            "collect": {
                "interval": "1s",
                "deadline": "1s",
                "host": {
                    "others": "off",
                    "textfile": {"directories": [str(self.folder / "prom")]},
                    **watched,
                },
            },
            "rules": {"packs": [], "files": [str(self.folder / "rules.yml")]},
            "route": {"receiver": "rt", "group_by": ["alertname", "ci", "fault"], "group_wait": "0s"},
            "incident": {"cool_down": "1s", "again": []},
            "integrations": {
                "rt": {
                    "type": "rt",
                    "url": self.rt.url,
                    "queue": self.rt.queue,
                    "auth": {"token": {"credential": "rt-token"}},
                    "uncertainty": "8s",
                }
            },
            "credentials_directory": str(credentials),
            "listen": {"address": f"127.0.0.1:{self.port}"},
        }
        (self.folder / "tocsin.yaml").write_text(yaml.safe_dump(config))

    def set_fault(self, name: str, on: bool) -> None:
        self.faults[name] = int(on)
        lines = "".join(f'crash_fault{{fault="{name}"}} {value}\n' for name, value in sorted(self.faults.items()))
        fresh = self.folder / "prom" / "faults.tmp"
        fresh.write_text(f"# TYPE crash_fault gauge\n{lines}")
        fresh.replace(self.folder / "prom" / "faults.prom")

    def start(self) -> None:
        """Start and wait for the READY notice."""
        address = str(self.folder / "notify")
        Path(address).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(address)
            sock.settimeout(30)
            begin = time.monotonic()
            with (self.folder / "agent.log").open("ab") as out:
                self.process = subprocess.Popen(
                    [
                        sys.executable, "-I", "-m", "agent", "run", "--config", str(self.folder / "tocsin.yaml"),
                        "--state", str(self.folder / "state"),
                    ],
                    env={**os.environ, "NOTIFY_SOCKET": address}, stderr=out, stdout=out,
                )  # fmt: skip
            while b"READY=1" not in sock.recv(4096):
                pass
            self.slowest_start = max(self.slowest_start, time.monotonic() - begin)
            self.dearest_start = max(self.dearest_start, cpu_seconds(self.process.pid))
            self.starts += 1

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Orderly; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/tocsin/{path}", timeout=10) as reply:
            return json.load(reply)["data"]

    def progress(self) -> list[tuple[str, int, str]]:
        """How far the delivery of each unfinished wish is; empty while nobody answers."""
        try:
            return [(r["incident"], r["revision"], r["state"]) for r in self.ask("outbox") if r["state"] != "done"]
        except (OSError, urllib.error.URLError):
            return []

    def settled(self) -> bool:
        """No live incident, nothing owed to the server."""
        try:
            return not self.ask("incidents?state=live") and all(row["state"] == "done" for row in self.ask("outbox"))
        except (OSError, urllib.error.URLError):
            return False
