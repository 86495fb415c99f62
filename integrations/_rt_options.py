"""The section of the configuration for a Request Tracker, and what must hold in it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from integrations._login import Auth
from integrations.api import RemoteState

_DEFAULT_LIFECYCLE = {
    "new": RemoteState.NEW,
    "open": RemoteState.IN_PROGRESS,
    "stalled": RemoteState.ON_HOLD,
    "resolved": RemoteState.RESOLVED,
    "rejected": RemoteState.CANCELLED,
}


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the queue's custom fields. All but ``key`` may be empty: then they are not written."""

    key: str = "DedupKey"
    impact: str = "Impact"
    urgency: str = "Urgency"
    ci: str = "CI"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The section of the configuration.

    ``impacts`` and ``urgencies`` give the choice for 1, 2 and 3, ``priorities`` the number for P1 to P4; ``statuses``
    says what each status of the queue's lifecycle means. In ``link``, ``{url}`` and ``{id}`` are filled in.
    ``uncertainty`` (ms) is how long after a lost reply a ticket may still turn up: only after it, and a search that
    finds nothing, is a ticket created again. It must be longer than the server's longest transaction.
    """

    url: str
    queue: str
    auth: Auth
    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    allow_plaintext: bool = False
    fields: Fields = Fields()
    impacts: tuple[str, str, str] = ("1 - High", "2 - Medium", "3 - Low")
    urgencies: tuple[str, str, str] = ("1 - High", "2 - Medium", "3 - Low")
    priorities: tuple[int, int, int, int] = (100, 75, 50, 25)
    statuses: dict[str, RemoteState] = msgspec.field(default_factory=_DEFAULT_LIFECYCLE.copy)
    resolved_status: str = "resolved"
    reopen_status: str = "open"
    deleted_status: str = "deleted"
    requestor: str = ""
    link: str = "{url}/Ticket/Display.html?id={id}"
    uncertainty: Annotated[int, Meta(ge=1_000, extra={"unit": "ms"})] = 120_000


def check(options: Options) -> None:
    """ValueError with a text for a person when the options contradict each other."""
    fields = options.fields
    if not options.queue:
        raise ValueError("queue is empty; name the queue that receives incidents")
    if not fields.key:
        raise ValueError("fields.key is empty; without a field for the correlation id a fault would open many tickets")
    for name in (fields.key, fields.impact, fields.urgency, fields.ci):
        if set(name) & set("'{}\\"):
            raise ValueError(
                f"the field name {name!r} has a quote, a brace or a backslash, which a search cannot carry"
            )
    endings = (RemoteState.RESOLVED,)
    openings = (RemoteState.NEW, RemoteState.IN_PROGRESS)
    for what, status, meanings in (
        ("resolved_status", options.resolved_status, endings),
        ("reopen_status", options.reopen_status, openings),
    ):
        if options.statuses.get(status) not in meanings:
            words = " or ".join(state.value for state in meanings)
            raise ValueError(f"{what} is {status!r}, which statuses does not map to {words}")
