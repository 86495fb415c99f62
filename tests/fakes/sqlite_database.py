"""The agent's database as an integration sees it, over one real SQLite file, with faults around the commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class SqliteDatabase:
    """``integrations.api.Database``: one connection, one transaction at a time."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.writes = 0
        self._lose_after = 0
        self._lose_before = 0

    def lose_reply_after_commit(self, n: int = 1) -> None:
        """The next ``n`` transactions that write are committed and then look failed."""
        self._lose_after = n

    def lose_before_commit(self, n: int = 1) -> None:
        """The next ``n`` transactions that write are rolled back."""
        self._lose_before = n

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        before = self.connection.total_changes
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self.connection)
            wrote = self.connection.total_changes != before
            if wrote and self._lose_before:
                self._lose_before -= 1
                raise sqlite3.OperationalError("disk I/O error")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        self.writes += wrote
        if wrote and self._lose_after:
            self._lose_after -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return result

    def close(self) -> None:
        self.connection.close()
