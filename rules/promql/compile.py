"""From an expression to a query that can be evaluated again and again.

Each node becomes a closure ``(context, time) -> value`` over those of its children, so an evaluation does no dispatch
and remembers its matcher results. Functions live in tables: adding one adds an entry. Tables are given the compiler, to
make the plans of arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from rules.promql import functions_label as on_labels
from rules.promql import functions_math as on_values
from rules.promql import histogram
from rules.promql.aggregate import aggregate_plan
from rules.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Negate,
    Number,
    String,
    Subquery,
    ValueType,
    VectorSelector,
    Watched,
)
from rules.promql.binary import (
    negate_scalar,
    negate_vector,
    scalars_plan,
    vector_scalar_plan,
    vectors_plan,
)
from rules.promql.columns import ColumnPlan, as_columns, as_items, scalar_as_column
from rules.promql.errors import ExprError
from rules.promql.functions_range import RANGE_FUNCTIONS
from rules.promql.numbers import larger, smaller
from rules.promql.over_range import over_range_plan, over_selector_plan
from rules.promql.parse import value_type
from rules.promql.query import Query
from rules.promql.selectors import Selection, instant_plan, range_plan, subquery_plan, timestamp_plan
from rules.promql.sharing import Pool, is_low
from rules.promql.values import Context, Item, MatrixPlan, ScalarPlan, VectorPlan, unnamed

Args = tuple[Expr, ...]


def compile_expr(expr: Expr, pool: Pool | None = None) -> Query:
    """A query for ``expr``; ``ExprError`` when one of its constants (a regex, a label name) cannot be used.

    It shares plans with all queries compiled with the same ``pool``, and without one with none.
    """
    try:
        return Compiler(pool).query(expr)
    except RecursionError:  # the caller stood deep in its own stack already
        raise ExprError("expression is nested too deeply", "split it with recording rules") from None


class Compiler:
    """Makes plans: ``column`` and ``vector`` of the same expressions, for what works on the whole or on elements."""

    __slots__ = ("_pool",)

    def __init__(self, pool: Pool | None) -> None:
        self._pool = pool

    def query(self, expr: Expr) -> Query:
        match value_type(expr):
            case ValueType.SCALAR:
                return Query(expr, ValueType.SCALAR, scalar=self.scalar(expr))
            case ValueType.VECTOR:
                return Query(expr, ValueType.VECTOR, vector=self.column(expr))
            case ValueType.MATRIX:
                return Query(expr, ValueType.MATRIX, matrix=self.matrix(expr))
            case ValueType.STRING:
                return Query(expr, ValueType.STRING)

    def column(self, expr: Expr | Watched) -> ColumnPlan:
        if isinstance(expr, Watched):
            return as_columns(expr.watch(self.vector(expr.expr)))
        if self._pool is None or not is_low(expr):
            return self._column(expr)
        found = self._pool.find(expr)
        return self._pool.keep(expr, self._column(expr)) if found is None else found

    def vector(self, expr: Expr | Watched) -> VectorPlan:
        return as_items(self.column(expr))

    def selection(self, selector: VectorSelector) -> Selection:
        return Selection(selector.matchers) if self._pool is None else self._pool.selection(selector.matchers)

    def _column(self, expr: Expr) -> ColumnPlan:
        match expr:
            case VectorSelector():
                return instant_plan(expr, self.selection(expr))
            # Long chains of operators are the deepest expressions there are, so no frame more for each than must be.
            case Binary(op, lhs, rhs, matching, as_bool) if matching is not None:
                return vectors_plan(op, self.column(lhs), self.column(rhs), matching, as_bool=as_bool)
            case Binary(op, lhs, rhs, _, as_bool) if value_type(rhs) is ValueType.SCALAR:
                return vector_scalar_plan(op, self.column(lhs), self.scalar(rhs), swapped=False, as_bool=as_bool)
            case Binary(op, lhs, rhs, _, as_bool):
                return vector_scalar_plan(op, self.column(rhs), self.scalar(lhs), swapped=True, as_bool=as_bool)
            case Call(func, args):
                return self._call(func, args)
            case Aggregate(expr=inner, param=param):
                return aggregate_plan(expr, self.column(inner), self._aggregate_param(param))
            case Negate(operand):
                return negate_vector(self.column(operand))
        raise ExprError("expected type instant vector", "see the types in the PromQL reference")

    def scalar(self, expr: Expr | Watched) -> ScalarPlan:
        match expr:
            case Number(value):
                return lambda ctx, t: value
            case Binary(op, lhs, rhs):
                return scalars_plan(op, self.scalar(lhs), self.scalar(rhs))
            case Negate(operand):
                return negate_scalar(self.scalar(operand))
            case Call(func, args):
                return SCALARS[func](self, args)
            case Watched(inner, watch):
                scalar: ScalarPlan = watch(self.scalar(inner))
                return scalar
        raise ExprError("expected type scalar", "see the types in the PromQL reference")

    def matrix(self, expr: Expr | Watched) -> MatrixPlan:
        match expr:
            case MatrixSelector(selector):
                return range_plan(expr, self.selection(selector))
            case Subquery(expr=inner):
                return subquery_plan(expr, self.vector(inner))
            case Watched(inner, watch):
                matrix: MatrixPlan = watch(self.matrix(inner))
                return matrix
        raise ExprError("expected type range vector", "add a range such as [5m]")

    def _aggregate_param(self, param: Expr | None) -> ScalarPlan | str | None:
        if param is None:
            return None
        return param.value if isinstance(param, String) else self.scalar(param)

    def _call(self, func: str, args: Args) -> ColumnPlan:
        if func in RANGE_FUNCTIONS:
            entry = RANGE_FUNCTIONS[func]
            params = [self.scalar(arg) for index, arg in enumerate(args) if index != entry.position]
            ranged = args[entry.position]
            if isinstance(ranged, MatrixSelector):
                return over_selector_plan(entry, ranged, self.selection(ranged.selector), params)
            return as_columns(over_range_plan(entry, self.matrix(ranged), params))
        if func in on_values.MATH:
            params = [self.scalar(arg) for arg in args[1:]]
            return on_values.map_plan(on_values.MATH[func], self.column(args[0]), params)
        if func in on_values.DATES:
            function = on_values.DATES[func]
            return on_values.map_plan(function, self.column(args[0]), ()) if args else on_values.now_plan(function)
        if func in COLUMNS:
            return COLUMNS[func](self, args)
        if func in VECTORS:
            return as_columns(VECTORS[func](self, args))
        raise ExprError(f"function {func} is not supported", "see the functions of Prometheus 3")


def text(expr: Expr) -> str:
    if isinstance(expr, String):
        return expr.value
    raise ExprError("expected type string", 'write a quoted string such as "instance"')


def _as_scalar(vector: ColumnPlan) -> ScalarPlan:
    """The value of the only element; NaN when there is not exactly one."""

    def plan(ctx: Context, t: int) -> float:
        _, values = vector(ctx, t)
        return values[0] if len(values) == 1 else math.nan

    return plan


def _timestamp(c: Compiler, args: Args) -> VectorPlan:
    if isinstance(args[0], VectorSelector):
        own = timestamp_plan(args[0], c.selection(args[0]))
        return lambda ctx, t: unnamed(own(ctx, t), ctx)
    inner = c.vector(args[0])

    def plan(ctx: Context, t: int) -> list[Item]:
        return unnamed([(name, labels, t / 1000) for name, labels, _ in inner(ctx, t)], ctx)

    return plan


def _quantile_of_histogram(c: Compiler, args: Args) -> VectorPlan:
    return histogram.estimate_plan(
        lambda params, buckets: histogram.bucket_quantile(params[0], buckets),
        [c.scalar(args[0])],
        c.vector(args[1]),
    )


def _fraction_of_histogram(c: Compiler, args: Args) -> VectorPlan:
    return histogram.estimate_plan(
        lambda params, buckets: histogram.bucket_fraction(params[0], params[1], buckets),
        [c.scalar(args[0]), c.scalar(args[1])],
        c.vector(args[2]),
    )


COLUMNS: Final[dict[str, Callable[[Compiler, Args], ColumnPlan]]] = {
    "absent": lambda c, a: on_labels.absent_plan(c.column(a[0]), on_labels.absent_labels(a[0])),
    "vector": lambda c, a: scalar_as_column(c.scalar(a[0])),
}
"""Functions of whole vectors."""

VECTORS: Final[dict[str, Callable[[Compiler, Args], VectorPlan]]] = {
    "absent_over_time": lambda c, a: on_labels.absent_over_time_plan(c.matrix(a[0]), on_labels.absent_labels(a[0])),
    "clamp": lambda c, a: on_values.clamp_plan(c.vector(a[0]), c.scalar(a[1]), c.scalar(a[2])),
    "histogram_fraction": _fraction_of_histogram,
    "histogram_quantile": _quantile_of_histogram,
    "histogram_quantiles": lambda c, a: histogram.quantiles_plan(
        c.vector(a[0]), text(a[1]), [c.scalar(arg) for arg in a[2:]]
    ),
    "label_join": lambda c, a: on_labels.label_join_plan(
        c.vector(a[0]), text(a[1]), text(a[2]), [text(arg) for arg in a[3:]]
    ),
    "label_replace": lambda c, a: on_labels.label_replace_plan(
        c.vector(a[0]), text(a[1]), text(a[2]), text(a[3]), text(a[4])
    ),
    "sort": lambda c, a: on_labels.sort_plan(c.vector(a[0]), descending=False),
    "sort_desc": lambda c, a: on_labels.sort_plan(c.vector(a[0]), descending=True),
    "sort_by_label": lambda c, a: on_labels.sort_by_label_plan(
        c.vector(a[0]), [text(arg) for arg in a[1:]], descending=False
    ),
    "sort_by_label_desc": lambda c, a: on_labels.sort_by_label_plan(
        c.vector(a[0]), [text(arg) for arg in a[1:]], descending=True
    ),
    "timestamp": _timestamp,
}
"""Functions that take and give elements."""


def _pick(choose: Callable[[float, float], float]) -> Callable[[Compiler, Args], ScalarPlan]:
    def build(c: Compiler, args: Args) -> ScalarPlan:
        a, b = c.scalar(args[0]), c.scalar(args[1])

        def plan(ctx: Context, t: int) -> float:
            return choose(a(ctx, t), b(ctx, t))

        return plan

    return build


SCALARS: Final[dict[str, Callable[[Compiler, Args], ScalarPlan]]] = {
    "pi": lambda c, a: lambda ctx, t: math.pi,
    "scalar": lambda c, a: _as_scalar(c.column(a[0])),
    "time": lambda c, a: lambda ctx, t: t / 1000,
    "max_of": _pick(larger),
    "min_of": _pick(smaller),
}
