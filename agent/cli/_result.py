"""The result of a query for people: a table with a column for each label that differs, small charts for a range."""

from __future__ import annotations

import math
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.cli._output import clean, labels_text, print_table, width

Labels = Mapping[str, str]
NAME = "__name__"
BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS = "_.-~=+*#"
"""Where the terminal has no UTF-8."""
NUMBERS = frozenset({"VALUE", "LAST", "MIN", "MAX"})
LEAST_CHART, MOST_CHART = 16, 120
_ORDERED = re.compile(r"\s*\(*\s*(sort|sort_desc|sort_by_label|sort_by_label_desc|topk|bottomk)\b")
_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"),
             (1e-6, "u"), (1e-9, "n"))  # fmt: skip


def print_result(data: Mapping[str, Any], expr: str, *, human: bool = False, values: bool = False) -> None:
    """A result in Prometheus's API form. ``human`` writes 1.5k for 1500, ``values`` every value of a range."""
    kind, result = data["resultType"], data["result"]
    shown = humanised if human else str
    if kind == "scalar":
        print(clean(shown(result[1])))
    elif kind == "string":
        print(clean(result[1]))
    elif not result:
        print("no result")
    elif kind == "vector":
        _print_vector(_in_order(result, expr), shown)
    elif values:
        _print_values(result, shown)
    else:
        _print_charts(result, shown)


def humanised(text: str) -> str:
    """Four digits and a prefix of the SI: ``1.5k``, ``230m``; as Prometheus's ``humanize``."""
    value = float(text)
    if value == 0 or not math.isfinite(value):
        return text
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.4g}{prefix}"
    return f"{value:.4g}"


def sparkline(values: Sequence[float | None], columns: int, blocks: str) -> str:
    """One character for each of ``columns`` parts of the time, between the least and the greatest value.

    None, and a part in which there is no finite number, is a blank.
    """
    parts = _resampled(values, min(columns, len(values)))
    finite = [part for part in parts if part is not None]
    if not finite:
        return " " * len(parts)
    low, high = min(finite), max(finite)
    top = len(blocks) - 1
    scale = top / (high - low) if high > low else 0.0
    return "".join(" " if part is None else blocks[round((part - low) * scale)] for part in parts)


def _resampled(values: Sequence[float | None], columns: int) -> list[float | None]:
    """The mean of each of ``columns`` parts as equal as can be."""
    means: list[float | None] = []
    for column in range(columns):
        part = values[column * len(values) // columns : (column + 1) * len(values) // columns]
        numbers = [value for value in part if value is not None and math.isfinite(value)]
        means.append(math.fsum(numbers) / len(numbers) if numbers else None)
    return means


def _in_order(result: Sequence[Mapping[str, Any]], expr: str) -> Sequence[Mapping[str, Any]]:
    """By name and labels, unless the expression says an order."""
    if _ORDERED.match(expr):
        return result
    return sorted(result, key=lambda one: (one["metric"].get(NAME, ""), sorted(one["metric"].items())))


def _columns(metrics: Sequence[Labels]) -> tuple[Labels, list[str]]:
    """The labels that all share, and the names of those that differ; a single series shares none with others."""
    names = sorted({name for metric in metrics for name in metric}, key=lambda name: (name != NAME, name))
    if len(metrics) == 1:
        return {}, names
    shared = {name: metrics[0].get(name, "") for name in names if len({each.get(name) for each in metrics}) == 1}
    return shared, [name for name in names if name not in shared]


def _print_rows(metrics: Sequence[Labels], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shared, names = _columns(metrics)
    if shared:
        labels = {name: value for name, value in shared.items() if name != NAME}
        print(f"each: {clean(shared.get(NAME, ''))}{labels_text(labels) if labels or NAME not in shared else ''}")
    titles = ["METRIC" if name == NAME else clean(name) for name in names]
    left = [_to_the_right(head, [row[index] for row in rows]) for index, head in enumerate(heads)]
    lines = zip(*(cells for _, cells in left), metrics, strict=True)
    cells = [[*line[:-1], *(line[-1].get(name, "") for name in names)] for line in lines]
    print_table([*(head for head, _ in left), *titles], cells)


def _to_the_right(head: str, cells: Sequence[str]) -> tuple[str, Sequence[str]]:
    """A column of numbers, aligned at its right side; others as they are."""
    if head not in NUMBERS:
        return head, cells
    size = max(len(head), *map(len, cells))
    return head.rjust(size), [cell.rjust(size) for cell in cells]


def _print_vector(result: Sequence[Mapping[str, Any]], shown: Callable[[str], str]) -> None:
    _print_rows([one["metric"] for one in result], ["VALUE"], [[shown(one["value"][1])] for one in result])


def _print_values(result: Sequence[Mapping[str, Any]], shown: Callable[[str], str]) -> None:
    lines = [(line["metric"], at, value) for line in result for at, value in line["values"]]
    _print_rows([metric for metric, _, _ in lines], ["TIME", "VALUE"], [[_clock(at), shown(v)] for _, at, v in lines])


def _print_charts(result: Sequence[Mapping[str, Any]], shown: Callable[[str], str]) -> None:
    times = sorted({at for line in result for at, _ in line["values"]})
    metrics = [line["metric"] for line in result]
    ends = [
        [shown(line["values"][-1][1]), *(shown(_text(value)) for value in _bounds(line["values"]))] for line in result
    ]
    _, names = _columns(metrics)
    widths = [max(map(width, column)) for column in zip(*ends, strict=True)]
    widths += [max(len(name), *(width(metric.get(name, "")) for metric in metrics)) for name in names]
    room = shutil.get_terminal_size().columns - sum(max(size, 4) + 2 for size in widths)
    columns = min(max(room, LEAST_CHART), MOST_CHART)
    blocks = BLOCKS if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else PLAIN_BLOCKS
    charts = []
    for line in result:
        at = {moment: float(value) for moment, value in line["values"]}
        charts.append(sparkline([at.get(moment) for moment in times], columns, blocks))
    print(f"{_clock(times[0])} to {_clock(times[-1])}, {len(times)} points")
    _print_rows(metrics, ["LAST", "MIN", "MAX", "CHART"], [[*e, c] for e, c in zip(ends, charts, strict=True)])


def _bounds(values: Sequence[tuple[float, str]]) -> tuple[float, float]:
    numbers = [float(value) for _, value in values if not math.isnan(float(value))]
    return (min(numbers), max(numbers)) if numbers else (math.nan, math.nan)


def _text(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return f"{value:.17g}" if float(f"{value:.15g}") != value else f"{value:.15g}"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
