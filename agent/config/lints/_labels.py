"""Which labels the result of an expression has, as far as that can be told."""

from __future__ import annotations

from dataclasses import dataclass

from agent.config.lints._world import World
from rules.api import (
    ABSENT,
    SELECTING,
    Aggregate,
    Binary,
    Call,
    Card,
    Expr,
    MatchOp,
    MatrixSelector,
    Negate,
    Number,
    String,
    Subquery,
    ValueType,
    VectorSelector,
    metric_name,
    value_type,
)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """``certain`` are on every element. ``possible`` are on some; None is any label: nothing can be told."""

    certain: frozenset[str]
    possible: frozenset[str] | None

    def may_have(self, label: str) -> bool:
        return self.possible is None or label in self.possible

    def only(self, labels: frozenset[str]) -> LabelSet:
        return LabelSet(self.certain & labels, labels if self.possible is None else self.possible & labels)

    def without(self, labels: frozenset[str]) -> LabelSet:
        return LabelSet(self.certain - labels, None if self.possible is None else self.possible - labels)

    def plus(self, labels: frozenset[str]) -> LabelSet:
        """With labels that some elements may get."""
        return LabelSet(self.certain, None if self.possible is None else self.possible | labels)


NO_LABELS = LabelSet(frozenset(), frozenset())
ANY_LABELS = LabelSet(frozenset(), None)


def labels_of(expr: Expr, world: World, seen: frozenset[str] = frozenset()) -> LabelSet:
    """``seen`` are recorded metrics on the way here: one may be recorded from itself."""
    found: LabelSet | None = None if seen else world.told("labels", expr)
    if found is not None:
        return found
    match expr:
        case VectorSelector():
            found = _selector(expr, world, seen)
        case MatrixSelector():
            found = _selector(expr.selector, world, seen)
        case Negate() | Subquery():
            found = labels_of(expr.expr, world, seen)
        case Aggregate():
            found = _aggregate(expr, labels_of(expr.expr, world, seen))
        case Call():
            found = _call(expr, world, seen)
        case Binary():
            found = _binary(expr, world, seen)
        case Number() | String():
            found = NO_LABELS
    if not seen:  # what was left out on the way counts for this way only
        world.tell("labels", expr, found)
    return found


def _selector(selector: VectorSelector, world: World, seen: frozenset[str]) -> LabelSet:
    name = metric_name(selector)
    found = ANY_LABELS
    if name in world.recorded:
        if name not in seen:
            found = _recorded(name, world, seen | {name})
    elif (declared := world.declared(name)) is not None:
        found = LabelSet(declared.certain, declared.possible)
    asked = frozenset(m.name for m in selector.matchers if m.op is MatchOp.EQ and m.value and m.name != "__name__")
    barred = frozenset(m.name for m in selector.matchers if m.op is MatchOp.EQ and not m.value)
    found = found.without(barred)
    return LabelSet(found.certain | asked, None if found.possible is None else found.possible | asked)


def _recorded(name: str, world: World, seen: frozenset[str]) -> LabelSet:
    """What every rule that records this metric gives it."""
    found: LabelSet | None = None
    for _, _, rule in world.recorded[name]:
        one = labels_of(rule.expr, world, seen)
        removed = frozenset(label for label, value in rule.labels if not value)
        added = frozenset(label for label, value in rule.labels if value)
        one = one.without(removed)
        one = LabelSet(one.certain | added, None if one.possible is None else one.possible | added)
        found = one if found is None else _either(found, one)
    return found or ANY_LABELS


def _either(one: LabelSet, other: LabelSet) -> LabelSet:
    possible = None if one.possible is None or other.possible is None else one.possible | other.possible
    return LabelSet(one.certain & other.certain, possible)


def _aggregate(expr: Aggregate, inner: LabelSet) -> LabelSet:
    names = frozenset(expr.labels)
    if expr.op in SELECTING:
        return inner
    result = inner.without(names) if expr.without else inner.only(names)
    if expr.op == "count_values" and isinstance(expr.param, String):
        added = frozenset({expr.param.value})
        return LabelSet(result.certain | added, None if result.possible is None else result.possible | added)
    return result


def _call(expr: Call, world: World, seen: frozenset[str]) -> LabelSet:
    if expr.func in ABSENT:
        return _absent(expr.args[0])
    vectors = [each for each in expr.args if value_type(each) in (ValueType.VECTOR, ValueType.MATRIX)]
    if not vectors or expr.func == "scalar":
        return NO_LABELS
    found = labels_of(vectors[0], world, seen)
    if expr.func in ("label_replace", "label_join") and isinstance(expr.args[1], String):
        target = frozenset({expr.args[1].value})
        return LabelSet(found.certain - target, found.possible).plus(target)
    return found.without(frozenset({"le"})) if expr.func.startswith("histogram_") else found


def _absent(argument: Expr) -> LabelSet:
    """``absent`` gives the labels that the selector demands with ``=``, and none for any other argument."""
    selector = argument.selector if isinstance(argument, MatrixSelector) else argument
    if not isinstance(selector, VectorSelector):
        return NO_LABELS
    names = [m.name for m in selector.matchers]
    equal = {m.name for m in selector.matchers if m.op is MatchOp.EQ and m.value and m.name != "__name__"}
    single = frozenset(name for name in equal if names.count(name) == 1)
    return LabelSet(single, single)


def _binary(expr: Binary, world: World, seen: frozenset[str]) -> LabelSet:
    lhs, rhs = labels_of(expr.lhs, world, seen), labels_of(expr.rhs, world, seen)
    matching = expr.matching
    if matching is None:
        return rhs if value_type(expr.lhs) is ValueType.SCALAR else lhs
    if expr.op == "or":
        return _either(lhs, rhs)
    if expr.op in ("and", "unless"):
        return lhs
    names = frozenset(matching.labels)
    if matching.card is Card.ONE_TO_ONE:
        if matching.on:
            return lhs.only(names)
        return lhs.without(names)
    many, one = (lhs, rhs) if matching.card is Card.MANY_TO_ONE else (rhs, lhs)
    taken = one.only(frozenset(matching.include))
    kept = many.without(frozenset(matching.include))
    possible = None if kept.possible is None else kept.possible | (taken.possible or frozenset())
    return LabelSet(kept.certain | taken.certain, possible)
