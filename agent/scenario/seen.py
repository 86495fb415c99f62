"""What there is at a moment of a scenario, as plain values under the names of ``schema.EXPECT``.

Times are ms after the start of the scenario.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.core.incident_policy import IncidentPolicy, Then
from agent.core.model import Incident, IncidentState, Member
from agent.core.timers import running
from agent.scenario.desks import Wish
from agent.scenario.rehearsal import Rehearsal
from agent.store import IncidentQuery
from integrations.api import DeskPage
from rules.api import Alert

Plain = Mapping[str, Any]
MOST = 10_000
"""Incidents that are looked at."""


class Seen:
    """Looks at a rehearsal; ``start`` is its beginning in ms since the epoch."""

    def __init__(self, rehearsal: Rehearsal, start: int) -> None:
        self._rehearsal = rehearsal
        self._start = start
        self._told: dict[str, int] = {}

    async def part(self, name: str) -> Sequence[Plain]:
        """One of the lists of ``schema.EXPECT``."""
        if name == "alerts":
            return self.alerts()
        if name == "incidents":
            return await self.incidents()
        return await self.tickets() if name == "tickets" else self.wishes()

    def alerts(self) -> list[Plain]:
        """All that are pending, fire or are held without data."""
        found = sorted(self._rehearsal.daemon.engine.alerts(), key=lambda alert: (alert.rule, alert.labels))
        return [self._alert(alert) for alert in found]

    async def incidents(self) -> list[Plain]:
        """Every one there ever was, oldest first."""
        daemon = self._rehearsal.daemon
        found = await daemon.store.incidents(IncidentQuery(limit=MOST))
        found.sort(key=lambda incident: (incident.created_at, incident.rule, incident.id))
        return [self._incident(incident, daemon.book.ctx.policy) for incident in found]

    async def tickets(self) -> list[Plain]:
        """Every one there ever was, oldest first, backend by backend."""
        return [
            self._ticket(name, page) for name, desk in self._rehearsal.desks.all.items() for page in await desk.pages()
        ]

    def wishes(self) -> list[Plain]:
        """What was asked of the backends since the last time this was asked."""
        new: list[Wish] = []
        for name, desk in self._rehearsal.desks.all.items():
            new += desk.wishes[self._told.get(name, 0) :]
            self._told[name] = len(desk.wishes)
        new.sort(key=lambda wish: wish.at)
        return [
            {"at": self._after(wish.at), "act": wish.act, "backend": wish.backend, "ticket": wish.ticket,
             "text": wish.text}
            for wish in new
        ]  # fmt: skip

    def _after(self, moment: int | None) -> int | None:
        return None if moment is None else moment - self._start

    def _alert(self, alert: Alert) -> Plain:
        return {
            "alertname": alert.rule,
            "state": alert.state.value,
            "reason": alert.reason,
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "value": alert.value,
            "since": self._after(alert.since),
            "fired_at": self._after(alert.fired_at),
            "no_data_since": self._after(alert.no_data_since),
        }

    def _incident(self, incident: Incident, policy: IncidentPolicy) -> Plain:
        names = (
            "rule", "reason", "episode", "severity", "impact", "urgency", "priority", "category", "subcategory",
            "service", "assignment_group", "resolution", "previous",
        )  # fmt: skip
        timers = {name: self._after(due) for name, due in running(incident, policy).items()}
        until = _reopens_until(incident, policy)
        if until is not None:
            timers["reopens"] = self._after(until)
        return {
            **{name: getattr(incident, name) for name in names},
            "state": incident.state.value,
            "ci": incident.ci.name,
            "grouping": dict(incident.grouping),
            "members": [self._member(member) for member in incident.members],
            "opened_at": self._after(incident.opened_at),
            "resolved_at": self._after(incident.resolved_at),
            "ended": incident.ended.value if incident.ended else None,
            "timers": timers,
        }

    def _member(self, member: Member) -> Plain:
        return {
            "state": member.state.value,
            "labels": dict(member.labels),
            "value": member.value,
            "summary": member.summary,
            "evidence_value": member.evidence_value,
            "fired_at": self._after(member.fired_at),
            "changed_at": self._after(member.changed_at),
        }

    def _ticket(self, backend: str, page: DeskPage) -> Plain:
        ticket = page.ticket
        names = (
            "number", "title", "body", "impact", "urgency", "priority", "category", "subcategory", "service",
            "assignment_group", "ci", "episode", "owner", "ended_by", "resolution_code", "resolution_text",
        )  # fmt: skip
        return {
            **{name: getattr(ticket, name) for name in names},
            "backend": backend,
            "state": ticket.state.value,
            "notes": [note.text for note in page.notes],
            "opened_at": self._after(ticket.opened_at),
            "ended_at": self._after(ticket.ended_at),
        }


def _reopens_until(incident: Incident, policy: IncidentPolicy) -> int | None:
    """Until when the same fault reopens the ticket of an incident that ended."""
    if incident.state is not IncidentState.RESOLVED or incident.resolved_at is None:
        return None
    row = next((row for row in policy.again if row.ended is incident.ended), None)
    return None if row is None or row.then is not Then.REOPEN else incident.resolved_at + row.within
