"""One step of an incident's life: alerts and time in, the new incident, its wishes and the reasons out.

Invariants, whatever the order of alerts, timers and people's acts:

- I1: at most one incident of a key is not RESOLVED, and a new one has a higher episode than every one before.
- An incident ends as recovered only when every member has evidence that it is over. Alerts that vanish hold it.
- Nothing is asked of a ticket that a person ended, except to reopen one that was *resolved*, where the policy says so.
- Notes never exceed the cap of the policy.
- ``wake_at`` is later than ``now``.
"""

from __future__ import annotations

from agent.core.again import again
from agent.core.decision import Context, Decision, Draft, NoteKind, NoteRequest
from agent.core.group import Bucket
from agent.core.incident_policy import Then
from agent.core.life import advance, finish, worst
from agent.core.members import merge, settle_pending
from agent.core.model import Incident, IncidentState, MemberState
from agent.core.reason import Kind, Reason
from agent.core.standby import taken_up
from rules.api import AlertState


def step(  # noqa: PLR0917 - what the decision looks at: the fault, its alerts, the policy, the time
    incident: Incident | None,
    previous: Incident | None,
    bucket: Bucket | None,
    ctx: Context,
    now: int,
    evaluated_at: int | None = None,
    used: int = 0,
) -> Decision:
    """Decide about one fault.

    ``incident`` is the live incident of the key or None; ``previous`` the last resolved one. ``bucket`` holds the
    alerts of an evaluation: every one that is not inactive, and those that became inactive in it; None without any.
    ``evaluated_at`` is the time of the rule's last evaluation, None when there was none since the last step: the
    cool-down counts them. A member of a recovering incident whose evidence went away is given as a NO_DATA alert.
    ``used`` is the highest episode number this key ever had, when it is known apart from ``previous``.
    """
    if incident is None or incident.state is IncidentState.RESOLVED:
        return _fresh(incident or previous, bucket, ctx, now, evaluated_at, used)
    draft = Draft(incident, incident, now)
    alerts = bucket.alerts if bucket else ()
    members = merge(incident.members, alerts, ctx.policy.language, now)
    if evaluated_at is not None:
        members = settle_pending(members, alerts)
    draft.change(members=members, group_interval=bucket.group_interval if bucket else incident.group_interval)
    advance(draft, ctx, evaluated_at)
    return finish(draft, ctx)


def _fresh(  # noqa: PLR0917 - as above
    previous: Incident | None, bucket: Bucket | None, ctx: Context, now: int, evaluated_at: int | None, used: int
) -> Decision:
    """A fault that has no live incident: nothing, a new episode, or the old ticket again."""
    if bucket is None or not any(alert.state is AlertState.FIRING for alert in bucket.alerts):
        return Decision(None, Reason.NOTHING_CHANGED, {}, (), None, changed=False)
    if previous is None:
        draft = _created(bucket, None, Reason.NEW_EPISODE if used else Reason.NEW_FAULT, used, ctx, now)
    else:
        verdict = again(previous, bucket, ctx, now)
        if verdict.then is Then.LEAVE:
            return _left(previous, now)
        if verdict.then is Then.REOPEN:
            draft = _revived(previous, bucket, verdict.reason, ctx, now)
        else:
            draft = _created(bucket, previous, verdict.reason, max(previous.episode, used), ctx, now)
    advance(draft, ctx, evaluated_at)
    return finish(draft, ctx)


def _left(previous: Incident, now: int) -> Decision:
    """Policy leaves this fault without a ticket. Said once, on the incident that ended."""
    draft = Draft(previous, previous, now)
    if previous.reason != Reason.LEFT_TO_PERSON.value:
        draft.decide(Reason.LEFT_TO_PERSON, detail={"ended": previous.ended.value if previous.ended else ""})
    return Decision(
        incident=draft.incident,
        reason=Reason.LEFT_TO_PERSON,
        wishes={},
        timeline=tuple(draft.timeline),
        wake_at=None,
        changed=draft.incident != previous,
    )


def _created(  # noqa: PLR0917 - as above
    bucket: Bucket, previous: Incident | None, reason: Reason, used: int, ctx: Context, now: int
) -> Draft:
    """The episode after all that were ``used``."""
    firing = [alert for alert in bucket.alerts if alert.state is AlertState.FIRING]
    members = merge((), firing, ctx.policy.language, now)
    graded = worst(members, bucket.ci, ctx)
    incident = Incident(
        key=bucket.key,
        episode=used + 1,
        rule=bucket.rule,
        ci=bucket.ci,
        grouping=bucket.grouping,
        backends=bucket.backends,
        state=IncidentState.GATHERING,
        reason=reason.value,
        created_at=now,
        changed_at=now,
        members=members,
        severity=graded.severity,
        impact=graded.impact,
        urgency=graded.urgency,
        priority=graded.priority,
        group_wait=bucket.group_wait,
        group_interval=bucket.group_interval,
        previous=_numbers(previous),
        test=bucket.test,
        config_hash=ctx.config_hash,
    )
    draft = Draft(None, incident, now)
    draft.log(Kind.STATE, reason, episode=str(incident.episode), rule=bucket.rule, ci=bucket.ci.name)
    draft.log(Kind.ROUTE, Reason.ROUTED, path="; ".join(bucket.paths), backends=", ".join(bucket.backends))
    return draft


def _revived(previous: Incident, bucket: Bucket, reason: Reason, ctx: Context, now: int) -> Draft:
    """The same episode and ticket again."""
    alerts = [alert for alert in bucket.alerts if alert.state is AlertState.FIRING]
    members = merge(previous.members, alerts, ctx.policy.language, now)
    theirs_open = {name for name, person in previous.people.items() if person.reopened_at is not None}
    backends = tuple(dict.fromkeys((*previous.backends, *bucket.backends)))
    draft = Draft(previous, previous, now)
    draft.decide(
        reason,
        detail={
            "ended": previous.ended.value if previous.ended else "",
            "age_ms": str(now - (previous.resolved_at or 0)),
        },
        state=IncidentState.OPEN,
        members=members,
        backends=backends,
        group_interval=bucket.group_interval,
        reopening=tuple(name for name in previous.backends if name not in theirs_open),
        people={name: taken_up(person) for name, person in previous.people.items()},
        resolved_at=None,
        resolution="",
        ended=None,
        recovering_since=None,
        no_data_since=None,
        good_evaluations=0,
        good_at=None,
        reported_at=now,
    )
    if len(previous.notes) < ctx.policy.notes.max:
        firing = tuple(member for member in members if member.state is MemberState.FIRING)
        draft.note(NoteRequest(NoteKind.REOPENED, firing), ctx.words)
    return draft


def _numbers(previous: Incident | None) -> str:
    """The ticket numbers of the last episode, as people say them."""
    if previous is None:
        return ""
    numbers = (previous.people[name].number for name in sorted(previous.people))
    return ", ".join(dict.fromkeys(number for number in numbers if number))
