"""PromQL as values. ``parse`` (in ``rules.promql.parse``) builds these from the library's tree; nothing else does.

Parentheses are gone, unary plus is gone, durations are integer milliseconds. ``source`` texts are for messages only:
nothing is ever parsed back from them. Semantics: Prometheus 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class MatchOp(Enum):
    EQ = "="
    NE = "!="
    RE = "=~"
    NRE = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher; the metric name is an ordinary matcher on ``__name__``."""

    op: MatchOp
    name: str
    value: str


class AtKind(Enum):
    TIME = "time"
    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class At:
    """The ``@`` modifier; ``time`` is milliseconds since the epoch when kind is TIME."""

    kind: AtKind
    time: int = 0


@dataclass(frozen=True, slots=True)
class VectorSelector:
    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    selector: VectorSelector
    range: int


@dataclass(frozen=True, slots=True)
class Subquery:
    expr: Expr
    range: int
    step: int | None
    offset: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Call:
    func: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``labels`` are those of ``by`` (without=False) or ``without``; ``grouped`` is False when neither is written."""

    op: str
    expr: Expr
    param: Expr | None
    grouped: bool
    without: bool
    labels: tuple[str, ...]


class Card(Enum):
    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "group_left"
    ONE_TO_MANY = "group_right"
    MANY_TO_MANY = "set"


@dataclass(frozen=True, slots=True)
class Matching:
    """How the sides of a vector-vector operation find each other.

    ``on`` False means ``ignoring``, also when nothing is written.
    """

    card: Card
    on: bool
    labels: tuple[str, ...]
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """``matching`` is None when a side is a scalar. ``op`` is the operator as written: ``+``, ``==``, ``atan2`` ..."""

    op: str
    lhs: Expr
    rhs: Expr
    matching: Matching | None
    bool_modifier: bool = False


@dataclass(frozen=True, slots=True)
class Negate:
    expr: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """Equal to what evaluates alike: 0 is not -0, and NaN is NaN."""

    value: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and repr(float(self.value)) == repr(float(other.value))

    def __hash__(self) -> int:
        return hash(repr(float(self.value)))


@dataclass(frozen=True, slots=True)
class String:
    value: str


Expr = VectorSelector | MatrixSelector | Subquery | Call | Aggregate | Binary | Negate | Number | String


@dataclass(frozen=True, slots=True)
class Watched:
    """``expr`` with ``watch`` around its plan, which it may look into but not change.
    Only ``rules.promql.annotations`` puts one, in the place of an ``Expr``."""

    expr: Expr
    watch: Callable[[Any], Any]


class ValueType(Enum):
    """The result type of an expression."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"
