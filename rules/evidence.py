"""Does fresh data prove that an alert's condition is over? A vanished series proves nothing.

An alert's element is gone from its rule's result. That alone may mean "false" or "no data". Here the expression is
taken apart: each sub-expression is evaluated as it stands, and its absence for the alert's labels is explained from its
parts, in Kleene's three-valued logic. A comparison whose sides are present, but which dropped the element, is FALSE; a
selector without a sample is UNKNOWN; ``and`` is FALSE when a side is, ``or`` when both are, ``unless`` also when its
right side is present. Labels are followed inwards through matching, grouping and functions as a ``Target``.

Three rules keep missing data from looking like recovery. A range function counts as present only while its series still
has a current sample, since old samples leave its window one by one. ``scalar()`` of nothing is NaN, so nothing is FALSE
while one is. What ``or`` takes from its right side proves nothing when the left has lost its data (except a constant),
and an ``or`` side without data is left out only when it had none while the alert was true (``branches``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from rules.lookback import parts
from rules.model import Labels
from rules.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Negate,
    Number,
    String,
    VectorSelector,
)
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError
from rules.promql.functions_label import label_join_plan, label_replace_plan
from rules.promql.match import SeriesMatcher
from rules.promql.query import Query
from rules.promql.sharing import Pool
from rules.promql.values import Context, Element, EvalOptions, ScalarResult, Source, Vector
from rules.target import ABSENT, SELECTING, Target, children, is_scalar, key, whole
from rules.timeline import Series

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_RELABELLING = frozenset({"label_replace", "label_join"})


class Truth(Enum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """``value`` is the fresh value that decided, where there is one."""

    truth: Truth
    value: float | None = None


_UNKNOWN = Verdict(Truth.UNKNOWN)


class Evidence:
    """The evidence of one rule. Sub-expressions are compiled when first asked for: most rules never need it."""

    def __init__(self, expr: Expr, pool: Pool | None = None) -> None:
        self.expr = expr
        self._pool = pool
        self.possible = _can_be_false(expr)
        """False when no data can ever show the recovery: the condition has no comparison and no ``absent``."""
        nodes = list(_nodes(expr))
        self._ors = {id(node): 2 * number for number, node in enumerate(n for n in nodes if _is_or(n))}
        self._scalars = [node for node in nodes if isinstance(node, Call) and node.func == "scalar"]
        self._careful = {
            id(node) for node in nodes if any(isinstance(n, MatrixSelector) or _is_or(n) for n in _nodes(node))
        }
        self._queries: dict[int, Query] = {}
        self._present: dict[int, Expr] = {}
        self._carriers: dict[int, Expr] = {}

    @property
    def has_branches(self) -> bool:
        """Whether ``branches`` can tell anything: there is an ``or`` in the expression."""
        return bool(self._ors)

    def at(self, source: Source, at: int, options: EvalOptions) -> Look:
        """A look at the data of one time; each sub-expression is evaluated at most once in it."""
        return Look(self, source, at, options)

    def query(self, expr: Expr) -> Query:
        found = self._queries.get(id(expr))
        if found is None:
            found = self._queries[id(expr)] = compile_expr(expr, self._pool)
        return found

    def as_bool(self, expr: Binary) -> Expr:
        """The comparison that keeps every matched pair, kept so that its identity is stable."""
        return self._present.setdefault(id(expr), replace(expr, bool_modifier=True))

    def carrier(self, expr: Expr) -> Expr:
        """The expression without its filters, as far as they keep labels as they are: what elements come from."""
        found = self._carriers.get(id(expr))
        if found is None:
            found = self._carriers[id(expr)] = _carrier(expr)
        return found

    def relabelled(self, call: Call, labels: Labels) -> Labels:
        """The labels that this ``label_replace`` or ``label_join`` gives to an element with ``labels``."""
        texts = [argument.value for argument in call.args if isinstance(argument, String)]
        if call.func == "label_replace":
            target, template, source, pattern = texts
            plan = label_replace_plan(lambda _context, _at: [("", labels, 0.0)], target, template, source, pattern)
        else:
            plan = label_join_plan(lambda _context, _at: [("", labels, 0.0)], texts[0], texts[1], texts[2:])
        return plan(_NOWHERE, 0)[0][1]

    def branch(self, expr: Expr) -> int:
        """Number of the left side of this ``or``; its right side has the next number."""
        return self._ors[id(expr)]

    def needs_care(self, expr: Expr) -> bool:
        """Whether an element may be present on old or stand-in data: there is a range or an ``or`` in it."""
        return id(expr) in self._careful

    def scalars(self) -> Sequence[Expr]:
        return self._scalars


class _Nothing:
    """A source without series."""

    def select(self, matchers: SeriesMatcher) -> Sequence[Series]:
        return ()

    def generation(self, name: str | None) -> int:
        return 0


_NOWHERE = Context(_Nothing(), 0, 0, EvalOptions())


class Look:
    def __init__(self, evidence: Evidence, source: Source, at: int, options: EvalOptions) -> None:
        self._evidence = evidence
        self._source = source
        self._at = at
        self._options = options
        self._results: dict[int, Sequence[Element]] = {}
        self._found: dict[tuple[int, bool, frozenset[str]], dict[Labels, list[Element]]] = {}
        self._branches: frozenset[int] | None = None

    def verdict(self, labels: Labels, branches: frozenset[int] | None = None) -> Verdict:
        """Whether the condition holds for the element with these labels; an evaluation error is UNKNOWN.

        ``branches`` are the sides of ``or`` that had data while the alert was true (see there); None is all of them.
        """
        self._branches = branches
        try:
            verdict = self._verdict(self._evidence.expr, Target.exactly(labels))
            if verdict.truth is Truth.FALSE and any(self._is_nan(node) for node in self._evidence.scalars()):
                return _UNKNOWN
        except EvalError:
            return _UNKNOWN
        return verdict

    def branches(self, labels: Labels) -> frozenset[int]:
        """The sides of ``or`` that tell anything about this alert now; both of one where neither does."""
        self._branches = None
        found: set[int] = set()
        waiting = [(self._evidence.expr, Target.exactly(labels))]
        while waiting:
            expr, target = waiting.pop()
            sides = list(children(expr, target))
            waiting.extend(sides)
            if _is_or(expr):
                first = self._evidence.branch(expr)
                telling = [first + side for side, child in enumerate(sides) if self._tells(*child)]
                found.update(telling or (first, first + 1))
        return frozenset(found)

    def _tells(self, expr: Expr, target: Target) -> bool:
        try:
            return bool(self._elements(expr, target)) or self._verdict(expr, target).truth is not Truth.UNKNOWN
        except EvalError:
            return True

    def _all(self, expr: Expr) -> Sequence[Element]:
        found = self._results.get(id(expr))
        if found is None:
            result = self._evidence.query(expr).instant(self._source, self._at, self._options)
            if isinstance(result, ScalarResult):
                found = (Element("", (), result.value),)
            else:
                found = result.elements if isinstance(result, Vector) else ()
            self._results[id(expr)] = found
        return found

    def _elements(self, expr: Expr, target: Target) -> Sequence[Element]:
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

    def _verdict(self, expr: Expr, target: Target) -> Verdict:
        if is_scalar(expr):
            return Verdict(Truth.TRUE)
        elements = self._elements(expr, target)
        if not elements:
            return self._absence(expr, target)
        if not self._settled(expr, target):
            return Verdict(Truth.UNKNOWN, elements[0].value)
        return Verdict(Truth.TRUE, elements[0].value)

    def _absence(self, expr: Expr, target: Target) -> Verdict:
        """Why there is no such element: FALSE when fresh data leaves it out, UNKNOWN when data is missing."""
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
                inner = self._verdict(expr.expr, target)
                return inner if inner.truth is Truth.UNKNOWN else Verdict(Truth.FALSE, inner.value)
            case Call() if expr.func in ABSENT:
                return Verdict(Truth.FALSE)
            case Call() if expr.func in _RELABELLING:
                return self._no_relabelled(expr, target)
        verdicts = [self._verdict(child, inner) for child, inner in children(expr, target)]
        return next((verdict for verdict in verdicts if verdict.truth is Truth.FALSE), _UNKNOWN)

    def _no_comparison(self, expr: Binary, target: Target) -> Verdict:
        verdicts = [self._verdict(child, inner) for child, inner in children(expr, target)]
        for verdict in verdicts:
            if verdict.truth is Truth.FALSE:
                return verdict
        if any(verdict.truth is Truth.UNKNOWN for verdict in verdicts):
            return _UNKNOWN
        if expr.matching is not None and not self._elements(self._evidence.as_bool(expr), target):
            return _UNKNOWN  # both sides have data, but none of it was compared
        return Verdict(Truth.FALSE, next((verdict.value for verdict in verdicts if verdict.value is not None), None))

    def _no_and(self, expr: Binary, target: Target) -> Verdict:
        left = self._verdict(expr.lhs, target)
        if left.truth is Truth.FALSE:
            return left
        if left.truth is Truth.TRUE:
            keys = [key(expr, element.labels) for element in self._elements(expr.lhs, target)]
        else:
            keys = [key(expr, target.key)] if whole(expr, target) else []
        rights = [self._verdict(expr.rhs, key) for key in keys]
        if rights and all(right.truth is Truth.FALSE for right in rights):
            return rights[0]
        return _UNKNOWN

    def _no_unless(self, expr: Binary, target: Target) -> Verdict:
        left = self._verdict(expr.lhs, target)
        if left.truth is Truth.FALSE:
            return left
        if left.truth is Truth.TRUE:
            keys = [key(expr, element.labels) for element in self._elements(expr.lhs, target)]
            taken = all(self._verdict(expr.rhs, key).truth is Truth.TRUE for key in keys)
            return Verdict(Truth.FALSE, left.value) if taken else _UNKNOWN
        if whole(expr, target):
            right = self._verdict(expr.rhs, key(expr, target.key))
            if right.truth is Truth.TRUE:
                return Verdict(Truth.FALSE, right.value)
        return _UNKNOWN

    def _no_or(self, expr: Binary, target: Target) -> Verdict:
        first = self._evidence.branch(expr)
        verdicts = []
        for side, child in enumerate((expr.lhs, expr.rhs)):
            verdict = self._verdict(child, target)
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
            for element in self._elements(self._evidence.carrier(vector), wanted)
            if target.matches(self._evidence.relabelled(expr, element.labels))
        ]
        verdicts = [self._verdict(vector, Target.exactly(labels)) for labels in sources]
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
                return bool(self._elements(expr.selector, target))
            case Binary(op="or"):
                return self._settled_or(expr, target)
            case Binary(op="unless"):
                return self._settled(expr.lhs, target)
            case Call() if expr.func in ABSENT:
                return True
        return all(self._settled(child, inner) for child, inner in children(expr, target))

    def _settled_or(self, expr: Binary, target: Target) -> bool:
        if self._elements(expr.lhs, target):
            return self._settled(expr.lhs, target)
        default = isinstance(expr.rhs, Call) and expr.rhs.func == "vector"  # the author says what absence means
        idle = self._branches is not None and self._evidence.branch(expr) not in self._branches
        if not default and not idle and self._verdict(expr.lhs, target).truth is Truth.UNKNOWN:
            return False
        return self._settled(expr.rhs, target)


def _carrier(expr: Expr) -> Expr:
    match expr:
        case Negate():
            return _carrier(expr.expr)
        case Aggregate():
            inner = _carrier(expr.expr)
            return inner if expr.op in SELECTING else replace(expr, expr=inner)
        case Binary(op="and" | "unless"):
            return _carrier(expr.lhs)
        case Binary(matching=None):
            return next((_carrier(side) for side in (expr.lhs, expr.rhs) if not is_scalar(side)), expr)
        case Binary():
            compares = expr.op in COMPARISONS
            return replace(expr, lhs=_carrier(expr.lhs), rhs=_carrier(expr.rhs), bool_modifier=compares)
        case Call() if expr.func not in ABSENT and not is_scalar(expr):
            return replace(expr, args=tuple(_carrier(argument) for argument in expr.args))
    return expr


def _is_or(expr: Expr) -> bool:
    return isinstance(expr, Binary) and expr.op == "or"


def _nodes(expr: Expr) -> Iterator[Expr]:
    """The expression and all its parts."""
    yield expr
    for part in parts(expr):
        yield from _nodes(part)


def _can_be_false(expr: Expr) -> bool:
    match expr:
        case VectorSelector() | MatrixSelector() | Number() | String():
            return False
        case Binary(op="or"):
            return _can_be_false(expr.lhs) and _can_be_false(expr.rhs)
        case Binary(op="unless"):
            return True
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            return True
        case Aggregate() if expr.op in SELECTING:
            return True
        case Call() if expr.func in ABSENT:
            return True
    return any(_can_be_false(child) for child, _ in children(expr, Target.exactly(())))
