"""Expands a parsed template. Work, output and nesting are bounded; running into a bound is a failed expansion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rules.template import nodes
from rules.template.functions import FUNCTIONS, Scope, Value, truth
from rules.template.lexer import TemplateError
from rules.template.parser import parse
from rules.template.printing import Arguments, Data, Element, Moment, Span, show, type_name

if TYPE_CHECKING:
    from rules.template.uses import Uses

MAX_OUTPUT = 64 * 1024
MAX_STEPS = 20_000
MAX_DEPTH = 100
"""Bodies inside of bodies, with those of included templates; each costs two frames of the interpreter's stack."""
MAX_QUERIES = 50

_DATA_FIELDS: dict[str, Callable[[Data], Value]] = {
    "Labels": lambda data: data.labels,
    "ExternalLabels": lambda data: data.external_labels,
    "ExternalURL": lambda data: data.external_url,
    "Value": lambda data: data.value,
}
_VARIABLES = ("$labels", "$externalLabels", "$externalURL", "$value")
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready to expand.

    ``static`` is its text when it has no actions. ``pure`` says that the result depends on labels and value alone, so
    that the caller may keep it while those stay. ``queries`` are the PromQL texts it is known to ask. What was
    parsed is not kept: most alerts never fire, and their trees would take more memory than their expressions.
    """

    source: str
    static: str | None = field(compare=False)
    pure: bool = field(compare=False)
    queries: tuple[str, ...] = field(compare=False)

    @classmethod
    def parse(cls, source: str) -> Template:
        """Raises TemplateError for whatever Go's parser would refuse."""
        if "{{" not in source:
            return cls(source, source, True, ())
        tree = parse(source, FUNCTIONS, _VARIABLES)
        pure = not tree.functions & {"query", "now"}
        return cls(source, None, pure, tuple(sorted(tree.queries)))

    def uses(self) -> Uses:
        """What it reads, without expanding it: for checks of rules."""
        from rules.template.uses import uses  # noqa: PLC0415 - the running agent never asks

        return uses(_tree(self.source))

    def expand(self, scope: Scope) -> str:
        """The text, or ``<error expanding template: ...>``; never raises."""
        if self.static is not None:
            return self.static
        try:
            return _Expansion(_tree(self.source), scope).run()
        except TemplateError as error:
            line = 0 if error.at is None else self.source.count("\n", 0, error.at) + 1
            where = f"line {line}: " if line else ""
            return f"<error expanding template: {where}{error.message}>"


@lru_cache(maxsize=512)
def _tree(source: str) -> nodes.Tree:
    """Of a text that was parsed before. Those that are expanded are kept, so that a storm parses each once."""
    return parse(source, FUNCTIONS, _VARIABLES)


class _Break(Exception):
    """Control flow of a range, not an error."""


class _Continue(Exception):
    """Control flow of a range, not an error."""


