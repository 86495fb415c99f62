"""An ITSM in memory: keeps state, has no uniqueness, and fails on demand the way real ones do.

Assert on ``tickets`` at the end, not on calls.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from integrations.api import (
    Capabilities,
    Finding,
    InDoubt,
    NotSent,
    Ref,
    Rejected,
    Remote,
    RemoteState,
    Ticket,
    TicketState,
    Unauthorised,
)


class Fault(Enum):
    NONE = "none"
    REFUSED = "refused"
    RETRY_AFTER = "retry_after"
    LOST_REPLY = "lost_reply"
    """Done, but the answer does not arrive."""
    LATE = "late"
    """Done ``late_ms`` after the caller was told that there is no answer."""
    SERVER_ERROR = "server_error"
    """Not done, and the caller cannot know that."""
    UNAUTHORISED = "unauthorised"
    REJECTED = "rejected"
    BUG = "bug"
    """Done, and then the adapter breaks its contract."""
    HANG = "hang"


@dataclass
class Stored:
    id: int
    correlation_id: str
    episode: int
    environment: str
    ci_id: str
    title: str
    created_at: int
    state: RemoteState = RemoteState.NEW
    notes: list[str] = field(default_factory=list)
    owner: str = ""
    twin_of: str = ""
    ended_by_person: bool = False
    facts: dict[str, str] = field(default_factory=dict)


class FakeBackend:
    """An Integration. ``fault`` is asked before each call, by the name of the method."""

    def __init__(
        self, now: Callable[[], int], *, uncertainty: float = 120, search_lag_ms: int = 0, late_ms: int = 60_000,
        capabilities: Capabilities | None = None,
    ) -> None:  # fmt: skip
        self.name = "fake"
        self.capabilities = capabilities or Capabilities(uncertainty=uncertainty)
        self.tickets: dict[int, Stored] = {}
        self.calls: Counter[str] = Counter()
        self.times: list[tuple[str, int]] = []
        self.fault: Callable[[str], Fault] = lambda verb: Fault.NONE
        self.retry_after = 30.0
        self.late_ms = late_ms
        self.search_lag_ms = search_lag_ms
        self.latency = 0.0
        self._now = now
        self._late: list[tuple[int, Callable[[], object]]] = []

    # What the test looks at and does.

    @property
    def active(self) -> list[Stored]:
        self._catch_up()
        return [ticket for ticket in self.tickets.values() if ticket.state.active]

    def person(self, ticket_id: int, state: RemoteState) -> None:
        self.tickets[ticket_id].state = state
        self.tickets[ticket_id].ended_by_person = not state.active

    def plant(self, ticket: Ticket) -> Stored:
        """A ticket made behind the agent's back."""
        return self._create(ticket)

    # The Integration.

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        assert correlation_id
        return await self._serve("find", lambda: self._visible(lambda t: t.correlation_id == correlation_id))

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        def mine(ticket: Stored) -> bool:
            return ticket.state.active and (ticket.environment, ticket.ci_id) == (environment, ci_id)

        return await self._serve("list_open", lambda: self._visible(mine))

    async def create(self, ticket: Ticket) -> Remote:
        return await self._serve("create", lambda: _remote(self._create(ticket)))

    async def read(self, ref: Ref) -> Remote | None:
        def work() -> Remote | None:
            found = self.tickets.get(int(ref.id))
            return _remote(found) if found else None

        return await self._serve("read", work)

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        return await self._serve("apply", lambda: _remote(self._apply(ticket, remote)))

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        def work() -> Remote:
            stored = self.tickets[int(twin.ref.id)]
            stored.state, stored.twin_of = RemoteState.RESOLVED, keep.ref.id
            return _remote(stored)

        return await self._serve("retire_twin", work)

    async def doctor(self) -> Sequence[Finding]:
        return []

    async def aclose(self) -> None:
        return None

    # The server.

    def _create(self, ticket: Ticket) -> Stored:
        number = len(self.tickets) + 1
        stored = Stored(
            number, ticket.correlation_id, ticket.episode, ticket.environment, ticket.ci_id, ticket.title, self._now(),
            facts=dict(ticket.facts),
        )  # fmt: skip
        self.tickets[number] = stored
        return stored

    def _apply(self, ticket: Ticket, remote: Remote) -> Stored:
        stored = self.tickets[int(remote.ref.id)]
        stored.notes += [note.marker for note in ticket.notes if note.marker not in stored.notes]
        if ticket.state is TicketState.RESOLVED and stored.state.active:
            stored.state = RemoteState.RESOLVED
        elif ticket.state is TicketState.OPEN and ticket.reopen and stored.state is RemoteState.RESOLVED:
            stored.state, stored.ended_by_person = RemoteState.IN_PROGRESS, False
        return stored

    def _visible(self, which: Callable[[Stored], bool]) -> list[Remote]:
        seen_until = self._now() - self.search_lag_ms
        return [_remote(t) for t in self.tickets.values() if which(t) and t.created_at <= seen_until]

    async def _serve(self, verb: str, work: Callable[[], object]) -> object:
        self.calls[verb] += 1
        self.times.append((verb, self._now()))
        if self.latency:
            await asyncio.sleep(self.latency)
        self._catch_up()
        match self.fault(verb):
            case Fault.REFUSED:
                raise NotSent("connection refused")
            case Fault.RETRY_AFTER:
                raise NotSent("429 too many requests", self.retry_after)
            case Fault.LOST_REPLY:
                work()
                raise InDoubt("connection reset while reading the answer")
            case Fault.LATE:
                self._late.append((self._now() + self.late_ms, work))
                raise InDoubt("no answer in 15 s")
            case Fault.SERVER_ERROR:
                raise InDoubt("500 internal server error")
            case Fault.UNAUTHORISED:
                raise Unauthorised("401")
            case Fault.REJECTED:
                raise Rejected("400: field category: no such choice")
            case Fault.BUG:
                work()
                raise KeyError("surprise")
            case Fault.HANG:
                await asyncio.sleep(3600)
        return work()

    def _catch_up(self) -> None:
        due = [work for at, work in self._late if at <= self._now()]
        self._late = [(at, work) for at, work in self._late if at > self._now()]
        for work in due:
            work()


def _remote(stored: Stored) -> Remote:
    return Remote(
        ref=Ref(str(stored.id), f"INC{stored.id:05}"), correlation_id=stored.correlation_id, state=stored.state,
        raw_state=stored.state.value, episode=stored.episode, owner=stored.owner, created_at=stored.created_at,
        facts=dict(stored.facts),
    )  # fmt: skip
