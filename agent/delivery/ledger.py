"""The outbox in memory, with the store behind it.

Every transition changes memory at once and is then written; the store's one thread keeps the order, and each row's
revision keeps an older copy from winning. So memory is never behind the disk, and what a crash loses is only what no
caller was told to be done.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from agent.core import outbox
from agent.core.outbox import OutboxRow
from agent.store import Change, StoreUnavailable
from integrations.api import Ticket

Key = tuple[str, str]
Transition = Callable[[OutboxRow], OutboxRow]


class Disk(Protocol):
    """The part of the store that delivery needs."""

    @property
    def degraded(self) -> bool: ...

    async def commit(self, change: Change) -> None: ...


class Ledger:
    """All outbox rows by (incident, backend). Use from the event loop only."""

    def __init__(self, disk: Disk, rows: Iterable[OutboxRow], now: int) -> None:
        """``rows`` as loaded; those that were being sent are in doubt from here on."""
        self._disk = disk
        self._rows: dict[Key, OutboxRow] = {}
        self._finished: dict[tuple[str, str], OutboxRow] = {}
        self._unwritten: set[Key] = set()
        for row in rows:
            restarted = outbox.restart(row, now)
            self._put(restarted)
            if restarted is not row:
                self._unwritten.add(row.key)

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
        return new

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
        """Write what the disk has not taken yet; stops at the first refusal."""
        for key in list(self._unwritten):
            try:
                await self._write(self._rows[key])
            except StoreUnavailable:
                return

    def rebase(self, delta_ms: int) -> None:
        """The timeline was moved: so are all timers."""
        for key, row in list(self._rows.items()):
            if row.unsettled or row.doubt_since is not None or row.late is not None:
                self._put(outbox.rebase(row, delta_ms))
                self._unwritten.add(key)

    async def _write(self, row: OutboxRow) -> None:
        try:
            await self._disk.commit(Change(outbox=(row,)))
        except (StoreUnavailable, sqlite3.IntegrityError) as error:
            # A foreign key: the incident itself did not get to the disk, and the agent is still trying.
            self._unwritten.add(row.key)
            raise StoreUnavailable(str(error)) from error
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
