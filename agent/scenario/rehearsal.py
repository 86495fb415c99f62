"""The daemon on virtual time, with the collectors and the ITSM of a scenario; started, stopped and reloaded at will."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.build import Parts, build_around
from agent.clock import Timeline
from agent.config.load import Loaded
from agent.config.schema import Config
from agent.core.model import Ci
from agent.daemon import Daemon
from agent.identity import AUTO, Self
from agent.scenario.clock import Inline, VirtualLoop
from agent.scenario.desks import Desks
from agent.scenario.feed import Script
from agent.store import Store

AFTER_S = 0.05
"""Seconds after a moment by which everything due at it has been done."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a private directory is made in it
STOP_S = 60.0


class ScriptedDaemon(Daemon):
    """The daemon, but for where its samples come from, where its tickets go, and who it is."""

    def __init__(
        self, loaded: Loaded, own: Self, store: Store, timeline: Timeline, state: Path, *,
        script: Callable[[str], Script], desks: Desks,
    ) -> None:  # fmt: skip
        super().__init__(None, loaded, _config(loaded), state=state, store=store, timeline=timeline, own=own)
        self.asked = loaded
        """The configuration that a reload finds."""
        self._script = script
        self._desks = desks

    def _parts(self, loaded: Loaded) -> Parts:
        return build_around(loaded, self.own, self._desks.of(_config(loaded)), self._script(self.own.instance), {})

    async def _read(self) -> Loaded:
        return self.asked

    def _set_up_log(self, config: Config) -> None:
        """The log is the command's, which runs many of these."""


class Rehearsal:
    """A stage for one scenario. What the desks and the store hold outlives a restart of the agent."""

    def __init__(self, loop: VirtualLoop, loaded: Loaded, host: str, script: Callable[[str], Script]) -> None:
        self._loop = loop
        self._script = script
        self._loaded = loaded
        configured = _config(loaded).identity.ci
        ci = Ci(f"machine:{host}", host) if configured == AUTO else Ci(configured, configured)
        self._own = Self(ci, host)
        self._timeline = Timeline(loop.elapsed_ms, loop.now_ms)
        self._directory = tempfile.TemporaryDirectory(prefix="tocsin-", dir=MEMORY if MEMORY.is_dir() else None)
        self.desks = Desks(loop.now_ms)
        self.store = Store.open(Path(self._directory.name), loop.now_ms, Inline())

    async def start(self) -> None:
        self.daemon = ScriptedDaemon(
            self._loaded, self._own, self.store, self._timeline, Path(self._directory.name),
            script=self._script, desks=self.desks,
        )  # fmt: skip
        await self.daemon.assemble()
        self._work = asyncio.create_task(self.daemon.work())

    async def stop(self) -> None:
        self.daemon.stop()
        async with asyncio.timeout(STOP_S):
            await self._work

    async def restart(self, away_ms: int) -> None:
        """The process ends, and another one starts with the configuration last in force.

        It comes back with the first pass that is due ``away_ms`` later, so that times stay whole intervals.
        """
        self._loaded = self.daemon.loaded
        interval = self.daemon.config.collect.interval
        back = (self._loop.elapsed_ms() + away_ms) // interval + 1
        await self.stop()
        await asyncio.sleep(back * interval / 1000 - self._loop.time())
        await self.start()

    async def reload(self, loaded: Loaded) -> None:
        self.daemon.asked = loaded
        await self.daemon.reload()

    async def until(self, elapsed_ms: int) -> None:
        """Let time pass until just after that moment of the scenario."""
        await asyncio.sleep(max(0.0, elapsed_ms / 1000 + AFTER_S - self._loop.time()))
        if self._work.done():
            self._work.result()

    async def close(self) -> None:
        """End everything, also after something went wrong."""
        if not self._work.done():
            await self.stop()
        await self.store.aclose()
        self.desks.close()
        self._directory.cleanup()


def _config(loaded: Loaded) -> Config:
    if loaded.config is None:
        raise ValueError("a configuration with errors cannot run")
    return loaded.config
