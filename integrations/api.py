"""What an integration is: it receives the ticket we want to exist, makes the server agree, and says what stands there.

An adapter is one file in this package (or one entry point in the group ``tocsin.integrations``). The module offers::

    class Options(msgspec.Struct, ...)  its section of the configuration, frozen, unknown fields forbidden
    def build(name: str, options: Options, ports: Ports) -> Integration   # validates, no I/O

An adapter translates. It does not retry, sleep, choose timeouts, keep state between calls or catch library errors:
delivery (in the agent) does the first three, ``integrations/_http.py`` turns every failure into one of the errors
below.
Each method is safe to call again with the same arguments after a crash at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from integrations._desk_model import (
    BadInput,
    DeskBook,
    DeskError,
    DeskEvent,
    DeskNote,
    DeskPage,
    DeskTicket,
    NoSuchTicket,
    WrongState,
)
from integrations._footer import Footer, parse_footer, render_footer
from integrations._registry import Adapter, PluginError, available, load

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")


class IntegrationError(Exception):
    """Root of everything an adapter may raise.

        IntegrationError
         +- NotSent        provably not done: no byte of the request left, or the server refused for now (429, or 503
         |                 with Retry-After), or the call was only a read
         +- InDoubt        it may have been done: the reply was lost, late, cut, or not what the server's API would say
         +- Rejected       provably not done and will not be until somebody changes something: 400, 404, 409, 422, a
         |   |             refused field
         |   +- SchemaDrift    the server no longer has the field, state or choice we rely on
         +- Unauthorised   provably not done: 401 or 403; the backend is paused and its credential read again

    The text is for a person: what was asked, what the server said (redacted, at most 500 characters), and the mend.
    """


class NotSent(IntegrationError):
    """Provably not done; try again, not before ``retry_after`` seconds when the server named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InDoubt(IntegrationError):
    """May or may not have been done; only a search may tell."""


class Rejected(IntegrationError):
    """Refused for a reason that a retry does not mend."""


class SchemaDrift(Rejected):
    """A field, state or choice we rely on is not there (any more)."""


class Unauthorised(IntegrationError):
    """The credential or its rights do not suffice."""


class TicketState(Enum):
    """What we want the ticket to say. We resolve, we never close."""

    OPEN = "open"
    RESOLVED = "resolved"


class RemoteState(Enum):
    """What the ticket says, in ITIL's words, whatever the product calls it."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """True while somebody still has to do something about the ticket."""
        return self in (RemoteState.NEW, RemoteState.IN_PROGRESS, RemoteState.ON_HOLD)


class Note(msgspec.Struct, frozen=True):
    """A work note.

    ``marker`` (``[a-z0-9-/]``, unique within the ticket) is posted with the text, so that a note is never posted twice.
    """

    marker: str
    text: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The ticket we want one backend to show for one incident. Text is plain UTF-8 without control characters.

    ``correlation_id`` is ``toc-`` and 32 lower-case hex digits and is the same for every episode of the fault;
    ``episode`` counts from 1. ``impact`` and ``urgency`` are 1 (high) to 3 (low), ``priority`` 1 (P1) to 4 (P4).
    ``notes`` are all notes of the episode, oldest first; the adapter posts those not yet there. ``facts`` is the
    machine-readable footer the body ends with, from which a lost state can be rebuilt. ``title`` and ``body`` are
    written at creation and then left to people; everything later is a note.
    """

    correlation_id: str
    episode: int
    state: TicketState
    title: str
    body: str
    impact: int
    urgency: int
    priority: int
    opened_at: int
    ci: str
    ci_id: str
    environment: str
    category: str = ""
    subcategory: str = ""
    service: str = ""
    assignment_group: str = ""
    caller: str = ""
    notes: tuple[Note, ...] = ()
    resolution_code: str = ""
    resolution_text: str = ""
    reopen: bool = False
    facts: dict[str, str] = {}


