"""Footprint of the whole agent beside node_exporter + Prometheus + Alertmanager, on one host, in one run.

Same 100 rules, 15 s interval, real metrics of this host. The agent runs from the built wheel in an environment that
holds its runtime dependencies only, as ``deploy/systemd/install`` makes it. Prints a table and exits 1 when a bound is
broken: at most half of the peers' RSS, no more CPU, ready within 1.5 s, nothing written while nothing changes.

    .venv/bin/python tests/bench/footprint.py [--seconds 120] [--warm 60]

With ``--profile device`` it measures the agent alone, with the shipped rules, as it runs on a switch or a router.
"""

from __future__ import annotations

import argparse
import copy
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml
from _proc import Reading, read, wait_until  # beside this file

ROOT = Path(__file__).resolve().parents[2]
INTERVAL_S = 15
DEVICE_RSS_MB = 52.0
FLAGS = ("-I", "-OO", "-X", "no_debug_ranges")
"""Those of the unit."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def hundred_rules(folder: Path) -> Path:
    """The shipped host pack, cut to its first 100 rules (or repeated with other names until there are as many)."""
    pack = yaml.safe_load((ROOT / "rules/packs/host.rules.yml").read_text())
    rules = [rule for group in pack["groups"] for rule in group["rules"]]
    recording = [rule for rule in rules if "record" in rule]
    alerting = [rule for rule in rules if "alert" in rule]
    copies = (copy.deepcopy(alerting[i % len(alerting)]) for i in range(100 - len(recording)))
    hundred = [*recording, *({**rule, "alert": f"{rule['alert']}Copy{i}"} for i, rule in enumerate(copies))]
    path = folder / "hundred.rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "hundred", "rules": hundred}]}, allow_unicode=True))
    return path


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def peers(folder: Path, rules: Path) -> dict[str, subprocess.Popen[bytes]]:
    node, prom, am = free_port(), free_port(), free_port()
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": f"{INTERVAL_S}s", "evaluation_interval": f"{INTERVAL_S}s"},
                "rule_files": [str(rules)],
                "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{node}"]}]}],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{am}"]}]}]},
            }
        )
    )
    (folder / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    commands = {
        "node_exporter": [
            "prometheus-node-exporter",
            f"--web.listen-address=127.0.0.1:{node}",
            "--collector.systemd",
            "--collector.processes",
        ],
        "prometheus": [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{prom}",
        ],
        "alertmanager": [
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/am",
            f"--web.listen-address=127.0.0.1:{am}",
            "--cluster.listen-address=",
        ],
    }
    running = {}
    for name, command in commands.items():
        running[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, port, path in (
        ("node_exporter", node, "/"),
        ("prometheus", prom, "/-/ready"),
        ("alertmanager", am, "/-/ready"),
    ):
        wait_until(lambda p=port, q=path: answers(f"http://127.0.0.1:{p}{q}"), 30, f"{name} answering")
    return running


def runtime_environment(folder: Path) -> Path:
    """A venv with the built wheel and nothing that only developers need."""
    dist = folder / "dist"
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "-w", str(dist), str(ROOT)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = folder / "venv/bin/pip"
    subprocess.run(
        [str(pip), "install", "-qq", "--disable-pip-version-check", *map(str, dist.glob("*.whl"))], check=True
    )
    python = folder / "venv/bin/python"
    subprocess.run([str(python), "-I", "-OO", "-m", "compileall", "-q", str(folder / "venv/lib")], check=True)
    return python


def tocsin(python: Path, folder: Path, rules: Path, profile: str = "") -> tuple[subprocess.Popen[bytes], float]:
    """Start the agent; returns it and the seconds from start to its READY notice. A profile brings its own rules."""
    config = folder / "tocsin.yaml"
    sections: dict[str, object] = {"listen": {"address": f"127.0.0.1:{free_port()}"}}
    if not profile:
        sections |= {
            "collect": {"interval": f"{INTERVAL_S}s"}, "rules": {"packs": [], "files": [str(rules)]},
        }  # fmt: skip
    config.write_text(yaml.safe_dump(sections))
    chosen = ["--profile", profile] if profile else []
    address = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(30)
        env = {**os.environ, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "JOURNAL_STREAM": "1:1"}
        env.pop("PYTHONPATH", None)
        begin = time.monotonic()
        where = ["--config", str(config), "--state", str(folder / "state")]
        process = subprocess.Popen(
            [str(python), *FLAGS, "-m", "agent", "run", *chosen, *where],
            env=env,
            stderr=(folder / "tocsin.log").open("wb"),
        )
        try:
            while b"READY=1" not in sock.recv(4096):
                pass
        except TimeoutError:
            process.kill()
            raise RuntimeError((folder / "tocsin.log").read_text()) from None
        ready = time.monotonic() - begin
    # From here on the notices go to a socket nobody reads; a service manager would read them.
    return process, ready


def row(name: str, start: Reading, end: Reading, seconds: float) -> tuple[str, float, float, float, int]:
    per_cycle = (end.cpu - start.cpu) / seconds * INTERVAL_S * 1000
    return name, end.rss / 1e6, end.pss / 1e6, per_cycle, end.written - start.written


def alone(profile: str, warm: int, seconds: int) -> int:
    """The agent of a profile, without the peers, for which nothing was measured there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        agent, ready = tocsin(runtime_environment(folder), folder, folder, profile)
        try:
            time.sleep(warm)
            before = read(agent.pid)
            time.sleep(seconds)
            _, rss, pss, cpu, written = row("", before, read(agent.pid), seconds)
        finally:
            agent.terminate()
            agent.wait(20)
    share = cpu / (INTERVAL_S * 1000)
    print(f"profile {profile}: RSS {rss:.1f} MB, PSS {pss:.1f} MB, {share:.3%} of a core, {written} bytes written, "
          f"ready {ready:.2f} s")  # fmt: skip
    return 1 if rss > DEVICE_RSS_MB else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--warm", type=int, default=60)
    parser.add_argument("--profile", default="")
    args = parser.parse_args()
    if args.profile:
        return alone(args.profile, args.warm, args.seconds)
    for binary in ("prometheus", "prometheus-node-exporter", "prometheus-alertmanager"):
        if shutil.which(binary) is None:
            print(f"{binary} is not installed (tests/servers/install)", file=sys.stderr)
            return 69
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = hundred_rules(folder)
        python = runtime_environment(folder)
        try:
            running = peers(folder, rules)
            started.extend(running.values())
            agent, ready = tocsin(python, folder, rules)
            started.append(agent)
            time.sleep(args.warm)
            everyone = {**running, "tocsin": agent}
            before = {who: read(process.pid) for who, process in everyone.items()}
            time.sleep(args.seconds)
            table = [row(who, before[who], read(process.pid), args.seconds) for who, process in everyone.items()]
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(20)
    theirs = ("the three together", *(sum(r[i] for r in table[:3]) for i in range(1, 5)))
    ours = table[3]
    print(f"{'':20} {'RSS MB':>8} {'PSS MB':>8} {'CPU ms/15 s':>12} {'bytes written':>14}")
    for who, rss, pss, cpu, written in [*table[:3], theirs, ours]:
        print(f"{who:20} {rss:8.1f} {pss:8.1f} {cpu:12.1f} {written:14.0f}")
    memory, cpu = ours[1] / theirs[1], ours[3] / theirs[3]
    print(f"memory ratio {memory:.2f} (bound 0.50), CPU ratio {cpu:.2f} (bound 1.00), ready {ready:.2f} s (bound 1.5)")
    bad = ours[1] > 0.5 * theirs[1] or ours[3] > theirs[3] or ready > 1.5 or ours[4] > 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
