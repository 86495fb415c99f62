"""The nouns of the agent: a configuration item, an incident, its members, and what a person did to its ticket.

Values only. All times are timeline milliseconds (see ``agent.clock``): wall time for display, moved with the boot-time
clock so that a wall clock jump changes no duration.
"""

from __future__ import annotations

import hashlib
from enum import Enum

import msgspec

from agent.core.incident_policy import Ended

Labels = tuple[tuple[str, str], ...]


class Ci(msgspec.Struct, frozen=True):
    """A configuration item. ``id`` survives a rename and a new address; ``name`` is what people call it today."""

    id: str
    name: str


class IncidentState(Enum):
    """The life of one incident (one episode of one fault key).

        gathering -> open -> recovering -> resolved
                     ^  |______^   |          |
                     |______|______|__________|   (fires again: same episode while the table `again` says reopen)
                        v      ^
                       no_data_|                  (recovers on evidence only)

    ``GATHERING`` waits for ``group_wait`` and has no ticket yet. ``OPEN`` has at least one firing member. ``NO_DATA``
    has members without evidence and none firing: held, the ticket stays open and says so. ``RECOVERING`` has evidence
    that all members are over and waits for the cool-down. ``RESOLVED`` is the end, unless the same ticket is reopened.
    """

    GATHERING = "gathering"
    OPEN = "open"
    NO_DATA = "no_data"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class MemberState(Enum):
    """Where one alert of an incident stands. ``RETIRED`` is no longer monitored, which is no recovery."""

    FIRING = "firing"
    NO_DATA = "no_data"
    RECOVERED = "recovered"
    RETIRED = "retired"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of the incident, as last seen. ``labels`` is its identity."""

    labels: Labels
    state: MemberState
    reason: str
    since: int
    fired_at: int
    value: str
    """Last value for which the condition was true, as Prometheus writes it (``0.93``, ``+Inf``); empty: unknown."""
    summary: str = ""
    description: str = ""
    expr: str = ""
    runbook: str = ""
    changed_at: int = 0
    """When ``state`` last changed."""
    evidence_value: str | None = None
    """Value that showed the recovery, written in the same way; None where the evidence is no number."""
    evidence_at: int | None = None
    """When the evidence was evaluated."""
    pending: bool = False
    """Over, but its condition is true again and waits for the rule's ``for``: the cool-down waits with it."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What people did to the ticket, as last read back from one backend.

    ``state`` is a ``RemoteState`` value, or ``gone`` when the ticket was deleted or merged away.
    """

    state: str = "new"
    number: str = ""
    """Number of the ticket, as people say it."""
    url: str = ""
    owner: str = ""
    assignment_group: str = ""
    priority: int | None = None
    acknowledged_at: int | None = None
    ended_at: int | None = None
    """When a person resolved, closed, cancelled or deleted the ticket; None while it is active or we resolved it."""
    reopened_at: int | None = None
    """When a person took up again a ticket that we had resolved."""


class NoteLine(msgspec.Struct, frozen=True):
    """A work note of the incident; ``seq`` counts from 1 within the episode."""

    seq: int
    at: int
    text: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What we want to be true about one episode of one fault.

    Invariant: at most one incident per ``key`` is not RESOLVED; ``episode`` grows by one for each new incident of a
    key. ``key`` is the canonical text of (rule, CI id, grouping labels) and never changes once the incident exists.
    ``severity`` and the grades are the worst of the episode: they rise and never fall.
    """

    key: str
    episode: int
    rule: str
    ci: Ci
    grouping: Labels
    backends: tuple[str, ...]
    state: IncidentState
    reason: str
    created_at: int
    changed_at: int
    members: tuple[Member, ...]
    severity: str
    impact: int
    urgency: int
    priority: int
    category: str = ""
    subcategory: str = ""
    service: str = ""
    assignment_group: str = ""
    title: str = ""
    body: str = ""
    group_wait: int = 0
    group_interval: int = 0
    opened_at: int | None = None
    """When the ticket was wished for; None while GATHERING."""
    reported_at: int | None = None
    """Members that changed up to this time are told in the ticket or in a note."""
    good_evaluations: int = 0
    """Evaluations without the fault since ``recovering_since``."""
    good_at: int | None = None
    """Time of the last of them."""
    recovering_since: int | None = None
    no_data_since: int | None = None
    resolved_at: int | None = None
    resolution: str = ""
    ended: Ended | None = None
    """How a RESOLVED incident ended."""
    reopening: tuple[str, ...] = ()
    """Backends whose ticket we asked to be opened again and have not seen active since."""
    last_note_at: int | None = None
    notes: tuple[NoteLine, ...] = ()
    people: dict[str, Person] = {}
    previous: str = ""
    """Number of the ticket of the previous episode, when a new one refers to it."""
    test: bool = False
    """Made by ``tocsin drill``."""
    config_hash: str = ""

    @property
    def id(self) -> str:
        """Name of the incident in the store, in the API and on the command line: ``[0-9a-f]{16}-EPISODE``."""
        return f"{hashlib.sha256(self.key.encode()).hexdigest()[:16]}-{self.episode}"


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an incident's append-only history. ``reason`` is the name of the decision, ``detail`` its inputs."""

    incident: str
    at: int
    kind: str
    reason: str
    detail: dict[str, str] = {}
