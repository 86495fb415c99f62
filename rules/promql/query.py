"""A compiled expression, evaluated at one time or over a range of times."""

from __future__ import annotations

from collections.abc import Sequence

from rules.promql.ast import Expr, String, ValueType
from rules.promql.columns import Column, ColumnPlan, items_of, scalar_as_column
from rules.promql.errors import EvalError
from rules.promql.values import (
    Context,
    Dropped,
    Element,
    EvalOptions,
    Item,
    Line,
    Matrix,
    MatrixPlan,
    Result,
    ScalarPlan,
    ScalarResult,
    Source,
    StringResult,
    Vector,
    check_unique,
    without_metadata,
)

DEFAULTS = EvalOptions()


class Query:
    """Made by ``compile_expr``. Not for use by two threads at once: it remembers what its selectors matched."""

    __slots__ = ("_matrix", "_scalar", "_vector", "expr", "type")

    def __init__(
        self,
        expr: Expr,
        value_type: ValueType,
        *,
        scalar: ScalarPlan | None = None,
        vector: ColumnPlan | None = None,
        matrix: MatrixPlan | None = None,
    ) -> None:
        self.expr = expr
        self.type = value_type
        self._scalar = scalar
        self._vector = vector
        self._matrix = matrix

    def instant(self, source: Source, at: int, options: EvalOptions = DEFAULTS) -> Result:
        """The value at ``at`` (ms). ``EvalError`` when there is none; never take an error for an empty result."""
        ctx = Context(source, at, at, options)
        if self._vector is not None:
            column = self._vector(ctx, at)
            # Most rules find nothing, and there are hundreds of them.
            return Vector(at, list(map(Element._make, finish(column, ctx))) if column[1] else [])
        if self._scalar is not None:
            return ScalarResult(at, self._scalar(ctx, at))
        if self._matrix is not None:
            rows, _ = self._matrix(ctx, at)
            lines = [
                Line("", without_metadata(labels), t, v) if isinstance(name, Dropped) else Line(name, labels, t, v)
                for name, labels, t, v in rows
            ]
            return Matrix(_sorted(lines))
        assert isinstance(self.expr, String)  # noqa: S101 - the only type left
        return StringResult(at, self.expr.value)

    def range(self, source: Source, start: int, end: int, step: int, options: EvalOptions = DEFAULTS) -> Matrix:
        """The values at start, start+step, ... up to ``end`` (ms), as lines sorted by labels."""
        if step <= 0:
            raise EvalError("zero or negative query resolution step widths are not accepted. Try a positive integer")
        vector = self._vector
        if vector is None:
            scalar = self._scalar
            if scalar is None:
                raise EvalError(
                    f"invalid expression type {self.type.value!r} for range query, must be Scalar or instant Vector"
                )
            vector = scalar_as_column(scalar)
        ctx = Context(source, start, end, options)
        lines: dict[tuple[str, object], tuple[str, object, list[int], list[float]]] = {}
        held = 0
        for at in range(start, end + 1, step):
            ctx.begin_step(held)
            for name, labels, value in finish(vector(ctx, at), ctx):
                line = lines.get((name, labels))
                if line is None:
                    line = lines[name, labels] = (name, labels, [], [])
                line[2].append(at)
                line[3].append(value)
                held += 1
        return Matrix(_sorted([Line(*line) for line in lines.values()]))  # type: ignore[arg-type] # labels, kept as a key


def finish(column: Column, ctx: Context) -> list[Item]:
    """The elements, with the name dropping done that was put off."""
    items = items_of(column)
    if not ctx.delayed:
        return items
    items = [
        ("", without_metadata(labels), value) if isinstance(name, Dropped) else (name, labels, value)
        for name, labels, value in items
    ]
    check_unique(items)
    return items


def _sorted(lines: Sequence[Line]) -> Sequence[Line]:
    return sorted(lines, key=lambda line: (line.name, line.labels))