class _Expansion:
    """One expansion. ``_variables`` is a stack of [name, value]; a name is looked up from its end."""

    def __init__(self, tree: nodes.Tree, scope: Scope) -> None:
        self._tree = tree
        self._scope = scope
        self._out: list[str] = []
        self._size = 0
        self._steps = 0
        self._queries = 0
        self._depth = 0
        self._root = Data(scope.labels, scope.external_labels, scope.external_url, scope.value)
        values = (scope.labels, scope.external_labels, scope.external_url, scope.value)
        self._variables: list[list[Value]] = [["$", self._root], *map(list, zip(_VARIABLES, values, strict=True))]

    def run(self) -> str:
        self._body(self._tree.body, self._root)
        return "".join(self._out)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TemplateError(f"more than {MAX_STEPS} steps")

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            raise TemplateError(f"more than {MAX_OUTPUT} characters of text")
        self._out.append(text)

    # Nodes

    def _body(self, body: nodes.Body, dot: Value) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"nested deeper than {MAX_DEPTH} levels")
        for node in body:
            self._step()
            match node:
                case nodes.Text():
                    self._write(node.text)
                case nodes.Action():
                    value = self._pipeline(node.pipe, dot)
                    if not node.pipe.variables:
                        self._write("<no value>" if value is None else show(value))
                case nodes.If() | nodes.With():
                    self._conditional(node, dot)
                case nodes.Range():
                    self._range(node, dot)
                case nodes.Include():
                    self._include(node, dot)
                case nodes.Break():
                    raise _Break
                case nodes.Continue():
                    raise _Continue
        self._depth -= 1

    def _conditional(self, node: nodes.If | nodes.With, dot: Value) -> None:
        scope = len(self._variables)
        value = self._pipeline(node.pipe, dot)
        if truth(value):
            self._body(node.then, value if isinstance(node, nodes.With) else dot)
        else:
            self._body(node.otherwise, dot)
        del self._variables[scope:]

    def _range(self, node: nodes.Range, dot: Value) -> None:
        scope, depth = len(self._variables), self._depth
        names = node.pipe.variables
        value = self._pipeline(node.pipe, dot, assign=False)
        empty = True
        try:
            for key, item in _pairs(value):
                empty = False
                self._step()
                if names:
                    for name, bound in zip(names, (key, item)[-len(names) :], strict=True):
                        self._set(name, bound, node.pipe.declare)
                try:
                    self._body(node.then, item)
                except _Continue:
                    self._depth = depth
                del self._variables[scope:]
        except _Break:
            self._depth = depth
        if empty:
            self._body(node.otherwise, dot)
        del self._variables[scope:]

    def _include(self, node: nodes.Include, dot: Value) -> None:
        body = self._tree.defined.get(node.name)
        if body is None:
            raise TemplateError(f'template "{node.name}" not defined', node.at)
        argument = self._pipeline(node.pipe, dot) if node.pipe else None
        outer, self._variables = self._variables, [["$", argument]]
        self._body(body, argument)
        self._variables = outer

    # Pipelines

    def _pipeline(self, pipe: nodes.Pipeline, dot: Value, assign: bool = True) -> Value:
        value: Value = _MISSING
        for command in pipe.commands:
            self._step()
            try:
                value = self._command(command, dot, value)
            except TemplateError as error:
                error.at = command.at if error.at is None else error.at
                raise
        if assign:
            for name in pipe.variables:
                self._set(name, value, pipe.declare)
        return value

    def _set(self, name: str, value: Value, declare: bool) -> None:
        if declare:
            self._variables.append([name, value])
            return
        for variable in reversed(self._variables):
            if variable[0] == name:
                variable[1] = value
                return
        raise TemplateError(f"undefined variable: {name}")

    def _command(self, command: nodes.Command, dot: Value, piped: Value) -> Value:
        first, rest = command.args[0], command.args[1:]
        if isinstance(first, nodes.Function):
            return self._call(first.name, rest, dot, piped)
        if isinstance(first, nodes.Chain) and (rest or piped is not _MISSING):
            given = [self._operand(operand, dot) for operand in rest]
            if piped is not _MISSING:
                given.append(piped)
            *fields, last = first.fields
            return self._field(self._operand(nodes.Chain(first.base, tuple(fields)), dot), last, given)
        if rest or piped is not _MISSING:
            raise TemplateError("can't give argument to a value that is no function")
        if isinstance(first, nodes.Nil):
            raise TemplateError("nil is not a command")
        return self._operand(first, dot)

    def _operand(self, operand: nodes.Operand, dot: Value) -> Value:
        match operand:
            case nodes.Literal():
                if isinstance(operand.value, int) and not -(2**63) <= operand.value < 2**63:
                    raise TemplateError(f"{operand.value} overflows int")
                return operand.value
            case nodes.Dot():
                return dot
            case nodes.Nil():
                return None
            case nodes.Variable():
                for name, value in reversed(self._variables):
                    if name == operand.name:
                        return value
                raise TemplateError(f"undefined variable: {operand.name}")
            case nodes.Chain():
                value = self._operand(operand.base, dot)
                for name in operand.fields:
                    value = self._field(value, name)
                return value
            case nodes.Function():
                return self._call(operand.name, (), dot, _MISSING)
            case nodes.Pipeline():
                return self._pipeline(operand, dot)

    def _field(self, value: Value, name: str, arguments: Sequence[Value] = ()) -> Value:
        """A field, or the result of a method."""
        if isinstance(value, Moment | Span):
            from rules.template.methods import call_method  # noqa: PLC0415 - hardly a rule asks

            return call_method(value, name, list(arguments))
        if arguments:
            raise TemplateError(f"{name} has arguments but cannot be invoked as function")
        match value:
            case Data() if name in _DATA_FIELDS:
                return _DATA_FIELDS[name](value)
            case Arguments():
                return value.get(name)
            case Mapping():
                return value.get(name, "")
            case Element() if name in ("Labels", "Value"):
                return value.labels if name == "Labels" else value.value
            case None:
                raise TemplateError(f"nil pointer evaluating interface {{}}.{name}")
        raise TemplateError(f"can't evaluate field {name} in type {type_name(value)}")

    def _call(self, name: str, operands: tuple[nodes.Operand, ...], dot: Value, piped: Value) -> Value:
        spec = FUNCTIONS[name]
        count = len(operands) + (piped is not _MISSING)
        if count < spec.least or (spec.most is not None and count > spec.most):
            wanted = str(spec.least) if spec.most == spec.least else f"at least {spec.least}"
            raise TemplateError(f"wrong number of args for {name}: want {wanted} got {count}")
        if name in ("and", "or"):
            return self._junction(name, operands, dot, piped)
        if name == "query":
            self._queries += 1
            if self._queries > MAX_QUERIES:
                raise TemplateError(f"more than {MAX_QUERIES} queries")
        arguments = [self._operand(operand, dot) for operand in operands]
        if piped is not _MISSING:
            arguments.append(piped)
        try:
            result = spec.call(self._scope, arguments)
        except TemplateError as error:
            raise TemplateError(f"error calling {name}: {error.message}", error.at) from error
        if isinstance(result, str) and len(result) > MAX_OUTPUT:
            raise TemplateError(f"{name} makes more than {MAX_OUTPUT} characters of text")
        return result

    def _junction(self, name: str, operands: tuple[nodes.Operand, ...], dot: Value, piped: Value) -> Value:
        """``and`` and ``or`` evaluate their arguments only as far as needed and return the one that decided."""
        value: Value = None
        for operand in operands:
            value = self._operand(operand, dot)
            if truth(value) == (name == "or"):
                return value
        return value if piped is _MISSING else piped


def _pairs(value: Value) -> Iterable[tuple[Value, Value]]:
    if isinstance(value, tuple):
        return enumerate(value)
    if isinstance(value, Mapping):
        return sorted(value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return ((number, number) for number in range(value))
    if value is None:
        return ()
    raise TemplateError(f"range can't iterate over {show(value)}")
