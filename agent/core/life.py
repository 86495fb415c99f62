"""What the members, the time and the policy make of a live incident."""

from __future__ import annotations

from collections.abc import Iterable

from agent.core import standby
from agent.core.classify import Class
from agent.core.decision import Context, Decision, Draft, NoteKind, NoteRequest
from agent.core.incident_policy import Ended, Then
from agent.core.members import changed, is_over, prune
from agent.core.model import Ci, Incident, IncidentState, Labels, Member, MemberState
from agent.core.reason import Kind, Reason
from agent.core.ticket import changed_wishes
from agent.core.timers import give_up_due, note_due, resolve_due, waits_for_hold, wake_at
from integrations.api import RemoteState

TOLD = 5
"""Members named in one line of the history; the rest are counted."""


_DECIDING = frozenset({Kind.STATE.value, Kind.CLASS.value, Kind.PERSON.value})


def advance(draft: Draft, ctx: Context, evaluated_at: int | None) -> None:
    """Move a live incident on: gather, open, hold, recover, resolve; then tell the ticket what changed."""
    _log_members(draft)
    if draft.incident.state is IncidentState.GATHERING and not _opened(draft, ctx):
        return
    members = draft.incident.members
    if any(member.state is MemberState.FIRING for member in members):
        _fires(draft, ctx)
    elif not all(is_over(member) for member in members):
        _lacks_data(draft, ctx)
    else:
        _recovers(draft, ctx, evaluated_at)
    _report(draft, ctx)


def finish(draft: Draft, ctx: Context, silent: Reason | None = None) -> Decision:
    """Turn a draft into the decision. ``silent`` is the reason of a change that is not worth a line of history."""
    before, after = draft.before, draft.incident
    is_changed = after != before
    told = [entry for entry in draft.timeline if entry.kind in _DECIDING] or draft.timeline
    reason = Reason(told[-1].reason) if told else silent or Reason(after.reason)
    return Decision(
        incident=after,
        reason=reason if is_changed else Reason.NOTHING_CHANGED,
        wishes=changed_wishes(before, after, ctx) if is_changed else {},
        timeline=tuple(draft.timeline),
        wake_at=wake_at(after, ctx.policy, draft.now),
        changed=is_changed,
    )


def worst(members: Iterable[Member], ci: Ci, ctx: Context) -> Class:
    """The classification of the worst firing member, or of the worst of all when none fires."""
    members = tuple(members)
    relevant = [member for member in members if member.state is MemberState.FIRING] or members
    classes = [(ctx.classifier.classify(dict(member.labels), ci), member.labels) for member in relevant]
    return min(classes, key=lambda entry: (entry[0].worst_first, entry[1]))[0]


def _opened(draft: Draft, ctx: Context) -> bool:
    """Open the ticket when the wait is over and it can be complete."""
    incident, now = draft.incident, draft.now
    if now < incident.created_at + incident.group_wait:
        return False
    graded = worst(incident.members, incident.ci, ctx)
    missing = [field.value for field in ctx.policy.mandatory if not getattr(graded, field.value)]
    if missing:
        if incident.reason != Reason.MANDATORY_MISSING.value:
            draft.decide(Reason.MANDATORY_MISSING, detail={"missing": ", ".join(missing)})
        return False
    draft.decide(
        Reason.CLASSIFIED,
        Kind.CLASS,
        detail={
            **{field: f"{value} ({why})" for field, why in graded.why if (value := getattr(graded, field))},
            "cell": f"impact {graded.impact} x urgency {graded.urgency} -> P{graded.priority}",
        },
        category=graded.category,
        subcategory=graded.subcategory,
        service=graded.service,
        assignment_group=graded.assignment_group,
        severity=graded.severity,
        impact=graded.impact,
        urgency=graded.urgency,
        priority=graded.priority,
    )
    draft.decide(Reason.GATHERED, state=IncidentState.OPEN, opened_at=now, reported_at=now)
    draft.change(title=ctx.words.title(draft.incident), body=ctx.words.body(draft.incident))
    return True


