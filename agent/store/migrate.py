"""Schema versions. A new store gets schema.sql; an old one is taken forward step by step in one transaction.

To change the schema: change schema.sql, raise VERSION, and add the step from VERSION - 1 to ``STEPS``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from importlib import resources

from agent.store import rows

VERSION = 2
Step = Callable[[sqlite3.Connection], None]


def _days(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE days (ci TEXT NOT NULL, day TEXT NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL,"
        " PRIMARY KEY (ci, day)) STRICT, WITHOUT ROWID"
    )


STEPS: Mapping[int, Step] = {1: _days}
"""Step n takes a store of version n to n + 1."""


def create(connection: sqlite3.Connection, application_id: int) -> None:
    """Schema of the current version in an empty database, in one transaction."""
    script = resources.files("agent.store").joinpath("schema.sql").read_text("utf-8")
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("BEGIN IMMEDIATE")
    for statement in _statements(script):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {application_id}")
    _stamp(connection, VERSION)
    connection.execute("COMMIT")


def migrate(
    connection: sqlite3.Connection, version: int, steps: Mapping[int, Step] = STEPS, target: int = VERSION
) -> None:
    """All steps from ``version`` to ``target``, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version, target):
            steps[number](connection)
        _stamp(connection, target)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _stamp(connection: sqlite3.Connection, version: int) -> None:
    rows.put_meta(connection, "schema", str(version))
    connection.execute(f"PRAGMA user_version = {version}")


def _statements(script: str) -> list[str]:
    """The statements of a script, split where SQLite says that one is complete."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
