"""From text to our values: the one place that knows the parser library (promql-parser, a Rust grammar).

The library checks the grammar, argument types and counts, and regular expressions; the guard runs before it. This
adapter adds what it lets through: disallowed experimental functions, ``or`` between matchers, ``fill`` modifiers,
result types. Its printed form is not a safe round trip, so nothing here ever re-parses printed text.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import promql_parser as native

from rules.promql.ast import (
    Aggregate,
    At,
    AtKind,
    Binary,
    Call,
    Card,
    Expr,
    Matcher,
    Matching,
    MatchOp,
    MatrixSelector,
    Negate,
    Number,
    String,
    Subquery,
    ValueType,
    VectorSelector,
    Watched,
)
from rules.promql.errors import ExprError
from rules.promql.guard import check_text
from rules.promql.shield import shield, unshield
from rules.promql.spelling import STRAY, readable, respell, signed_time
from rules.promql.tables import EVALUATED, EXPERIMENTAL, NATIVE_ONLY, SCALAR_FUNCTIONS

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MAX_DURATION: Final = 100 * 365 * 86_400_000
_OPS: Final = (
    (native.MatchOp.Equal, MatchOp.EQ),
    (native.MatchOp.NotEqual, MatchOp.NE),
    (native.MatchOp.Re, MatchOp.RE),
    (native.MatchOp.NotRe, MatchOp.NRE),
)
_REGEXES: Final = (MatchOp.RE, MatchOp.NRE)
_CARDS: Final = (
    (native.VectorMatchCardinality.OneToOne, Card.ONE_TO_ONE),
    (native.VectorMatchCardinality.ManyToOne, Card.MANY_TO_ONE),
    (native.VectorMatchCardinality.OneToMany, Card.ONE_TO_MANY),
    (native.VectorMatchCardinality.ManyToMany, Card.MANY_TO_MANY),
)
_ONE_TO_ONE: Final = Matching(Card.ONE_TO_ONE, on=False, labels=())


def parse(text: str, *, experimental: bool = False) -> Expr:
    """The expression that ``text`` says, or ``ExprError``. Call it from a thread with a stack of at least 1 MiB.

    ``experimental`` also lets the experimental functions through that the evaluator has; product code leaves it off.
    """
    check_text(text)
    try:
        return _Adapter(experimental).convert(_native(text))
    except ExprError as error:
        from rules.promql.diagnose import diagnose  # noqa: PLC0415 - only a mistake needs it

        raise diagnose(text, experimental=experimental) or error from None
    except OverflowError:
        raise ExprError("a duration is out of range", "at most 100 years") from None
    except RecursionError:  # the caller stood deep in its own stack already
        raise ExprError("expression is nested too deeply", "split it with recording rules") from None


def _native(text: str) -> Any:
    """The library's tree. Its messages have no position; ``diagnose`` finds most of them again, with one."""
    return _tree(respell(text))


def _tree(spelled: str) -> Any:
    try:
        return native.parse(spelled)
    except (ValueError, OverflowError) as error:
        if str(error).startswith("illegal regex") and (disguised := shield(spelled)) != spelled:
            return _tree(disguised)
        raise ExprError(str(error)) from None
    except BaseException as error:  # the library's panic has a class of its own that nobody can import
        if type(error).__name__ != "PanicException":
            raise
        raise ExprError(f"the parser cannot read this: {error}", "write it more simply") from None


def value_type(expr: Expr | Watched) -> ValueType:
    """What evaluating ``expr`` gives."""
    match expr:
        case Number():
            return ValueType.SCALAR
        case String():
            return ValueType.STRING
        case MatrixSelector() | Subquery():
            return ValueType.MATRIX
        case Negate(operand) | Watched(operand, _):
            return value_type(operand)
        case Call(func, _):
            return ValueType.SCALAR if func in SCALAR_FUNCTIONS else ValueType.VECTOR
        case Binary(_, lhs, rhs, matching=None):
            return ValueType.SCALAR if value_type(lhs) is value_type(rhs) is ValueType.SCALAR else ValueType.VECTOR
        case _:
            return ValueType.VECTOR


