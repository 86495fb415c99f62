"""A flood of traps beside the rules of a host: 5,000 a second for a minute, twice. Run by hand:

    .venv/bin/python tests/bench/bench_traps.py [--seconds 60] [--rate 5000]

A whole agent with the shipped rules for the host. First the flood comes from one address, far above its limit; then
from a hundred, each below its own, so that all is decoded and counted. Fails when a cycle begins more than a second
late, when a datagram is not accounted for, or when the flood costs more than a third of a core.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/bench")]

import _proc  # noqa: E402
import yaml  # noqa: E402
from fakes.traps import v2c  # noqa: E402

INTERVAL_S = 5
LATEST_S = 1.0
MOST_CPU = 0.33
STEP_S = 0.01
ONE = ["127.0.0.1"]
MANY = [f"127.0.2.{number}" for number in range(1, 101)]


@dataclass(frozen=True)
class Phase:
    """One minute: shares of a core, seconds, bytes, datagrams."""

    cpu: float
    latest: float
    rss: int
    sent: int
    counted: int
    taken: int


def flood(addresses: list[str], port: int, rate: int, seconds: float, done: Connection) -> None:
    """Send from these addresses in turn, evenly in steps of 10 ms; tells how many went out."""
    data = v2c()
    with contextlib.ExitStack() as stack:
        devices = []
        for address in addresses:
            device = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            device.bind((address, 0))
            device.connect(("127.0.0.1", port))
            devices.append(device)
        sent = 0
        begin = time.monotonic()
        while (gone := time.monotonic() - begin) < seconds:
            while sent < gone * rate:
                devices[sent % len(devices)].send(data)
                sent += 1
            time.sleep(STEP_S)
    done.send(sent)


class Agent:
    """The real daemon in a folder, its listener, and what it says of itself."""

    def __init__(self, folder: Path) -> None:
        with contextlib.ExitStack() as stack:
            kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
            held = [stack.enter_context(socket.socket(socket.AF_INET, kind)) for kind in kinds]
            for sock in held:
                sock.bind(("127.0.0.1", 0))
            self.http, self.traps = (int(sock.getsockname()[1]) for sock in held)
        (folder / "credentials").mkdir(mode=0o700)
        (folder / "credentials/ro").touch(0o600)
        (folder / "credentials/ro").write_text("public")
        traps = {"listen": f"127.0.0.1:{self.traps}", "communities": [{"credential": "ro"}]}
        config = {
            "credentials_directory": str(folder / "credentials"),
            "collect": {"interval": f"{INTERVAL_S}s", "deadline": f"{INTERVAL_S}s", "snmp": {"traps": traps}},
            "listen": {"address": f"127.0.0.1:{self.http}"},
        }
        (folder / "tocsin.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-I", "-OO", "-X", "no_debug_ranges", "-m", "agent", "run"]
        command += ["--config", str(folder / "tocsin.yaml"), "--state", str(folder / "state")]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=(folder / "log").open("wb"))
        _proc.wait_until(lambda: self.metrics("snmp_trap_datagrams_total"), 60, f"the agent (see {folder}/log)")

    def metrics(self, name: str) -> dict[str, float]:
        """The samples of one name, by their labels."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", None, 10) as reply:
                text = reply.read().decode()
        except OSError:
            return {}
        return {labels: float(value) for labels, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)}

    def total(self, name: str) -> int:
        return int(sum(self.metrics(name).values()))

    def phase(self, addresses: list[str], rate: int, seconds: float) -> Phase:
        ours, theirs = multiprocessing.Pipe()
        names = ("snmp_trap_datagrams_total", "snmp_trap_socket_drops_total", "snmp_trap_taken_total")
        before = [self.total(name) for name in names]
        sender = multiprocessing.Process(target=flood, args=(addresses, self.traps, rate, seconds, theirs))
        if rate:
            sender.start()
        begin, cpu, latest = time.monotonic(), _proc.read(self.process.pid).cpu, 0.0
        while time.monotonic() - begin < seconds:
            time.sleep(INTERVAL_S / 2)
            latest = max(latest, *self.metrics("tocsin_cycle_lag_seconds").values())
        reading, passed = _proc.read(self.process.pid), time.monotonic() - begin
        sent = ours.recv() if rate else 0
        time.sleep(2 * INTERVAL_S)  # the collection that shows the last of them
        received, drops, taken = (self.total(name) - held for name, held in zip(names, before, strict=True))
        return Phase((reading.cpu - cpu) / passed, latest, reading.rss, sent, received + drops, taken)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=5_000)
    given = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        agent = Agent(Path(name))
        try:
            time.sleep(3 * INTERVAL_S)  # the start is not what is measured
            quiet = agent.phase(ONE, 0, given.seconds)
            print(f"{'':22} {'CPU':>6} {'lag':>7} {'RSS':>8} {'sent':>8} {'counted':>8} {'taken':>8}")
            for what, addresses, rate in (
                ("quiet", ONE, 0),
                ("one address", ONE, given.rate),
                ("100", MANY, given.rate),
            ):
                seen = quiet if not rate else agent.phase(addresses, rate, given.seconds)
                print(
                    f"{what:22} {seen.cpu:6.1%} {seen.latest:6.3f}s {seen.rss / 2**20:6.1f}MB "
                    f"{seen.sent:8} {seen.counted:8} {seen.taken:8}"
                )
                bad += seen.latest > LATEST_S or seen.counted != seen.sent or seen.cpu - quiet.cpu > MOST_CPU
        finally:
            agent.process.terminate()
            agent.process.wait(20)
    print("FAILED" if bad else "ok")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
