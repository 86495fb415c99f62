"""What Prometheus says beside a result: warnings and infos about a doubtful query or doubtful data.

``annotated`` puts a watcher around the arguments that can be doubtful, so that a query without annotations (every rule)
contains nothing of this. The texts are Prometheus 3's, because dashboards and tests look for them; those about native
histograms cannot arise here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from math import isnan, nan
from typing import Any, Final

from rules.promql import histogram
from rules.promql.ast import Aggregate, Call, Expr, Watched
from rules.promql.compile import compile_expr
from rules.promql.errors import ExprError
from rules.promql.parse import parse
from rules.promql.positions import CallSite, call_sites
from rules.promql.query import Query
from rules.promql.values import Context, Item, MatrixPlan, Row, ScalarPlan, VectorPlan, Window
from rules.template.printing import quote, show_float

MAX_EACH: Final = 10
"""At most so many warnings, and so many infos, are given; the rest are counted."""

_COUNTER_ENDINGS: Final = ("_total", "_sum", "_count", "_bucket")
_SORTS: Final = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc"})
_BUCKETS: Final = {"histogram_quantile": 1, "histogram_fraction": 2, "histogram_quantiles": 0}
"""The position of the argument that holds buckets."""
WATCHED: Final = frozenset({"rate", "increase", "quantile", "quantile_over_time", *_SORTS, *_BUCKETS})

_WARNING: Final = "PromQL warning: "
_INFO: Final = "PromQL info: "
_UNSORTED: Final = _WARNING + "sort is ineffective for range queries since results are always ordered by labels"
_QUANTILE: Final = _WARNING + "quantile value should be between 0 and 1, got "
_BUCKET: Final = _WARNING + 'bucket label "le" is missing or has a malformed value of '
_COUNTER: Final = _INFO + "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
_FORCED: Final = (
    _INFO + "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


@dataclass
class _Forced:
    """How far the buckets of one metric had to be mended, over all histograms and steps."""

    lowest: float
    highest: float
    most: float
    first: int
    last: int
    count: int = 1

    def text(self) -> str:
        most = _g(float(f"{self.most:.2g}"))
        return (
            f", from buckets {_g(self.lowest)} to {_g(self.highest)}, with a max diff of {most}, "
            f"over {self.count} samples from {_clock(self.first)} to {_clock(self.last)}"
        )


class Notes:
    """The annotations of one evaluation, each once, in the order they came up. ``clear`` before the next one."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], _Forced | None] = {}

    def clear(self) -> None:
        self._said.clear()

    def add(self, text: str, where: str) -> None:
        self._said.setdefault((text, where))

    def add_forced(self, text: str, where: str, found: _Forced) -> None:
        known = self._said.setdefault((text, where), found)
        if known is found or known is None:
            return
        known.lowest, known.highest = min(known.lowest, found.lowest), max(known.highest, found.highest)
        known.most = max(known.most, found.most)
        known.first, known.last = min(known.first, found.first), max(known.last, found.last)
        known.count += 1

    def warnings(self) -> list[str]:
        return self._cut(_WARNING, "warning")

    def infos(self) -> list[str]:
        return self._cut(_INFO, "info")

    def _cut(self, kind: str, word: str) -> list[str]:
        found = [
            f"{text}{forced.text() if forced else ''}{where}"
            for (text, where), forced in self._said.items()
            if text.startswith(kind)
        ]
        more = len(found) - MAX_EACH
        return [*found[:MAX_EACH], f"{more} more {word} annotations omitted"] if more > 0 else found


def annotated_query(text: str, *, experimental: bool = False) -> tuple[Query, Notes]:
    """``text`` as a query that fills the notes whenever it is evaluated; ``ExprError`` as from ``parse``."""
    notes = Notes()
    try:
        expr = annotated(parse(text, experimental=experimental), text, notes)
    except RecursionError:  # the caller stood deep in its own stack already
        raise ExprError("expression is nested too deeply", "split it with recording rules") from None
    return compile_expr(expr), notes


def annotated(expr: Expr, text: str, notes: Notes) -> Expr:
    """``expr``, parsed from ``text``, with watchers that write into ``notes``."""
    watched: Expr = _Watcher(call_sites(text, WATCHED), notes).walk(expr)
    return watched


class _Asked:
    """The quantile that the call being evaluated asks for: it evaluates that argument first. NaN when there is none."""

    def __init__(self) -> None:
        self.q = nan