class Ref(msgspec.Struct, frozen=True):
    """Where a ticket is: the backend's id, the number people use, and the page to open (may be empty)."""

    id: str
    number: str = ""
    url: str = ""


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as the backend shows it now. Empty or None where the backend does not tell."""

    ref: Ref
    correlation_id: str
    state: RemoteState
    raw_state: str
    episode: int | None = None
    owner: str = ""
    assignment_group: str = ""
    impact: int | None = None
    urgency: int | None = None
    priority: int | None = None
    created_at: int | None = None
    updated_at: int | None = None
    facts: dict[str, str] = {}


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What the backend can and cannot do.

    ``uncertainty`` is the window W in seconds after which a search that finds nothing proves that a doubtful create did
    not happen: 0 with a server-side key, 120 where search reads its own writes, 420 where search lags.

    Some backends only take messages: they cannot be searched or read back (``readable`` is False). There ``find``,
    ``list_open`` and ``read`` answer from the agent's own book of what it sent, ask the server nothing, and so prove
    neither that it is reachable nor what people did. What happens in doubt depends on ``idempotent``: with a key by
    which the server folds repetitions the same request is simply sent again; without one, an opening, a reopening and
    an end are sent again and say that they are a repetition, and a note is not sent again (at most once).
    """

    uncertainty: float
    can_reopen: bool = True
    title_limit: int = 255
    body_limit: int = 65535
    note_limit: int = 65535
    """0: the backend takes no notes."""
    readable: bool = True
    idempotent: bool = True
    """Only looked at where not ``readable``."""
    refresh: float = 0.0
    """Seconds after which an open ticket must be told again, because the backend forgets it otherwise; 0: never.
    Delivery then calls ``apply`` this often; what it sends is idempotent and expires by itself."""
    rate: float = 0.0
    """Most calls per second that the product allows; 0: delivery's own limit is enough."""
    burst: int = 0
    """Most calls at once, where ``rate`` is given."""


class Finding(msgspec.Struct, frozen=True):
    """One thing ``doctor`` looked at: what it was, whether it is well, and the mend when it is not."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


class Integration(Protocol):
    """One ITSM. Every method may raise the errors above; ``find``, ``list_open`` and ``read`` never change anything."""

    name: str
    capabilities: Capabilities

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        """Every ticket with this correlation id, in any state, oldest first; each re-checked here to carry it."""
        ...

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        """Every active ticket that Tocsin opened for this CI, ``facts`` filled; for the audit."""
        ...

    async def create(self, ticket: Ticket) -> Remote:
        """Open the ticket with its correlation id in the same request, and verify that the id was really stored.

        The caller has searched first. Notes and the resolved state are left to a following ``apply``.
        """
        ...

    async def read(self, ref: Ref) -> Remote | None:
        """The ticket now, or None when it is deleted or merged away (missing rights are Unauthorised, not None)."""
        ...

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        """Make an existing ticket agree: post missing notes, then the state. ``remote`` is a fresh read of it.

        Resolving what a person already resolved, closed or cancelled is success. ``ticket.reopen`` is set when policy
        wants a resolved ticket open again; without it a ticket a person ended is left alone. Fields people may have
        changed (owner, group, priority) are never written after creation.
        """
        ...

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        """Link a second open ticket of one fault to the one that is kept, say so in a note, and resolve it."""
        ...

    async def doctor(self) -> Sequence[Finding]:
        """Reach, login, rights, fields, states; read-only."""
        ...

    async def aclose(self) -> None: ...


class Secret:
    """A secret that cannot print itself. Only ``reveal`` gives the text; keep the result out of every message."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not serialised")


class CredentialRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret by reference: ``{credential: NAME}``; the service manager (``LoadCredential=``) or a file has it."""

    credential: str


class Database(Protocol):
    """The agent's SQLite, for an integration that keeps its book there."""

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` in one transaction on the one writer: committed when it returns, rolled back when it raises.

        NotSent when the disk takes nothing now.
        """
        ...


def _not_noted(_name: str, _ends: float) -> None:
    """Nobody asked."""


class Ports(msgspec.Struct, frozen=True):
    """What the agent lends an adapter at build time."""

    credential: Callable[[str], Secret]
    """The secret of this name, read anew at each call, so that a rotated one is picked up; raises Unauthorised."""
    database: Database
    now: Callable[[], int]
    """Milliseconds since the epoch."""
    deadline: float = 15.0
    """Seconds one request may take in all."""
    certificate: Callable[[str, float], None] = _not_noted
    """Told by the HTTP door after each TLS handshake: the integration's name, and when the certificate of its server
    ends, in seconds since the epoch."""


__all__ = [
    "Adapter",
    "BadInput",
    "Capabilities",
    "CredentialRef",
    "Database",
    "DeskBook",
    "DeskError",
    "DeskEvent",
    "DeskNote",
    "DeskPage",
    "DeskTicket",
    "Finding",
    "Footer",
    "InDoubt",
    "Integration",
    "IntegrationError",
    "NoSuchTicket",
    "NotSent",
    "Note",
    "PluginError",
    "Ports",
    "Ref",
    "Rejected",
    "Remote",
    "RemoteState",
    "SchemaDrift",
    "Secret",
    "Ticket",
    "TicketState",
    "Unauthorised",
    "WrongState",
    "available",
    "load",
    "parse_footer",
    "render_footer",
]
