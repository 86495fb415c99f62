"""Jira, either edition, against its stateful fake."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import msgspec
from contract_bench import NOW, HttpBench, Person, Seen
from fakes.fake_http import Request
from fakes.fake_jira import (
    CI,
    CI_ID,
    GROUP,
    IMPACT,
    IMPACTS,
    LEVELS,
    PRIORITIES,
    PROJECT,
    TOKEN,
    URGENCY,
    FakeIssue,
    FakeJira,
    adf_text,
    wiki_text,
)
from fakes.sqlite_database import SqliteDatabase

from integrations.api import Integration, Ports, RemoteState, Secret

STATES = {
    "Open": RemoteState.NEW, "In Progress": RemoteState.IN_PROGRESS, "Pending": RemoteState.ON_HOLD,
    "Resolved": RemoteState.RESOLVED, "Closed": RemoteState.CLOSED, "Canceled": RemoteState.CANCELLED,
}  # fmt: skip
ACTS = {
    Person.HOLD: "Pending", Person.RESOLVE: "Resolved", Person.CLOSE: "Closed", Person.CANCEL: "Canceled",
}  # fmt: skip
CUSTOM = {"impact": IMPACT, "urgency": URGENCY, "ci": CI, "ci_id": CI_ID, "group": GROUP}


class JiraBench(HttpBench):
    people = frozenset(Person)
    secrets = (TOKEN, quote(TOKEN, safe=""))

    def __init__(self, module: ModuleType, server: FakeJira, database: SqliteDatabase) -> None:
        self.server: FakeJira = server
        self._module = module
        self._database = database
        self.integration = self.adapter(server.url)

    def adapter(self, url: str, deadline: float = 15.0, secret: str | None = None) -> Integration:
        section = {"url": url, "project": PROJECT, "auth": {"token": {"credential": "jira"}}, "fields": CUSTOM}
        options = msgspec.convert(section, self._module.Options)
        ports = Ports(lambda _: Secret(secret or TOKEN), self._database, lambda: NOW, deadline)
        built: Integration = self._module.build("jira", options, ports)
        return built

    async def look(self) -> list[Seen]:
        read: Callable[[Any], str] = adf_text if self.server.cloud else wiki_text
        return [seen(issue, read) for issue in self.server.issues.values()]

    async def person(self, act: Person, ticket_id: str, who: str) -> None:
        number = int(ticket_id)
        if act in (Person.ACKNOWLEDGE, Person.ASSIGN):
            self.server.assign(number, who)
        if act is Person.ACKNOWLEDGE:
            self.server.set_status(number, "In Progress")
        if act is Person.DELETE:
            self.server.delete(number)
        if act in ACTS:
            self.server.set_status(number, ACTS[act])

    async def foreign(self) -> str:
        text = "please help"
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        document = {"type": "doc", "version": 1, "content": [paragraph]}
        fields = {
            "project": {"key": PROJECT}, "issuetype": {"name": "Incident"}, "summary": "by hand", CI: "web-1",
            "description": document if self.server.cloud else text,
        }  # fmt: skip
        path = f"/rest/api/{3 if self.server.cloud else 2}/issue"
        body = json.dumps({"fields": fields}).encode()
        answer = self.server.handle(Request("POST", path, {}, {"authorization": f"Bearer {TOKEN}"}, body))
        assert isinstance(answer.body, dict)
        return str(answer.body["id"])

    def lose_reply_after_commit(self, n: int = 1) -> None:
        self.server.lose_reply_after_commit(n)

    def lose_before_commit(self, n: int = 1) -> None:
        self.server.lose_before_commit(n)


def seen(issue: FakeIssue, read: Callable[[Any], str]) -> Seen:
    fields = issue.fields
    return Seen(
        id=str(issue.id),
        key="".join(label for label in fields.get("labels", ()) if label.startswith("toc-")),
        title=fields["summary"],
        body=read(fields["description"]),
        notes=tuple(map(read, issue.comments)),
        state=STATES[issue.status],
        owner=issue.assignee,
        impact=_level(IMPACTS, fields.get(IMPACT, {}).get("value")),
        urgency=_level(LEVELS, fields.get(URGENCY, {}).get("value")),
        priority=_level(PRIORITIES, fields.get("priority", {}).get("name")),
        ci=tuple(fields[name] for name in (CI, CI_ID) if fields.get(name)),
        linked=tuple(map(str, issue.links)),
    )


def _level(choices: Sequence[str], value: str | None) -> int:
    return choices.index(value) + 1 if value in choices else 0


def bench_of(module: ModuleType, *, cloud: bool) -> Callable[[Path], AbstractAsyncContextManager[HttpBench]]:
    @asynccontextmanager
    async def bench(tmp_path: Path) -> AsyncIterator[HttpBench]:
        database = SqliteDatabase(tmp_path / "unused.db")
        async with FakeJira(cloud=cloud, now=lambda: NOW) as server:
            jira = JiraBench(module, server, database)
            try:
                yield jira
            finally:
                await jira.integration.aclose()
                database.close()

    return bench
