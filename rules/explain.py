"""A rule in words: when it fires, and which fresh data takes its alerts back."""

from __future__ import annotations

from collections.abc import Iterator

from rules.evidence import Recordings
from rules.files import AlertingRule
from rules.lookback import duration, has_absent, longest_reach
from rules.promql.api_json import api_value
from rules.promql.ast import (
    Aggregate,
    At,
    AtKind,
    Binary,
    Call,
    Card,
    Expr,
    Matching,
    MatrixSelector,
    Negate,
    Number,
    String,
    Subquery,
    VectorSelector,
)
from rules.promql.names import quoted_name, selector_text
from rules.promql.walk import COMPARISONS, SELECTING, parts
from rules.recovery import recovery, selectors, taker, unfolded
from rules.template.printing import quote, show_float

_INDENT = "  "
_NO_RECORDINGS: Recordings = {}


def explain_rule(rule: AlertingRule, recordings: Recordings = _NO_RECORDINGS) -> list[str]:
    """Lines for people; what is indented belongs to the line above it. ``recordings`` are the rules it may read."""
    expr = unfolded(rule.expr, recordings)
    lines = []
    if rule.for_:
        lines.append(
            f"waits {duration(rule.for_)} (for) while the condition holds; one evaluation without it starts over"
        )
    if has_absent(rule.expr):
        lines.append("after a start it waits for two cycles, because it asks for what is not there")
    reach = longest_reach(rule.expr)
    if reach is not None:
        lines.append(f"after a start it waits {duration(reach.waits)}, until half of its window is known")
    lines.append("a firing alert recovers only when fresh data for its labels shows this:")
    lines += [_INDENT + line for line in _over(expr)]
    text = recovery_text(expr)
    if text:
        lines += ["the same as PromQL:", _INDENT + text]
    if rule.keep_firing_for:
        lines.append(f"it is then kept firing for {duration(rule.keep_firing_for)} (keep_firing_for)")
    lines.append("while data is missing the alert is held as no_data")
    return lines


def recovery_text(expr: Expr, recordings: Recordings = _NO_RECORDINGS) -> str:
    """PromQL that has an element where fresh data shows that the condition is false; empty when nothing can."""
    found = recovery(unfolded(expr, recordings))
    return "" if found is None else show(found)


def read_texts(expr: Expr) -> list[str]:
    """The selectors of the expression, as PromQL that says what they find now."""
    return [show(selector) for selector in selectors(expr)]


def _over(expr: Expr) -> Iterator[str]:
    """What shows that the condition does not hold, as an indented list."""
    match expr:
        case Binary(op="and"):
            yield "either of these:"
            yield from _list((expr.lhs, expr.rhs))
        case Binary(op="or"):
            yield "both of these (a side that had no data while the alert was true does not count):"
            yield from _list((expr.lhs, expr.rhs))
        case Binary(op="unless"):
            right = taker(expr)
            if right is not None:
                yield f"there is {show(right)}, or:"
            yield from _list((expr.lhs,))
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            yield f"{show(expr.lhs)} has a value that is not {expr.op} {show(expr.rhs)}"
            for side in (expr.lhs, expr.rhs):
                if _conditional(side):
                    yield "or:"
                    yield from _list((side,))
        case Aggregate() if expr.op in SELECTING:
            yield f"{show(expr.expr)} has a value and is not among the {expr.op}"
        case Call(func="absent" | "absent_over_time"):
            yield f"there is {show(expr.args[0])}"
        case _:
            inner = [part for part in parts(expr) if _conditional(part)]
            if inner:
                yield from (line for part in inner for line in _over(part))
            else:
                yield f"nothing: {show(expr)} holds whenever it has a value, and without one nothing is known"


def _list(exprs: tuple[Expr, ...]) -> Iterator[str]:
    for expr in exprs:
        for number, line in enumerate(_over(expr)):
            yield ("- " if number == 0 else _INDENT) + line


def _conditional(expr: Expr) -> bool:
    match expr:
        case Binary() if expr.op in COMPARISONS and not expr.bool_modifier:
            return True
        case Binary(op="and" | "or" | "unless") | Call(func="absent" | "absent_over_time"):
            return True
        case Aggregate() if expr.op in SELECTING:
            return True
    return any(_conditional(part) for part in parts(expr))


def show(expr: Expr) -> str:
    """The expression as PromQL text, for reading; it is never parsed back."""
    match expr:
        case Number():
            return show_float(expr.value, "g", None)
        case String():
            return quote(expr.value)
        case VectorSelector():
            return _selector(expr) + _when(expr.offset, expr.at)
        case MatrixSelector():
            selector = expr.selector
            return f"{_selector(selector)}[{duration(expr.range)}]{_when(selector.offset, selector.at)}"
        case Subquery():
            step = duration(expr.step) if expr.step else ""
            return f"{_operand(expr.expr)}[{duration(expr.range)}:{step}]{_when(expr.offset, expr.at)}"
        case Negate():
            return f"-{_operand(expr.expr)}"
        case Call():
            return f"{expr.func}({', '.join(map(show, expr.args))})"
        case Aggregate():
            by = f" {'without' if expr.without else 'by'} ({_names(expr.labels)})" if expr.grouped else ""
            inner = show(expr.expr) if expr.param is None else f"{show(expr.param)}, {show(expr.expr)}"
            return f"{expr.op}{by} ({inner})" if by else f"{expr.op}({inner})"
    word = expr.op + (" bool" if expr.bool_modifier else "") + _matching(expr.matching)
    return f"{_operand(expr.lhs)} {word} {_operand(expr.rhs)}"


def _operand(expr: Expr) -> str:
    return f"({show(expr)})" if isinstance(expr, Binary) else show(expr)


def _selector(selector: VectorSelector) -> str:
    name = next((m.value for m in selector.matchers if m.name == "__name__" and m.op.value == "="), "")
    rest = [m for m in selector.matchers if not (m.name == "__name__" and m.op.value == "=" and m.value == name)]
    return selector_text(name, [f"{quoted_name(m.name)}{m.op.value}{quote(m.value)}" for m in rest])


def _when(offset: int, at: At | None) -> str:
    text = ""
    if at is not None:
        text = f" @ {api_value(at.time / 1000)}" if at.kind is AtKind.TIME else f" @ {at.kind.value}()"
    if offset:
        text += f" offset {'-' if offset < 0 else ''}{duration(abs(offset))}"
    return text


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(map(quoted_name, labels))


def _matching(matching: Matching | None) -> str:
    if matching is None:
        return ""
    text = (
        f" {'on' if matching.on else 'ignoring'} ({_names(matching.labels)})" if matching.on or matching.labels else ""
    )
    if matching.card in (Card.MANY_TO_ONE, Card.ONE_TO_MANY):
        # Also when it is empty: what follows may begin with a bracket.
        text += f" {matching.card.value} ({_names(matching.include)})"
    return text
