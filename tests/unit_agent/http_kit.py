"""The whole listener over a small agent: real handlers, checks and pages, the real desk over a temporary SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer
from fakes.sqlite_database import SqliteDatabase

from agent.http.access import HEADER, Access
from agent.http.front import Front
from agent.http.html import Pages
from agent.http.prometheus_api import PrometheusApi
from agent.http.server import make_application
from agent.http.table import every_route
from agent.http.tocsin_api import NotFound, Refused, TocsinApi
from collectors.api import Metric, MetricType, Sample, labels
from integrations.api import Ports, Ticket, TicketState
from integrations.desk import Desk, Options, build
from rules.api import SeriesWindow

NOW = 1_700_000_060_000
TOKEN = "a-token-of-more-than-thirty-two-characters"
PUBLIC = "tocsin.example.net"
KEY = "toc-0123456789abcdef0123456789abcdef"
DECLARED = {
    "load": Metric("load", MetricType.GAUGE, "Load."),
    "requests_total": Metric("requests_total", MetricType.COUNTER, "Requests.", ("code",)),
    "odd": Metric("odd", MetricType.UNTYPED, "Odd."),
}
STATUS: dict[str, Any] = {
    "healthy": False,
    "problems": ["collector cpu fails: <b>gone</b>"],
    "version": "0.1.0",
    "ci": "web-1",
    "environment": "prod",
    "configuration": "/etc/tocsin/tocsin.yaml",
    "configuration_hash": "ab12" * 16,
    "configuration_in_force": "as asked for",
    "cycles": 7,
    "cycle_seconds": 0.01,
    "series": 3,
    "samples": 9,
    "alerts": {"pending": 0, "firing": 1, "no_data": 0},
    "rules_waiting": [],
    "store": {"directory": "/var/lib/tocsin"},
    "backends": [
        {
            "backend": "desk", "state": "down", "pending": 1, "sending": 0, "in_doubt": 0, "rejected": 0,
            "open_tickets": 1, "last_error": "connection refused",
        }
    ],
    "collectors": [{"collector": "cpu", "ok": False, "samples": 4, "ms": 0.5, "dropped": 0, "notes": "gone"}],
}  # fmt: skip


def window() -> SeriesWindow:
    """Seven cycles of three series, 10 s apart, the last at ``NOW``."""
    series = SeriesWindow()
    for cycle in range(7):
        samples = [
            Sample("load", labels(instance="a"), float(cycle)),
            Sample("load", labels(instance="b"), 10.0),
            Sample("requests_total", labels(instance="a", code="200"), 10.0 * cycle),
        ]
        series.ingest("test", samples, NOW - 60_000 + cycle * 10_000)
    return series


@dataclass
class SmallAgent:
    """What the APIs and the front page ask of an agent; the tests write down what it should say."""

    series: SeriesWindow = field(default_factory=window)
    declared: Mapping[str, Metric] = field(default_factory=lambda: dict(DECLARED))
    samples: list[Sample] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=lambda: dict(STATUS))
    is_ready: bool = True
    reloads: int = 0
    acted: list[tuple[str, Any]] = field(default_factory=list)
    breaks: BaseException | None = None

    def now(self) -> int:
        return NOW

    def started_at(self) -> int:
        return NOW - 3_600_000

    def rule_groups(self) -> Sequence[Mapping[str, Any]]:
        return self.groups

    def alert_list(self) -> Sequence[Mapping[str, Any]]:
        return []

    def status(self) -> Mapping[str, Any]:
        if self.breaks is not None:
            raise self.breaks
        return self.shown

    def alerts(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def incidents(self, state: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return self.listed[:limit]

    async def incident(self, name: str) -> Mapping[str, Any]:
        raise NotFound(f"no incident {name}")

    def outbox(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def idle(self) -> Mapping[str, Any]:
        return {"ci": "web-1", "days": []}

    async def explain_incident(self, name: str) -> Mapping[str, Any]:
        return {"incident": name, "lines": []}

    def explain_rule(self, name: str) -> Mapping[str, Any]:
        return {"rule": name, "lines": []}

    async def retry(self, incident: str | None) -> Mapping[str, Any]:
        self.acted.append(("retry", incident))
        return {"retried": 0}

    def drill(self, rule: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
        if rule == "Busy":
            raise Refused("this exercise runs already")
        self.acted.append(("drill", rule))
        return {"incident": "k-1"}

    def drill_note(self, incident: str, text: str) -> Mapping[str, Any]:
        self.acted.append(("note", text))
        return {"incident": incident}

    def drill_resolve(self, incident: str) -> Mapping[str, Any]:
        self.acted.append(("resolve", incident))
        return {"incident": incident}

    def reload(self) -> None:
        self.reloads += 1


def wish(**changes: Any) -> Ticket:
    """A ticket to open at the desk."""
    ticket = Ticket(
        correlation_id=KEY, episode=1, state=TicketState.OPEN, title="disk full", body="It is full.", impact=2,
        urgency=1, priority=2, opened_at=NOW - 60_000, ci="web-1", ci_id="5d0f", environment="prod",
    )  # fmt: skip
    return msgspec.structs.replace(ticket, **changes)


@dataclass
class Listening:
    """The client is at 127.0.0.1 without any right; ``token`` is what a program sends to change something."""

    client: TestClient[Any, Any]
    agent: SmallAgent
    desk: Desk
    token: Mapping[str, str]

    @property
    def address(self) -> str:
        return f"{self.client.host}:{self.client.port}"

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of everything that is served, with an example for each variable part."""
        examples = {"{ticket}": "INC0000001", "{action}": "acknowledge", "{name}": "job", "{id}": "k-1"}
        found = []
        for route in self.client.app.router.routes():
            path = route.resource.canonical if route.resource is not None else ""
            for variable, example in examples.items():
                path = path.replace(variable, example)
            found.append((route.method, path))
        return found

    async def answer(self, path: str, **query: Any) -> Any:
        """The whole answer to a successful GET."""
        async with self.client.get(path, params=query) as reply:
            body = await reply.json()
            assert reply.status == 200, body
            assert body["status"] == "success"
            return body

    async def data(self, path: str, **query: Any) -> Any:
        """What a successful GET says."""
        return (await self.answer(path, **query))["data"]

    async def error(self, path: str, **query: Any) -> tuple[int, str, str]:
        """Status, errorType and error of a refused GET."""
        async with self.client.get(path, params=query) as reply:
            body = await reply.json()
            assert body["status"] == "error"
            return reply.status, body["errorType"], body["error"]


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[Listening]:
    """One agent with an embedded desk in ``folder``."""
    database = SqliteDatabase(folder / "tocsin.db")
    desk = build("desk", Options(), Ports(_no_credential, database, lambda: NOW))
    agent = SmallAgent()
    access = Access(TOKEN, frozenset({PUBLIC}))
    pages = Pages(agent="web-1", has_desk=True)
    front = Front(
        latest=lambda: agent.samples, declared=lambda: agent.declared, ready=lambda: agent.is_ready,
        reload=agent.reload, access=access, overview=agent, pages=pages,
    )  # fmt: skip
    routes = every_route(
        front, PrometheusApi(agent), TocsinApi(agent, agent), desk=desk, access=access, pages=pages, now=agent.now
    )
    try:
        async with TestClient(TestServer(make_application(routes, access))) as client:
            yield Listening(client, agent, desk, {HEADER: TOKEN})
    finally:
        database.close()


def _no_credential(name: str) -> Any:
    raise AssertionError(name)


async def raw(listening: Listening, request: bytes) -> bytes:
    """What the listener answers to these very bytes."""
    reader, writer = await asyncio.open_connection(listening.client.host, listening.client.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()
