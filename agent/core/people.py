"""What people did to a ticket, read back. It is recorded and respected, never overwritten."""

from __future__ import annotations

import msgspec

from agent.core.decision import Context, Decision, Draft
from agent.core.incident_policy import Ended
from agent.core.life import finish
from agent.core.model import Incident, IncidentState, Person
from agent.core.reason import Kind, Reason
from agent.core.standby import ended_as
from agent.core.ticket import GONE
from integrations.api import Remote, RemoteState

_BY_PERSON = {
    RemoteState.RESOLVED: Reason.RESOLVED_BY_PERSON,
    RemoteState.CLOSED: Reason.CLOSED_BY_PERSON,
    RemoteState.CANCELLED: Reason.CANCELLED_BY_PERSON,
}


def observe(incident: Incident, backend: str, remote: Remote | None, ctx: Context, now: int) -> Decision:
    """Take in what a backend shows: after a delivery settled, and at each read-back. None: the ticket is gone.

    Safe to call again with the same ticket: nothing changes then.
    """
    draft = Draft(incident, incident, now)
    if remote is None:
        _gone(draft, backend)
    elif remote.state.active:
        _active(draft, backend, remote)
    else:
        _ended(draft, backend, remote, remote.state)
    return finish(draft, ctx, Reason.SEEN)


def _gone(draft: Draft, backend: str) -> None:
    last = draft.incident.people.get(backend, Person())
    if last.state == GONE:
        return
    ended_at = last.ended_at if last.ended_at is not None else draft.now
    person = msgspec.structs.replace(last, state=GONE, ended_at=ended_at, reopened_at=None)
    _record(draft, backend, person)
    _no_longer_reopening(draft, backend)
    draft.log(Kind.PERSON, Reason.TICKET_GONE, backend=backend, number=last.number)
    _end_differs(draft, Ended.GONE)


def _active(draft: Draft, backend: str, remote: Remote) -> None:
    incident, now = draft.incident, draft.now
    last = incident.people.get(backend)
    person = _seen(last, remote)
    resolved = incident.state is IncidentState.RESOLVED
    came_back = last is not None and (
        last.ended_at is not None or (resolved and not RemoteState(last.state).active and last.reopened_at is None)
    )
    if came_back:
        person = msgspec.structs.replace(person, ended_at=None, reopened_at=now if resolved else None)
    # A status that our own reopening gave the ticket is nobody's word; neither is the same status, seen again.
    moved = backend not in incident.reopening and (last is None or last.state != remote.state.value)
    acknowledged = (remote.state is RemoteState.IN_PROGRESS and moved) or bool(remote.owner)
    if acknowledged and person.acknowledged_at is None:
        person = msgspec.structs.replace(person, acknowledged_at=now)
    _record(draft, backend, person)
    _no_longer_reopening(draft, backend)
    _log_person(draft, backend, last, person)
    if came_back:
        draft.log(Kind.PERSON, Reason.REOPENED_BY_PERSON, backend=backend, number=person.number)


def _ended(draft: Draft, backend: str, remote: Remote, state: RemoteState) -> None:
    incident, now = draft.incident, draft.now
    last = incident.people.get(backend)
    person = _seen(last, remote)
    if incident.state is IncidentState.RESOLVED:
        by_us = state is RemoteState.RESOLVED and not (last and last.reopened_at is not None)
        _record(draft, backend, msgspec.structs.replace(person, reopened_at=None))
        if not by_us and (last is None or last.state != person.state):
            draft.log(Kind.PERSON, _BY_PERSON[state], backend=backend, number=person.number)
            _end_differs(draft, ended_as(person.state))
        return
    if backend in incident.reopening and state is RemoteState.RESOLVED:
        return  # still the end that we asked to undo: the reopening has not arrived yet
    if person.ended_at is None:
        person = msgspec.structs.replace(person, ended_at=now)
    _record(draft, backend, person)
    _no_longer_reopening(draft, backend)
    if last is None or last.ended_at is None or last.state != person.state:
        draft.log(Kind.PERSON, _BY_PERSON[state], backend=backend, number=person.number, raw=remote.raw_state[:100])


def _seen(last: Person | None, remote: Remote) -> Person:
    """The ticket as it is, with what we knew of its past."""
    return msgspec.structs.replace(
        last or Person(),
        state=remote.state.value,
        number=remote.ref.number or remote.ref.id,
        url=remote.ref.url,
        owner=remote.owner,
        assignment_group=remote.assignment_group,
        priority=remote.priority,
    )


def _record(draft: Draft, backend: str, person: Person) -> None:
    if draft.incident.people.get(backend) != person:
        draft.change(people={**draft.incident.people, backend: person})


def _no_longer_reopening(draft: Draft, backend: str) -> None:
    if backend in draft.incident.reopening:
        draft.change(reopening=tuple(name for name in draft.incident.reopening if name != backend))


def _end_differs(draft: Draft, ended: Ended) -> None:
    """After we resolved it a person ended the ticket in another way; that is what counts when the fault returns."""
    if draft.incident.state is IncidentState.RESOLVED and draft.incident.ended is not Ended.SUPERSEDED:
        draft.change(ended=ended)


def _log_person(draft: Draft, backend: str, last: Person | None, person: Person) -> None:
    if last is None:
        draft.log(Kind.PERSON, Reason.SEEN, backend=backend, number=person.number, url=person.url)
    if person.acknowledged_at is not None and (last is None or last.acknowledged_at is None):
        draft.log(Kind.PERSON, Reason.ACKNOWLEDGED, backend=backend, owner=person.owner)
    on_hold = RemoteState.ON_HOLD.value
    was_held = last is not None and last.state == on_hold
    if (person.state == on_hold) is not was_held:
        draft.log(Kind.PERSON, Reason.TAKEN_OFF_HOLD if was_held else Reason.PUT_ON_HOLD, backend=backend)
    if last is None:
        return
    moved = {
        name: f"{old or '-'} -> {new or '-'}"
        for name, old, new in (
            ("owner", last.owner, person.owner),
            ("assignment_group", last.assignment_group, person.assignment_group),
            ("priority", last.priority, person.priority),
        )
        if old != new
    }
    if moved:
        draft.log(Kind.PERSON, Reason.CHANGED_BY_PERSON, backend=backend, **moved)
