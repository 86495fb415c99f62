"""Standing by a person's word: the ticket was ended by a person while the fault is still there."""

from __future__ import annotations

import msgspec

from agent.core.incident_policy import Ended, IncidentPolicy, StandBy, StandByNew, Then
from agent.core.model import Incident, IncidentState, Person
from agent.core.ticket import GONE, ended_by_person
from integrations.api import RemoteState

_ENDED = {
    RemoteState.RESOLVED.value: Ended.RESOLVED_BY_PERSON,
    RemoteState.CLOSED.value: Ended.CLOSED,
    RemoteState.CANCELLED.value: Ended.CANCELLED,
    GONE: Ended.GONE,
}


def ended_as(state: str) -> Ended:
    """How a person's end counts in the table `again`; ``state`` is that of a ticket a person ended."""
    return _ENDED[state]


def stands_by(incident: Incident) -> Person | None:
    """The person's act that ended the last ticket, when people ended every ticket of this incident; else None."""
    people = [incident.people.get(backend) for backend in incident.backends]
    theirs = [person for person in people if person is not None and ended_by_person(person)]
    if not theirs or len(theirs) < len(people):
        return None
    return max(theirs, key=lambda person: (person.ended_at or 0, person.state))


def verdict(person: Person, policy: IncidentPolicy) -> tuple[int, Then]:
    """How long this person's word stands, and what follows."""
    rules: dict[Ended, StandBy | StandByNew] = {
        Ended.RESOLVED_BY_PERSON: policy.resolved_by_person,
        Ended.CLOSED: policy.closed_by_person,
        Ended.CANCELLED: policy.cancelled_by_person,
        Ended.GONE: policy.ticket_gone,
    }
    rule = rules[ended_as(person.state)]
    return rule.after, Then(rule.then.value)


def due(incident: Incident, policy: IncidentPolicy) -> int | None:
    """When standing by ends; None while the fault is not seen firing, or when it is left to people for good."""
    person = stands_by(incident)
    if incident.state is not IncidentState.OPEN or person is None or person.ended_at is None:
        return None
    after, then = verdict(person, policy)
    return None if then is Then.LEAVE else person.ended_at + after


def taken_up(person: Person) -> Person:
    """The ticket is ours to speak to again."""
    return msgspec.structs.replace(person, ended_at=None, reopened_at=None)


def held(incident: Incident) -> bool:
    """True while a person has put a ticket of this incident on hold."""
    return any(person.state == RemoteState.ON_HOLD.value for person in incident.people.values())
