"""Which elements of a sub-expression have part in one element of the whole: labels followed inwards.

An alert has the labels of an element of its rule's result. Matching, grouping and functions change labels on the way
out; a ``Target`` says, for each part of the expression, what the labels of the elements behind that alert look like.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rules.model import Labels
from rules.promql.ast import Aggregate, Binary, Call, Card, Expr, Negate, Number, String, Subquery, ValueType
from rules.promql.parse import value_type
from rules.promql.walk import ABSENT, SELECTING


class Target(msgspec.Struct, frozen=True):
    """Elements whose labels, without ``names`` or reduced to ``names``, are ``key``."""

    without: bool
    names: frozenset[str]
    key: Labels

    @classmethod
    def anything(cls) -> Target:
        return cls(False, frozenset(), ())

    @classmethod
    def exactly(cls, labels: Labels) -> Target:
        return cls(True, frozenset(), labels)

    @property
    def whole(self) -> bool:
        """Whether all labels are given, so that one element at most is meant."""
        return self.without and not self.names

    def matches(self, labels: Labels) -> bool:
        return self.part_of(labels) == self.key

    def part_of(self, labels: Labels) -> Labels:
        """What of these labels is compared with ``key``."""
        if self.without and not self.names:
            return labels
        return tuple(pair for pair in labels if (pair[0] in self.names) != self.without)

    def grouped(self, without: bool, names: frozenset[str]) -> Target:
        """What elements must look like to become one of these by grouping ``by`` or ``without`` these names."""
        if without:
            return Target(self.without, self.names | names if self.without else self.names - names, self.key)
        return Target(False, names - self.names if self.without else names & self.names, self.key)

    def matched(self, without: bool, names: frozenset[str]) -> Target:
        """What elements must look like to match one of these on, or ignoring, these names."""
        found = self.grouped(without, names)
        key = tuple(pair for pair in found.key if (pair[0] in found.names) != found.without)
        return Target(found.without, found.names, key)

    def ignoring(self, names: frozenset[str]) -> Target:
        """The same, whatever the labels ``names`` are."""
        key = tuple(pair for pair in self.key if pair[0] not in names)
        return Target(self.without, self.names | names if self.without else self.names - names, key)


def children(expr: Expr, target: Target) -> Iterator[tuple[Expr, Target]]:
    """The vector parts of an expression, and what their elements must look like to have part in the target."""
    match expr:
        case Negate():
            yield expr.expr, target
        case Subquery():
            yield expr.expr, target
        case Aggregate() if expr.op in SELECTING:
            yield expr.expr, target
        case Aggregate():
            names = frozenset(expr.labels)
            yield expr.expr, target.grouped(expr.without, names)
        case Binary() if expr.matching is None:
            for side in (expr.lhs, expr.rhs):
                if not is_scalar(side):
                    yield side, target
        case Binary():
            yield from _sides(expr, target)
        case Call(func="label_replace" | "label_join", args=(vector, String(value=name), *_)):
            yield vector, target.ignoring(frozenset({name}))
        case Call(func="histogram_quantile" | "histogram_fraction"):
            yield expr.args[-1], target.ignoring(frozenset({"le"}))
        case Call() if expr.func not in ABSENT:
            for argument in expr.args:
                if not is_scalar(argument) and not isinstance(argument, String):
                    yield argument, target


def _sides(expr: Binary, target: Target) -> Iterator[tuple[Expr, Target]]:
    matching = expr.matching
    if matching is None:
        return
    names = frozenset(matching.labels)
    if matching.card is Card.MANY_TO_MANY:
        yield expr.lhs, target
        yield expr.rhs, target if expr.op == "or" else target.matched(not matching.on, names)
    elif matching.card is Card.ONE_TO_ONE:
        yield expr.lhs, target.grouped(not matching.on, names)
        yield expr.rhs, target.grouped(not matching.on, names)
    else:
        many = target.ignoring(frozenset(matching.include))
        one = many.matched(not matching.on, names)
        left = matching.card is Card.MANY_TO_ONE
        yield expr.lhs, many if left else one
        yield expr.rhs, one if left else many


def key(expr: Binary, labels: Labels) -> Target:
    """What the right side of a set operation must look like to match an element with these labels on the left."""
    matching = expr.matching
    if matching is None:
        return Target.exactly(labels)
    return Target.exactly(labels).matched(not matching.on, frozenset(matching.labels))


def fixes_key(expr: Binary, target: Target) -> bool:
    """Whether the target fixes every label that the right side of a set operation is matched on."""
    if target.whole:
        return True
    matching = expr.matching
    if matching is None or not matching.on:
        return False
    names = frozenset(matching.labels)
    return not names & target.names if target.without else names <= target.names


def is_scalar(expr: Expr) -> bool:
    return isinstance(expr, Number) or value_type(expr) is ValueType.SCALAR


def is_or(expr: Expr) -> bool:
    return isinstance(expr, Binary) and expr.op == "or"
