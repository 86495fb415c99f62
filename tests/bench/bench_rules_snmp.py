"""How long the shipped rules for network devices, and the upkeep of their samples, hold the event loop.

200 devices of 50 ports, 130,000 series, samples every minute: all rules of the pack, as the agent evaluates them, and
the samples of each device with a part of the sweep that forgets old ones. One port in ten is down, so a thousand alerts
have their texts made anew with each pass. What counts is the longest piece between two turns of the loop, as traps,
pages and deliveries wait for it. Exits 1 when a bound is broken.

    .venv/bin/python tests/bench/bench_rules_snmp.py [--devices 200] [--rules]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from rules.api import Engine, SeriesWindow, Start, parse_rule_file

PACK = Path(__file__).parents[2] / "rules/packs/snmp.rules.yml"
START = 1_700_000_000_000 // 60_000 * 60_000
PORTS = 50
BEFORE, PASSES = 31, 4
"""Minutes of samples before the first evaluation, and evaluations after them."""
CONSTANT = {"ifOperStatus": 1.0, "ifAdminStatus": 1.0, "ifHighSpeed": 1000.0, "dot3StatsDuplexStatus": 3.0}
GROWING = {
    "ifHCInOctets": 4e6, "ifHCOutOctets": 4e6, "ifHCInUcastPkts": 9e3, "ifHCOutUcastPkts": 9e3, "ifInErrors": 0.0,
    "ifOutErrors": 0.0, "ifInDiscards": 0.0, "ifOutDiscards": 0.0, "dot3StatsFCSErrors": 0.0,
}  # fmt: skip
LONGEST_EVALUATION, LONGEST_INGEST = 0.1, 0.05
"""Seconds of CPU in one piece."""
Given = list[tuple[str, tuple[tuple[str, str], ...], float, int | None]]


class Device:
    """The samples of one device."""

    def __init__(self, number: int) -> None:
        self.source = f"snmp/sw{number}:fast"
        target = (("instance", f"sw{number}"), ("job", "snmp"))
        ports = [
            (("ifAlias", f"uplink {p}"), ("ifDescr", f"Gi0/{p}"), ("ifIndex", f"{p}"), ("ifName", f"Gi0/{p}"), *target)
            for p in range(PORTS)
        ]
        self._fixed: Given = [("up", target, 1.0, None)]
        self._fixed += [
            (name, labels, 2.0 if name == "ifOperStatus" and place % 10 == 0 else value, None)
            for name, value in CONSTANT.items()
            for place, labels in enumerate(ports)
        ]
        self._counters = [(name, labels, rate) for name, rate in GROWING.items() for labels in ports]

    def samples(self, minute: int) -> Given:
        return [*self._fixed, *((name, labels, rate * minute, None) for name, labels, rate in self._counters)]


def pieces(work: Iterator[object]) -> Iterator[float]:
    """Seconds of CPU from one turn of the loop to the next."""
    while True:
        begin = time.thread_time()
        ended = next(work, work) is work
        yield time.thread_time() - begin
        if ended:
            return


def tell(what: str, found: Iterable[float], bound: float) -> bool:
    """Print the longest piece and the sum; whether the bound holds."""
    each = list(found)
    good = max(each) <= bound
    print(f"{what:34}{max(each) * 1e3:9.1f} ms{sum(each) * 1e3:11.1f} ms  {'' if good else 'TOO LONG'}")
    return good


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--devices", type=int, default=200)
    options.add_argument("--rules", action="store_true", help="tell which rules cost most")
    given = options.parse_args()
    window = SeriesWindow(max_series=1_000_000, max_samples=50_000_000)
    engine = Engine(window, interval_ms=15_000, start=Start.WARM)
    engine.load([parse_rule_file(PACK.read_text(), str(PACK))[0]])
    devices = [Device(number) for number in range(given.devices)]
    ingests: list[float] = []
    passes: list[list[float]] = []
    for minute in range(BEFORE + PASSES):
        at = START + 60_000 * minute
        for device in devices:
            samples = device.samples(minute)
            begin = time.thread_time()
            window.ingest(device.source, samples, at)
            ingests.append(time.thread_time() - begin)
        if minute >= BEFORE:
            passes.append(list(pieces(engine.evaluating(at))))
    held = window.stats()
    print(f"{held.series} series, {held.samples} samples, {len(engine.rules())} rules")
    print(f"{'':34}{'longest':>12}{'in all':>14}")
    middle = sorted(passes, key=sum)[len(passes) // 4]
    good = tell("evaluation of a pass", middle, LONGEST_EVALUATION)
    # Of the last minute, in which as much is forgotten as comes.
    good &= tell("a device's samples, with the sweep", ingests[-len(devices) :], LONGEST_INGEST)
    if given.rules:
        rules = sorted(engine.rules(), key=lambda rule: rule.evaluation_seconds, reverse=True)
        for rule in rules[:15]:
            print(f"  {rule.evaluation_seconds * 1e3:8.1f} ms  {rule.name}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
