"""An incident after the timeline was moved: no duration a decision looks at changes."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from agent.core.model import Incident, Member, Person

T = TypeVar("T", Incident, Member, Person)

_INCIDENT = (
    "created_at", "changed_at", "opened_at", "reported_at", "good_at", "recovering_since", "no_data_since",
    "resolved_at", "last_note_at",
)  # fmt: skip
_MEMBER = ("since", "fired_at", "changed_at", "evidence_at")
_PERSON = ("acknowledged_at", "ended_at", "reopened_at")


def shifted(incident: Incident, delta_ms: int) -> Incident:
    """Every time that may be compared with now, moved by ``delta_ms``; the times of notes are history and stay."""
    members = tuple(_moved(member, _MEMBER, delta_ms) for member in incident.members)
    people = {name: _moved(person, _PERSON, delta_ms) for name, person in incident.people.items()}
    return msgspec.structs.replace(_moved(incident, _INCIDENT, delta_ms), members=members, people=people)


def _moved(value: T, names: tuple[str, ...], delta_ms: int) -> T:
    times = {name: at + delta_ms for name in names if (at := getattr(value, name)) is not None}
    return msgspec.structs.replace(value, **times)
