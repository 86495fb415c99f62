"""One table of one device from poll to poll: what its rows are called, which columns it lacks, what its counters did.

**A number never appears under another row's name.** The labels of a row come from columns that are read seldom, so an
index that was given to another port would carry the old port's name. What prevents that: labels are read anew before
anything is published when the device started anew, when the scalar that tells of changes moved, and every ten minutes;
and one column of names is read in every poll *after* the values. A row counts only when its name was the same before
and after. Counters follow the name: a row that is called otherwise starts anew.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from sys import intern

from collectors._model import Sample
from collectors.snmp.counters import EVERY_ROW, Counters, Reason
from collectors.snmp.errors import Malformed
from collectors.snmp.names import Cells, Names, cells
from collectors.snmp.port import Row, Value
from collectors.snmp.profile import Every, Object, Syntax
from collectors.snmp.reading import Reading
from collectors.snmp.samples import TablePlan

LABELS_FOR = 600.0
"""Seconds after which labels are read anew though nothing seems to have changed."""
_GONE_FOR = 3600.0
"""Seconds that a counter is remembered that the device no longer gives."""
_MEGABIT = 1_000_000.0
FEW = 12
"""Rows up to which values are asked for by name: one GET holds more of them than a walk of each column."""


class Table:
    """``plan`` is the whole table of the profile; columns that the device lacks are found out here."""

    def __init__(self, plan: TablePlan) -> None:
        self.whole = plan
        self.table = plan.table
        self._plan = plan
        self._lacking: set[str] = set()
        self._given: set[str] = set()
        """Columns that had rows since the device started: an empty one of these is a lie, or a table without rows."""
        self._names: Names | None = None
        self._stale = True
        self._named_at = 0.0
        self._speeds: dict[str, Cells] = {}
        self._labels: Mapping[str, Cells] = {}
        self._change: Value | None = None
        self._counters: dict[str, Counters] = {}
        self._breaks: Cells = {}
        self._polled: dict[Every, int] = {}
        self._seen: dict[Every, dict[str, None]] = {}
        """By class the rows that it had when it was walked last."""
        self._check = _check_column(plan)
        self._links = tuple(each.oid for each in plan.table.lookups if each.indexes)
        """Columns of names that belong to other tables, such as that of the interface a row is about."""
        bounding = {each.speed for each in plan.table.columns if each.speed}
        self._speed_columns = [each.oid for each in plan.table.columns if each.name in bounding]

    @property
    def rows(self) -> int:
        """How many rows it had when the labels were read last."""
        return len(self._labels.get(self._check, ())) if self._check else len(self._names or ())

    @property
    def held(self) -> int:
        """Counters that are held back at present."""
        return sum(each.held for each in self._counters.values())

    def dropped(self, into: dict[Reason, int]) -> None:
        """Add up what was not published, by reason, since the start."""
        for each in self._counters.values():
            for reason, count in each.dropped.items():
                into[reason] = into.get(reason, 0) + count

    def take_over(self, other: Table) -> None:
        """Go on counting where ``other``, the same table by another plan, has come to; its names are checked first."""
        self._counters = other._counters
        self._labels, self._breaks, self._polled = other._labels, other._breaks, other._polled

    def forget_labels(self) -> None:
        """The device started anew: nothing is published before the labels have been read again."""
        self._stale = True
        self._given.clear()

    async def prepare(self, reading: Reading, header: Mapping[str, Value]) -> None:
        """Read the labels where they may have changed. ``header`` has the scalar that tells of changes.

        Raises SnmpError when they cannot all be read: rows without their names would be other series.
        """
        change = header.get(self.table.changes) if self.table.changes else None
        if not self._stale and change == self._change and reading.at - self._named_at < LABELS_FOR:
            return
        self._stale = True
        found = await reading.columns(self.whole.labels)
        if cut := [root for root in found if not reading.is_whole(root)]:
            raise Malformed(f"table {self.table.name}: the labels of its rows cannot all be read ({', '.join(cut)})")
        names = self.whole.names(found)
        labels = names.columns
        if self._check and self._labels:
            self._forget_counters(_different(self._labels.get(self._check, {}), labels.get(self._check, {})))
        self._labels, self._names = labels, names
        self._named_at, self._change, self._stale = reading.at, change, False
        self._lacking.clear()
        self._seen.clear()
        self._plan = self.whole
        await self._read_limits(reading)
        if self.table.discontinuity is not None:
            self._breaks = cells(self.table.discontinuity, await reading.column(self.table.discontinuity))

    async def values(self, every: Every, reading: Reading) -> dict[str, Sequence[Row]]:
        """The rows of this class; a column without any is not asked for again until the labels are read anew."""
        found: dict[str, Sequence[Row]] = {}
        few = self._few(every)
        while True:
            missing = [root for root in self._plan.reads.get(every, ()) if root not in found]
            if not missing:
                if not few and all(reading.is_whole(root) for root in found):
                    self._see(every, found)
                self._learn_speeds(found)
                return found
            found.update(await reading.instances(missing, few) if few else await reading.columns(missing))
            self._given.update(root for root in missing if found[root])
            lacking = {root for root in missing if root not in self._given and reading.is_whole(root)}
            if lacking & self._plan.columns.keys():
                self._lacking |= lacking
                self._plan = self.whole.without(self._lacking)

    async def verified(self, reading: Reading) -> set[str]:
        """The rows that are not called what they were before: read after the values, and not to be published."""
        if not self._check:
            return set()
        rows = await reading.afterwards(self._check)
        before = self._labels.get(self._check, {})
        now = cells(self._check, rows)
        if now == before:
            return set()
        other = _different(before, now)
        self._stale = True  # read anew with the next poll
        self._forget_counters(other)
        return other

    def renamed(self, rows: Mapping[str, Sequence[Row]], reading: Reading) -> set[str]:
        """The rows that are called after something of another table which is called otherwise by now.

        It is seen where that table was verified in this poll, which costs nothing more. What is not, is read anew with
        the labels: when ``changes`` moves, or after a while.
        """
        read = ((root, reading.read_afterwards(root)) for root in self._links)
        now = {root: cells(root, given) for root, given in read if given is not None}
        if self._names is None or all(self._labels.get(root) == each for root, each in now.items()):
            return set()
        before, self._names = self._names, self._names.over(now)
        self._labels = self._names.columns
        indexes = {oid[len(root) + 1 :] for root, given in rows.items() for oid, _ in given}
        other = {index for index in indexes if before[index] != self._names[index]}
        self._forget_counters(other)
        return other

    async def samples(
        self, every: Every, rows: Mapping[str, Sequence[Row]], reading: Reading, *, turns: int, without: set[str]
    ) -> tuple[list[Sample], Mapping[str, int]]:
        """What the rows become, and how many had an index or a type that is not the object's, by object.

        ``turns`` is how often its counters may have started anew; ``without`` are rows that must not be published.
        """
        if self._names is None:
            return [], {}
        if without:
            rows = {root: _left(root, each, without) for root, each in rows.items()}
        broken = None if self._polled.get(every, turns) == turns else EVERY_ROW
        self._polled[every] = turns
        believed = dict(rows)
        for column in self._plan.columns.values():
            if column.type is Syntax.COUNTER and column.oid in rows:
                believed[column.oid] = await self._believed(column, rows[column.oid], broken, reading)
        made = self._plan.samples(every, believed, self._names)
        return made.samples, made.wrong

    async def _believed(
        self, column: Object, rows: Sequence[Row], broken: Container[str] | None, reading: Reading
    ) -> list[Row]:
        counters = self._counters.get(column.oid)
        if counters is None or counters.bits != column.bits:
            octets = bool(column.speed) and column.bits_each == 8
            counters = self._counters[column.oid] = Counters(column.oid, column.bits, octets=octets)
            counters.limit(self._limits(column))
        held = counters.held
        kept = counters.believed(rows, reading.at, broken)
        if self.table.discontinuity is None or counters.held <= held:
            return kept
        # Something surprised: perhaps the device says that this row's counters started anew.
        now = cells(self.table.discontinuity, await reading.afterwards(self.table.discontinuity))
        moved = _different(self._breaks, now)
        again = [row for row in rows if row[0][len(column.oid) + 1 :] in moved]
        return kept + counters.believed(again, reading.at, moved) if again else kept

    def _limits(self, column: Object) -> dict[str, float]:
        """Counts a second that each line can carry."""
        speed = next((each.oid for each in self.table.columns if each.name == column.speed), "")
        return {
            index: mbit * _MEGABIT / column.bits_each
            for index, mbit in self._speeds.get(speed, {}).items()
            if type(mbit) is int and mbit > 0
        }

    async def _read_limits(self, reading: Reading) -> None:
        """The speeds are read together with the labels, as the first poll of a counter needs them."""
        self._learn_speeds({oid: await reading.column(oid) for oid in self._speed_columns})
        for counters in self._counters.values():
            counters.forget_older(reading.at - _GONE_FOR)

    def _learn_speeds(self, rows: Mapping[str, Sequence[Row]]) -> None:
        fresh = {oid: cells(oid, rows[oid]) for oid in self._speed_columns if oid in rows}
        if all(self._speeds.get(oid) == found for oid, found in fresh.items()):
            return
        self._speeds |= fresh
        for oid, counters in self._counters.items():
            column = self._plan.columns.get(oid)
            if column is not None and column.speed:
                counters.limit(self._limits(column))

    def _forget_counters(self, indexes: set[str]) -> None:
        if indexes:
            for counters in self._counters.values():
                counters.forget(indexes)

    def _few(self, every: Every) -> Sequence[str]:
        """The indexes of a table that is so small that asking for its values by name is cheaper than walking.

        It is walked once after its labels were read: it may have rows that the table with their names has not.
        """
        if not self._check or every not in self._seen:
            return ()
        rows = dict.fromkeys((*self._labels.get(self._check, ()), *self._seen[every]))
        return list(rows) if len(rows) <= FEW else ()

    def _see(self, every: Every, found: Mapping[str, Sequence[Row]]) -> None:
        columns = self._plan.columns.keys() & found.keys()
        self._seen[every] = dict.fromkeys(intern(row[0][len(root) + 1 :]) for root in columns for row in found[root])


def _check_column(plan: TablePlan) -> str:
    """The column of names that is read again after the values; empty when rows have no name of their own."""
    own = [each for each in plan.table.lookups if not each.indexes]
    named = [each.oid for each in own if each.label.endswith("Name")]
    return next(iter(named), own[0].oid if own else "")


def _different(before: Cells, now: Cells) -> set[str]:
    """The indexes that do not have the same value in both."""
    if before == now:
        return set()
    return {index for index in before.keys() | now.keys() if before.get(index) != now.get(index)}


def _left(root: str, rows: Iterable[Row], without: Container[str]) -> list[Row]:
    begin = len(root) + 1
    return [row for row in rows if row[0][begin:] not in without]
