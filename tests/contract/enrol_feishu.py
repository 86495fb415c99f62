"""Feishu against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract_bench import NOW
from fakes.fake_http import Answer
from fakes.fake_messengers import FakeFeishu
from one_way_bench import MessengerBench, OneWayBench

from integrations.api import NotSent, Rejected, Unauthorised

HTTP = True
ONE_WAY = True


class FeishuBench(MessengerBench):
    soft = (
        (Answer(200, {"code": 11232, "msg": "frequency limited"}), NotSent),
        (Answer(200, {"code": 19021, "msg": "sign match fail"}), Unauthorised),
        (Answer(200, {"code": 9499, "msg": "Bad Request"}), Rejected),
    )
    whole_text = 4_000


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeFeishu(lambda: NOW) as server:
        section = {"token": {"credential": "token"}, "secret": {"credential": "secret"}, "keyword": "Tocsin"}
        built = FeishuBench("feishu", tmp_path, server, section, {"token": server.token, "secret": server.secret})
        try:
            yield built
        finally:
            await built.aclose()
