"""The desk's tables and what is done to them: plain functions over one SQLite connection inside one transaction.

Invariants: at most one ticket per (correlation_id, episode), so opening one twice is opening it once; at most one note
per (ticket, marker); every change to a ticket writes one line of history in the same transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from integrations._desk_model import DeskEvent, DeskNote, DeskPage, DeskTicket
from integrations.api import RemoteState, Ticket

AGENT = "tocsin"
"""Who did it, in the history, when it was not a person."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, and when (milliseconds since the epoch)."""

    who: str
    at: int


_SCHEMA = """
CREATE TABLE IF NOT EXISTS desk_ticket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    correlation_id TEXT NOT NULL CHECK (correlation_id <> ''),
    episode INTEGER NOT NULL,
    environment TEXT NOT NULL, ci TEXT NOT NULL, ci_id TEXT NOT NULL,
    title TEXT NOT NULL, body TEXT NOT NULL,
    impact INTEGER NOT NULL, urgency INTEGER NOT NULL, priority INTEGER NOT NULL,
    category TEXT NOT NULL, subcategory TEXT NOT NULL, service TEXT NOT NULL,
    assignment_group TEXT NOT NULL, caller TEXT NOT NULL,
    state TEXT NOT NULL, owner TEXT NOT NULL DEFAULT '',
    opened_at INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    acknowledged_at INTEGER, ended_at INTEGER, ended_by TEXT NOT NULL DEFAULT '',
    resolution_code TEXT NOT NULL DEFAULT '', resolution_text TEXT NOT NULL DEFAULT '',
    twin_of INTEGER REFERENCES desk_ticket (id),
    facts TEXT NOT NULL,
    UNIQUE (correlation_id, episode)
) STRICT;
CREATE INDEX IF NOT EXISTS desk_ticket_ci ON desk_ticket (ci_id, environment, state);
CREATE TABLE IF NOT EXISTS desk_note (
    id INTEGER PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES desk_ticket (id),
    at INTEGER NOT NULL, who TEXT NOT NULL, marker TEXT, text TEXT NOT NULL,
    UNIQUE (ticket_id, marker)
) STRICT;
CREATE TABLE IF NOT EXISTS desk_event (
    id INTEGER PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES desk_ticket (id),
    at INTEGER NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS desk_event_ticket ON desk_event (ticket_id);
"""
_LAST_CREATED = "desk_event_ticket"

_COLUMNS = DeskTicket.__struct_fields__
_STORED = tuple(column for column in _COLUMNS if column != "number")
_SELECT = f"SELECT {', '.join(_STORED)} FROM desk_ticket"  # noqa: S608 - column names from our own type


def ensure_tables(db: sqlite3.Connection) -> None:
    """Create the tables where they are missing; writes nothing where they are not."""
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (_LAST_CREATED,)).fetchone()
    if found is None:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)


def number(ticket_id: int) -> str:
    return f"INC{ticket_id:07d}"


def insert(db: sqlite3.Connection, ticket: Ticket, body: str, now: int) -> DeskTicket:
    """The ticket of this correlation id and episode, opened now unless it already stands there."""
    cursor = db.execute(
        "INSERT INTO desk_ticket (correlation_id, episode, environment, ci, ci_id, title, body, impact, urgency,"
        " priority, category, subcategory, service, assignment_group, caller, state, opened_at, created_at, updated_at,"
        " facts)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (correlation_id, episode) DO NOTHING",
        (
            ticket.correlation_id, ticket.episode, ticket.environment, ticket.ci, ticket.ci_id, ticket.title, body,
            ticket.impact, ticket.urgency, ticket.priority, ticket.category, ticket.subcategory, ticket.service,
            ticket.assignment_group, ticket.caller, RemoteState.NEW.value, ticket.opened_at, now, now,
            json.dumps(ticket.facts, sort_keys=True),
        ),
    )  # fmt: skip
    row = db.execute(
        f"{_SELECT} WHERE correlation_id = ? AND episode = ?", (ticket.correlation_id, ticket.episode)
    ).fetchone()
    stored = _ticket(row)
    if cursor.rowcount == 1:
        _event(db, stored.id, Act(AGENT, now), "opened", f"episode {ticket.episode}")
    return stored


