"""Sends what the outbox wishes, one backend per worker, woken by a commit; idle when there is nothing to do.

    row without a ticket:  search -> found: adopt, apply
                                  -> not found: claim (durable) -> create -> settle
    row with a ticket:     read   -> gone: tell core
                                  -> there: claim (durable) -> apply -> settle
    row in doubt:          the same search, until it finds, or finds nothing after the window W

Rows of one fault are sent one after the other, in the order of their episodes; those of different faults in parallel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec

import structlog

from agent.core import outbox
from agent.core.outbox import OutboxRow, RowState
from agent.delivery.adopt import Why, choose
from agent.delivery.gate import GateState
from agent.delivery.lane import Lane
from agent.delivery.ledger import Key, Ledger
from agent.delivery.twins import retire, settle_twins, taken
from agent.store import StoreUnavailable
from integrations.api import InDoubt, NotSent, Rejected, Remote, Unauthorised

P = ParamSpec("P")
log = structlog.get_logger("tocsin.delivery")


class Worker:
    """``run`` ends only by ``stop`` or by an error that must end the process."""

    def __init__(self, lane: Lane, ledger: Ledger, parallel: int) -> None:
        self._lane = lane
        self._ledger = ledger
        self._parallel = parallel
        self._tasks: set[asyncio.Task[None]] = set()
        self._ahead: set[Key] = set()
        self._stopping = False

    async def run(self) -> None:
        lane = self._lane
        try:
            while not self._stopping:
                lane.wake.clear()
                self._reap()
                wait = self._start_due()
                try:
                    async with asyncio.timeout(wait):
                        await lane.wake.wait()
                except TimeoutError:
                    pass  # the next row is due
            await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Pick nothing more up; ``run`` returns when what is in flight has settled."""
        self._stopping = True
        self._lane.wake.set()

    def _reap(self) -> None:
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    def _start_due(self) -> float | None:
        """Start what is due; returns the seconds until something will be, None when only a wake can change that."""
        lane = self._lane
        now = lane.now()
        rows = self._first_of_each_fault()
        if lane.recovered:
            lane.recovered = False
            self._ahead = {row.key for row in rows}
        for due, row in rows_by_due(rows, self._ahead):
            limit = self._parallel if lane.gate.state is GateState.UP else 1
            if len(self._tasks) >= limit:
                return None
            at = max(due, lane.gate.ready_at(now))
            if at > now:
                return (at - now) / 1000
            lane.gate.take(now)
            self._ahead.discard(row.key)
            self._start(row)
        return None

    def _first_of_each_fault(self) -> list[OutboxRow]:
        first: dict[str, OutboxRow] = {}
        for row in self._ledger.of(self._lane.name):
            if row.unsettled and self._ledger.ready(row):
                other = first.setdefault(row.wish.correlation_id, row)
                if row.wish.episode < other.wish.episode:
                    first[row.wish.correlation_id] = row
        return [row for fault, row in first.items() if fault not in self._lane.busy]

    def _start(self, row: OutboxRow) -> None:
        fault = row.wish.correlation_id
        self._lane.busy.add(fault)
        task = asyncio.create_task(self._attempt(row.key), name=f"send {row.incident} {row.backend}")
        self._tasks.add(task)

        def done(_: asyncio.Task[None]) -> None:
            self._lane.busy.discard(fault)
            self._lane.wake.set()

        task.add_done_callback(done)

    async def _attempt(self, key: Key) -> None:
        lane, ledger = self._lane, self._ledger
        try:
            if ledger[key].ref is None:
                await self._find_or_create(key)
            else:
                await self._update(key)
        except NotSent as error:
            lane.stats.not_sent += 1
            text, after = str(error), error.retry_after
            await ledger.settle(
                key, lambda row: outbox.not_sent(row, lane.now(), text, retry_after=after, jitter=lane.random())
            )
        except Unauthorised as error:
            text = str(error)
            await ledger.settle(
                key, lambda row: outbox.not_sent(row, lane.now(), text, retry_after=None, jitter=lane.random())
            )
        except Rejected as error:
            lane.stats.rejected += 1
            text = str(error)
            log.error("ticket_rejected", backend=lane.name, incident=key[0], error=text)
            await ledger.settle(key, lambda row: outbox.rejected(row, text))
        except InDoubt as error:
            await self._doubt(key, str(error))
        except StoreUnavailable as error:
            lane.stats.held += 1
            text = f"held: {error}"
            if ledger[key].unsettled:
                await ledger.settle(
                    key, lambda row: outbox.not_sent(row, lane.now(), text, retry_after=None, jitter=lane.random())
                )

    async def _find_or_create(self, key: Key) -> None:
        lane, ledger = self._lane, self._ledger
        capabilities = lane.integration.capabilities
        searched_at = lane.now()
        found = await lane.look(lane.integration.find, ledger[key].wish.correlation_id)
        row = ledger[key]
        choice = choose(row, found, taken(ledger, row), can_reopen=capabilities.can_reopen)
        if choice.keep is not None:
            remote = choice.keep
            lane.stats.adopted += 1
            lane.stats.reopened += choice.why is Why.REOPEN
            log.info("ticket_adopted", backend=lane.name, incident=key[0], ticket=remote.ref.id, why=choice.why.value)
            await ledger.settle(key, lambda row: outbox.found(row, remote, lane.now()))
            lane.seen(row, remote)
            await retire(lane, choice.twins, remote)
            await self._apply(key, remote)
            return
        if row.state is RowState.IN_DOUBT:
            window = int(capabilities.uncertainty * 1000)
            row = await ledger.settle(key, lambda row: outbox.absent(row, searched_at, window, jitter=lane.random()))
            if row.state is RowState.IN_DOUBT:
                return
            lane.stats.recreated += 1
            log.warning("ticket_recreated", backend=lane.name, incident=key[0], window_s=capabilities.uncertainty)
        await self._create(key)

    async def _create(self, key: Key) -> None:
        lane, ledger = self._lane, self._ledger
        row = await self._claim(key)
        remote = await self._send(key, lane.integration.create, row.wish)
        row = await ledger.settle(key, lambda row: outbox.created(row, remote, lane.now()))
        lane.stats.created += 1
        log.info("ticket_created", backend=lane.name, incident=key[0], ticket=remote.ref.number or remote.ref.id)
        lane.seen(row, remote)
        if row.recreated:
            await settle_twins(lane, ledger, key)

    async def _update(self, key: Key) -> None:
        lane, ledger = self._lane, self._ledger
        ref = ledger[key].ref
        assert ref is not None  # noqa: S101 - _attempt has looked; nobody else moves a busy row
        remote = await lane.look(lane.integration.read, ref)
        if remote is None:
            row = await ledger.settle(key, lambda row: outbox.gone(row, lane.now()))
            lane.stats.gone += 1
            log.warning("ticket_gone", backend=lane.name, incident=key[0], ticket=ref.number or ref.id)
            lane.seen(row, None)
            return
        there = remote
        if ledger[key].state is RowState.IN_DOUBT:
            await ledger.settle(key, lambda row: outbox.found(row, there, lane.now()))
        await self._apply(key, there)

    async def _apply(self, key: Key, remote: Remote) -> None:
        lane, ledger = self._lane, self._ledger
        window = int(lane.integration.capabilities.uncertainty * 1000)
        until = outbox.held_until(ledger[key], ledger.of(lane.name), window)
        if until is not None and until > lane.now():
            lane.stats.waited += 1
            await ledger.settle(key, lambda row: outbox.wait(row, until))
            return
        row = await self._claim(key)
        after = await self._send(key, lane.integration.apply, row.wish, remote)
        row = await ledger.settle(key, lambda row: outbox.sent(row, after, lane.now()))
        lane.stats.applied += 1
        lane.seen(row, after)

    async def _claim(self, key: Key) -> OutboxRow:
        """Durable before the first byte; in memory only once the store has failed for long, and then counted."""
        try:
            return await self._ledger.move(key, outbox.claim)
        except StoreUnavailable:
            if not self._ledger.degraded:
                raise
            self._lane.stats.sent_undurably += 1
            return self._ledger[key]

    async def _send(
        self, key: Key, method: Callable[P, Awaitable[Remote]], *args: P.args, **kwargs: P.kwargs
    ) -> Remote:
        try:
            return await self._lane.write(method, *args, **kwargs)
        except asyncio.CancelledError:
            await self._doubt(key, "the agent was stopped before the answer came")
            raise

    async def _doubt(self, key: Key, reason: str) -> None:
        lane = self._lane
        lane.stats.in_doubt += 1
        log.warning("ticket_in_doubt", backend=lane.name, incident=key[0], error=reason)
        await self._ledger.settle(key, lambda row: outbox.doubt(row, lane.now(), reason, jitter=lane.random()))


def rows_by_due(rows: Sequence[OutboxRow], ahead: set[Key]) -> list[tuple[int, OutboxRow]]:
    """Due times with rows: those due first come first, the longest queued first among those due alike."""
    timed = [(0 if row.key in ahead else row.due_at, row) for row in rows]
    return sorted(timed, key=lambda pair: (pair[0], pair[1].queued_at, pair[1].wish.episode))
