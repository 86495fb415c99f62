"""The SQL that writes: each row with its checksum, the timeline with its chain, and retention.

Everything here runs on the store's own thread, inside its transaction.
"""

from __future__ import annotations

import sqlite3

from agent.core.model import Incident, TimelineEntry
from agent.core.outbox import OutboxRow
from agent.store.codec import chain, checksum, decode_entry, encode, verify

ANCHOR = "timeline_anchor"
DAYS_KEPT = 90
GENESIS = bytes(32)


def meta(connection: sqlite3.Connection, name: str) -> str | None:
    """One named text, None when there is none; BadRow when it does not verify."""
    row = connection.execute("SELECT value, crc FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    verify(row[1], name, row[0])
    return str(row[0])


def put_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(
        "INSERT INTO meta VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value, crc = excluded.crc"
        " WHERE meta.value IS NOT excluded.value",
        (name, value, checksum(name, value)),
    )


def put_incident(connection: sqlite3.Connection, incident: Incident) -> None:
    columns = (
        incident.id, incident.key, incident.episode, incident.state.value,
        incident.changed_at, incident.resolved_at, encode(incident),
    )  # fmt: skip
    connection.execute(
        "INSERT INTO incidents (id, key, episode, state, changed_at, resolved_at, body, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " changed_at = excluded.changed_at, resolved_at = excluded.resolved_at, body = excluded.body,"
        " crc = excluded.crc WHERE incidents.body IS NOT excluded.body",
        (*columns, checksum(*columns)),
    )
    connection.execute(
        "INSERT INTO episodes VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET episode = excluded.episode,"
        " crc = excluded.crc WHERE excluded.episode > episodes.episode",
        (incident.key, incident.episode, checksum(incident.key, incident.episode)),
    )


def put_outbox(connection: sqlite3.Connection, row: OutboxRow) -> None:
    """Insert the row, or replace one with a lower revision."""
    columns = (row.incident, row.backend, row.revision, int(row.finished), encode(row))
    connection.execute(
        "INSERT INTO outbox (incident, backend, revision, finished, body, crc) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (incident, backend) DO UPDATE SET revision = excluded.revision, finished = excluded.finished,"
        " body = excluded.body, crc = excluded.crc WHERE excluded.revision > outbox.revision",
        (*columns, checksum(*columns)),
    )


def put_alert(connection: sqlite3.Connection, key: str, body: bytes) -> None:
    connection.execute(
        "INSERT INTO alert_states VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body,"
        " crc = excluded.crc WHERE alert_states.body IS NOT excluded.body",
        (key, body, checksum(key, body)),
    )


def delete_alert(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("DELETE FROM alert_states WHERE key = ?", (key,))


def put_day(connection: sqlite3.Connection, ci: str, day: str, body: bytes) -> None:
    """The newest ``DAYS_KEPT`` days of a CI stay."""
    connection.execute(
        "INSERT INTO days VALUES (?, ?, ?, ?) ON CONFLICT (ci, day) DO UPDATE SET body = excluded.body,"
        " crc = excluded.crc WHERE days.body IS NOT excluded.body",
        (ci, day, body, checksum(ci, day, body)),
    )
    connection.execute(
        "DELETE FROM days WHERE ci = ? AND day NOT IN (SELECT day FROM days WHERE ci = ? ORDER BY day DESC LIMIT ?)",
        (ci, ci, DAYS_KEPT),
    )


def append(connection: sqlite3.Connection, entry: TimelineEntry) -> None:
    last = connection.execute("SELECT hash FROM timeline ORDER BY seq DESC LIMIT 1").fetchone()
    previous = bytes(last[0]) if last else _anchor(connection)
    body = encode(entry)
    connection.execute(
        "INSERT INTO timeline (incident, at, body, hash) VALUES (?, ?, ?, ?)",
        (entry.incident, entry.at, body, chain(previous, entry.incident, entry.at, body)),
    )


def timeline(connection: sqlite3.Connection, incident: str) -> list[TimelineEntry]:
    """The lines of one incident, oldest first. Raises BadRow for a line that does not decode."""
    found = connection.execute(
        "SELECT body FROM timeline WHERE incident = ? AND body IS NOT NULL ORDER BY seq", (incident,)
    )
    return [decode_entry(body) for (body,) in found]


def broken_link(connection: sqlite3.Connection) -> int | None:
    """The first line of the timeline whose hash does not follow from the one before it; None when the chain holds."""
    previous = _anchor(connection)
    for seq, incident, at, body, link in connection.execute(
        "SELECT seq, incident, at, body, hash FROM timeline ORDER BY seq"
    ):
        if body is not None and chain(previous, incident, at, body) != link:
            return int(seq)
        previous = bytes(link)
    return None


def _anchor(connection: sqlite3.Connection) -> bytes:
    text = meta(connection, ANCHOR)
    return bytes.fromhex(text) if text else GENESIS


def prune(connection: sqlite3.Connection, resolved_before: int, limit: int) -> int:
    """Forget up to ``limit`` incidents resolved before that time and wholly delivered; returns how many."""
    found = connection.execute(
        "SELECT id FROM incidents AS i WHERE resolved_at < ? AND NOT EXISTS"
        " (SELECT 1 FROM outbox WHERE incident = i.id AND finished = 0) ORDER BY resolved_at LIMIT ?",
        (resolved_before, limit),
    ).fetchall()
    for row in found:
        connection.execute("UPDATE timeline SET body = NULL WHERE incident = ?", row)
        connection.execute("DELETE FROM incidents WHERE id = ?", row)
    if found:
        _cut_timeline(connection)
    return len(found)


def _cut_timeline(connection: sqlite3.Connection) -> None:
    kept = connection.execute("SELECT min(seq) FROM timeline WHERE body IS NOT NULL").fetchone()[0]
    last = connection.execute(
        "SELECT seq, hash FROM timeline WHERE body IS NULL AND seq < ifnull(?, 9223372036854775807)"
        " ORDER BY seq DESC LIMIT 1",
        (kept,),
    ).fetchone()
    if last is not None:
        put_meta(connection, ANCHOR, bytes(last[1]).hex())
        connection.execute("DELETE FROM timeline WHERE seq <= ?", (last[0],))
