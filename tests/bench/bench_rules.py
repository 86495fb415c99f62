"""What the evaluator and the storage cost, against their bounds; exits 1 when one is broken.

400 host rules over 3,000 series, 44 network rules over 31,000 (``workload.py``), each cycle as the agent runs it:
samples in, all rules with alert states and evidence. Figures are CPU time; a bound is held against the first quartile
of the cycles, as other processes can only make them slower. Compiling, storage and memory are measured in child
processes that do nothing else.

    .venv/bin/python tests/bench/bench_rules.py [--cycles 40] [--only host|network] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from workload import HOST, NETWORK, Workload  # beside this file

from rules.api import AlertState, Engine, SeriesWindow, Start, parse_rule_file

START = 1_700_000_000_000 // 60_000 * 60_000
_CHILD = """
import gc, json, resource, sys, time
sys.path[:0] = json.loads(sys.argv[1])
def rss():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
"""
COMPILING = """
import asyncio, msgspec, yaml  # what the agent has loaded anyhow
from workload import HOST
texts = [rule.expr for rule in HOST.rules]
texts = [texts[place % len(texts)] for place in range(415)]
before = rss()
from rules.api import compile_expr, parse
from rules.promql.sharing import Pool
imported = rss()
begin = time.process_time()
pool = Pool()
queries = [compile_expr(parse(text), pool) for text in texts]
took = time.process_time() - begin
print(json.dumps([took, imported - before, rss() - before]))
"""
STORING = """
from rules.api import SeriesWindow
SERIES, CYCLES = 20_000, 240
def batch(cycle):  # the labels of a disk: five, with the two of the target
    for place in range(SERIES):
        labels = (("device", f"sd{place}"), ("fstype", "ext4"), ("mountpoint", f"/srv/data/{place}"))
        yield "node_filesystem_avail_bytes", labels, float(place + cycle), None
target = (("instance", "host-1"), ("job", "node"))
window = SeriesWindow(default_retention=10**9)
window.ingest("warm", [("up", (), 1.0, None)], 1, target)
before = rss()
window.ingest("node", batch(0), 15_000, target)
first = rss()
for cycle in range(1, CYCLES):
    window.ingest("node", batch(cycle), (cycle + 1) * 15_000, target)
print(json.dumps([(first - before) / SERIES, (rss() - first) / (SERIES * (CYCLES - 1))]))
"""


def cpu_ms(work: Callable[[], object]) -> float:
    begin = time.process_time_ns()
    work()
    return (time.process_time_ns() - begin) / 1e6


def quartile(values: list[float]) -> float:
    return statistics.quantiles(values, n=4)[0]


def run(work: Workload, history: int, cycles: int, profile: bool = False) -> tuple[list[float], list[float]]:
    """CPU ms to ingest and to evaluate each of ``cycles`` cycles, after ``history`` ms of samples."""
    window = SeriesWindow()
    engine = Engine(window, interval_ms=work.interval, start=Start.WARM)
    file, problems = parse_rule_file(work.rule_file(), f"{work.name}.yml")
    if file is None or problems:
        raise SystemExit(f"the benchmark's own rules do not load: {problems}")
    engine.load([file])
    ingests: list[float] = []
    evaluations: list[float] = []
    profiler = cProfile.Profile()
    first = -(-history // work.interval)
    for cycle in range(first + cycles):
        at = START + cycle * work.interval
        batch = list(work.samples(cycle))
        if cycle == first:
            gc.collect()
        ingest = cpu_ms(lambda: [window.ingest(source, samples, at, target) for source, target, samples in batch])  # noqa: B023 - called at once
        if cycle < first - 5:
            continue
        if profile and cycle >= first + 3:
            profiler.enable()
        evaluation = cpu_ms(lambda: engine.evaluate_due(at))  # noqa: B023 - called at once
        profiler.disable()
        if cycle >= first + 3:
            ingests.append(ingest)
            evaluations.append(evaluation)
    failing = [f"{status.name}: {status.last_error}" for status in engine.rules() if status.last_error]
    if failing:
        raise SystemExit("rules of the benchmark fail: " + "; ".join(failing[:3]))
    alerts = engine.alerts()
    firing = sum(alert.state is AlertState.FIRING for alert in alerts)
    stats = window.stats()
    print(
        f"{work.name}: {len(work.rules)} rules, {stats.series} series, {stats.samples} samples, "
        f"{len(alerts)} alerts ({firing} firing) of {len({alert.rule for alert in alerts})} rules"
    )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(28)
    print(f"  medians: ingest {statistics.median(ingests):.2f} ms, evaluate {statistics.median(evaluations):.2f} ms")
    return ingests, evaluations


def child(program: str) -> list[float]:
    """What ``program`` prints, the best of three runs: other processes can only make it worse."""
    paths = json.dumps([str(Path(__file__).parents[2]), str(Path(__file__).parent)])
    command = [sys.executable, "-c", _CHILD + program, paths]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3)]
    return [min(column) for column in zip(*runs, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=40)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--only", choices=("host", "network"))
    given = parser.parse_args()
    results: list[tuple[str, float, float]] = []
    if given.only != "network":
        _, evaluations = run(HOST, 6 * 3_600_000, given.cycles, given.profile)
        results.append(("host evaluation ms", quartile(evaluations), 10))
    if given.only != "host":
        _, evaluations = run(NETWORK, 3_600_000, given.cycles, given.profile)
        results.append(("network evaluation ms", quartile(evaluations), 450))
    if given.only is None:
        took, imported, whole = child(COMPILING)
        print(f"  imports {imported / 1e6:.1f} MB")
        series, sample = child(STORING)
        results += [
            ("parse and compile 415 rules s", took, 0.2),
            ("whole evaluator MB", whole / 1e6, 20),
            ("fixed bytes a series", series, 2_500),
            ("bytes a sample", sample, 10),
        ]
    for name, value, bound in results:
        print(f"{name:32} {value:8.2f}  (bound {bound})")
    return int(any(value > bound for _, value, bound in results))


if __name__ == "__main__":
    sys.exit(main())
