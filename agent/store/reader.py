"""Reading many rows: each is verified, and one that does not hold goes to quarantine instead of to the agent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from agent.core.model import Incident, IncidentState
from agent.core.outbox import OutboxRow
from agent.store.codec import BadRow, decode_incident, decode_row, verify
from agent.store.values import Quarantined

V = TypeVar("V")
Columns = tuple[Any, ...]

_INCIDENT = "SELECT id, key, episode, state, changed_at, resolved_at, body, crc FROM incidents WHERE body IS NOT NULL"
_OUTBOX = "SELECT incident, backend, revision, finished, body, crc FROM outbox"
_META = "SELECT name, value, crc FROM meta"
_EPISODES = "SELECT key, episode, crc FROM episodes"
_ALERTS = "SELECT key, body, crc FROM alert_states"
_DAYS = "SELECT ci, day, body, crc FROM days WHERE ci = ? ORDER BY day"

_REMOVE = {
    "meta": "DELETE FROM meta WHERE name = ?",
    "episodes": "DELETE FROM episodes WHERE key = ?",
    "alert_states": "DELETE FROM alert_states WHERE key = ?",
    "days": "DELETE FROM days WHERE ci = ? AND day = ?",
    "outbox": "DELETE FROM outbox WHERE incident = ? AND backend = ?",
    # The row of the incident stays, emptied, for the sake of a resolve that still has to be delivered.
    "incidents": "UPDATE incidents SET body = NULL WHERE id = ?",
}
# An open wish goes with its incident: the fault, if it is still there, makes a new incident, which adopts the ticket.
_REMOVE_OPEN_WISH = (
    "DELETE FROM outbox WHERE incident = ? AND json_extract(CAST(body AS TEXT), '$.wish.state') IS NOT 'resolved'"
)


class Reader:
    """Reads within one transaction of the store's thread; ``bad`` is what it had to put in quarantine."""

    def __init__(self, connection: sqlite3.Connection, at: int) -> None:
        self.bad: list[Quarantined] = []
        self._connection = connection
        self._at = at

    def incidents(self, condition: str, values: Iterable[object] = ()) -> list[Incident]:
        """Incidents by an SQL condition, which is a constant of this package, with its values."""
        return self._good("incidents", f"{_INCIDENT} AND {condition}", values, _incident)

    def resolved(self, since: int) -> list[Incident]:
        """Resolved at or after ``since``, and the newest episode of its key."""
        condition = (
            "state = ? AND resolved_at >= ? AND NOT EXISTS"
            " (SELECT 1 FROM incidents AS newer WHERE newer.key = incidents.key AND newer.episode > incidents.episode)"
        )
        return self.incidents(condition, (IncidentState.RESOLVED.value, since))

    def outbox(self, condition: str, values: Iterable[object] = ()) -> list[OutboxRow]:
        return self._good("outbox", f"{_OUTBOX} WHERE {condition}", values, _outbox)

    def episodes(self) -> dict[str, int]:
        return dict(self._good("episodes", _EPISODES, (), _pair))

    def alerts(self) -> dict[str, bytes]:
        return dict(self._good("alert_states", _ALERTS, (), _pair))

    def days(self, ci: str) -> list[bytes]:
        return self._good("days", _DAYS, (ci,), _day)

    def meta(self) -> dict[str, str]:
        return dict(self._good("meta", _META, (), _pair))

    def _good(self, table: str, query: str, values: Iterable[object], read: Callable[[Columns], V]) -> list[V]:
        good = []
        for row in self._connection.execute(query, tuple(values)).fetchall():
            try:
                good.append(read(row))
            except BadRow as error:
                self._put_away(table, row, str(error))
        return good

    def _put_away(self, table: str, row: Columns, reason: str) -> None:
        key = row[:2] if table in ("outbox", "days") else row[:1]
        name = " ".join(str(part) for part in key)
        body = next((column for column in row if isinstance(column, bytes)), None)
        self._connection.execute(
            "INSERT INTO quarantine (table_name, row_key, at, reason, body) VALUES (?, ?, ?, ?, ?)",
            (table, name, self._at, reason, body),
        )
        if table == "incidents":
            self._connection.execute(_REMOVE_OPEN_WISH, key)
        self._connection.execute(_REMOVE[table], key)
        self.bad.append(Quarantined(table, name, reason))


def verify_all(connection: sqlite3.Connection) -> None:
    """Raises BadRow (or sqlite3.Error) at the first bad row of the tables that the agent acts on."""
    for query, read in (
        (_META, _pair), (_EPISODES, _pair), (_ALERTS, _pair), (_INCIDENT, _incident), (_OUTBOX, _outbox),
    ):  # fmt: skip
        for row in connection.execute(query):
            read(row)


def _pair(row: Columns) -> tuple[Any, Any]:
    verify(row[2], *row[:2])
    return row[0], row[1]


def _incident(row: Columns) -> Incident:
    verify(row[7], *row[:7])
    incident = decode_incident(row[6])
    if incident.id != row[0]:
        raise BadRow(f"the body is of incident {incident.id}")
    return incident


def _outbox(row: Columns) -> OutboxRow:
    verify(row[5], *row[:5])
    decoded = decode_row(row[4])
    if decoded.key != (row[0], row[1]):
        raise BadRow(f"the body is of {decoded.incident} at {decoded.backend}")
    return decoded


def _day(row: Columns) -> bytes:
    ci, day, body, crc = row
    verify(crc, ci, day, body)
    return bytes(body)
