"""Does fresh data prove that an alert's condition is over? A vanished series proves nothing.

An alert's element is gone from its rule's result. That alone may mean "false" or "no data". Here the expression is
taken apart: each sub-expression is evaluated as it stands, and its absence for the alert's labels is explained from its
parts, in Kleene's three-valued logic. A comparison whose sides are present, but which dropped the element, is FALSE; a
selector without a sample is UNKNOWN, or what the rule that records its series says; ``and`` is FALSE when a side is,
``or`` when both are, ``unless`` also when its right side is present. Labels are followed inwards through matching,
grouping and functions as a ``Target``.

Five rules keep missing data from looking like recovery. A range function or subquery counts as present only while what
it looks over still has a current sample, since old samples leave its window one by one. ``scalar()`` of nothing is NaN,
so nothing is FALSE while one is. What ``or`` takes from its right side proves nothing when the left has lost its data
(except a constant), and an ``or`` side without data is left out only when it had none while the alert was true
(``branches``). What ``unless`` takes away because of an ``absent()`` proves nothing. And a verdict FALSE must rest on
whole data (``rules.gaps``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from rules.gaps import Gaps
from rules.model import Labels
from rules.promql.ast import (
    Aggregate,
    AtKind,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Subquery,
    VectorSelector,
)
from rules.promql.errors import EvalError
from rules.promql.match import SeriesMatcher
from rules.promql.values import (
    Element,
    EvalOptions,
    Line,
    Matrix,
    ScalarResult,
    Source,
    Vector,
)
from rules.promql.walk import ABSENT, COMPARISONS, SELECTING, metric_name
from rules.target import Target, children, fixes_key, is_or, is_scalar, key

if TYPE_CHECKING:
    from rules.evidence import Evidence

_RELABELLING = frozenset({"label_replace", "label_join"})


class Truth(Enum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """``value`` is the fresh value that decided, where there is one. ``partial`` says of an UNKNOWN that there is fresh
    data, which would make it FALSE, but not all of it.
    """

    truth: Truth
    value: float | None = None
    partial: bool = False


_UNKNOWN = Verdict(Truth.UNKNOWN)


class Look:
    def __init__(self, evidence: Evidence, source: Source, at: int, options: EvalOptions) -> None:
        self.expr = evidence.expr
        self.at = at
        self.options = options
        self._evidence = evidence
        self._source = source
        self._others: dict[tuple[int, int], Look] = {}
        self._lines: dict[tuple[int, bool, frozenset[str]], dict[Labels, list[Line]]] = {}
        self._losses: dict[tuple[int, bool, frozenset[str]], set[Labels]] = {}
        self._results: dict[int, Sequence[Element]] = {}
        self._found: dict[tuple[int, bool, frozenset[str]], dict[Labels, list[Element]]] = {}
        self._branches: frozenset[int] | None = None

    def verdict(
        self,
        labels: Labels,
        branches: frozenset[int] | None = None,
        *,
        since: int | None = None,
        true_at: int | None = None,
    ) -> Verdict:
        """Whether the condition holds for the element with these labels; an evaluation error is UNKNOWN.

        ``branches`` are the sides of ``or`` that had data while the alert was true (see there); None is all of them.
        The condition began to hold at ``since`` and last held at ``true_at``.
        """
        self._branches = branches
        target = Target.exactly(labels)
        try:
            verdict = self.judge(self.expr, target)
            if verdict.truth is not Truth.FALSE:
                return verdict
            if not all(self._scalar_known(node) for node in self._evidence.scalars()):
                return _UNKNOWN
            if not self._rests_on_whole_data(target, since, true_at):
                return Verdict(Truth.UNKNOWN, verdict.value, partial=True)
        except EvalError:
            return _UNKNOWN
        return verdict

    def _scalar_known(self, node: Call) -> bool:
        return not self._is_nan(node) and self.judge(node.args[0], Target.anything()).truth is not Truth.UNKNOWN

    def _rests_on_whole_data(self, target: Target, since: int | None, true_at: int | None) -> bool:
        recent = true_at is not None and self.at - true_at < self.options.lookback
        gaps = Gaps(self, self.other(self._evidence, true_at) if recent and true_at is not None else None, since)
        scalars = (node.args[0] for node in self._evidence.scalars())
        return gaps.none(self.expr, target) and all(gaps.none(inner, Target.anything()) for inner in scalars)

    def is_false(self, expr: Expr, target: Target) -> bool:
        return self.judge(expr, target).truth is Truth.FALSE

    def other(self, evidence: Evidence, at: int) -> Look:
        """A look at another time or, with the same data, for another expression; kept, as a storm asks for it again."""
        found = self._others.get((id(evidence), at))
        if found is None:
            found = self._others[id(evidence), at] = evidence.at(self._source, at, self.options)
        return found

    def recorded(
        self, selector: VectorSelector, target: Target, before: Look | None
    ) -> Iterator[tuple[Look, Look | None, Target]]:
        """For each rule that may have recorded these series: the looks at its expression, and what to look for."""
        for recorded in self._evidence.recorded(metric_name(selector)):
            inner = recorded.target(target)
            if inner is not None:
                was = None if before is None else before.other(recorded.evidence, before.at)
                yield self.other(recorded.evidence, self.at), was, inner

    def lines(self, window: MatrixSelector | Subquery, target: Target) -> Sequence[Line]:
        """The samples of a window, of the series that match the target."""
        key = id(window), target.without, target.names
        found = self._lines.get(key)
        if found is None:
            found = self._lines[key] = {}
            result = self._evidence.query(window).instant(self._source, self.at, self.options)
            for line in result.lines if isinstance(result, Matrix) else ():
                found.setdefault(target.part_of(line.labels), []).append(line)
        return found.get(target.key, ())

    def members(self, selector: VectorSelector, target: Target, span: int) -> set[tuple[str, Labels]]:
        """The series of the target now, or in the last ``span`` ms, by name and labels."""
        if span:
            window = self._evidence.window(selector, span)
            return {(line.name, line.labels) for line in self.lines(window, target)}
        return {(element.name, element.labels) for element in self.elements(selector, target)}

    def lost(self, selector: VectorSelector, target: Target) -> bool:
        """Whether a series of the target was lost with its source."""
        key = id(selector), target.without, target.names
        found = self._losses.get(key)
        if found is None:
            series = self._source.select(SeriesMatcher(selector.matchers))
            found = self._losses[key] = {target.part_of(each.labels) for each in series if each.lost}
        return target.key in found

    def carried(self, window: Subquery) -> Subquery:
        return self._evidence.carried(window)

    def branches(self, labels: Labels) -> frozenset[int]:
        """The sides of ``or`` that tell anything about this alert now; both of one where neither does."""
        self._branches = None
        found: set[int] = set()
        waiting = [(self._evidence.expr, Target.exactly(labels))]
        while waiting:
            expr, target = waiting.pop()
            sides = list(children(expr, target))
            waiting.extend(sides)
            if is_or(expr):
                first = self._evidence.branch(expr)
                telling = [first + side for side, child in enumerate(sides) if self._tells(*child)]
                found.update(telling or (first, first + 1))
        return frozenset(found)

    def _tells(self, expr: Expr, target: Target) -> bool:
        try:
            return bool(self.elements(expr, target)) or self.judge(expr, target).truth is not Truth.UNKNOWN
        except EvalError:
            return True

    def _all(self, expr: Expr) -> Sequence[Element]:
        found = self._results.get(id(expr))
        if found is None:
            result = self._evidence.query(expr).instant(self._source, self.at, self.options)
            if isinstance(result, ScalarResult):
                found = (Element("", (), result.value),)
            else:
                found = result.elements if isinstance(result, Vector) else ()
            self._results[id(expr)] = found
        return found

    def elements(self, expr: Expr, target: Target) -> Sequence[Element]:
        """Looked up, not searched: a storm asks for thousands of elements of one expression."""
        key = id(expr), target.without, target.names
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = {}
            for element in self._all(expr):
                found.setdefault(target.part_of(element.labels), []).append(element)
        return found.get(target.key, ())

    def _is_nan(self, scalar: Expr) -> bool:
        value = self._all(scalar)[0].value
        return value != value  # noqa: PLR0124 - only NaN differs from itself

    def judge(self, expr: Expr, target: Target) -> Verdict:
        if is_scalar(expr):
            return Verdict(Truth.TRUE)
        if isinstance(expr, Subquery):
            return self._at_its_end(expr).judge(expr.expr, target)
        elements = self.elements(expr, target)
        if not elements:
            return self._absence(expr, target)
        if not self._settled(expr, target):
            return Verdict(Truth.UNKNOWN, elements[0].value)
        return Verdict(Truth.TRUE, elements[0].value)

    def _absence(self, expr: Expr, target: Target) -> Verdict:
        """Why there is no such element: FALSE when fresh data leaves it out, UNKNOWN when data is missing."""
        if isinstance(expr, Binary) and expr.matching is not None and expr.matching.include:
            # It goes by other labels now: a join that names the host, say, after the host was renamed.
            moved = self.elements(expr, target.ignoring(frozenset(expr.matching.include)))
            if moved:
                return Verdict(Truth.FALSE, moved[0].value)
        match expr:
            case Binary(op="and"):
                return self._no_and(expr, target)
            case Binary(op="unless"):
                return self._no_unless(expr, target)
            case Binary(op="or"):
                return self._no_or(expr, target)
            case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
                return self._no_comparison(expr, target)
            case Aggregate() if expr.op in SELECTING:
                inner = self.judge(expr.expr, target)
                return inner if inner.truth is Truth.UNKNOWN else Verdict(Truth.FALSE, inner.value)
            case Call() if expr.func in ABSENT:
                return Verdict(Truth.FALSE)
            case Call() if expr.func in _RELABELLING:
                return self._no_relabelled(expr, target)
            case VectorSelector():
                return self._no_recorded(expr, target)
        verdicts = [self.judge(child, inner) for child, inner in children(expr, target)]
        return next((verdict for verdict in verdicts if verdict.truth is Truth.FALSE), _UNKNOWN)

    def _at_its_end(self, window: Subquery) -> Look:
        """A look at the time where a subquery's window ends."""
        fixed = window.at is not None and window.at.kind is AtKind.TIME
        at = (window.at.time if window.at is not None and fixed else self.at) - window.offset
        return self if at == self.at else self.other(self._evidence, at)

    def _no_recorded(self, selector: VectorSelector, target: Target) -> Verdict:
        """A series that a rule records is absent on evidence when the rule's expression is false on evidence."""
        if selector.offset or selector.at is not None:
            return _UNKNOWN
        verdicts = [look.judge(look.expr, inner) for look, _, inner in self.recorded(selector, target, None)]
        if verdicts and all(verdict.truth is Truth.FALSE for verdict in verdicts):
            return verdicts[0]
        return _UNKNOWN

    def _no_comparison(self, expr: Binary, target: Target) -> Verdict:
        verdicts = [self.judge(child, inner) for child, inner in children(expr, target)]
        for verdict in verdicts:
            if verdict.truth is Truth.FALSE:
                return verdict
        if any(verdict.truth is Truth.UNKNOWN for verdict in verdicts):
            return _UNKNOWN
        if expr.matching is not None and not self.elements(self._evidence.as_bool(expr), target):
            return _UNKNOWN  # both sides have data, but none of it was compared
        return Verdict(Truth.FALSE, next((verdict.value for verdict in verdicts if verdict.value is not None), None))

    def _no_and(self, expr: Binary, target: Target) -> Verdict:
        left = self.judge(expr.lhs, target)
        if left.truth is Truth.FALSE:
            return left
        if left.truth is Truth.TRUE:
            keys = [key(expr, element.labels) for element in self.elements(expr.lhs, target)]
        else:
            keys = [key(expr, target.key)] if fixes_key(expr, target) else []
        rights = [self.judge(expr.rhs, key) for key in keys]
        if rights and all(right.truth is Truth.FALSE for right in rights):
            return rights[0]
        return _UNKNOWN

    def _no_unless(self, expr: Binary, target: Target) -> Verdict:
        left = self.judge(expr.lhs, target)
        if left.truth is Truth.FALSE:
            return left
        if left.truth is Truth.TRUE:
            keys = [key(expr, element.labels) for element in self.elements(expr.lhs, target)]
            taken = all(self._takes_away(expr.rhs, key) for key in keys)
            return Verdict(Truth.FALSE, left.value) if taken else _UNKNOWN
        if fixes_key(expr, target):
            inner = key(expr, target.key)
            if self._takes_away(expr.rhs, inner):
                return Verdict(Truth.FALSE, self.judge(expr.rhs, inner).value)
        return _UNKNOWN

    def _takes_away(self, expr: Expr, target: Target) -> bool:
        """Whether the right side of ``unless`` is there, and fresh data says so."""
        return self.judge(expr, target).truth is Truth.TRUE and self._shown(expr, target)

    def _shown(self, expr: Expr, target: Target) -> bool:
        """Whether elements that are present are more than an ``absent()`` of data that is missing."""
        sides = children(expr, target)
        match expr:
            case Call() if expr.func in ABSENT:
                return self.is_false(expr.args[0], Target.anything())
            case Binary(op="or"):
                return any(self.elements(*side) and self._shown(*side) for side in sides)
            case Binary(op="unless"):
                return self._shown(*next(sides))
        return all(self._shown(*side) for side in sides)

    def _no_or(self, expr: Binary, target: Target) -> Verdict:
        first = self._evidence.branch(expr)
        verdicts = []
        for side, child in enumerate((expr.lhs, expr.rhs)):
            verdict = self.judge(child, target)
            idle = self._branches is not None and first + side not in self._branches
            if verdict.truth is not Truth.FALSE and not (verdict.truth is Truth.UNKNOWN and idle):
                return _UNKNOWN
            verdicts.append(verdict)
        return next((verdict for verdict in verdicts if verdict.truth is Truth.FALSE), _UNKNOWN)

    def _no_relabelled(self, expr: Call, target: Target) -> Verdict:
        """``label_replace`` and ``label_join``: find the elements that would have been given these labels."""
        vector, wanted = next(children(expr, target))
        sources = [
            element.labels
            for element in self.elements(self._evidence.carrier(vector), wanted)
            if target.matches(self._evidence.relabelled(expr, element.labels))
        ]
        verdicts = [self.judge(vector, Target.exactly(labels)) for labels in sources]
        if verdicts and all(verdict.truth is Truth.FALSE for verdict in verdicts):
            return verdicts[0]
        return _UNKNOWN

    def _settled(self, expr: Expr, target: Target) -> bool:
        """Whether present elements speak for current data.

        Every series that a range function reads must have a current sample, and no ``or`` may have fallen back on its
        right side because the left has lost its data.
        """
        if not self._evidence.needs_care(expr):
            return True
        match expr:
            case MatrixSelector():
                return bool(self.elements(expr.selector, target))
            case Subquery():
                return self.judge(expr, target).truth is not Truth.UNKNOWN
            case Binary(op="or"):
                return self._settled_or(expr, target)
            case Binary(op="unless"):
                return self._settled(expr.lhs, target)
            case Call() if expr.func in ABSENT:
                return True
        return all(self._settled(child, inner) for child, inner in children(expr, target))

    def _settled_or(self, expr: Binary, target: Target) -> bool:
        if self.elements(expr.lhs, target):
            return self._settled(expr.lhs, target)
        default = isinstance(expr.rhs, Call) and expr.rhs.func == "vector"  # the author says what absence means
        idle = self._branches is not None and self._evidence.branch(expr) not in self._branches
        if not default and not idle and self.judge(expr.lhs, target).truth is Truth.UNKNOWN:
            return False
        return self._settled(expr.rhs, target)
