"""What is done beside the cycle by the clock: old incidents forgotten, the store copied, the disk watched."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from agent import log
from agent.book import Book
from agent.delivery import Delivery
from agent.health import Health
from agent.idle import DailyUse
from agent.store import Store, StoreUnavailable

UPKEEP_S = 3600.0
ROOM_S = 60.0
"""How often the room in the state directory is looked at."""
_log = log.get("daemon")


class Upkeep:
    """Once an hour: store a day that is over, forget what is older than the configuration keeps, copy the store.

    ``keep_resolved`` is for how many ms, ``now`` the timeline's ms; these and ``delivery`` are those in force.
    """

    def __init__(
        self, store: Store, book: Book, use: DailyUse, *, delivery: Callable[[], Delivery],
        keep_resolved: Callable[[], int], now: Callable[[], int],
    ) -> None:  # fmt: skip
        self._store = store
        self._book = book
        self._delivery = delivery
        self._use = use
        self._keep_resolved = keep_resolved
        self._now = now

    async def run(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP_S)
            await self.once()

    async def once(self) -> None:
        """One round; a disk that refuses is asked again in the next."""
        kept_from = self._now() - self._keep_resolved()
        self._book.forget(kept_from)
        self._delivery().forget({incident.id for incident in (*self._book.live.values(), *self._book.ended.values())})
        try:
            await self._use.keep()
            while await self._store.prune(kept_from) > 0:
                pass
            await self._store.back_up()
        except (StoreUnavailable, sqlite3.Error, OSError) as error:
            _log.warning("upkeep_put_off", error=str(error))


async def watch_room(store: Store, health: Health, directory: Path) -> None:
    """Once a minute, what is left of the disk that holds the state; said when the reserve goes or comes back."""
    while True:
        await _look_at_room(store, health, directory)
        await asyncio.sleep(ROOM_S)


async def _look_at_room(store: Store, health: Health, directory: Path) -> None:
    before = health.room
    try:
        room = health.room = await store.room()
    except OSError as error:
        health.room = None
        if before is not None:
            _log.warning("state_directory_not_seen", directory=str(directory), error=str(error))
        return
    if not room.reserved and (before is None or before.reserved):
        _log.warning("disk_reserve_gone", directory=str(directory), free_bytes=room.free)
    elif room.reserved and before is not None and not before.reserved:
        _log.info("disk_reserve_back", directory=str(directory), free_bytes=room.free)
