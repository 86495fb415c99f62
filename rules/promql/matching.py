"""Vector matching: which elements of two vectors belong together, and what labels their result has."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rules.model import Labels
from rules.promql.ast import Card, Matching
from rules.promql.errors import EvalError
from rules.promql.values import Context, Dropped, Item, VectorPlan, check_unique, drop_name, set_label

Key = Labels
"""The label pairs two elements must have in common; a missing label equals an empty one."""

Operation = Callable[[float, float], float | None]
"""The result of one operator on a pair of values; None filters the pair out."""


def key_of(matching: Matching) -> Callable[[str, Labels], Key]:
    wanted = frozenset(matching.labels)
    if matching.on:
        if "__name__" in wanted:
            return lambda name, labels: tuple([p for p in (("__name__", name), *labels) if p[0] in wanted and p[1]])
        return lambda name, labels: tuple([pair for pair in labels if pair[0] in wanted])
    if wanted - {"__name__"}:
        return lambda name, labels: tuple([pair for pair in labels if pair[0] not in wanted])
    return lambda name, labels: labels


def set_plan(op: str, lhs: VectorPlan, rhs: VectorPlan, matching: Matching) -> VectorPlan:
    """``and``, ``or``, ``unless``: many to many, values and labels unchanged."""
    key = key_of(matching)

    def both(ctx: Context, t: int) -> list[Item]:
        left = lhs(ctx, t)
        right = rhs(ctx, t)
        if not left or not right:
            return []
        keys = {key(name, labels) for name, labels, _ in right}
        return [item for item in left if key(item[0], item[1]) in keys]

    def either(ctx: Context, t: int) -> list[Item]:
        left = lhs(ctx, t)
        right = rhs(ctx, t)
        if not left or not right:
            return left or right
        keys = {key(name, labels) for name, labels, _ in left}
        return left + [item for item in right if key(item[0], item[1]) not in keys]

    def without(ctx: Context, t: int) -> list[Item]:
        left = lhs(ctx, t)
        right = rhs(ctx, t)
        if not left or not right:
            return left
        keys = {key(name, labels) for name, labels, _ in right}
        return [item for item in left if key(item[0], item[1]) not in keys]

    return {"and": both, "or": either, "unless": without}[op]


def one_to_one_plan(
    operate: Operation, lhs: VectorPlan, rhs: VectorPlan, matching: Matching, keeps_name: bool
) -> VectorPlan:
    key = key_of(matching)
    drops_labels = matching.on != ("__name__" in matching.labels)
    keeps = keeps_name and not drops_labels

    def plan(ctx: Context, t: int) -> list[Item]:
        left = lhs(ctx, t)
        right = rhs(ctx, t)
        if not left or not right:
            return []
        partners = _index(right, key, "right")
        out: list[Item] = []
        matched = set()
        for name, labels, value in left:
            found = key(name, labels)
            partner = partners.get(found)
            if partner is None:
                continue
            if found in matched:
                raise EvalError(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                )
            matched.add(found)
            result = operate(value, partner[2])
            if result is None:
                continue
            if found and found[0][0] == "__name__":
                found = found[1:]
            if keeps:
                out.append((name, found, result))
            else:
                out.append(("" if drops_labels else drop_name(name, ctx), found, result))
        return out

    return plan


def group_plan(
    operate: Operation, lhs: VectorPlan, rhs: VectorPlan, matching: Matching, keeps_name: bool
) -> VectorPlan:
    """``group_left`` and ``group_right``: labels of the "many" side, ``include`` copied from the "one" side."""
    key = key_of(matching)
    left_is_many = matching.card is Card.MANY_TO_ONE
    include = matching.include

    def plan(ctx: Context, t: int) -> list[Item]:
        left = lhs(ctx, t)
        right = rhs(ctx, t)
        if not left or not right:
            return []
        many, one = (left, right) if left_is_many else (right, left)
        partners = _index(one, key, "right" if left_is_many else "left")
        out: list[Item] = []
        inserted = set()
        for name, labels, value in many:
            found = key(name, labels)
            partner = partners.get(found)
            if partner is None:
                continue
            result = operate(value, partner[2]) if left_is_many else operate(partner[2], value)
            if result is None:
                continue
            kept = name if keeps_name else drop_name(name, ctx)
            for label in include:
                if label == "__name__":
                    kept = Dropped(partner[0]) if ctx.delayed and not keeps_name else partner[0]
                else:
                    labels = set_label(labels, label, _get(partner[1], label))  # noqa: PLW2901 - the result's labels
            identity = (found, kept, labels)
            if identity in inserted:
                raise EvalError("multiple matches for labels: grouping labels must ensure unique matches")
            inserted.add(identity)
            out.append((kept, labels, result))
        if not ctx.delayed:
            check_unique(out)
        return out

    return plan


def _index(items: Iterable[Item], key: Callable[[str, Labels], Key], side: str) -> dict[Key, Item]:
    index: dict[Key, Item] = {}
    for item in items:
        found = key(item[0], item[1])
        if found in index:
            pair = sorted(_braces(labels, name) for name, labels, _ in (item, index[found]))
            raise EvalError(
                f"found duplicate series for the match group {_braces(found)} on the {side} hand-side of "
                f"the operation: [{', '.join(pair)}];many-to-many matching not allowed: "
                "matching labels must be unique on one side"
            )
        index[found] = item
    return index


def _get(labels: Labels, name: str) -> str:
    return next((value for label, value in labels if label == name), "")


def _braces(labels: Labels, name: str = "") -> str:
    pairs = (("__name__", name), *labels) if name else labels
    return "{" + ", ".join(f'{label}="{value}"' for label, value in pairs) + "}"
