"""Take an open ticket of ours back after the agent's state was lost: what the ticket says becomes an incident again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agent.core.decision import Context, Decision, Draft
from agent.core.group import DRILL
from agent.core.identity import correlation_id
from agent.core.model import Ci, Incident, IncidentState, Labels, Member, MemberState
from agent.core.people import observe
from agent.core.policy import DEFAULT_GROUP_INTERVAL
from agent.core.priority import priority_of, urgency_of
from agent.core.reason import Kind, Reason
from agent.core.ticket import changed_wishes
from agent.core.timers import wake_at
from integrations.api import Remote

MEMBERS_MAX = 200


class CannotAdopt(ValueError):
    """The ticket does not say enough, or does not say it truthfully. The text goes to the operator."""


def fault_of(facts: Mapping[str, str]) -> str | None:
    """The fault key a stray ticket belongs to, or None when its facts do not tell."""
    return facts.get("key") or None


def adopt(known: Incident | None, backend: str, remote: Remote, ctx: Context, now: int) -> Decision:
    """Decide about an open ticket of ours that no live incident stands behind.

    ``known`` is the live or the last incident of ``fault_of(remote.facts)``, when there is one. A ticket of an episode
    that we know to be over was opened again by a person: it is theirs, and a new firing continues it. Otherwise the
    incident is rebuilt as NO_DATA with the members the ticket lists, and waits for evidence. Raises CannotAdopt.
    """
    episode = remote.episode or 1
    if known is not None and known.state is not IncidentState.RESOLVED:
        if backend in known.backends or episode != known.episode:
            return Decision(known, Reason.NOT_ADOPTED, {}, (), wake_at(known, ctx.policy, now), changed=False)
        return _joined(known, backend, remote, ctx, now)
    if known is not None and episode <= known.episode:
        if episode == known.episode and known.opened_at is not None:
            return observe(known, backend, remote, ctx, now)
        return Decision(known, Reason.NOT_ADOPTED, {}, (), None, changed=False)
    incident = _rebuilt(remote, backend, episode, ctx, now)
    draft = Draft(None, incident, now)
    draft.log(
        Kind.STATE,
        Reason.ADOPTED,
        ticket=_name(remote),
        members=str(len(incident.members)),
        members_left=remote.facts.get("members_left", "0")[:20],
    )
    draft.change(title=ctx.words.title(incident), body=ctx.words.body(incident))
    seen = observe(draft.incident, backend, remote, ctx, now)
    adopted = seen.incident or draft.incident
    return Decision(
        adopted,
        Reason.ADOPTED,
        changed_wishes(None, adopted, ctx),
        (*draft.timeline, *seen.timeline),
        seen.wake_at,
        changed=True,
    )


def _joined(known: Incident, backend: str, remote: Remote, ctx: Context, now: int) -> Decision:
    """A second backend's ticket of an incident that was adopted from the first."""
    draft = Draft(known, known, now)
    draft.change(backends=(*known.backends, backend))
    draft.log(Kind.STATE, Reason.ADOPTED, ticket=_name(remote))
    seen = observe(draft.incident, backend, remote, ctx, now)
    joined = seen.incident or draft.incident
    wishes = changed_wishes(known, joined, ctx)
    timeline = (*draft.timeline, *seen.timeline)
    return Decision(joined, Reason.ADOPTED, wishes, timeline, seen.wake_at, changed=True)


def _name(remote: Remote) -> str:
    return remote.ref.number or remote.ref.id


def _rebuilt(remote: Remote, backend: str, episode: int, ctx: Context, now: int) -> Incident:
    facts = remote.facts
    key = fault_of(facts)
    if key is None:
        raise CannotAdopt(f"ticket {_name(remote)} has no fault key in its footer; resolve it by hand")
    if correlation_id(ctx.environment, key, backend) != remote.correlation_id:
        raise CannotAdopt(
            f"the fault key in the footer of ticket {_name(remote)} does not belong to its "
            f"correlation id {remote.correlation_id}: the text was changed, or it is another environment's"
        )
    rule, ci_id, grouping = _parsed_key(key)
    severity = facts.get("severity", "")
    config = ctx.classifier.config
    impact = remote.impact if remote.impact in (1, 2, 3) else config.default_impact
    urgency = remote.urgency if remote.urgency in (1, 2, 3) else urgency_of(severity, config)
    opened_at = _time(facts.get("opened_at", ""), remote, now)
    members = _members(facts.get("members", ""), rule, opened_at, now)
    return Incident(
        key=key,
        episode=episode,
        rule=rule,
        ci=Ci(id=ci_id, name=facts.get("ci_name", ci_id)),
        grouping=grouping,
        backends=(backend,),
        state=IncidentState.NO_DATA,
        reason=Reason.ADOPTED.value,
        created_at=opened_at,
        changed_at=now,
        members=members,
        severity=severity,
        impact=impact,
        urgency=urgency,
        priority=priority_of(impact, urgency, config),
        group_interval=DEFAULT_GROUP_INTERVAL,
        opened_at=opened_at,
        reported_at=now,
        no_data_since=now,
        last_note_at=now,
        test=key.startswith(DRILL),
        config_hash=facts.get("config", "")[:64],
    )


def _parsed_key(key: str) -> tuple[str, str, Labels]:
    try:
        rule, ci_id, grouping = msgspec.json.decode(
            key.removeprefix(DRILL).encode(), type=tuple[str, str, dict[str, str]]
        )
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise CannotAdopt(f"the fault key in a ticket's footer cannot be read: {error}") from error
    return rule, ci_id, tuple(sorted(grouping.items()))


def _members(text: str, rule: str, opened_at: int, now: int) -> tuple[Member, ...]:
    """The members the ticket lists. Without one there is nothing evidence could be sought for."""
    try:
        listed = msgspec.json.decode(text.encode(errors="replace"), type=list[dict[str, str]])
    except msgspec.DecodeError as error:
        raise CannotAdopt(f"the members in a ticket's footer cannot be read: {error}") from error
    labels = {tuple(sorted(each.items())) for each in listed if each}
    if not labels or len(labels) > MEMBERS_MAX:
        raise CannotAdopt(f"the footer of a ticket for {rule} lists {len(labels)} members, expected 1 to {MEMBERS_MAX}")
    return tuple(
        Member(
            labels=each,
            state=MemberState.NO_DATA,
            reason=Reason.ADOPTED.value,
            since=opened_at,
            fired_at=opened_at,
            value="",
            changed_at=now,
        )
        for each in sorted(labels)
    )


def _time(text: str, remote: Remote, now: int) -> int:
    """When the ticket was opened: its footer, its creation, or now; never in the future."""
    written = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    found = written if written is not None else remote.created_at
    return min(found, now) if found is not None else now
