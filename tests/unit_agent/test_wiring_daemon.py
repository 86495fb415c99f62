"""The daemon as a process: how it starts, is told things, and ends, also when a part of it breaks.

Where a part has to break, the process runs a line of Python first that breaks it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.config.load import load

DRIVER = """
import sys
from pathlib import Path
import agent.app
{patch}
sys.exit(agent.app.run(Path(sys.argv[1]), Path(sys.argv[2])))
"""
OFF = "{cpu: off, diskstats: off, filesystem: off, netclass: off, netdev: off, processes: off, stat: off, systemd: off}"
ALERT = "groups: [{name: g, rules: [{alert: Always, expr: 'node_load1 >= 0'}]}]"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Process:
    folder: Path
    patch: str = ""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.config = self.folder / "tocsin.yaml"
        self.state = self.folder / "state"
        (self.folder / "rules.yml").write_text(ALERT)
        self.configure()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.folder / "notify"))
        self.notify.settimeout(20)

    def configure(self, more: str = "") -> None:
        self.config.write_text(
            f"collect: {{interval: 1s, deadline: 1s, host: {OFF}}}\nrules: {{packs: [], files: [rules.yml]}}\n"
            f"route: {{group_wait: 0s}}\nlisten: {{address: '127.0.0.1:{self.port}'}}\n{more}\n"
        )

    def start(self, *, sock: socket.socket | None = None) -> None:
        command = [sys.executable, "-c", DRIVER.format(patch=self.patch), str(self.config), str(self.state)]
        env = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
        passed: tuple[int, ...] = ()
        if sock is not None:
            shell = f'exec 3<&{sock.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
            command, passed = ["bash", "-c", shell, "bash", *command], (sock.fileno(),)
        with (self.folder / "log").open("ab") as out:
            self.process = subprocess.Popen(command, env=env, stdout=out, stderr=out, pass_fds=passed)

    def heard(self, word: str) -> str:
        """Wait for a notice with that word."""
        while True:
            try:
                text = self.notify.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"no {word}\n{self.log}") from None
            if word in text:
                return text

    def ready(self) -> None:
        """Start it and wait for its word."""
        self.notify.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.notify.recv(4096):
                pass  # of the one before
        self.notify.settimeout(20)
        self.start()
        self.heard("READY=1")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self, within: float = 20) -> int:
        assert self.process is not None
        return self.process.wait(within)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ended()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with _DIRECT.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, text: str, within: float = 15) -> None:
        """Wait until the log holds the text."""
        end = time.monotonic() + within
        while not re.search(text, self.log):
            assert time.monotonic() < end, f"{text!r} is not in\n{self.log}"
            time.sleep(0.02)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.notify.close()
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)


def test_it_answers_before_the_first_pass_and_is_ready_after_it(agent: Process) -> None:
    agent.patch = """
import asyncio, agent.cycle
once = agent.cycle.Cycle.once
async def slow(self, at):
    while not Path(sys.argv[1]).with_name("go").exists(): await asyncio.sleep(0.02)
    await once(self, at)
agent.cycle.Cycle.once = slow
"""
    agent.ready()
    assert agent.get("/-/healthy")[0] == 200
    assert agent.get("/-/ready")[0] == 503
    assert agent.get("/metrics")[0] == 200
    agent.folder.joinpath("go").touch()
    end = time.monotonic() + 10
    while agent.get("/-/ready")[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert agent.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order_and_says_so_first(agent: Process, number: int) -> None:
    agent.ready()
    agent.until("event=incident")
    agent.signal(number)
    agent.heard("STOPPING=1")
    assert agent.ended() == 0
    lines = [line for line in agent.log.splitlines() if "part=daemon" in line]
    assert [re.search(r"event=(\w+)", line)[1] for line in lines] == ["ready", "stopping", "stopped"]  # type: ignore[index]
    assert "Traceback" not in agent.log
    assert "Warning" not in agent.log


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ("cycle", "agent.cycle.Cycle.once"), ("book", "agent.book.Book._ring"),
        ("upkeep", "agent.upkeep.Upkeep.run"),
        ("reload", "agent.daemon.Daemon._watch_reload"), ("delivery", "agent.delivery.poller.Poller.once"),
    ],
)  # fmt: skip
def test_a_part_that_dies_takes_the_process_with_it_and_is_named(agent: Process, part: str, where: str) -> None:
    module, _, name = where.rpartition(".")
    owner, _, kind = module.rpartition(".")
    agent.patch = f"""