def get(db: sqlite3.Connection, ticket_id: int) -> DeskTicket | None:
    row = db.execute(f"{_SELECT} WHERE id = ?", (ticket_id,)).fetchone()
    return None if row is None else _ticket(row)


def by_correlation_id(db: sqlite3.Connection, correlation_id: str) -> list[DeskTicket]:
    return [_ticket(row) for row in db.execute(f"{_SELECT} WHERE correlation_id = ? ORDER BY id", (correlation_id,))]


def active_of_ci(db: sqlite3.Connection, environment: str, ci_id: str) -> list[DeskTicket]:
    states = [state.value for state in RemoteState if state.active]
    rows = db.execute(
        f"{_SELECT} WHERE ci_id = ? AND environment = ? AND state IN (?, ?, ?) ORDER BY id",
        (ci_id, environment, *states),
    )
    return [_ticket(row) for row in rows]


def newest(db: sqlite3.Connection, states: Collection[RemoteState], limit: int, before: int | None) -> list[DeskTicket]:
    """Newest first, in these states (all when empty), with ids below ``before``."""
    wanted = [state.value for state in states or RemoteState]
    marks = ", ".join("?" * len(wanted))
    bound = 2**63 - 1 if before is None else before
    rows = db.execute(
        f"{_SELECT} WHERE state IN ({marks}) AND id < ? ORDER BY id DESC LIMIT ?", (*wanted, bound, limit)
    )
    return [_ticket(row) for row in rows]


def page(db: sqlite3.Connection, ticket: DeskTicket) -> DeskPage:
    notes = db.execute(
        "SELECT at, who, text, coalesce(marker, '') FROM desk_note WHERE ticket_id = ? ORDER BY id", (ticket.id,)
    )
    events = db.execute("SELECT at, who, action, detail FROM desk_event WHERE ticket_id = ? ORDER BY id", (ticket.id,))
    return DeskPage(
        ticket=ticket,
        notes=tuple(DeskNote(at=at, who=who, text=text, marker=marker) for at, who, text, marker in notes),
        events=tuple(DeskEvent(at=at, who=who, action=action, detail=detail) for at, who, action, detail in events),
    )


def add_note(db: sqlite3.Connection, ticket_id: int, act: Act, text: str, marker: str | None = None) -> bool:
    """Write a note; False when a note with this marker is already there (``None``: a person's, never compared)."""
    cursor = db.execute(
        "INSERT INTO desk_note (ticket_id, at, who, marker, text) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (ticket_id, marker) DO NOTHING",
        (ticket_id, act.at, act.who, marker, text),
    )
    if cursor.rowcount != 1:
        return False
    _event(db, ticket_id, act, "noted", marker or "")
    db.execute("UPDATE desk_ticket SET updated_at = ? WHERE id = ?", (act.at, ticket_id))
    return True


def change(
    db: sqlite3.Connection, ticket: DeskTicket, act: Act, action: str, values: Mapping[str, object], *, detail: str = ""
) -> DeskTicket:
    """Set these columns and say so in the history; returns the ticket afterwards."""
    columns = {**values, "updated_at": act.at}
    assignments = ", ".join(f"{column} = ?" for column in columns)
    db.execute(f"UPDATE desk_ticket SET {assignments} WHERE id = ?", (*columns.values(), ticket.id))  # noqa: S608 - our own names
    _event(db, ticket.id, act, action, detail)
    changed = get(db, ticket.id)
    assert changed is not None  # noqa: S101 - tickets are never deleted, and this is the same transaction
    return changed


def _event(db: sqlite3.Connection, ticket_id: int, act: Act, action: str, detail: str) -> None:
    db.execute(
        "INSERT INTO desk_event (ticket_id, at, who, action, detail) VALUES (?, ?, ?, ?, ?)",
        (ticket_id, act.at, act.who, action, detail),
    )


def _ticket(row: tuple[object, ...]) -> DeskTicket:
    values = dict(zip(_STORED, row, strict=True))
    ticket_id = values["id"]
    assert isinstance(ticket_id, int)  # noqa: S101 - a STRICT table
    values["number"] = number(ticket_id)
    values["state"] = RemoteState(values["state"])
    values["facts"] = json.loads(str(values["facts"]))
    return DeskTicket(**values)  # type: ignore[arg-type]  # a STRICT table holds the types the struct names
