"""MIB files as a tree of objects, read with pysmi (the optional extra ``mibs``). Only importing profiles needs it.

A folder is searched for modules by what their files say, not by how these are called. What a module needs comes from
the same folders; a module that cannot be read is said, and the others are read nevertheless.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from collectors._importing import CannotImportError

BIGGEST = 16_000_000
"""Bytes: a bigger file is no MIB (the biggest known has 2.5 million)."""
MOST = 20_000
_MODULE = re.compile(r"^\s*([A-Z][A-Za-z0-9-]*)\s+(?:\{[^}]*\}\s*)?DEFINITIONS\s*::=\s*BEGIN", re.MULTILINE)
_OBJECT = re.compile(
    r"^\s*([a-z][A-Za-z0-9-]*)\s+(?:OBJECT-TYPE|OBJECT-IDENTITY|MODULE-IDENTITY|OBJECT\s+IDENTIFIER)", re.MULTILINE
)
_READABLE = frozenset({"read-only", "read-write", "read-create"})


class Type(msgspec.Struct, frozen=True):
    """A syntax. ``names``: the type as it is named in the object, then what that is made of, down to the base type."""

    names: tuple[str, ...]
    enum: Mapping[int, str] = {}
    bits: Mapping[int, str] = {}
    hint: str = ""
    size: int = 0
    """Bytes of a string that always has as many; 0 when it varies."""

    @property
    def base(self) -> str:
        return self.names[-1]


class Node(msgspec.Struct, frozen=True):
    """An object of a MIB. ``row``: of a column, the name of its entry; ``indexes`` of a row, with what is implied."""

    name: str
    module: str
    oid: str
    kind: str
    type: Type | None = None
    readable: bool = False
    description: str = ""
    units: str = ""
    indexes: tuple[tuple[str, bool], ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(map(int, self.oid.split(".")))


class Mibs:
    """The modules of some folders: found at once, read when something of them is asked for."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.unread: dict[str, str] = {}
        """Modules that could not be read, and why."""
        self._texts: dict[str, str] = {}
        self._defined: dict[str, list[str]] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self._nodes: dict[str, list[Node]] = {}
        self._by_oid: dict[str, Node] = {}
        for text in _files(folders):
            begins = list(_MODULE.finditer(text))
            ends = [*(each.start() for each in begins), len(text)][1:]
            for begin, end in zip(begins, ends, strict=True):
                if begin[1] not in self._texts:
                    self._texts[begin[1]] = text
                    for name in _OBJECT.findall(text[begin.end() : end]):
                        self._defined.setdefault(name, []).append(begin[1])
        if not self._texts:
            raise CannotImportError("no MIB module is in the folders given; name one with --mibs DIR")

    def find(self, name: str) -> Node | None:
        """An object by its name, ``MODULE::name`` where several have it."""
        module, _, plain = name.rpartition("::")
        if not module:
            self._read(self._defined.get(plain, ()))
        else:
            self._read([module])
        nodes = [node for node in self._nodes.get(plain, ()) if module in ("", node.module)]
        return nodes[0] if nodes else None

    def at(self, oid: str) -> Node | None:
        """The object with this OID."""
        if oid not in self._by_oid:
            self._read(self._texts)
        return self._by_oid.get(oid)

    def below(self, oid: str) -> list[Node]:
        """The scalars and columns at or below an OID, in the order of their OIDs."""
        found = [node for node in self._by_oid.values() if node.oid == oid or node.oid.startswith(f"{oid}.")]
        return sorted((node for node in found if node.kind in ("scalar", "column")), key=lambda node: node.numbers)

    def row(self, column: Node) -> Node | None:
        """The entry that a column is of."""
        return self._by_oid.get(column.oid.rpartition(".")[0])

    def _read(self, modules: Iterable[str]) -> None:
        wanted = [each for each in modules if each not in self._documents and each not in self.unread]
        if not wanted:
            return
        for module, text in _compiled(wanted, self._texts, self.unread).items():
            self._documents.setdefault(module, json.loads(text))
        self._nodes.clear()
        self._by_oid.clear()
        types = {name: each for each in self._all() if (name := str(each["name"])) and "type" in each}
        for each in self._all():
            if "oid" in each:
                node = self._node(each, types)
                self._nodes.setdefault(node.name, []).append(node)
                known = self._by_oid.get(node.oid)
                if known is None or (known.type is None and node.type is not None):
                    self._by_oid[node.oid] = node

    def _all(self) -> Iterator[dict[str, Any]]:
        for module, document in self._documents.items():
            for each in document.values():
                if isinstance(each, dict) and "name" in each:
                    yield {**each, "module": module}

    def _node(self, each: Mapping[str, Any], types: Mapping[str, Mapping[str, Any]]) -> Node:
        syntax = each.get("syntax")
        return Node(
            name=str(each["name"]),
            module=str(each["module"]),
            oid=str(each["oid"]),
            kind=str(each.get("nodetype", "")),
            type=_type(syntax, types) if isinstance(syntax, dict) else None,
            readable=each.get("maxaccess") in _READABLE,
            description=" ".join(str(each.get("description", "")).split()),
            units=str(each.get("units", "")),
            indexes=self._indexes(each),
        )

    def _indexes(self, row: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
        if "augmention" in row:
            other = row["augmention"]["object"]
            base = next((each for each in self._all() if each["name"] == other and "indices" in each), {})
            return self._indexes(base)
        return tuple((str(each["object"]), bool(each["implied"])) for each in row.get("indices", ()))


def _type(syntax: Mapping[str, Any], types: Mapping[str, Mapping[str, Any]]) -> Type:
    names: list[str] = []
    enum: dict[int, str] = {}
    bits: dict[int, str] = {}
    hint = ""
    size = 0
    here: Mapping[str, Any] | None = syntax
    while here is not None and str(here["type"]) not in names:
        name = str(here["type"])
        names.append(name)
        limits = here.get("constraints", {})
        enum = enum or {number: text for text, number in limits.get("enumeration", {}).items()}
        bits = bits or {number: text for text, number in here.get("bits", {}).items()}
        sizes = limits.get("size", ())
        if not size and len(sizes) == 1 and sizes[0]["min"] == sizes[0]["max"]:
            size = int(sizes[0]["min"])
        convention = types.get(name)
        hint = hint or (str(convention.get("displayhint", "")) if convention else "")
        here = convention["type"] if convention else None
    return Type(tuple(names), dict(sorted(enum.items())), dict(sorted(bits.items())), hint, size)


def _files(folders: Iterable[Path]) -> Iterator[str]:
    count = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size <= BIGGEST:
                count += 1
                if count > MOST:
                    raise CannotImportError(
                        f"there are more than {MOST} files below the folders of MIBs; name a smaller folder"
                    )
                yield path.read_text("utf-8", "replace")


def _compiled(modules: Iterable[str], texts: Mapping[str, str], unread: dict[str, str]) -> dict[str, str]:
    """The modules, and those they need, as pysmi's JSON; ``unread`` gets what could not be."""
    try:
        from pysmi.codegen import JsonCodeGen  # noqa: PLC0415 - an optional extra
        from pysmi.compiler import MibCompiler  # noqa: PLC0415
        from pysmi.reader import CallbackReader  # noqa: PLC0415
        from pysmi.writer import CallbackWriter  # noqa: PLC0415
    except ImportError as error:
        raise CannotImportError("pysmi is not installed, which reads MIBs: pip install 'tocsin[mibs]'") from error
    made: dict[str, str] = {}
    writer = CallbackWriter(lambda name, text, _: made.__setitem__(name, text))
    compiler = MibCompiler(_parser(), JsonCodeGen(), writer)
    compiler.add_sources(CallbackReader(lambda name, _: texts.get(name, "")))
    done = compiler.compile(*modules, genTexts=True, ignoreErrors=True)
    for module, status in done.items():
        if module not in made and str(status) != "untouched":
            cause = getattr(status, "error", None)
            why = str(getattr(cause, "msg", None) or cause or "not in the folders given")
            unread[str(module)] = "not in the folders given" if str(status) == "missing" else why
    return made


@cache
def _parser() -> object:
    """pysmi's parser, whose tables take a second to make."""
    from pysmi.parser import SmiV1CompatParser  # noqa: PLC0415

    return SmiV1CompatParser(tempdir="")
