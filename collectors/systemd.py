"""Units of the service manager, over D-Bus. No bus, or no systemd on it: nothing there, no error.

Five series for each of some hundred units would be most of what an agent holds. So every unit has ``state="failed"``,
and all five states are there for units that ``unit_include`` matches, that ``expect`` names, or that have failed.

One ListUnits a cycle. A property of a service or timer is asked for once and again when systemd says that it changed;
``REVISIT`` units a cycle are asked anyway, so that a lost signal is made good in time. What changes without a signal
(tasks of a service, connections of a socket) is asked for in each cycle, of the units chosen by name only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from collectors._filter import NameFilter
from collectors._host import HostFS
from collectors._labels import NONE, OneLabel, missing
from collectors._model import CollectorError, Labels, Notice, Sample, counter, gauge, labels

STATES = ("active", "activating", "deactivating", "inactive", "failed")
UNIT_EXCLUDE = r".+\.(automount|device|mount|scope|slice)"
REVISIT = 2
SERVICE = "org.freedesktop.systemd1.Service"
TIMER = "org.freedesktop.systemd1.Timer"
SOCKET = "org.freedesktop.systemd1.Socket"
UNIT = "org.freedesktop.systemd1.Unit"
_NO_NUMBER = 2**64 - 1
"""How systemd writes "not accounted" and "no limit"."""

METRICS = (
    gauge("node_systemd_unit_state", "1 for the state the unit is in, 0 for the others.", "name", "state", "type"),
    gauge("node_systemd_units", "Number of units in each state, of all kinds.", "state"),
    gauge("node_systemd_system_running", "1 when the system is operational and nothing has failed."),
    gauge("node_systemd_version", "Version of systemd, as far as it is a number.", "version"),
    counter("node_systemd_service_restart_total", "Times the service was restarted automatically.", "name"),
    gauge(
        "node_systemd_timer_last_trigger_seconds", "When the timer last elapsed, in seconds since the epoch.", "name"
    ),
    gauge(
        "node_systemd_unit_start_time_seconds",
        "When a unit chosen by name became active, in seconds since the epoch; absent while it is not.",
        "name",
    ),
    gauge("node_systemd_unit_tasks_current", "Tasks of a service chosen by name.", "name"),
    gauge("node_systemd_unit_tasks_max", "Limit of the tasks of a service chosen by name, when there is one.", "name"),
    counter("node_systemd_socket_accepted_connections_total", "Connections a chosen socket accepted.", "name"),
    gauge("node_systemd_socket_current_connections", "Connections of a chosen socket that are open.", "name"),
    counter("node_systemd_socket_refused_connections_total", "Connections a chosen socket refused.", "name"),
    gauge("node_systemd_virtualization_info", "What the system runs in; always 1.", "virtualization_type"),
)
_SOCKET = {
    "NAccepted": "node_systemd_socket_accepted_connections_total",
    "NConnections": "node_systemd_socket_current_connections",
    "NRefused": "node_systemd_socket_refused_connections_total",
}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which units are told, and which with all they have."""

    unit_include: Annotated[
        str,
        Meta(
            description="RE2 over the whole name; units that match have a series for each of the five states, and "
            "their start, tasks and connections. All others have one for `failed`, and all five once they have failed. "
            "Empty: none is chosen so",
            examples=[r"(nginx|postgresql@.+)\.service"],
        ),
    ] = ""
    unit_exclude: Annotated[
        str,
        Meta(
            description="RE2 over the whole name; units that match have no series of their own, unless `expect` names "
            "them. Empty: every unit has",
            examples=[r".+\.(device|mount|scope|slice)"],
        ),
    ] = UNIT_EXCLUDE
    expect: Annotated[
        tuple[str, ...],
        Meta(
            description="Units that ought to exist: they have all that `unit_include` gives, and a missing one is a "
            "warning",
            examples=[["nginx.service"]],
        ),
    ] = ()


class NoServiceManager(Exception):
    """There is a bus, but no systemd on it."""


class Unit(NamedTuple):
    """One row of ListUnits: what the collector needs of it."""

    name: str
    load: str
    active: str
    path: str


