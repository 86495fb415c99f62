"""The embedded desk: a small incident book in the agent's own SQLite, for those who have no ITSM yet.

It is an integration like any other (the agent's side, ``Integration``) and a book people work in through the agent's
page and API (``DeskBook``). A key in the database makes opening a ticket idempotent, so nothing is in doubt for long.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from integrations import _desk_book as book
from integrations._desk_model import BadInput, DeskPage, DeskTicket, NoSuchTicket, WrongState
from integrations._text import body_with_footer, clean, clean_line, cut
from integrations.api import (
    Capabilities,
    Finding,
    InDoubt,
    NotSent,
    Ports,
    Ref,
    Rejected,
    Remote,
    RemoteState,
    Ticket,
    TicketState,
)

T = TypeVar("T")

_TICKET = re.compile(r"(?:INC)?0*([1-9][0-9]{0,17})")
_NAME_LIMIT = 100
_NOTE_LIMIT = 65_535
_PAGE_LIMIT = 500


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How people reach the page."""

    url_base: Annotated[
        str,
        Meta(
            description="Where people reach the agent's page; links to tickets begin with it",
            examples=["https://tocsin.example.net"],
        ),
    ] = "http://127.0.0.1:9787"


def build(name: str, options: Options, ports: Ports) -> Desk:
    parts = urlsplit(options.url_base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url_base is {options.url_base!r}; write a whole address such as https://tocsin.example.net")
    return Desk(name, options.url_base.rstrip("/"), ports)


class Desk:
    """Both sides of the book. Every method is one transaction."""

    capabilities = Capabilities(
        uncertainty=0, can_reopen=True, title_limit=255, body_limit=65_535, note_limit=_NOTE_LIMIT
    )

    def __init__(self, name: str, url_base: str, ports: Ports) -> None:
        self.name = name
        self._url_base = url_base
        self._ports = ports

    # The agent's side

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        if not correlation_id:
            raise Rejected("a search without a correlation id was asked for; it would match every ticket")
        return [
            self._remote(ticket) for ticket in await self._read(lambda db: book.by_correlation_id(db, correlation_id))
        ]

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        where = clean_line(environment), clean_line(ci_id)
        return [self._remote(ticket) for ticket in await self._read(lambda db: book.active_of_ci(db, *where))]

    async def create(self, ticket: Ticket) -> Remote:
        if not ticket.correlation_id:
            raise Rejected("a ticket without a correlation id cannot be opened")
        tidy = msgspec.structs.replace(
            ticket,
            title=cut(clean_line(ticket.title), self.capabilities.title_limit),
            **{name: clean_line(getattr(ticket, name)) for name in _LINES},
        )
        body = body_with_footer(ticket, self.capabilities.body_limit)
        return self._remote(await self._write(lambda db: book.insert(db, tidy, body, self._ports.now())))

    async def read(self, ref: Ref) -> Remote | None:
        ticket = await self._read(lambda db: book.get(db, _ticket_id(ref.id)))
        return None if ticket is None else self._remote(ticket)

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        def work(db: sqlite3.Connection) -> DeskTicket:
            current = _ours(db, remote.ref, ticket.correlation_id)
            return _agree(db, current, ticket, book.Act(book.AGENT, self._ports.now()))

        return self._remote(await self._write(work))

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        def work(db: sqlite3.Connection) -> DeskTicket:
            kept, current = _ours(db, keep.ref, keep.correlation_id), _ours(db, twin.ref, keep.correlation_id)
            if kept.id == current.id:
                raise Rejected(f"{kept.number} cannot be retired as a twin of itself")
            act = book.Act(book.AGENT, self._ports.now())
            text = f"The same fault is open as {kept.number}. This ticket is resolved; please work in {kept.number}."
            book.add_note(db, current.id, act, text, marker=f"twin-of/{kept.id}")
            if not current.state.active:
                return current
            return book.change(
                db, current, act, "resolved",
                {
                    "state": RemoteState.RESOLVED.value, "ended_at": act.at, "ended_by": act.who, "twin_of": kept.id,
                    "resolution_code": "duplicate", "resolution_text": text,
                },
                detail=f"twin of {kept.number}",
            )  # fmt: skip

        return self._remote(await self._write(work))

    async def doctor(self) -> Sequence[Finding]:
        count = len(
            await self._read(lambda db: book.newest(db, [s for s in RemoteState if s.active], _PAGE_LIMIT, None))
        )
        return [Finding(check="book", ok=True, detail=f"the book can be read; {count} tickets are active")]

    async def aclose(self) -> None:
        """Nothing to close: the database belongs to the agent."""

    # People's side (DeskBook)

    async def tickets(
        self, states: Collection[RemoteState] = (), limit: int = 50, before: int | None = None
    ) -> Sequence[DeskTicket]:
        if not 1 <= limit <= _PAGE_LIMIT:
            raise BadInput(f"limit is {limit}; ask for 1 to {_PAGE_LIMIT} tickets")
        return await self._person(lambda db: book.newest(db, states, limit, before))

    async def ticket(self, ticket: str) -> DeskPage:
        return await self._person(lambda db: book.page(db, _known(db, ticket)))

    async def acknowledge(self, ticket: str, who: str, note: str = "") -> DeskTicket:
        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "acknowledged", RemoteState.NEW, RemoteState.IN_PROGRESS, RemoteState.ON_HOLD)
            if current.state is RemoteState.IN_PROGRESS and current.acknowledged_at is not None and current.owner:
                return current
            return book.change(
                db, current, act, "acknowledged",
                {
                    "state": RemoteState.IN_PROGRESS.value, "owner": current.owner or act.who,
                    "acknowledged_at": current.acknowledged_at if current.acknowledged_at is not None else act.at,
                },
                detail=f"{current.state.value} to in_progress",
            )  # fmt: skip

        return await self._act(ticket, who, work, _text(note, "note", required=False))

    async def assign(self, ticket: str, who: str, owner: str, group: str | None = None) -> DeskTicket:
        new_owner = _name(owner, "owner", required=False)

        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "assigned", *_ACTIVE)
            new_group = current.assignment_group if group is None else _name(group, "group", required=False)
            detail = f"{current.owner or 'nobody'} to {new_owner or 'nobody'}"
            if new_group != current.assignment_group:
                detail += f", group {current.assignment_group or 'none'} to {new_group or 'none'}"
            return book.change(
                db, current, act, "assigned", {"owner": new_owner, "assignment_group": new_group}, detail=detail
            )

        return await self._act(ticket, who, work)

    async def note(self, ticket: str, who: str, text: str) -> DeskTicket:
        def work(_db: sqlite3.Connection, current: DeskTicket, _act: book.Act) -> DeskTicket:
            return current

        return await self._act(ticket, who, work, _text(text, "note"))

    async def prioritise(self, ticket: str, who: str, priority: int) -> DeskTicket:
        if priority not in (1, 2, 3, 4):
            raise BadInput(f"priority is {priority}; choose 1 (P1) to 4 (P4)")

        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "given another priority", *_ACTIVE)
            detail = f"P{current.priority} to P{priority}"
            return book.change(db, current, act, "prioritised", {"priority": priority}, detail=detail)

        return await self._act(ticket, who, work)

    async def hold(self, ticket: str, who: str, reason: str) -> DeskTicket:
        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "put on hold", RemoteState.NEW, RemoteState.IN_PROGRESS)
            detail = f"{current.state.value} to on_hold"
            return book.change(db, current, act, "held", {"state": RemoteState.ON_HOLD.value}, detail=detail)

        return await self._act(ticket, who, work, _text(reason, "reason"))

    async def resolve(self, ticket: str, who: str, code: str, text: str) -> DeskTicket:
        resolution = {
            "resolution_code": _name(code, "resolution code"),
            "resolution_text": _text(text, "resolution text"),
        }

        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "resolved", *_ACTIVE)
            return _end(db, current, act, RemoteState.RESOLVED, **resolution)

        return await self._act(ticket, who, work)

    async def reopen(self, ticket: str, who: str, note: str) -> DeskTicket:
        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "reopened", RemoteState.RESOLVED)
            return _reopen(db, current, act)

        return await self._act(ticket, who, work, _text(note, "note"))

    async def close(self, ticket: str, who: str) -> DeskTicket:
        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "closed", RemoteState.RESOLVED)
            return _end(db, current, act, RemoteState.CLOSED)

        return await self._act(ticket, who, work)

    async def cancel(self, ticket: str, who: str, reason: str) -> DeskTicket:
        def work(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
            _must_be(current, "cancelled", *_ACTIVE)
            return _end(db, current, act, RemoteState.CANCELLED)

        return await self._act(ticket, who, work, _text(reason, "reason"))

    # Plumbing

    def _remote(self, ticket: DeskTicket) -> Remote:
        return Remote(
            ref=Ref(id=str(ticket.id), number=ticket.number, url=f"{self._url_base}/desk/{ticket.number}"),
            correlation_id=ticket.correlation_id,
            state=ticket.state,
            raw_state=ticket.state.value,
            episode=ticket.episode,
            owner=ticket.owner,
            assignment_group=ticket.assignment_group,
            impact=ticket.impact,
            urgency=ticket.urgency,
            priority=ticket.priority,
            created_at=ticket.created_at,
            updated_at=ticket.updated_at,
            facts=ticket.facts,
        )

    async def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def whole(db: sqlite3.Connection) -> T:
            book.ensure_tables(db)
            return work(db)

        return await self._ports.database.transact(whole)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._transact(work)
        except sqlite3.Error as error:
            raise NotSent(
                f"{self.name}: the incident book cannot be read: {error}; look at the state directory"
            ) from error

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._transact(work)
        except sqlite3.Error as error:
            raise InDoubt(
                f"{self.name}: the incident book cannot be written: {error}; look at the state directory"
            ) from error

    async def _person(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._transact(work)

    async def _act(
        self,
        ticket: str,
        who: str,
        work: Callable[[sqlite3.Connection, DeskTicket, book.Act], DeskTicket],
        note: str = "",
    ) -> DeskTicket:
        """One person's action: the change, then the note that goes with it, in one transaction."""
        person = _name(who, "who")

        def whole(db: sqlite3.Connection) -> DeskTicket:
            act = book.Act(person, self._ports.now())
            changed = work(db, _known(db, ticket), act)
            if note:
                book.add_note(db, changed.id, act, note)
                changed = _known(db, str(changed.id))
            return changed

        return await self._person(whole)


_LINES = ("ci", "ci_id", "environment", "category", "subcategory", "service", "assignment_group", "caller")
_ACTIVE = tuple(state for state in RemoteState if state.active)


def _agree(db: sqlite3.Connection, current: DeskTicket, wish: Ticket, act: book.Act) -> DeskTicket:
    """Missing notes, then the state. What a person closed or cancelled is left as it is."""
    if current.state in (RemoteState.CLOSED, RemoteState.CANCELLED):
        return current
    for note in wish.notes:
        book.add_note(db, current.id, act, cut(clean(note.text), _NOTE_LIMIT), note.marker)
    if wish.state is TicketState.RESOLVED and current.state.active:
        return _end(
            db, current, act, RemoteState.RESOLVED,
            resolution_code=clean_line(wish.resolution_code), resolution_text=clean(wish.resolution_text),
        )  # fmt: skip
    if wish.state is TicketState.OPEN and wish.reopen and current.state is RemoteState.RESOLVED:
        return _reopen(db, current, act)
    return _known(db, str(current.id))


def _end(
    db: sqlite3.Connection, current: DeskTicket, act: book.Act, state: RemoteState, **resolution: str
) -> DeskTicket:
    values = {"state": state.value, "ended_at": act.at, "ended_by": act.who, **resolution}
    return book.change(db, current, act, state.value, values, detail=f"from {current.state.value}")


def _reopen(db: sqlite3.Connection, current: DeskTicket, act: book.Act) -> DeskTicket:
    state = RemoteState.IN_PROGRESS if current.owner else RemoteState.NEW
    values = {"state": state.value, "ended_at": None, "ended_by": "", "resolution_code": "", "resolution_text": ""}
    return book.change(db, current, act, "reopened", values, detail=f"resolved to {state.value}")


def _ours(db: sqlite3.Connection, ref: Ref, correlation_id: str) -> DeskTicket:
    ticket = book.get(db, _ticket_id(ref.id))
    if ticket is None:
        raise Rejected(f"the desk has no ticket {ref.number or ref.id}; the book may have been replaced")
    if ticket.correlation_id != correlation_id:
        raise Rejected(f"{ticket.number} carries {ticket.correlation_id}, not {correlation_id}; it was left alone")
    return ticket


def _known(db: sqlite3.Connection, ticket: str) -> DeskTicket:
    found = book.get(db, _ticket_id(ticket))
    if found is None:
        raise NoSuchTicket(f"there is no ticket {clean_line(ticket)[:40]!r}; write a number such as INC0000017")
    return found


def _ticket_id(text: str) -> int:
    """0, which no ticket has, when the text is no ticket number."""
    match = _TICKET.fullmatch(text)
    return int(match[1]) if match else 0


def _must_be(ticket: DeskTicket, done: str, *states: RemoteState) -> None:
    if ticket.state not in states:
        allowed = ", ".join(state.value for state in states)
        raise WrongState(f"{ticket.number} is {ticket.state.value}; only a ticket that is {allowed} can be {done}")


def _name(text: str, what: str, *, required: bool = True) -> str:
    return _bounded(clean_line(text), what, _NAME_LIMIT, required)


def _text(text: str, what: str, *, required: bool = True) -> str:
    return _bounded(clean(text).strip(), what, _NOTE_LIMIT, required)


def _bounded(text: str, what: str, limit: int, required: bool) -> str:
    if required and not text:
        raise BadInput(f"{what} is empty; say something")
    if len(text) > limit:
        raise BadInput(f"{what} has {len(text)} characters; at most {limit} fit")
    return text
