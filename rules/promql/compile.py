"""From an expression to a query that can be evaluated again and again.

Each node becomes a closure ``(context, time) -> value`` over those of its children, so an evaluation does no dispatch
and remembers its matcher results. Functions live in tables: adding one adds an entry.
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
from rules.promql.selectors import instant_plan, range_plan, subquery_plan, timestamp_plan
from rules.promql.values import Context, Item, MatrixPlan, ScalarPlan, VectorPlan, unnamed

Args = tuple[Expr, ...]


def compile_expr(expr: Expr) -> Query:
    """A query for ``expr``; ``ExprError`` when one of its constants (a regex, a label name) cannot be used."""
    try:
        return _query(expr)
    except RecursionError:  # the caller stood deep in its own stack already
        raise ExprError("expression is nested too deeply", "split it with recording rules") from None


def _query(expr: Expr) -> Query:
    match value_type(expr):
        case ValueType.SCALAR:
            return Query(expr, ValueType.SCALAR, scalar=scalar_plan(expr))
        case ValueType.VECTOR:
            return Query(expr, ValueType.VECTOR, vector=column_plan(expr))
        case ValueType.MATRIX:
            return Query(expr, ValueType.MATRIX, matrix=matrix_plan(expr))
        case ValueType.STRING:
            return Query(expr, ValueType.STRING)


def column_plan(expr: Expr | Watched) -> ColumnPlan:
    match expr:
        case VectorSelector():
            return instant_plan(expr)
        case Binary():
            return _binary(expr)
        case Call(func, args):
            return _call(func, args)
        case Aggregate(expr=inner, param=param):
            return aggregate_plan(expr, column_plan(inner), _aggregate_param(param))
        case Negate(operand):
            return negate_vector(column_plan(operand))
        case Watched(inner, watch):
            return as_columns(watch(vector_plan(inner)))
    raise ExprError("expected type instant vector", "see the types in the PromQL reference")


def vector_plan(expr: Expr | Watched) -> VectorPlan:
    """The same for what works element by element."""
    return as_items(column_plan(expr))


def scalar_plan(expr: Expr | Watched) -> ScalarPlan:
    match expr:
        case Number(value):
            return lambda ctx, t: value
        case Binary(op, lhs, rhs):
            return scalars_plan(op, scalar_plan(lhs), scalar_plan(rhs))
        case Negate(operand):
            return negate_scalar(scalar_plan(operand))
        case Call(func, args):
            return SCALARS[func](args)
        case Watched(inner, watch):
            scalar: ScalarPlan = watch(scalar_plan(inner))
            return scalar
    raise ExprError("expected type scalar", "see the types in the PromQL reference")


def matrix_plan(expr: Expr | Watched) -> MatrixPlan:
    match expr:
        case MatrixSelector():
            return range_plan(expr)
        case Subquery(expr=inner):
            return subquery_plan(expr, vector_plan(inner))
        case Watched(inner, watch):
            matrix: MatrixPlan = watch(matrix_plan(inner))
            return matrix
    raise ExprError("expected type range vector", "add a range such as [5m]")


def text(expr: Expr) -> str:
    if isinstance(expr, String):
        return expr.value
    raise ExprError("expected type string", 'write a quoted string such as "instance"')


def _binary(expr: Binary) -> ColumnPlan:
    op, as_bool = expr.op, expr.bool_modifier
    if expr.matching is not None:
        return vectors_plan(op, column_plan(expr.lhs), column_plan(expr.rhs), expr.matching, as_bool=as_bool)
    if value_type(expr.lhs) is ValueType.SCALAR:
        return vector_scalar_plan(op, column_plan(expr.rhs), scalar_plan(expr.lhs), swapped=True, as_bool=as_bool)
    return vector_scalar_plan(op, column_plan(expr.lhs), scalar_plan(expr.rhs), swapped=False, as_bool=as_bool)


def _aggregate_param(param: Expr | None) -> ScalarPlan | str | None:
    if param is None:
        return None
    return param.value if isinstance(param, String) else scalar_plan(param)


def _call(func: str, args: Args) -> ColumnPlan:
    if func in RANGE_FUNCTIONS:
        entry = RANGE_FUNCTIONS[func]
        params = [scalar_plan(arg) for index, arg in enumerate(args) if index != entry.position]
        ranged = args[entry.position]
        if isinstance(ranged, MatrixSelector):
            return over_selector_plan(entry, ranged, params)
        return as_columns(over_range_plan(entry, matrix_plan(ranged), params))
    if func in on_values.MATH:
        return on_values.map_plan(on_values.MATH[func], column_plan(args[0]), [scalar_plan(arg) for arg in args[1:]])
    if func in on_values.DATES:
        function = on_values.DATES[func]
        return on_values.map_plan(function, column_plan(args[0]), ()) if args else on_values.now_plan(function)
    if func in COLUMNS:
        return COLUMNS[func](args)
    if func in VECTORS:
        return as_columns(VECTORS[func](args))
    raise ExprError(f"function {func} is not supported", "see the functions of Prometheus 3")


def _as_scalar(vector: ColumnPlan) -> ScalarPlan:
    """The value of the only element; NaN when there is not exactly one."""

    def plan(ctx: Context, t: int) -> float:
        _, values = vector(ctx, t)
        return values[0] if len(values) == 1 else math.nan

    return plan


def _timestamp(args: Args) -> VectorPlan:
    if isinstance(args[0], VectorSelector):
        own = timestamp_plan(args[0])
        return lambda ctx, t: unnamed(own(ctx, t), ctx)
    inner = vector_plan(args[0])

    def plan(ctx: Context, t: int) -> list[Item]:
        return unnamed([(name, labels, t / 1000) for name, labels, _ in inner(ctx, t)], ctx)

    return plan


def _quantile_of_histogram(args: Args) -> VectorPlan:
    return histogram.estimate_plan(
        lambda params, buckets: histogram.bucket_quantile(params[0], buckets),
        [scalar_plan(args[0])],
        vector_plan(args[1]),
    )


def _fraction_of_histogram(args: Args) -> VectorPlan:
    return histogram.estimate_plan(
        lambda params, buckets: histogram.bucket_fraction(params[0], params[1], buckets),
        [scalar_plan(args[0]), scalar_plan(args[1])],
        vector_plan(args[2]),
    )


COLUMNS: Final[dict[str, Callable[[Args], ColumnPlan]]] = {
    "absent": lambda a: on_labels.absent_plan(column_plan(a[0]), on_labels.absent_labels(a[0])),
    "vector": lambda a: scalar_as_column(scalar_plan(a[0])),
}
"""Functions of whole vectors."""

VECTORS: Final[dict[str, Callable[[Args], VectorPlan]]] = {
    "absent_over_time": lambda a: on_labels.absent_over_time_plan(matrix_plan(a[0]), on_labels.absent_labels(a[0])),
    "clamp": lambda a: on_values.clamp_plan(vector_plan(a[0]), scalar_plan(a[1]), scalar_plan(a[2])),
    "histogram_fraction": _fraction_of_histogram,
    "histogram_quantile": _quantile_of_histogram,
    "histogram_quantiles": lambda a: histogram.quantiles_plan(
        vector_plan(a[0]), text(a[1]), [scalar_plan(arg) for arg in a[2:]]
    ),
    "label_join": lambda a: on_labels.label_join_plan(
        vector_plan(a[0]), text(a[1]), text(a[2]), [text(arg) for arg in a[3:]]
    ),
    "label_replace": lambda a: on_labels.label_replace_plan(
        vector_plan(a[0]), text(a[1]), text(a[2]), text(a[3]), text(a[4])
    ),
    "sort": lambda a: on_labels.sort_plan(vector_plan(a[0]), descending=False),
    "sort_desc": lambda a: on_labels.sort_plan(vector_plan(a[0]), descending=True),
    "sort_by_label": lambda a: on_labels.sort_by_label_plan(
        vector_plan(a[0]), [text(arg) for arg in a[1:]], descending=False
    ),
    "sort_by_label_desc": lambda a: on_labels.sort_by_label_plan(
        vector_plan(a[0]), [text(arg) for arg in a[1:]], descending=True
    ),
    "timestamp": _timestamp,
}
"""Functions that take and give elements."""


def _pick(choose: Callable[[float, float], float]) -> Callable[[Args], ScalarPlan]:
    def build(args: Args) -> ScalarPlan:
        a, b = scalar_plan(args[0]), scalar_plan(args[1])

        def plan(ctx: Context, t: int) -> float:
            return choose(a(ctx, t), b(ctx, t))

        return plan

    return build


SCALARS: Final[dict[str, Callable[[Args], ScalarPlan]]] = {
    "pi": lambda a: lambda ctx, t: math.pi,
    "scalar": lambda a: _as_scalar(column_plan(a[0])),
    "time": lambda a: lambda ctx, t: t / 1000,
    "max_of": _pick(larger),
    "min_of": _pick(smaller),
}
