"""Teams against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract_bench import NOW
from fakes.fake_http import Answer
from fakes.fake_messengers import PLAIN, FakeTeams
from one_way_bench import MessengerBench, OneWayBench

from integrations.api import InDoubt, NotSent

HTTP = True
ONE_WAY = True


class TeamsBench(MessengerBench):
    soft = (
        (Answer(200, b"Webhook message delivery failed with error: HTTP error 429", PLAIN), NotSent),
        (Answer(200, b"Bad payload received by generic incoming webhook.", PLAIN), InDoubt),
    )
    whole_text = 4_000


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeTeams(lambda: NOW) as server:
        section = {"hook": {"credential": "token"}}
        built = TeamsBench("teams", tmp_path, server, section, {"token": server.token})
        try:
            yield built
        finally:
            await built.aclose()
