"""Replies of Jira with anything in any place: an outcome, never an exception of another kind."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Collection, Iterator, Mapping
from typing import Any, cast

import msgspec
import pytest
from fakes.fake_http import Request
from fakes.fake_jira import CI, CI_ID, GROUP, IMPACT, PROJECT, TOKEN, URGENCY, FakeJira

from integrations._http import Effect, Http, Reply
from integrations._jira import Jira
from integrations.api import IntegrationError, Note, Remote, Ticket, TicketState
from integrations.jira_cloud import Cloud, Options
from integrations.jira_dc import DataCenter

ROUNDS = 60
ODD: tuple[object, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x", "\ud83d", "磁盘" * 500, [], [[]], {}, {"id": 5}, {"name": None},
    {"content": [{"content": 3}]}, [None], "2026-13-45T99:99:99.000+0000", "1e999", "9" * 400,
)  # fmt: skip
KEY = "toc-" + "0" * 32
WISH = Ticket(
    correlation_id=KEY, episode=1, state=TicketState.OPEN, title="t", body="b", impact=1, urgency=1, priority=1,
    opened_at=1, ci="c", ci_id="i", environment="prod", notes=(Note("n/1", "x"),), resolution_text="over",
)  # fmt: skip
RESOLVED = msgspec.structs.replace(WISH, state=TicketState.RESOLVED)
HEADERS = {"authorization": f"Bearer {TOKEN}"}


class Spoilt:
    """Stands where ``Http`` does: a true reply of the fake with one place of it replaced or taken out."""

    url = "https://jira.example.net"

    def __init__(self, server: FakeJira, dice: random.Random) -> None:
        self._server = server
        self._dice = dice
        self.spoil = False
        self.spoilt = 0

    async def get(self, path: str, params: Mapping[str, str] | None = None, accept: Collection[int] = ()) -> Reply:
        return self._exchange(Request("GET", path, params or {}, HEADERS, b""), accept)

    async def send(
        self, method: str, path: str, payload: object, headers: object = None, accept: Collection[int] = ()
    ) -> Reply:
        return self._exchange(Request(method, path, {}, HEADERS, msgspec.json.encode(payload)), accept)

    def _exchange(self, request: Request, accept: Collection[int]) -> Reply:
        answer = self._server.handle(request)
        body = json.loads(json.dumps(answer.body))
        status = answer.status
        if self.spoil and self._dice.random() < 0.5:
            body = self._changed(body)
            self.spoilt += 1
            if accept and self._dice.random() < 0.2:
                status = self._dice.choice(list(accept))
        effect = Effect.READ if request.method == "GET" else Effect.WRITE
        return Reply(
            status, {"Content-Type": "application/json"}, "", request.path, effect, json.dumps(body).encode(), 0
        )

    def _changed(self, value: Any) -> Any:
        """``value`` with one place changed, deep ones as likely as shallow ones."""
        if isinstance(value, dict | list) and value and self._dice.random() < 0.85:
            key = self._dice.choice(list(value)) if isinstance(value, dict) else self._dice.randrange(len(value))
            if self._dice.random() < 0.1:
                del value[key]
            else:
                value[key] = self._changed(value[key])
            return value
        return self._dice.choice(ODD)


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])
def test_whatever_is_answered_is_an_outcome(cloud: bool) -> None:
    dice = random.Random(20261)
    asyncio.run(rounds(cloud, dice, ROUNDS))


async def rounds(cloud: bool, dice: random.Random, count: int) -> int:
    spoilt = longest = 0
    section = {
        "url": "https://x", "project": PROJECT, "auth": {"token": {"credential": "jira"}},
        "fields": {"impact": IMPACT, "urgency": URGENCY, "ci": CI, "ci_id": CI_ID, "group": GROUP},
    }  # fmt: skip
    options = msgspec.convert(section, Options)
    for _ in range(count):
        wire = Spoilt(FakeJira(cloud=cloud), dice)
        jira = Jira("jira", options, cast("Http", wire), Cloud() if cloud else DataCenter(), 1000)
        first, twin = await jira.create(WISH), await jira.create(WISH)
        ended = await jira.apply(RESOLVED, await jira.create(WISH))
        wire.spoil = True
        for call in calls(jira, first, twin, ended):
            try:
                await call
            except IntegrationError as error:
                longest = max(longest, len(str(error)))
        spoilt += wire.spoilt
    assert spoilt > count * 5
    assert longest < 5_000
    return spoilt


def calls(jira: Jira, first: Remote, twin: Remote, ended: Remote) -> Iterator[Awaitable[object]]:
    yield jira.find(KEY)
    yield jira.list_open("prod", "i")
    yield jira.read(first.ref)
    yield jira.create(WISH)
    yield jira.apply(RESOLVED, first)
    yield jira.apply(msgspec.structs.replace(WISH, reopen=True), ended)
    yield jira.retire_twin(twin, first)
    yield jira.doctor()
