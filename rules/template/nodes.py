"""What a template is made of: text, actions, control structures, and the pipelines in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


class Dot(msgspec.Struct, frozen=True):
    pass


class Nil(msgspec.Struct, frozen=True):
    pass


class Literal(msgspec.Struct, frozen=True):
    value: str | int | float | bool


class Function(msgspec.Struct, frozen=True):
    name: str


class Variable(msgspec.Struct, frozen=True):
    name: str


class Chain(msgspec.Struct, frozen=True):
    """Fields of a value: ``.A.B`` is the chain of Dot, ``$x.A`` of a variable, ``(pipeline).A`` of a pipeline."""

    base: Operand
    fields: tuple[str, ...]


class Command(msgspec.Struct, frozen=True):
    args: tuple[Operand, ...]
    at: int


class Pipeline(msgspec.Struct, frozen=True):
    """``variables`` are those set by ``:=`` (declare) or ``=``; two of them only in ``range``."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    declare: bool = True


Operand = Dot | Nil | Literal | Function | Variable | Chain | Pipeline


class Text(msgspec.Struct, frozen=True):
    text: str


class Action(msgspec.Struct, frozen=True):
    pipe: Pipeline


class If(msgspec.Struct, frozen=True):
    pipe: Pipeline
    then: Body
    otherwise: Body


class With(msgspec.Struct, frozen=True):
    pipe: Pipeline
    then: Body
    otherwise: Body


class Range(msgspec.Struct, frozen=True):
    pipe: Pipeline
    then: Body
    otherwise: Body


class Include(msgspec.Struct, frozen=True):
    name: str
    pipe: Pipeline | None
    at: int


class Break(msgspec.Struct, frozen=True):
    pass


class Continue(msgspec.Struct, frozen=True):
    pass


Node = Text | Action | If | With | Range | Include | Break | Continue
Body = tuple[Node, ...]


@dataclass(slots=True)
class Tree:
    """A parsed template. ``functions`` are all that it calls, ``queries`` the literal arguments of ``query``."""

    body: Body = ()
    defined: dict[str, Body] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    queries: set[str] = field(default_factory=set)
