"""Whole recorded walks, taken apart into columns, and what a table makes of one."""

from __future__ import annotations

from collections.abc import Iterable

from collectors._model import Sample
from collectors.snmp.port import Row
from collectors.snmp.profile import Table
from collectors.snmp.samples import TablePlan


def samples(table: Table, rows: Iterable[Row]) -> list[Sample]:
    """Everything of a table from the rows of a whole walk, labels and columns of every class together."""
    plan = TablePlan(table)
    wanted = {*plan.labels, *(oid for oids in plan.reads.values() for oid in oids)}
    columns = split(rows, wanted)
    names = plan.names(columns)
    return [sample for every in plan.reads for sample in plan.samples(every, columns, names).samples]


def split(rows: Iterable[Row], roots: Iterable[str]) -> dict[str, list[Row]]:
    """The rows of a walk by the column that they belong to; what belongs to none of ``roots`` is left out."""
    found: dict[str, list[Row]] = {root: [] for root in roots}
    lengths = sorted({root.count(".") + 1 for root in found})
    for oid, value in rows:
        numbers = oid.split(".")
        for length in lengths:
            column = found.get(".".join(numbers[:length]))
            if column is not None and length < len(numbers):
                column.append((oid, value))
                break
    return found
