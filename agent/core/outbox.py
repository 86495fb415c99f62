"""The outbox row: what one backend should show for one incident, and how far we are with it.

The row stores the wish, not the event: one live row per (incident, backend), replaced by newer wishes. Its life::

    PENDING -> SENDING -> DONE            the server answered, and the answer says so
                      \\-> PENDING         provably not done, or a newer wish came while this one was sent
                      \\-> IN_DOUBT        it may have been done; only a search tells
                      \\-> REJECTED        provably not done, and a retry does not mend it: parked for a person
    IN_DOUBT -> PENDING                   found (with its ref), or absent for the whole window W (re-create)
    PENDING, IN_DOUBT -> REJECTED         refused already when looking

Invariants, which every function here keeps:

- ``sent_version <= claimed_version <= version``; DONE means ``sent_version == version``.
- A request that writes leaves only from SENDING, and the caller has made SENDING durable before its first byte.
- From SENDING without a ref (a create) nothing leads back to a second create but an error that proves that nothing was
  done, or IN_DOUBT for at least W with a search, begun after W, that found nothing.
- A wish is never dropped: a newer one waits as ``version`` > ``sent_version`` until the settle; then the row is due.

Policy, create and resolve both queued before anything was sent: the ticket is created and then resolved. The fault
happened, and the owner of the ITSM wants its record.

Policy, a doubtful ``apply`` (the ticket is known): it is read and applied again without waiting for W, because state is
idempotent and notes carry markers. Waiting would only hold back a resolve. But the lost request may still arrive, so
for W after it no request that moves the same ticket the other way may leave (``Late``): a resolve that arrives late
must not end a ticket that was reopened in between.

All times are timeline milliseconds; ``jitter`` is a random number in [0, 1) from the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from integrations.api import Ref, Remote, RemoteState, Ticket, TicketState

BACKOFF_FIRST_MS = 2_000
BACKOFF_CAP_MS = 300_000
RETRY_AFTER_CAP_MS = 3_600_000
ERROR_LIMIT = 500


class RowState(Enum):
    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    IN_DOUBT = "in_doubt"
    REJECTED = "rejected"


class Verb(Enum):
    """What was last claimed for the row."""

    NONE = "none"
    CREATE = "create"
    APPLY = "apply"


class Late(msgspec.Struct, frozen=True):
    """A lost request that may still arrive: the state it moves a ticket to, and when it was lost."""

    to: TicketState
    since: int


class OutboxError(Exception):
    """A transition was asked of a row in the wrong state: a programming error, never a backend's fault."""


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One wish and its progress. ``incident`` is the incident's id.

    ``revision`` grows by one with every transition; the store keeps the higher one, so an old copy never wins.
    ``attempts`` counts failures since the last success. ``due_at`` is the earliest next try. ``doubt_since`` is when
    the last doubtful create failed, None when no create is in doubt. ``recreated`` is set once W was waited out, so
    that the worker looks for a twin after the next create. ``moves_to`` is the state to which the claimed request moves
    an existing ticket, None when it only adds to it; ``late`` is the last such request that was lost. ``remote_state``
    is the state the backend showed last. ``gone`` is true from the loss of its ticket until it has another.
    """

    incident: str
    backend: str
    wish: Ticket
    version: int = 1
    state: RowState = RowState.PENDING
    verb: Verb = Verb.NONE
    claimed_version: int = 0
    sent_version: int = 0
    attempts: int = 0
    queued_at: int = 0
    due_at: int = 0
    doubt_since: int | None = None
    recreated: bool = False
    moves_to: TicketState | None = None
    late: Late | None = None
    ref: Ref | None = None
    remote_state: RemoteState | None = None
    gone: bool = False
    last_error: str = ""
    revision: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return (self.incident, self.backend)

    @property
    def unsettled(self) -> bool:
        """True while the backend is still owed something that will be tried without a person's help."""
        return self.state in (RowState.PENDING, RowState.SENDING, RowState.IN_DOUBT)

    @property
    def finished(self) -> bool:
        """True when the resolve was delivered: nothing more is ever sent for this row unless a new wish comes."""
        return self.state is RowState.DONE and self.wish.state is TicketState.RESOLVED


def backoff_ms(attempts: int, jitter: float) -> int:
    """Full jitter between 2 s and min(5 min, 2 s * 2^attempts). Never gives up."""
    ceiling = min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS << min(attempts, 16))
    return BACKOFF_FIRST_MS + int((ceiling - BACKOFF_FIRST_MS) * jitter)


