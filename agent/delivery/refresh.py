"""Tells a backend again what is open, where the backend forgets what it is not told (``Capabilities.refresh``)."""

from __future__ import annotations

import asyncio

from agent.core.outbox import OutboxRow, RowState
from agent.delivery.lane import Lane
from agent.delivery.ledger import Ledger
from integrations.api import IntegrationError, TicketState

_PER_ROUND = 4
"""Rounds in one refresh interval, so that tickets opened at different times are told near their own time."""


class Refresher:
    """One backend's. What it sends was delivered before, is idempotent and expires by itself, so it is not claimed: a
    refresh that is lost is made up for by the next, and one that arrives late ends by itself.
    """

    def __init__(self, lane: Lane, ledger: Ledger) -> None:
        self._lane = lane
        self._ledger = ledger
        self._interval = lane.integration.capabilities.refresh
        self._told: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval / _PER_ROUND)
            await self.once()

    async def once(self) -> None:
        """Tell those whose time has come, the longest untold first; a row that the worker has in hand is told by it."""
        lane = self._lane
        rows = [row for row in self._ledger.of(lane.name) if _open(row)]
        self._told = {row.incident: self._told.get(row.incident, 0) for row in rows}
        due = lane.now() - int(self._interval * 1000)
        for row in sorted(rows, key=lambda row: self._told[row.incident]):
            if self._told[row.incident] > due or lane.gate.closed(lane.now()):
                return
            if row.wish.correlation_id not in lane.busy and self._ledger.get(row.key) is row:
                await self._tell(row)

    async def _tell(self, row: OutboxRow) -> None:
        lane, fault = self._lane, row.wish.correlation_id
        lane.busy.add(fault)
        try:
            if row.ref is not None and (remote := await lane.look(lane.integration.read, row.ref)) is not None:
                await lane.write(lane.integration.apply, row.wish, remote)
                self._told[row.incident] = lane.now()
                lane.stats.refreshed += 1
        except IntegrationError:
            return  # the gate has heard of it, and the next round tells it again
        finally:
            lane.busy.discard(fault)
            lane.wake.set()


def _open(row: OutboxRow) -> bool:
    return row.ref is not None and row.state is RowState.DONE and row.wish.state is TicketState.OPEN
