"""ServiceNow incidents against a stateful fake of the Table API."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec
from contract_bench import NOW, HttpBench, Person, Seen
from fakes.fake_http import Request
from fakes.fake_servicenow import PRIORITIES, TOKEN, FakeServiceNow, Incident
from fakes.sqlite_database import SqliteDatabase

from integrations.api import Integration, Ports, RemoteState, Secret, Ticket
from integrations.servicenow import Options, build

HTTP = True
STATES = {
    "1": RemoteState.NEW, "2": RemoteState.IN_PROGRESS, "3": RemoteState.ON_HOLD, "6": RemoteState.RESOLVED,
    "7": RemoteState.CLOSED, "8": RemoteState.CANCELLED,
}  # fmt: skip
ACTS = {
    Person.ACKNOWLEDGE: "2", Person.HOLD: "3", Person.RESOLVE: "6", Person.CLOSE: "7", Person.CANCEL: "8",
}  # fmt: skip
LIMIT = 32_000
"""A site that made its column longer: the hostile texts of the suite make long footers."""


class ServiceNowBench(HttpBench):
    people = frozenset({Person.ASSIGN, Person.DELETE, *ACTS})
    secrets = (TOKEN, quote(TOKEN, safe=""))

    def __init__(self, server: FakeServiceNow, database: SqliteDatabase) -> None:
        self.server: FakeServiceNow = server
        self.server.sizes["description"] = LIMIT
        self._database = database
        self.integration = self.adapter(server.url)

    def adapter(self, url: str, deadline: float = 15.0, secret: str | None = None) -> Integration:
        auth = {"token": {"credential": "sn"}}
        options = msgspec.convert({"url": url, "auth": auth, "description_limit": LIMIT}, Options)
        ports = Ports(lambda _: Secret(secret or TOKEN), self._database, lambda: NOW, deadline)
        return build("servicenow", options, ports)

    def priority_of(self, wanted: Ticket) -> int:
        return PRIORITIES[str(wanted.impact), str(wanted.urgency)]

    async def look(self) -> list[Seen]:
        return [self._seen(incident) for incident in self.server.incidents.values()]

    def _seen(self, incident: Incident) -> Seen:
        values = incident.values
        identity = re.search(r'Tocsin-Ci: \["(?:[^"\\]|\\.)*","((?:[^"\\]|\\.)*)"\]', values["description"])
        return Seen(
            id=values["sys_id"],
            key=values["correlation_id"],
            title=values["short_description"],
            body=values["description"],
            notes=(*incident.notes, *filter(None, [values["close_notes"]])),
            state=STATES[values["state"]],
            owner=self.server.name_of("sys_user", values["assigned_to"]),
            impact=int(values["impact"]),
            urgency=int(values["urgency"]),
            priority=int(values["priority"]),
            ci=(self.server.name_of("cmdb_ci", values["cmdb_ci"]), identity[1] if identity else ""),
            linked=tuple(filter(None, [values["parent_incident"]])),
        )

    async def person(self, act: Person, ticket_id: str, who: str) -> None:
        if act is Person.DELETE:
            del self.server.incidents[ticket_id]
            return
        if act in (Person.ACKNOWLEDGE, Person.ASSIGN):
            self.server.change(ticket_id, assigned_to=self.server.reference("sys_user", who))
        if act in ACTS:
            self.server.change(ticket_id, state=ACTS[act])

    async def foreign(self) -> str:
        body = {"short_description": "by hand", "cmdb_ci": self.server.reference("cmdb_ci", "web-1")}
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = self.server.handle(Request("POST", "/api/now/table/incident", {}, headers, json.dumps(body).encode()))
        assert isinstance(answer.body, dict)
        return str(answer.body["result"]["sys_id"])

    def lose_reply_after_commit(self, n: int = 1) -> None:
        self.server.lose_reply_after_commit(n)

    def lose_before_commit(self, n: int = 1) -> None:
        self.server.lose_before_commit(n)


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[HttpBench]:
    database = SqliteDatabase(tmp_path / "unused.db")
    async with FakeServiceNow(lambda: NOW) as server:
        servicenow = ServiceNowBench(server, database)
        try:
            yield servicenow
        finally:
            await servicenow.integration.aclose()
            database.close()
