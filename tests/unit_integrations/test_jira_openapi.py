"""What we send to Jira Cloud, and what the fake answers, against Atlassian's own description of the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
from fakes.described import Sent
from fakes.fake_http import Answer, Request
from fakes.fake_jira import CI, CI_ID, GROUP, IMPACT, PROJECT, TOKEN, URGENCY, FakeJira

from integrations.api import Note, Ports, Secret, Ticket, TicketState
from integrations.jira_cloud import Options, build

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared/specs/jira-cloud-v3.openapi.json"
SITE = "https://your-domain.atlassian.net"
NOW = 1_790_000_000_000

pytestmark = pytest.mark.skipif(not SPECIFICATION.exists(), reason=f"Atlassian's description is not at {SPECIFICATION}")


class Recorder(FakeJira):
    """Keeps each request with its answer."""

    def __init__(self) -> None:
        super().__init__(cloud=True, now=lambda: NOW)
        self.exchanges: list[tuple[Request, Answer]] = []

    def handle(self, request: Request) -> Answer:
        answer = super().handle(request)
        self.exchanges.append((request, answer))
        return answer


@dataclass
class Got:
    """A reply in the shape that openapi-core takes."""

    answer: Answer

    @property
    def status_code(self) -> int:
        return self.answer.status

    @property
    def content_type(self) -> str:
        return "application/json"

    @property
    def headers(self) -> Mapping[str, str]:
        return self.answer.headers

    @property
    def data(self) -> bytes | None:
        return None if self.answer.body is None else json.dumps(self.answer.body).encode()


async def exchanges() -> list[tuple[Request, Answer]]:
    """A whole life of tickets: opened, noted, resolved, reopened, twins, and everything that doctor asks."""
    options = {
        "url": "", "project": PROJECT, "auth": {"token": {"credential": "jira"}},
        "fields": {"impact": IMPACT, "urgency": URGENCY, "ci": CI, "ci_id": CI_ID, "group": GROUP},
    }  # fmt: skip
    ticket = Ticket(
        correlation_id="toc-" + "0" * 32, episode=1, state=TicketState.OPEN, title="磁盘 full", impact=1, urgency=2,
        body="What: x\nWhere: y\n\n- https://example.net/a\n- b", priority=1, opened_at=NOW, ci="web-1", ci_id="5d0f",
        environment="prod", notes=(Note("n/1", "worse\n\nagain"),), facts={"rule": "r"},
    )  # fmt: skip
    resolved = msgspec.structs.replace(ticket, state=TicketState.RESOLVED, resolution_code="x", resolution_text="y")
    async with Recorder() as server:
        ports = Ports(lambda _: Secret(TOKEN), None, lambda: NOW)  # type: ignore[arg-type]  # no database is asked
        jira = build("jira", msgspec.convert({**options, "url": server.url}, Options), ports)
        server.drop_on_create = {"labels"}
        first = await jira.create(ticket)
        server.drop_on_create = set()
        second = await jira.create(ticket)
        await jira.apply(ticket, first)
        first = await jira.apply(resolved, first)
        first = await jira.apply(msgspec.structs.replace(ticket, reopen=True), first)
        await jira.retire_twin(second, first)
        await jira.find(ticket.correlation_id)
        await jira.list_open("prod", "5d0f")
        await jira.read(first.ref)
        assert all(finding.ok for finding in await jira.doctor())
        await jira.aclose()
    return server.exchanges


@pytest.fixture(scope="module")
def api() -> object:
    import openapi_core

    document = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation["security"] = []  # its kinds are not what is tested here, and the library knows only some
    return openapi_core.OpenAPI.from_dict(document, config=openapi_core.Config(spec_validator_cls=None))


async def test_requests_and_replies_are_as_atlassian_describes_them(api: object) -> None:
    seen = set()
    for request, answer in await exchanges():
        what = f"{request.method} {request.path}?{urlencode(request.query)}"
        sent = Sent(request, SITE)
        result = api.unmarshal_request(sent)  # type: ignore[attr-defined]  # without stubs
        assert result.errors == [], what
        if answer.body is not None:
            assert api.unmarshal_response(sent, Got(answer)).errors == [], what  # type: ignore[attr-defined]
        seen.add((request.method, request.path.rstrip("0123456789").removeprefix("/rest/api/3")))
    assert {
        ("GET", "/search/jql"), ("GET", "/issue/"), ("POST", "/issue"), ("PUT", "/issue/"), ("POST", "/issueLink"),
        ("GET", "/mypermissions"), ("GET", "/serverInfo"), ("GET", "/issueLinkType"),
    } <= seen  # fmt: skip


def test_a_wrong_request_is_noticed(api: object) -> None:
    """The check can fail: a text where a number is wanted, a part that the API does not have."""
    headers = {"content-type": "application/json"}
    for request in (
        Request("GET", "/rest/api/3/search/jql", {"jql": "x", "maxResults": "many"}, headers, b""),
        Request("POST", "/rest/api/3/issueLink", {}, headers, b'{"type": {"name": "x"}, "inwardIssue": {"id": "1"}}'),
        Request("POST", "/rest/api/3/issue", {}, headers, b'{"properties": [{"key": "a", "worth": 1}]}'),
    ):
        result = api.unmarshal_request(Sent(request, SITE))  # type: ignore[attr-defined]
        assert result.errors, request.path
