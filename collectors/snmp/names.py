"""The labels of a table's rows: out of the index, and out of the columns that are looked up there. Each made once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern
from typing import TypeVar

from collectors._model import Labels
from collectors.snmp.display_hint import shown
from collectors.snmp.indexes import BadIndexError, parts
from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Lookup, Syntax, Table
from collectors.snmp.syntaxes import COMBINED, combined, text

_REMEMBERED = 100_000
"""Rows whose labels are kept, more than a table has: a device that makes up other ones each time shall not fill us."""
_T = TypeVar("_T")
Cells = dict[str, Value]
"""The values of a column by index, dotted."""


def cells(root: str, rows: Iterable[Row]) -> Cells:
    """The rows of a column by their index."""
    begin = len(root) + 1
    return {oid[begin:]: value for oid, value in rows}


def _kept(root: str, rows: Iterable[Row]) -> Cells:
    """The same for keeping: many devices have the same indexes and names, which are held once for all of them."""
    begin = len(root) + 1
    return {intern(oid[begin:]): _once(value) if type(value) is bytes else value for oid, value in rows}


@lru_cache(maxsize=8_192)
def _once(value: _T) -> _T:
    """The value that was seen first among equal ones: of one type only, as 1 is equal to 1.0."""
    return value


def before(oid: str) -> str:
    """The column before: its number is one less."""
    parent, _, last = oid.rpartition(".")
    return f"{parent}.{int(last) - 1}"


def lookup_roots(table: Table) -> tuple[str, ...]:
    """The columns that are read for the labels of a table."""
    roots: dict[str, None] = {}
    for lookup in table.lookups:
        if lookup.type in COMBINED:
            roots[before(lookup.oid)] = None
        roots[lookup.oid] = None
    return tuple(roots)


class Names(dict[str, Labels | None]):
    """Labels by index, sorted and without empty ones, each made when it is asked for first.

    None stands for an index that is none of the table's. It holds as long as the looked-up columns do: when they are
    read again, another one is made.
    """

    __slots__ = ("_published", "_table", "bad", "columns")

    def __init__(self, table: Table, columns: Mapping[str, Iterable[Row]]) -> None:
        """``columns``: the rows of ``lookup_roots(table)`` by root, as far as the device has them."""
        super().__init__()
        self.bad = False
        """Whether there was an index that is none."""
        self._table = table
        self._published = [each.label for each in table.indexes if not each.drop]
        self._published += [each.label for each in table.lookups if not each.drop]
        self.columns: Mapping[str, Cells] = {root: _kept(root, columns.get(root, ())) for root in lookup_roots(table)}

    def over(self, columns: Mapping[str, Cells]) -> Names:
        """The same table's, with these of the columns it looks up read anew."""
        fresh = Names(self._table, {})
        fresh.columns = {**self.columns, **columns}
        return fresh

    def __missing__(self, suffix: str) -> Labels | None:
        try:
            made = self._made(suffix)
        except BadIndexError:
            made, self.bad = None, True
        if len(self) >= _REMEMBERED:
            self.clear()
        self[suffix] = made
        return made

    def _made(self, suffix: str) -> Labels:
        table = self._table
        found: dict[str, str] = {}
        numbers: dict[str, str] = {}
        for index, (label, own) in zip(table.indexes, parts(suffix, table.indexes), strict=True):
            found[index.label], numbers[index.label] = label, own
        for lookup in table.lookups:
            key = ".".join(numbers.get(label, "") for label in lookup.indexes) if lookup.indexes else suffix
            value = self.columns[lookup.oid].get(key)
            found[lookup.label] = "" if value is None else self._text(lookup, key, value)
            if type(value) is int:  # what a lookup after this one goes on from
                numbers[lookup.label] = str(value)
        made: Labels = _once(tuple(sorted(_once((label, found[label])) for label in self._published if found[label])))
        return made

    def _text(self, lookup: Lookup, key: str, value: Value) -> str:
        if lookup.display_hint and isinstance(value, bytes):
            return shown(value, lookup.display_hint)
        if lookup.enum and type(value) is int:
            return lookup.enum.get(value) or str(value)
        syntax = lookup.type
        if syntax in COMBINED:
            kind = self.columns[before(lookup.oid)].get(key)
            # Beside no known type the exporter reads such a lookup as if it were the part of an index.
            syntax = Syntax.OCTET_STRING if kind is None else combined(kind, syntax)
        return text(value, syntax)
