"""One poll of one device: everything that is read in it, each column once, and what of it was cut short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.snmp.port import Row, Value
from collectors.snmp.walker import Walked, Walker


class Reading:
    """``at`` is when the poll began, in seconds on a steady clock."""

    def __init__(self, walker: Walker, at: float) -> None:
        self.at = at
        self._walker = walker
        self._found: dict[str, Walked] = {}
        self._after: dict[str, Walked] = {}

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        return await self._walker.get(oids)

    async def answers(self, oid: str) -> bool:
        """Whether there is something at or below ``oid``."""
        rows = await self._walker.after(oid)
        return bool(rows and (rows[0][0] + ".").startswith(oid + ".")) or oid in await self.get((oid,))

    async def column(self, root: str) -> list[Row]:
        """The rows of a column. Several tables may ask for the same one: it is walked once."""
        if root not in self._found:
            self._found[root] = await self._walker.walk(root)
        return self._found[root].rows

    async def columns(self, roots: Iterable[str]) -> dict[str, list[Row]]:
        return {root: await self.column(root) for root in roots}

    async def afterwards(self, root: str) -> list[Row]:
        """The same, walked after everything else: what the values are checked against."""
        if root not in self._after:
            self._after[root] = await self._walker.walk(root)
        return self._after[root].rows

    def read_afterwards(self, root: str) -> list[Row] | None:
        """What ``afterwards`` gave of a whole column, if something asked for it in this poll."""
        walked = self._after.get(root)
        return walked.rows if walked is not None and walked.complete else None

    async def instances(self, roots: Sequence[str], indexes: Sequence[str]) -> dict[str, list[Row]]:
        """The rows of these indexes, asked for by name."""
        wanted = {root: [f"{root}.{index}" for index in indexes] for root in roots}
        found = await self._walker.get([oid for oids in wanted.values() for oid in oids])
        return {root: [(oid, found[oid]) for oid in oids if oid in found] for root, oids in wanted.items()}

    def is_whole(self, root: str) -> bool:
        """Whether nothing of a column is missing that the device has."""
        walked = self._found.get(root)
        return walked is None or walked.complete

    @property
    def cut_short(self) -> list[str]:
        """Which columns are not complete, and why."""
        walks = (*self._found.items(), *self._after.items())
        return [f"{root}: {walked.why}" for root, walked in walks if not walked.complete]
