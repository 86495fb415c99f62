"""What it costs to make samples of rows that came over SNMP, and to admit them; exits 1 when it is under its bound.

Two shapes, with the shipped profile `interfaces`: one device with 10,000 interfaces, and many with 4. No engine takes
part: what reading the rows costs is in bench_snmp.py.

    .venv/bin/python tests/bench/bench_snmp_samples.py
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from collectors._series import SeriesCache
from collectors.snmp.load import shipped
from collectors.snmp.port import Row
from collectors.snmp.profile import Every
from collectors.snmp.samples import TablePlan

BOUND = 600_000
"""Samples that are made in a second of CPU, labels known: half of what a core does that nobody else uses."""
TRIES = 7


def main() -> int:
    worst = min(
        _measured("one device with 10,000 interfaces", 10_000, 1), _measured("devices with 4 interfaces", 4, 500)
    )
    return int(worst < BOUND)


def _measured(what: str, interfaces: int, devices: int) -> float:
    plan = TablePlan(shipped("interfaces").tables[0])
    fast = plan.reads[Every.FAST]
    rows: dict[str, list[Row]] = {
        root: [(f"{root}.{n}", n * 7_919_123) for n in range(1, interfaces + 1)] for root in fast
    }
    texts: dict[str, list[Row]] = {
        root: [(f"{root}.{n}", f"GigabitEthernet0/0/{n}".encode()) for n in range(1, interfaces + 1)]
        for root in plan.labels
    }
    begun = time.process_time()
    names = plan.names(texts)
    made = plan.samples(Every.FAST, rows, names)
    first = time.process_time() - begun
    caches = [SeriesCache("snmp", f"sw{n}") for n in range(devices)]
    for cache in caches:
        cache.admit(made.samples)
    gc.collect()
    gc.freeze()  # as the daemon does once it is built
    count = len(made.samples) * devices
    making = _best(lambda: [plan.samples(Every.FAST, rows, names) for _ in range(devices)])
    admitting = _best(lambda: [cache.admit(made.samples) for cache in caches])
    gc.unfreeze()
    print(
        f"{what}: {count / making / 1e6:.2f} million samples a CPU second are made (bound {BOUND / 1e6:g}),"
        f" {count / admitting / 1e6:.2f} million admitted; the first time"
        f" {first * 1e6 / len(made.samples):.1f} us a sample"
    )
    return count / making


def _best(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(TRIES):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


if __name__ == "__main__":
    sys.exit(main())
