"""A fault fires again after its episode ended: the same ticket, a new one, or none. A table by end and age."""

from __future__ import annotations

import msgspec

from agent.core.decision import Context
from agent.core.group import Bucket
from agent.core.incident_policy import Then
from agent.core.model import Incident
from agent.core.reason import Reason


class Verdict(msgspec.Struct, frozen=True):
    """What to do and why."""

    then: Then
    reason: Reason


def again(previous: Incident, bucket: Bucket, ctx: Context, now: int) -> Verdict:
    """Decide about a new firing of the key of ``previous``, which is RESOLVED.

    A ticket that a person took up again after we resolved it is continued whatever its age: it is open, and a second
    one would be a twin. A ticket whose fault outlived a person's word was given up on purpose: a new one follows it.
    """
    new = Verdict(Then.NEW, Reason.NEW_EPISODE)
    if previous.opened_at is None or bucket.test:
        return new
    if any(person.reopened_at is not None for person in previous.people.values()):
        return Verdict(Then.REOPEN, Reason.REOPENED_PERSON_HAS_IT_OPEN)
    age = now - (previous.resolved_at or 0)
    row = next((row for row in ctx.policy.again if row.ended is previous.ended and age <= row.within), None)
    if row is None or row.then is Then.NEW:
        return new
    if row.then is Then.LEAVE:
        return Verdict(Then.LEAVE, Reason.LEFT_TO_PERSON)
    if ctx.cannot_reopen.intersection(previous.backends):
        return new
    return Verdict(Then.REOPEN, Reason.REOPENED_WITHIN_WINDOW)
