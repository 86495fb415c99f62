"""Which values an expression can have, by interval arithmetic from what is known of metrics and functions.

The answer is always a range that holds every possible value, so "never" is certain. Where nothing is known it is all
numbers. NaN is in no range: a comparison with it is false, whatever the range says.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isnan

from agent.config.lints._known import ALWAYS_ONE, BETWEEN, FLAGS, PARTS, SHARES_OF_TIME
from agent.config.lints._world import World
from collectors.api import MetricType
from rules.api import (
    COMPARISONS,
    SELECTING,
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Negate,
    Number,
    String,
    Subquery,
    VectorSelector,
    metric_name,
)


@dataclass(frozen=True, slots=True)
class Range:
    """From ``low`` to ``high``, both included. ``whole`` says that there are only whole numbers in it."""

    low: float = -inf
    high: float = inf
    whole: bool = False

    @property
    def point(self) -> bool:
        return self.low == self.high

    @property
    def bounded(self) -> bool:
        return isfinite(self.low) and isfinite(self.high)

    def __str__(self) -> str:
        if self.point:
            return f"always {self.low:g}"
        if self.bounded:
            return f"between {self.low:g} and {self.high:g}"
        return f"at least {self.low:g}" if isfinite(self.low) else f"at most {self.high:g}"


ALL = Range()
_POSITIVE = Range(0)
_FLAG = Range(0, 1, whole=True)
_COUNT = Range(1, whole=True)
_SHARE = Range(0, 1)
_SHARE_RATE = Range(0, 2)
"""The rate of a share of time; its extrapolation goes over 1, never near 2."""
_FIXED = {
    "absent": Range(1, 1, whole=True),
    "absent_over_time": Range(1, 1, whole=True),
    "present_over_time": Range(1, 1, whole=True),
    "count_over_time": _COUNT,
    "changes": Range(0, whole=True),
    "resets": Range(0, whole=True),
    "day_of_month": Range(1, 31, whole=True),
    "day_of_week": Range(0, 6, whole=True),
    "day_of_year": Range(1, 366, whole=True),
    "days_in_month": Range(28, 31, whole=True),
    "hour": Range(0, 23, whole=True),
    "minute": Range(0, 59, whole=True),
    "month": Range(1, 12, whole=True),
    "sgn": Range(-1, 1, whole=True),
    "abs": _POSITIVE,
    "sqrt": _POSITIVE,
    "exp": _POSITIVE,
    "stddev_over_time": _POSITIVE,
    "stdvar_over_time": _POSITIVE,
    "time": _POSITIVE,
    "sin": Range(-1, 1),
    "cos": Range(-1, 1),
}
_KEEPS = frozenset(
    """
    sort sort_desc last_over_time min_over_time max_over_time label_replace label_join vector
    """.split()  # noqa: SIM905
)
"""Functions whose values are among those of their argument."""


def range_of(expr: Expr, world: World) -> Range:
    found: Range | None = world.told("range", expr)
    if found is not None:
        return found
    match expr:
        case Number(value):
            found = ALL if isnan(value) else Range(value, value, whole=isfinite(value) and value.is_integer())
        case VectorSelector():
            found = _series(metric_name(expr), world)
        case MatrixSelector():
            found = _series(metric_name(expr.selector), world)
        case Subquery():
            found = range_of(expr.expr, world)
        case Negate():
            inner = range_of(expr.expr, world)
            found = Range(-inner.high, -inner.low, inner.whole)
        case Aggregate():
            found = _aggregate(expr, world)
        case Call():
            found = _call(expr, world)
        case Binary():
            found = _binary(expr, world)
        case String():
            found = ALL
    world.tell("range", expr, found)
    return found


def never(op: str, left: Range, right: Range) -> bool:
    """Whether no value of the left can stand in this relation to any of the right."""
    match op:
        case ">":
            return left.high <= right.low
        case ">=":
            return left.high < right.low
        case "<":
            return left.low >= right.high
        case "<=":
            return left.low > right.high
        case "==":
            outside = left.high < right.low or left.low > right.high
            return outside or (left.whole and right.point and isfinite(right.low) and right.low != right.low // 1)
    return left.point and left == right  # !=


def always(op: str, left: Range, right: Range) -> bool:
    """Whether every value of the left stands in this relation to every value of the right."""
    match op:
        case ">":
            return left.low > right.high
        case ">=":
            return left.low >= right.high
        case "<":
            return left.high < right.low
        case "<=":
            return left.high <= right.low
        case "==":
            return left.point and left == right
    return never("==", left, right)


def _series(name: str, world: World) -> Range:
    if name in world.recorded:
        return ALL
    if name in FLAGS:
        return _FLAG
    if name in ALWAYS_ONE:
        return Range(1, 1, whole=True)
    if name in BETWEEN:
        low, high = BETWEEN[name]
        return Range(low, high, whole="_ratio" not in name)
    counts = world.type_of(name) is MetricType.COUNTER
    return _POSITIVE if counts or (world.declared(name) and name.endswith("_bytes") and "speed" not in name) else ALL


def _aggregate(expr: Aggregate, world: World) -> Range:
    inner = range_of(expr.expr, world)
    match expr.op:
        case "count" | "count_values":
            return _COUNT
        case "group":
            return Range(1, 1, whole=True)
        case "stddev" | "stdvar":
            return _POSITIVE
        case "sum":
            return Range(
                min(inner.low, 0 if inner.low >= 0 else -inf), inf if inner.high > 0 else inner.high, inner.whole
            )
        case "avg":
            return Range(inner.low, inner.high)
    return inner if expr.op in SELECTING | {"min", "max"} else ALL


def _call(expr: Call, world: World) -> Range:
    if expr.func in _FIXED:
        return _FIXED[expr.func]
    if not expr.args:
        return ALL
    first = expr.args[0]
    if expr.func in ("rate", "irate", "increase"):
        name = metric_name(first.selector) if isinstance(first, MatrixSelector) else ""
        return _SHARE_RATE if name in SHARES_OF_TIME and expr.func != "increase" else _POSITIVE
    inner = range_of(first, world)
    if expr.func in _KEEPS:
        return inner
    if expr.func == "avg_over_time":
        return Range(inner.low, inner.high)
    if expr.func in ("ceil", "floor", "round") and len(expr.args) == 1 and inner.whole:
        return inner
    return ALL


def _binary(expr: Binary, world: World) -> Range:
    left, right = range_of(expr.lhs, world), range_of(expr.rhs, world)
    if expr.op in ("and", "unless"):
        return left
    if expr.op == "or":
        return Range(min(left.low, right.low), max(left.high, right.high), left.whole and right.whole)
    if expr.op in COMPARISONS:
        if expr.bool_modifier:
            return _FLAG
        kept = range_of(expr.rhs, world) if isinstance(expr.lhs, Number) else left
        return _narrowed(expr, kept, left, right)
    if expr.op == "/" and (share := _share(expr.lhs, expr.rhs)) is not None:
        return share
    return _arithmetic(expr.op, left, right)


def _narrowed(expr: Binary, kept: Range, left: Range, right: Range) -> Range:
    """What passes a filter; with the number on the left it is the right side that is kept."""
    op, limit = expr.op, right
    if isinstance(expr.lhs, Number):
        op, limit = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(op, op), left
    if op in (">", ">=") and limit.low <= kept.high:
        return Range(max(kept.low, limit.low), kept.high, kept.whole)
    if op in ("<", "<=") and limit.high >= kept.low:
        return Range(kept.low, min(kept.high, limit.high), kept.whole)
    return kept


def _arithmetic(op: str, left: Range, right: Range) -> Range:
    whole = left.whole and right.whole
    match op:
        case "+":
            return Range(left.low + right.low, left.high + right.high, whole)
        case "-":
            return Range(left.low - right.high, left.high - right.low, whole)
        case "*":
            return _product(left, right, whole)
        case "/" if right.low > 0 and isfinite(right.high):
            return _product(left, Range(1 / right.high, 1 / right.low), whole=False)
        case "/" if right.low >= 0 and left.low >= 0:
            return _POSITIVE
    return ALL


def _product(left: Range, right: Range, whole: bool) -> Range:
    corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
    if any(isnan(corner) for corner in corners):  # 0 times infinity
        return _POSITIVE if left.low >= 0 and right.low >= 0 else ALL
    return Range(min(corners), max(corners), whole)


def _share(lhs: Expr, rhs: Expr) -> Range | None:
    """``part / whole``, or ``(whole - part - part) / whole``; scaled, or aggregated alike on both sides."""
    if isinstance(lhs, Binary) and lhs.op == "*":
        for factor, rest in ((lhs.rhs, lhs.lhs), (lhs.lhs, lhs.rhs)):
            if isinstance(factor, Number) and (share := _share(rest, rhs)) is not None:
                return _product(share, Range(factor.value, factor.value), whole=False)
    whole, how = _bare(rhs)
    parts = {part for part, of in PARTS if of == whole}
    taken = 0
    while isinstance(lhs, Binary) and lhs.op == "-" and _bare(lhs.rhs) in {(part, how) for part in parts}:
        lhs, taken = lhs.lhs, taken + 1
    if taken:
        return Range(1 - taken, 1) if _bare(lhs) == (whole, how) else None
    return _SHARE if _bare(lhs) in {(part, how) for part in parts} else None


def _bare(expr: Expr) -> tuple[str, str]:
    """The metric of a selector, and the operator it is aggregated by."""
    if isinstance(expr, Aggregate) and isinstance(expr.expr, VectorSelector):
        return metric_name(expr.expr), expr.op
    return (metric_name(expr), "") if isinstance(expr, VectorSelector) else ("", "")
