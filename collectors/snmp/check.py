"""Every mistake that a well-formed profile can still have. The path of each leads to where it stands in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from msgspec.structs import replace

from collectors._options import OptionPath, OptionProblem
from collectors._series import RESERVED
from collectors.snmp.check_object import check_object
from collectors.snmp.profile import Every, Form, Index, Lookup, Profile, Syntax, Table, Trap
from collectors.snmp.select import Profiles
from collectors.snmp.syntaxes import COMBINED

Problems = Iterator[OptionProblem]
_IN_AN_INDEX = frozenset(
    {
        Syntax.GAUGE, Syntax.COUNTER, Syntax.DISPLAY_STRING, Syntax.OCTET_STRING, Syntax.PHYS_ADDRESS_48,
        Syntax.INET_ADDRESS_IPV4, Syntax.INET_ADDRESS_IPV6, Syntax.INET_ADDRESS, Syntax.INET_ADDRESS_MISSING_SIZE,
        Syntax.OBJECT_IDENTIFIER,
    }
)  # fmt: skip
_OF_ANY_LENGTH = frozenset({Syntax.DISPLAY_STRING, Syntax.OCTET_STRING, Syntax.OBJECT_IDENTIFIER})
_IN_A_LABEL = frozenset(Syntax) - {
    Syntax.DATE_AND_TIME, Syntax.PARSE_DATE_AND_TIME, Syntax.NTP_TIME_STAMP,
}  # fmt: skip


def check(name: str, profiles: Profiles) -> Problems:
    """All that is wrong with one of the profiles, seen beside all the others."""
    profile = profiles[name]
    yield from _company(name, profile, profiles)
    if not (profile.scalars or profile.tables or profile.traps or profile.with_):
        yield OptionProblem((), "the profile has no scalars, tables or traps", "add what is to be read")
    seen: dict[str, str] = _names_along(name, profiles)
    for number, scalar in enumerate(profile.scalars):
        path: OptionPath = ("scalars", number)
        yield from check_object(scalar, path, None)
        yield from _free(scalar.name, (*path, "name"), "metric")
        yield from _once(scalar.name, (*path, "name"), seen, scalar.oid, "metric")
    tables: dict[str, str] = {}
    for number, table in enumerate(profile.tables):
        path = ("tables", number)
        yield from _once(table.name, (*path, "name"), tables, "", "table")
        yield from _table(table, path, seen)
    yield from _nested(profile)
    traps: dict[str, str] = {}
    for number, trap in enumerate(profile.traps):
        yield from _once(trap.oid, ("traps", number, "oid"), traps, "", "trap")
        yield from _trap(trap, ("traps", number))


def check_own(own: Profiles, shipped: Profiles) -> Problems:
    """All that is wrong with people's own profiles, each path beginning with the profile's name."""
    profiles = {**shipped, **own}
    for name in own:
        for problem in check(name, profiles):
            yield replace(problem, path=(name, *problem.path))


def unknown(name: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for a name that no profile has."""
    near = get_close_matches(name[:60], known, n=1)
    return f"there is no profile {name[:60]!a}", f"did you mean '{near[0]}'?" if near else ""


def _company(name: str, profile: Profile, profiles: Profiles) -> Problems:
    for number, other in enumerate(profile.with_):
        path = ("with", number)
        if other not in profiles:
            yield OptionProblem(path, *unknown(other, profiles))
        elif circle := _way(other, name, profiles):
            text = f"profiles bring each other along in a circle: {' -> '.join((name, *circle))}"
            yield OptionProblem(path, text, "take one of them out of 'with'")


