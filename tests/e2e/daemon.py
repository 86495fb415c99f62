"""The daemon as its user meets it: a configuration on disk, a real process, its HTTP listener, its log.

``Daemon`` is one agent in one folder; a test changes its configuration, its rules and the gauges it reads, and looks at
what people would look at. ``RtServer`` is a Request Tracker in the test's own process, which can go away and come
back. Nothing here sleeps for a time that a test hopes is enough: ``until`` polls until something is true, or says what
was not.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml
from fakes.fake_rt import QUEUE, TOKEN, FakeRT

T = TypeVar("T")
INTERVAL_S = 1.0
SLACK_S = 2.0
CI = "e2e-host"
FEW = ("arp", "conntrack", "entropy", "filefd", "netstat", "os", "pressure", "sockstat", "softnet", "time", "timex",
       "uname", "vmstat")  # fmt: skip
"""What costs next to nothing; with every collector on the tests would measure this machine."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(what: str, check: Callable[[], T], within: float, log: Callable[[], str] = str) -> T:
    """The first true answer of ``check``; an assertion error that says ``what``, with the end of ``log``, when late."""
    deadline = time.monotonic() + within
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last answer {answer!r}\n{log()[-4000:]}")
        time.sleep(0.05)


def rule(name: str, expr: str, for_: str = "0s", **annotations: str) -> dict[str, Any]:
    """An alert rule as YAML would hold it."""
    texts = {"summary": "Fault {{ $labels.fault }} is {{ $value }}", **annotations}
    return {"alert": name, "expr": expr, "for": for_, "labels": {"severity": "warning"}, "annotations": texts}


GAUGE_RULE = rule("GaugeHigh", "e2e_gauge > 5")