class _Watcher:
    """Walks the tree in the order of its text, so that the n-th watched call is the n-th call site."""

    def __init__(self, sites: Sequence[CallSite], notes: Notes) -> None:
        self._sites = iter(sites)
        self._notes = notes

    def walk(self, node: Any) -> Any:
        if isinstance(node, tuple):
            return tuple([self.walk(child) for child in node])
        if isinstance(node, Call) and node.func in WATCHED:
            site = next(self._sites, None)
            return self._call(replace(node, args=self.walk(node.args)), site)
        if isinstance(node, Aggregate):
            site = next(self._sites, None) if node.op in WATCHED else None
            param, inner = self.walk(node.param), self.walk(node.expr)
            if node.op == "quantile":
                param = Watched(param, self._watch_quantile(_place(site, 0, inside=True), _Asked()))
            return replace(node, param=param, expr=inner)
        if not is_dataclass(node) or isinstance(node, type):
            return node
        return replace(node, **{each.name: self.walk(getattr(node, each.name)) for each in fields(node)})

    def _call(self, node: Call, site: CallSite | None) -> Call | Watched:
        args: list[Any] = list(node.args)
        if node.func in _SORTS:
            return Watched(node, self._watch_sort("" if site is None else f" ({site.name})"))
        if node.func in ("rate", "increase"):
            args[0] = Watched(args[0], self._watch_counters(_place(site, 0, inside=True)))
        asked = _Asked()
        if node.func == "quantile_over_time":
            args[0] = Watched(args[0], self._watch_quantile("", asked, silent=True))
            args[1] = Watched(args[1], self._watch_quantile_rows(_place(site, 0), asked))
        elif node.func == "histogram_quantile":
            args[0] = Watched(args[0], self._watch_quantile(_place(site, 0), asked))
        elif node.func == "histogram_quantiles":
            places = enumerate(args[2:], 2)
            args[2:] = [Watched(arg, self._watch_quantile(_place(site, at), asked)) for at, arg in places]
        if node.func in _BUCKETS:
            at = _BUCKETS[node.func]
            args[at] = Watched(args[at], self._watch_buckets(_place(site, at), asked))
        return replace(node, args=tuple(args))

    def _watch_sort(self, where: str) -> Callable[[VectorPlan], VectorPlan]:
        def watch(vector: VectorPlan) -> VectorPlan:
            def plan(ctx: Context, t: int) -> list[Item]:
                if ctx.start != ctx.end:
                    self._notes.add(_UNSORTED, where)
                return vector(ctx, t)

            return plan

        return watch

    def _watch_quantile(self, where: str, asked: _Asked, *, silent: bool = False) -> Callable[[ScalarPlan], ScalarPlan]:
        def watch(scalar: ScalarPlan) -> ScalarPlan:
            def plan(ctx: Context, t: int) -> float:
                asked.q = scalar(ctx, t)
                if not silent and not 0 <= asked.q <= 1:
                    self._notes.add(_QUANTILE + _g(asked.q), where)
                return asked.q

            return plan

        return watch

    def _watch_quantile_rows(self, where: str, asked: _Asked) -> Callable[[MatrixPlan], MatrixPlan]:
        """A quantile over time is spoken of when there is something to take it of."""

        def watch(matrix: MatrixPlan) -> MatrixPlan:
            def plan(ctx: Context, t: int) -> tuple[list[Row], Window]:
                rows, window = matrix(ctx, t)
                if rows and not 0 <= asked.q <= 1:
                    self._notes.add(_QUANTILE + _g(asked.q), where)
                return rows, window

            return plan

        return watch

    def _watch_counters(self, where: str) -> Callable[[MatrixPlan], MatrixPlan]:
        def watch(matrix: MatrixPlan) -> MatrixPlan:
            def plan(ctx: Context, t: int) -> tuple[list[Row], Window]:
                rows, window = matrix(ctx, t)
                for name, _, times, _ in rows:
                    if name and len(times) > 1 and not name.endswith(_COUNTER_ENDINGS):
                        self._notes.add(_COUNTER + quote(name), where)
                return rows, window

            return plan

        return watch

    def _watch_buckets(self, where: str, asked: _Asked) -> Callable[[VectorPlan], VectorPlan]:
        def watch(vector: VectorPlan) -> VectorPlan:
            def plan(ctx: Context, t: int) -> list[Item]:
                items = vector(ctx, t)
                for name, labels, _ in items:
                    bound = dict(labels).get("le", "")
                    if histogram.parse_bound(bound) is None:
                        self._notes.add(f"{_BUCKET}{quote(bound)}{_for_metric(name)}", where)
                if 0 <= asked.q <= 1:  # otherwise nobody looks at the counts; a fraction asks for no quantile
                    for (name, _), buckets in histogram.histograms(items).items():
                        self._say_forced(name if ctx.delayed else "", histogram.fallen(buckets), t, where)
                return items

            return plan

        return watch

    def _say_forced(self, name: str, fallen: Sequence[tuple[float, float]], t: int, where: str) -> None:
        if fallen:
            bounds = [bound for bound, _ in fallen]
            found = _Forced(min(bounds), max(bounds), max(by for _, by in fallen), t, t)
            self._notes.add_forced(_FORCED + _for_metric(name), where, found)


def _place(site: CallSite | None, argument: int, *, inside: bool = False) -> str:
    """Where an argument begins, as it ends an annotation; ``inside`` its parentheses, if it has any."""
    if site is None or argument >= len(site.arguments):
        return ""
    outer, inner = site.arguments[argument]
    return f" ({inner if inside else outer})"


def _for_metric(name: str) -> str:
    return f" for metric name {quote(name)}" if name else ""


def _g(value: float) -> str:
    return "NaN" if isnan(value) else show_float(value, "g", None)


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
