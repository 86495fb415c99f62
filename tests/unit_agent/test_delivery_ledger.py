"""The outbox in memory while its disk comes back."""

from __future__ import annotations

from fakes.delivery_rig import name, ticket

from agent.core import outbox
from agent.core.outbox import OutboxRow
from agent.delivery.ledger import Ledger
from agent.store import Change, Listener, Outcome, StoreUnavailable

ROWS = 40


class Disk:
    """Refuses until it is mended; tells its listeners as the store does."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.degraded = True
        self.mended = False
        self.rows: dict[tuple[str, str], int] = {}
        self.late: OutboxRow | None = None
        """Committed by somebody else with the last but one of the other rows."""

    async def commit(self, change: Change) -> None:
        if not self.mended:
            raise StoreUnavailable("full")
        self.tell(change)
        if self.late is not None and len(self.rows) == ROWS - 1:
            late, self.late = self.late, None
            self.tell(Change(outbox=(late,)))

    def tell(self, change: Change) -> None:
        for row in change.outbox:
            self.rows[row.key] = max(row.revision, self.rows.get(row.key, 0))
        for listener in self.listeners:
            listener(change, Outcome.STORED)


async def test_a_row_that_becomes_ready_during_a_flush_is_written_too() -> None:
    disk = Disk()
    ledger = Ledger(disk, (), 0, lambda: None)
    wished = [ledger.wish(name(f"f{n}"), "rt", ticket(f"f{n}"), 0) for n in range(ROWS)]
    for row in wished:
        assert row is not None
        await ledger.settle(row.key, outbox.claim)
    assert ledger.unwritten == ROWS
    disk.mended, disk.late = True, wished[0]
    disk.tell(Change(outbox=tuple(row for row in wished[1:] if row is not None)))
    disk.rows.clear()
    while ledger._flushing is not None:
        await ledger._flushing
    assert ledger.unwritten == 0
    assert set(disk.rows.values()) == {2}