class ServiceManager(Protocol):
    """What is asked of systemd; ``_systemd_bus.SystemdBus`` is the real one."""

    changed: set[str]

    @property
    def connected(self) -> bool: ...
    def close(self) -> None: ...
    async def list_units(self) -> list[Unit]: ...
    async def units_by_name(self, names: list[str]) -> list[Unit]: ...
    async def manager_property(self, name: str) -> object: ...
    async def unit_property(self, path: str, interface: str, name: str) -> object: ...


class _Details:
    """What is known of one unit beside its state. ``value`` is restarts of a service, last trigger of a timer, and
    ``fixed`` what else stays as it is until the unit changes.
    """

    __slots__ = ("active", "fixed", "name", "states", "value")

    def __init__(self, unit: Unit, kind: str, value: float | None, fixed: dict[str, float]) -> None:
        self.active = unit.active
        self.value = value
        self.fixed = fixed
        self.name: Labels = labels(name=unit.name)
        self.states = {state: labels(name=unit.name, state=state, type=kind) for state in STATES}


class Systemd:
    def __init__(self, options: Options, host: HostFS, whole: NameFilter | None, keep: NameFilter) -> None:
        self._host = host
        self._expect = options.expect
        self._whole = whole
        self._keep = keep
        self._manager: ServiceManager | None = None
        self._details: dict[str, _Details] = {}
        self._revisit = 0
        self._version: Labels | None = None
        self._inside: Labels | None = None
        self._state = OneLabel("state")

    async def collect(self) -> Iterable[Sample | Notice]:
        try:
            manager = await self._connected()
            return await self._read(manager) if manager is not None else self._nothing("there is no system bus")
        except NoServiceManager:
            self._forget()
            return self._nothing("there is no systemd on the system bus")
        except BaseException:  # also when given up: an answer that comes late must not meet the next call
            self._forget()
            raise

    async def aclose(self) -> None:
        self._forget()

    async def _connected(self) -> ServiceManager | None:
        if self._manager is not None and self._manager.connected:
            return self._manager
        self._forget()
        if not self._host.socket_exists(self._host.system_bus):
            return None
        from collectors._systemd_bus import SystemdBus  # noqa: PLC0415 - dbus-fast only where there is a bus

        self._manager = await SystemdBus.open(self._host.system_bus)
        return self._manager

    def _forget(self) -> None:
        if self._manager is not None:
            self._manager.close()
        self._manager = None
        self._details.clear()
        self._version = None

    def _nothing(self, why: str) -> list[Sample | Notice]:
        return [Notice(f"expected unit {name!r} cannot be watched: {why}") for name in self._expect]

    async def _read(self, manager: ServiceManager) -> list[Sample | Notice]:
        units = await manager.list_units()
        made: list[Sample | Notice] = list(self._summary(units))
        by_name = {unit.name: unit for unit in units if unit.load == "loaded" and self._watched(unit.name)}
        absent = [name for name in self._expect if name not in by_name]
        if absent:  # a stopped unit nobody refers to is not in memory, but it is there
            found = await manager.units_by_name(absent)
            by_name.update((unit.name, unit) for unit in found if unit.load == "loaded")
        await self._refresh(manager, by_name)
        for name, unit in by_name.items():
            made += self._unit(unit, self._details[name])
            if self._chosen(unit):
                made += await _moving(manager, unit, self._details[name].name)
        made += await self._system(manager)
        made += missing("unit", self._expect, by_name)
        return made

    def _watched(self, name: str) -> bool:
        return name in self._expect or self._keep.keeps(name)

    def _chosen(self, unit: Unit) -> bool:
        return unit.name in self._expect or (self._whole is not None and self._whole.keeps(unit.name))

    def _summary(self, units: list[Unit]) -> Iterator[Sample]:
        count = Counter(unit.active for unit in units)
        for state in dict.fromkeys((*STATES, *count)):
            yield Sample("node_systemd_units", self._state[state], float(count[state]))

    async def _system(self, manager: ServiceManager) -> list[Sample]:
        if self._version is None:
            self._version = labels(version=str(await manager.manager_property("Version") or ""))
            inside = await manager.manager_property("Virtualization")
            self._inside = labels(virtualization_type=str(inside or "none")) if isinstance(inside, str) else None
        state = await manager.manager_property("SystemState")
        made = [Sample("node_systemd_system_running", NONE, float(state == "running"))]
        number = re.search(r"[0-9]+(\.[0-9]+)?", self._version[0][1]) if self._version else None
        if number:
            made.append(Sample("node_systemd_version", self._version, float(number[0])))
        if self._inside is not None:
            made.append(Sample("node_systemd_virtualization_info", self._inside, 1.0))
        return made

    async def _refresh(self, manager: ServiceManager, by_name: dict[str, Unit]) -> None:
        """Ask for the properties of units that are new, that changed, and of a few others in turn."""
        for gone in self._details.keys() - by_name.keys():
            del self._details[gone]
        changed, manager.changed = manager.changed, set()
        names = list(by_name)
        turn = {names[(self._revisit + step) % len(names)] for step in range(REVISIT)} if names else set()
        self._revisit += REVISIT
        for name, unit in by_name.items():
            held = self._details.get(name)
            if held is None or held.active != unit.active or unit.path in changed or name in turn:
                self._details[name] = await _details(manager, unit, chosen=self._chosen(unit))

    def _unit(self, unit: Unit, details: _Details) -> Iterator[Sample]:
        whole = unit.active == "failed" or self._chosen(unit)
        for state in STATES if whole else ("failed",):
            yield Sample("node_systemd_unit_state", details.states[state], float(unit.active == state))
        for name, value in details.fixed.items():
            yield Sample(name, details.name, value)
        if details.value is None:
            return
        if unit.name.endswith(".service"):
            yield Sample("node_systemd_service_restart_total", details.name, details.value)
        else:
            yield Sample("node_systemd_timer_last_trigger_seconds", details.name, details.value)