import {owner}
def broken(*_): raise KeyError("surprise")
{owner}.{kind}.{name} = broken
"""
    agent.start()
    assert agent.ended() == 1
    (line,) = [line for line in agent.log.splitlines() if "event=part_died" in line]
    assert f"name={part} " in line
    assert "KeyError: 'surprise'" in line
    agent.heard("STOPPING=1")
    agent.patch = ""
    agent.ready()  # nothing is in its way
    assert agent.stop() == 0


def test_two_hangups_in_a_row_are_two_reloads_at_most_and_the_last_one_counts(agent: Process) -> None:
    agent.ready()
    agent.until("event=incident")
    agent.configure("log: {level: info}")
    began = time.monotonic()
    agent.signal(signal.SIGHUP)
    agent.signal(signal.SIGHUP)
    agent.heard("RELOADING=1")
    agent.configure("incident: {cool_down: 77s}")
    agent.signal(signal.SIGHUP)
    last = load(agent.config).config_hash
    agent.until(f"event=reloaded .*hash={last}")
    assert json.loads(agent.get("/api/v1/tocsin/status")[1])["data"]["configuration_hash"] == last
    agent.heard("READY=1")
    assert time.monotonic() - began < 8, "a reload waited for a delivery that had nothing to do"
    assert agent.stop() == 0
    assert 1 <= agent.log.count("event=reloaded") <= 3
    assert agent.log.count("event=stopping") == 1


@pytest.mark.parametrize(("takes", "grace"), [(3600, 1.0), (1.5, 10.0)])
def test_a_stop_in_the_middle_of_a_reload_ends_at_once(agent: Process, takes: float, grace: float) -> None:
    """The reload waits for a delivery that is slow; the stop must not leave the one that it would start running."""
    agent.patch = f"""
import asyncio, integrations.desk
create = integrations.desk.Desk.create
async def slow(self, ticket):
    await asyncio.sleep({takes})
    return await create(self, ticket)
integrations.desk.Desk.create = slow
import agent.daemon
agent.daemon.STOP_GRACE = {grace}
"""
    agent.ready()
    agent.until("event=incident")
    time.sleep(0.3)
    agent.signal(signal.SIGHUP)
    agent.heard("RELOADING=1")
    time.sleep(0.3)
    began = time.monotonic()
    agent.signal(signal.SIGTERM)
    assert agent.ended(18) == 0
    assert time.monotonic() - began < 5
    assert ("event=ticket_in_doubt" in agent.log) is (takes > grace)
    agent.patch = ""
    agent.ready()
    agent.until("event=ticket_(created|adopted)", within=20)
    assert agent.stop() == 0


def test_an_address_that_is_taken_leaves_no_lock_behind(agent: Process) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", agent.port))
        taken.listen()
        agent.start()
        assert agent.ended() == 69
    assert f"cannot listen on 127.0.0.1:{agent.port}" in agent.log
    assert "Traceback" not in agent.log
    agent.ready()
    assert agent.stop() == 0


def test_sockets_of_the_service_manager_are_served(agent: Process) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        agent.configure()
        agent.port = sock.getsockname()[1]
        agent.start(sock=sock)
        agent.heard("READY=1")
        assert agent.get("/-/healthy") == (200, "Tocsin is healthy.\n")
        assert f"url=http://127.0.0.1:{agent.port}" in agent.log
        assert agent.stop() == 0


def test_a_socket_that_cannot_serve_is_said(agent: Process) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        agent.start(sock=sock)
        assert agent.ended() == 69
    assert "neither a listening TCP socket nor UDP named snmptrap" in agent.log
    assert "Traceback" not in agent.log


@pytest.mark.parametrize("when", [0.05, 0.2, 0.4, 0.6])
def test_a_stop_during_the_start_leaves_a_state_that_starts(agent: Process, when: float) -> None:
    agent.start()
    time.sleep(when)
    agent.signal(signal.SIGTERM)
    assert agent.ended() in (0, -signal.SIGTERM)
    assert "Traceback" not in agent.log
    agent.ready()
    assert agent.stop() == 0


def test_an_alert_state_of_another_version_is_left_out_and_said(agent: Process) -> None:
    agent.ready()
    agent.until("event=incident")
    assert agent.stop() == 0
    import sqlite3

    from agent.store.codec import checksum

    with contextlib.closing(sqlite3.connect(agent.state / "tocsin.db")) as connection, connection:
        connection.execute(
            "INSERT INTO alert_states VALUES ('odd', ?, ?)", (b'{"file":1}', checksum("odd", b'{"file":1}'))
        )
    agent.ready()
    agent.until("event=alert_state_not_understood")
    assert agent.stop() == 0
    with contextlib.closing(sqlite3.connect(agent.state / "tocsin.db")) as connection:
        assert connection.execute("SELECT count(*) FROM alert_states WHERE key = 'odd'").fetchone() == (0,)


def test_a_plugin_that_breaks_at_a_reload_leaves_the_old_configuration(agent: Process) -> None:
    agent.patch = """
