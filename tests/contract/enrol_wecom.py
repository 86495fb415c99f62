"""WeCom against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract_bench import NOW
from fakes.fake_http import Answer
from fakes.fake_messengers import FakeWeCom
from one_way_bench import MessengerBench, OneWayBench

from integrations.api import InDoubt, NotSent, Rejected, Unauthorised

HTTP = True
ONE_WAY = True


class WeComBench(MessengerBench):
    soft = (
        (Answer(200, {"errcode": 45009, "errmsg": "api freq out of limit"}), NotSent),
        (Answer(200, {"errcode": 93000, "errmsg": "invalid webhook url"}), Unauthorised),
        (Answer(200, {"errcode": 40058, "errmsg": "too long"}), Rejected),
        (Answer(200, {"errcode": -1, "errmsg": "system busy"}), InDoubt),
    )
    whole_text = 600


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeWeCom(lambda: NOW) as server:
        section = {"key": {"credential": "token"}}
        built = WeComBench("wecom", tmp_path, server, section, {"token": server.token})
        try:
            yield built
        finally:
            await built.aclose()