async def _details(manager: ServiceManager, unit: Unit, *, chosen: bool) -> _Details:
    kind = ""
    value: float | None = None
    fixed: dict[str, float] = {}
    if unit.name.endswith(".service"):
        kind = str(await manager.unit_property(unit.path, SERVICE, "Type") or "")
        value = await _number(manager, unit, SERVICE, "NRestarts")
    elif unit.name.endswith(".timer"):
        value = await _number(manager, unit, TIMER, "LastTriggerUSec")
        value = None if value is None else value / 1e6
    if chosen and unit.active == "active":
        since = await _number(manager, unit, UNIT, "ActiveEnterTimestamp")
        if since:
            fixed["node_systemd_unit_start_time_seconds"] = since / 1e6
    if chosen and kind:
        limit = await _number(manager, unit, SERVICE, "TasksMax")
        if limit is not None:
            fixed["node_systemd_unit_tasks_max"] = limit
    return _Details(unit, kind, value, fixed)


async def _moving(manager: ServiceManager, unit: Unit, name: Labels) -> list[Sample]:
    """What systemd sends no signal of when it changes."""
    wanted: dict[str, str] = {}
    interface = SERVICE
    if unit.name.endswith(".service"):
        wanted = {"TasksCurrent": "node_systemd_unit_tasks_current"}
    elif unit.name.endswith(".socket"):
        wanted, interface = _SOCKET, SOCKET
    values = [(metric, await _number(manager, unit, interface, key)) for key, metric in wanted.items()]
    return [Sample(metric, name, value) for metric, value in values if value is not None]


async def _number(manager: ServiceManager, unit: Unit, interface: str, name: str) -> float | None:
    value = await manager.unit_property(unit.path, interface, name)
    if value is None or value == _NO_NUMBER:
        return None
    if not isinstance(value, int):
        raise CollectorError(f"systemd gives {value!r:.60} for {name} of {unit.name}")
    return float(value)


def build(options: Options, host: HostFS) -> Systemd:
    keep = NameFilter.of("unit", exclude=options.unit_exclude, whole=True, shipped=UNIT_EXCLUDE)
    whole = NameFilter.of("unit", include=options.unit_include, whole=True) if options.unit_include else None
    return Systemd(options, host, whole, keep)
