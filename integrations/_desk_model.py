"""What people see and do at the embedded desk: values, errors, and the calls the agent's page and API use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from integrations.api import RemoteState


class DeskError(Exception):
    """Root of what a person's action may raise; the text is for that person.

    DeskError
     +- NoSuchTicket   no ticket of this id or number
     +- WrongState     the action does not fit the ticket's state
     +- BadInput       something asked for is missing, too long or not one of the choices
    """


class NoSuchTicket(DeskError):
    pass


class WrongState(DeskError):
    pass


class BadInput(DeskError):
    pass


class DeskNote(msgspec.Struct, frozen=True, kw_only=True):
    """A work note; ``at`` is in milliseconds since the epoch, ``marker`` is empty when a person wrote it."""

    at: int
    who: str
    text: str
    marker: str = ""


class DeskEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a ticket's history: who did what. ``detail`` says from what to what, or why."""

    at: int
    who: str
    action: str
    detail: str = ""


class DeskTicket(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket of the book. Times are milliseconds since the epoch, None when it has not happened."""

    id: int
    number: str
    correlation_id: str
    episode: int
    environment: str
    ci: str
    ci_id: str
    title: str
    body: str
    impact: int
    urgency: int
    priority: int
    category: str
    subcategory: str
    service: str
    assignment_group: str
    caller: str
    state: RemoteState
    owner: str
    opened_at: int
    created_at: int
    updated_at: int
    acknowledged_at: int | None
    ended_at: int | None
    ended_by: str
    resolution_code: str
    resolution_text: str
    twin_of: int | None
    facts: dict[str, str]


class DeskPage(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket with all that was written on it and done to it, oldest first."""

    ticket: DeskTicket
    notes: tuple[DeskNote, ...]
    events: tuple[DeskEvent, ...]


class DeskBook(Protocol):
    """People's side of the desk.

    ``ticket`` is an id (``17``) or a number (``INC0000017``), ``who`` a name of 1 to 100 characters. Every change is
    one transaction that also writes the history, and returns the ticket afterwards. All raise DeskError.
    """

    async def tickets(
        self, states: Collection[RemoteState] = (), limit: int = 50, before: int | None = None
    ) -> Sequence[DeskTicket]:
        """Newest first; all states when ``states`` is empty; at most ``limit`` (1 to 500) with ids below ``before``."""
        ...

    async def ticket(self, ticket: str) -> DeskPage: ...

    async def acknowledge(self, ticket: str, who: str, note: str = "") -> DeskTicket:
        """Take it on: in progress, and ``who`` becomes the owner when there is none."""
        ...

    async def assign(self, ticket: str, who: str, owner: str, group: str | None = None) -> DeskTicket:
        """Give it to ``owner`` (empty: nobody), and to ``group`` unless None."""
        ...

    async def note(self, ticket: str, who: str, text: str) -> DeskTicket: ...

    async def prioritise(self, ticket: str, who: str, priority: int) -> DeskTicket:
        """Priority 1 (P1) to 4 (P4)."""
        ...

    async def hold(self, ticket: str, who: str, reason: str) -> DeskTicket: ...

    async def resolve(self, ticket: str, who: str, code: str, text: str) -> DeskTicket: ...

    async def reopen(self, ticket: str, who: str, note: str) -> DeskTicket:
        """A resolved ticket goes on; a closed or cancelled one does not."""
        ...

    async def close(self, ticket: str, who: str) -> DeskTicket:
        """Only what is resolved can be closed."""
        ...

    async def cancel(self, ticket: str, who: str, reason: str) -> DeskTicket: ...
