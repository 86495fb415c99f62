"""Reads whole expressions: operands, operators with their modifiers, calls and aggregations."""

from __future__ import annotations

from typing import Final

from rules.promql.ast import ValueType
from rules.promql.diagnose.mistakes import (
    AFTER_AGGREGATION,
    AFTER_OPERATOR,
    check_number,
    check_string,
    check_token,
    name_of,
    refuse,
    refuse_stray,
)
from rules.promql.diagnose.operands import Operand, Operation, Shape
from rules.promql.diagnose.selector import NUMBERS, SelectorReader
from rules.promql.diagnose.signatures import AGGREGATIONS, FUNCTIONS
from rules.promql.tokens import Token, TokenKind

_PRECEDENCE: Final = {
    "or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, "<": 3, ">": 3, "<=": 3, ">=": 3, "+": 4, "-": 4,
    "*": 5, "/": 5, "%": 5, "atan2": 5, "^": 6,
}  # fmt: skip
_WORD_OPERATORS: Final = ("and", "or", "unless", "atan2")
_NO_METRIC: Final = ("bool", "on", "ignoring", "group_left", "group_right")
_FILLS: Final = ("fill", "fill_left", "fill_right")


class ExpressionReader(SelectorReader):
    _bare: Token | None = None
    """The first name of a function that stands without parentheses, and so is a metric."""

    # Expressions

    def whole(self) -> None:
        self._expression()
        token = self._token
        if token.is_sign(")") and self._bare is not None:
            name = self._bare.text
            refuse(self._bare, f"'{name}' has no '(', and a ')' too many follows", f"write {name}(...)")
        if token.kind is not TokenKind.END:
            refuse_stray(token, self._tokens[self._place - 1], "an operator")

    def _expression(self) -> Operand:
        """Operands and operators, by precedence and without recursion: a chain may be long."""
        operands = [self._signed()]
        waiting: list[tuple[int, Operation]] = []
        while True:
            operation = self._operation()
            if operation is None:
                break
            rank = _PRECEDENCE[operation.name]
            while waiting and (waiting[-1][0] > rank or (waiting[-1][0] == rank and operation.name != "^")):
                self._reduce(operands, waiting.pop()[1])
            waiting.append((rank, operation))
            operands.append(self._signed())
        while waiting:
            self._reduce(operands, waiting.pop()[1])
        return operands[0]

    def _reduce(self, operands: list[Operand], operation: Operation) -> None:
        right, left = operands.pop(), operands.pop()
        operands.append(self.typing.binary(operation, left, right))

    def _operation(self) -> Operation | None:
        """An operator with what may follow it, or None when there is no operator here."""
        token = self._token
        name = token.text.lower()
        if name not in _PRECEDENCE or token.kind not in (TokenKind.SIGN, TokenKind.WORD):
            return None
        self._next()
        operation = Operation(name, token)
        if self._token.is_word("bool"):
            operation.bool_ = self._next()
        if self._token.is_word("on", "ignoring"):
            operation.matching = self._next()
            operation.labels = self._labels(operation.matching)
            if self._token.is_word("group_left", "group_right"):
                operation.group = self._next()
                if self._token.is_sign("("):
                    operation.include = self._labels(operation.group)
            if self._token.is_word("on", "ignoring"):
                refuse(self._token, "an operator takes either on(...) or ignoring(...)", "keep one of the two")
        if self._token.is_word("bool"):
            refuse(self._token, "'bool' comes first", "write it right after the comparison: x > bool on (label) y")
        if self._token.is_word(*_FILLS) and self._peek().is_sign("("):
            refuse(self._token, "the fill modifiers are experimental in Prometheus", "use 'or' with a default")
        if self._token.is_word("group_left", "group_right"):
            refuse(self._token, f"'{self._token.text}' needs on(...) or ignoring(...) before it", AFTER_OPERATOR)
        return operation

    def _signed(self) -> Operand:
        sign: Token | None = None
        while self._token.is_sign("+", "-"):
            sign = sign or self._token
            self._next()
        operand = self._modified(self._operand())
        return operand if sign is None else self.typing.unary(sign, operand)

    def _operand(self) -> Operand:
        token = self._token
        if token.is_sign("("):
            self._next()
            if self._token.is_sign(")"):
                refuse(token, "there is nothing between '(' and ')'", "write an expression, or remove them")
            inside = self._expression()
            self._close(token, ")", "an operator or ')'")
            return Operand(inside.type, token.start)
        if token.is_sign("{"):
            return self._selector(token, named=None)
        if token.kind is TokenKind.NUMBER:
            check_number(self._next())
            return Operand(ValueType.SCALAR, token.start)
        if token.kind is TokenKind.STRING:
            check_string(self._next())
            return Operand(ValueType.STRING, token.start, literal=token)
        if token.kind is TokenKind.WORD:
            return self._word(token)
        return self._missing(token)

    def _missing(self, token: Token) -> Operand:
        """Refuse a token where an operand must begin."""
        before = self._tokens[self._place - 1] if self._place else None
        if before is None:
            check_token(token)
            if token.kind is TokenKind.END:
                refuse(token, "there is no expression, only a comment", "write a PromQL expression")
            refuse(
                token,
                f"an expression cannot begin with {name_of(token)}",
                "begin with a metric, a function or a number",
            )
        if token.kind is TokenKind.WRONG or token.kind is TokenKind.OPEN_STRING:
            check_token(token)
        if before.is_sign("%") and self._place > 1 and self._tokens[self._place - 2].kind is TokenKind.NUMBER:
            refuse(
                before, "'%' divides and gives the rest; it is no unit", "write 0.05 for 5 percent, or compare with 5"
            )
        if before.is_sign("<", ">") and token.is_sign("/"):
            message = "the operators </ and >/ for native histograms are experimental in Prometheus"
            refuse(before, message, "use histogram_fraction")
        if before.is_sign("(") and token.kind is TokenKind.END:
            refuse(before, "this '(' is never closed", "write an expression and the ')' behind it")
        if before.is_sign("(", ","):
            extra = "remove the ','" if before.is_sign(",") else "write one here"
            refuse(token, f"expected an expression after '{before.text}', not {name_of(token)}", extra)
        if token.kind is TokenKind.END or token.is_sign(")", ","):
            refuse(before, f"the right-hand side of '{before.text}' is missing", "write what it works on")
        hint = "compare with ==" if before.text + token.text == "==" else "remove one of the two"
        return refuse(token, f"expected an expression after '{before.text}', not {name_of(token)}", hint)

    def _word(self, token: Token) -> Operand:
        word = token.text.lower()
        after = self._peek()
        if word in _WORD_OPERATORS and (word == "atan2" or _begins_operand(after)):
            return self._missing(token)
        if word in _NO_METRIC:
            hint = "write it right after the comparison: x > bool 1" if word == "bool" else AFTER_OPERATOR
            refuse(token, f"'{token.text}' is a keyword and cannot stand here", hint)
        if word in AGGREGATIONS and (after.is_sign("(") or after.is_word("by", "without")):
            return self._aggregation(token)
        if word in ("by", "without") and after.is_sign("("):
            refuse(token, f"'{word}' belongs to no aggregation", AFTER_AGGREGATION)
        if after.is_sign("("):
            return self._call(token)
        self._next()
        if word in NUMBERS:
            return Operand(ValueType.SCALAR, token.start)
        if self._bare is None and (token.text in FUNCTIONS or word in AGGREGATIONS):
            self._bare = token
        if self._token.is_sign("{"):
            return self._selector(self._token, named=token)
        return Operand(ValueType.VECTOR, token.start, Shape.SELECTOR)

    def _call(self, name: Token) -> Operand:
        self._next()
        arguments = self._arguments(self._next())
        return self.typing.call(name, arguments)

    def _aggregation(self, name: Token) -> Operand:
        self._next()
        grouped = self._grouping()
        if not self._token.is_sign("("):
            check_token(self._token)
            hint = f"write {name.text} by (label) (expression)"
            refuse(self._token, f"expected '(' and what to aggregate, not {name_of(self._token)}", hint)
        arguments = self._arguments(self._next())
        if self._token.is_word("by", "without"):
            if grouped:
                refuse(self._token, f"{name.text} is grouped a second time", "keep one by(...) or without(...)")
            self._grouping()
        return self.typing.aggregation(name, arguments)

    def _grouping(self) -> bool:
        if not self._token.is_word("by", "without"):
            return False
        self._labels(self._next())
        return True

    def _arguments(self, opened: Token) -> list[Operand]:
        found: list[Operand] = []
        if self._token.is_sign(")"):
            self._next()
            return found
        while True:
            found.append(self._expression())
            if not self._token.is_sign(","):
                self._close(opened, ")", "an operator, ',' or ')'")
                return found
            comma = self._next()
            if self._token.is_sign(")"):
                refuse(comma, "an argument is missing after this ','", "remove the ',' or write the argument")


def _begins_operand(token: Token) -> bool:
    """So a word operator before it has lost its left side; else it is a metric of that name, which is allowed."""
    if token.kind is TokenKind.WORD:
        return token.text.lower() not in _PRECEDENCE and not token.is_word("offset")
    return token.kind in (TokenKind.NUMBER, TokenKind.STRING) or token.is_sign("(")
