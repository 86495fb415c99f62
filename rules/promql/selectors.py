"""Plans for selectors and subqueries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rules.family import Family
from rules.promql.ast import At, AtKind, Matcher, MatrixSelector, Subquery, VectorSelector
from rules.promql.columns import EMPTY, Column, ColumnPlan, Frame, Subset
from rules.promql.match import SeriesMatcher, TimedMatcher
from rules.promql.values import Context, Item, MatrixPlan, Row, Source, VectorPlan, Window

Reference = Callable[[Context, int], int]


class Selection:
    """The series of one selector; asked anew only when the set of series of its metric name has changed."""

    __slots__ = ("__weakref__", "_generation", "_matcher", "_source", "family", "frame")

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._matcher = SeriesMatcher(matchers)
        self._source: Source | None = None
        self._generation = -1
        self.family: Family | None = None
        self.frame = EMPTY[0]

    def look(self, ctx: Context) -> Family | None:
        """The family as it is now, with ``frame`` as its names and labels; None when there are no series."""
        source = ctx.source
        generation = source.generation(self._matcher.name)
        if source is not self._source or generation != self._generation:
            series = source.select(TimedMatcher(self._matcher, ctx.tick) if self._matcher.slow else self._matcher)
            self.family = Family(series) if series else None
            self.frame = Frame([one.name for one in series], [one.labels for one in series])
            self._source, self._generation = source, generation
        return self.family


def reference(offset: int, at: At | None) -> Reference:
    """The time a selector looks from, given the evaluation time."""
    if at is None:
        return (lambda ctx, t: t - offset) if offset else (lambda ctx, t: t)
    match at.kind:
        case AtKind.START:
            return lambda ctx, t: ctx.start - offset
        case AtKind.END:
            return lambda ctx, t: ctx.end - offset
        case AtKind.TIME:
            fixed = at.time - offset
            return lambda ctx, t: fixed


def instant_plan(selector: VectorSelector, selection: Selection) -> ColumnPlan:
    refer = reference(selector.offset, selector.at)
    subset = Subset()

    def plan(ctx: Context, t: int) -> Column:
        family = selection.look(ctx)
        if family is None:
            return EMPTY
        ctx.charge(len(family.series))
        hi = refer(ctx, t)
        values, present = family.latest(hi - ctx.options.lookback - ctx.edge, hi)
        return (selection.frame, values) if present is None else subset(selection.frame, values, present)

    return plan


def timestamp_plan(selector: VectorSelector, selection: Selection) -> VectorPlan:
    """The samples' own times in seconds, for ``timestamp(selector)``."""
    refer = reference(selector.offset, selector.at)

    def plan(ctx: Context, t: int) -> list[Item]:
        hi = refer(ctx, t)
        lo = hi - ctx.options.lookback - ctx.edge
        family = selection.look(ctx)
        series = () if family is None else family.series
        ctx.charge(len(series))
        return [(s.name, s.labels, found[0] / 1000) for s in series if (found := s.latest(lo, hi)) is not None]

    return plan


def range_plan(selector: MatrixSelector, selection: Selection) -> MatrixPlan:
    """The samples themselves. Functions of them read through ``over_range.over_selector_plan`` instead."""
    refer = reference(selector.selector.offset, selector.selector.at)
    span = selector.range

    def plan(ctx: Context, t: int) -> tuple[list[Row], Window]:
        hi = refer(ctx, t)
        lo = hi - span
        edge = lo - ctx.edge
        rows: list[Row] = []
        family = selection.look(ctx)
        for series in () if family is None else family.series:
            samples = series.window(edge, hi)
            if samples is not None:
                times, values = samples
                ctx.charge(len(times))
                rows.append((series.name, series.labels, times, values))
        return rows, Window(lo, hi, t)

    return plan


def subquery_plan(subquery: Subquery, inner: VectorPlan) -> MatrixPlan:
    """Evaluates ``inner`` at the absolute multiples of the step inside the window."""
    refer = reference(subquery.offset, subquery.at)
    span = subquery.range

    def plan(ctx: Context, t: int) -> tuple[list[Row], Window]:
        step = subquery.step or ctx.options.default_step
        hi = refer(ctx, t)
        lo = hi - span
        first = _first_step(lo, step, closed=bool(ctx.edge))
        ctx.charge(max(0, (hi - first) // step + 1))
        lines: dict[tuple[str, object], Row] = {}
        for at in range(first, hi + 1, step):
            items = inner(ctx, at)
            ctx.charge(len(items))
            for name, labels, value in items:
                line = lines.get((name, labels))
                if line is None:
                    line = lines[name, labels] = (name, labels, [], [])
                line[2].append(at)  # type: ignore[attr-defined] # the lists made one line above
                line[3].append(value)  # type: ignore[attr-defined] # the lists made one line above
        return list(lines.values()), Window(lo, hi, t)

    return plan


def _first_step(lo: int, step: int, *, closed: bool) -> int:
    """The first multiple of ``step`` after ``lo`` (or at it, when ``closed``)."""
    first = -(-lo // step) * step
    return first if first > lo or closed else first + step