def wish(row: OutboxRow | None, incident: str, backend: str, ticket: Ticket, now: int) -> OutboxRow:
    """The row that wants ``ticket``. The same object comes back when this is what the row wants already.

    The ticket keeps the correlation id and the environment of the first wish, whatever the configuration has become:
    with others the backend could not find it any more. The end of an incident whose ticket is gone is nothing to send.
    """
    if row is None:
        return OutboxRow(incident=incident, backend=backend, wish=ticket, queued_at=now, due_at=now)
    named = row.wish
    if (ticket.correlation_id, ticket.environment) != (named.correlation_id, named.environment):
        ticket = msgspec.structs.replace(ticket, correlation_id=named.correlation_id, environment=named.environment)
    if row.wish == ticket:
        return row
    newer = _next(row, wish=ticket, version=row.version + 1)
    if row.state is RowState.DONE:
        return _next(newer, state=RowState.PENDING, queued_at=now, due_at=now, attempts=0, revision=newer.revision)
    unsent = row.state in (RowState.REJECTED, RowState.PENDING) and row.doubt_since is None
    if row.gone and unsent and ticket.state is TicketState.RESOLVED:
        return _next(newer, state=RowState.DONE, sent_version=newer.version, last_error="", revision=newer.revision)
    if row.state is RowState.REJECTED:
        return _next(newer, **_unpark(row, now), queued_at=now, revision=newer.revision)
    return newer  # pending keeps its back-off; sending and in doubt settle first


def claim(row: OutboxRow) -> OutboxRow:
    """Before a write: commit what this returns, then send ``row.wish``."""
    _require(row, RowState.PENDING)
    verb = Verb.APPLY if row.ref is not None else Verb.CREATE
    return _next(row, state=RowState.SENDING, verb=verb, claimed_version=row.version, moves_to=moves(row.wish))


def moves(ticket: Ticket) -> TicketState | None:
    """The state to which applying this would move an existing ticket, if any."""
    if ticket.state is TicketState.RESOLVED:
        return TicketState.RESOLVED
    return TicketState.OPEN if ticket.reopen else None


def held_until(row: OutboxRow, others: Iterable[OutboxRow], window_ms: int) -> int | None:
    """Until when the row's wish must wait for a lost request for the same ticket that says the opposite.

    ``others`` are the rows of the backend; None when there is nothing to wait for.
    """
    wanted = moves(row.wish)
    ends = [
        other.late.since + window_ms
        for other in others
        if other.late is not None and other.ref is not None and row.ref is not None and other.ref.id == row.ref.id
        if wanted is not None and other.late.to is not wanted
    ]
    return max(ends, default=None)


def wait(row: OutboxRow, until: int) -> OutboxRow:
    """Due at that time, through no fault of its own."""
    _require(row, RowState.PENDING)
    return _next(row, due_at=until)


def created(row: OutboxRow, remote: Remote, now: int) -> OutboxRow:
    """The create was answered. Notes and a resolve are left to a following apply."""
    _require(row, RowState.SENDING)
    complete = row.version == row.claimed_version and not row.wish.notes and row.wish.state is TicketState.OPEN
    settled = _next(
        row,
        state=RowState.DONE if complete else RowState.PENDING,
        sent_version=row.claimed_version if complete else row.sent_version,
    )
    return _next(settled, **_attached(remote), due_at=now, revision=settled.revision)


def sent(row: OutboxRow, remote: Remote, now: int) -> OutboxRow:
    """The apply was answered: the ticket says what the claimed version wanted."""
    _require(row, RowState.SENDING)
    state = RowState.DONE if row.version == row.claimed_version else RowState.PENDING
    settled = _next(row, state=state, sent_version=row.claimed_version)
    return _next(settled, **_attached(remote), due_at=now, revision=settled.revision)


def not_sent(row: OutboxRow, now: int, reason: str, *, retry_after: float | None, jitter: float) -> OutboxRow:
    """Provably not done (or only a look that failed): due again after a back-off, not before the server's own time.

    A row in doubt stays in doubt: that a search did not get through says nothing about the create before it.
    """
    _require(row, RowState.PENDING, RowState.SENDING, RowState.IN_DOUBT)
    wait = backoff_ms(row.attempts, jitter)
    if retry_after is not None:
        wait = max(wait, min(RETRY_AFTER_CAP_MS, int(retry_after * 1000)))
    state = RowState.IN_DOUBT if row.state is RowState.IN_DOUBT else RowState.PENDING
    return _next(row, state=state, attempts=row.attempts + 1, due_at=now + wait, last_error=_text(reason))


def doubt(row: OutboxRow, now: int, reason: str, *, jitter: float) -> OutboxRow:
    """The write may have been done. For a create the window W begins anew."""
    _require(row, RowState.SENDING)
    return _next(
        row,
        state=RowState.IN_DOUBT,
        attempts=row.attempts + 1,
        doubt_since=now if row.verb is Verb.CREATE else None,
        late=Late(row.moves_to, now) if row.verb is Verb.APPLY and row.moves_to is not None else row.late,
        due_at=now + backoff_ms(0, jitter),
        last_error=_text(reason),
    )


def found(row: OutboxRow, remote: Remote, now: int) -> OutboxRow:
    """A search or read found the ticket: it is ours from here on, and the wish is applied to it."""
    _require(row, RowState.PENDING, RowState.IN_DOUBT)
    kept = _next(row, state=RowState.PENDING)
    return _next(kept, **_attached(remote), due_at=now, revision=kept.revision)


