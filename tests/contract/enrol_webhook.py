"""The webhook against a receiver that folds repetitions, signed, with a meaning for its replies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.fake_http import Answer
from fakes.fake_receiver import SECRET, TOKEN, FakeReceiver
from one_way_bench import ByLoad, OneWayBench, Shown

from integrations.api import InDoubt, Rejected

HTTP = True
ONE_WAY = True
SECTION = {
    "auth": {"token": {"credential": "token"}},
    "signing": {"secret": {"credential": "secret"}},
    "idempotent": True,
    "response": {"reference": "data.number", "url": "data.link", "success": "code"},
}


class WebhookBench(ByLoad):
    soft = (
        (Answer(200, {"code": 7, "message": "no such line"}), Rejected),
        (Answer(200, {"code": 0}), InDoubt),
        (Answer(200, {"data": {"number": "E-1"}}), InDoubt),
    )

    def __init__(self, tmp_path: Path, server: FakeReceiver) -> None:
        super().__init__("webhook", tmp_path, SECTION, {"token": TOKEN, "secret": SECRET})
        self.server: FakeReceiver = server
        self.integration = self.adapter(server.url)

    def shown(self) -> dict[str, Shown]:
        faults: dict[str, Shown] = {}
        for event in self.server.events:
            fault = faults.setdefault(event["correlation_id"], Shown())
            fault.texts.append(f"{event['title']}\n{event['text']}")
            fault.repeats += event["repeated"]
            if event["event"] != "noted":
                fault.open = event["state"] == "open"
                fault.began += fault.open
                fault.ended += not fault.open
        return faults


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeReceiver() as server:
        built = WebhookBench(tmp_path, server)
        try:
            yield built
        finally:
            await built.aclose()
