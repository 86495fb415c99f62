"""Plans for functions of range vectors: one series after the other, or many at once.

A function needs only to say how it computes one series' samples. Those that rules use most also say how to get the same
result for a whole run of series, mostly without reading all samples of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rules.family import Run
from rules.promql.ast import MatrixSelector
from rules.promql.columns import EMPTY, Column, ColumnPlan, Subset
from rules.promql.selectors import Selection, reference
from rules.promql.values import Context, Item, MatrixPlan, ScalarPlan, VectorPlan, Window, unnamed
from rules.timeline import Series

Times = Sequence[int]
Values = Sequence[float]
Params = Sequence[float]
RangeFunction = Callable[[Times, Values, Window, Params], float | None]
"""Times and values of one series inside the window; None for no result."""


class Stretch(NamedTuple):
    """The part of a steady run that a window covers: positions begin..end (at least one), and the times at them.

    ``single`` computes one series the long way, for those whose samples are not as a function wants them.
    """

    run: Run
    begin: int
    end: int
    times: Times
    window: Window
    params: Params
    single: Callable[[Series], float | None]


Bulk = Callable[[Stretch], list[float | None] | None]
"""The results for all series of a stretch; None when the function has no shorter way this time."""


class Entry(NamedTuple):
    """One function: how it computes, the position of its range argument, and whether results keep the metric name.

    ``bulk``, where there is one, makes what computes whole runs for one place in one expression.
    """

    compute: RangeFunction
    position: int = 0
    keeps_name: bool = False
    bulk: Callable[[], Bulk] | None = None


def over_range_plan(entry: Entry, matrix: MatrixPlan, params: Sequence[ScalarPlan]) -> VectorPlan:
    compute, keeps_name = entry.compute, entry.keeps_name

    def plan(ctx: Context, t: int) -> list[Item]:
        given = [param(ctx, t) for param in params]
        rows, window = matrix(ctx, t)
        out: list[Item] = []
        for name, labels, times, values in rows:
            value = compute(times, values, window, given)
            if value is not None:
                out.append((name, labels, value))
        return out if keeps_name else unnamed(out, ctx)

    return plan


def over_selector_plan(
    entry: Entry, selector: MatrixSelector, selection: Selection, params: Sequence[ScalarPlan]
) -> ColumnPlan:
    """The same for a selector, whose series need not be read one at a time."""
    compute, keeps_name = entry.compute, entry.keeps_name
    bulk = None if entry.bulk is None else entry.bulk()
    refer = reference(selector.selector.offset, selector.selector.at)
    subset = Subset()

    def plan(ctx: Context, t: int) -> Column:
        given = [param(ctx, t) for param in params]
        family = selection.look(ctx)
        if family is None:
            return EMPTY
        hi = refer(ctx, t)
        window = Window(hi - selector.range, hi, t)
        edge = window.lo - ctx.edge
        gaps = False

        def single(series: Series) -> float | None:
            nonlocal gaps
            samples = series.window(edge, hi)
            value = None
            if samples is not None:
                ctx.charge(len(samples[0]))
                value = compute(*samples, window, given)
            if value is None:
                gaps = True
            return value

        out: list[float | None] = []
        for run in family.runs():
            found = None
            if bulk is not None and (span := run.span(edge, hi)) is not None and span[0] < span[1]:
                ctx.charge((span[1] - span[0]) * len(run.series))
                found = bulk(Stretch(run, *span, run.timeline.slice, window, given, single))
            out += [single(series) for series in run.series] if found is None else found
        frame = selection.frame
        values: Sequence[float] = out  # type: ignore[assignment] # those that are None are taken out below
        if gaps:
            frame, values = subset(frame, values, [value is not None for value in out])
        return (frame if keeps_name else frame.unnamed(ctx)), values

    return plan
