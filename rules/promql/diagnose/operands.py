"""The types of a diagnosed expression: which operand cannot be where it stands, and what would fit there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import Final

from rules.promql.ast import ValueType
from rules.promql.diagnose.signatures import AGGREGATIONS, FUNCTIONS, TYPES, arguments
from rules.promql.errors import ExprError
from rules.promql.match import compile_regex
from rules.promql.tables import EVALUATED, EXPERIMENTAL, NATIVE_ONLY, SCALAR_FUNCTIONS
from rules.promql.tokens import Token, TokenKind
from rules.promql.walk import COMPARISONS, SET_OPERATORS

_SAID: Final = {
    ValueType.VECTOR: "an instant vector",
    ValueType.MATRIX: "a range vector",
    ValueType.SCALAR: "a scalar (a number)",
    ValueType.STRING: "a string",
}
_GONE: Final = {
    "holt_winters": "it is called double_exponential_smoothing now, and experimental; use predict_linear",
    "count_scalar": "use count()",
    "drop_common_labels": "use sum by or sum without",
    "keep_metric_names": "it belongs to another query language",
    "median": "use quantile(0.5, ...)",
    "mean": "use avg()",
    "average": "use avg()",
    "percentile": "use quantile()",
    "if": "filter with 'and', or write '> bool'",
    "length": "use count()",
    "default": "write x or vector(0)",
}


class Shape(Enum):
    """What may still be written behind an operand: a range only behind a SELECTOR, ``offset`` not behind OTHER."""

    SELECTOR = "selector"
    WINDOW = "window"
    OTHER = "other"


@dataclass(slots=True)
class Operand:
    """Something that has a value. ``type`` is None once a mistake in it was found; more about it would be guessing.

    ``literal`` is the token of a quoted text.
    """

    type: ValueType | None
    start: int
    shape: Shape = Shape.OTHER
    offset: bool = False
    at: bool = False
    literal: Token | None = None


@dataclass(slots=True)
class Operation:
    """An operator with the words behind it."""

    name: str
    token: Token
    bool_: Token | None = None
    matching: Token | None = None
    labels: list[Token] = field(default_factory=list)
    group: Token | None = None
    include: list[Token] = field(default_factory=list)


class Typing:
    """Collects the mistakes that syntax does not show; ``first`` is the one that stands furthest left."""

    def __init__(self, experimental: bool) -> None:
        self._experimental = experimental
        self._found: list[tuple[int, ExprError]] = []

    @property
    def first(self) -> ExprError | None:
        return min(self._found, key=lambda found: found[0])[1] if self._found else None

    def _mistake(self, at: int, message: str, hint: str) -> None:
        self._found.append((at, ExprError(message, hint, at)))

    # Operators

    def unary(self, sign: Token, operand: Operand) -> Operand:
        # The parser library drops a plus without a word, whatever it stands before.
        if operand.type in (ValueType.STRING, ValueType.MATRIX) and sign.text == "-":
            message = f"'{sign.text}' cannot stand before {_SAID[operand.type]}"
            self._mistake(operand.start, message, _mend(operand.type, ValueType.VECTOR))
            return Operand(None, sign.start)
        return Operand(operand.type, sign.start)

    def binary(self, operation: Operation, left: Operand, right: Operand) -> Operand:
        name, sides = operation.name, (left, right)
        clean = True
        for operand, side in zip(sides, ("left", "right"), strict=True):
            if operand.type in (ValueType.STRING, ValueType.MATRIX):
                message = f"the {side} side of '{name}' is {_SAID[operand.type]}"
                self._mistake(operand.start, message, _mend(operand.type, ValueType.VECTOR))
                clean = False
        types = {operand.type for operand in sides}
        scalar = next((operand for operand in sides if operand.type is ValueType.SCALAR), None)
        if operation.bool_ is not None and name not in COMPARISONS:
            self._mistake(operation.bool_.start, f"'bool' goes with comparisons, not with '{name}'", "remove bool")
        if clean and scalar is not None:
            self._with_scalar(operation, scalar, types)
        if operation.group is not None and name in SET_OPERATORS:
            message = f"'{name}' takes no {operation.group.text}"
            self._mistake(operation.group.start, message, "remove it; set operators match many to many")
        if operation.matching is not None and operation.matching.text.lower() == "on":
            self._not_twice(operation)
        if not clean or None in types:
            return Operand(ValueType.VECTOR if ValueType.VECTOR in types else None, left.start)
        return Operand(ValueType.SCALAR if types == {ValueType.SCALAR} else ValueType.VECTOR, left.start)

    def _with_scalar(self, operation: Operation, scalar: Operand, types: set[ValueType | None]) -> None:
        name = operation.name
        if name in SET_OPERATORS:
            self._mistake(
                scalar.start, f"'{name}' joins instant vectors, and this is a scalar", "write vector(1) for 1"
            )
        elif operation.matching is not None:
            message = f"'{operation.matching.text}' matches labels, and a scalar has none"
            self._mistake(operation.matching.start, message, "remove on(...) or ignoring(...)")
        elif types == {ValueType.SCALAR} and name in COMPARISONS and operation.bool_ is None:
            message = f"'{name}' between two scalars needs bool"
            self._mistake(operation.token.start, message, f"write {name} bool")

    def _not_twice(self, operation: Operation) -> None:
        on = {_plain(label) for label in operation.labels}
        for label in operation.include:
            if _plain(label) in on and operation.group is not None:
                message = f"label '{_plain(label)}' stands in on(...) and in {operation.group.text}(...)"
                self._mistake(label.start, message, "remove it from one of them")

    # Functions

    def call(self, name: Token, given: Sequence[Operand]) -> Operand:
        function = name.text
        if function in NATIVE_ONLY:
            message = f"function {function} is for native histograms, which are not supported"
            self._mistake(name.start, message, NATIVE_ONLY[function])
        elif function in EXPERIMENTAL:
            self._not_yet(name, "function", function)
        elif function not in FUNCTIONS:
            self._mistake(name.start, f"there is no function '{function[:60]}'", _nearest(function))
            return Operand(None, name.start)
        else:
            self._check(name, given, FUNCTIONS[function])
        scalar = function in SCALAR_FUNCTIONS
        return Operand(ValueType.SCALAR if scalar else ValueType.VECTOR, name.start)

    def aggregation(self, name: Token, given: Sequence[Operand]) -> Operand:
        op = name.text.lower()
        if op in EXPERIMENTAL:
            self._not_yet(name, "aggregation", op)
        self._check(name, given, AGGREGATIONS[op])
        return Operand(ValueType.VECTOR, name.start)

    def _not_yet(self, token: Token, what: str, name: str) -> None:
        if not (self._experimental and name in EVALUATED):
            self._mistake(token.start, f"{what} {name} is experimental in Prometheus", EXPERIMENTAL[name])

    def _check(self, name: Token, given: Sequence[Operand], takes: str) -> None:
        letters, least, most = arguments(takes)
        usage = f"{name.text}({_usage(takes)})"
        if len(given) < least or (most is not None and len(given) > most):
            surplus = given[most] if most is not None and len(given) > most else None
            at = name.start if surplus is None else surplus.start
            wanted = (
                str(least or "no") if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            )
            many = "argument" if wanted == "1" else "arguments"
            here = f"here {'is' if len(given) == 1 else 'are'} {len(given) or 'none'}"
            self._mistake(at, f"{name.text}() takes {wanted} {many}, and {here}", f"write {usage}")
            return
        for number, operand in enumerate(given):
            wanted_type = TYPES[letters[min(number, len(letters) - 1)]]
            if operand.type is not None and operand.type is not wanted_type:
                which = (
                    f"argument {number + 1} of {name.text}()" if len(letters) > 1 else f"the argument of {name.text}()"
                )
                message = f"{which} must be {_SAID[wanted_type]}, and this is {_SAID[operand.type]}"
                self._mistake(operand.start, message, _mend(operand.type, wanted_type))
        self._constants(name.text, [operand.literal for operand in given])

    def _constants(self, name: str, texts: Sequence[Token | None]) -> None:
        """Texts with which an evaluation would fail each time."""
        place = {"label_replace": 1, "label_join": 1, "count_values": 0}.get(name)
        label = texts[place] if place is not None else None
        if label is not None and not _unquoted(label):
            self._mistake(label.start, f"the label that {name}() writes has no name", 'write one, such as "label"')
        pattern = texts[4] if name == "label_replace" else None
        if pattern is not None:
            try:
                compile_regex(_unquoted(pattern))
            except ExprError as error:
                self._mistake(pattern.start, _regex_reason(pattern, error), _RE2)

    # Selectors

    def window(self, operand: Operand, opened: Token, *, subquery: bool) -> None:
        """``operand`` becomes what it is with the brackets behind it."""
        if subquery:
            if operand.type not in (ValueType.VECTOR, None):
                message = f"a subquery needs an instant vector before it, and this is {_SAID[operand.type]}"
                self._mistake(operand.start, message, _mend(operand.type, ValueType.VECTOR))
            operand.offset = operand.at = False
        elif operand.shape is not Shape.SELECTOR:
            hint = "a subquery has a step: [5m:1m]; or write the range right behind the metric"
            raise ExprError("a range stands only behind a metric", hint, opened.start)
        elif operand.offset or operand.at:
            hint = "write the range first: x[5m] offset 1h"
            raise ExprError("a range stands before 'offset' and '@'", hint, opened.start)
        operand.type, operand.shape = ValueType.MATRIX, Shape.WINDOW

    def matchers(
        self, opened: Token, named: Token | None, matchers: Sequence[tuple[Token, Token | None, Token]]
    ) -> None:
        demanding = named is not None
        for label, operator, value in matchers:
            is_name = operator is None or _plain(label) == "__name__"
            if is_name and named is not None:
                hint = "keep the one before the braces"
                self._mistake(label.start, f"the metric name is given twice, first as '{named.text[:60]}'", hint)
            if operator is None:
                demanding = True
            elif operator.text in ("=~", "!~"):
                demanding |= self._demands(value, negated=operator.text == "!~")
            else:
                demanding |= (_unquoted(value) != "") is (operator.text == "=")
        if not demanding:
            message = "the selector would match every series: no matcher demands a value"
            self._mistake(opened.start, message, 'name a metric, or add a matcher such as job="node"')

    def _demands(self, value: Token, *, negated: bool) -> bool:
        """Whether a regex matcher refuses the empty value; an illegal one is said, and counts as if it did."""
        pattern = _unquoted(value)
        try:
            matches_empty = compile_regex(pattern).fullmatch("") is not None
        except ExprError as error:
            self._mistake(value.start, _regex_reason(value, error), _RE2)
            return True
        return matches_empty if negated else not matches_empty


_RE2: Final = "use RE2 syntax: brackets closed, no look-ahead, no back-reference, at most 1000 repetitions"


def _nearest(function: str) -> str:
    if function.lower() in _GONE:
        return _GONE[function.lower()]
    near = get_close_matches(function.lower()[:60], [*FUNCTIONS, *AGGREGATIONS], n=1)
    return f"did you mean {near[0]}?" if near else "see the functions of Prometheus 3"


def _usage(takes: str) -> str:
    letters, least, most = arguments(takes)
    words = {"v": "vector", "m": "metric[5m]", "s": "number", "t": '"text"'}
    shown = [words[letter] for letter in letters]
    if most is None:
        return ", ".join([*shown[:least], f"{shown[-1]}..."])
    return ", ".join(shown)


def _mend(given: ValueType, wanted: ValueType) -> str:
    match given, wanted:
        case _, ValueType.MATRIX:
            return "write a window behind the metric: x[5m]"
        case ValueType.MATRIX, _:
            return "wrap the range in a function such as rate() or avg_over_time()"
        case ValueType.VECTOR, ValueType.SCALAR:
            return "write a number, or scalar(x) for a vector of one element"
        case ValueType.SCALAR, ValueType.VECTOR:
            return "write a metric, or vector(1) for a number"
        case ValueType.STRING, ValueType.VECTOR | ValueType.SCALAR:
            return "numbers and metrics are not quoted"
        case _:
            return 'put it in quotes: "text"'


def _regex_reason(value: Token, error: ExprError) -> str:
    """RE2's reason without the pattern in it, which is ours and not as written."""
    reason = error.message.rpartition("': ")[2].partition(": (?s")[0]
    if ": " in reason and reason.endswith(")") and reason.rpartition(": ")[2] not in value.text:
        reason = reason[:-1]
    return f"illegal regex {value.text[:60]}: {reason[:100]}"


def _plain(label: Token) -> str:
    return _unquoted(label) if label.kind is TokenKind.STRING else label.text


def _unquoted(token: Token) -> str:
    """What a string says. Its escapes are known to be right."""
    inner = token.text[1:-1]
    if token.text[0] == "`" or "\\" not in inner:
        return inner
    import ast  # noqa: PLC0415 - Python's own escapes are the same ones; only a mistake needs it

    return str(ast.literal_eval(token.text.replace("\n", "\\n")))
