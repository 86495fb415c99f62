"""Where the parts of an expression stand in its text.

The parser keeps no positions. The text is read once more, only for its words, brackets and comparisons; as both the
text and the tree are walked in the order of writing, the n-th selector of one is the n-th of the other. Where the
counts do not agree, nothing is said about that kind of part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.config.lints._walk import COMPARISONS, SETS, label_matchers, nodes
from rules.api import Aggregate, Binary, Call, Expr, Matcher, MatrixSelector, Subquery, VectorSelector

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|\#[^\n]*)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    | (?P<range>\[[^\]]*\])
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d[\w.]*(?:(?<=[eE])[+-]\d+)?|\.\d[\w.]*))
    | (?P<word>[A-Za-z_:][\w:]*)
    | (?P<op>=~|!~|==|!=|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLAUSES = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_AGGREGATES = frozenset(
    "sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio".split()  # noqa: SIM905
)
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
    for node in _post_order(expr):
        if isinstance(node, MatrixSelector | Subquery):
            yield node


def _post_order(expr: Expr) -> Iterator[Expr]:
    match expr:
        case Subquery():
            yield from _post_order(expr.expr)
        case Binary():
            yield from _post_order(expr.lhs)
            yield from _post_order(expr.rhs)
        case Call():
            for argument in expr.args:
                yield from _post_order(argument)
        case Aggregate():
            if expr.param is not None:
                yield from _post_order(expr.param)
            yield from _post_order(expr.expr)
        case _ if hasattr(expr, "expr"):
            yield from _post_order(expr.expr)
    yield expr


def _operators(expr: Expr) -> Iterator[Expr]:
    """Comparisons and set operators, left to right."""
    match expr:
        case Binary():
            yield from _operators(expr.lhs)
            if expr.op in COMPARISONS or expr.op in SETS:
                yield expr
            yield from _operators(expr.rhs)
        case Call():
            for argument in expr.args:
                yield from _operators(argument)
        case Aggregate():
            if expr.param is not None:
                yield from _operators(expr.param)
            yield from _operators(expr.expr)
        case _ if hasattr(expr, "expr"):
            yield from _operators(expr.expr)


def _scan(text: str) -> _Found:
    found = _Found()
    tokens = [(m.lastgroup, m[0], m.start()) for m in _TOKEN.finditer(text) if m.lastgroup != "space"]
    tokens.append(("end", "", len(text)))
    at = 0
    named = False  # a metric name stands right before
    while at < len(tokens) - 1:
        kind, word, offset = tokens[at]
        following = tokens[at + 1][1]
        before, named = named, False
        if kind == "range":
            found.ranges.append(offset)
        elif kind == "word":
            low = word.lower()
            if low in _CLAUSES and following == "(":
                at = _skip(tokens, at, ")")
            elif low in SETS:
                found.operators.append(offset)
            elif at and tokens[at - 1][1] == "@":
                pass  # start() or end()
            elif low in _AGGREGATES and (following == "(" or following.lower() in ("by", "without")):
                found.aggregates.append(offset)
            elif following == "(":
                found.calls.append(offset)
            elif low not in _NO_NAMES:
                found.selectors.append(offset)
                found.labels.append([])
                named = True
        elif word == "{":
            if not before:
                found.selectors.append(offset)
                found.labels.append([])
            end = _skip(tokens, at, "}")
            found.labels[-1] = [tokens[i][2] for i in range(at + 1, end) if tokens[i + 1][1] in ("=", "!=", "=~", "!~")]
            at = end
        elif kind == "op" and word in COMPARISONS:
            found.operators.append(offset)
        at += 1
    return found


def _skip(tokens: list[tuple[str | None, str, int]], at: int, closing: str) -> int:
    """The index of the closing bracket, or of the last token."""
    return next((i for i in range(at, len(tokens)) if tokens[i][1] == closing), len(tokens) - 1)
