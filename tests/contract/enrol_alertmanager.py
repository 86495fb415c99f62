"""Alertmanager's API v2 against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract_bench import NOW
from fakes.fake_alertmanager import TOKEN, FakeAlertmanager
from fakes.fake_http import Answer
from one_way_bench import ByLoad, OneWayBench, Shown

from integrations.api import InDoubt, Rejected

HTTP = True
ONE_WAY = True


class AlertmanagerBench(ByLoad):
    fine = frozenset({"empty"})
    soft = (
        (Answer(200, {"status": "success"}), InDoubt),
        (Answer(202, b""), InDoubt),
        (Answer(400, "start time must be before end time"), Rejected),
    )

    def __init__(self, tmp_path: Path, server: FakeAlertmanager) -> None:
        super().__init__("alertmanager", tmp_path, {"auth": {"token": {"credential": "token"}}}, {"token": TOKEN})
        self.server: FakeAlertmanager = server
        self.integration = self.adapter(server.url)

    def shown(self) -> dict[str, Shown]:
        return {
            alert.labels["tocsin_id"]: Shown(alert.ends > NOW, alert.began, alert.ended, 0, list(alert.texts))
            for alert in self.server.alerts.values()
        }


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakeAlertmanager(lambda: NOW) as server:
        built = AlertmanagerBench(tmp_path, server)
        try:
            yield built
        finally:
            await built.aclose()
