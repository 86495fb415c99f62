"""Delivery as the agent uses it: wishes in, tickets out, and what people did to them back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.core import outbox
from agent.core.outbox import OutboxRow, RowState
from agent.delivery.audit import Audit
from agent.delivery.events import DeliveryStats, RemoteSeen, Stray
from agent.delivery.gate import Gate, GateState
from agent.delivery.lane import Lane
from agent.delivery.ledger import Disk, Key, Ledger
from agent.delivery.poller import Poller
from agent.delivery.refresh import Refresher
from agent.delivery.worker import Worker
from integrations.api import Capabilities, Integration, Ticket, TicketState

STOP_GRACE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """Seconds, calls per second, and calls at once; each per backend."""

    poll_interval: float = 30.0
    audit_interval: float = 600.0
    rate: float = 2.0
    burst: int = 20
    parallel: int = 4
    deadline: float = 45.0
    """Bounds an attempt of an adapter that does not bound itself; the HTTP door gives up earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStatus:
    """One line of ``tocsin status``. Times are timeline milliseconds; ``since`` is 0 while the state never changed.

    ``known`` is False until the backend answered, refused or was found down.
    """

    backend: str
    state: GateState
    known: bool
    since: int
    not_before: int
    last_error: str
    pending: int
    sending: int
    in_doubt: int
    rejected: int
    open_tickets: int
    oldest_queued_at: int | None
    stats: DeliveryStats


class Delivery:
    """Owns the outbox and one worker for each backend; a poller and an audit where it can be read, a refresher where it
    forgets.

    ``on_remote`` and ``on_stray`` are called on the event loop and must not block; an exception from them ends ``run``.
    ``random`` gives numbers in [0, 1), ``now`` timeline milliseconds.
    """

    def __init__(
        self, disk: Disk, integrations: Mapping[str, Integration], rows: Sequence[OutboxRow], *,
        now: Callable[[], int], random: Callable[[], float], environment: str, cis: Callable[[], Iterable[str]],
        on_remote: Callable[[RemoteSeen], None], on_stray: Callable[[Stray], None],
        options: DeliveryOptions | None = None,
    ) -> None:  # fmt: skip
        options = options or DeliveryOptions()
        self._now = now
        self.ledger = Ledger(disk, rows, now(), self.wake)
        self._lanes = {
            name: Lane(
                name, integration, _gate(options, integration.capabilities),
                now=now, random=random, on_remote=on_remote, deadline=options.deadline,
            )
            for name, integration in integrations.items()
        }  # fmt: skip
        self._workers = [Worker(lane, self.ledger, options.parallel) for lane in self._lanes.values()]
        readable = [lane for lane in self._lanes.values() if lane.integration.capabilities.readable]
        self.pollers = [Poller(lane, self.ledger, options.poll_interval) for lane in readable]
        self.audits = [
            Audit(
                lane, self.ledger, environment=environment, cis=cis, on_stray=on_stray, interval=options.audit_interval
            )
            for lane in readable
        ]
        self._refreshers = [
            Refresher(lane, self.ledger) for lane in self._lanes.values() if lane.integration.capabilities.refresh
        ]
        self._background: list[asyncio.Task[None]] = []
        self._stopping = False

    def wish(self, incident: str, backend: str, ticket: Ticket) -> OutboxRow | None:
        """The row to commit with its incident (``Change.outbox``), or None when this is wished already.

        It is sent once that commit is durable, which delivery hears from the store.
        """
        old = self.ledger.get((incident, backend))
        row = self.ledger.wish(incident, backend, ticket, self._now())
        lane = self._lanes.get(backend)
        if lane is not None and row is not None and old is not None and old.unsettled:
            lane.stats.superseded += 1
        return row

    def wake(self) -> None:
        """Look again at what is to be sent."""
        for lane in self._lanes.values():
            lane.wake.set()

    async def retry(self, incident: str, backend: str) -> OutboxRow | None:
        """``tocsin outbox retry``: try a parked or waiting row now; None when there is no such row."""
        if self.ledger.get((incident, backend)) is None:
            return None
        row = await self.ledger.settle((incident, backend), lambda row: outbox.retry(row, self._now()))
        self.wake()
        return row

    async def run(self) -> None:
        """Until ``stop``. Ends with the error of the first part that fails: the process must not go on without it."""
        try:
            await self.ledger.flush()
            if self._stopping:
                return
            async with asyncio.TaskGroup() as group:
                self._background = [
                    group.create_task(part.run())
                    for parts in (self.pollers, self.audits, self._refreshers)
                    for part in parts
                ]
                for worker in self._workers:
                    group.create_task(worker.run())
        finally:
            self.ledger.detach()

    def stop(self) -> None:
        """Pick nothing more up; ``run`` then returns once what is in flight has settled.

        Bound that wait (``STOP_GRACE``) and cancel ``run``: what has no answer by then is in doubt, durably.
        """
        self._stopping = True
        for task in self._background:
            task.cancel()
        for worker in self._workers:
            worker.stop()

    def forget(self, known: Collection[str]) -> None:
        """Let go of delivered tickets of faults that have no incident among ``known`` (ids) any more."""
        self.ledger.forget(known)

    def rebase(self, delta_ms: int) -> None:
        """The timeline was moved by the agent's clock."""
        self.ledger.rebase(delta_ms)
        for lane in self._lanes.values():
            lane.gate.rebase(delta_ms)
            lane.wake.set()

    def rows(self) -> list[OutboxRow]:
        """For ``tocsin outbox``: the live rows, parked ones first, then the longest waiting."""
        order = {RowState.REJECTED: 0, RowState.IN_DOUBT: 1, RowState.SENDING: 2, RowState.PENDING: 3, RowState.DONE: 4}
        return sorted(self.ledger, key=lambda row: (order[row.state], row.queued_at, row.key))

    def row(self, key: Key) -> OutboxRow | None:
        return self.ledger.get(key)

    def left_behind(self) -> Mapping[str, int]:
        """How many unfinished rows name a backend that is not configured (any more): nobody works on them."""
        return Counter(row.backend for row in self.ledger if row.backend not in self._lanes and not row.finished)

    def status(self) -> list[BackendStatus]:
        """One entry for each configured backend."""
        return [self._status(lane) for lane in self._lanes.values()]

    def _status(self, lane: Lane) -> BackendStatus:
        rows = self.ledger.of(lane.name)
        count = {state: sum(row.state is state for row in rows) for state in RowState}
        return BackendStatus(
            backend=lane.name, state=lane.gate.state, known=lane.gate.known, since=lane.gate.since,
            not_before=lane.gate.not_before,
            last_error=lane.gate.last_error, pending=count[RowState.PENDING], sending=count[RowState.SENDING],
            in_doubt=count[RowState.IN_DOUBT], rejected=count[RowState.REJECTED],
            open_tickets=sum(row.ref is not None and row.wish.state is TicketState.OPEN for row in rows),
            oldest_queued_at=min((row.queued_at for row in rows if row.unsettled), default=None), stats=lane.stats,
        )  # fmt: skip


def _gate(options: DeliveryOptions, product: Capabilities) -> Gate:
    """As fast as delivery may, and not faster than the product allows."""
    if not product.rate:
        return Gate(options.rate, options.burst)
    return Gate(min(options.rate, product.rate), min(options.burst, product.burst or options.burst))
