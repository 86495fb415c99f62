"""PagerDuty's Events API v2 against its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.fake_http import Answer
from fakes.fake_pagerduty import KEY, FakePagerDuty
from one_way_bench import ByLoad, OneWayBench, Shown

from integrations.api import InDoubt, Rejected, Unauthorised

HTTP = True
ONE_WAY = True


class PagerDutyBench(ByLoad):
    soft = (
        (Answer(202, {"status": "success", "dedup_key": "another"}), InDoubt),
        (Answer(202, {"status": "dropped"}), InDoubt),
        (Answer(400, {"status": "invalid event", "errors": ["'routing_key' is invalid"]}), Unauthorised),
        (Answer(400, {"status": "invalid event", "errors": ["'payload.severity' is invalid"]}), Rejected),
    )

    def __init__(self, tmp_path: Path, server: FakePagerDuty) -> None:
        super().__init__("pagerduty", tmp_path, {"routing_key": {"credential": "key"}}, {"key": KEY})
        self.server: FakePagerDuty = server
        self.integration = self.adapter(server.url)

    def shown(self) -> dict[str, Shown]:
        faults: dict[str, Shown] = {}
        for alert in self.server.alerts:
            fault = faults.setdefault(alert.key, Shown())
            fault.open = alert.open
            fault.began += 1
            fault.ended += not alert.open
            fault.texts += alert.log[:1]
        return faults


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[OneWayBench]:
    async with FakePagerDuty() as server:
        built = PagerDutyBench(tmp_path, server)
        try:
            yield built
        finally:
            await built.aclose()
