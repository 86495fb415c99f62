"""Reads selectors, label lists, windows and the times behind them, up to the first token that cannot stand there."""

from __future__ import annotations

from typing import Final

from rules.promql.ast import ValueType
from rules.promql.diagnose.mistakes import (
    check_number,
    check_string,
    check_token,
    name_of,
    refuse,
    refuse_stray,
)
from rules.promql.diagnose.operands import Operand, Shape, Typing
from rules.promql.tokens import Token, TokenKind, tokens

NUMBERS: Final = ("inf", "infinity", "nan")
"""Words that are numbers."""
_COMPUTE: Final = ("step", "range", "min", "max", "min_of", "max_of")
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999."""


class SelectorReader:
    def __init__(self, text: str, typing: Typing) -> None:
        self.typing = typing
        self._tokens = tokens(text)
        self._place = 0

    # Tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._place]

    def _peek(self) -> Token:
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._token
        check_token(token)
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _close(self, opened: Token, sign: str, expected: str, hint: str = "") -> Token:
        """The sign that closes ``opened``; the end of the text is a mistake there, not here."""
        token = self._token
        if token.is_sign(sign):
            return self._next()
        if token.kind is TokenKind.END:
            refuse(opened, f"this '{opened.text}' is never closed", f"add the '{sign}' that belongs to it")
        return refuse_stray(token, self._tokens[self._place - 1], expected, hint)

    def _labels(self, keyword: Token) -> list[Token]:
        """The names in the parentheses after ``keyword``."""
        if not self._token.is_sign("("):
            check_token(self._token)
            hint = f"write {keyword.text} (label, label)"
            refuse(
                self._token, f"expected '(' and label names after '{keyword.text}', not {name_of(self._token)}", hint
            )
        opened = self._next()
        found: list[Token] = []
        while not self._token.is_sign(")"):
            found.append(self._label(f"in {keyword.text}(...)"))
            if self._token.is_sign(","):
                self._next()
            elif not self._token.is_sign(")"):
                self._close(opened, ")", "',' or ')'", "separate the names with commas")
        self._next()
        return found

    def _label(self, where: str) -> Token:
        token = self._token
        if token.kind is TokenKind.STRING:
            check_string(token)
        elif token.kind is not TokenKind.WORD:
            check_token(token)
            refuse(token, f"expected a label name {where}, not {name_of(token)}", "names begin with a letter or '_'")
        elif ":" in token.text:
            refuse(token, f"'{token.text[:40]}' is no label name", "only metric names have a ':'")
        return self._next()

    # Selectors and what may follow them

    def _selector(self, opened: Token, named: Token | None) -> Operand:
        self._next()
        matchers: list[tuple[Token, Token | None, Token]] = []
        while not self._token.is_sign("}"):
            matchers.append(self._matcher(opened))
            if self._token.is_sign(","):
                self._next()
                if self._token.is_sign(","):
                    refuse(self._token, "expected a matcher between two ','", "remove one of them")
            elif self._token.is_word("or"):
                refuse(self._token, "'or' between label matchers is not PromQL", "use a regex matcher or two selectors")
            elif not self._token.is_sign("}"):
                self._in_braces(opened, "',' or '}'")
        self._next()
        start = named.start if named is not None else opened.start
        self.typing.matchers(opened, named, matchers)
        return Operand(ValueType.VECTOR, start, Shape.SELECTOR)

    def _matcher(self, opened: Token) -> tuple[Token, Token | None, Token]:
        """Label, operator and value; a quoted metric name has no operator."""
        if self._token.kind not in (TokenKind.WORD, TokenKind.STRING):
            self._in_braces(opened, "a label name")
        label = self._label("in braces")
        operator = self._token
        if label.kind is TokenKind.STRING and not operator.is_sign("=", "!=", "=~", "!~"):
            return label, None, label
        if operator.is_sign("==", ">", "<", ">=", "<=", ":"):
            refuse(
                operator,
                f"'{operator.text}' is no label matcher",
                "matchers are =, !=, =~ and !~; a value is compared outside",
            )
        if operator.is_sign(",", "}") or operator.kind is TokenKind.STRING:
            refuse(label, f"label '{label.text[:40]}' has no matcher", f'write {label.text[:40]}="value"')
        if operator.is_sign("-") and self._peek().kind is TokenKind.WORD:
            hint = f'quote it: {{"{label.text}-{self._peek().text}"="value"}}'
            refuse(operator, "a plain label name has no '-'", hint)
        if not operator.is_sign("=", "!=", "=~", "!~"):
            self._in_braces(opened, "one of = != =~ !~")
        self._next()
        value = self._token
        if value.kind in (TokenKind.WORD, TokenKind.NUMBER):
            refuse(value, f"the value of '{label.text[:40]}' must be quoted", f'write "{value.text[:40]}"')
        if value.kind is not TokenKind.STRING:
            self._in_braces(opened, "a quoted value")
        check_string(self._next())
        return label, operator, value

    def _in_braces(self, opened: Token, expected: str) -> None:
        token = self._token
        if token.kind is TokenKind.END:
            refuse(opened, "this '{' is never closed", "add the '}' that belongs to it")
        check_token(token)
        refuse(
            token,
            f"expected {expected} inside of braces, not {name_of(token)}",
            'write name{label="value", other=~"a|b"}',
        )

    def _modified(self, operand: Operand) -> Operand:
        """Ranges, ``offset`` and ``@`` behind an operand."""
        while True:
            token = self._token
            if token.is_sign("["):
                self._brackets(operand, self._next())
            elif token.is_word("offset"):
                self._may_be_moved(operand, self._next(), twice=operand.offset)
                operand.offset = True
                self._time("offset", "offset 5m")
            elif token.is_sign("@"):
                self._may_be_moved(operand, self._next(), twice=operand.at)
                operand.at = True
                self._moment()
            else:
                return operand

    def _may_be_moved(self, operand: Operand, token: Token, *, twice: bool) -> None:
        if operand.shape is Shape.OTHER:
            hint = "write it behind the metric, inside of the function: rate(x[5m] offset 1h)"
            refuse(token, f"'{token.text}' stands only behind a selector, a range or a subquery", hint)
        if twice:
            refuse(token, f"a second '{token.text}' on the same selector", "keep one of the two")

    def _brackets(self, operand: Operand, opened: Token) -> None:
        if self._token.is_sign("]"):
            refuse(self._token, "expected a duration such as 5m in brackets", "write [5m]")
        if self._token.is_sign(":"):
            refuse(self._token, "expected the range of the subquery before ':'", "write [30m:1m]")
        self._time("[", "[5m]", opened, positive=True)
        subquery = self._token.is_sign(":")
        if subquery:
            self._next()
            if not self._token.is_sign("]"):
                self._time("[", "[30m:1m]", opened, positive=True)
        if not self._token.is_sign("]"):
            if self._token.kind is TokenKind.END:
                refuse(opened, "this '[' is never closed", "add the ']' that belongs to it")
            self._check_computed()
            check_token(self._token)
            hint = "close the '[' first"
            if self._token.is_sign(":"):
                hint = "a subquery has a range and a step: [30m:1m]"
            elif self._token.kind in (TokenKind.WORD, TokenKind.NUMBER):
                hint = "a duration has no blanks: [1h30m]"
            refuse(self._token, f"expected ']', not {name_of(self._token)}", hint)
        self._next()
        self.typing.window(operand, opened, subquery=subquery)

    def _time(self, after: str, example: str, opened: Token | None = None, *, positive: bool = False) -> None:
        """A duration, with a sign where it need not be positive."""
        if self._token.is_sign("+", "-") and self._peek().kind is TokenKind.NUMBER:
            if positive:
                signed = self._next()
                self._next()
                self._check_computed()
                refuse(signed, "a range has no sign; it always looks back", f"write it like {example}")
            self._next()
        token = self._token
        if token.kind is not TokenKind.NUMBER:
            self._check_computed()
            if token.kind is TokenKind.END and opened is not None:
                refuse(opened, "this '[' is never closed", "add the duration and the ']' that belong to it")
            check_token(token)
            hint = f"write it like {example}" + (
                "; a range looks back and is never negative" if token.is_sign("-") else ""
            )
            refuse(token, f"expected a duration after '{after}', not {name_of(token)}", hint)
        check_number(self._next())
        if positive and not token.text.strip("0.smhdwyxX_eE"):
            refuse(token, "a range and its step must be longer than 0", f"write it like {example}")

    def _check_computed(self) -> None:
        """Refuse a duration that goes on as a calculation, or begins as one."""
        token, after = self._token, self._peek()
        behind = after.kind is TokenKind.NUMBER or after.is_sign("(") or after.is_word(*_COMPUTE)
        if token.is_sign("(") or (token.is_sign(*"+-*/%^") and behind) or (token.is_word(*_COMPUTE) and behind):
            refuse(
                token, "durations that are computed are experimental in Prometheus", "write the duration, such as 10m"
            )

    def _moment(self) -> None:
        hint = "use seconds since 1970, start() or end()"
        signed = self._token.is_sign("+", "-")
        if signed:
            self._next()
        token = self._token
        if not signed and token.is_word("start", "end") and self._peek().is_sign("("):
            self._next()
            opened = self._next()
            if not self._token.is_sign(")"):
                refuse(
                    self._token, f"{token.text}() takes no argument", hint
                ) if self._token.kind is not TokenKind.END else (
                    refuse(opened, "this '(' is never closed", "add the ')' that belongs to it")
                )
            self._next()
        elif token.kind is TokenKind.NUMBER:
            check_number(self._next())
            if _seconds(token.text) > _LAST_SECOND:
                refuse(token, f"timestamp out of bounds for @ modifier: {token.text[:40]}", hint)
        elif token.is_word(*NUMBERS):
            refuse(token, f"timestamp out of bounds for @ modifier: {token.text[:40]}", hint)
        else:
            check_token(token)
            refuse(token, f"expected a time after '@', not {name_of(token)}", hint)


def _seconds(number: str) -> float:
    """The value of a plain number; of others, which cannot be that large, 0."""
    try:
        return float(number)
    except ValueError:
        return 0.0
