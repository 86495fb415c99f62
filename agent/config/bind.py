"""Binds YAML nodes to typed values and reports every mistake with its position, not only the first one.

The types are msgspec Structs and what their fields may be: nested Structs, tuples and lists, dicts, ``| None``, unions
told apart by the kind of node, Enum, Literal, bool, int, float, str, durations (an ``int`` whose ``Meta`` says
``extra={"unit": "ms"}``, and ``"go": True`` where Go's form belongs), text or ``!!binary`` (``"bytes": True``), options
that are refused (``"mend"``: what to write instead), all with ``Meta`` constraints. A message names
the key, says what was found and how to mend it. What stands where a credential belongs is never quoted: it may be the
secret itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from collections.abc import Mapping as AbcMapping
from enum import Enum
from functools import cache
from typing import Any, cast

import msgspec
import msgspec.inspect as mi

import collectors.api
from agent.config.scalars import (
    BadScalarError,
    duration_text,
    to_bool,
    to_bytes,
    to_duration,
    to_float,
    to_go_duration,
    to_int,
)
from agent.config.words import CREDENTIALS, describe, join, label, name_in_text, quoted, type_words
from rules.api import Mapping, Node, Problem, Scalar, Sequence, did_you_mean


class Invalid(Enum):
    """Stands for a value that could not be bound; the reason is among the problems."""

    INVALID = "invalid"


INVALID = Invalid.INVALID
MAX_MISTAKES = 500
"""Mistakes of one file that are told. A person mends these first; a hostile file gets no more of our time."""
Hook = Callable[["Binder", Node, str], object]
"""Binds a type in its own way: gets the node and the dotted name of the key; returns a value or ``INVALID``."""

_LISTS: tuple[type[mi.Type], ...] = (mi.VarTupleType, mi.ListType, mi.SetType, mi.FrozenSetType)


def bind(
    node: Node | None, wanted: Any, file: str, hooks: AbcMapping[type, Hook] | None = None
) -> tuple[Any, list[Problem]]:
    """The value of type ``wanted`` that the node stands for, and all mistakes; with any, the value is INVALID."""
    binder = Binder(file, hooks or {})
    value: Any = INVALID
    with contextlib.suppress(EnoughError):
        value = binder.bind(node if node is not None else Mapping((), 0, 0), _info(wanted), "")
    return (INVALID if binder.problems else value), sorted(binder.problems)


@cache
def _info(wanted: Any) -> mi.Type:
    return mi.type_info(wanted)


class EnoughError(Exception):
    """``MAX_MISTAKES`` have been found; whoever began the walk ends it."""


class Binder:
    """One walk over one file; ``problems`` grows."""

    def __init__(self, file: str, hooks: AbcMapping[type, Hook]) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.hooks = hooks

    def problem(self, node: Node, message: str, hint: str = "", check: str = "config/type") -> Invalid:
        self.problems.append(Problem(self.file, node.line, node.column, message, hint, check))
        if len(self.problems) >= MAX_MISTAKES:
            raise EnoughError
        return INVALID

    def bind(self, node: Node, wanted: mi.Type, name: str) -> Any:
        """The value, or INVALID after at least one problem was added."""
        extra: dict[str, Any] = {}
        while isinstance(wanted, mi.Metadata):
            extra = {**(wanted.extra or {}), **extra}
            wanted = wanted.type
        if "mend" in extra:
            return self.problem(
                node, f"{label(name)} is not supported by Tocsin", str(extra["mend"]), "config/unsupported"
            )
        hook = self.hooks.get(getattr(wanted, "cls", type(None)))
        if hook is not None:
            return hook(self, node, name)
        match wanted:
            case mi.UnionType():
                return self._union(node, wanted, name)
            case mi.StructType():
                return self._struct(node, wanted, name)
            case mi.DictType():
                return self._dict(node, wanted, name)
            case mi.TupleType():
                return self._fixed(node, wanted, name)
            case mi.VarTupleType() | mi.ListType() | mi.SetType() | mi.FrozenSetType():
                return self._list(node, wanted, name)
            case mi.AnyType():
                return _plain(node)
            case _:
                return self._scalar(node, wanted, extra, name)

    def struct(self, node: Node, cls: type[msgspec.Struct], name: str, skip: frozenset[str] = frozenset()) -> Any:
        """A Struct from a mapping, ignoring the keys in ``skip`` (the caller has read them)."""
        return self._struct(node, cast("mi.StructType", _info(cls)), name, skip)

    def _struct(self, node: Node, wanted: mi.StructType, name: str, skip: frozenset[str] = frozenset()) -> Any:
        secret = wanted.cls in CREDENTIALS
        mapping = _empty_if_null(node)
        if not isinstance(mapping, Mapping):
            found = "something else" if secret else describe(node)
            hint = (
                "write {credential: NAME} and keep the secret out of this file"
                if secret
                else "write 'key: value' lines"
            )
            return self.problem(
                node, f"{label(name)} must be {'a credential' if secret else 'a mapping'}, found {found}", hint
            )
        before = len(self.problems)
        fields = {field.encode_name: field for field in wanted.fields}
        values: dict[str, Any] = {}
        for key, value in mapping.items:
            if key.value in skip:
                continue
            field = fields.get(key.value)
            if field is None:
                choices = [*fields, *skip]
                message = f"unknown key {quoted(key.value)}" + (f" in {name}" if name else "")
                self.problem(key, message, did_you_mean(key.value, choices), "config/unknown-key")
                continue
            values[field.name] = self.bind(value, field.type, join(name, key.value))
        for field in wanted.fields:
            if field.required and field.name not in values:
                message = f"{label(name)} has no '{field.encode_name}'"
                self.problem(node, message, f"add '{field.encode_name}: ...'", "config/missing")
        if len(self.problems) > before:
            return INVALID
        try:
            return wanted.cls(**values)
        except (ValueError, msgspec.ValidationError) as error:
            where = name_in_text(str(error), mapping) or node
            return self.problem(where, f"{label(name)}: {error}", check="config/value")

    def _dict(self, node: Node, wanted: mi.DictType, name: str) -> Any:
        mapping = _empty_if_null(node)
        if not isinstance(mapping, Mapping):
            return self.problem(
                node, f"{label(name)} must be a mapping, found {describe(node)}", "write 'key: value' lines"
            )
        if self._wrong_length(node, len(mapping.items), wanted, name):
            return INVALID
        result = {}
        before = len(self.problems)
        for key, value in mapping.items:
            bound_key = self.bind(key, wanted.key_type, f"the key {quoted(key.value)} of {name}")
            bound = self.bind(value, wanted.value_type, join(name, key.value))
            if bound_key is not INVALID:
                result[bound_key] = bound
        return INVALID if len(self.problems) > before else result

    def _list(self, node: Node, wanted: Any, name: str) -> Any:
        sequence = Sequence((), node.line, node.column) if isinstance(node, Scalar) and node.is_null else node
        if not isinstance(sequence, Sequence):
            hint = "put it in brackets: [...]" if isinstance(node, Scalar) else "begin each item with '- '"
            return self.problem(node, f"{label(name)} must be a list, found {describe(node)}", hint)
        if self._wrong_length(node, len(sequence.items), wanted, name):
            return INVALID
        before = len(self.problems)
        items = [self.bind(item, wanted.item_type, join(name, index)) for index, item in enumerate(sequence.items)]
        if len(self.problems) > before:
            return INVALID
        if isinstance(wanted, mi.VarTupleType):
            return tuple(items)
        if isinstance(wanted, mi.ListType):
            return items
        return frozenset(items) if isinstance(wanted, mi.FrozenSetType) else set(items)

    def _fixed(self, node: Node, wanted: mi.TupleType, name: str) -> Any:
        count = len(wanted.item_types)
        if not isinstance(node, Sequence) or len(node.items) != count:
            found = f"{len(node.items)}" if isinstance(node, Sequence) else describe(node)
            return self.problem(node, f"{label(name)} must be a list of {count} values, found {found}")
        pairs = zip(node.items, wanted.item_types, strict=True)
        items = tuple(self.bind(item, kind, join(name, index)) for index, (item, kind) in enumerate(pairs))
        return INVALID if INVALID in items else items

    def _wrong_length(self, node: Node, length: int, wanted: Any, name: str, unit: str = "entries") -> bool:
        low, high = wanted.min_length, wanted.max_length
        if (low is None or length >= low) and (high is None or length <= high):
            return False
        bounds = f"at least {low}" if high is None else f"at most {high}" if not low else f"{low} to {high}"
        self.problem(node, f"{label(name)} must have {bounds} {unit}, found {length}", check="config/range")
        return True

    def _union(self, node: Node, wanted: mi.UnionType, name: str) -> Any:
        if isinstance(node, Scalar) and node.is_null and wanted.includes_none:
            return None
        options = [kind for kind in wanted.types if not isinstance(kind, mi.NoneType)]
        if len(options) == 1:
            return self.bind(node, options[0], name)
        fitting = [kind for kind in options if _kind_fits(node, kind)]
        if len(fitting) == 1:
            return self.bind(node, fitting[0], name)
        # Several scalar types: the first in msgspec's own order of strictness that takes the text.
        for kind in sorted(fitting, key=_strictness):
            before = len(self.problems)
            value = self.bind(node, kind, name)
            if len(self.problems) == before:
                return value
            del self.problems[before:]
        secret = any(getattr(kind, "cls", None) in CREDENTIALS for kind in options)
        found = "something else" if secret else describe(node)
        hint = "write {credential: NAME} and keep the secret out of this file" if secret else ""
        return self.problem(node, f"{label(name)} must be {' or '.join(map(type_words, options))}, found {found}", hint)

    def _scalar(self, node: Node, wanted: mi.Type, extra: dict[str, Any], name: str) -> Any:
        words = type_words(wanted, extra)
        if not isinstance(node, Scalar):
            return self.problem(node, f"{label(name)} must be {words}, found {describe(node)}")
        if node.is_null and not isinstance(wanted, mi.NoneType):
            return self.problem(node, f"{label(name)} has no value", f"write {words}, or remove the key")
        if node.binary and not extra.get("bytes"):
            return self.problem(node, f"{label(name)} must be {words}, found !!binary")
        try:
            match wanted:
                case mi.BoolType():
                    return to_bool(node.value)
                case mi.IntType() if extra.get("unit") == "ms":
                    read = to_go_duration if extra.get("go") else to_duration
                    return self._in_range(node, read(node.value), wanted, name, duration_text)
                case mi.IntType():
                    return self._in_range(node, to_int(node.value), wanted, name, str)
                case mi.FloatType():
                    return self._in_range(node, to_float(node.value), wanted, name, lambda number: f"{number:g}")
                case mi.StrType():
                    return self._text(node, wanted, extra, name)
                case mi.EnumType():
                    return self._choice(node, {str(member.value): member for member in wanted.cls}, name)
                case mi.LiteralType():
                    return self._choice(node, {str(value): value for value in wanted.values}, name)
        except BadScalarError as error:
            message = f"{label(name)} must be {error}, found {quoted(node.value)}"
            return self.problem(node, message, error.hint)
        raise TypeError(f"{name}: the configuration cannot hold {wanted!r}")

    def _choice(self, node: Scalar, choices: dict[str, Any], name: str) -> Any:
        if node.value in choices:
            return choices[node.value]
        message = f"{label(name)} must be one of {', '.join(choices)}, found {quoted(node.value)}"
        near = did_you_mean(node.value, choices)
        return self.problem(node, message, near if near.startswith("did") else "")  # the message lists all of them

    def _text(self, node: Scalar, wanted: mi.StrType, extra: dict[str, Any], name: str) -> Any:
        if self._wrong_length(node, len(node.value), wanted, name, "characters"):
            return INVALID
        if node.binary:
            return collectors.api.Octets.of(to_bytes(node.value))
        if wanted.pattern is not None and not re.search(wanted.pattern, node.value):
            form = extra.get("form") or f"text of the form {wanted.pattern}"
            return self.problem(node, f"{label(name)} must be {form}, found {quoted(node.value)}", check="config/value")
        return node.value

    def _in_range(self, node: Scalar, value: Any, wanted: Any, name: str, show: Callable[[Any], str]) -> Any:
        low, high = (
            (wanted.ge if wanted.ge is not None else wanted.gt),
            (wanted.le if wanted.le is not None else wanted.lt),
        )
        outside = (
            (wanted.ge is not None and value < wanted.ge)
            or (wanted.gt is not None and value <= wanted.gt)
            or (wanted.le is not None and value > wanted.le)
            or (wanted.lt is not None and value >= wanted.lt)
        )
        if not outside:
            return value
        at_least = "at least" if wanted.ge is not None else "more than"
        at_most = "at most" if wanted.le is not None else "less than"
        bounds = [f"{word} {show(bound)}" for word, bound in ((at_least, low), (at_most, high)) if bound is not None]
        message = f"{label(name)} must be {' and '.join(bounds)}, found {quoted(node.value)}"
        return self.problem(node, message, check="config/range")


def _empty_if_null(node: Node) -> Node:
    """``host:`` with nothing behind it means an empty section."""
    return Mapping((), node.line, node.column) if isinstance(node, Scalar) and node.is_null else node


def _kind_fits(node: Node, wanted: mi.Type) -> bool:
    while isinstance(wanted, mi.Metadata):
        wanted = wanted.type
    if isinstance(wanted, (mi.StructType, mi.DictType)):
        return isinstance(node, Mapping)
    if isinstance(wanted, (*_LISTS, mi.TupleType)):
        return isinstance(node, Sequence)
    return isinstance(node, Scalar)


def _strictness(wanted: mi.Type) -> int:
    while isinstance(wanted, mi.Metadata):
        wanted = wanted.type
    order: tuple[type[mi.Type], ...] = (mi.LiteralType, mi.EnumType, mi.BoolType, mi.IntType, mi.FloatType, mi.StrType)
    return next((rank for rank, kind in enumerate(order) if isinstance(wanted, kind)), len(order))


def _plain(node: Node) -> Any:
    """A node as builtins, every scalar as text."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    return {key.value: _plain(value) for key, value in node.items}
