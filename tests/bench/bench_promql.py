"""CPU of ingesting and evaluating: 100 host-like rules over about 1,000 series, and the memory of the window.

python tests/bench/bench_promql.py [--cycles 40]
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from rules.api import Labels, SeriesWindow, compile_expr, parse

INTERVAL = 15_000
TARGET: Labels = (("instance", "host-1"), ("job", "node"))
MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
DISK = ("reads_completed", "read_bytes", "read_time_seconds", "writes_completed", "written_bytes", "io_time_seconds")
NET = ("receive_bytes", "receive_errs", "receive_drop", "transmit_bytes", "transmit_errs", "transmit_drop")
FS = ("avail_bytes", "size_bytes", "free_bytes", "files", "files_free", "readonly")

RULES = (
    '100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100) > 90',
    'avg by (instance) (rate(node_cpu_seconds_total{mode="iowait"}[5m])) * 100 > 20',
    'sum by (instance) (rate(node_cpu_seconds_total{mode=~"user|system|steal"}[2m])) > 8',
    'rate(node_cpu_seconds_total{mode="steal"}[5m]) > 0.1',
    "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < 10",
    "(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) * 100 > 95",
    'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"} / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs"} * 100 < 10 '
    "and on (instance, device, mountpoint) node_filesystem_readonly == 0",
    "predict_linear(node_filesystem_avail_bytes[10m], 4 * 3600) < 0 and node_filesystem_readonly == 0",
    "node_filesystem_files_free / node_filesystem_files * 100 < 5",
    "rate(node_disk_read_time_seconds_total[2m]) / rate(node_disk_reads_completed_total[2m]) > 0.1",
    "rate(node_disk_io_time_seconds_total[5m]) > 0.9",
    "sum by (device) (rate(node_disk_written_bytes_total[5m])) > 500e6",
    "rate(node_network_receive_errs_total[5m]) / rate(node_network_receive_bytes_total[5m]) > 0.01",
    'increase(node_network_transmit_drop_total{device!~"lo|veth.*"}[5m]) > 100',
    'node_systemd_unit_state{state="failed"} == 1',
    'changes(node_systemd_unit_state{state="active"}[10m]) > 4',
    "max_over_time(node_load1[5m]) > 20",
    'node_load5 / count without (cpu, mode) (node_cpu_seconds_total{mode="idle"}) > 2',
    "absent(node_load15)",
    "up == 0",
)


def samples(cycle: int) -> Iterator[tuple[str, Labels, float, None]]:
    for cpu in range(8):
        for mode in MODES:
            yield "node_cpu_seconds_total", (("cpu", str(cpu)), ("mode", mode)), cycle * 1.5 + cpu, None
    for device in range(10):
        for name in DISK:
            yield f"node_disk_{name}_total", (("device", f"sd{device}"),), cycle * 10.0 + device, None
    for device in range(20):
        for name in NET:
            yield f"node_network_{name}_total", (("device", f"eth{device}"),), cycle * 100.0 + device, None
    for mount in range(12):
        for name in FS:
            labels = (("device", f"/dev/sd{mount}"), ("fstype", "ext4"), ("mountpoint", f"/m{mount}"))
            yield f"node_filesystem_{name}", labels, 0.0 if name == "readonly" else 1e9 - cycle, None
    for unit in range(110):
        for state in ("activating", "active", "deactivating", "failed", "inactive"):
            labels = (("name", f"unit-{unit}.service"), ("state", state), ("type", "simple"))
            yield "node_systemd_unit_state", labels, float(state == "active"), None
    for field in range(50):
        yield f"node_memory_Field{field}_bytes", (), 1e9 + cycle, None
    for name in (
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
        "node_load1",
        "node_load5",
        "node_load15",
    ):
        yield name, (), 5e9 + cycle, None
    yield "up", (), 1.0, None


def measure(work: Callable[[], object]) -> float:
    """CPU milliseconds of one run."""
    begin = time.process_time_ns()
    work()
    return (time.process_time_ns() - begin) / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cycles", type=int, default=40)
    options.add_argument("--each", action="store_true", help="print the cost of each expression")
    given = options.parse_args()
    begin = time.process_time_ns()
    queries = [compile_expr(parse(RULES[index % len(RULES)])) for index in range(100)]
    print(f"parse and compile 100 rules: {(time.process_time_ns() - begin) / 1e6:.1f} ms")
    window = SeriesWindow()
    ingests: list[float] = []
    evaluations: list[float] = []
    gc.collect()
    for cycle in range(given.cycles):
        at = cycle * INTERVAL
        batch = list(samples(cycle))
        ingests.append(measure(lambda: window.ingest("node", batch, at, TARGET)))  # noqa: B023 - called at once
        evaluations.append(measure(lambda: [query.instant(window, at + 1) for query in queries]))  # noqa: B023 - same
    stats = window.stats()
    half = given.cycles // 2
    print(f"series {stats.series}, samples {stats.samples}, estimate {stats.bytes / 1024:.0f} KiB")
    print(f"ingest one cycle: {min(ingests[half:]):.2f} ms best, {sum(ingests[half:]) / half:.2f} ms mean")
    print(f"evaluate 100 rules: {min(evaluations[half:]):.2f} ms best, {sum(evaluations[half:]) / half:.2f} ms mean")
    if given.each:
        for text, query in zip(RULES, queries, strict=False):
            best = min(measure(lambda: query.instant(window, at + 1)) for _ in range(20))  # noqa: B023 - called at once
            print(f"{best * 1000:8.0f} us  {text}")


if __name__ == "__main__":
    main()
