"""Request Tracker 5 against its stateful fake."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec
from contract_bench import NOW, HttpBench, Person, Seen
from fakes.fake_http import Request
from fakes.fake_rt import CHOICES, QUEUE, TOKEN, FakeRT, FakeTicket
from fakes.sqlite_database import SqliteDatabase

from integrations.api import Integration, Ports, RemoteState, Secret
from integrations.rt import Options, build

HTTP = True
STATES = {
    "new": RemoteState.NEW, "open": RemoteState.IN_PROGRESS, "stalled": RemoteState.ON_HOLD,
    "resolved": RemoteState.RESOLVED, "rejected": RemoteState.CANCELLED,
}  # fmt: skip
ACTS = {Person.HOLD: "stalled", Person.RESOLVE: "resolved", Person.CANCEL: "rejected", Person.DELETE: "deleted"}


class RtBench(HttpBench):
    people = frozenset({Person.ACKNOWLEDGE, Person.ASSIGN, *ACTS})
    secrets = (TOKEN, quote(TOKEN))

    def __init__(self, server: FakeRT, database: SqliteDatabase) -> None:
        self.server: FakeRT = server
        self._database = database
        self.integration = self.adapter(server.url)

    def adapter(self, url: str, deadline: float = 15.0, secret: str | None = None) -> Integration:
        options = msgspec.convert({"url": url, "queue": QUEUE, "auth": {"token": {"credential": "rt"}}}, Options)
        ports = Ports(lambda _: Secret(secret or TOKEN), self._database, lambda: NOW, deadline)
        return build("rt", options, ports)

    async def look(self) -> list[Seen]:
        return [seen(ticket) for ticket in self.server.tickets.values() if ticket.status != "deleted"]

    async def person(self, act: Person, ticket_id: str, who: str) -> None:
        if act in (Person.ACKNOWLEDGE, Person.ASSIGN):
            self.server.take(int(ticket_id), who)
        if act is Person.ACKNOWLEDGE:
            self.server.set_status(int(ticket_id), "open")
        if act in ACTS:
            self.server.set_status(int(ticket_id), ACTS[act])

    async def foreign(self) -> str:
        body = {"Queue": QUEUE, "Subject": "by hand", "Content": "please help", "CustomFields": {"CI": ["web-1"]}}
        headers = {"authorization": f"token {TOKEN}"}
        answer = self.server.handle(Request("POST", "/REST/2.0/ticket", {}, headers, json.dumps(body).encode()))
        assert isinstance(answer.body, dict)
        return str(answer.body["id"])

    def lose_reply_after_commit(self, n: int = 1) -> None:
        self.server.lose_reply_after_commit(n)

    def lose_before_commit(self, n: int = 1) -> None:
        self.server.lose_before_commit(n)


def seen(ticket: FakeTicket) -> Seen:
    return Seen(
        id=str(ticket.id),
        key="".join(ticket.fields["DedupKey"]),
        title=ticket.subject,
        body=ticket.body,
        notes=tuple(comment.content or "" for comment in ticket.comments),
        state=STATES[ticket.status],
        owner="" if ticket.owner == "Nobody" else ticket.owner,
        impact=1 + CHOICES.index(ticket.fields["Impact"][0]) if ticket.fields["Impact"] else 0,
        urgency=1 + CHOICES.index(ticket.fields["Urgency"][0]) if ticket.fields["Urgency"] else 0,
        priority={100: 1, 75: 2, 50: 3, 25: 4}.get(ticket.priority, 0),
        ci=tuple(ticket.fields["CI"]),
        linked=tuple(str(other) for other in ticket.refers_to),
    )


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[HttpBench]:
    database = SqliteDatabase(tmp_path / "unused.db")
    async with FakeRT(lambda: NOW) as server:
        rt = RtBench(server, database)
        try:
            yield rt
        finally:
            await rt.integration.aclose()
            database.close()
