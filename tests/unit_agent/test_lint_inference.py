"""What the checks claim of an expression is true of its result: values in the range, labels certain and possible.

Random expressions over a host whose series are as their collectors declare them. A claim that is wrong would be a
finding that is wrong: "never true" of something that is true.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Iterable, Iterator
from typing import cast

import pytest
from lint_bench import defaults, one, rule_file

import collectors.api
from agent.config.lints._known import LABEL_VALUES
from agent.config.lints._labels import labels_of
from agent.config.lints._ranges import always, never, range_of
from agent.config.lints._walk import COMPARISONS, nodes
from agent.config.lints._world import World
from rules.api import Binary, EvalError, Expr, SeriesWindow, Vector, compile_expr, parse

START, STEP, CYCLES = 1_700_000_000_000, 15_000, 60
HOST = (("instance", "h"), ("job", "node"))
RECORDED = (
    "groups: [{name: g, rules: [{record: 'cpu:share', expr: 'avg by (cpu, mode) (rate(node_cpu_seconds_total[5m]))',"
)
RECORDED += " labels: {kind: x}}]}]"
INSTANTS = (
    "node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_filesystem_readonly", "node_network_up",
    "node_load1", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes", "up", "node_uname_info",
    "node_processes_state", "node_procs_blocked", "node_cpu_seconds_total", "node_network_receive_errs_total",
    'node_cpu_seconds_total{mode="idle"}', 'node_filesystem_avail_bytes{mountpoint="/"}', 'up{collector!="cpu"}',
    'node_network_up{device=~"eth.+"}', "cpu:share", 'ALERTS{alertstate="firing"}',
)  # fmt: skip
PHRASES = (
    "node_filesystem_avail_bytes / node_filesystem_size_bytes * 100",
    "(node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) / node_memory_MemTotal_bytes",
    "sum without () (node_filesystem_avail_bytes) / sum without () (node_filesystem_size_bytes)",
    "100 - avg by (instance) (rate(node_cpu_seconds_total[2m])) * 100",
    'node_cpu_seconds_total{cpu="0", mode="idle"} / ignoring (cpu, mode) node_load1',
    'node_cpu_seconds_total{cpu="0", mode="idle"} * on (instance) group_left (mode) node_uname_info',
)
COUNTERS = ("node_cpu_seconds_total", "node_network_receive_errs_total", "node_disk_io_time_seconds_total")
LABELS = ("instance", "job", "cpu", "mode", "device", "mountpoint", "collector")


def window(rng: random.Random) -> SeriesWindow:
    found = SeriesWindow()
    totals: dict[tuple[object, ...], float] = {}

    def grown(key: tuple[object, ...], most: float) -> float:
        totals[key] = (0.0 if rng.random() < 0.01 else totals.get(key, rng.uniform(0, 1e4))) + rng.uniform(0, most)
        return totals[key]

    for cycle in range(CYCLES):
        at = START + cycle * STEP
        for name, labels, value in _samples(rng, grown):
            base = () if name == "cpu:share" else HOST
            found.append(name, tuple(sorted((*base, *labels))), at, value)
    return found


def _samples(rng: random.Random, grown: object) -> Iterator[tuple[str, tuple[tuple[str, str], ...], float]]:
    assert callable(grown)
    for cpu in "01":
        for mode in ("idle", "user", "steal"):
            labels = (("cpu", cpu), ("mode", mode))
            yield "node_cpu_seconds_total", labels, grown(("cpu", cpu, mode), STEP / 3000)
            yield "cpu:share", (*labels, ("kind", "x")), rng.random()
    for mount in ("/", "/data"):
        labels = (("device", f"/dev{mount}"), ("mountpoint", mount), ("fstype", "ext4"))
        size = rng.choice((1e9, 1e12))
        yield "node_filesystem_size_bytes", labels, size
        yield "node_filesystem_avail_bytes", labels, rng.choice((0.0, size, rng.uniform(0, size)))
        yield "node_filesystem_readonly", labels, float(rng.random() < 0.3)
    for device in ("eth0", "lo"):
        yield "node_network_up", (("device", device),), float(rng.random() < 0.7)
        yield "node_network_receive_errs_total", (("device", device),), grown(("net", device), 50)
    yield "node_disk_io_time_seconds_total", (("device", "sda"),), grown(("disk",), STEP / 1000)
    for collector in ("cpu", "stat"):
        yield "up", (("collector", collector),), float(rng.random() < 0.8)
    yield "node_uname_info", (("sysname", "Linux"), ("release", "6.1"), ("nodename", "h")), 1.0
    total = 8e9
    yield "node_memory_MemTotal_bytes", (), total
    yield "node_memory_MemAvailable_bytes", (), rng.choice((total, rng.uniform(0, total)))
    yield "node_load1", (), rng.choice((0.0, rng.uniform(0, 20)))
    yield "node_procs_blocked", (), float(rng.randrange(5))
    yield "node_processes_state", (("state", rng.choice("RSZ")),), float(rng.randrange(1, 90))
    yield "ALERTS", (("alertname", "A"), ("alertstate", rng.choice(("firing", "pending")))), 1.0


class Expressions:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def vector(self, depth: int = 4) -> str:
        pick = self._rng.choice
        if depth == 0:
            return pick(INSTANTS)
        inner = self.vector(depth - 1)
        kind = self._rng.randrange(10)
        if kind == 0:
            return pick(INSTANTS)
        if kind == 1:
            return f"{pick(('rate', 'irate', 'increase', 'changes', 'resets'))}({pick(COUNTERS)}[{pick(('1m', '5m'))}])"
        if kind == 2:
            over = pick(("avg", "min", "max", "sum", "count", "last", "stddev", "present"))
            return f"{over}_over_time(({inner})[3m:{pick(('15s', '1m'))}])"
        if kind == 3:
            return pick((
                f"abs({inner})", f"ceil({inner})", f"round({inner})", f"sgn({inner})", f"clamp({inner}, -1, 5)",
                f"hour({inner} * 1000)", f"day_of_week({inner})", f"absent({inner})", f"sort({inner})",
                f"vector(scalar({inner}))", f'label_replace({inner}, "x", "$1", "device", "(.).*")',
                f'label_join({inner}, "device", "-", "job", "cpu")',
            ))  # fmt: skip
        if kind < 6:
            labels = ", ".join(self._rng.sample(LABELS, self._rng.randrange(4)))
            grouping = pick(("", f" by ({labels})", f" without ({labels})"))
            return pick((f"{pick(('sum', 'avg', 'min', 'max', 'count', 'group', 'stddev'))}{grouping} ({inner})",
                         f"topk{grouping} (2, {inner})", f'count_values{grouping} ("v", {inner})'))  # fmt: skip
        if kind == 6:
            return f"-({inner})"
        if kind == 7:
            number = pick(("0", "1", "2.5", "-3", "100", "1e9"))
            op = pick(("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "> bool", "== bool"))
            sides = [f"({inner})", number]
            self._rng.shuffle(sides)
            return f"{sides[0]} {op} {sides[1]}"
        if kind == 8:
            return pick(PHRASES)
        matching = pick(("", " on (instance)", " on (device)", " ignoring (cpu, mode)", " on ()",
                         " on (instance) group_left ()", " on (instance) group_right (nodename)"))  # fmt: skip
        if "group" in matching:
            return f"({inner}){pick(('+', '*', '>'))}{matching} ({self.vector(depth - 1)})"
        op = pick(("+", "-", "*", "/", ">", "<=", "==", "and", "or", "unless", "and"))
        return f"({inner}) {op}{matching} ({self.vector(depth - 1)})"


def wrong(expr: Expr, world: World, series: SeriesWindow, at: int) -> list[str]:
    """Claims about the expression that its result at this time contradicts."""
    try:
        result = compile_expr(expr).instant(series, at)
    except EvalError:
        return []
    if not isinstance(result, Vector):
        return []
    told, labels = range_of(expr, world), labels_of(expr, world)
    found = []
    for element in result.elements:
        value, names = element.value, {name for name, _ in element.labels}
        slack = 1e-9 * max(1.0, abs(value))
        if not math.isnan(value) and not told.low - slack <= value <= told.high + slack:
            found.append(f"{value} is not {told}")
        if told.whole and math.isfinite(value) and value != value // 1:
            found.append(f"{value} is not whole")
        if not labels.certain <= names:
            found.append(f"{names} lacks some of {labels.certain}")
        if labels.possible is not None and not names <= labels.possible:
            found.append(f"{names} has more than {labels.possible}")
    if isinstance(expr, Binary) and expr.op in COMPARISONS and not expr.bool_modifier:
        sides = range_of(expr.lhs, world), range_of(expr.rhs, world)
        if result.elements and never(expr.op, *sides):
            found.append(f"never true, and there is {result.elements[0]}")
    return found


@pytest.mark.parametrize("seed", range(30))
def test_what_is_told_of_an_expression_is_true_of_its_result(seed: int) -> None:
    rng = random.Random(seed)
    config = defaults().config
    assert config is not None
    series, expressions = window(rng), Expressions(rng)
    for _ in range(40):
        text = expressions.vector()
        world = World(config, [rule_file(one("up == 0"))], [rule_file(RECORDED)])
        for part in nodes(parse(text)):
            at = START + rng.randrange(30, CYCLES) * STEP
            assert wrong(part, world, series, at) == [], text


def test_relations_of_ranges() -> None:
    from agent.config.lints._ranges import Range

    share, flag = Range(0, 1), Range(0, 1, whole=True)
    assert never(">", share, Range(1, 1))
    assert not never(">=", share, Range(1, 1))
    assert never("==", flag, Range(0.5, 0.5))
    assert not never("==", share, Range(0.5, 0.5))
    assert not never("<", Range(), Range(5, 5))
    assert always("<", share, Range(2, 2))
    assert not always("<=", Range(), Range(2, 2))
    assert always("!=", flag, Range(2, 2))


def test_what_is_known_of_metrics_is_true_of_this_host() -> None:
    """Whatever host this is: labels and values that its collectors give are as the checks believe."""
    config = defaults().config
    assert config is not None
    world = World(config, [], [])
    seen = 0
    for name in collectors.api.available():
        module = collectors.api.load(name)
        collector = module.build(module.Options(), collectors.api.HostFS("/proc", "/sys", "/"))
        if inspect.iscoroutinefunction(collector.collect):
            continue  # it would speak to a bus
        try:
            found = list(cast("Iterable[object]", collector.collect()))
        except (collectors.api.CollectorError, OSError):
            continue  # this host does not let itself be seen there
        for sample in found:
            if not isinstance(sample, collectors.api.Sample) or sample.name not in world.metrics:
                continue
            origin = world.metrics[sample.name]
            names = {"instance", "job", *(label for label, _ in sample.labels)}
            assert origin.certain <= names, sample
            assert origin.possible is None or names <= origin.possible, sample
            told = range_of(parse(sample.name), world)
            assert math.isnan(sample.value) or told.low <= sample.value <= told.high, sample
            for label, value in sample.labels:
                assert value in LABEL_VALUES.get((sample.name, label), {value}), sample
            seen += 1
    assert seen > 50
