"""What was sent for one ticket to a backend that cannot be read, and which message is due next: pure decisions.

A message is claimed in the book before its first byte and settled after its reply. A claim that was never settled is in
doubt; what follows from that is decided here, once for every such backend:

    opening, reopening, end   sent again under the same id (``Message.id``); where the server folds no repetitions the
                              text says that it is one
    note                      sent again only where the server folds repetitions; else never, and the end of the ticket
                              says how many notes may not have arrived
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from integrations.api import Note, Ref, Remote, RemoteState, Ticket, TicketState


class Kind(Enum):
    """What a message says."""

    OPENED = "opened"
    NOTED = "noted"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    REFRESHED = "refreshed"
    """Still open; said only to backends that forget (``Capabilities.refresh``)."""


_STATE_AFTER: Mapping[Kind | None, TicketState] = {Kind.RESOLVED: TicketState.RESOLVED, Kind.REOPENED: TicketState.OPEN}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``ticket`` is the ticket as it was opened, with the resolution when this is its end.

    ``id`` is the same for a repetition, and ``repeated`` says that this may be one. ``unsure`` is how many notes may
    not have arrived; only the end of a ticket says so. ``ref`` is empty until the backend has named the ticket.
    """

    id: str
    kind: Kind
    ticket: Ticket
    notes: tuple[Note, ...] = ()
    repeated: bool = False
    unsure: int = 0
    ref: Ref


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The book's line for one ticket. ``state`` is None until an opening was answered.

    ``markers`` are the notes that were sent; ``claimed`` is the message that is on its way or in doubt.
    """

    id: int
    ticket: Ticket
    state: TicketState | None = None
    ref: Ref
    markers: tuple[str, ...] = ()
    claimed: Kind | None = None
    claimed_markers: tuple[str, ...] = ()
    sequence: int = 1
    unsure: int = 0
    created_at: int
    updated_at: int

    def remote(self) -> Remote:
        """What stands at the backend, as far as we know."""
        ticket = self.ticket
        open_now = self.state is not TicketState.RESOLVED
        return Remote(
            ref=self.ref,
            correlation_id=ticket.correlation_id,
            state=RemoteState.NEW if open_now else RemoteState.RESOLVED,
            raw_state="told open" if open_now else "told resolved",
            episode=ticket.episode,
            impact=ticket.impact,
            urgency=ticket.urgency,
            priority=ticket.priority,
            created_at=self.created_at,
            updated_at=self.updated_at,
            facts=ticket.facts,
        )


def opening(record: Record, *, idempotent: bool) -> Message:
    """The first message."""
    return _message(record, Kind.OPENED, record.ticket, (), idempotent)


def following(record: Record, wish: Ticket, *, idempotent: bool, notes: bool) -> Message | None:
    """The next message on the way to what ``wish`` says; None when the backend was told everything.

    Missing notes go together, and with the end if that is due: products count messages. A repetition that the server
    folds by its id has the same notes as the first; what has come since follows in a message of its own.
    """
    missing = [note for note in wish.notes if notes and note.marker not in record.markers]
    perhaps = {record.state, _STATE_AFTER.get(record.claimed, record.state)}
    if wish.state is TicketState.RESOLVED:
        kind = Kind.RESOLVED if perhaps != {TicketState.RESOLVED} else None
    elif TicketState.RESOLVED in perhaps:
        kind = Kind.REOPENED if wish.reopen or TicketState.OPEN in perhaps else None
    else:
        kind = Kind.NOTED if missing else None
    if record.claimed is Kind.NOTED and idempotent and kind is not None:
        kind = Kind.NOTED
    if record.claimed is Kind.NOTED and not idempotent:
        missing = [note for note in missing if note.marker not in record.claimed_markers]
        kind = None if kind is Kind.NOTED and not missing else kind
    elif record.claimed is kind and idempotent:
        missing = [note for note in missing if note.marker in record.claimed_markers]
    return None if kind is None else _message(record, kind, wish, tuple(missing), idempotent)


def refreshing(record: Record) -> Message:
    """That the ticket is still open."""
    return Message(id=_id(record), kind=Kind.REFRESHED, ticket=record.ticket, ref=record.ref)


def claim(record: Record, message: Message, now: int) -> Record:
    """Commit this before the first byte. Notes of a claim that is given up on are counted as unsure."""
    lost = record.claimed is Kind.NOTED and not {note.marker for note in message.notes} >= set(record.claimed_markers)
    return msgspec.structs.replace(
        record,
        claimed=message.kind,
        claimed_markers=tuple(note.marker for note in message.notes),
        markers=record.markers + (record.claimed_markers if lost else ()),
        unsure=record.unsure + (len(record.claimed_markers) if lost else 0),
        sequence=record.sequence + (record.claimed is not None and record.claimed is not message.kind),
        updated_at=now,
    )


def settle(record: Record, number: str, url: str, now: int) -> Record:
    """The claimed message was answered; ``number`` and ``url`` as far as the backend names the ticket."""
    state = TicketState.OPEN if record.state is None else _STATE_AFTER.get(record.claimed, record.state)
    ref = Ref(id=str(record.id), number=number or record.ref.number or f"#{record.id}", url=url or record.ref.url)
    return msgspec.structs.replace(
        record,
        state=state,
        ref=ref,
        markers=record.markers + record.claimed_markers,
        claimed=None,
        claimed_markers=(),
        sequence=record.sequence + 1,
        updated_at=now,
    )


def _message(record: Record, kind: Kind, wish: Ticket, notes: tuple[Note, ...], idempotent: bool) -> Message:
    ticket = msgspec.structs.replace(
        record.ticket,
        state=wish.state,
        resolution_code=wish.resolution_code,
        resolution_text=wish.resolution_text,
    )
    given_up = len(record.claimed_markers) if record.claimed is Kind.NOTED and not idempotent else 0
    moved_on = record.claimed is not None and record.claimed is not kind
    return Message(
        id=_id(record, later=moved_on),
        kind=kind,
        ticket=ticket,
        notes=notes,
        repeated=record.claimed is kind and not idempotent and kind is not Kind.NOTED,
        unsure=record.unsure + given_up if kind is Kind.RESOLVED else 0,
        ref=record.ref,
    )


def _id(record: Record, *, later: bool = False) -> str:
    ticket = record.ticket
    return f"{ticket.correlation_id}-{ticket.episode}-{record.sequence + later}"
