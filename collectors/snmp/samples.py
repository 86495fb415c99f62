"""A profile at work: what is to be read of a device, how often, and the samples that it becomes. Pure.

A plan is made once for a table, or for the scalars of a profile, and serves every device that has the same columns::

    plan = TablePlan(table)                                     # or plan.without(columns that a device lacks)
    names = plan.names(rows of plan.labels)                     # again whenever the labels may have changed
    made = plan.samples(Every.FAST, rows of plan.reads[Every.FAST], names)

Rows are given by the OID that was read, each as ``(oid, value)``. A column that the device lacks is empty or missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from collectors._model import Labels
from collectors.snmp.columns import Emit, Made, beside, emitter
from collectors.snmp.names import Cells, Names, cells, lookup_roots
from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Every, Object, Table

Columns = Mapping[str, Sequence[Row]]
"""Rows by the OID that was walked."""


class TablePlan:
    """A table, made ready.

    ``reads``: the columns to walk, by how often; ``labels``: those the labels come from; ``columns``: the objects that
    become metrics, by OID.
    """

    __slots__ = ("_beside", "_emitters", "_known", "_without", "columns", "labels", "reads", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.labels = lookup_roots(table)
        self.columns = {each.oid: each for each in table.columns}
        self.reads: dict[Every, tuple[str, ...]] = {}
        self._emitters: dict[Every, list[tuple[str, Emit]]] = {}
        self._beside: dict[Every, tuple[str, ...]] = {}
        self._without: dict[frozenset[str], TablePlan] = {}
        self._known = {*self.columns, *(each.instead.oid for each in table.columns if each.instead is not None)}
        everywhere = (table.only.oid,) if table.only is not None else ()
        for every in Every:
            columns = [each for each in table.columns if (each.every or table.every) is every]
            if columns:
                others = [oid for each in columns for oid in beside(each)]
                self._emitters[every] = [(each.oid, emitter(each, each.oid, table.only)) for each in columns]
                self._beside[every] = tuple(dict.fromkeys((*others, *everywhere)))
                self.reads[every] = tuple(dict.fromkeys((*(each.oid for each in columns), *self._beside[every])))

    def without(self, lacking: Iterable[str]) -> TablePlan:
        """The same for a device that lacks these columns. A counter of fewer bits takes the place of a wide one."""
        missing = frozenset(lacking).intersection(self._known)
        if not missing:
            return self
        plan = self._without.get(missing)
        if plan is None:
            columns = tuple(filter(None, (_instead(each, missing) for each in self.table.columns)))
            plan = self._without[missing] = TablePlan(replace(self.table, columns=columns))
        return plan

    def names(self, rows: Columns) -> Names:
        """The labels of the table's rows, from the rows of ``labels``."""
        return Names(self.table, rows)

    def samples(self, every: Every, rows: Columns, names: Names) -> Made:
        """What the rows of ``reads[every]`` become."""
        made = Made()
        others = {root: cells(root, rows.get(root, ())) for root in self._beside.get(every, ())}
        for root, emit in self._emitters.get(every, ()):
            if given := rows.get(root):
                emit(given, names, others, made)
        return made


class ScalarsPlan:
    """The scalars of a profile, made ready. ``reads``: the OIDs to get, by how often."""

    __slots__ = ("_emitters", "_others", "reads")

    def __init__(self, scalars: Iterable[Object], every: Every = Every.FAST) -> None:
        """``every`` holds for those that do not say how often."""
        self._emitters: dict[Every, dict[str, Emit]] = {}
        self._others: dict[Every, dict[str, str]] = {}
        for each in scalars:
            root, _, instance = each.oid.rpartition(".")
            alone = replace(each, oid=root)
            moment = each.every or every
            self._emitters.setdefault(moment, {})[each.oid] = emitter(alone, root)
            self._others.setdefault(moment, {}).update({f"{other}.{instance}": other for other in beside(alone)})
        self.reads = {each: tuple({**own, **self._others[each]}) for each, own in self._emitters.items()}

    def samples(self, every: Every, values: Mapping[str, Value]) -> Made:
        """What the values of ``reads[every]`` become."""
        made = Made()
        others: dict[str, Cells] = {}
        for oid, root in self._others.get(every, {}).items():
            if oid in values:
                others[root] = cells(root, [(oid, values[oid])])
        for oid, emit in self._emitters.get(every, {}).items():
            value = values.get(oid)
            if value is not None:
                emit(((oid, value),), _UNINDEXED, others, made)
        return made


class _Unindexed(dict[str, Labels | None]):
    """The labels of what has no index: none."""

    def __missing__(self, _instance: str) -> Labels:
        return ()


_UNINDEXED = _Unindexed()


def narrow(each: Object) -> Object | None:
    """The counter of fewer bits that serves where a device lacks this one."""
    less = each.instead
    if less is None:
        return None
    return replace(each, name=less.name, oid=less.oid, bits=less.bits, help=less.help or each.help, instead=None)


def _instead(each: Object, missing: frozenset[str]) -> Object | None:
    """The column, what serves in its place when the device lacks it, or None."""
    if each.oid not in missing:
        return each
    less = narrow(each)
    return None if less is None or less.oid in missing else less
