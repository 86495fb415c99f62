"""From an incident to the ticket one backend should show, and the facts from which a lost incident is rebuilt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from agent.core.decision import Context
from agent.core.identity import bounded, correlation_id
from agent.core.model import Incident, IncidentState, Labels, NoteLine, Person
from integrations.api import Note, Ticket, TicketState

KEY_LIMIT = 6_000
MEMBERS_LIMIT = 6_000
"""Bounds on the two long facts, in characters as the footer of a ticket writes them; it holds 16 KiB of facts."""


GONE = "gone"
"""``Person.state`` of a ticket that was deleted or merged away."""


def to_ticket(incident: Incident, backend: str, ctx: Context) -> Ticket:
    """The wish for one backend. Title and body are those written when the incident opened."""
    resolved = incident.state is IncidentState.RESOLVED
    return Ticket(
        correlation_id=correlation_id(ctx.environment, incident.key, backend),
        episode=incident.episode,
        state=TicketState.RESOLVED if resolved else TicketState.OPEN,
        title=incident.title,
        body=incident.body,
        impact=incident.impact,
        urgency=incident.urgency,
        priority=incident.priority,
        opened_at=incident.opened_at or incident.created_at,
        ci=incident.ci.name,
        ci_id=incident.ci.id,
        environment=ctx.environment,
        category=incident.category,
        subcategory=incident.subcategory,
        service=incident.service,
        assignment_group=incident.assignment_group,
        notes=tuple(Note(marker=marker(incident.episode, line), text=line.text) for line in incident.notes),
        resolution_code=incident.reason if resolved else "",
        resolution_text=incident.resolution if resolved else "",
        reopen=backend in incident.reopening and not resolved,
        facts=facts(incident),
    )


def marker(episode: int, line: NoteLine) -> str:
    """Name of a note in its ticket. The time is in it because an adopted incident counts its notes from 1 again."""
    return f"e{episode}-n{line.seq}-{line.at:x}"


def changed_wishes(before: Incident | None, after: Incident, ctx: Context) -> Mapping[str, Ticket]:
    """The tickets an adapter has something to do for.

    What it writes after creation is notes and state, so only these count. Nothing is wished for before the incident is
    open, nor of a ticket that people ended and that stays theirs; its notes follow if it is reopened.
    """
    wishes = {}
    for backend in after.backends:
        content = _content(after, backend)
        known = _content(before, backend) if before is not None and backend in before.backends else None
        if content is not None and content != known:
            wishes[backend] = to_ticket(after, backend, ctx)
    return wishes


def ticket_is_gone(person: Person | None) -> bool:
    """Whether the backend's ticket was deleted or merged away."""
    return person is not None and person.state == GONE


def ended_by_person(person: Person | None) -> bool:
    """True while the ticket in this backend is one that a person resolved, closed, cancelled or deleted."""
    return person is not None and person.ended_at is not None


def facts(incident: Incident) -> dict[str, str]:
    """What ``adopt`` needs. Members that do not fit are counted; they come back by firing."""
    members, left = _fitting(sorted(member.labels for member in incident.members))
    result = {
        "rule": bounded(incident.rule),
        "ci_name": bounded(incident.ci.name),
        "opened_at": str(incident.opened_at or incident.created_at),
        "severity": bounded(incident.severity),
        "config": incident.config_hash,
        "members": _json(members),
    }
    if _cost(incident.key) <= KEY_LIMIT:
        result["key"] = incident.key
    if left:
        result["members_left"] = str(left)
    return result


def _content(incident: Incident, backend: str) -> tuple[bool, int, str] | None:
    """What the ticket shows that can change after its creation; None while it is not ours to change.

    A ticket that people ended or deleted is told the end of the incident, which closes the delivery's book on it and
    changes nothing there.
    """
    resolved = incident.state is IncidentState.RESOLVED
    person = incident.people.get(backend)
    theirs = ended_by_person(person) and backend not in incident.reopening
    if incident.opened_at is None or (theirs and not resolved):
        return None
    return (resolved, len(incident.notes), incident.resolution if resolved else "")


def _fitting(members: Iterable[Labels]) -> tuple[list[dict[str, str]], int]:
    kept: list[dict[str, str]] = []
    left = 0
    room = MEMBERS_LIMIT
    for labels in members:
        entry = dict(labels)
        room -= _cost(_json(entry)) + 1
        if room >= 0:
            kept.append(entry)
        else:
            left += 1
    return kept, left


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _cost(text: str) -> int:
    """Characters ``text`` takes in a footer, where it is JSON in JSON and a blank is an escape."""
    return len(_json(text)) + 5 * text.count(" ")
