"""DingTalk against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract_bench import NOW
from fakes.fake_http import Answer
from fakes.fake_messengers import FakeDingTalk
from one_way_bench import MessengerBench, OneWayBench

from integrations.api import InDoubt, NotSent, Rejected, Unauthorised

HTTP = True
ONE_WAY = True


class DingTalkBench(MessengerBench):
    soft = (
        (Answer(200, {"errcode": 130101, "errmsg": "send too fast"}), NotSent),
        (Answer(200, {"errcode": 310000, "errmsg": "keywords not in content"}), Unauthorised),
        (Answer(200, {"errcode": 400013, "errmsg": "the group is gone"}), Rejected),
        (Answer(200, {"errcode": -1, "errmsg": "system busy"}), InDoubt),
    )
    whole_text = 5_000


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeDingTalk(lambda: NOW) as server:
        section = {"token": {"credential": "token"}, "secret": {"credential": "secret"}, "keyword": "Tocsin"}
        built = DingTalkBench("dingtalk", tmp_path, server, section, {"token": server.token, "secret": server.secret})
        try:
            yield built
        finally:
            await built.aclose()
