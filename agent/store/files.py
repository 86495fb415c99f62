"""The database file: recognise it, put a bad one aside, bring a backup back, migrate, and open.

A file is ours when its application_id says so and the version in its header is the one in its table ``meta`` (so
that a damaged header is not taken for a newer schema). Anything else there is moved to ``tocsin.db.corrupt-<n>``;
the five newest of these are kept.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from agent.store import rows
from agent.store.codec import BadRow
from agent.store.errors import StateRefused, StoreUnavailable
from agent.store.migrate import VERSION, create, migrate
from agent.store.reader import verify_all
from agent.store.values import Found, OpenReport

NAME = "tocsin.db"
SUSPECT = "tocsin.db.suspect"
"""Left by a process that found the file damaged in use, so that the next start does not trust it."""
BACKUPS = ("tocsin.db.backup", "tocsin.db.backup-older")
APPLICATION_ID = 0x544F4353  # "TOCS"
QUARANTINE_KEPT = 5
BUSY_TIMEOUT_S = 5.0
_SAYS_NOTHING = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
}
"""Errors that are about the machine and tell nothing about what is in the file."""


class _BadFileError(Exception):
    def __init__(self, found: Found, detail: str) -> None:
        super().__init__(detail)
        self.found = found


def open_store(directory: Path) -> tuple[sqlite3.Connection, OpenReport]:
    """A connection to a good store of the current schema, whatever stood there.

    The caller holds the directory's lock. Raises StateRefused and StoreUnavailable.
    """
    path = directory / NAME
    try:
        report = _take_stock(path)
        version = _version(path)
        if version == 0:
            _create(path)
        elif version < VERSION:
            _migrate(path, version)
            report = OpenReport(report.found, report.detail, report.quarantined_to, report.restored_from, version)
        return connect(path), report
    except OSError as error:
        raise StateRefused(
            f"{directory} cannot be used: {error.strerror}; give it to the user the agent runs as, with mode 0700"
        ) from error
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
        mend = "free space on its file system" if full else "look for disk errors in the kernel's log"
        raise StoreUnavailable(f"{path} could not be opened: {error}; {mend}") from error


def connect(path: Path) -> sqlite3.Connection:
    """WAL and synchronous=FULL: a commit that returned survives a power cut. Exclusive: no shared-memory file."""
    connection = _plain(path)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -1024")
        connection.execute("PRAGMA journal_size_limit = 4194304")
        connection.execute("SELECT count(*) FROM meta").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def back_up(connection: sqlite3.Connection, directory: Path) -> Path:
    """A verified-by-SQLite copy as one file; the copy before it is kept as the older one."""
    newest, older = (directory / name for name in BACKUPS)
    copy_to(connection, newest.with_name(newest.name + ".tmp"))
    if newest.exists():
        newest.replace(older)
    newest.with_name(newest.name + ".tmp").replace(newest)
    _sync_directory(directory)
    return newest


def copy_to(connection: sqlite3.Connection, target: Path) -> None:
    target.unlink(missing_ok=True)
    _touch(target)
    try:
        with closing(_plain(target)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        target.unlink(missing_ok=True)
        raise
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _take_stock(path: Path) -> OpenReport:
    if not os.path.lexists(path):
        return OpenReport(Found.NEW)
    try:
        _inspect(path)
    except _BadFileError as bad:
        aside = _put_aside(path)
        return OpenReport(bad.found, str(bad), aside.name, _restore(path))
    return OpenReport(Found.NEW if _version(path) == 0 else Found.GOOD)


def _inspect(path: Path, *, every_row: bool = False) -> None:
    mode = path.lstat().st_mode
    if path.with_name(SUSPECT).exists():
        raise _BadFileError(Found.CORRUPT, "SQLite found it damaged while it was in use")
    if not stat.S_ISREG(mode):
        raise _BadFileError(Found.FOREIGN, "not a regular file")
    if not os.access(path, os.R_OK | os.W_OK):
        raise _BadFileError(Found.UNREADABLE, "no permission to read and write it")
    try:
        with closing(_plain(path)) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if not tables and application in (0, APPLICATION_ID):
                return  # a crash between creating the file and committing the schema
            if application != APPLICATION_ID:
                raise _BadFileError(Found.FOREIGN, "an SQLite database of another application")
            # Not quick_check, which does not compare the indexes with their tables.
            check = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if check != "ok":
                raise _BadFileError(Found.CORRUPT, str(check))
            if rows.meta(connection, "schema") != str(version):
                raise _BadFileError(Found.CORRUPT, "the schema version in the header is not the one in the store")
            if version > VERSION:
                raise StateRefused(
                    f"{path} has schema {version}, written by a newer tocsin; this one knows up to {VERSION}."
                    f" Install the newer version again, or go back to the copy {NAME}.before-v{VERSION + 1}"
                )
            if every_row:
                verify_all(connection)
    except (sqlite3.Error, BadRow, UnicodeDecodeError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _SAYS_NOTHING:
            raise
        raise _BadFileError(Found.CORRUPT, str(error)) from error


def _put_aside(path: Path) -> Path:
    directory = path.parent
    numbers = sorted(
        int(tail)
        for entry in directory.iterdir()
        if (tail := entry.name.removeprefix(NAME + ".corrupt-")) != entry.name and tail.isdecimal()
    )
    target = directory / f"{NAME}.corrupt-{numbers[-1] + 1 if numbers else 1}"
    for suffix in ("-wal", "-shm", "-journal"):
        if os.path.lexists(f"{path}{suffix}"):
            os.replace(f"{path}{suffix}", f"{target}{suffix}")
    path.replace(target)
    path.with_name(SUSPECT).unlink(missing_ok=True)
    for number in numbers[: max(0, len(numbers) + 1 - QUARANTINE_KEPT)]:
        for suffix in ("", "-wal", "-shm", "-journal"):
            old = directory / f"{NAME}.corrupt-{number}{suffix}"
            if old.is_file() or old.is_symlink():
                old.unlink()
    _sync_directory(directory)
    return target


def _restore(path: Path) -> str:
    """Put the newest backup of which every row verifies in place, and say which; empty when there is none."""
    for name in (*BACKUPS, *(f"{NAME}.before-v{version}" for version in range(VERSION, 1, -1))):
        backup, trial = path.with_name(name), path.with_name(NAME + ".restoring")
        if not backup.is_file():
            continue
        _touch(trial)
        trial.write_bytes(backup.read_bytes())
        try:
            _inspect(trial, every_row=True)
        except (_BadFileError, StateRefused):
            trial.unlink()
            continue
        trial.replace(path)
        _sync_directory(path.parent)
        return name
    return ""


def _migrate(path: Path, version: int) -> None:
    with closing(_plain(path)) as connection:
        copy_to(connection, path.with_name(f"{NAME}.before-v{VERSION}"))
        migrate(connection, version)


def _create(path: Path) -> None:
    if not path.exists():
        _touch(path)
    with closing(_plain(path)) as connection:
        create(connection, APPLICATION_ID)
    _sync_directory(path.parent)


def _version(path: Path) -> int:
    if not path.exists():
        return 0
    with closing(_plain(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _plain(path: Path) -> sqlite3.Connection:
    """Exclusive, as the directory's lock is held anyway: shared memory would need room on a disk that may be full."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _touch(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
