"""Compares what is open at a backend with what should be: twins are retired, strays are reported.

What a listing says is only a hint, because it may lag: a ticket is read again before anything is done about it, and a
fault whose row moved since the listing began is left for the next audit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from agent.core.outbox import OutboxRow, RowState
from agent.delivery.adopt import age
from agent.delivery.events import Stray
from agent.delivery.lane import Lane
from agent.delivery.ledger import Ledger
from agent.delivery.twins import keep_oldest, retire
from integrations.api import IntegrationError, Remote, TicketState

log = structlog.get_logger("tocsin.delivery")


class Audit:
    """One backend's. ``cis`` are the ids of the configuration items that this agent watches now."""

    def __init__(
        self, lane: Lane, ledger: Ledger, *, environment: str, cis: Callable[[], Iterable[str]],
        on_stray: Callable[[Stray], None], interval: float,
    ) -> None:  # fmt: skip
        self._lane = lane
        self._ledger = ledger
        self._environment = environment
        self._cis = cis
        self._on_stray = on_stray
        self._interval = interval

    async def run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(self._interval)

    async def once(self) -> None:
        """One audit. Where the backend gives no answer, the next audit looks again."""
        for ci in list(self._cis()):
            if self._lane.gate.closed(self._lane.now()):
                return
            before = {row.key: row.revision for row in self._ledger.of(self._lane.name)}
            try:
                listed = await self._lane.look(self._lane.integration.list_open, self._environment, ci)
                for fault, tickets in _by_fault(listed).items():
                    rows = [row for row in self._ledger.of(self._lane.name) if row.wish.correlation_id == fault]
                    moved_on = any(before.get(row.key) != row.revision for row in rows)
                    if not moved_on and fault not in self._lane.busy:
                        await self._look_into(fault, tickets, rows)
            except IntegrationError as error:
                log.warning("audit_cut_short", backend=self._lane.name, ci=ci, error=str(error))
                return
        self._lane.stats.audits += 1

    async def _look_into(self, fault: str, tickets: list[Remote], rows: list[OutboxRow]) -> None:
        if any(row.state is not RowState.DONE for row in rows):
            return  # the worker is at it, or a person is asked
        newest = max(rows, key=lambda row: row.wish.episode, default=None)
        if newest is not None and _as_it_should_be(newest, tickets):
            return
        self._lane.busy.add(fault)
        try:
            await self._repair(tickets, newest)
        finally:
            self._lane.busy.discard(fault)
            self._lane.wake.set()

    async def _repair(self, tickets: list[Remote], newest: OutboxRow | None) -> None:
        lane = self._lane
        active = [now for ticket in tickets if (now := await lane.look(lane.integration.read, ticket.ref)) is not None]
        active = [ticket for ticket in active if ticket.state.active]
        if not active:
            return
        ours = None
        if newest is not None and newest.ref is not None:
            ours = await lane.look(lane.integration.read, newest.ref)
        if newest is None or ours is None:
            self._report(active, "")
        elif newest.wish.state is TicketState.OPEN and ours.state.active:
            known = {ticket.ref.id for ticket in active}
            await keep_oldest(lane, self._ledger, newest.key, active + ([] if ours.ref.id in known else [ours]))
        elif ours.state.active:
            self._report([ours], newest.incident)
            await retire(lane, [t for t in active if t.ref.id != ours.ref.id], ours)
        else:
            await retire(lane, [t for t in active if t.episode == newest.wish.episode], ours)
            self._report([t for t in active if t.episode != newest.wish.episode], "")

    def _report(self, active: list[Remote], incident: str) -> None:
        """The oldest is told to the agent; further ones become its twins once it is adopted."""
        if active:
            stray = min(active, key=age)
            self._lane.stats.strays += 1
            log.warning("stray_ticket", backend=self._lane.name, ticket=stray.ref.id, incident=incident)
            self._on_stray(Stray(self._lane.name, stray, incident))


def _as_it_should_be(row: OutboxRow, tickets: list[Remote]) -> bool:
    ids = [ticket.ref.id for ticket in tickets]
    return row.wish.state is TicketState.OPEN and row.ref is not None and ids == [row.ref.id]


def _by_fault(tickets: Iterable[Remote]) -> dict[str, list[Remote]]:
    faults: dict[str, list[Remote]] = {}
    for ticket in tickets:
        if ticket.state.active and ticket.correlation_id:
            faults.setdefault(ticket.correlation_id, []).append(ticket)
    return faults
