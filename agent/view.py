"""What the agent shows: plain JSON values for the APIs and the command, made from the live parts on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from agent.core.explain import Line, explain
from agent.core.model import Incident, IncidentState
from agent.core.outbox import OutboxRow
from agent.http.parameters import BadParameter
from agent.http.tocsin_api import NotFound
from agent.rule_view import explained, rules_named
from agent.shapes import alert_row, incident_row, outbox_row, prometheus_alert, rfc3339, rule_group
from agent.status_view import LIVE, status
from agent.store import IncidentQuery
from collectors.api import Metric
from rules.api import SeriesWindow, did_you_mean

if TYPE_CHECKING:
    from agent.daemon import Daemon

SEARCHED = 1_000
"""How many incidents, the newest, are looked through for a ticket's number."""


class View:
    """Read access to a running daemon, in the shapes that the HTTP APIs promise."""

    def __init__(self, daemon: Daemon) -> None:
        self._d = daemon

    @property
    def series(self) -> SeriesWindow:
        return self._d.series

    @property
    def declared(self) -> Mapping[str, Metric]:
        return self._d.declared

    def now(self) -> int:
        return self._d.timeline.now()

    def started_at(self) -> int:
        return self._d.started_at

    def rule_groups(self) -> Sequence[Mapping[str, Any]]:
        """The groups of Prometheus's ``/api/v1/rules``."""
        return [rule_group(group) for group in self._d.engine.groups()]

    def alert_list(self) -> Sequence[Mapping[str, Any]]:
        """The shape of Prometheus's ``/api/v1/alerts``; an alert held without data counts as firing there."""
        return [prometheus_alert(alert) for alert in self._d.engine.alerts()]

    def alerts(self) -> Sequence[Mapping[str, Any]]:
        return [alert_row(alert) for alert in self._d.engine.alerts()]

    def status(self) -> Mapping[str, Any]:
        return status(self._d)

    async def incidents(self, state: str, limit: int) -> Sequence[Mapping[str, Any]]:
        states = _states(state)
        found = await self._d.store.incidents(IncidentQuery(states=states, limit=limit))
        return [incident_row(incident, await self._rows(incident)) for incident in found]

    async def incident(self, name: str) -> Mapping[str, Any]:
        incident = await self._find(name)
        rows = await self._rows(incident)
        history = await self._d.store.timeline(incident.id)
        return {
            "incident": incident_row(incident, rows),
            "outbox": [outbox_row(row) for row in rows],
            "timeline": [msgspec.to_builtins(entry) for entry in history],
        }

    async def explain_incident(self, name: str) -> Mapping[str, Any]:
        incident = await self._find(name)
        history = await self._d.store.timeline(incident.id)
        told = explain(incident, history, self._d.book.ctx.policy)
        lines = [f"{_moment(line):25} {line.text}" for line in told]
        return {"incident": incident.id, "lines": lines}

    def explain_rule(self, name: str) -> Mapping[str, Any]:
        rules = self._d.alert_rules()
        if name not in rules:
            raise NotFound(f"no alert rule is called {name[:80]!r}; {did_you_mean(name, rules)}".rstrip("; "))
        return explained(rules_named(name, self._d.loaded.rules), self._d.loaded.rules, self._d.series, self.now())

    def outbox(self) -> Sequence[Mapping[str, Any]]:
        return [outbox_row(row) for row in self._d.delivery.rows()]

    async def idle(self) -> Mapping[str, Any]:
        days = await self._d.use.days()
        return {"ci": self._d.own.ci.name, "days": [{**msgspec.to_builtins(day), "cpu": day.cpu} for day in days]}

    async def _rows(self, incident: Incident) -> list[OutboxRow]:
        """The outbox rows of an incident. Delivery holds those of the newest episode of a fault; of an older one whose
        ticket was never seen again after a crash, only the store knows the number.
        """
        held = {name: self._d.delivery.row((incident.id, name)) for name in incident.backends}
        seen = {name for name, person in incident.people.items() if person.number}
        if any(row is None and name not in seen for name, row in held.items()):
            held |= {row.backend: row for row in await self._d.store.outbox_of(incident.id)}
        return [row for _, row in sorted(held.items()) if row is not None]

    async def _find(self, name: str) -> Incident:
        """By id, or by the number of one of its tickets; of older episodes those are in the store only."""
        store = self._d.store
        found = await store.incident(name)
        if found is not None:
            return found
        for incident in await store.incidents(IncidentQuery(states=tuple(IncidentState), limit=SEARCHED)):
            if any(person.number == name for person in incident.people.values()):
                return incident
        raise NotFound(
            f"no incident has the id or ticket number {name[:80]!r}; list them with: tocsin incidents --state all"
        )


def _states(text: str) -> tuple[IncidentState, ...]:
    if text == "live":
        return LIVE
    if text == "all":
        return tuple(IncidentState)
    try:
        return (IncidentState(text),)
    except ValueError:
        choices = ", ".join(["live", "all", *(state.value for state in IncidentState)])
        raise BadParameter(f"state is {text[:40]!r}; write one of {choices}") from None


def _moment(line: Line) -> str:
    """When a decision was taken, ``now`` for how things stand and ``next`` for what may come."""
    return rfc3339(line.at) if line.at is not None else "next" if line.reason == "next" else "now"
