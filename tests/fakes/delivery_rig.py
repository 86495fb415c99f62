"""Delivery on a real store, a fake backend and virtual time, in a few words per test."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from fakes import virtual
from fakes.fake_backend import FakeBackend

from agent.core.model import Ci, Incident, IncidentState
from agent.core.outbox import OutboxRow
from agent.delivery import Delivery, DeliveryOptions, RemoteSeen, Stray
from agent.store import Change, Store, StoreUnavailable
from integrations.api import Note, Ticket, TicketState

T0 = virtual.START_MS


def incident(key: str, episode: int, now: int, state: IncidentState = IncidentState.OPEN) -> Incident:
    return Incident(
        key=key, episode=episode, rule="R", ci=Ci("ci-1", "web-07"), grouping=(), backends=("fake",), state=state,
        reason="fired", created_at=now, changed_at=now, members=(), severity="critical", impact=1, urgency=1,
        priority=1, resolved_at=now if state is IncidentState.RESOLVED else None,
    )  # fmt: skip


def name(key: str, episode: int = 1) -> str:
    """The id of that incident."""
    return incident(key, episode, T0).id


def ticket(key: str, episode: int = 1, opened_at: int = T0, *, notes: int = 0, **more: Any) -> Ticket:
    return Ticket(
        correlation_id=f"toc-{key.encode().hex():0>32}", episode=episode, opened_at=opened_at, title=key,
        notes=tuple(Note(f"n{n}", f"note {n}") for n in range(notes)),
        **{
            "state": TicketState.OPEN, "body": "b", "impact": 1, "urgency": 1, "priority": 1, "ci": "web-07",
            "ci_id": "ci-1", "environment": "prod", **more,
        },
    )  # fmt: skip


class Rig:
    """One agent's delivery. ``crash`` drops everything that is not on the disk and starts again from there."""

    def __init__(self, loop: virtual.VirtualLoop, directory: Path, **backend: Any) -> None:
        self.loop = loop
        self.now = loop.now_ms
        self.directory = directory
        self.random = random.Random(1)
        self.backend = FakeBackend(self.now, **backend)
        self.options = DeliveryOptions()
        self.seen: list[RemoteSeen] = []
        self.strays: list[Stray] = []
        self.store: Store
        self.delivery: Delivery
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, poll: bool = False, audit: bool = False) -> None:
        self.store = Store.open(self.directory, self.now, virtual.Inline())
        loaded = await self.store.load()
        far = 10.0**7
        self.delivery = Delivery(
            self.store, {"fake": self.backend}, loaded.outbox, now=self.now, random=self.random.random,
            environment="prod", cis=lambda: ["ci-1"], on_remote=self.seen.append, on_stray=self.strays.append,
            options=_timers(self.options, poll, audit, far),
        )  # fmt: skip
        self._task = asyncio.create_task(self.delivery.run())

    async def fire(self, key: str, episode: int = 1, **more: Any) -> OutboxRow | None:
        return await self.want(ticket(key, episode, more.pop("opened_at", self.now()), **more), key)

    async def resolve(self, key: str, episode: int = 1, **more: Any) -> OutboxRow | None:
        row = self.delivery.ledger.get((name(key, episode), "fake"))
        old = row.wish if row else ticket(key, episode, self.now())
        return await self.want(msgspec.structs.replace(old, state=TicketState.RESOLVED, **more), key)

    async def want(self, wanted: Ticket, key: str) -> OutboxRow | None:
        state = IncidentState.RESOLVED if wanted.state is TicketState.RESOLVED else IncidentState.OPEN
        owner = incident(key, wanted.episode, self.now(), state)
        row = self.delivery.wish(owner.id, "fake", wanted)
        if row is not None:
            try:
                await self.store.commit(Change(incidents=[owner], outbox=[row]))
            finally:
                self.delivery.wake()
        return row

    def row(self, key: str, episode: int = 1) -> OutboxRow:
        return self.delivery.ledger[name(key, episode), "fake"]

    async def passed(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._task is not None and self._task.done():
            self._task.result()

    async def stop(self, grace: float = 10.0) -> None:
        assert self._task is not None
        self.delivery.stop()
        try:
            async with asyncio.timeout(grace):
                await self._task
        except TimeoutError:
            pass
        await self.store.aclose()

    async def crash(self) -> None:
        """What kill -9 leaves: the disk as it is, and requests on their way."""
        assert self._task is not None
        disk, self.delivery.ledger._disk = self.store, Dead()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await disk.aclose()


class Dead:
    """The disk of a dead process: nothing gets there any more."""

    degraded = False

    async def commit(self, change: Change) -> None:
        raise StoreUnavailable("dead")


def _timers(options: DeliveryOptions, poll: bool, audit: bool, far: float) -> DeliveryOptions:
    return DeliveryOptions(
        poll_interval=options.poll_interval if poll else far, audit_interval=options.audit_interval if audit else far,
        rate=options.rate, burst=options.burst, parallel=options.parallel, deadline=options.deadline,
    )  # fmt: skip


def scenario(directory: Path, steps: Callable[[Rig], Coroutine[Any, Any, None]], **backend: Any) -> Rig:
    """Run ``steps`` on a started rig under virtual time, and stop it."""

    async def main(loop: virtual.VirtualLoop) -> Rig:
        rig = Rig(loop, directory, **backend)
        await steps(rig)
        return rig

    return virtual.run(main)
