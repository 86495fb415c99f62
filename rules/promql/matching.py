"""Vector matching: which elements of two vectors belong together, and what labels their result has.

Who belongs to whom depends on frames alone, so each plan works it out when it sees new frames and remembers it for the
pair it saw last: measured, nine tenths of the cost of an operation between vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from operator import itemgetter

from rules.model import Labels
from rules.promql.ast import Card, Matching
from rules.promql.columns import EMPTY, Column, ColumnPlan, Frame, Subset
from rules.promql.errors import EvalError
from rules.promql.names import quoted_name
from rules.promql.values import METADATA, Context, Dropped, drop_name, set_label, without_metadata
from rules.template.printing import quote

Key = Labels
"""The label pairs two elements must have in common; a missing label equals an empty one."""

Combined = tuple[Sequence[float], Sequence[bool] | None]
"""The values of the result, and which of them stay; None when all do."""
Combine = Callable[[Sequence[float], Sequence[float]], Combined]
"""One operator on two columns of the same length, left and right as written."""

Identity = tuple[Key, str, Labels]
"""An element of a grouped result: what it was matched by, and its name and labels."""

Pick = Callable[[Sequence[float]], Sequence[float]]
"""The values of some elements, in a given order."""


def picker(places: Sequence[int], count: int) -> Pick:
    """For the elements at ``places`` of ``count``. Neighbours are a slice, and all of them are no work at all."""
    first = places[0] if places else 0
    stop = first + len(places)
    if list(places) == list(range(first, stop)):
        if first == 0 and stop == count:
            return lambda values: values
        return itemgetter(slice(first, stop))
    return itemgetter(*places)


def key_of(matching: Matching) -> Callable[[str, Labels], Key]:
    wanted = frozenset(matching.labels)
    if matching.on:
        if "__name__" in wanted:
            return lambda name, labels: tuple([p for p in (("__name__", name), *labels) if p[0] in wanted and p[1]])
        return lambda name, labels: tuple([pair for pair in labels if pair[0] in wanted])
    if wanted - {"__name__"}:
        others = wanted | METADATA
        return lambda name, labels: tuple([pair for pair in labels if pair[0] not in others])
    return lambda name, labels: without_metadata(labels)


def set_plan(op: str, lhs: ColumnPlan, rhs: ColumnPlan, matching: Matching) -> ColumnPlan:
    """``and``, ``or``, ``unless``: many to many, values and labels unchanged."""
    key = key_of(matching)
    known: tuple[Frame, Frame] | None = None
    mask: Sequence[bool] = ()
    joined = EMPTY[0]
    subset = Subset()

    def keys(frame: Frame) -> Iterable[Key]:
        return map(key, frame.names, frame.labels)

    def compare(left: Frame, right: Frame) -> None:
        """``mask``: who of the left has a partner for ``and``, has none for ``unless``; who of the right for ``or``."""
        nonlocal known, mask, joined
        if known is not None and left is known[0] and right is known[1]:
            return
        if op == "or":
            taken = set(keys(left))
            mask = [found not in taken for found in keys(right)]
            names = [*left.names, *compress(right.names, mask)]
            joined = Frame(names, [*left.labels, *compress(right.labels, mask)])
        else:
            taken = set(keys(right))
            mask = [(found in taken) is (op == "and") for found in keys(left)]
        known = left, right

    def both(ctx: Context, t: int) -> Column:
        left, right = lhs(ctx, t), rhs(ctx, t)
        if not left[1] or not right[1]:
            return EMPTY
        ctx.tick(len(left[1]) + len(right[1]))
        compare(left[0], right[0])
        return subset(*left, mask)

    def either(ctx: Context, t: int) -> Column:
        left, right = lhs(ctx, t), rhs(ctx, t)
        if not left[1] or not right[1]:
            return left if left[1] else right
        ctx.tick(len(left[1]) + len(right[1]))
        compare(left[0], right[0])
        return joined, [*left[1], *compress(right[1], mask)]

    def without(ctx: Context, t: int) -> Column:
        left, right = lhs(ctx, t), rhs(ctx, t)
        if not left[1] or not right[1]:
            return left
        ctx.tick(len(left[1]) + len(right[1]))
        compare(left[0], right[0])
        return subset(*left, mask)

    return {"and": both, "or": either, "unless": without}[op]


class _Pairs:
    """Who of two frames belongs together: the picks of both sides and the frame of the result.

    ``clashes`` are the identities of the result's elements when not all are different, else None: a filter may still
    take enough of them away.
    """

    __slots__ = ("clashes", "delayed", "frame", "left", "left_frame", "right", "right_frame")

    def __init__(self, left: Frame, right: Frame, delayed: bool) -> None:
        self.left_frame = left
        self.right_frame = right
        self.delayed = delayed
        self.left: Pick
        self.right: Pick
        self.frame = EMPTY[0]
        self.clashes: Sequence[Identity] | None = None

    def fit(self, left: Frame, right: Frame, delayed: bool) -> bool:
        return left is self.left_frame and right is self.right_frame and delayed is self.delayed

    def pick(self, left: Sequence[int], right: Sequence[int]) -> None:
        self.left = picker(left, len(self.left_frame.names))
        self.right = picker(right, len(self.right_frame.names))


def _check_clashes(identities: Sequence[Identity], ctx: Context) -> None:
    if len(set(identities)) < len(identities):
        raise EvalError("multiple matches for labels: grouping labels must ensure unique matches")
    # With delayed names, elements of two match groups may still be told apart in the end.
    if not ctx.delayed and len({identity[1:] for identity in identities}) < len(identities):
        raise EvalError("vector cannot contain metrics with the same labelset")


Pairing = Callable[[Frame, Frame, Context], _Pairs]


def _paired_plan(combine: Combine, lhs: ColumnPlan, rhs: ColumnPlan, pair: Pairing) -> ColumnPlan:
    pairs: _Pairs | None = None
    subset = Subset()

    def plan(ctx: Context, t: int) -> Column:
        nonlocal pairs
        left, left_values = lhs(ctx, t)
        right, right_values = rhs(ctx, t)
        if not left_values or not right_values:
            return EMPTY
        ctx.tick(len(left_values) + len(right_values))
        if pairs is None or not pairs.fit(left, right, ctx.delayed):
            pairs = pair(left, right, ctx)
        if not pairs.frame.names:
            return EMPTY
        values, mask = combine(pairs.left(left_values), pairs.right(right_values))
        if pairs.clashes is not None:
            _check_clashes(pairs.clashes if mask is None else list(compress(pairs.clashes, mask)), ctx)
        return (pairs.frame, values) if mask is None else subset(pairs.frame, values, mask)

    return plan


def one_to_one_plan(
    combine: Combine, lhs: ColumnPlan, rhs: ColumnPlan, matching: Matching, *, keeps_name: bool
) -> ColumnPlan:
    key = key_of(matching)
    drops_labels = matching.on != ("__name__" in matching.labels)
    keeps = keeps_name and not drops_labels
    ignored = frozenset(matching.labels)

    def result_of(found: Key, labels: Labels) -> Labels:
        if keeps_name and not matching.on and not METADATA.isdisjoint(dict(labels)):
            return tuple([pair for pair in labels if pair[0] not in ignored])
        return found[1:] if found and found[0][0] == "__name__" else found

    def pair(left: Frame, right: Frame, ctx: Context) -> _Pairs:
        partners = _index(right, key, "right")
        pairs = _Pairs(left, right, ctx.delayed)
        lefts: list[int] = []
        rights: list[int] = []
        names: list[str] = []
        result: list[Labels] = []
        matched = set()
        for place, (name, labels) in enumerate(zip(left.names, left.labels, strict=True)):
            found = key(name, labels)
            partner = partners.get(found)
            if partner is None:
                continue
            if found in matched:
                raise EvalError(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                )
            matched.add(found)
            lefts.append(place)
            rights.append(partner)
            names.append(name if keeps else "" if drops_labels else drop_name(name, ctx))
            result.append(result_of(found, labels))
        pairs.pick(lefts, rights)
        pairs.frame = Frame(names, result)
        return pairs

    return _paired_plan(combine, lhs, rhs, pair)


def group_plan(
    combine: Combine, lhs: ColumnPlan, rhs: ColumnPlan, matching: Matching, *, keeps_name: bool
) -> ColumnPlan:
    """``group_left`` and ``group_right``: labels of the "many" side, ``include`` copied from the "one" side."""
    key = key_of(matching)
    left_is_many = matching.card is Card.MANY_TO_ONE

    def pair(left: Frame, right: Frame, ctx: Context) -> _Pairs:
        many, one = (left, right) if left_is_many else (right, left)
        partners = _index(one, key, "right" if left_is_many else "left")
        pairs = _Pairs(left, right, ctx.delayed)
        manys: list[int] = []
        ones: list[int] = []
        names: list[str] = []
        result: list[Labels] = []
        identities: list[Identity] = []
        for place, (name, labels) in enumerate(zip(many.names, many.labels, strict=True)):
            found = key(name, labels)
            partner = partners.get(found)
            if partner is None:
                continue
            kept = name if keeps_name else drop_name(name, ctx)
            if not keeps_name:
                labels = without_metadata(labels)  # noqa: PLW2901 - the result's
            for label in matching.include:
                if label == "__name__":
                    given = one.names[partner]
                    kept = Dropped(given) if ctx.delayed and not keeps_name else given
                else:
                    labels = set_label(labels, label, _get(one.labels[partner], label))  # noqa: PLW2901 - the result's
            manys.append(place)
            ones.append(partner)
            names.append(kept)
            result.append(labels)
            identities.append((found, kept, labels))
        pairs.pick(*((manys, ones) if left_is_many else (ones, manys)))
        pairs.frame = Frame(names, result)
        pairs.clashes = identities if len(set(zip(names, result, strict=True))) < len(names) else None
        return pairs

    return _paired_plan(combine, lhs, rhs, pair)


def _index(frame: Frame, key: Callable[[str, Labels], Key], side: str) -> dict[Key, int]:
    index: dict[Key, int] = {}
    for place, found in enumerate(map(key, frame.names, frame.labels)):
        if found in index:
            pair = sorted(_braces(frame.labels[one], frame.names[one]) for one in (place, index[found]))
            raise EvalError(
                f"found duplicate series for the match group {_braces(found)} on the {side} hand-side of "
                f"the operation: [{', '.join(pair)}];many-to-many matching not allowed: "
                "matching labels must be unique on one side"
            )
        index[found] = place
    return index


def _get(labels: Labels, name: str) -> str:
    return next((value for label, value in labels if label == name), "")


def _braces(labels: Labels, name: str = "") -> str:
    pairs = (("__name__", name), *labels) if name else labels
    return "{" + ", ".join(f"{quoted_name(label)}={quote(value)}" for label, value in pairs) + "}"
