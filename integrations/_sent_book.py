"""The agent's own book of what it sent to backends that cannot be read; one table for all of them.

Invariant: one line per backend, correlation id and episode, so that opening one twice is opening it once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import msgspec

from integrations._sent_record import Record
from integrations.api import Database, NotSent, Ref, Ticket, TicketState

T = TypeVar("T")

KEPT_MS = 30 * 86_400_000
"""How long a resolved ticket stays in the book."""

_TABLE = """
CREATE TABLE IF NOT EXISTS sent_ticket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    backend TEXT NOT NULL,
    correlation_id TEXT NOT NULL CHECK (correlation_id <> ''),
    episode INTEGER NOT NULL,
    resolved INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (backend, correlation_id, episode)
) STRICT
"""


class SentBook:
    """The lines of one backend. Every method is one transaction; NotSent when the disk takes or gives nothing."""

    def __init__(self, backend: str, database: Database) -> None:
        self._backend = backend
        self._database = database
        self._there = False

    async def begin(self, ticket: Ticket, now: int) -> Record:
        """The line of this ticket: the one there is, unless that one is over, else a new one."""

        def work(db: sqlite3.Connection) -> Record:
            key = (self._backend, ticket.correlation_id, ticket.episode)
            found = db.execute(f"{_SELECT} AND correlation_id = ? AND episode = ?", key).fetchone()
            if found is not None and (record := _record(found)).state is not TicketState.RESOLVED:
                return record
            db.execute(
                "DELETE FROM sent_ticket WHERE backend = ? AND ((correlation_id = ? AND episode = ?)"
                " OR (resolved AND updated_at < ?))",
                (*key, now - KEPT_MS),
            )
            row = db.execute(
                "INSERT INTO sent_ticket (backend, correlation_id, episode, updated_at, record)"
                " VALUES (?, ?, ?, ?, '')",
                (*key, now),
            )
            record = Record(
                id=row.lastrowid or 0,
                ticket=msgspec.structs.replace(ticket, notes=(), state=TicketState.OPEN, reopen=False),
                ref=Ref(id=str(row.lastrowid)),
                created_at=now,
                updated_at=now,
            )
            _write(db, record)
            return record

        return await self._transact(work)

    async def put(self, record: Record) -> Record:
        """Write the line as it is now."""
        await self._transact(lambda db: _write(db, record))
        return record

    async def line(self, ref: Ref) -> Record | None:
        """The line with this id."""
        number = int(ref.id) if ref.id.isascii() and ref.id.isdecimal() and len(ref.id) < 19 else 0
        found = await self._rows("AND id = ?", number)
        return found[0] if found else None

    async def of_fault(self, correlation_id: str) -> list[Record]:
        """Every line with this correlation id, oldest first."""
        return await self._rows("AND correlation_id = ? ORDER BY id", correlation_id)

    async def open_now(self) -> list[Record]:
        """Every line that is not resolved, oldest first."""
        return await self._rows("AND NOT resolved ORDER BY id")

    async def _rows(self, where: str, *values: object) -> list[Record]:
        def work(db: sqlite3.Connection) -> list[Record]:
            return [_record(row) for row in db.execute(f"{_SELECT} {where}", (self._backend, *values))]

        return await self._transact(work)

    async def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def whole(db: sqlite3.Connection) -> T:
            if not self._there:
                db.execute(_TABLE)
            return work(db)

        try:
            result = await self._database.transact(whole)
        except sqlite3.Error as error:
            raise NotSent(f"{self._backend}: the book of what was sent cannot be used: {error}") from error
        self._there = True
        return result


_SELECT = "SELECT record FROM sent_ticket WHERE backend = ?"


def _record(row: tuple[str]) -> Record:
    return msgspec.convert(json.loads(row[0]), Record)


def _write(db: sqlite3.Connection, record: Record) -> None:
    text = json.dumps(msgspec.to_builtins(record))  # pure ASCII: a half character is no UTF-8, and comes back as it was
    db.execute(
        "UPDATE sent_ticket SET resolved = ?, updated_at = ?, record = ? WHERE id = ?",
        (record.state is TicketState.RESOLVED, record.updated_at, text, record.id),
    )
