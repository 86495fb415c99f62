"""What a decision is given, what it gives back, and the draft it is written on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

import msgspec

from agent.core.classify import Classifier
from agent.core.incident_policy import IncidentPolicy
from agent.core.model import Incident, Member, NoteLine, TimelineEntry
from agent.core.reason import Kind, Reason
from agent.core.route import Node
from integrations.api import Ticket


class NoteKind(Enum):
    """What a work note is about."""

    MEMBERS = "members"
    REGRADED = "regraded"
    REOPENED = "reopened"
    STILL_FIRING = "still_firing"
    WAITING_FOR_HOLD = "waiting_for_hold"


class NoteRequest(msgspec.Struct, frozen=True):
    """A note to put in words. ``last`` is set on the last note about members that the cap allows."""

    kind: NoteKind
    members: tuple[Member, ...] = ()
    last: bool = False


class Words(Protocol):
    """Puts an incident in words: a pure function of its arguments, in one language (``agent.render`` has it)."""

    def title(self, incident: Incident) -> str: ...

    def body(self, incident: Incident) -> str: ...

    def note(self, incident: Incident, request: NoteRequest, now: int) -> str: ...

    def resolution(self, incident: Incident) -> str:
        """Of an incident that is RESOLVED; names the evidence when there is any."""
        ...


class Context(msgspec.Struct, frozen=True):
    """The configuration a decision is made under, ready to use."""

    policy: IncidentPolicy
    tree: Node
    classifier: Classifier
    words: Words
    environment: str
    config_hash: str
    cannot_reopen: frozenset[str] = frozenset()
    """Backends whose product has no way back from resolved: `reopen` opens a new ticket there."""


class Decision(msgspec.Struct, frozen=True):
    """What to commit, in one transaction.

    ``incident`` is the new value, or None when there is none (yet). ``wishes`` holds, by backend, only tickets whose
    wish changed. ``timeline`` goes to the incident's history. ``wake_at`` is when time alone changes something, always
    later than the ``now`` of the decision; None when only an alert or a person can. ``changed`` is False when there is
    nothing to commit.
    """

    incident: Incident | None
    reason: Reason
    wishes: Mapping[str, Ticket]
    timeline: tuple[TimelineEntry, ...]
    wake_at: int | None
    changed: bool


class Draft:
    """An incident while a decision is made about it: the value so far, and what was decided on the way.

    Lives inside one decision and is never kept.
    """

    __slots__ = ("before", "incident", "now", "timeline")

    def __init__(self, before: Incident | None, incident: Incident, now: int) -> None:
        self.before = before
        self.incident = incident
        self.now = now
        self.timeline: list[TimelineEntry] = []

    def change(self, **fields: Any) -> None:
        """Set fields of the incident; names and types are those of ``Incident``."""
        self.incident = msgspec.structs.replace(self.incident, **fields)

    def log(self, kind: Kind, reason: Reason, **detail: str) -> None:
        """Add a line to the history."""
        self.timeline.append(
            TimelineEntry(incident=self.incident.id, at=self.now, kind=kind.value, reason=reason.value, detail=detail)
        )

    def decide(self, reason: Reason, kind: Kind = Kind.STATE, /, detail: Mapping[str, str] = {}, **fields: Any) -> None:
        """Change the incident for this reason, and say so in the history."""
        self.change(reason=reason.value, changed_at=self.now, **fields)
        self.log(kind, reason, **detail)

    def note(self, request: NoteRequest, words: Words) -> None:
        """Add a work note. The caller has looked at the cap."""
        incident = self.incident
        line = NoteLine(seq=len(incident.notes) + 1, at=self.now, text=words.note(incident, request, self.now))
        self.change(notes=(*incident.notes, line), last_note_at=self.now)
        self.log(Kind.NOTE, Reason(incident.reason), note=str(line.seq), about=request.kind.value)
