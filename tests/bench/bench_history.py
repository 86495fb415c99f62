"""What the long windows cost on disk: a simulated day, values that change in every cycle.

.venv/bin/python tests/bench/bench_history.py
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

from agent.history import EVERY_S, NAME, History
from rules.api import Engine, SeriesWindow, parse_rule_file

DAY = 86_400_000
KEPT_MS = int(EVERY_S * 1000)
START = 1_800_000_000_000
SHAPES = (
    ("6 filesystems, predict_linear over 6h", 6, 15_000, "predict_linear(m[6h], 3600) < 0"),
    ("100 series, rate over 6h", 100, 15_000, "rate(m[6h]) > 1e12"),
    ("40 recorded series, every minute, over 3d", 40, 60_000, "avg_over_time(m[3d]) > 1e12"),
    ("40 recorded series, every 5 minutes, over 30d", 40, 300_000, "avg_over_time(m[30d]) > 1e12"),
)


def day(series: int, step: int, expr: str) -> tuple[int, int, float]:
    """Bytes written in the second day, bytes of the file, and ms CPU of one ``keep``."""
    window = SeriesWindow()
    engine = Engine(window, interval_ms=step)
    loaded, problems = parse_rule_file(f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}'}}]}}]", "f.yml")
    if loaded is None:
        raise SystemExit(problems)
    engine.load([loaded])
    values = [random.uniform(1e9, 1e12) for _ in range(series)]
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), window, engine)
        first, cpu, kept = 0, 0.0, 0
        for at in range(START, START + 2 * DAY, step):
            values = [value + random.randint(-(2**20), 2**20) * 4096 for value in values]
            window.ingest("s", [("m", (("i", str(i)),), v, None) for i, v in enumerate(values)], at)
            if (at - START) % KEPT_MS < step:
                began = time.process_time()
                asyncio.run(history.keep(at))
                cpu, kept = cpu + time.process_time() - began, kept + 1
            if at < START + DAY:
                first = history.stats.written_bytes
        return history.stats.written_bytes - first, (Path(folder) / NAME).stat().st_size, cpu / kept * 1000


def main() -> None:
    random.seed(1)
    print(f"{'what':50}{'MB a day':>10}{'MB file':>10}{'ms CPU':>10}")
    for name, *shape in SHAPES:
        written, size, cpu = day(*shape)
        print(f"{name:50}{written / 1e6:10.2f}{size / 1e6:10.2f}{cpu:10.1f}")


if __name__ == "__main__":
    main()
