"""Two open tickets of one fault: the older is kept, the younger linked to it and resolved."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from agent.core import outbox
from agent.core.outbox import OutboxRow, RowState
from agent.delivery.adopt import age
from agent.delivery.lane import Lane
from agent.delivery.ledger import Key, Ledger
from integrations.api import IntegrationError, Remote, TicketState

log = structlog.get_logger("tocsin.delivery")


def taken(ledger: Ledger, row: OutboxRow) -> set[str]:
    """Ids of the tickets that other rows of this backend stand for."""
    return {
        other.ref.id
        for other in ledger.of(row.backend)
        if other.ref is not None and other.key != row.key and (other.unsettled or other.wish.state is TicketState.OPEN)
    }


async def retire(lane: Lane, twins: Iterable[Remote], keep: Remote) -> None:
    """Link and resolve the twins. One that fails stays for the next audit."""
    for twin in twins:
        try:
            await lane.write(lane.integration.retire_twin, twin, keep)
        except IntegrationError as error:
            log.warning("twin_not_retired", backend=lane.name, ticket=twin.ref.id, error=str(error))
            return
        lane.stats.twins_retired += 1
        log.warning("twin_retired", backend=lane.name, ticket=twin.ref.id, kept=keep.ref.id)


async def settle_twins(lane: Lane, ledger: Ledger, key: Key) -> None:
    """After a second create: search again, and keep one."""
    row = ledger[key]
    try:
        found = await lane.look(lane.integration.find, row.wish.correlation_id)
    except IntegrationError as error:
        log.warning("twins_not_looked_for", backend=lane.name, incident=row.incident, error=str(error))
        return
    others = taken(ledger, row)
    await keep_oldest(lane, ledger, key, [r for r in found if r.state.active and r.ref.id not in others])


async def keep_oldest(lane: Lane, ledger: Ledger, key: Key, active: list[Remote]) -> None:
    """Of the open tickets of one fault keep the oldest for the row, durably, and then retire the others."""
    if not active:
        return
    keep, *twins = sorted(active, key=age)
    row = ledger[key]
    if row.ref is not None and row.ref.id != keep.ref.id and row.state in (RowState.PENDING, RowState.DONE):
        lane.stats.moved += 1
        row = await ledger.settle(key, lambda row: outbox.moved(row, keep, lane.now()))
        lane.seen(row, keep)
    await retire(lane, twins, keep)
