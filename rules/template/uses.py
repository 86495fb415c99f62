"""What a template reads, told from its tree without expanding it: for checks of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from rules.template.functions import FUNCTIONS
from rules.template.nodes import (
    Action,
    Body,
    Chain,
    Command,
    Dot,
    Function,
    If,
    Include,
    Literal,
    Operand,
    Pipeline,
    Range,
    Text,
    Tree,
    Variable,
    With,
)

_COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_TELLS_MORE = frozenset({"query", "now"})


@dataclass(frozen=True, slots=True)
class Uses:
    """``value`` and ``outside`` say that the text depends on ``$value``, or on the time and other series.

    ``labels`` are the names read from ``$labels``. ``applied`` are functions that ``$value`` is given to, ``verbs`` the
    formats it is printed with, ``whole`` the comparisons of it with a whole number. ``percent`` says that a percent
    sign follows it. ``miscounted`` are calls with a number of arguments that their function never takes, in words.
    """

    labels: frozenset[str]
    value: bool
    outside: bool
    applied: frozenset[str]
    verbs: frozenset[str]
    whole: tuple[str, ...]
    percent: bool
    miscounted: tuple[str, ...]


def uses(tree: Tree) -> Uses:
    bodies = ((tree.body, True), *((body, False) for body in tree.defined.values()))
    commands = [found for body, root in bodies for found in _commands(body, root)]
    operands = [(operand, root) for _, command, root in commands for operand in command.args]
    given = [(before, command, root) for before, command, root in commands]
    return Uses(
        labels=frozenset(chain.from_iterable(_labels(command, root) for _, command, root in commands)),
        value=any(_is_value(operand, root) for operand, root in operands),
        outside=bool(tree.functions & _TELLS_MORE),
        applied=frozenset(_name(command) for before, command, root in given if _takes_value(before, command, root)),
        verbs=frozenset(chain.from_iterable(_verbs(before, command, root) for before, command, root in given)),
        whole=tuple(chain.from_iterable(_whole(before, command, root) for before, command, root in given)),
        percent=any(_before_percent(body, root) for body, root in bodies),
        miscounted=tuple(chain.from_iterable(_miscounted(before, command) for before, command, _ in commands)),
    )


Found = tuple[Command | None, Command, bool]
"""A command, the one whose result is piped into it, and whether ``.`` is the root there."""


def _commands(body: Body, root: bool) -> Iterator[Found]:
    for node in body:
        match node:
            case Action():
                yield from _in_pipeline(node.pipe, root)
            case If() | With() | Range():
                yield from _in_pipeline(node.pipe, root)
                yield from _commands(node.then, root and isinstance(node, If))
                yield from _commands(node.otherwise, root)
            case Include() if node.pipe is not None:
                yield from _in_pipeline(node.pipe, root)


def _in_pipeline(pipe: Pipeline, root: bool) -> Iterator[Found]:
    before: Command | None = None
    for command in pipe.commands:
        yield before, command, root
        before = command
        for operand in command.args:
            inner = operand.base if isinstance(operand, Chain) else operand
            if isinstance(inner, Pipeline):
                yield from _in_pipeline(inner, root)


def _is_value(operand: Operand, root: bool) -> bool:
    match operand:
        case Variable("$value"):
            return True
        case Chain(Dot(), ("Value",)):
            return root
        case Chain(Variable("$"), ("Value",)):
            return True
        case Pipeline(commands=(command,)):
            return len(command.args) == 1 and _is_value(command.args[0], root)
    return False


def _labels(command: Command, root: bool) -> Iterator[str]:
    for operand in command.args:
        match operand:
            case Chain(Variable("$labels"), (name,)) | Chain(Variable("$"), ("Labels", name)):
                yield name
            case Chain(Dot(), ("Labels", name)) if root:
                yield name
    match command.args:
        case (Function("index"), Variable("$labels"), Literal(str() as name)):
            yield name
        case (Function("index"), Chain(Dot(), ("Labels",)), Literal(str() as name)) if root:
            yield name


def _name(command: Command) -> str:
    return command.args[0].name if isinstance(command.args[0], Function) else ""


def _arguments(before: Command | None, command: Command) -> list[Operand]:
    """With what is piped in, which comes last; a command that computes something stands for itself."""
    piped = [] if before is None else [before.args[0] if len(before.args) == 1 else Pipeline((before,))]
    return [*command.args[1:], *piped]


def _takes_value(before: Command | None, command: Command, root: bool) -> bool:
    arguments = _arguments(before, command)
    return bool(_name(command)) and bool(arguments) and _is_value(arguments[-1], root)


def _miscounted(before: Command | None, command: Command) -> Iterator[str]:
    spec = FUNCTIONS.get(_name(command))
    given = len(_arguments(before, command))
    if spec is not None and (given < spec.least or (spec.most is not None and given > spec.most)):
        wanted = str(spec.least) if spec.most == spec.least else f"at least {spec.least}"
        if spec.most is not None and spec.most != spec.least:
            wanted = f"{spec.least} to {spec.most}"
        yield f"{_name(command)} takes {wanted} argument{'s' * (wanted != '1')}, and is given {given}"


def _verbs(before: Command | None, command: Command, root: bool) -> Iterator[str]:
    if _name(command) == "printf" and _takes_value(before, command, root):
        match _arguments(before, command):
            case [Literal(str() as format_), _]:
                yield format_


def _whole(before: Command | None, command: Command, root: bool) -> Iterator[str]:
    """Go compares a float only with a float: ``eq $value 1`` is an error when the template is expanded."""
    if _name(command) in _COMPARISONS:
        arguments = _arguments(before, command)
        numbers = [each.value for each in arguments if isinstance(each, Literal) and type(each.value) is int]
        if numbers and any(_is_value(each, root) for each in arguments):
            yield f"{_name(command)} $value {numbers[0]}"


def _before_percent(body: Body, root: bool) -> bool:
    for node, following in pairwise(body):
        if isinstance(node, Action) and isinstance(following, Text) and following.text.startswith("%"):
            first = node.pipe.commands[0]
            if any(_is_value(operand, root) for operand in first.args):
                return True
    return any(
        _before_percent(inner, root and isinstance(node, If))
        for node in body
        if isinstance(node, If | With | Range)
        for inner in (node.then, node.otherwise)
    )
