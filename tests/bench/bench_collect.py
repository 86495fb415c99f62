"""CPU of one collection, by collector and in all, beside prometheus-node-exporter with the same ones. Run by hand:

    python tests/bench/bench_collect.py [--cycles 200] [--limit 1.5]

Exit status 1 when we take more than ``--limit`` times the CPU of the exporter's scrape (its HTTP answer included).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from collectors.api import Collector, HostFS, Scraper, available, load, on_by_default, present

EXPORTER = "/usr/bin/prometheus-node-exporter"
TICK = 1000 / os.sysconf("SC_CLK_TCK")
WARM_UP = 10


def ours() -> list[str]:
    """The collectors that run on this host when nothing is configured."""
    host = HostFS()
    return [name for name in available() if on_by_default(name) and present(name, host)]


def build_all() -> dict[str, Collector]:
    host = HostFS()
    return {name: (module := load(name)).build(module.Options(), host) for name in ours()}


async def our_cycle(cycles: int) -> tuple[float, int]:
    """CPU milliseconds of one cycle of the whole frame, and series."""
    frame = Scraper(build_all(), job="node", instance="here")
    for _ in range(WARM_UP):
        scrapes = await frame.cycle(0)
    started = time.process_time()
    for _ in range(cycles):
        scrapes = await frame.cycle(0)
    spent = time.process_time() - started
    await frame.aclose()
    return spent / cycles * 1000, sum(len(scrape.samples) for scrape in scrapes)


async def each_alone(cycles: int) -> list[tuple[str, float, int]]:
    """(name, CPU milliseconds of one cycle, series) of each collector alone in a frame; the frame's part is in it."""
    rows = []
    for name, collector in build_all().items():
        frame = Scraper({name: collector}, job="node", instance="here")
        for _ in range(WARM_UP):
            await frame.cycle(0)
        started = time.process_time()
        for _ in range(cycles):
            (scrape,) = await frame.cycle(0)
        rows.append((name, (time.process_time() - started) / cycles * 1000, len(scrape.samples)))
        await frame.aclose()
    return rows


def cpu_of(pid: int) -> float:
    """CPU milliseconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def exporter_scrape(cycles: int) -> tuple[float, int]:
    """CPU milliseconds of one scrape of node_exporter with our collectors, and series."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    known = subprocess.run([EXPORTER, "--help"], capture_output=True, text=True, check=False)
    flags = [f"--collector.{name}" for name in ours() if name != "systemd"]
    flags = [flag for flag in flags if f"{flag} " in known.stdout + known.stderr]
    process = subprocess.Popen(
        [EXPORTER, f"--web.listen-address={address}", "--collector.disable-defaults", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def fetch() -> bytes:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return bytes(answer.read())

    try:
        for attempt in range(100):
            try:
                fetch()
                break
            except OSError:
                if attempt == 99:
                    raise
                time.sleep(0.05)
        for _ in range(WARM_UP):
            fetch()
        before = cpu_of(process.pid)
        for _ in range(cycles):
            body = fetch()
        return (cpu_of(process.pid) - before) / cycles, sum(line.startswith(b"node_") for line in body.splitlines())
    finally:
        process.kill()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--limit", type=float, default=1.5)
    options = parser.parse_args()
    alone = asyncio.run(each_alone(options.cycles))
    whole = sum(milliseconds for _, milliseconds, _ in alone)
    for name, milliseconds, series in sorted(alone, key=lambda row: -row[1]):
        print(f"{name:<16} {milliseconds:7.3f} ms {milliseconds / whole:6.1%} {series:6d} series")
    mine, series = asyncio.run(our_cycle(options.cycles))
    print(f"{'all in one frame':<16} {mine:7.3f} ms        {series:6d} series")
    theirs, their_series = exporter_scrape(options.cycles)
    print(f"{'node_exporter':<16} {theirs:7.3f} ms        {their_series:6d} series")
    print(f"ratio {mine / theirs:.2f} (at most {options.limit:g})")
    return 0 if mine <= theirs * options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