@dataclass
class Daemon:
    """One agent. Change ``config`` and ``rules``, then ``write``; ``start`` and end it as often as wanted."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=lambda: [GAUGE_RULE])
    env: dict[str, str] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._manager: socket.socket | None = None
        self.port = free_port()
        self.state = self.folder / "state"
        self.file = self.folder / "tocsin.yaml"
        (self.folder / "prom").mkdir(parents=True)
        defaults: dict[str, Any] = {
            "identity": {"environment": "e2e", "ci": CI},
            "collect": {
                "interval": "1s", "deadline": "1s",
                "host": {
                    "others": "off",
                    **dict.fromkeys(FEW, "on"),
                    "textfile": {"directories": [str(self.folder / "prom")]},
                },
            },
            "rules": {"packs": [], "files": ["rules.yml"]},
            "route": {"group_by": ["alertname", "ci", "fault"], "group_wait": "0s", "group_interval": "1s"},
            "incident": {"cool_down": "2s"},
            "listen": {"address": f"127.0.0.1:{self.port}"},
        }  # fmt: skip
        self.config = {**defaults, **self.config}
        self.write()

    def write(self) -> None:
        """Put configuration and rules on disk."""
        self.file.write_text(yaml.safe_dump(self.config, sort_keys=False))
        groups = {"groups": [{"name": "e2e", "rules": self.rules}]}
        (self.folder / "rules.yml").write_text(yaml.safe_dump(groups, sort_keys=False))

    def at_rt(self, rt: RtServer) -> None:
        """Send incidents to that Request Tracker."""
        credentials = self.folder / "credentials"
        credentials.mkdir(mode=0o700)
        (credentials / "rt-token").touch(0o600)
        (credentials / "rt-token").write_text(TOKEN)
        self.config["credentials_directory"] = str(credentials)
        self.config["integrations"] = {"rt": rt.section()}
        self.write()

    def gauge(self, **values: float) -> None:
        """Set ``e2e_gauge{fault=NAME}``, renamed into place."""
        self.gauges |= values
        lines = "".join(f'e2e_gauge{{fault="{name}"}} {value}\n' for name, value in sorted(self.gauges.items()))
        fresh = self.folder / "prom" / "gauges.tmp"
        fresh.write_text(f"# TYPE e2e_gauge gauge\n{lines}")
        fresh.replace(self.folder / "prom" / "gauges.prom")

    # The process

    def command(self) -> list[str]:
        return [
            sys.executable, "-I", "-m", "agent", "run", "--config", str(self.file), "--state", str(self.state),
        ]  # fmt: skip

    def start(self) -> float:
        """Start and wait for the READY notice; the seconds of CPU that took (proc(5), fields 14 and 15 of stat)."""
        address = self.folder / "notify"
        address.unlink(missing_ok=True)
        self.hang_up()
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(address))
        self._manager.settimeout(0.1)
        begin = time.monotonic()
        with (self.folder / "agent.log").open("ab") as out:
            self.process = subprocess.Popen(
                self.command(), env={**os.environ, **self.env, "NOTIFY_SOCKET": str(address)}, stderr=out, stdout=out
            )
        while not any("READY=1" in notice for notice in self.notices()):
            late_or_over = time.monotonic() - begin > 20 or self.process.poll() is not None
            assert not late_or_over, f"not ready:\n{self.log()[-4000:]}"
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def notices(self) -> list[str]:
        """What the service manager was told since the last call."""
        assert self._manager is not None
        told = []
        try:
            while True:
                told.append(self._manager.recv(4096).decode())
        except TimeoutError:
            return told

    def hang_up(self) -> None:
        if self._manager is not None:
            self._manager.close()
            self._manager = None

    def refused(self) -> tuple[int, str]:
        """Start an agent that must not get ready; its exit code and what it said."""
        done = subprocess.run(self.command(), env={**os.environ, **self.env}, capture_output=True, timeout=20)
        return done.returncode, done.stderr.decode()

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def signal(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.running.wait(10)

    def stop(self, within: float = 20) -> int:
        """Orderly; the exit code."""
        self.running.terminate()
        return self.running.wait(within)

    def end(self) -> None:
        """However it is, it is over."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        self.hang_up()

    def log(self) -> str:
        path = self.folder / "agent.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def mishaps(self) -> list[str]:
        """Lines that no fault from outside excuses."""
        never = ("event=adapter_failed ", "event=agent_died ", "event=part_died ", "Traceback")
        return [line for line in self.log().splitlines() if any(word in line for word in never)]

    def said(self, event: str, **values: str) -> list[str]:
        """The log lines of one event."""
        words = [f"event={event} ", *(f"{name}={value}" for name, value in values.items())]
        return [line for line in self.log().splitlines() if all(word in f"{line} " for word in words)]

    # What people look at

    def until(self, what: str, check: Callable[[], T], within: float) -> T:
        return until(what, check, within, self.log)

    def http(self, path: str, form: Mapping[str, str] | None = None) -> bytes:
        """GET, or a POST of that form with the token."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if form is not None:
            request.data = json.dumps(form).encode()
            request.add_header("X-Tocsin-Token", (self.state / "token").read_text().strip())
        with _DIRECT.open(request, timeout=5) as reply:
            body: bytes = reply.read()
        return body

    def ask(self, path: str) -> Any:
        return json.loads(self.http(f"/api/v1/{path}"))["data"]

    def metric(self, name: str, **labels: str) -> float | None:
        """The one sample of that name with these labels; None without."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        for line in self.http("/metrics").decode().splitlines():
            if re.match(rf"{name}[ {{]", line) and all(each in line for each in wanted):
                return float(line.rpartition(" ")[2])
        return None

    def incidents(self, state: str = "all") -> list[Any]:
        """Oldest first."""
        found: list[Any] = self.ask(f"tocsin/incidents?state={state}&limit=1000")
        return sorted(found, key=lambda incident: (incident["created_at"], incident["id"]))

    def incident(self, fault: str) -> Any:
        """The newest incident of that gauge; None without."""
        found = [each for each in self.incidents() if each["grouping"] == [["fault", fault]]]
        return found[-1] if found else None

    def history(self, incident: Mapping[str, Any]) -> list[str]:
        """The reasons on the timeline of an incident, oldest first."""
        return [entry["reason"] for entry in self.ask(f"tocsin/incidents/{incident['id']}")["timeline"]]

    def tickets(self) -> list[Any]:
        """All tickets of the desk, oldest first."""
        return sorted(self.ask("desk/tickets?state=all&limit=200"), key=lambda ticket: ticket["id"])

    def ticket(self, fault: str) -> Any:
        """The newest ticket of the desk about that gauge; None without."""
        found = [each for each in self.tickets() if f"Fault {fault} is " in each["title"]]
        return found[-1] if found else None

    def page(self, number: str) -> Any:
        """One ticket of the desk with its notes and history."""
        return self.ask(f"desk/tickets/{number}")

    def act(self, number: str, action: str, **form: str) -> Any:
        """A person's act at the desk."""
        return json.loads(self.http(f"/api/v1/desk/tickets/{number}/{action}", {"who": "ann", **form}))["data"]

    def cycles(self) -> int:
        return int(self.ask("tocsin/status")["cycles"])

    def pass_cycles(self, count: int) -> None:
        """Wait until that many more passes are complete."""
        goal = self.cycles() + count
        self.until(f"{count} more passes", lambda: self.cycles() >= goal, 2 * count * INTERVAL_S + 5)


class RtServer:
    """``with RtServer() as rt:``; ``rt.book`` is what it holds and how it misbehaves."""

    def __init__(self, port: int | None = None, up: bool = True) -> None:
        self.book = FakeRT()
        self.port = port or free_port()
        self.book.url = f"http://127.0.0.1:{self.port}"
        self._begin_up = up
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def section(self) -> dict[str, Any]:
        """The agent's configuration of this backend."""
        return {
            "type": "rt", "url": self.book.url, "queue": QUEUE, "auth": {"token": {"credential": "rt-token"}},
            "uncertainty": "3s",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._thread.start()
        if self._begin_up:
            self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def up(self) -> None:
        self._do(self._listen())

    def down(self) -> None:
        """Connections are refused from now on."""
        self._do(self._close())

    def statuses(self) -> list[str]:
        """Of all tickets, oldest first."""
        return [ticket.status for _, ticket in sorted(self.book.tickets.items())]

    def creates(self) -> int:
        """How many requests asked for a new ticket."""
        return sum(request.method == "POST" and request.path.endswith("/ticket") for request in self.book.requests)

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self.book._connection, "127.0.0.1", self.port, limit=1 << 22)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _stop(self) -> None:
        self.book.stopping.set()
        await self._close()
        while self.book.open_connections:
            await asyncio.sleep(0.01)


def firing(daemon: Daemon) -> Sequence[Any]:
    """The alerts of the agent that fire."""
    return [alert for alert in daemon.ask("tocsin/alerts") if alert["state"] == "firing"]
