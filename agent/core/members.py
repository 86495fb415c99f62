"""The members of an incident: how the alerts of one evaluation change them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from agent.core.incident_policy import Language
from agent.core.model import Labels, Member, MemberState
from rules.api import Alert, AlertState

RECOVERED = "recovered"
PENDING_DROPPED = "pending_dropped"
RULE_REMOVED = "rule_removed"

SUMMARY_LIMIT = 500
DESCRIPTION_LIMIT = 4_000
URL_LIMIT = 2_000

KEPT_OVER = 200
"""Members that are over and told are forgotten, oldest first, beyond this many: a long incident stays small."""

_PRECEDENCE = {AlertState.FIRING: 0, AlertState.NO_DATA: 1, AlertState.PENDING: 2, AlertState.INACTIVE: 3}


def merge(members: Iterable[Member], alerts: Iterable[Alert], language: Language, now: int) -> tuple[Member, ...]:
    """The members after these alerts, sorted by labels; the same for every order of the input.

    A member that no alert mentions stays as it is: vanishing proves nothing. A member changes only when its state does,
    so that a value that moves every few seconds writes nothing to disk.
    """
    found = {member.labels: member for member in members}
    for labels, alert in sorted(_strongest(alerts).items()):
        member = _merged(found.get(labels), alert, language, now)
        if member is not None:
            found[labels] = member
    return tuple(found[labels] for labels in sorted(found))


def settle_pending(members: tuple[Member, ...], alerts: Iterable[Alert]) -> tuple[Member, ...]:
    """Members whose condition is not pending in this evaluation no longer wait."""
    if not any(member.pending for member in members):
        return members
    pending = {alert.labels for alert in alerts if alert.state is AlertState.PENDING}
    return tuple(_with(member, pending=member.pending and member.labels in pending) for member in members)


def prune(members: tuple[Member, ...], reported_at: int) -> tuple[Member, ...]:
    """Forget the oldest of those that are over and told."""
    over = [m for m in members if is_over(m) and not m.pending and m.changed_at <= reported_at]
    if len(over) <= KEPT_OVER:
        return members
    over.sort(key=lambda member: (member.changed_at, member.labels))
    forgotten = {member.labels for member in over[:-KEPT_OVER]}
    return tuple(member for member in members if member.labels not in forgotten)


def is_over(member: Member) -> bool:
    """True when this member keeps no incident open."""
    return member.state in (MemberState.RECOVERED, MemberState.RETIRED)


def changed(before: Iterable[Member], after: Iterable[Member]) -> tuple[Member, ...]:
    """The members that are new or in another state."""
    states = {member.labels: (member.state, member.pending) for member in before}
    return tuple(member for member in after if states.get(member.labels) != (member.state, member.pending))


def number(value: float) -> str:
    """A value as Prometheus writes it. Text, because JSON has no infinity and no not-a-number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def _strongest(alerts: Iterable[Alert]) -> Mapping[Labels, Alert]:
    """One alert per label set: where two rules make the same alert, the one that says more trouble counts."""
    strongest: dict[Labels, Alert] = {}
    for alert in alerts:
        rival = strongest.get(alert.labels)
        if rival is None or _rank(alert) < _rank(rival):
            strongest[alert.labels] = alert
    return strongest


def _rank(alert: Alert) -> tuple[int, str, str, int]:
    return (_PRECEDENCE[alert.state], alert.file, alert.group, -alert.evaluated_at)


def _merged(member: Member | None, alert: Alert, language: Language, now: int) -> Member | None:
    if alert.state is AlertState.FIRING:
        if member and member.state is MemberState.FIRING:
            return member
        return _member(alert, MemberState.FIRING, language, now)
    if member is None:
        return _member(alert, MemberState.NO_DATA, language, now) if alert.state is AlertState.NO_DATA else None
    if alert.state is AlertState.PENDING:
        return member if member.state is MemberState.FIRING else _with(member, pending=True)
    if alert.state is AlertState.NO_DATA:
        return _moved(member, MemberState.NO_DATA, alert.reason, now)
    if alert.reason == RECOVERED:
        if member.state is MemberState.RECOVERED:
            return _with(member, pending=False)
        over = _moved(member, MemberState.RECOVERED, alert.reason, now)
        evidence = None if alert.evidence_value is None else number(alert.evidence_value)
        return msgspec.structs.replace(over, evidence_value=evidence, evidence_at=alert.evaluated_at)
    if alert.reason == RULE_REMOVED:
        return _moved(member, MemberState.RETIRED, alert.reason, now)
    if alert.reason == PENDING_DROPPED:
        return _with(member, pending=False)
    return _moved(member, MemberState.NO_DATA, alert.reason, now)  # an end without evidence is no recovery


def _moved(member: Member, state: MemberState, reason: str, now: int) -> Member:
    if member.state is state:
        return _with(member, pending=False)
    return msgspec.structs.replace(
        member, state=state, reason=reason, changed_at=now, pending=False, evidence_value=None, evidence_at=None
    )


def _with(member: Member, *, pending: bool) -> Member:
    return member if member.pending is pending else msgspec.structs.replace(member, pending=pending)


def _member(alert: Alert, state: MemberState, language: Language, now: int) -> Member:
    texts = alert.annotations
    suffix = "_zh" if language is Language.ZH else ""
    return Member(
        labels=alert.labels,
        state=state,
        reason=alert.reason,
        since=alert.since,
        fired_at=alert.fired_at if alert.fired_at is not None else alert.evaluated_at,
        value=number(alert.value),
        summary=(texts.get("summary" + suffix) or texts.get("summary", ""))[:SUMMARY_LIMIT],
        description=(texts.get("description" + suffix) or texts.get("description", ""))[:DESCRIPTION_LIMIT],
        expr=alert.expr[:DESCRIPTION_LIMIT],
        runbook=(texts.get("runbook_url" + suffix) or texts.get("runbook_url", ""))[:URL_LIMIT],
        changed_at=now,
    )
