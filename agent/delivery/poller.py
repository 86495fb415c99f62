"""Reads back what people did to the open tickets."""

from __future__ import annotations

import asyncio

from agent.core import outbox
from agent.core.outbox import OutboxRow, RowState
from agent.delivery.gate import GateState
from agent.delivery.lane import Lane
from agent.delivery.ledger import Ledger
from integrations.api import IntegrationError, TicketState

BATCH = 60
"""Tickets read in one round; with more than that open, each is read every few rounds."""
AT_ONCE = 4


class Poller:
    """One backend's. A ticket that the worker or the audit has in hand is left to them."""

    def __init__(self, lane: Lane, ledger: Ledger, interval: float) -> None:
        self._lane = lane
        self._ledger = ledger
        self._interval = interval
        self._read: dict[str, int] = {}
        self._round = 0

    async def run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(self._interval)

    async def once(self) -> None:
        """One round. A failure is the gate's business; what was not read now is read in the next round."""
        self._round += 1
        gate, now = self._lane.gate, self._lane.now
        rows = [row for row in self._ledger.of(self._lane.name) if _live(row)]
        self._read = {row.incident: self._read.get(row.incident, 0) for row in rows}
        rows.sort(key=lambda row: self._read[row.incident])
        waiting = rows[:BATCH]

        async def reader() -> None:
            while waiting and not gate.closed(now()):
                await self._read_one(waiting.pop(0))

        at_once = AT_ONCE if gate.state is GateState.UP else 1
        await asyncio.gather(*(reader() for _ in range(at_once)))

    async def _read_one(self, row: OutboxRow) -> None:
        lane, ledger = self._lane, self._ledger
        if row.ref is None or row.wish.correlation_id in lane.busy:
            return
        try:
            remote = await lane.look(lane.integration.read, row.ref)
        except IntegrationError:
            return
        lane.stats.reads += 1
        self._read[row.incident] = self._round
        now = ledger.get(row.key)
        if now is None or now.revision != row.revision or row.wish.correlation_id in lane.busy:
            return  # it moved on while this was read, so this answer is old
        if remote is None:
            row = await ledger.settle(row.key, lambda row: outbox.gone(row, lane.now()))
            lane.stats.gone += 1
        else:
            there = remote
            row = await ledger.settle(row.key, lambda row: outbox.seen(row, there))
        lane.seen(row, remote)


def _live(row: OutboxRow) -> bool:
    return row.ref is not None and row.state is RowState.DONE and row.wish.state is TicketState.OPEN
