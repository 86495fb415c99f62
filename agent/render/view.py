"""The one data set of all templates in all languages: an incident as plain, safe, bounded strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from agent.core.identity import ALERTNAME
from agent.core.incident_policy import Language
from agent.core.model import Incident, Member, MemberState
from agent.core.policy import SEVERITY_LABEL, Category
from agent.render.text import block, line, when

NAME_LIMIT = 120
SUMMARY_LIMIT = 200
LABELS_LIMIT = 300
TEXT_LIMIT = 2_000
TEXT_LINES = 12
EXPR_LIMIT = 600
URL_LIMIT = 500


class MemberView(msgspec.Struct, frozen=True):
    """One member, for a line in a list. ``state`` is a ``MemberState`` value for the template to put in words."""

    name: str
    state: str
    value: str
    since: str
    summary: str
    evidence: str
    evidence_at: str


class IncidentView(msgspec.Struct, frozen=True):
    """An incident for a template; text is one line and safe, unless it is a list of such lines."""

    rule: str
    ci: str
    ci_id: str
    summary: str
    description: Sequence[str]
    expr: str
    runbook: str
    severity: str
    impact: int
    urgency: int
    priority: int
    category: str
    subcategory: str
    service: str
    assignment_group: str
    since: str
    detected: str
    opened: str
    no_data_since: str
    resolved: str
    minutes_open: int
    seconds_good: int
    members: Sequence[MemberView]
    members_total: int
    members_left: int
    episode: int
    previous: str
    reason: str
    ended: str
    good_evaluations: int
    config_hash: str
    test: bool


def incident_view(
    incident: Incident, categories: Mapping[str, Category], language: Language, listed: int
) -> IncidentView:
    """``listed`` is how many members are shown; those that fire come first."""
    members = _in_order(incident.members)
    lead = _lead(members, incident.severity)
    category = categories.get(incident.category)
    name = (category.zh if language is Language.ZH else category.en) if category else incident.category
    ended_at, opened_at = incident.resolved_at, incident.opened_at
    return IncidentView(
        rule=line(incident.rule, NAME_LIMIT),
        ci=line(incident.ci.name or incident.ci.id, NAME_LIMIT),
        ci_id=line(incident.ci.id, NAME_LIMIT),
        summary=line(lead.summary or incident.rule, SUMMARY_LIMIT),
        description=block(lead.description, TEXT_LIMIT, TEXT_LINES),
        expr=line(lead.expr, EXPR_LIMIT),
        runbook=line(lead.runbook, URL_LIMIT),
        severity=line(incident.severity, NAME_LIMIT),
        impact=incident.impact,
        urgency=incident.urgency,
        priority=incident.priority,
        category=line(name, NAME_LIMIT),
        subcategory=line(incident.subcategory, NAME_LIMIT),
        service=line(incident.service, NAME_LIMIT),
        assignment_group=line(incident.assignment_group, NAME_LIMIT),
        since=when(min(member.since for member in members)),
        detected=when(min(member.fired_at for member in members)),
        opened=when(opened_at),
        no_data_since=when(incident.no_data_since),
        resolved=when(ended_at),
        minutes_open=_between(opened_at, ended_at) // 60_000,
        seconds_good=_between(incident.recovering_since, ended_at) // 1000,
        members=member_views(members[:listed]),
        members_total=len(members),
        members_left=max(0, len(members) - listed),
        episode=incident.episode,
        previous=line(incident.previous, NAME_LIMIT),
        reason=incident.reason,
        ended=incident.ended.value if incident.ended else "",
        good_evaluations=incident.good_evaluations,
        config_hash=line(incident.config_hash, 16),
        test=incident.test,
    )


def member_views(members: Iterable[Member]) -> tuple[MemberView, ...]:
    """Members as lines."""
    return tuple(
        MemberView(
            name=label_text(member),
            state=member.state.value,
            value=line(member.value, NAME_LIMIT),
            since=when(member.since),
            summary=line(member.summary, SUMMARY_LIMIT),
            evidence=line(member.evidence_value or "", NAME_LIMIT),
            evidence_at=when(member.evidence_at),
        )
        for member in members
    )


def label_text(member: Member) -> str:
    """The labels of a member as one line, without the alert's name, which the ticket says elsewhere."""
    pairs = (
        f'{line(name, NAME_LIMIT)}="{line(value, NAME_LIMIT)}"' for name, value in member.labels if name != ALERTNAME
    )
    return line(" ".join(pairs), LABELS_LIMIT)


def _between(start: int | None, end: int | None) -> int:
    """ms; 0 while one of them is not known."""
    return max(0, end - start) if start is not None and end is not None else 0


def _in_order(members: Iterable[Member]) -> list[Member]:
    order = {state: number for number, state in enumerate(MemberState)}
    return sorted(members, key=lambda member: (order[member.state], member.labels))


def _lead(members: Sequence[Member], severity: str) -> Member:
    """The member the ticket speaks of first: the first in order that has the incident's severity."""
    return next((m for m in members if dict(m.labels).get(SEVERITY_LABEL, "") == severity), members[0])
