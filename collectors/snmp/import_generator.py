"""Profiles from the ``generator.yml`` of snmp_exporter: its modules, with names resolved in MIBs.

What a profile cannot say, or what belongs elsewhere (credentials, timeouts), is named in the notes; nothing is left out
silently. The result passes the same checks as a profile that was written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import yaml

from collectors._importing import CannotImportError, Imported
from collectors.snmp.check import check
from collectors.snmp.import_objects import NotCarriedError, Part, indexes, label, lookup, one_object
from collectors.snmp.mibs import Mibs, Node
from collectors.snmp.profile import Profile

BIGGEST = 4_000_000
"""Bytes of a generator.yml."""
_NUMERIC = re.compile(r"^\.?(\d+(?:\.\d+)*)$")
_INSTANCE = re.compile(r"^(.*?[^.\d][^.]*|\.?\d+(?:\.\d+)*)((?:\.\d+)+?)$")
_KNOWN = {"walk", "lookups", "overrides", "filters"}
_ELSEWHERE = {
    "auth": "credentials are written under collect.snmp.credentials",
    "version": "the version is part of a credential (collect.snmp.credentials)",
    "max_repetitions": "Tocsin finds out by itself how much a device can send at once",
    "retries": "retries are an option of a target (collect.snmp.targets)",
    "timeout": "the timeout is an option of a target (collect.snmp.targets)",
    "allow_nonincreasing_oids": "a walk whose OIDs do not increase ends there",
    "use_unconnected_udp_socket": "replies are taken only from the address that was asked",
}
_OVERRIDES = {
    "ignore", "name", "help", "type", "scale", "offset", "datetime_pattern", "display_hint", "regex_extracts",
}  # fmt: skip


def modules(text: str) -> dict[str, Mapping[str, Any]]:
    """The modules of a generator.yml by name, as YAML has them (every scalar is text)."""
    if len(text) > BIGGEST:
        raise CannotImportError(f"the file has more than {BIGGEST} characters")
    try:
        document = yaml.load(text, getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - no types are made
    except yaml.YAMLError as error:
        raise CannotImportError(" ".join(str(error).split())) from error
    found = document.get("modules") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise CannotImportError("there is no mapping 'modules' in it: is it a generator.yml of snmp_exporter?")
    return {str(name): each for name, each in found.items()}


def profile_from(name: str, module: Mapping[str, Any], mibs: Mibs) -> Imported:
    """One module as a profile."""
    made = _Importing(module, mibs)
    document = made.document(f"Module {name} of a generator.yml")
    notes = [*made.notes, *(f"MIB {each} was not read: {why}" for each, why in sorted(mibs.unread.items()))]
    mistakes = _mistakes(name, document)
    usable = not mistakes and bool(document.get("scalars") or document.get("tables"))
    if not (document.get("scalars") or document.get("tables")):
        notes.append("nothing is left to read")
    return Imported(name, written(document), (*notes, *mistakes), usable)


def written(document: Mapping[str, Any]) -> str:
    """The text of a profile file: a line for each object."""
    lines: list[str] = []
    for key, value in document.items():
        match key:
            case "scalars":
                lines += ["scalars:", *(f"  - {_flow(each)}" for each in value)]
            case "tables":
                lines.append("tables:")
                for table in value:
                    lines += _table(table)
            case _:
                lines.append(f"{key}: {_flow(value)}")
    return "\n".join([*lines, ""])


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    lead = "  - "
    for key, value in table.items():
        if key in ("columns", "lookups"):
            yield f"{lead}{key}:"
            yield from (f"      - {_flow(each)}" for each in value)
        else:
            yield f"{lead}{key}: {_flow(value)}"
        lead = "    "


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _mistakes(name: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        profile = msgspec.convert(document, Profile, strict=False)
    except msgspec.ValidationError as error:
        return (f"the profile is not valid: {error}",)
    problems = [each for each in check(name, {name: profile}) if not each.warning]
    return tuple(f"{'.'.join(map(str, each.path))}: {each.text}" for each in problems)


class _Importing:
    """One module on its way; ``notes`` grows."""

    def __init__(self, module: Mapping[str, Any], mibs: Mibs) -> None:
        self.notes: list[str] = []
        self._mibs = mibs
        self._overrides = {str(key): each for key, each in _mapping(module.get("overrides")).items()}
        self._lookups = [each for each in _items(module.get("lookups")) if isinstance(each, dict)]
        self._used: set[str] = set()
        for key in module.keys() - _KNOWN:
            self.notes.append(f"{key}: {_ELSEWHERE.get(key, 'this is unknown')}")
        self._walk = self._resolved(_items(module.get("walk")))
        self._only = self._filters(_mapping(module.get("filters")))

    def document(self, about: str) -> dict[str, Any]:
        scalars: list[Part] = []
        tables: dict[str, tuple[Node, list[tuple[Node, Part]]]] = {}
        for node in self._walk:
            override = self._override(node)
            if override.get("ignore") == "true" or not node.readable:
                continue
            try:
                part = one_object(node, override)
            except NotCarriedError as error:
                self.notes.append(f"{node.name}: {error}")
                continue
            if node.kind == "scalar":
                scalars.append({**part, "oid": f"{node.oid}.0"})
            elif (row := self._mibs.row(node)) is not None:
                tables.setdefault(row.oid, (row, []))[1].append((node, part))
        made = [table for row, columns in tables.values() if (table := self._table(row, columns)) is not None]
        for name in self._overrides.keys() - self._used:
            self.notes.append(f"overrides: {name} is nothing that is walked or looked up")
        document: dict[str, Any] = {"about": {"en": about}}
        return document | ({"scalars": scalars} if scalars else {}) | ({"tables": made} if made else {})

    def _table(self, row: Node, columns: Sequence[tuple[Node, Part]]) -> Part | None:
        try:
            parts = indexes(row, self._mibs.find)
            lookups = self._looked_up(row, parts)
        except NotCarriedError as error:
            self.notes.append(f"{row.name}: {error}")
            return None
        labels = {each["label"] for each in (*parts, *lookups)}
        kept: list[Part] = []
        for node, part in columns:
            if part["name"] in labels and "type" in part and part["type"] != "counter":
                self.notes.append(f"{node.name}: it is a label of its table already")
                continue
            kept.append(part | ({"only": self._only[node.oid]} if node.oid in self._only else {}))
        if not kept:
            return None
        table: Part = {"name": row.name.removesuffix("Entry"), "every": "fast", "indexes": parts}
        return table | ({"lookups": lookups} if lookups else {}) | {"columns": kept}

    def _looked_up(self, row: Node, parts: list[Part]) -> list[Part]:
        made: list[Part] = []
        everything = [str(each["label"]) for each in parts]
        for given in self._lookups:
            sources = [label(str(each)) for each in _items(given.get("source_indexes"))]
            if not sources or not set(sources) <= {str(each["label"]) for each in (*parts, *made)}:
                continue
            wanted = str(given.get("lookup", ""))
            node = self._node(wanted)
            if node is None:
                self.notes.append(f"lookups: {wanted} is in no MIB that was read")
                continue
            part = lookup(node, self._override(node), given)
            if part["label"] in {each["label"] for each in (*parts, *made)}:
                self.notes.append(f"{row.name}: there is a label {part['label']} already, the lookup of it is left out")
                continue
            if sources != everything:
                part["indexes"] = sources
            if given.get("drop_source_indexes") == "true":
                for each in (*parts, *made):
                    if each["label"] in sources:
                        each["drop"] = True
            made.append(part)
        return made

    def _resolved(self, walk: Sequence[object]) -> list[Node]:
        found: dict[str, Node] = {}
        for each in walk:
            name = str(each)
            below = self._below(name)
            if not below and (instance := _INSTANCE.match(name)) is not None:
                below = self._below(instance[1])
                if below and ([node.kind for node in below] != ["scalar"] or instance[2] != ".0"):
                    self.notes.append(f"walk: {name}: single instances of a table cannot be chosen")
                    continue
            if not below:
                self.notes.append(f"walk: {name} is in no MIB that was read")
            found.update({node.oid: node for node in below})
        return sorted(found.values(), key=lambda node: node.numbers)

    def _below(self, name: str) -> list[Node]:
        """The scalars and columns that a name or an OID stands for."""
        node = self._node(name)
        if node is not None:
            return self._mibs.below(node.oid)
        numeric = _NUMERIC.match(name)
        return self._mibs.below(numeric[1]) if numeric is not None else []

    def _node(self, name: str) -> Node | None:
        numeric = _NUMERIC.match(name)
        return self._mibs.at(numeric[1]) if numeric is not None else self._mibs.find(name)

    def _override(self, node: Node) -> Mapping[str, Any]:
        merged: dict[str, Any] = {}
        for key in (node.oid, node.name, f"{node.module}::{node.name}"):
            if key in self._overrides:
                given = _mapping(self._overrides[key])
                if key not in self._used:
                    self._used.add(key)
                    self.notes.extend(f"overrides: {key}: {each} is unknown" for each in given.keys() - _OVERRIDES)
                merged.update(given)
        return merged

    def _filters(self, filters: Mapping[str, Any]) -> dict[str, Part]:
        """For each target of a dynamic filter of numbers, the rows that count."""
        if filters.get("static"):
            self.notes.append("filters: static filters cannot be carried over (rows by number); use 'only' by a column")
        made: dict[str, Part] = {}
        for each in _items(filters.get("dynamic")):
            given = _mapping(each)
            by = self._node(str(given.get("oid", "")))
            values = [str(value) for value in _items(given.get("values"))]
            if by is None or not all(re.fullmatch(r"-?\d+", value) for value in values) or not values:
                self.notes.append(f"filters: {given.get('oid')}: only numbers of a known column can choose rows")
                continue
            for target in _items(given.get("targets")):
                node = self._node(str(target))
                below = self._mibs.below(node.oid) if node is not None else []
                same = [column for column in below if column.oid.rpartition(".")[0] == by.oid.rpartition(".")[0]]
                if not same:
                    self.notes.append(f"filters: {target} is not of the table of {by.name}")
                made.update({column.oid: {"oid": by.oid, "values": list(map(int, values))} for column in same})
        return made


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