import agent.daemon
real, count = agent.daemon.build_parts, []
def breaks(*given):
    count.append(1)
    if len(count) > 1: raise RuntimeError("plugin")
    return real(*given)
agent.daemon.build_parts = breaks
"""
    agent.ready()
    agent.signal(signal.SIGHUP)
    agent.until("event=reload_refused")
    assert agent.get("/-/healthy")[0] == 200
    assert agent.stop() == 0


def test_targets_are_probed_published_and_ended_when_a_reload_takes_them_away(agent: Process) -> None:
    def probing(*targets: str) -> None:
        agent.configure()
        probes = f"probes: {{interval: 1s, targets: [{', '.join(targets)}]}}, host:"
        agent.config.write_text(agent.config.read_text().replace("host:", probes, 1))

    def published() -> dict[str, str]:
        samples = re.findall(r'^probe_success{.*name="([a-z]+)"} (.*)$', agent.get("/metrics")[1], re.MULTILINE)
        return dict(samples)

    web = f"{{name: web, http: 'http://127.0.0.1:{agent.port}/-/healthy'}}"
    probing(web, "{name: gone, unix: /nowhere}")
    agent.ready()
    agent.until('event=target_warns.*target=probe/gone warning="cannot connect to /nowhere: No such file or directory"')
    end = time.monotonic() + 10
    while published() != {"web": "1.0", "gone": "0.0"}:
        assert time.monotonic() < end, published()
        time.sleep(0.05)
    status = json.loads(agent.get("/api/v1/tocsin/status")[1])["data"]
    assert status["targets"]["configured"] == 2
    assert [each["target"] for each in status["targets_failing"]] == ["probe/gone"]
    probing(web)
    agent.signal(signal.SIGHUP)
    agent.until("event=reloaded")
    end = time.monotonic() + 10
    while "gone" in published():
        assert time.monotonic() < end
        time.sleep(0.05)
    query = json.loads(agent.get("/api/v1/query?query=probe_success")[1])
    assert [each["metric"]["name"] for each in query["data"]["result"]] == ["web"]
    assert agent.stop() == 0


def test_a_full_disk_does_not_keep_it_from_starting(agent: Process) -> None:
    agent.patch = """
import agent.last_good
def full(*_): raise OSError(28, "No space left on device")
agent.last_good.save_bundle = full
"""
    agent.ready()
    assert "last_good_configuration_not_kept" in agent.log
    agent.signal(signal.SIGHUP)
    agent.until("event=reloaded")
    assert agent.stop() == 0


def test_a_state_directory_that_cannot_be_used_is_said(agent: Process) -> None:
    agent.state.write_text("a file")
    agent.start()
    assert agent.ended() == 78
    assert "cannot be used as the state directory" in agent.log
    assert "Traceback" not in agent.log
