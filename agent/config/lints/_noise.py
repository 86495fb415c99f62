"""Conditions whose value dances around its limit."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._known import ALWAYS_ONE, BETWEEN, FLAGS, STEADY
from agent.config.lints._model import RuleContext
from agent.config.lints._ranges import range_of
from agent.config.lints._walk import ORDERINGS, conditions
from agent.config.lints._world import World
from collectors.api import MetricType
from rules.api import Binary, Call, Expr, MatrixSelector, Subquery, VectorSelector, metric_name, nodes

_NOISY_CALLS = frozenset({"rate", "irate", "delta", "idelta", "deriv"})
_BELOW = {True: ("<", ">="), False: (">", "<=")}
"""Operators that ask for less than one, or at least one, by whether the value stands first."""
_TIMES = ("_time_seconds", "_timestamp_seconds", "_trigger_seconds", "_not_after", "_expiry", "_mtime_seconds")


def noisy_conditions(rule: RuleContext) -> Iterator[Binary]:
    """Orderings between something noisy and a limit. Above zero or below one is no level: something is there or not."""
    if rule.alert is None:
        return
    for condition in conditions(rule.alert.expr):
        if condition.op not in ORDERINGS:
            continue
        for value, limit in ((condition.lhs, condition.rhs), (condition.rhs, condition.lhs)):
            fixed = range_of(limit, rule.world)
            there_or_not = fixed.low == 0 or (fixed.low == 1 and condition.op in _BELOW[value is condition.lhs])
            if fixed.point and not there_or_not and _is_noisy(value, rule.world):
                yield condition


def _is_noisy(expr: Expr, world: World) -> bool:
    whole = list(nodes(expr))
    if any(isinstance(node, Call) and node.func == "time" for node in whole):
        return False
    names = [metric_name(node) for node in whole if isinstance(node, VectorSelector)]
    if any(name.endswith(_TIMES) for name in names):
        return False  # an age grows and falls back once
    return any(_noisy_calls(expr)) or any(_is_gauge(name, world) for name in _instant(expr))


def _noisy_calls(expr: Expr) -> Iterator[Call]:
    return (node for node in nodes(expr) if isinstance(node, Call) and node.func in _NOISY_CALLS)


def _instant(expr: Expr) -> Iterator[str]:
    """Metrics whose newest value counts alone; a function over a window smooths or holds."""
    windows = {
        id(inner) for node in nodes(expr) if isinstance(node, MatrixSelector | Subquery) for inner in nodes(node)
    }
    for node in nodes(expr):
        if isinstance(node, VectorSelector) and id(node) not in windows:
            yield metric_name(node)


def _is_gauge(name: str, world: World) -> bool:
    if name in FLAGS or name in ALWAYS_ONE or name in STEADY or name in BETWEEN or name.endswith("_info"):
        return False
    return world.type_of(name) is MetricType.GAUGE
