"""Alerts sent on to Debian's Alertmanager: what its API shows of them afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from contract_bench import KEY, OTHER_KEY, wish
from contract_cases import RESOLVED
from fakes.hostile import HOSTILE
from fakes.sqlite_database import SqliteDatabase

from integrations.alertmanager import Options, build
from integrations.api import Integration, NotSent, Ports, RemoteState, Secret

pytestmark = pytest.mark.server("prometheus-alertmanager")


class Real:
    """One Alertmanager that ends what it is not told again after two seconds, and what its API shows."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.session = aiohttp.ClientSession()
        (directory / "am.yml").write_text(
            "global: {resolve_timeout: 2s}\nroute: {receiver: none}\nreceivers: [{name: none}]\n"
        )

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "prometheus-alertmanager", f"--config.file={self._directory / 'am.yml'}",
            f"--storage.path={self._directory / 'data'}", "--cluster.listen-address=",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await self.until(lambda shown: shown is not None, "Alertmanager to start", within=20)

    async def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()

    async def shown(self) -> dict[str, dict[str, Any]] | None:
        """Active alerts by correlation id; None when nobody answers."""
        try:
            async with self.session.get(f"{self.url}/api/v2/alerts") as reply:
                alerts = await reply.json()
        except aiohttp.ClientError:
            return None
        assert len({alert["labels"]["tocsin_id"] for alert in alerts}) == len(alerts)
        return {alert["labels"]["tocsin_id"]: alert for alert in alerts}

    async def until(self, holds: Callable[[Any], bool], what: str, within: float = 10) -> dict[str, dict[str, Any]]:
        ends = time.monotonic() + within
        while True:
            shown = await self.shown()
            if holds(shown):
                return shown or {}
            assert time.monotonic() < ends, f"waited {within} s for {what}; there is: {shown}"
            await asyncio.sleep(0.05)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    server = Real(tmp_path)
    await server.start()
    yield server
    await server.stop()
    await server.session.close()


@pytest.fixture
async def adapter(real: Real, tmp_path: Path) -> AsyncIterator[Integration]:
    database = SqliteDatabase(tmp_path / "book.db")
    ports = Ports(lambda _: Secret(""), database, lambda: time.time_ns() // 1_000_000)
    built = build("am", msgspec.convert({"url": real.url, "labels": {"team": "noc"}}, Options), ports)
    yield built
    await built.aclose()
    database.close()


async def test_an_alert_is_one_and_ends(real: Real, adapter: Integration) -> None:
    opened_at = time.time_ns() // 1_000_000 - 60_000
    remote = await adapter.create(wish(opened_at=opened_at))
    (alert,) = (await real.until(lambda shown: KEY in shown, "the alert")).values()
    assert {name: alert["labels"][name] for name in ("alertname", "team", "severity", "instance", "environment")} == {
        "alertname": "FilesystemFull", "team": "noc", "severity": "critical", "instance": "web-1",
        "environment": "prod",
    }  # fmt: skip
    assert alert["annotations"]["summary"] == wish().title
    assert (await adapter.apply(wish(opened_at=opened_at), remote)).state is RemoteState.NEW
    shown = await real.shown()
    assert shown is not None
    assert len(shown) == 1
    done = await adapter.apply(wish(opened_at=opened_at, **RESOLVED), remote)
    assert done.state is RemoteState.RESOLVED
    await real.until(lambda shown: shown == {}, "the end", within=1)
    await adapter.apply(wish(opened_at=opened_at, reopen=True), remote)
    await real.until(lambda shown: set(shown) == {KEY}, "it to be open again", within=1)


async def test_what_is_not_told_again_ends_and_what_is_told_again_stays(real: Real, adapter: Integration) -> None:
    told, forgotten = await adapter.create(wish()), await adapter.create(wish(correlation_id=OTHER_KEY))
    await real.until(lambda shown: set(shown) == {KEY, OTHER_KEY}, "both")
    ends = time.monotonic() + 15
    while set(await real.shown() or {}) != {KEY}:
        await adapter.apply(wish(), told)
        assert time.monotonic() < ends
        await asyncio.sleep(0.2)
    assert forgotten.state is RemoteState.NEW


async def test_a_restarted_alertmanager_is_told_again(real: Real, adapter: Integration) -> None:
    remote = await adapter.create(wish())
    await real.stop()
    with pytest.raises(NotSent):
        await adapter.apply(wish(), remote)
    await real.start()
    assert await real.shown() == {}
    await adapter.apply(wish(), remote)
    await real.until(lambda shown: set(shown) == {KEY}, "the alert")


async def test_hostile_text_is_taken(real: Real, adapter: Integration) -> None:
    for number, text in enumerate(HOSTILE):
        ticket = wish(correlation_id=f"toc-{number:032x}", title=text, body=text, ci=text, facts={"rule": text})
        await adapter.create(ticket)


async def test_doctor(real: Real, adapter: Integration) -> None:
    """This one ends an alert after two seconds, which is less than twice the minute of ``resend``."""
    reach, resend = await adapter.doctor()
    assert (reach.ok, resend.ok) == (True, False)
    assert "every 60 s; it ends 2s after" in resend.detail
    assert "resolve_timeout" in resend.fix
    await real.stop()
    (reach,) = await adapter.doctor()
    assert not reach.ok
