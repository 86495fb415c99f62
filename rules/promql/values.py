"""Results, options and the context of one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from rules.model import Labels
from rules.promql.errors import EvalError
from rules.promql.match import SeriesMatcher
from rules.timeline import Series

Item = tuple[str, Labels, float]
"""One element of an instant vector while it is being computed: metric name ("" when dropped), labels, value."""

Row = tuple[str, Labels, Sequence[int], Sequence[float]]
"""One series of a range vector: metric name, labels, times in ms, values."""


class Element(NamedTuple):
    """One element of an instant vector. ``name`` is "" when an operation dropped it."""

    name: str
    labels: Labels
    value: float


class ScalarResult(NamedTuple):
    at: int
    value: float


class StringResult(NamedTuple):
    at: int
    value: str


class Vector(NamedTuple):
    at: int
    elements: Sequence[Element]


class Line(NamedTuple):
    """One series of a matrix: ``times`` in ms, ascending, and as many ``values``."""

    name: str
    labels: Labels
    times: Sequence[int]
    values: Sequence[float]


class Matrix(NamedTuple):
    lines: Sequence[Line]


Result = ScalarResult | StringResult | Vector | Matrix


class Source(Protocol):
    """Where selectors read: a ``SeriesWindow`` or something like it."""

    def select(self, matchers: SeriesMatcher) -> Sequence[Series]: ...
    def generation(self, name: str | None) -> int: ...


Results = dict[Any, tuple[int, Any]]
"""For each plan, the time it was last evaluated at and what came out."""


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """How to evaluate. Times in ms.

    ``left_closed`` counts a sample on the left edge of a window in (Prometheus 2); ``delayed_names`` drops metric
    names at the end of a query instead of at each operation (the reference's conformance cases want it). ``deadline``
    returns True when the time for this query is used up. ``results`` holds what plans have computed (see ``sharing``),
    for evaluations of the same data by the same options.
    """

    lookback: int = 300_000
    default_step: int = 60_000
    left_closed: bool = False
    delayed_names: bool = False
    max_samples: int = 500_000
    deadline: Callable[[], bool] | None = None
    results: Results | None = None


_CLOCK_EVERY, _CALL = 5_000, 50
"""The deadline is looked at after so many samples, where one call of ``charge`` counts for some itself."""


class Context:
    """One query being evaluated over ``source`` from ``start`` to ``end`` (the same for an instant query)."""

    __slots__ = ("_deadline", "_unclocked", "delayed", "edge", "end", "left", "options", "results", "source", "start")

    def __init__(self, source: Source, start: int, end: int, options: EvalOptions) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.options = options
        self.delayed = options.delayed_names
        self.results = options.results
        self.edge = 1 if options.left_closed else 0
        self._deadline = options.deadline
        self.left = options.max_samples
        self._unclocked = 0

    def charge(self, samples: int) -> None:
        """Account for samples read (or subquery steps begun) before work is done on them."""
        self.left -= samples
        if self.left < 0:
            raise EvalError("query processing would load too many samples into memory in query execution")
        self.tick(samples)

    def tick(self, elements: int) -> None:
        """Look at the clock after so much work on elements that were paid for when they were read."""
        if self._deadline is not None:
            # To read the clock costs as much as to read twenty samples.
            self._unclocked -= elements + _CALL
            if self._unclocked < 0:
                self._unclocked = _CLOCK_EVERY
                if self._deadline():
                    raise EvalError("query timed out in expression evaluation")

    def begin_step(self, held: int) -> None:
        """A new step of a range query, while ``held`` samples of result are kept."""
        self.left = self.options.max_samples - held
        self.charge(0)


VectorPlan = Callable[[Context, int], list[Item]]
ScalarPlan = Callable[[Context, int], float]


class Window(NamedTuple):
    """The edges of a range selector at one evaluation: lo < t <= hi, for an evaluation at ``at``."""

    lo: int
    hi: int
    at: int


MatrixPlan = Callable[[Context, int], tuple[list[Row], Window]]


class Dropped(str):
    """A metric name that is to be dropped at the end of the query; until then it is still seen (``delayed_names``)."""

    __slots__ = ()


METADATA: Final = frozenset({"__type__", "__unit__"})
"""Labels that say what a metric is; like the name they go when a value becomes something else."""


def without_metadata(labels: Labels) -> Labels:
    """``labels`` as they are when the name goes."""
    for pair in labels:
        if pair[0] in METADATA:
            return tuple([pair for pair in labels if pair[0] not in METADATA])
    return labels


def drop_name(name: str, ctx: Context) -> str:
    return Dropped(name) if ctx.delayed and name else ""


def unnamed(items: list[Item], ctx: Context) -> list[Item]:
    """``items`` after an operation whose result has no metric name. They still carry the names they had before."""
    if ctx.delayed:
        return [(Dropped(name), labels, value) for name, labels, value in items]
    out = [("", without_metadata(labels), value) for _, labels, value in items]
    if len({item[0] for item in items}) > 1 or any(
        before[1] is not after[1] for before, after in zip(items, out, strict=True)
    ):
        check_unique(out)
    return out


def check_unique(items: Iterable[Item]) -> None:
    """Raise ``EvalError`` when two elements have the same name and labels."""
    seen = set()
    for name, labels, _ in items:
        key = (name, labels)
        if key in seen:
            raise EvalError("vector cannot contain metrics with the same labelset")
        seen.add(key)


def set_label(labels: Labels, name: str, value: str) -> Labels:
    """``labels`` with ``name`` set to ``value``, or without it when ``value`` is empty."""
    rest = [pair for pair in labels if pair[0] != name]
    if value:
        rest.append((name, value))
        rest.sort()
    return tuple(rest)
