"""A book, its store and its delivery to one fake backend, wired as the daemon wires them, under virtual time."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import core_kit
import msgspec
from fakes import virtual
from fakes.fake_backend import FakeBackend

from agent.book import Book
from agent.core.decision import Context
from agent.core.incident_policy import IncidentPolicy
from agent.core.model import Incident
from agent.core.policy import Policy
from agent.delivery import Delivery, DeliveryOptions
from agent.store import Change, Loaded, Store
from integrations.api import Integration
from rules.api import Alert

RULE = "DiskFull"
NEVER = 1e7


def policy(group_wait: int = 0, **incident: object) -> Policy:
    """The default policy but for these."""
    default = Policy()
    route = msgspec.structs.replace(default.route, group_wait=group_wait)
    return msgspec.structs.replace(default, route=route, incident=IncidentPolicy(**incident))


class Agent:
    """Started and stopped as often as a test likes; what the backends and the disk hold stays."""

    def __init__(self, loop: virtual.VirtualLoop, directory: Path, ctx: Context | None = None) -> None:
        self.loop = loop
        self.offset = 0
        self.directory = directory
        self.ctx = ctx or core_kit.context(policy())
        self.backend = FakeBackend(self.now)
        self.backends: dict[str, Integration] = {"desk": self.backend}
        self.adopted: list[Incident] = []
        self.commits: list[Change] = []
        self.running: list[asyncio.Task[None]] = []

    def now(self) -> int:
        return self.loop.now_ms() + self.offset

    async def start(self, *, audit: bool = False, deliver: bool = True) -> Loaded:
        self.store = Store.open(self.directory, self.now, virtual.Inline())
        self.store.listeners.append(lambda change, _: self.commits.append(change))
        loaded = await self.store.load()
        self.book = Book(self.store, loaded, self.ctx, self.now, self.adopted.append)
        self.delivery = self.book.delivery = Delivery(
            self.store, self.backends, loaded.outbox, now=self.now, random=random.Random(1).random,
            environment="prod", cis=lambda: [core_kit.OWN.id], on_remote=self.book.remote_seen,
            on_stray=self.book.stray,
            options=DeliveryOptions(poll_interval=30, audit_interval=600 if audit else NEVER),
        )  # fmt: skip
        self.running = [asyncio.create_task(self.book.run())]
        if deliver:
            self.running.append(asyncio.create_task(self.delivery.run()))
        return loaded

    async def stop(self) -> None:
        self.delivery.stop()
        self.running[0].cancel()
        async with asyncio.timeout(3_600):  # virtual seconds: what never ends must not hold up the tests
            await asyncio.gather(*self.running, return_exceptions=True)
        await self.book.flush()
        await self.store.aclose()

    async def evaluate(self, *alerts: Alert, after: float = 15.0) -> None:
        """A pass ``after`` seconds later."""
        await asyncio.sleep(after)
        for task in self.running:
            if task.done():
                task.result()
        now = self.now()
        self.book.consider([replace(alert, evaluated_at=now) for alert in alerts], {RULE: now})
        self.book.touch()
        await self.book.flush()

    async def opened(self, *alerts: Alert) -> Incident:
        await self.evaluate(*(alerts or (core_kit.alert(self.now()),)))
        await asyncio.sleep(1)
        (incident,) = self.book.live.values()
        return incident

    async def resolved(self) -> None:
        """Evidence, then the cool-down."""
        await self.evaluate(core_kit.recovered(self.now()))
        for _ in range(30):
            await self.evaluate()
        assert not self.book.live
        await asyncio.sleep(1)

    def fill_disk(self) -> None:
        def full(*_: object) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        self.store._transaction = full  # type: ignore[method-assign, assignment]

    def free_disk(self) -> None:
        del self.store._transaction  # type: ignore[method-assign]


def scenario(
    directory: Path, steps: Callable[[Agent], Coroutine[Any, Any, None]], group_wait: int = 0, **incident: Any
) -> Agent:
    """Run ``steps`` under virtual time; they leave the agent stopped."""

    async def main(loop: virtual.VirtualLoop) -> Agent:
        agent = Agent(loop, directory, core_kit.context(policy(group_wait, **incident)))
        await steps(agent)
        # Python 3.13 warns of a database left open, and in whichever test the collector then runs.
        assert agent.store._connection is None, "end with: await agent.stop()"
        return agent

    return virtual.run(main)
