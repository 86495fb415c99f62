"""The ITSM of a scenario: for each integration an embedded desk of its own in memory, and what was asked of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from agent.build import DESK, backends
from agent.config.schema import Config
from agent.scenario.schema import Person, PersonAct
from integrations import api
from integrations.api import DeskBook, DeskPage, Finding, Integration, NotSent, Ports, Ref, Remote, Secret, Ticket

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that was asked of a backend: ``create``, ``note``, ``resolve`` or ``reopen``. ``at`` is a time."""

    at: int
    backend: str
    act: str
    ticket: str
    text: str


class _Memory:
    """A database that nobody else sees."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN")
        try:
            result = work(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result

    def close(self) -> None:
        self._connection.close()


class RecordedDesk:
    """An embedded desk that writes down what is asked of it, and refuses every call while it is ``down``."""

    def __init__(self, name: str, now: Callable[[], int]) -> None:
        self.name = name
        self.down = False
        self.wishes: list[Wish] = []
        self._now = now
        self._memory = _Memory()
        adapter = api.load(DESK)
        self._desk = adapter.build(name, adapter.Options(), Ports(_no_secret, self._memory, now))
        self.capabilities = self._desk.capabilities
        self._noted: set[tuple[str, str]] = set()

    @property
    def book(self) -> DeskBook:
        """People's side."""
        return cast("DeskBook", self._desk)

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        return await self._up().find(correlation_id)

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        return await self._up().list_open(environment, ci_id)

    async def read(self, ref: Ref) -> Remote | None:
        return await self._up().read(ref)

    async def create(self, ticket: Ticket) -> Remote:
        made = await self._up().create(ticket)
        self._wished("create", made, ticket.title)
        return made

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        done = await self._up().apply(ticket, remote)
        for note in ticket.notes:
            if (remote.ref.id, note.marker) not in self._noted:
                self._noted.add((remote.ref.id, note.marker))
                self._wished("note", remote, note.text)
        if ticket.state is api.TicketState.RESOLVED and remote.state.active:
            self._wished("resolve", remote, ticket.resolution_text)
        if ticket.reopen and remote.state is api.RemoteState.RESOLVED:
            self._wished("reopen", remote, "")
        return done

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        self._wished("retire", twin, f"twin of {keep.ref.number}")
        return await self._up().retire_twin(twin, keep)

    async def doctor(self) -> Sequence[Finding]:
        return await self._up().doctor()

    async def aclose(self) -> None:
        """The tickets outlive the agent."""

    async def pages(self) -> list[DeskPage]:
        """Every ticket, oldest first."""
        book, found, before = self.book, list[DeskPage](), None
        while tickets := await book.tickets(limit=500, before=before):
            found += [await book.ticket(ticket.number) for ticket in tickets]
            before = tickets[-1].id
        return found[::-1]

    def close(self) -> None:
        self._memory.close()

    def _up(self) -> Integration:
        if self.down:
            raise NotSent(f"{self.name} is down: the scenario says so")
        return self._desk

    def _wished(self, act: str, remote: Remote, text: str) -> None:
        self.wishes.append(Wish(self._now(), self.name, act, remote.ref.number, text))


class Desks:
    """One for each integration that any configuration of the scenario names."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.all: dict[str, RecordedDesk] = {}

    def of(self, config: Config) -> Mapping[str, RecordedDesk]:
        """By name, for the integrations of this configuration."""
        for name in backends(config):
            if name not in self.all:
                self.all[name] = RecordedDesk(name, self._now)
        return {name: self.all[name] for name in backends(config)}

    def close(self) -> None:
        for desk in self.all.values():
            desk.close()


async def act(desk: RecordedDesk, person: Person) -> None:
    """What a person does at the desk; raises DeskError when the desk does not let them."""
    book, who, text = desk.book, person.who, person.text
    ticket = person.ticket
    if not ticket:
        newest = await book.tickets(limit=1)
        ticket = newest[0].number if newest else "there is none"
    match person.act:
        case PersonAct.ACKNOWLEDGE:
            await book.acknowledge(ticket, who, text)
        case PersonAct.ASSIGN:
            await book.assign(ticket, who, person.owner)
        case PersonAct.NOTE:
            await book.note(ticket, who, text or "noted")
        case PersonAct.PRIORITISE:
            await book.prioritise(ticket, who, person.priority)
        case PersonAct.HOLD:
            await book.hold(ticket, who, text or "waiting")
        case PersonAct.RESOLVE:
            await book.resolve(ticket, who, "solved", text or "done")
        case PersonAct.REOPEN:
            await book.reopen(ticket, who, text or "not done")
        case PersonAct.CLOSE:
            await book.close(ticket, who)
        case PersonAct.CANCEL:
            await book.cancel(ticket, who, text or "no fault")


def _no_secret(name: str) -> Secret:
    raise api.Unauthorised(f"a scenario has no credential {name!r}")