def _way(start: str, end: str, profiles: Profiles) -> tuple[str, ...]:
    """The names from one profile to another along ``with``; empty when none leads there."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == end:
            return way
        for each in profiles[way[-1]].with_ if way[-1] in profiles else ():
            if each not in seen:
                seen.add(each)
                ways.append((*way, each))
    return ()


def _names_along(name: str, profiles: Profiles) -> dict[str, str]:
    """The metrics of everything that comes along, and which profile has each."""
    found: dict[str, str] = {}
    waiting, seen = list(profiles[name].with_), {name}
    while waiting:
        other = waiting.pop()
        if other in seen or other not in profiles:
            continue
        seen.add(other)
        waiting += profiles[other].with_
        for each in (*profiles[other].scalars, *(c for table in profiles[other].tables for c in table.columns)):
            found[each.name] = f"profile {other}, which comes along"
    return found


def _free(name: str, path: OptionPath, what: str) -> Problems:
    """Names that would be refused when a device gives them."""
    if name in RESERVED or name.startswith("__"):
        yield OptionProblem(path, f"no {what} can have the name {name}: it has a meaning of its own", "take another")


def _once(name: str, path: OptionPath, seen: dict[str, str], here: str, what: str) -> Problems:
    if name in seen:
        where = seen[name]
        yield OptionProblem(path, f"{what} {name} stands twice" + (f", also in {where}" if where else ""), "keep one")
    else:
        seen[name] = f"the object {here}" if here else ""


def _table(table: Table, path: OptionPath, seen: dict[str, str]) -> Problems:
    yield from _indexes(table.indexes, path)
    labels = {each.label: "" for each in table.indexes}
    for number, lookup in enumerate(table.lookups):
        here = (*path, "lookups", number)
        yield from _lookup(lookup, here, labels, table)
        yield from _free(lookup.label, (*here, "label"), "label")
        yield from _once(lookup.label, (*here, "label"), labels, "", "label")
    if table.every is Every.LIVENESS:
        yield OptionProblem((*path, "every"), "a table is no sign of life: it is more than one request",
                            "write fast or slow")  # fmt: skip
    if table.changes is not None and not table.changes.endswith(".0"):
        yield OptionProblem((*path, "changes"), f"{table.changes} is not a scalar", "the OID of a scalar ends in .0")
    oids: dict[str, str] = {}
    for number, column in enumerate(table.columns):
        here = (*path, "columns", number)
        yield from check_object(column, here, table)
        yield from _free(column.name, (*here, "name"), "metric")
        if column.as_ is not Form.RAW and column.name in labels:
            text = f"the table has a label {column.name} already, which the texts of its enumeration need"
            yield OptionProblem((*here, "as"), text, "write as: raw, or give the label another name")
        yield from _once(column.name, (*here, "name"), seen, column.oid, "metric")
        yield from _once(column.oid, (*here, "oid"), oids, "", "column")
        if column.instead is not None:
            yield from _once(column.instead.name, (*here, "instead", "name"), seen, column.instead.oid, "metric")


def _indexes(indexes: tuple[Index, ...], path: OptionPath) -> Problems:
    labels: dict[str, str] = {}
    for number, index in enumerate(indexes):
        here = (*path, "indexes", number)
        yield from _free(index.label, (*here, "label"), "label")
        yield from _once(index.label, (*here, "label"), labels, "", "label")
        if index.type not in _IN_AN_INDEX:
            known = ", ".join(sorted(each.value for each in _IN_AN_INDEX))
            yield OptionProblem(
                (*here, "type"), f"an index cannot be of type {index.type.value}", f"write one of {known}"
            )
        if index.implied and number < len(indexes) - 1:
            yield OptionProblem((*here, "implied"), "only the last index can be implied: it takes all that is left",
                                "remove 'implied'")  # fmt: skip
        if (index.implied or index.size) and index.type not in _OF_ANY_LENGTH:
            key = "implied" if index.implied else "size"
            yield OptionProblem((*here, key), f"an index of type {index.type.value} has a length of its own",
                                f"remove '{key}'")  # fmt: skip
        if index.enum and index.type is not Syntax.GAUGE:
            yield OptionProblem((*here, "enum"), f"type {index.type.value} has no numbers to name", "remove 'enum'")


def _lookup(lookup: Lookup, path: OptionPath, before: dict[str, str], table: Table) -> Problems:
    """``before``: the labels that there are when this one is looked up."""
    later = {each.label for each in table.lookups} - before.keys()
    for number, label in enumerate(lookup.indexes):
        here = (*path, "indexes", number)
        if label == lookup.label:
            yield OptionProblem(here, f"{label} is looked up by itself", "name an index of the table")
        elif label in later:
            yield OptionProblem(here, f"{lookup.label} is looked up by {label}, which is looked up after it",
                                f"put {label} first; a circle of lookups has no beginning")  # fmt: skip
        elif label not in before:
            yield OptionProblem(here, f"the table has no index {label}", f"there are {', '.join(before)}")
    yield from _label(lookup, path)


def _label(lookup: Lookup, path: OptionPath) -> Problems:
    if lookup.type not in _IN_A_LABEL:
        yield OptionProblem((*path, "type"), f"{lookup.type.value} does not make a label", "write DisplayString")
    if lookup.enum and lookup.type is not Syntax.GAUGE:
        yield OptionProblem((*path, "type"), f"type {lookup.type.value} has no numbers to name", "write type: gauge")
    if lookup.type in COMBINED and lookup.oid.endswith((".0", ".1")):
        yield OptionProblem(
            (*path, "oid"), f"no column comes before {lookup.oid} to say its type", "write its own type"
        )


def _nested(profile: Profile) -> Problems:
    """A column under which other objects lie is none: walking it gives rows of another index."""
    found: dict[str, OptionPath] = {}
    for number, scalar in enumerate(profile.scalars):
        found.setdefault(scalar.oid, ("scalars", number, "oid"))
    columns: dict[str, OptionPath] = {}
    for number, table in enumerate(profile.tables):
        for place, column in enumerate(table.columns):
            columns.setdefault(column.oid, ("tables", number, "columns", place, "oid"))
        for place, lookup in enumerate(table.lookups):
            columns.setdefault(lookup.oid, ("tables", number, "lookups", place, "oid"))
    for oid in (*found, *columns):
        parent = oid.rpartition(".")[0]
        while parent:
            if parent in columns:
                text = f"{parent} is not a column: {oid} lies below it"
                yield OptionProblem(columns[parent], text, "write the OID of a column, without index")
                del columns[parent]
            parent = parent.rpartition(".")[0]


def _trap(trap: Trap, path: OptionPath) -> Problems:
    labels: dict[str, str] = {}
    for number, label in enumerate(trap.labels):
        here = (*path, "labels", number)
        yield from _once(label.label, (*here, "label"), labels, "", "label")
        yield from _label(label, here)
        if label.indexes:
            yield OptionProblem((*here, "indexes"), "a variable of a trap is not looked up", "remove 'indexes'")