def _fires(draft: Draft, ctx: Context) -> None:
    if draft.incident.state is not IncidentState.OPEN:
        draft.decide(
            Reason.FIRING_AGAIN,
            state=IncidentState.OPEN,
            recovering_since=None,
            no_data_since=None,
            good_evaluations=0,
            good_at=None,
        )
    before = draft.before  # one that opened just now was graded for that
    if before is not None and before.opened_at is not None and before.members != draft.incident.members:
        _regrade(draft, ctx)
    due = standby.due(draft.incident, ctx.policy)
    if due is not None and draft.now >= due:
        _stop_standing_by(draft, ctx)


def _regrade(draft: Draft, ctx: Context) -> None:
    """A fault that got worse raises the grade of the episode; nothing lowers it."""
    incident = draft.incident
    graded = worst(incident.members, incident.ci, ctx)
    if graded.worst_first >= (incident.priority, incident.urgency, incident.impact):
        return
    draft.decide(
        Reason.REGRADED,
        Kind.CLASS,
        detail={
            "from": f"P{incident.priority}",
            "to": f"P{graded.priority}",
            "cell": f"impact {graded.impact} x urgency {graded.urgency} -> P{graded.priority}",
            "severity": graded.severity,
        },
        severity=graded.severity,
        impact=graded.impact,
        urgency=graded.urgency,
        priority=graded.priority,
    )
    if len(incident.notes) < ctx.policy.notes.max:
        draft.note(NoteRequest(NoteKind.REGRADED), ctx.words)


def _stop_standing_by(draft: Draft, ctx: Context) -> None:
    """A person's word has stood its time, and the fault is still there."""
    incident = draft.incident
    person = standby.stands_by(incident)
    if person is None:
        return
    _, then = standby.verdict(person, ctx.policy)
    back = tuple(
        name
        for name in incident.backends
        if incident.people[name].state == RemoteState.RESOLVED.value and name not in ctx.cannot_reopen
    )
    if then is not Then.REOPEN or not back:
        _end(draft, ctx, Ended.SUPERSEDED, Reason.SUPERSEDED)
        return
    draft.decide(
        Reason.REOPENED_STILL_FIRING,
        detail={"backends": ", ".join(back)},
        reopening=tuple(dict.fromkeys((*incident.reopening, *back))),
        people={name: standby.taken_up(each) if name in back else each for name, each in incident.people.items()},
    )
    if len(incident.notes) < ctx.policy.notes.max:
        firing = tuple(member for member in incident.members if member.state is MemberState.FIRING)
        draft.note(NoteRequest(NoteKind.STILL_FIRING, firing), ctx.words)


def _lacks_data(draft: Draft, ctx: Context) -> None:
    if draft.incident.state is not IncidentState.NO_DATA:
        draft.decide(
            Reason.NO_DATA,
            state=IncidentState.NO_DATA,
            no_data_since=draft.now,
            recovering_since=None,
            good_evaluations=0,
            good_at=None,
        )
    due = give_up_due(draft.incident, ctx.policy)
    if due is not None and draft.now >= due:
        _end(draft, ctx, Ended.NOT_MONITORED, Reason.NO_DATA_TOO_LONG)


