"""The daemon: its parts, the order they start and stop in, and reload.

Everything runs as tasks of one group on one event loop. A task that ends with an error takes the others with it and the
process exits; the service manager brings it back with nothing forgotten. Parts never restart each other.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from agent import log
from agent.alert_rows import read_alert_rows
from agent.book import Book
from agent.build import LentStore, Parts, build_parts, credentials
from agent.clock import Timeline
from agent.config.load import Loaded, load
from agent.config.rule_files import Kept
from agent.config.schema import Config
from agent.core.calendar import Calendar
from agent.core.members import is_over
from agent.core.model import Incident
from agent.core.outbox import OutboxRow
from agent.cycle import Cycle
from agent.delivery import STOP_GRACE, Delivery
from agent.health import Health, memory_limit, note_start
from agent.history import History
from agent.http.server import Listener
from agent.identity import Self, identify
from agent.idle import DailyUse
from agent.last_good import keep_last_good
from agent.listening import listen, passed_sockets, show_where
from agent.notify import Passed, ServiceManager
from agent.own import OwnMetrics, ReloadStats, Sources
from agent.own_metrics import OWN_METRICS
from agent.rule_files import RuleFileStates
from agent.store import Loaded as Stored
from agent.store import Store
from agent.tasks import PartDied, end, part
from agent.upkeep import Upkeep, watch_room
from collectors.api import Metric, Sample, TrapStation, trap_station
from integrations.api import Ports
from rules.api import AlertingRule, AlertRow, Engine, SeriesWindow

OWN_JOB = "tocsin"
AS_ASKED = "as asked for"
_log = log.get("daemon")


class Daemon:
    """Built from a checked configuration and an open store; ``run`` until a signal."""

    def __init__(
        self, path: Path | None, loaded: Loaded, config: Config, *, state: Path, store: Store, timeline: Timeline,
        in_force: str = AS_ASKED, own: Self | None = None,
    ) -> None:  # fmt: skip
        """``own`` is who this agent is, when that is not to be found out from the machine."""
        self.path = path
        self.loaded = loaded
        self.config = config
        self.state = state
        self.store = store
        self.timeline = timeline
        self.in_force = in_force
        self.own: Self = own or identify(config.identity.ci, Path(config.collect.rootfs), state)
        self.reloads = ReloadStats(last_ok=in_force == AS_ASKED)
        self.rule_files = RuleFileStates(timeline.now)
        self.rule_files.take(loaded)
        self.started_at = timeline.now()
        self.url = ""
        self.series = SeriesWindow(max_series=config.collect.max_series, max_samples=config.collect.max_samples)
        self.engine = Engine(self.series, interval_ms=config.collect.interval, external_labels=config.identity.labels)
        self.history = History(state, self.series, self.engine)
        self._declared: Mapping[str, Metric] = {}
        self._own_metrics = OwnMetrics(OWN_JOB, self.own.instance)
        self._manager = ServiceManager()
        self.health = Health(memory_limit=memory_limit(), heartbeat=self._manager.watchdog_s > 0)
        self.calendars: Mapping[str, Calendar] = {}
        self._passed = Passed([], [])
        self._station: TrapStation | None = None
        self._stopping = asyncio.Event()
        self._reload_asked = asyncio.Event()

    # Starting and stopping

    async def run(self) -> None:
        """Until a signal, with the listener."""
        self.health.starts = note_start(self.state, self.timeline.now())
        self._passed = passed_sockets()
        await self.assemble()
        listener = await self._listen()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)
        # What was made so far lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        await self.work(listener)

    async def assemble(self) -> None:
        """Make every part from the configuration and from what the store holds; nothing runs yet."""
        stored = await self.store.load()
        parts = self._parts(self.loaded)
        self.book = Book(self.store, stored, parts.context, self.timeline.now, self._hold_members)
        self.delivery = self._delivery(parts, stored.outbox)
        self.book.delivery = self.delivery
        self.use = DailyUse(self.store, self.own.ci.id)
        await self.use.load(self.timeline.now())
        self.upkeep = Upkeep(
            self.store, self.book, self.use, delivery=lambda: self.delivery,
            keep_resolved=lambda: self.config.state.keep_resolved, now=self.timeline.now,
        )  # fmt: skip
        for row in stored.quarantined:
            _log.error("stored_row_quarantined", table=row.table, key=row.key, reason=row.reason)
        if mended := self.book.mend_wishes(self.delivery):
            _log.warning("wishes_made_again", count=mended)
        restored = self._load_rules(stored)
        self.history.load(self.timeline.now())
        self._adopt(parts)
        self._say_left_behind()
        self.cycle = Cycle(
            self.timeline, parts.scraper, self.series, self.engine, self.book, interval_ms=self.config.collect.interval,
            own=self._samples_of_cycle, moved=self._moved, restored=restored,
        )  # fmt: skip

    async def work(self, listener: Listener | None = None) -> None:
        """What was assembled, until ``stop``; then everything is closed, the listener too."""
        try:
            await self._run_tasks()
        except ExceptionGroup as error:
            raise PartDied from error
        finally:
            self._manager.stopping()
            await end("book", self.book.flush())
            await end("history", self.history.keep(self.timeline.now()))
            await end("days", self.use.keep(stopping=True))
            if listener is not None:
                await end("listener", listener.stop())
            await self._end_parts(self._parts_now)
            if self._station is not None:
                await end("traps", self._station.aclose())

    def stop(self) -> None:
        """Have ``work`` come to its end."""
        self._stopping.set()

    async def _run_tasks(self) -> None:
        self._manager.ready(f"{len(self.loaded.rules)} rule files, desk and API at {self.url or 'no listener'}")
        show_where(self.own.instance, self.url, self.state)
        _log.info("ready", url=self.url, configuration=self.loaded.file, state=str(self.state), ci=self.own.ci.name)
        async with asyncio.TaskGroup() as self._group:
            group = self._group
            tasks = [
                group.create_task(part("cycle", self.cycle.run)),
                group.create_task(part("book", self.book.run)),
                group.create_task(part("upkeep", self.upkeep.run)),
                group.create_task(part("history", self._keep_history)),
                group.create_task(part("room", partial(watch_room, self.store, self.health, self.state))),
            ]
            if self._manager.watchdog_s:
                tasks.append(group.create_task(part("watchdog", self._keep_alive)))
            self._delivering = group.create_task(part("delivery", self.delivery.run))
            reloading = group.create_task(part("reload", self._watch_reload))
            await self._stopping.wait()
            self._manager.stopping()
            _log.info("stopping")
            # First: a reload that goes on would start a delivery that nobody stops.
            reloading.cancel()
            await asyncio.wait([reloading])
            await self._stop_delivery()
            for task in tasks:
                task.cancel()
        await self.book.flush()
        _log.info("stopped")

    @staticmethod
    async def _end_parts(parts: Parts) -> None:
        await end("collectors", parts.scraper.aclose())
        for name, integration in parts.integrations.items():
            await end(f"integration {name}", integration.aclose())

    async def _stop_delivery(self) -> None:
        self.delivery.stop()
        _, late = await asyncio.wait([self._delivering], timeout=STOP_GRACE)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        await self.book.flush()

    async def _listen(self) -> Listener | None:
        started = await listen(
            self, self._parts_now.integrations, inherited=self._passed.listeners, latest=self._latest,
            reload=self._reload_asked.set,
        )  # fmt: skip
        if started is None:
            return None
        listener, self.url = started
        return listener

    async def _keep_alive(self) -> None:
        """The loop turns: say so. A stuck loop cannot, and the service manager restarts the process."""
        loop = asyncio.get_running_loop()
        while True:
            self._manager.alive()
            due = loop.time() + self._manager.watchdog_s / 3
            await asyncio.sleep(self._manager.watchdog_s / 3)
            self.health.heartbeat_late = max(self.health.heartbeat_late, loop.time() - due)

    async def _keep_history(self) -> None:
        while True:
            await asyncio.sleep(self.history.pause_s)
            await self.history.keep(self.timeline.now())

    # Parts

    def _parts(self, loaded: Loaded) -> Parts:
        config = loaded.config
        if config is None:
            raise ValueError("a configuration with errors cannot run")
        ports = Ports(
            credential=credentials(config), database=LentStore(self.store), now=self.timeline.now,
            certificate=self.health.certificates.__setitem__,
        )  # fmt: skip
        return build_parts(loaded, self.own, ports, self._trap_station)

    def _trap_station(self) -> TrapStation:
        """What takes notifications in, made with the first configuration that wants them; it outlives a reload."""
        if self._station is None:
            self._station = trap_station(self.state, self._passed.traps)
        return self._station

    @property
    def declared(self) -> Mapping[str, Metric]:
        """The families there are: those that collectors and the agent declare, and those that text files tell of."""
        return ChainMap(dict(self._declared), self.cycle.scraper.families)

    def _adopt(self, parts: Parts) -> None:
        self._parts_now = parts
        if self._station is not None:
            self._station.apply(parts.traps)
        # Not a copy: a collector whose source turns up later declares its metrics then.
        self._declared = ChainMap(parts.declared, {metric.name: metric for metric in OWN_METRICS})
        self.calendars = parts.calendars

    def _delivery(self, parts: Parts, rows: Sequence[OutboxRow]) -> Delivery:
        return Delivery(
            self.store, parts.integrations, rows, now=self.timeline.now,
            random=random.random, environment=self.config.identity.environment, cis=self._cis,
            on_remote=self.book.remote_seen, on_stray=self.book.stray,
        )  # fmt: skip

    def _say_left_behind(self) -> None:
        for backend, count in self.delivery.left_behind().items():
            _log.warning(
                "integration_missing", backend=backend, open_incidents=count,
                reason="their tickets there get no update and no resolve until this integration is configured again",
            )  # fmt: skip

    def alert_rules(self) -> dict[str, tuple[str, AlertingRule]]:
        """The alert rules in force by name, each with its file; the first where several share a name."""
        found: dict[str, tuple[str, AlertingRule]] = {}
        for file in self.loaded.rules:
            for rule in file.alerts:
                found.setdefault(rule.name, (file.file, rule))
        return found

    def _cis(self) -> list[str]:
        """Whose tickets are ours to audit: this machine's, and every CI with a live incident."""
        return sorted({self.own.ci.id, *(incident.ci.id for incident in self.book.live.values())})

    def _load_rules(self, stored: Stored) -> list[AlertRow]:
        """Rules, and the alerts of the last process; returns the latter."""
        self.engine.load(self.loaded.rules, unread=unread(self.loaded))
        rows, foreign = read_alert_rows(stored.alerts)
        if foreign:
            self.book.owe_alerts({}, foreign)
        if rows:
            now = self.timeline.now()
            self.engine.restore(rows, now, max(0, now - max(row.evaluated_at for row in rows)))
        for incident in self.book.live.values():
            self._hold_members(incident)
        return rows

    def _hold_members(self, incident: Incident) -> None:
        """Have the engine look for evidence about members whose alerts it does not know: a lost or older state."""
        if incident.test:
            return
        missing = [member.labels for member in incident.members if not is_over(member)]
        self.engine.hold(incident.rule, missing, incident.created_at, self.timeline.now())

    def _latest(self) -> Iterator[Sample]:
        """The last cycle of every collector, and the agent's own numbers as of now."""
        for scrape in self.cycle.stats.scrapes.values():
            yield from scrape.samples
        yield from self._samples()

    def _samples_of_cycle(self) -> list[Sample]:
        samples = self._samples()
        self.use.observe(self.cycle.stats.scrapes, self.timeline.now())
        self.health.heartbeat_late = 0.0
        return samples

    def _samples(self) -> list[Sample]:
        sources = Sources(
            self.cycle.stats,
            self.series,
            self.book,
            self.delivery,
            self.store,
            self.history.stats,
            self.reloads,
            self.rule_files,
            self.health,
            self.calendars,
            self.config.collect.interval,
            self.cycle.scraper.targets,
            self.started_at,
        )
        return self._own_metrics.samples(sources, self.timeline.now())

    def _moved(self, step: int) -> None:
        self.history.moved()
        self.use.rebase(step)
        self.delivery.rebase(step)
        self.rule_files.rebase(step)
        self.started_at += step
        self.health.starts = [at + step for at in self.health.starts]

    # Reload

    async def _watch_reload(self) -> None:
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            self._manager.reloading()
            await self.reload()
            self._manager.ready(self._outcome())

    def _outcome(self) -> str:
        if not self.reloads.last_ok:
            return "configuration refused, old one runs"
        refused = len(self.rule_files.refused)
        return "configuration read again" + (f", {refused} rule files refused" if refused else "")

    async def reload(self) -> None:
        """Read the configuration again. A wrong one changes nothing and is said in full.

        Of a wrong rule file the version in force stays, with its alerts, and all else is taken over.
        """
        loaded = await self._read()
        for problem in loaded.problems:
            _log.warning("configuration", problem=str(problem))
        config = loaded.config
        if config is None:
            self._refuse(f"{loaded.mistakes} now")
            return
        for name in ("listen", "state", "identity"):
            if getattr(config, name) != getattr(self.config, name):
                _log.warning("restart_needed", section=name, reason="this section takes effect at the next start")
        # Half of a new identity would be worse than none: new tickets under one name, the audit under the other.
        config = msgspec.structs.replace(config, identity=self.config.identity, listen=self.config.listen)
        loaded = replace(loaded, config=config)
        try:
            parts = self._parts(loaded)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the old configuration runs well
            self._refuse(f"{type(error).__name__}: {error}")
            return
        await self._take_over(loaded, config, parts)
        self.reloads.succeeded += 1
        self.reloads.last_ok = True
        self.in_force = AS_ASKED
        keep_last_good(loaded, self.state)
        _log.info("reloaded", configuration=loaded.file, hash=loaded.config_hash)

    async def _read(self) -> Loaded:
        kept = Kept({file.file: file for file in self.loaded.rules}, self.loaded.texts)
        return await asyncio.to_thread(
            partial(load, self.path, kept=kept, profile=self.loaded.profile)
        )  # files may hang

    def _refuse(self, why: str) -> None:
        self.reloads.failed += 1
        self.reloads.last_ok = False
        self.in_force = f"the one before: {why}"
        _log.error("reload_refused", why=why, running=self.loaded.file)

    async def _take_over(self, loaded: Loaded, config: Config, parts: Parts) -> None:
        old, self.loaded, self.config = self._parts_now, loaded, config
        self.rule_files.take(loaded)
        self._set_up_log(config)

        def rules_and_policy() -> None:
            self.series.budget(config.collect.max_series, config.collect.max_samples)
            self.engine.load(loaded.rules, interval_ms=config.collect.interval, unread=unread(loaded))
            self.book.ctx = parts.context

        await self.cycle.replace(parts.scraper, config.collect.interval, rules_and_policy)
        await self._stop_delivery()
        self.delivery = self.book.delivery = self._delivery(parts, tuple(self.delivery.ledger))
        self._delivering = self._group.create_task(part("delivery", self.delivery.run))
        self._adopt(parts)
        self._say_left_behind()
        await self._end_parts(old)

    def _set_up_log(self, config: Config) -> None:
        log.setup(config.log.level.value)


def unread(loaded: Loaded) -> frozenset[str]:
    """The rule files of which not even an older version is in force: nobody knows what has become of their rules."""
    return frozenset(each.file for each in loaded.refused if not each.kept)
