"""The embedded desk over a real SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from contract_bench import NOW, Bench, Person, Seen, wish
from fakes.sqlite_database import SqliteDatabase

from integrations.api import CredentialRef, Ports, Secret, Unauthorised
from integrations.desk import Desk, Options, build

HTTP = False


def _no_credential(name: str) -> Secret:
    raise Unauthorised(f"the desk asked for {CredentialRef(name)}")


class DeskBench(Bench):
    people = frozenset(Person)
    can_twin = False

    def __init__(self, path: Path) -> None:
        self.database = SqliteDatabase(path)
        self.integration: Desk = build("desk", Options(), Ports(_no_credential, self.database, lambda: NOW))

    async def look(self) -> list[Seen]:
        seen = []
        for ticket in reversed(await self.integration.tickets(limit=500)):
            page = await self.integration.ticket(str(ticket.id))
            seen.append(
                Seen(
                    id=str(ticket.id),
                    key=ticket.correlation_id,
                    title=ticket.title,
                    body=ticket.body,
                    notes=tuple(note.text for note in page.notes if note.who == "tocsin")
                    + ((ticket.resolution_text,) if ticket.resolution_text else ()),
                    state=ticket.state,
                    owner=ticket.owner,
                    impact=ticket.impact,
                    urgency=ticket.urgency,
                    priority=ticket.priority,
                    ci=(ticket.ci, ticket.ci_id),
                    linked=(str(ticket.twin_of),) if ticket.twin_of is not None else (),
                )
            )
        return seen

    async def person(self, act: Person, ticket_id: str, who: str) -> None:
        desk = self.integration
        match act:
            case Person.ACKNOWLEDGE:
                await desk.acknowledge(ticket_id, who)
            case Person.ASSIGN:
                await desk.assign(ticket_id, "lead", who)
            case Person.HOLD:
                await desk.hold(ticket_id, who, "waiting for a disk")
            case Person.RESOLVE:
                await desk.resolve(ticket_id, who, "fixed", "cleaned up")
            case Person.CLOSE:
                await desk.resolve(ticket_id, who, "fixed", "cleaned up")
                await desk.close(ticket_id, who)
            case Person.CANCEL:
                await desk.cancel(ticket_id, who, "a drill")
            case Person.DELETE:
                self.database.connection.execute("PRAGMA foreign_keys = OFF")
                self.database.connection.execute("DELETE FROM desk_ticket WHERE id = ?", (int(ticket_id),))

    async def foreign(self) -> str:
        other = wish(correlation_id="made-by-hand", environment="by-hand")
        return (await self.integration.create(msgspec.structs.replace(other, facts={}))).ref.id

    def lose_reply_after_commit(self, n: int = 1) -> None:
        self.database.lose_reply_after_commit(n)

    def lose_before_commit(self, n: int = 1) -> None:
        self.database.lose_before_commit(n)


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    desk = DeskBench(tmp_path / "tocsin.db")
    try:
        yield desk
    finally:
        desk.database.close()
