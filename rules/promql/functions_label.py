"""Functions about labels and presence: ``label_replace``, ``label_join``, ``absent``, sorting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cmp_to_key
from math import isnan
from typing import Any, Final

from rules.model import Labels
from rules.promql.ast import Expr, MatchOp, MatrixSelector, VectorSelector
from rules.promql.columns import EMPTY, ColumnPlan, Frame
from rules.promql.errors import EvalError, ExprError
from rules.promql.match import compile_regex
from rules.promql.values import Context, Item, MatrixPlan, VectorPlan, check_unique, set_label

MAX_VALUE: Final = 4_096
"""Characters of a label value that a function may make. Nested in each other, a few would fill the memory."""
_PIECE: Final = 64
"""Characters of text that cost as much as reading a sample."""
_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def _check_label(function: str, name: str) -> None:
    if not name:
        raise ExprError(f"invalid destination label name in {function}(): {name}", "name the label to write")


def _get(name: str, labels: Labels, label: str) -> str:
    if label == "__name__":
        return str(name)
    return next((value for key, value in labels if key == label), "")


def _set(item: Item, label: str, value: str) -> Item:
    name, labels, number = item
    return (value, labels, number) if label == "__name__" else (name, set_label(labels, label, value), number)


def expand(template: str, match: Any) -> str:
    """Go's ``Regexp.Expand``: ``$1``, ``$name``, ``${name}``, ``$$``; an unknown group is empty, a lone ``$`` stays."""
    size = len(template)

    def replace(reference: re.Match[str]) -> str:
        nonlocal size
        if reference[1]:
            return "$"
        group = reference[2] or reference[3]
        try:
            text: str = match.group(int(group) if group.isdigit() else group) or ""
        except (IndexError, KeyError):
            return ""
        size += len(text)
        if size > MAX_VALUE + len(template):
            raise _too_long("label_replace")
        return text

    made = _REFERENCE.sub(replace, template)
    if len(made) > MAX_VALUE:
        raise _too_long("label_replace")
    return made


def _too_long(function: str) -> EvalError:
    return EvalError(f"{function}() makes a label value of more than {MAX_VALUE} characters")


def _charge(ctx: Context, size: int) -> None:
    """Account for a text of so many characters before work is done on it."""
    ctx.charge(1 + size // _PIECE)


_PER_STEP: Final = 8
"""What a step of a regex costs besides its groups, in groups. A step and group take at most 0.7 ns."""
_MOST_WORK: Final = 50_000_000
"""One match is one call, which no clock interrupts: about 35 ms."""
_WORK_OF_ELEMENT: Final = 400


def label_replace_plan(vector: VectorPlan, target: str, template: str, source: str, pattern: str) -> VectorPlan:
    _check_label("label_replace", target)
    regex = compile_regex(pattern)
    fullmatch, cost = regex.fullmatch, regex.programsize * (_PER_STEP + regex.groups)

    def plan(ctx: Context, t: int) -> list[Item]:
        out: list[Item] = []
        for item in vector(ctx, t):
            value = _get(item[0], item[1], source)
            work = cost * len(value)
            if work > _MOST_WORK:
                raise EvalError(f"the regex of label_replace() is too large for a value of {len(value)} characters")
            ctx.tick(work // _WORK_OF_ELEMENT)
            _charge(ctx, len(value))
            match = fullmatch(value)
            out.append(item if match is None else _set(item, target, expand(template, match)))
        check_unique(out)
        return out

    return plan


def label_join_plan(vector: VectorPlan, target: str, separator: str, sources: Sequence[str]) -> VectorPlan:
    _check_label("label_join", target)

    def plan(ctx: Context, t: int) -> list[Item]:
        out: list[Item] = []
        for item in vector(ctx, t):
            parts = [_get(item[0], item[1], source) for source in sources]
            size = sum(map(len, parts)) + len(separator) * (len(parts) - 1)
            if size > MAX_VALUE:
                raise _too_long("label_join")
            _charge(ctx, size)
            out.append(_set(item, target, separator.join(parts)))
        check_unique(out)
        return out

    return plan


def absent_labels(argument: Expr) -> Labels:
    """The labels of ``absent``'s element: what the selector demands with ``=``, each label named once."""
    selector = argument.selector if isinstance(argument, MatrixSelector) else argument
    if not isinstance(selector, VectorSelector):
        return ()
    named = [matcher.name for matcher in selector.matchers]
    pairs = [
        (matcher.name, matcher.value)
        for matcher in selector.matchers
        if matcher.op is MatchOp.EQ and matcher.value and matcher.name != "__name__" and named.count(matcher.name) == 1
    ]
    return tuple(sorted(pairs))


def absent_plan(vector: ColumnPlan, labels: Labels) -> ColumnPlan:
    found = Frame(("",), (labels,)), (1.0,)
    return lambda ctx, t: EMPTY if vector(ctx, t)[1] else found


def absent_over_time_plan(matrix: MatrixPlan, labels: Labels) -> VectorPlan:
    return lambda ctx, t: [] if matrix(ctx, t)[0] else [("", labels, 1.0)]


def sort_plan(vector: VectorPlan, *, descending: bool) -> VectorPlan:
    """By value, NaN last either way."""
    sign = -1.0 if descending else 1.0

    def rank(item: Item) -> tuple[bool, float]:
        value = item[2]
        return (True, 0.0) if isnan(value) else (False, sign * value)

    return lambda ctx, t: sorted(vector(ctx, t), key=rank)


_RUNS: Final = re.compile(r"\d+|\D+", re.ASCII)


def _natural(a: str, b: str) -> int:
    """Compare texts with runs of digits as numbers."""
    for left, right in zip(_RUNS.findall(a), _RUNS.findall(b), strict=False):
        if left == right:
            continue
        if left[0].isdigit() and right[0].isdigit() and int(left) != int(right):
            return -1 if int(left) < int(right) else 1
        return -1 if left < right else 1
    return (len(a) > len(b)) - (len(a) < len(b))


def sort_by_label_plan(vector: VectorPlan, by: Sequence[str], *, descending: bool) -> VectorPlan:
    def compare(a: Item, b: Item) -> int:
        for label in by:
            order = _natural(_get(a[0], a[1], label), _get(b[0], b[1], label))
            if order:
                return -order if descending else order
        left, right = (("__name__", a[0]), *a[1]), (("__name__", b[0]), *b[1])
        order = (left > right) - (left < right)
        return -order if descending else order

    return lambda ctx, t: sorted(vector(ctx, t), key=cmp_to_key(compare))
