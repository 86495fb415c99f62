"""The agent's memory on disk: one SQLite file, one connection, one thread.

Everything runs on that thread in the order in which it was asked for, each as one transaction. ``commit`` returns when
the change is durable. It is shielded: cancelling the caller never cancels the transaction.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agent.core.model import Incident, IncidentState, TimelineEntry
from agent.core.outbox import OutboxRow
from agent.store import files, rows
from agent.store.errors import StateRefused, StoreCorrupt, StoreUnavailable
from agent.store.lock import DirectoryLock
from agent.store.reader import Reader
from agent.store.reserve import Reserve
from agent.store.values import (
    Change,
    IncidentQuery,
    Listener,
    Loaded,
    OpenReport,
    Outcome,
    Quarantined,
    Room,
    StoreStats,
)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
TOKEN = "last_commit"  # noqa: S105 - the name of a row, not a password
DEGRADED_AFTER = 3
LATE_MS = 3_600_000
"""Longer than any backend's window of uncertainty: rows as young as this matter to the next episode."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DISK = {
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL,
}  # fmt: skip


class Store:
    """Made by ``Store.open``. Also the ``Database`` that an integration may keep its book in.

    ``opened`` says what stood in the directory. Errors of ``transact``, ``commit`` and the readers: StoreUnavailable
    when the disk did not take it (nothing of it is stored), StoreCorrupt when the file broke in use (end the process:
    the next start quarantines the file), and whatever the work itself raises, rolled back.
    """

    def __init__(
        self, directory: Path, now: Callable[[], int], *, lock: DirectoryLock, thread: Executor,
        connection: sqlite3.Connection, opened: OpenReport,
    ) -> None:  # fmt: skip
        self.opened = opened
        self.stats = StoreStats()
        self.listeners: list[Listener] = []
        """Called on the event loop after each commit, before its caller goes on."""
        self._directory = directory
        self._lock = lock
        self._thread = thread
        self._now = now
        self._connection: sqlite3.Connection | None = connection
        self._reserve = Reserve(directory)
        self._run_id = secrets.token_hex(8)
        self._serial = 0
        self._backed_up = -1

    @classmethod
    def open(cls, directory: Path, now: Callable[[], int], thread: Executor | None = None) -> Store:
        """Lock the directory and open the store in it, whatever stands there. Blocks (well under a second).

        ``now`` gives timeline milliseconds. ``thread`` runs the work, one piece at a time and in order; without it the
        store has a thread of its own. Raises StateBusy, StateRefused, and StoreUnavailable when the disk fails.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = DirectoryLock(directory)
        except OSError as error:
            raise StateRefused(
                f"{directory} cannot be used as the state directory: {error.strerror};"
                " it must belong to the user the agent runs as, with mode 0700"
            ) from error
        thread = thread or ThreadPoolExecutor(1, "store")
        try:
            try:
                connection, opened = thread.submit(files.open_store, directory).result()
            except (StoreUnavailable, StateRefused):
                # On a full disk even opening needs room: for the WAL of a process that was killed.
                if not Reserve(directory).release():
                    raise
                connection, opened = thread.submit(files.open_store, directory).result()
        except BaseException:
            thread.shutdown()
            lock.release()
            raise
        store = cls(directory, now, lock=lock, thread=thread, connection=connection, opened=opened)
        store._reserve.make()
        return store

    @property
    def healthy(self) -> bool:
        """False while the last write did not reach the disk."""
        return self.stats.failed_in_a_row == 0

    @property
    def degraded(self) -> bool:
        """True after three failures in a row: the agent goes on in memory, and says so."""
        return self.stats.failed_in_a_row >= DEGRADED_AFTER

    async def transact(self, work: Work[T]) -> T:
        """Run ``work`` in one transaction and return its result once that is durable.

        ``work`` may run twice (after an I/O error, when the first run is known not to be stored), so it must have no
        effect but on the connection. It must not commit.
        """
        return await asyncio.shield(asyncio.wrap_future(self.submit(work)))

    def submit(self, work: Work[T]) -> Future[T]:
        """``transact`` for callers that do not wait."""
        future = self._thread.submit(self._run, work)
        future.add_done_callback(lambda done: done.exception())
        return future

    async def commit(self, change: Change) -> None:
        """Store the change. Nothing is written when it is empty or says what is stored already."""
        if change.empty:
            return

        def work(connection: sqlite3.Connection) -> None:
            for incident in change.incidents:
                rows.put_incident(connection, incident)
            for row in change.outbox:
                rows.put_outbox(connection, row)
            for key, body in change.alert_upserts.items():
                rows.put_alert(connection, key, body)
            for key in change.alert_deletes:
                rows.delete_alert(connection, key)
            for entry in change.timeline:
                rows.append(connection, entry)
            for name, value in change.meta.items():
                rows.put_meta(connection, name, value)

        done = asyncio.wrap_future(self.submit(work))
        done.add_done_callback(lambda future: self._tell(change, future))
        await asyncio.shield(done)

    def _tell(self, change: Change, done: asyncio.Future[None]) -> None:
        outcome = Outcome.STORED if done.exception() is None else Outcome.REFUSED
        for listener in list(self.listeners):
            listener(change, outcome)

    async def load(self, resolved_since: int = 0) -> Loaded:
        """All that a starting agent needs, every row verified; bad ones are put in quarantine and named."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> Loaded:
            reader = Reader(connection, now)
            live = reader.incidents("state != ?", (IncidentState.RESOLVED.value,))
            resolved = reader.resolved(resolved_since)
            outbox = reader.outbox("finished = 0")
            late = reader.incidents("state = ? AND resolved_at >= ?", (IncidentState.RESOLVED.value, now - LATE_MS))
            for incident_id in {incident.id for incident in (*resolved, *late)}:
                outbox += reader.outbox("finished = 1 AND incident = ?", (incident_id,))
            episodes, alerts, meta = reader.episodes(), reader.alerts(), reader.meta()
            return Loaded(
                incidents=tuple(live), resolved=tuple(resolved), episodes=episodes, outbox=tuple(outbox),
                alerts=alerts, meta=meta, quarantined=tuple(reader.bad),
            )  # fmt: skip

        loaded = await self.transact(work)
        self.stats.quarantined_rows += len(loaded.quarantined)
        return loaded

    async def incident(self, incident_id: str) -> Incident | None:
        """One incident, however old; None when there is none or its row is in quarantine."""
        found = await self._incidents("id = ?", (incident_id,))
        return found[0] if found else None

    async def incidents(self, query: IncidentQuery) -> list[Incident]:
        marks = ", ".join("?" * len(query.states))
        where, values = f"state IN ({marks})", [state.value for state in query.states]
        more: list[object] = list(values)
        if query.key is not None:
            where += " AND key = ?"
            more.append(query.key)
        if query.changed_before is not None:
            where += " AND changed_at < ?"
            more.append(query.changed_before)
        return await self._incidents(where + " ORDER BY changed_at DESC LIMIT ?", (*more, query.limit))

    async def outbox_of(self, incident_id: str) -> list[OutboxRow]:
        """The outbox rows of one incident, however old; those that delivery no longer holds in memory too."""
        now = self._now()
        return await self.transact(lambda connection: Reader(connection, now).outbox("incident = ?", (incident_id,)))

    async def timeline(self, incident_id: str) -> list[TimelineEntry]:
        """The history of one incident, oldest first; BadRow when a line is damaged."""
        return await self.transact(lambda connection: rows.timeline(connection, incident_id))

    async def keep_day(self, ci: str, day: str, body: bytes) -> None:
        """Store what a CI was used for on a day, as the agent writes it; days that are too old are forgotten."""
        await self.transact(lambda connection: rows.put_day(connection, ci, day, body))

    async def days(self, ci: str) -> list[bytes]:
        """The days of a CI that are kept, the oldest first."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> tuple[list[bytes], list[Quarantined]]:
            reader = Reader(connection, now)
            return reader.days(ci), reader.bad

        found, bad = await self.transact(work)
        self.stats.quarantined_rows += len(bad)
        return found

    async def broken_link(self) -> int | None:
        """Number of the first line of the history that was altered, None when its hash chain holds."""
        return await self.transact(rows.broken_link)

    async def prune(self, resolved_before: int, limit: int = 200) -> int:
        """Forget delivered incidents resolved before that time; call again while it returns ``limit``."""
        return await self.transact(lambda connection: rows.prune(connection, resolved_before, limit))

    async def back_up(self) -> Path | None:
        """Copy the store beside itself, for the day on which it is found broken. None when nothing changed since."""
        commits = self.stats.commits
        if commits == self._backed_up:
            return None
        future = self._thread.submit(self._back_up)
        path = await asyncio.shield(asyncio.wrap_future(future))
        self._backed_up = commits
        return path

    async def room(self) -> Room:
        """What is left of the disk. Asked on the store's thread: a disk that hangs, hangs nobody else."""
        return await asyncio.shield(asyncio.wrap_future(self._thread.submit(self._room)))

    async def aclose(self) -> None:
        """Finish what was asked for, close the file (which folds the WAL into it), and release the directory."""
        await asyncio.shield(asyncio.wrap_future(self._thread.submit(self._close)))
        self._thread.shutdown()
        self._lock.release()

    async def _incidents(self, where: str, values: tuple[object, ...]) -> list[Incident]:
        now = self._now()

        def work(connection: sqlite3.Connection) -> tuple[list[Incident], list[Quarantined]]:
            reader = Reader(connection, now)
            return reader.incidents(where, values), reader.bad

        found, bad = await self.transact(work)
        self.stats.quarantined_rows += len(bad)
        return found

    # From here on: the store's own thread.

    def _run(self, work: Work[T]) -> T:
        self._serial += 1
        token = f"{self._run_id}-{self._serial}"
        for attempt in (1, 2):
            kept: list[T] = []
            try:
                result = self._transaction(work, token, kept)
            except sqlite3.DatabaseError as error:
                code = (error.sqlite_errorcode or 0) & 0xFF if hasattr(error, "sqlite_errorcode") else 0
                if code in _CORRUPT:
                    self.stats.failed_in_a_row += 1
                    self._distrust()
                    raise StoreCorrupt(f"{self._directory / files.NAME}: {error}; restart to quarantine it") from error
                if code not in _DISK:
                    raise
                if kept and self._is_stored(token):
                    self._written()
                    result = kept[0]
                elif attempt == 1 and self._mend(code):
                    continue
                else:
                    self.stats.failed += 1
                    self.stats.failed_in_a_row += 1
                    raise StoreUnavailable(
                        f"{self._directory} does not take writes: {error}; free space or mend the disk"
                    ) from error
            return result
        raise AssertionError("unreachable")

    def _transaction(self, work: Work[T], token: str, kept: list[T]) -> T:
        """One transaction; ``kept`` receives the result before the commit, whose failure may be no failure at all."""
        connection = self._connection = self._connection or files.connect(self._directory / files.NAME)
        before = connection.total_changes
        connection.execute("BEGIN")
        try:
            result = work(connection)
            changed = connection.total_changes != before
            if changed:
                rows.put_meta(connection, TOKEN, token)
            kept.append(result)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if changed:
            self._written()
        return result

    def _written(self) -> None:
        """Only a write shows that the disk takes writes; reading works on a full one."""
        self.stats.commits += 1
        self.stats.failed_in_a_row = 0

    def _distrust(self) -> None:
        try:
            (self._directory / files.SUSPECT).touch(0o600)
        except OSError:
            pass  # the error that brought us here is the one to tell

    def _is_stored(self, token: str) -> bool:
        """Open the file anew and look whether the commit that failed is there: it is never assumed either way."""
        self._reopen()
        try:
            connection = self._connection = self._connection or files.connect(self._directory / files.NAME)
            stored = rows.meta(connection, TOKEN) == token
        except sqlite3.DatabaseError:
            return False
        self.stats.read_back += stored
        return stored

    def _mend(self, code: int) -> bool:
        """What can be done at once about a disk that refused; True when a second attempt makes sense."""
        if code == sqlite3.SQLITE_FULL and self._reserve.release():
            self.stats.reserve_released += 1
            return True
        self._reopen()
        return code == sqlite3.SQLITE_IOERR

    def _reopen(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                pass  # the disk fails; the next open tells

    def _back_up(self) -> Path:
        connection = self._connection = self._connection or files.connect(self._directory / files.NAME)
        self._reserve.make()
        return files.back_up(connection, self._directory)

    def _room(self) -> Room:
        found = os.statvfs(self._directory)
        size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        return Room(free=free, size=size, reserved=self._reserve.whole)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
