"""The outbox in memory, with the store behind it.

Every transition changes memory at once and is then written; the store's one thread keeps the order, and each row's
revision keeps an older copy from winning. So memory is never behind the disk, and what a crash loses is only what no
caller was told to be done. A wish is ready to be sent once the change that brought it, with its incident, is stored.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from agent.core import outbox
from agent.core.outbox import OutboxRow
from agent.store import Change, Listener, Outcome, StoreUnavailable
from integrations.api import Ticket

Key = tuple[str, str]
Transition = Callable[[OutboxRow], OutboxRow]


class Disk(Protocol):
    """The part of the store that delivery needs."""

    listeners: list[Listener]

    @property
    def degraded(self) -> bool: ...

    async def commit(self, change: Change) -> None: ...


class _OrphanError(StoreUnavailable):
    """The row's incident did not get to the disk, and the agent is still trying (the foreign key noticed)."""


class Ledger:
    """All outbox rows by (incident, backend). Use from the event loop only."""

    def __init__(self, disk: Disk, rows: Iterable[OutboxRow], now: int, on_news: Callable[[], None]) -> None:
        """``rows`` as loaded; those that were being sent are in doubt from here on.

        ``on_news`` is called when rows may have become ready.
        """
        self._disk = disk
        self._on_news = on_news
        self._wished: dict[Key, int] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._flush_again = False
        disk.listeners.append(self._heard)
        self._rows: dict[Key, OutboxRow] = {}
        self._finished: dict[tuple[str, str], OutboxRow] = {}
        self._unwritten: set[Key] = set()
        for row in rows:
            self._put(outbox.restart(row, now))
            self._unwritten.add(row.key)  # mostly there already, which the store notices

    def __iter__(self) -> Iterator[OutboxRow]:
        return iter(self._rows.values())

    def __getitem__(self, key: Key) -> OutboxRow:
        return self._rows[key]

    def get(self, key: Key) -> OutboxRow | None:
        return self._rows.get(key)

    def of(self, backend: str) -> list[OutboxRow]:
        return [row for row in self._rows.values() if row.backend == backend]

    @property
    def degraded(self) -> bool:
        return self._disk.degraded

    @property
    def unwritten(self) -> int:
        """Rows whose last transition is not on the disk (yet)."""
        return len(self._unwritten)

    def wish(self, incident: str, backend: str, ticket: Ticket, now: int) -> OutboxRow | None:
        """Take a wish up. The row has to be stored by the caller, with its incident; None when it is wished already."""
        old = self._rows.get((incident, backend))
        new = outbox.wish(old, incident, backend, ticket, now)
        if new is old:
            return None
        self._put(new)
        self._wished[new.key] = new.revision
        return new

    def ready(self, row: OutboxRow) -> bool:
        """Whether the row's wish is stored with its incident. A store that has failed for long is not waited for."""
        return row.key not in self._wished or self._disk.degraded

    async def move(self, key: Key, transition: Transition) -> OutboxRow:
        """Apply a transition and wait until it is durable. Cancelling does not undo it.

        StoreUnavailable: it holds in memory and is written later. The row that comes back is the one after this
        transition, even if a newer wish has come since.
        """
        old = self._rows[key]
        new = transition(old)
        if new is old:
            return old
        self._put(new)
        await asyncio.shield(asyncio.ensure_future(self._write(new)))
        return new

    async def settle(self, key: Key, transition: Transition) -> OutboxRow:
        """``move`` for an outcome: it holds whether or not the disk takes it now."""
        try:
            return await self.move(key, transition)
        except StoreUnavailable:
            return self._rows[key]

    async def flush(self) -> None:
        """Write what the disk has not taken yet, as far as it takes it."""
        for key in list(self._unwritten):
            if key in self._rows and key not in self._wished:
                try:
                    await self._write(self._rows[key])
                except _OrphanError:
                    continue
                except StoreUnavailable:
                    return

    def detach(self) -> None:
        """Listen to the store no more; another ledger takes over."""
        self._disk.listeners.remove(self._heard)

    def _heard(self, change: Change, outcome: Outcome) -> None:
        if outcome is Outcome.STORED:
            for row in change.outbox:
                if row.revision >= self._wished.get(row.key, row.revision + 1):
                    del self._wished[row.key]
            self._flush_soon()
        if change.outbox:
            self._on_news()

    def _flush_soon(self) -> None:
        if self._flushing is not None:
            self._flush_again = True  # it may have passed over a row that this commit made ready
        elif self._unwritten:
            self._flushing = asyncio.ensure_future(self.flush())
            self._flushing.add_done_callback(self._flushed)

    def _flushed(self, task: asyncio.Task[None]) -> None:
        self._flushing = None
        if task.cancelled():
            return
        task.result()
        if self._flush_again:
            self._flush_again = False
            self._flush_soon()

    def forget(self, known: Iterable[str]) -> None:
        """Drop finished rows of faults without an incident among ``known``; an id is that of its fault and a number."""
        faults = {incident.rpartition("-")[0] for incident in known}
        for key, row in list(self._rows.items()):
            settled = row.finished and key not in self._unwritten and key not in self._wished
            if settled and row.incident.rpartition("-")[0] not in faults:
                del self._rows[key]
                self._finished.pop((row.wish.correlation_id, row.backend), None)

    def rebase(self, delta_ms: int) -> None:
        """The timeline was moved: so are all timers."""
        for key, row in list(self._rows.items()):
            if row.unsettled or row.doubt_since is not None or row.late is not None:
                self._put(outbox.rebase(row, delta_ms))
                self._unwritten.add(key)

    async def _write(self, row: OutboxRow) -> None:
        try:
            await self._disk.commit(Change(outbox=(row,)))
        except StoreUnavailable:
            self._unwritten.add(row.key)
            raise
        except sqlite3.IntegrityError as error:
            self._unwritten.add(row.key)
            raise _OrphanError(f"incident {row.incident} itself is not stored yet") from error
        if self._rows.get(row.key, row).revision == row.revision:
            self._unwritten.discard(row.key)

    def _put(self, row: OutboxRow) -> None:
        self._rows[row.key] = row
        if row.finished:
            self._forget_older(row)

    def _forget_older(self, row: OutboxRow) -> None:
        """Of the finished episodes of a fault only the newest stays in memory."""
        fault = (row.wish.correlation_id, row.backend)
        other = self._finished.get(fault)
        self._finished[fault] = row
        if other is not None and other.incident != row.incident:
            older = min(other, row, key=lambda r: r.wish.episode)
            if self._rows.get(older.key, row).finished and older.key not in self._unwritten:
                self._rows.pop(older.key, None)
            self._finished[fault] = max(other, row, key=lambda r: r.wish.episode)
