"""Words for messages about a configuration: what was written, what was wanted, and where a value stands."""

from __future__ import annotations

import re
from collections.abc import Mapping as AbcMapping
from typing import Any

import msgspec.inspect as mi

import collectors.api
import integrations.api
from rules.api import Mapping, Node, Sequence

CREDENTIALS = frozenset({collectors.api.CredentialRef, integrations.api.CredentialRef})
"""Types of an option that names a credential: these packages do not know each other, so each has its own."""
_URL_LOGIN = re.compile(r"//[^/\s@]*@")
_PLURAL = {"a mapping": "mappings", "a duration": "durations", "a number": "numbers", "a whole number": "whole numbers"}


def quoted(text: str) -> str:
    """A short form of what somebody wrote, fit for a message: one line, without the login of a URL."""
    short = _URL_LOGIN.sub("//***@", text)
    short = short if len(short) <= 40 else f"{short[:37]}..."
    return "'" + "".join(c if c.isprintable() else "?" for c in short) + "'"


def join(name: str, key: str | int) -> str:
    """The dotted name of a key or item below ``name``."""
    if isinstance(key, int):
        return f"{name}[{key}]"
    return f"{name}.{key}" if name else key


def label(name: str) -> str:
    """The name of a key as a message begins with it."""
    if not name:
        return "the file"
    return name if name.startswith("the key ") else f"'{name}'"


def describe(node: Node) -> str:
    """What was found, in words."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.is_null else f"the text {quoted(node.value)}"


def type_words(wanted: mi.Type, extra: AbcMapping[str, Any] | None = None) -> str:
    """A type in words: ``a duration``, ``a list of text``."""
    extra = dict(extra or {})
    while isinstance(wanted, mi.Metadata):
        extra |= wanted.extra or {}
        wanted = wanted.type
    match wanted:
        case mi.BoolType():
            return "true or false"
        case mi.IntType():
            return "a duration" if extra.get("unit") == "ms" else "a whole number"
        case mi.FloatType():
            return "a number"
        case mi.StrType():
            return "text"
        case mi.EnumType():
            return "one of " + ", ".join(str(member.value) for member in wanted.cls)
        case mi.LiteralType():
            return "one of " + ", ".join(map(str, wanted.values)) if len(wanted.values) > 1 else f"{wanted.values[0]}"
        case mi.VarTupleType() | mi.ListType() | mi.SetType() | mi.FrozenSetType():
            item = type_words(wanted.item_type)
            return f"a list of {_PLURAL.get(item, item)}"
        case mi.TupleType():
            return f"a list of {len(wanted.item_types)} values"
        case mi.StructType() if wanted.cls in CREDENTIALS:
            return "a credential"
        case mi.StructType() | mi.DictType():
            return "a mapping"
        case mi.UnionType():
            return " or ".join(type_words(kind) for kind in wanted.types if not isinstance(kind, mi.NoneType))
        case _:
            return "any value"


def locate(root: Node | None, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column of the value at ``path``; of the nearest thing above it when it is not written in the file."""
    line, column = (root.line, root.column) if root is not None else (0, 0)
    node = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            node = None
        if node is None:
            break
        line, column = node.line, node.column
    return line, column


def name_in_text(text: str, mapping: Mapping) -> Node | None:
    """The value of the first key of a mapping that a message mentions as a word: the option it complains about."""
    words = set(re.findall(r"[A-Za-z0-9_]+", text))
    return next((value for key, value in mapping.items if key.value in words), None)
