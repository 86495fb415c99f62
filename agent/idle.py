"""What this host was used for, a line for each day: what it takes to find servers that nobody needs any more.

Looked at once a minute in the samples that collectors gave anyway; kept in the store, one row a day, written when the
day is over and at an orderly stop. So a crash costs the day so far; ``observed`` says how much of a day was seen. Days
are those of UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from agent.store import Store
from collectors.api import Sample, Scrape

EVERY_MS = 60_000
GAP_MS = 300_000
"""A longer pause was not seen; what the counters gained in it still counts."""
_NOT_OUTSIDE = re.compile(r"lo|veth|docker|br-|virbr|vnet|tap|tun|cali|cni|flannel|lxc|dummy|ifb")
"""How the names of devices begin whose traffic stays on this host or is counted at another one."""
_COUNTERS = {"node_network_receive_bytes_total": "received_bytes", "node_network_transmit_bytes_total": "sent_bytes"}


class Day(msgspec.Struct):
    """One day; None is what was not measured.

    ``observed`` is in seconds. ``cpu`` and ``cpu_max`` are shares of all processors, over the day and in the busiest
    minute; ``cpu_busy`` and ``cpu_all`` the processor seconds they come from. ``logins`` are sessions that began,
    ``users_max`` and ``connections_max`` the most at a time, ``connections`` TCP connections that came in.
    """

    day: str
    observed: float = 0.0
    cpu_busy: float = 0.0
    cpu_all: float = 0.0
    cpu_max: float | None = None
    received_bytes: float | None = None
    sent_bytes: float | None = None
    logins: float | None = None
    users_max: float | None = None
    connections: float | None = None
    connections_max: float | None = None

    @property
    def cpu(self) -> float | None:
        return self.cpu_busy / self.cpu_all if self.cpu_all else None


class _Seen(msgspec.Struct):
    """The counters at the last look: sums over processors and devices by a name of their own."""

    at: int
    counters: dict[str, float]


class DailyUse:
    """Days of one CI. ``observe`` in each pass, ``keep`` now and again."""

    def __init__(self, store: Store, ci: str) -> None:
        self._store = store
        self._ci = ci
        self._seen: _Seen | None = None
        self._day: Day | None = None
        self._over: list[Day] = []

    async def load(self, at: int) -> None:
        """Go on with the day that an earlier process began. ``at`` in ms."""
        today = _date(at)
        self._day = next((day for day in await self._stored() if day.day == today), None)

    def observe(self, scrapes: Mapping[str, Scrape], at: int) -> None:
        """Once a minute, what ``scrapes`` say at ``at`` (ms); between two minutes it costs nothing."""
        seen = self._seen
        if seen is not None and 0 <= at - seen.at < EVERY_MS:
            return
        counters, gauges = _counters(scrapes), _gauges(scrapes)
        self._seen = _Seen(at, counters)
        day = self._today(at)
        _raise(day, "users_max", gauges.get("users"))
        _raise(day, "connections_max", gauges.get("connections"))
        if seen is not None:
            if 0 < at - seen.at <= GAP_MS:
                day.observed += (at - seen.at) / 1000
            _add(day, seen.counters, counters)

    def rebase(self, step: int) -> None:
        """The clock was set by ``step`` ms."""
        if self._seen is not None:
            self._seen.at += step

    async def keep(self, *, stopping: bool = False) -> None:
        """Store the days that are over, and when ``stopping`` the one that is not. Raises what the store raises."""
        while self._over:
            await self._put(self._over[0])
            del self._over[0]
        if stopping and self._day is not None and self._day.observed:
            await self._put(self._day)

    async def days(self) -> list[Day]:
        """All that are kept, and today so far, the oldest first."""
        found = {day.day: day for day in (*await self._stored(), *self._over)}
        if self._day is not None:
            found[self._day.day] = self._day
        return [found[name] for name in sorted(found)]

    async def _stored(self) -> list[Day]:
        return [msgspec.json.decode(body, type=Day) for body in await self._store.days(self._ci)]

    async def _put(self, day: Day) -> None:
        await self._store.keep_day(self._ci, day.day, msgspec.json.encode(day))

    def _today(self, at: int) -> Day:
        today = _date(at)
        if self._day is None or self._day.day != today:
            if self._day is not None and self._day.observed:
                self._over.append(self._day)
            self._day = Day(today)
        return self._day


def _date(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


def _counters(scrapes: Mapping[str, Scrape]) -> dict[str, float]:
    """Sums that only grow. Processor time is kept apart by what for, sessions as they are."""
    sums: dict[str, float] = {}
    for sample in _samples(scrapes, "cpu"):
        if sample.name == "node_cpu_seconds_total":
            idle = ("mode", "idle") in sample.labels or ("mode", "iowait") in sample.labels
            name = "cpu_idle" if idle else "cpu_busy"
            sums[name] = sums.get(name, 0.0) + sample.value
    for sample in _samples(scrapes, "netdev"):
        field = _COUNTERS.get(sample.name)
        if field and not _NOT_OUTSIDE.match(dict(sample.labels).get("device", "lo")):
            sums[field] = sums.get(field, 0.0) + sample.value
    for sample in _samples(scrapes, "netstat"):
        if sample.name == "node_netstat_Tcp_PassiveOpens":
            sums["connections"] = sample.value
    for sample in _samples(scrapes, "users"):
        if sample.name == "node_users_sessions":
            sums["logins"] = sample.value
    return sums


def _gauges(scrapes: Mapping[str, Scrape]) -> dict[str, float]:
    wanted = {"node_users_logged_in": "users", "node_netstat_Tcp_CurrEstab": "connections"}
    samples = (*_samples(scrapes, "users"), *_samples(scrapes, "netstat"))
    return {wanted[sample.name]: sample.value for sample in samples if sample.name in wanted}


def _samples(scrapes: Mapping[str, Scrape], source: str) -> Iterable[Sample]:
    scrape = scrapes.get(source)
    return scrape.samples if scrape is not None and scrape.ok else ()


def _add(day: Day, before: Mapping[str, float], now: Mapping[str, float]) -> None:
    """What was gained between two looks. A sum that fell (a restart, a device or processor that went) says nothing."""
    gained = {name: now[name] - before[name] for name in now.keys() & before.keys() if now[name] >= before[name]}
    if "cpu_busy" in gained and "cpu_idle" in gained:
        busy, every = gained["cpu_busy"], gained["cpu_busy"] + gained["cpu_idle"]
        day.cpu_busy += busy
        day.cpu_all += every
        _raise(day, "cpu_max", busy / every if every else None)
    for name in ("received_bytes", "sent_bytes", "connections", "logins"):
        if name in gained:
            setattr(day, name, (getattr(day, name) or 0.0) + gained[name])


def _raise(day: Day, name: str, value: float | None) -> None:
    held = getattr(day, name)
    if value is not None and (held is None or value > held):
        setattr(day, name, value)
