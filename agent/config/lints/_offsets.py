"""Where the parts of an expression stand in its text.

The parser keeps no positions. The text is read once more, only for its words, brackets and comparisons; as both the
text and the tree are walked in the order of writing, the n-th selector of one is the n-th of the other. Where the
counts do not agree, nothing is said about that kind of part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.config.lints._walk import label_matchers
from rules.api import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    MatrixSelector,
    Subquery,
    Token,
    TokenKind,
    VectorSelector,
    nodes,
    parts,
    tokens,
)

_CLAUSES = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_AGGREGATES = frozenset(
    "sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio".split()  # noqa: SIM905
)
_MATCHING = ("=", "!=", "=~", "!~")
_NO_NAMES = frozenset({"bool", "offset", "inf", "nan", "atan2"})


@dataclass(slots=True)
class _Found:
    """Offsets by kind, in the order of writing. ``labels`` has one list for each selector."""

    selectors: list[int] = field(default_factory=list)
    labels: list[list[int]] = field(default_factory=list)
    ranges: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    aggregates: list[int] = field(default_factory=list)
    operators: list[int] = field(default_factory=list)


class Offsets:
    """Offsets of the parts of one expression in its text."""

    def __init__(self, text: str, expr: Expr) -> None:
        found = _scan(text)
        self._nodes: dict[int, int] = {}
        self._labels: dict[int, list[int]] = {}
        whole = list(nodes(expr))
        selectors = [node for node in whole if isinstance(node, VectorSelector)]
        pairs: tuple[tuple[list[int], list[Expr]], ...] = (
            (found.selectors, [*selectors]),
            (found.calls, [node for node in whole if isinstance(node, Call)]),
            (found.aggregates, [node for node in whole if isinstance(node, Aggregate)]),
            (found.ranges, list(_ranges(expr))),
            (found.operators, list(_operators(expr))),
        )
        for offsets, kind in pairs:
            if len(offsets) == len(kind):
                for offset, node in zip(offsets, kind, strict=True):
                    self._nodes.setdefault(id(node), offset)
        if len(found.selectors) == len(selectors):
            self._labels = {id(node): labels for labels, node in zip(found.labels, selectors, strict=True)}

    def of(self, node: Expr, matcher: Matcher | None = None) -> int:
        """The offset of a part; 0, the start of the text, where it cannot be told."""
        if matcher is not None and isinstance(node, VectorSelector):
            written = list(label_matchers(node))
            labels = self._labels.get(id(node), [])
            if len(labels) == len(written) and matcher in written:
                return labels[written.index(matcher)]
        return self._nodes.get(id(node), 0)


def _ranges(expr: Expr) -> Iterator[Expr]:
    """Parts with a window, in the order of their brackets: inner ones are closed first."""
    for part in parts(expr):
        yield from _ranges(part)
    if isinstance(expr, MatrixSelector | Subquery):
        yield expr


def _operators(expr: Expr) -> Iterator[Expr]:
    """Comparisons and set operators, left to right."""
    if not isinstance(expr, Binary):
        for part in parts(expr):
            yield from _operators(part)
        return
    yield from _operators(expr.lhs)
    if expr.op in COMPARISONS or expr.op in SET_OPERATORS:
        yield expr
    yield from _operators(expr.rhs)


def _scan(text: str) -> _Found:
    found = _Found()
    written = tokens(text)
    at = 0
    named = False  # a metric name stands right before
    while at < len(written) - 1:
        token, following = written[at], written[at + 1]
        before, named = named, False
        if token.is_sign("["):
            found.ranges.append(token.start)
            at = _skip(written, at, "]")
        elif token.kind is TokenKind.WORD:
            low = token.text.lower()
            if low in _CLAUSES and following.is_sign("("):
                at = _skip(written, at, ")")
            elif low in SET_OPERATORS:
                found.operators.append(token.start)
            elif at and written[at - 1].is_sign("@"):
                pass  # start() or end()
            elif low in _AGGREGATES and (following.is_sign("(") or following.is_word("by", "without")):
                found.aggregates.append(token.start)
            elif following.is_sign("("):
                found.calls.append(token.start)
            elif low not in _NO_NAMES:
                found.selectors.append(token.start)
                found.labels.append([])
                named = True
        elif token.is_sign("{"):
            if not before:
                found.selectors.append(token.start)
                found.labels.append([])
            end = _skip(written, at, "}")
            found.labels[-1] = [written[i].start for i in range(at + 1, end) if written[i + 1].is_sign(*_MATCHING)]
            at = end
        elif token.is_sign(*COMPARISONS):
            found.operators.append(token.start)
        at += 1
    return found


def _skip(written: list[Token], at: int, closing: str) -> int:
    """The index of the closing bracket, or of the last token."""
    return next((i for i in range(at, len(written)) if written[i].is_sign(closing)), len(written) - 1)
