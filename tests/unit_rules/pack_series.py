"""The input series of a pack's tests as a window of samples."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rules import api

STEPS_MS = {"15s": 15_000, "30s": 30_000, "1m": 60_000}
"""The distances between samples that the tests of the packs have."""
RETENTION_MS = 7_200_000


def samples(values: str) -> list[float | None]:
    """The few forms of promtool's notation that the packs use: `5`, `5x3`, `5+2x3`, `5-2x3`, `stale`, in a row."""
    found: list[float | None] = []
    for item in values.split():
        if item == "stale":
            found.append(None)
            continue
        match = re.fullmatch(r"(-?[0-9.]+)(?:([+-][0-9.]+)?x([0-9]+))?", item)
        assert match is not None, item
        start, step, times = float(match[1]), float(match[2] or 0), int(match[3] or 0)
        found += [start + step * n for n in range(times + 1)]
    return found


def always(_metric: str, _number: int) -> bool:
    return True


def window(test: dict[str, Any], until_ms: int, kept: Callable[[str, int], bool] = always) -> api.SeriesWindow:
    """``kept`` says of a metric and the number of a sample whether it is there."""
    series = api.SeriesWindow()
    series.retain({}, RETENTION_MS)
    step = STEPS_MS[test["interval"]]
    for entry in test["input_series"]:
        match = re.fullmatch(r"([a-z_0-9A-Z:]+)\{(.*)\}", entry["series"])
        assert match is not None
        labels = tuple(sorted(re.findall(r'([A-Za-z_0-9]+)="([^"]*)"', match[2])))
        for number, value in enumerate(samples(entry["values"])):
            if value is not None and number * step <= until_ms and kept(match[1], number):
                series.append(match[1], labels, number * step, value)
    return series


def minutes_ms(eval_time: str) -> int:
    return int(eval_time.removesuffix("m")) * 60_000