def absent(row: OutboxRow, searched_at: int, window_ms: int, *, jitter: float) -> OutboxRow:
    """A search begun at ``searched_at`` found nothing: re-create when the window was over then, else search again."""
    _require(row, RowState.IN_DOUBT)
    if row.doubt_since is None or searched_at - row.doubt_since >= window_ms:
        return _next(row, state=RowState.PENDING, doubt_since=None, recreated=True, due_at=searched_at)
    over = row.doubt_since + window_ms
    again = min(over, searched_at + backoff_ms(row.attempts, jitter))
    return _next(row, attempts=row.attempts + 1, due_at=max(again, searched_at + 1))


def gone(row: OutboxRow, now: int) -> OutboxRow:
    """The ticket was deleted or merged away. A resolve is thereby done; an open wish is parked until core decides."""
    _require(row, RowState.PENDING, RowState.IN_DOUBT, RowState.DONE)
    if row.wish.state is TicketState.RESOLVED:
        return _next(
            row, state=RowState.DONE, claimed_version=row.version, sent_version=row.version, ref=None, remote_state=None
        )
    text = "the ticket is gone at the backend (deleted or merged); incident.ticket_gone says what follows"
    return _next(
        row,
        state=RowState.REJECTED,
        ref=None,
        remote_state=None,
        gone=True,
        doubt_since=None,
        due_at=now,
        last_error=text,
    )


def moved(row: OutboxRow, remote: Remote, now: int) -> OutboxRow:
    """Point the row at another ticket (the audit keeps the oldest of two); the wish is applied to that one again."""
    _require(row, RowState.PENDING, RowState.DONE)
    kept = _next(row, state=RowState.PENDING, version=row.version + 1)
    return _next(kept, **_attached(remote), due_at=now, revision=kept.revision)


def seen(row: OutboxRow, remote: Remote) -> OutboxRow:
    """The ticket was read back. The same object comes back when nothing we keep has changed."""
    if row.remote_state is remote.state and row.ref == remote.ref:
        return row
    return _next(row, remote_state=remote.state, ref=remote.ref)


def rejected(row: OutboxRow, reason: str) -> OutboxRow:
    """Parked until a newer wish comes or a person asks for a retry. A doubt about an earlier create is kept."""
    _require(row, RowState.PENDING, RowState.SENDING, RowState.IN_DOUBT)
    return _next(row, state=RowState.REJECTED, attempts=row.attempts + 1, last_error=_text(reason))


def retry(row: OutboxRow, now: int) -> OutboxRow:
    """``tocsin outbox retry``: a parked row is tried again, a waiting one at once."""
    if row.state is RowState.REJECTED:
        return _next(row, **_unpark(row, now))
    if row.state in (RowState.PENDING, RowState.IN_DOUBT) and row.due_at > now:
        return _next(row, due_at=now)
    return row


def restart(row: OutboxRow, now: int) -> OutboxRow:
    """The row after a start of the process: what was being sent is in doubt; timers of a strange clock are bounded."""
    if row.state is RowState.SENDING:
        return doubt(row, now, "the agent stopped while this was being sent", jitter=0.0)
    due = min(row.due_at, now + RETRY_AFTER_CAP_MS)
    since = None if row.doubt_since is None else min(row.doubt_since, now)
    return row if (due, since) == (row.due_at, row.doubt_since) else _next(row, due_at=due, doubt_since=since)


def rebase(row: OutboxRow, delta_ms: int) -> OutboxRow:
    """The row after the timeline was moved by ``delta_ms``: no duration changes."""
    since = None if row.doubt_since is None else row.doubt_since + delta_ms
    late = None if row.late is None else Late(row.late.to, row.late.since + delta_ms)
    return _next(row, due_at=row.due_at + delta_ms, queued_at=row.queued_at + delta_ms, doubt_since=since, late=late)


def _attached(remote: Remote) -> dict[str, object]:
    return {
        "ref": remote.ref,
        "remote_state": remote.state,
        "gone": False,
        "attempts": 0,
        "doubt_since": None,
        "last_error": "",
    }


def _unpark(row: OutboxRow, now: int) -> dict[str, object]:
    state = RowState.IN_DOUBT if row.doubt_since is not None else RowState.PENDING
    return {"state": state, "due_at": now, "attempts": 0}


def _next(row: OutboxRow, **changes: object) -> OutboxRow:
    changes.setdefault("revision", row.revision + 1)
    return msgspec.structs.replace(row, **changes)


def _require(row: OutboxRow, *states: RowState) -> None:
    if row.state not in states:
        raise OutboxError(
            f"outbox row {row.incident} at {row.backend} is {row.state.value}; this needs {[s.value for s in states]}"
        )


def _text(reason: str) -> str:
    return " ".join(reason.split())[:ERROR_LIMIT]
