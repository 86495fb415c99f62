"""A small real agent for the crash tests: real store, real delivery, a desk over HTTP, and time sixty times as fast.

Usage: small_agent.py STATE_DIRECTORY HOST:PORT FAULTS. Each fault fires, and resolves once it has its ticket. Ends with
0 when all of them are resolved; started again after a crash, it goes on.
"""

from __future__ import annotations

import asyncio
import json
import random
import selectors
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.core.model import Ci, Incident, IncidentState
from agent.core.outbox import RowState
from agent.delivery import Delivery, RemoteSeen
from agent.store import Change, Store
from integrations.api import Capabilities, InDoubt, Note, NotSent, Ref, Remote, RemoteState, Ticket, TicketState

SPEED = 60


class FastSelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[Any]:
        return super().select(None if timeout is None else timeout / SPEED)


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(FastSelector())

    def time(self) -> float:
        return time.monotonic() * SPEED


def now() -> int:
    return int(time.monotonic() * SPEED * 1000)


class HttpDesk:
    name = "desk"
    capabilities = Capabilities(uncertainty=120)

    def __init__(self, address: str) -> None:
        self._host, port = address.split(":")
        self._port = int(port)

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        return [remote(ticket) for ticket in await self._ask("find", key=correlation_id)]

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        return []

    async def create(self, ticket: Ticket) -> Remote:
        return remote(await self._ask("create", key=ticket.correlation_id, episode=ticket.episode))

    async def read(self, ref: Ref) -> Remote | None:
        return remote(await self._ask("read", number=int(ref.id)))

    async def apply(self, ticket: Ticket, there: Remote) -> Remote:
        notes, resolve = [note.marker for note in ticket.notes], ticket.state is TicketState.RESOLVED
        return remote(await self._ask("apply", number=int(there.ref.id), notes=notes, resolve=resolve))

    async def _ask(self, verb: str, **body: Any) -> Any:
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise NotSent(str(error)) from error
        try:
            data = json.dumps(body).encode()
            writer.write(b"POST /%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (verb.encode(), len(data)) + data)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == b"200"
            return json.loads(await reader.read())
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise InDoubt(str(error)) from error
        finally:
            writer.close()


def remote(ticket: dict[str, Any]) -> Remote:
    return Remote(
        ref=Ref(str(ticket["id"])), correlation_id=ticket["key"], state=RemoteState(ticket["state"]),
        raw_state=ticket["state"], episode=ticket["episode"],
    )  # fmt: skip


class SmallAgent:
    def __init__(self, store: Store, address: str, rows: Sequence[Any]) -> None:
        self.store = store
        self.changed = asyncio.Event()
        self.delivery = Delivery(
            store,
            {"desk": HttpDesk(address)},
            rows,
            now=now,
            random=random.random,
            environment="test",
            cis=lambda: ["ci"],
            on_remote=self.seen,
            on_stray=lambda stray: None,
        )  # type: ignore[dict-item] # fmt: skip - the parts of Integration that are used

    def seen(self, event: RemoteSeen) -> None:
        self.changed.set()

    async def live(self, key: str, known: Incident | None) -> None:
        one = known or made(key, IncidentState.OPEN)
        await self.want(one, TicketState.OPEN if one.state is IncidentState.OPEN else TicketState.RESOLVED)
        while self.delivery.ledger[one.id, "desk"].state is not RowState.DONE:
            await self.news()
        one = made(key, IncidentState.RESOLVED)
        await self.want(one, TicketState.RESOLVED)
        while not self.delivery.ledger[one.id, "desk"].finished:
            await self.news()

    async def want(self, one: Incident, state: TicketState) -> None:
        wanted = Ticket(
            correlation_id=f"toc-{one.key:0>32}", episode=1, state=state, title=one.key, body="b", impact=1, urgency=1,
            priority=1, opened_at=0, ci="c", ci_id="ci", environment="test", notes=(Note("opened", "opened"),),
        )  # fmt: skip
        row = self.delivery.wish(one.id, "desk", wanted)
        await self.store.commit(Change(incidents=[one], outbox=[row] if row else []))
        self.delivery.wake()

    async def news(self) -> None:
        self.changed.clear()
        try:
            async with asyncio.timeout(1):
                await self.changed.wait()
        except TimeoutError:
            pass  # look again


def made(key: str, state: IncidentState) -> Incident:
    return Incident(
        key=key, episode=1, rule="R", ci=Ci("ci", "c"), grouping=(), backends=("desk",), state=state, reason="fired",
        created_at=0, changed_at=0, members=(), severity="critical", impact=1, urgency=1, priority=1,
        resolved_at=1 if state is IncidentState.RESOLVED else None,
    )  # fmt: skip


async def main(directory: Path, address: str, faults: int) -> None:
    store = Store.open(directory, now)
    loaded = await store.load()
    assert not loaded.quarantined
    assert not store.opened.rebuilt, store.opened
    known = {one.key: one for one in (*loaded.incidents, *loaded.resolved)}
    agent = SmallAgent(store, address, loaded.outbox)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(agent.delivery.run())
        await asyncio.gather(*(agent.live(f"{n}", known.get(f"{n}")) for n in range(faults)))
        agent.delivery.stop()
        await running
    assert await store.broken_link() is None
    await store.aclose()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    print(msgspec.json.encode({"done": True}).decode())
