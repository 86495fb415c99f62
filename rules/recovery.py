"""The recovery of a rule as PromQL: an expression with an element where fresh data shows the condition to be false.

It is for people, to look at (``tocsin explain --rule``) and to query. What the engine decides by is ``rules.evidence``,
which follows the labels of one alert inwards; both take an expression apart in the same places:

======================  ===========================================================================
``a > 1``               ``a <= 1``
``a and b``             ``not a or not b``, matched as the ``and`` was
``a or b``              ``not a and not b``
``a unless b``          ``not a or b``; of ``absent(b)``, ``not a or not b``
``sum by (x) (a > 1)``  ``count by (x) (not a) unless count by (x) (a > 1)``
``topk(3, a)``          ``a unless topk(3, a)``
``absent(a)``           ``a``
``-c``, ``f(c)``, ...   the same of the condition ``c`` in it
======================  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rules.evidence import Recordings
from rules.promql.ast import Aggregate, Binary, Call, Card, Expr, Matching, Negate, Subquery, VectorSelector
from rules.promql.walk import ABSENT, COMPARISONS, SELECTING, metric_name, parts

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_WHOLE = Matching(Card.MANY_TO_MANY, on=False, labels=())


def recovery(expr: Expr) -> Expr | None:
    """None when no data can show that the condition is false."""
    match expr:
        case Binary(op="and"):
            return _either(recovery(expr.lhs), recovery(expr.rhs), expr.matching)
        case Binary(op="unless"):
            return _either(recovery(expr.lhs), taker(expr), expr.matching)
        case Binary(op="or"):
            left, right = recovery(expr.lhs), recovery(expr.rhs)
            return None if left is None or right is None else Binary("and", left, right, _sets(expr.matching))
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            opposite = replace(expr, op=_OPPOSITE[expr.op])
            return _either(opposite, _of_parts(expr), expr.matching)
        case Aggregate() if expr.op in SELECTING:
            return _either(Binary("unless", expr.expr, expr, _WHOLE), recovery(expr.expr), None)
        case Aggregate():
            inner = recovery(expr.expr)
            return None if inner is None else Binary("unless", _count(expr, inner), _count(expr, expr.expr), _WHOLE)
        case Call() if expr.func in ABSENT:
            found = expr.args[0]
            return found if expr.func == "absent" else Call("present_over_time", (found,))
        case Call(func="label_replace" | "label_join"):
            inner = recovery(expr.args[0])
            return None if inner is None else replace(expr, args=(inner, *expr.args[1:]))
    return _of_parts(expr)


def taker(expr: Binary) -> Expr | None:
    """What fresh data must have for an ``unless`` to take an element away. That something is missing shows nothing."""
    right = expr.rhs
    return recovery(right.args[0]) if isinstance(right, Call) and right.func in ABSENT else right


def unfolded(expr: Expr, recordings: Recordings) -> Expr:
    """The expression with the conditions written out that a rule records and a plain selector of it reads.

    A selector with further matchers, or what several rules record, stays: the text would not mean the same.
    """
    if isinstance(expr, VectorSelector):
        made = recordings.get(metric_name(expr), ())
        if len(made) != 1 or made[0][0] or len(expr.matchers) != 1 or expr.offset or expr.at:
            return expr
        others = {name: rules for name, rules in recordings.items() if name != metric_name(expr)}
        inner = unfolded(made[0][1], others)
        return expr if recovery(inner) is None else inner
    if isinstance(expr, Binary):
        return replace(expr, lhs=unfolded(expr.lhs, recordings), rhs=unfolded(expr.rhs, recordings))
    if isinstance(expr, Aggregate | Negate):
        return replace(expr, expr=unfolded(expr.expr, recordings))
    return expr


def selectors(expr: Expr) -> Iterator[VectorSelector]:
    """What the expression reads, each once, as it looks now: without windows, offsets and ``@``."""
    seen = set()
    waiting = [expr]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, VectorSelector):
            plain = replace(part, offset=0, at=None)
            if plain not in seen:
                seen.add(plain)
                yield plain
        waiting.extend(parts(part))


def _of_parts(expr: Expr) -> Expr | None:
    """Any of the conditions among the parts is false."""
    found: Expr | None = None
    matching = expr.matching if isinstance(expr, Binary) else None
    for part in parts(expr):
        inner = recovery(part) if isinstance(part, Aggregate | Binary | Call | Negate | Subquery) else None
        found = _either(found, inner, matching)
    return found


def _either(one: Expr | None, other: Expr | None, matching: Matching | None) -> Expr | None:
    if one is None or other is None:
        return one if other is None else other
    return Binary("or", one, other, _sets(matching))


def _sets(matching: Matching | None) -> Matching:
    """The same labels, for an operator of sets, which has no ``group_left``."""
    return _WHOLE if matching is None else Matching(Card.MANY_TO_MANY, matching.on, matching.labels)


def _count(group: Aggregate, of: Expr) -> Aggregate:
    return replace(group, op="count", expr=of, param=None)
