"""Slack against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract_bench import NOW
from fakes.fake_http import Answer
from fakes.fake_messengers import PLAIN, FakeSlack
from one_way_bench import MessengerBench, OneWayBench

from integrations.api import InDoubt, Rejected

HTTP = True
ONE_WAY = True


class SlackBench(MessengerBench):
    soft = (
        (Answer(200, b"posting_to_channel_denied", PLAIN), InDoubt),
        (Answer(404, b"no_service", PLAIN), Rejected),
    )


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeSlack(lambda: NOW) as server:
        section = {"hook": {"credential": "token"}}
        built = SlackBench("slack", tmp_path, server, section, {"token": server.token})
        try:
            yield built
        finally:
            await built.aclose()
