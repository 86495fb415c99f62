"""Delivery with the real adapter of Jira Cloud, in virtual time: replies lost, commits late, a search that lags.

What stands in the end is one open issue for each fault, whatever was lost on the way. The door to the network is left
out: its verdict on a lost reply is what ``Wire`` says.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from statistics import median
from typing import cast

import msgspec
import pytest
from fakes.delivery_rig import Rig, scenario
from fakes.fake_backend import FakeBackend
from fakes.fake_http import Request
from fakes.fake_jira import PROJECT, TOKEN, FakeJira

from agent.delivery import DeliveryOptions
from integrations._http import Effect, Http, Reply
from integrations._jira import Jira
from integrations.api import InDoubt
from integrations.jira_cloud import Cloud, Options

FAULTS = 40
LATENCY = 0.2


class Wire:
    """Stands where ``Http`` does; ``lost`` of 1 of the replies to a create never come, half of these after seconds."""

    url = "https://jira.example.net"

    def __init__(self, server: FakeJira, dice: random.Random, lost: float) -> None:
        self._server, self._dice, self._lost = server, dice, lost
        self.doubtful = 0

    async def get(self, path: str, params: Mapping[str, str] | None = None, accept: Collection[int] = ()) -> Reply:
        return await self._exchange(Request("GET", path, params or {}, HEADERS, b""), accept)

    async def send(
        self, method: str, path: str, payload: object, headers: object = None, accept: Collection[int] = ()
    ) -> Reply:
        request = Request(method, path, {}, HEADERS, msgspec.json.encode(payload))
        if path.endswith("/issue") and self._dice.random() < self._lost:
            self.doubtful += 1
            late = self._dice.choice([0, 20])
            asyncio.get_running_loop().call_later(late, self._server.handle, request)
            await asyncio.sleep(LATENCY)
            raise InDoubt("the reply was lost")
        return await self._exchange(request, accept)

    async def _exchange(self, request: Request, accept: Collection[int]) -> Reply:
        await asyncio.sleep(LATENCY)
        answer = self._server.handle(request)
        assert 200 <= answer.status < 300 or answer.status in accept, (request, answer)
        return Reply(
            answer.status, {"Content-Type": "application/json"}, "", request.path,
            Effect.READ if request.method == "GET" else Effect.WRITE, json.dumps(answer.body).encode(), 0,
        )  # fmt: skip

    async def aclose(self) -> None: ...


HEADERS = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(("lost", "lag"), [(1.0, 0), (1.0, 240), (0.3, 240)])
def test_a_lost_reply_is_one_issue(tmp_path: Path, lost: float, lag: int) -> None:
    settled: list[float] = []
    seen: dict[str, object] = {}

    async def steps(rig: Rig) -> None:
        server = FakeJira(cloud=True, now=rig.now)
        server.lag = lag * 1000
        wire = Wire(server, random.Random(7), lost)
        section = {"url": wire.url, "project": PROJECT, "auth": {"token": {"credential": "jira"}}}
        jira = Jira("jira", msgspec.convert(section, Options), cast("Http", wire), Cloud(), 420_000)
        rig.backend = cast("FakeBackend", jira)
        rig.options = DeliveryOptions(rate=50.0, burst=50)
        await rig.start()
        keys = [f"k{number}" for number in range(FAULTS)]
        began = rig.loop.time()
        for key in keys:
            await rig.fire(key, notes=1)
        while len(settled) < FAULTS and rig.loop.time() - began < 3600:
            await rig.passed(1)
            done = sum(rig.row(key).ref is not None for key in keys)
            settled.extend([rig.loop.time() - began] * (done - len(settled)))
        for key in keys[: FAULTS // 2]:
            await rig.resolve(key, resolution_code="Recovered", resolution_text="over")
        await rig.passed(600)
        await rig.stop()
        seen.update(server=server, doubtful=wire.doubtful)

    scenario(tmp_path, steps)
    server = cast("FakeJira", seen["server"])
    assert len(server.issues) == FAULTS == len({issue.fields["labels"][0] for issue in server.issues.values()})
    assert Counter(issue.status for issue in server.issues.values()) == {"Resolved": FAULTS // 2, "Open": FAULTS // 2}
    assert Counter(len(issue.comments) for issue in server.issues.values()) == {1: FAULTS // 2, 2: FAULTS // 2}
    assert cast("int", seen["doubtful"]) >= lost * FAULTS * 0.5
    assert len(settled) == FAULTS
    assert max(settled) <= 480  # the window, and the time the queue took
    assert median(settled) <= (400 if lag else 60)
