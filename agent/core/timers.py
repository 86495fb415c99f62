"""When time alone changes an incident. Each due time is one that ``step`` acts on, so a timer never rings twice."""

from __future__ import annotations

from agent.core import standby
from agent.core.incident_policy import IncidentPolicy, OnHold
from agent.core.model import Incident, IncidentState
from agent.core.reason import Reason


def wake_at(incident: Incident, policy: IncidentPolicy, now: int) -> int | None:
    """The next moment ``step`` should be called without an alert: later than ``now``, or None."""
    dues = running(incident, policy).values()
    return max(min(dues), now + 1) if dues else None


def running(incident: Incident, policy: IncidentPolicy) -> dict[str, int]:
    """When each timer that runs is due, by its name."""
    dues = {
        "group_wait": _gathered(incident),
        "note": note_due(incident, policy),
        "cool_down": resolve_due(incident, policy),
        "no_data_close": give_up_due(incident, policy),
        "stand_by": standby.due(incident, policy),
    }
    return {name: due for name, due in dues.items() if due is not None}


def note_due(incident: Incident, policy: IncidentPolicy) -> int | None:
    """When the next note about changed members is due.

    At most one per group interval; the first time that data is missing is told at once. None while nothing is untold,
    while the ticket is a person's, and when the cap leaves only room for what is more important.
    """
    if incident.state not in (IncidentState.OPEN, IncidentState.NO_DATA) or incident.reported_at is None:
        return None
    reported = incident.reported_at
    untold = [member.changed_at for member in incident.members if member.changed_at > reported]
    if not untold or len(incident.notes) >= policy.notes.max - policy.notes.reserved:
        return None
    if standby.stands_by(incident):
        return None
    if incident.last_note_at is None and incident.state is IncidentState.NO_DATA:
        return max(untold)
    return max(reported, incident.last_note_at or 0) + incident.group_interval


def resolve_due(incident: Incident, policy: IncidentPolicy) -> int | None:
    """When the cool-down is over; None while an evaluation, a member or a person's hold has to come first."""
    if incident.state is not IncidentState.RECOVERING or incident.recovering_since is None:
        return None
    waits = incident.good_evaluations < policy.good_evaluations or any(member.pending for member in incident.members)
    if waits or waits_for_hold(incident, policy):
        return None
    return incident.recovering_since + policy.cool_down


def waits_for_hold(incident: Incident, policy: IncidentPolicy) -> bool:
    """True while recovery has to wait for a person to take the ticket off hold."""
    return policy.on_hold is OnHold.WAIT and standby.held(incident)


def give_up_due(incident: Incident, policy: IncidentPolicy) -> int | None:
    """When an incident without data is closed as no longer monitored, if policy says so."""
    if incident.state is not IncidentState.NO_DATA or incident.no_data_since is None:
        return None
    return None if policy.no_data_close_after is None else incident.no_data_since + policy.no_data_close_after


def _gathered(incident: Incident) -> int | None:
    if incident.state is not IncidentState.GATHERING or incident.reason == Reason.MANDATORY_MISSING.value:
        return None
    return incident.created_at + incident.group_wait