def _recovers(draft: Draft, ctx: Context, evaluated_at: int | None) -> None:
    """Every member is over: let the cool-down run, then resolve."""
    pending = any(member.pending for member in draft.incident.members)
    reason = Reason.CONDITION_BACK if pending else Reason.RECOVERING
    if draft.incident.state is not IncidentState.RECOVERING or pending is not _was_pending(draft.incident):
        draft.decide(
            reason,
            state=IncidentState.RECOVERING,
            recovering_since=draft.now,
            no_data_since=None,
            good_evaluations=0,
            good_at=None,
        )
    incident = draft.incident
    fresh = evaluated_at is not None and (incident.good_at is None or evaluated_at > incident.good_at)
    if fresh and not pending and incident.good_evaluations < ctx.policy.good_evaluations:
        draft.change(good_evaluations=incident.good_evaluations + 1, good_at=evaluated_at)
    incident = draft.incident
    if waits_for_hold(incident, ctx.policy):
        _wait_for_hold(draft, ctx)
        return
    due = resolve_due(incident, ctx.policy)
    if due is None or draft.now < due:
        return
    if all(member.state is MemberState.RECOVERED for member in incident.members):
        _end(draft, ctx, Ended.RESOLVED_BY_US, Reason.RECOVERED)
    else:
        _end(draft, ctx, Ended.NOT_MONITORED, Reason.NO_LONGER_MONITORED)


def _was_pending(incident: Incident) -> bool:
    return incident.reason == Reason.CONDITION_BACK.value


def _wait_for_hold(draft: Draft, ctx: Context) -> None:
    """Say once that the fault is over and that the ticket waits for the person who holds it."""
    incident = draft.incident
    since, now = incident.recovering_since, draft.now
    over = since is not None and now >= since + ctx.policy.cool_down
    enough = incident.good_evaluations >= ctx.policy.good_evaluations
    if not over or not enough or incident.reason != Reason.RECOVERING.value:
        return
    draft.decide(Reason.WAITING_FOR_HOLD)
    if len(incident.notes) < ctx.policy.notes.max:
        draft.note(NoteRequest(NoteKind.WAITING_FOR_HOLD, incident.members), ctx.words)


def _end(draft: Draft, ctx: Context, ended: Ended, reason: Reason) -> None:
    """Resolve. Where people ended the ticket before, their end is the one that counts, and nothing is said."""
    person = standby.stands_by(draft.incident)
    if person is not None and ended is Ended.RESOLVED_BY_US:
        ended, reason = standby.ended_as(person.state), Reason.RECOVERED_AFTER_PERSON
    draft.decide(
        reason,
        detail={"ended": ended.value, **_evidence(draft.incident.members)},
        state=IncidentState.RESOLVED,
        resolved_at=draft.now,
        ended=ended,
        reopening=(),
    )
    draft.change(resolution=ctx.words.resolution(draft.incident))


def _report(draft: Draft, ctx: Context) -> None:
    """Tell the ticket about changed members when a note is due, and forget those that are over and told."""
    incident, notes = draft.incident, ctx.policy.notes
    reported = incident.reported_at or 0
    due = note_due(incident, ctx.policy)
    if due is not None and draft.now >= due:
        untold = tuple(member for member in incident.members if member.changed_at > reported)
        last = len(incident.notes) + 1 >= notes.max - notes.reserved
        draft.note(NoteRequest(NoteKind.MEMBERS, untold, last), ctx.words)
        reported = draft.now
        draft.change(reported_at=reported)
    will_be_told = note_due(draft.incident, ctx.policy) is not None
    draft.change(members=prune(incident.members, reported if will_be_told else draft.now))


def _log_members(draft: Draft) -> None:
    before = draft.before.members if draft.before else ()
    moved = changed(before, draft.incident.members)
    if not moved:
        return
    detail = {}
    for state in MemberState:
        some = [member for member in moved if member.state is state]
        if some:
            named = "; ".join(_text(member.labels) for member in some[:TOLD])
            detail[state.value] = f"{len(some)}: {named}"
    draft.log(Kind.MEMBER, Reason.MEMBERS_CHANGED, **detail, **_evidence(moved))


def _evidence(members: Iterable[Member]) -> dict[str, str]:
    some = [m for m in members if m.state is MemberState.RECOVERED and m.evidence_value is not None]
    if not some:
        return {}
    return {"evidence": "; ".join(f"{_text(m.labels)} = {m.evidence_value}" for m in some[:TOLD])}


def _text(labels: Labels) -> str:
    return ", ".join(f"{name}={value[:100]!r}" for name, value in labels)
