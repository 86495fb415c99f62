"""What shows that a rule's condition is over: its expression, ready to be looked at (``rules.look``) with data.

Whatever can be known of an expression beforehand is kept here, for as long as the rule lives: sub-expressions compiled
on their own, what elements come from, and the rules that record the series it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rules.files import AlertingRule, RecordingRule
from rules.look import Look
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
    Subquery,
    VectorSelector,
)
from rules.promql.compile import compile_expr
from rules.promql.functions_label import label_join_plan, label_replace_plan
from rules.promql.match import SeriesMatcher
from rules.promql.query import Query
from rules.promql.sharing import Pool
from rules.promql.values import Context, EvalOptions, Source
from rules.promql.walk import ABSENT, COMPARISONS, SELECTING, metric_name, nodes, parts
from rules.target import Target, children, is_or, is_scalar
from rules.timeline import Series

Recordings = Mapping[str, Sequence[tuple[Labels, Expr]]]
"""For each recorded metric the labels that a rule sets (with an empty value: deletes), and its expression."""
_NO_RECORDINGS: Recordings = {}


def recordings_of(rules: Iterable[AlertingRule | RecordingRule]) -> Recordings:
    """What each metric that one of these rules records is made of."""
    found: dict[str, list[tuple[Labels, Expr]]] = {}
    for rule in rules:
        if isinstance(rule, RecordingRule):
            found.setdefault(rule.name, []).append((rule.labels, rule.expr))
    return found


class Evidence:
    """The evidence of one rule. Sub-expressions are compiled when first asked for: most rules never need it."""

    def __init__(self, expr: Expr, pool: Pool | None = None, recordings: Recordings = _NO_RECORDINGS) -> None:
        """``recordings`` are the rules that record series the expression may read."""
        self.expr = expr
        self._pool = pool
        self._recordings = recordings
        self._recorded: dict[str, list[Recorded]] = {}
        self.possible = _can_be_false(expr, recordings)
        """False when no data can ever show the recovery: the condition has no comparison and no ``absent``."""
        whole = list(nodes(expr))
        self._ors = {id(node): 2 * number for number, node in enumerate(n for n in whole if is_or(n))}
        self._scalars = [node for node in whole if isinstance(node, Call) and node.func == "scalar"]
        self._careful: set[int] = set()
        for node in reversed(whole):  # parts before what they are parts of: a long chain is walked once
            own = isinstance(node, MatrixSelector | Subquery) or is_or(node)
            if own or any(id(part) in self._careful for part in parts(node)):
                self._careful.add(id(node))
        self._queries: dict[int, Query] = {}
        self._present: dict[int, Expr] = {}
        self._carriers: dict[int, Expr] = {}
        self._carried: dict[int, Subquery] = {}
        self._windows: dict[tuple[int, int], MatrixSelector] = {}

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
            found = self._carriers[id(expr)] = _carrier(expr, self._recordings)
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

    def scalars(self) -> Sequence[Call]:
        return self._scalars

    def window(self, selector: VectorSelector, span: int) -> MatrixSelector:
        """The window of a selector over so many ms, kept so that its identity is stable."""
        return self._windows.setdefault((id(selector), span), MatrixSelector(selector, span))

    def carried(self, window: Subquery) -> Subquery:
        """The window with a sample for each step that had anything to judge."""
        found = self._carried.get(id(window))
        if found is None:
            found = self._carried[id(window)] = replace(window, expr=self.carrier(window.expr))
        return found

    def recorded(self, name: str) -> Sequence[Recorded]:
        """The rules that record this metric. One that reads its own series is not followed into itself."""
        found = self._recorded.get(name)
        if found is None:
            others = {other: rules for other, rules in self._recordings.items() if other != name}
            found = self._recorded[name] = [
                Recorded(frozenset(labels), Evidence(expr, self._pool, others))
                for labels, expr in self._recordings.get(name, ())
            ]
        return found


class Recorded(NamedTuple):
    """A rule that records series: the labels it sets, and what its expression shows."""

    labels: frozenset[tuple[str, str]]
    evidence: Evidence

    def target(self, target: Target) -> Target | None:
        """What elements of its expression must look like to be recorded as one of these; None if none can be."""
        own = dict(self.labels)
        for name, value in target.key:
            if name in own and own[name] != value:
                return None
        return target.ignoring(frozenset(own))


class _Nothing:
    """A source without series."""

    def select(self, matchers: SeriesMatcher) -> Sequence[Series]:
        return ()

    def generation(self, name: str | None) -> int:
        return 0


_NOWHERE = Context(_Nothing(), 0, 0, EvalOptions())


def _carrier(expr: Expr, recordings: Recordings) -> Expr:
    match expr:
        case Negate():
            return _carrier(expr.expr, recordings)
        case Subquery():
            return replace(expr, expr=_carrier(expr.expr, recordings))
        case Aggregate():
            inner = _carrier(expr.expr, recordings)
            return inner if expr.op in SELECTING else replace(expr, expr=inner)
        case Binary(op="and" | "unless"):
            return _carrier(expr.lhs, recordings)
        case Binary(matching=None):
            sides = (_carrier(side, recordings) for side in (expr.lhs, expr.rhs) if not is_scalar(side))
            return next(sides, expr)
        case Binary():
            sides = (_carrier(side, recordings) for side in (expr.lhs, expr.rhs))
            return replace(expr, lhs=next(sides), rhs=next(sides), bool_modifier=expr.op in COMPARISONS)
        case Call() if expr.func not in ABSENT and not is_scalar(expr):
            return replace(expr, args=tuple(_carrier(argument, recordings) for argument in expr.args))
        case VectorSelector(matchers=(_,), offset=0, at=None):
            name = metric_name(expr)
            made = recordings.get(name, ())
            if len(made) == 1 and not made[0][0]:
                return _carrier(made[0][1], {other: rules for other, rules in recordings.items() if other != name})
    return expr


def _can_be_false(expr: Expr, recordings: Recordings) -> bool:
    match expr:
        case VectorSelector() if (made := recordings.get(metric_name(expr))) is not None:
            others = {other: rules for other, rules in recordings.items() if other != metric_name(expr)}
            return all(_can_be_false(inner, others) for _, inner in made)
        case VectorSelector() | MatrixSelector() | Number() | String():
            return False
        case Binary(op="or"):
            return _can_be_false(expr.lhs, recordings) and _can_be_false(expr.rhs, recordings)
        case Binary(op="unless", rhs=Call(func="absent" | "absent_over_time", args=(asked, *_))):
            return any(_can_be_false(part, recordings) for part in (expr.lhs, asked))
        case Binary(op="unless"):
            return True
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            return True
        case Aggregate() if expr.op in SELECTING:
            return True
        case Call() if expr.func in ABSENT:
            return True
    return any(_can_be_false(child, recordings) for child, _ in children(expr, Target.exactly(())))
