"""What delivery tells the agent, and what it counts."""

from __future__ import annotations

import msgspec

from integrations.api import Remote


class RemoteSeen(msgspec.Struct, frozen=True):
    """A ticket as its backend shows it now: after our own write, or read back. None when it is gone.

    Sent only when it differs from what was last sent for this incident and backend, and once after a start.
    """

    incident: str
    backend: str
    remote: Remote | None


class Stray(msgspec.Struct, frozen=True):
    """An open ticket of ours that no live incident stands behind, found by the audit.

    ``incident`` is the resolved incident it belonged to (a person opened it again), empty when we know of none (the
    state was lost): then ``remote.facts`` say what it was about. Making an incident of it is enough; delivery adopts
    the ticket. Reported at every audit while it is so.
    """

    backend: str
    remote: Remote
    incident: str


class DeliveryStats(msgspec.Struct):
    """Counters of one backend since the start."""

    created: int = 0
    applied: int = 0
    adopted: int = 0
    """Tickets found by correlation id instead of being created."""
    reopened: int = 0
    """Ended tickets of an earlier episode taken up again by policy."""
    superseded: int = 0
    """Wishes replaced by a newer one before they were sent."""
    not_sent: int = 0
    in_doubt: int = 0
    recreated: int = 0
    """Creates repeated after the window of uncertainty had passed."""
    rejected: int = 0
    unauthorised: int = 0
    unexpected: int = 0
    """Exceptions outside the adapter contract; the first of each kind is logged with its traceback."""
    waited: int = 0
    """Sends put off because a lost request for the same ticket may still arrive and say the opposite."""
    held: int = 0
    """Sends held back because the claim could not be made durable."""
    sent_undurably: int = 0
    """Sends in memory only, because the store has failed for long."""
    gone: int = 0
    moved: int = 0
    """Rows moved to an older ticket of the same fault."""
    twins_retired: int = 0
    strays: int = 0
    reads: int = 0
    audits: int = 0
    refreshed: int = 0
    """Open tickets told again to a backend that forgets them otherwise."""