class _Adapter:
    """Converts one tree, one stack frame per level."""

    def __init__(self, experimental: bool) -> None:
        self._experimental = experimental

    def convert(self, node: Any) -> Expr:
        match node:
            case native.NumberLiteral():
                return Number(node.val)
            case native.StringLiteral():
                return String(_text(node.val))
            case native.ParenExpr():
                return self.convert(node.expr)
            case native.UnaryExpr():
                operand = self.convert(node.expr)
                return Number(-operand.value) if isinstance(operand, Number) else Negate(operand)
            case native.VectorSelector():
                return self._selector(node)
            case native.MatrixSelector():
                return MatrixSelector(self._selector(node.vector_selector), _span(node.range))
            case native.SubqueryExpr():
                step = None if node.step is None else _span(node.step)
                return Subquery(self.convert(node.expr), _span(node.range), step, _offset(node), _at(node))
            case native.Call():
                self._check_function(node.func)
                return Call(node.func.name, tuple(map(self.convert, node.args)))
            case native.AggregateExpr():
                return self._aggregate(node)
            case native.BinaryExpr():
                return self._binary(node)
        raise ExprError(f"unknown syntax {type(node).__name__}", "use the stable syntax of Prometheus 3")

    def _check_function(self, function: Any) -> None:
        name = function.name
        if name in NATIVE_ONLY:
            raise ExprError(f"function {name} is for native histograms, which are not supported", NATIVE_ONLY[name])
        if (function.experimental or name in EXPERIMENTAL) and not (self._experimental and name in EVALUATED):
            hint = EXPERIMENTAL.get(name, "use the stable functions only")
            raise ExprError(f"function {name} is experimental in Prometheus", hint)

    def _selector(self, node: Any) -> VectorSelector:
        if node.matchers.or_matchers:
            raise ExprError("'or' between label matchers is not PromQL", "use a regex matcher or two selectors")
        named = () if node.name is None else (Matcher(MatchOp.EQ, "__name__", node.name),)
        rest = tuple(map(_matcher, node.matchers.matchers))
        return VectorSelector(_undisguised(named + rest), _offset(node), _at(node))

    def _aggregate(self, node: Any) -> Aggregate:
        op = str(node.op)
        if op in EXPERIMENTAL and not (self._experimental and op in EVALUATED):
            raise ExprError(f"aggregation {op} is experimental in Prometheus", EXPERIMENTAL[op])
        if op == "count_values" and isinstance(node.param, native.StringLiteral) and STRAY.search(node.param.val):
            raise ExprError(f"invalid label name {readable(node.param.val)}", "a label name is UTF-8")
        expr = self.convert(node.expr)
        param = None if node.param is None else self.convert(node.param)
        modifier = node.modifier
        if modifier is None:
            return Aggregate(op, expr, param, grouped=False, without=False, labels=())
        without = modifier.type == native.AggModifierType.Without
        return Aggregate(op, expr, param, grouped=True, without=without, labels=tuple(modifier.labels))

    def _binary(self, node: Any) -> Binary:
        lhs, rhs = self.convert(node.lhs), self.convert(node.rhs)
        modifier = node.modifier
        # The right side first: in a long chain it is the short one.
        vectors = value_type(rhs) is ValueType.VECTOR and value_type(lhs) is ValueType.VECTOR
        matching = _ONE_TO_ONE if vectors else None
        if modifier is None:
            return Binary(str(node.op), lhs, rhs, matching)
        if modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None:
            raise ExprError("the fill modifiers are experimental in Prometheus", "use 'or' with a default")
        if vectors:
            by = modifier.matching
            matching = Matching(
                card=_ours(_CARDS, modifier.card),
                on=by is not None and by.type == native.LabelModifierType.Include,
                labels=() if by is None else tuple(by.labels),
                include=tuple(modifier.group_labels or ()),
            )
        elif modifier.matching is not None:
            raise ExprError("vector matching only allowed between instant vectors", "remove on() or ignoring()")
        return Binary(str(node.op), lhs, rhs, matching, modifier.return_bool)


def _matcher(node: Any) -> Matcher:
    return Matcher(_ours(_OPS, node.op), node.name, _text(node.value))


def _undisguised(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """The matchers as they were written; of disguised ones the library could not say what they match."""
    plain = tuple(replace(m, value=unshield(m.value)) if m.op in _REGEXES else m for m in matchers)
    if plain == matchers:
        return matchers
    from rules.promql.match import regex_predicate  # noqa: PLC0415 - hardly ever needed

    holds = {m: regex_predicate(m.value)("") for m in plain if m.op in _REGEXES}
    if all(holds[m] is (m.op is MatchOp.RE) if m in holds else (m.value == "") is (m.op is MatchOp.EQ) for m in plain):
        raise ExprError("the selector would match every series: no matcher demands a value", "name a metric")
    return plain


def _text(value: str) -> str:
    if STRAY.search(value):
        raise ExprError(f"{readable(value)} is not valid UTF-8", "no name and no value of a label can be this")
    return value


def _ours(pairs: tuple[tuple[Any, T], ...], theirs: Any) -> T:
    """The library's enum members compare but cannot be hashed."""
    return next(ours for member, ours in pairs if member == theirs)


def _milliseconds(duration: timedelta) -> int:
    value = duration // _MILLISECOND
    if abs(value) > _MAX_DURATION:
        raise OverflowError
    return value


def _span(duration: timedelta | None) -> int:
    """Of a range or a step; the library lets a 0 without unit through."""
    milliseconds = _milliseconds(duration or timedelta(0))
    if milliseconds <= 0:
        raise ExprError("duration must be greater than 0", "write it like [5m]")
    return milliseconds


def _offset(node: Any) -> int:
    return 0 if node.offset is None else _milliseconds(node.offset)


def _at(node: Any) -> At | None:
    modifier = node.at
    if modifier is None:
        return None
    if modifier.type == native.AtModifierType.Start:
        return At(AtKind.START)
    if modifier.type == native.AtModifierType.End:
        return At(AtKind.END)
    try:
        milliseconds = (modifier.at - _EPOCH) // _MILLISECOND
        return At(AtKind.TIME, round(signed_time(milliseconds / 1000) * 1000))
    except (ValueError, OverflowError):
        raise ExprError("timestamp out of bounds for @ modifier", "use seconds since 1970, start() or end()") from None
