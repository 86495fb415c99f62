"""Which of the tickets that a search found is the one for a row: look before you create."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum

import msgspec

from agent.core.outbox import OutboxRow, RowState
from integrations.api import Remote, RemoteState

CLOCK_SLACK_MS = 3_600_000
"""How far the backend's clock may be behind ours when we ask whether a ticket is from this episode."""


class Why(Enum):
    NONE = "none"
    ACTIVE = "active"
    SAME_EPISODE = "same_episode"
    REOPEN = "reopen"


class Choice(msgspec.Struct, frozen=True):
    """``keep`` is the ticket to take (None: create one), ``twins`` are further open ones of the same fault."""

    keep: Remote | None
    why: Why
    twins: tuple[Remote, ...] = ()


def choose(row: OutboxRow, found: Sequence[Remote], taken: Collection[str], *, can_reopen: bool) -> Choice:
    """The oldest open ticket of the fault; else the ended one of this very episode; else, by policy, the last resolved.

    ``taken`` are ids of tickets other rows stand for. An ended ticket with our episode number counts only when it is of
    this very episode: after a loss of state the numbers begin again, and an old ticket would swallow the fault. The
    time of opening in the ticket's footer tells; without a footer the time of creation; where the backend tells
    neither, it counts when we have tried to create one.
    """
    wish = row.wish
    ours = [r for r in found if r.correlation_id == wish.correlation_id and r.ref.id not in taken]
    active = sorted((r for r in ours if r.state.active), key=age)
    if active:
        return Choice(active[0], Why.ACTIVE, tuple(active[1:]))
    for remote in ours:
        if remote.episode == wish.episode and _of_this_episode(row, remote):
            return Choice(remote, Why.SAME_EPISODE)
    resolved = sorted((r for r in ours if r.state is RemoteState.RESOLVED), key=age)
    if wish.reopen and can_reopen and resolved:
        return Choice(resolved[-1], Why.REOPEN)
    return Choice(None, Why.NONE)


def age(remote: Remote) -> tuple[int, int, str]:
    """Sort key: oldest first, by time where the backend tells, then by number."""
    digits = "".join(c for c in (remote.ref.number or remote.ref.id) if c.isdecimal())[-18:]
    return (remote.created_at or 0, int(digits or 0), remote.ref.id)


def _of_this_episode(row: OutboxRow, remote: Remote) -> bool:
    theirs, ours = remote.facts.get("opened_at"), row.wish.facts.get("opened_at")
    if theirs is not None and ours is not None:
        return theirs == ours
    if remote.created_at is None:
        return row.state is RowState.IN_DOUBT
    return remote.created_at >= row.wish.opened_at - CLOCK_SLACK_MS
