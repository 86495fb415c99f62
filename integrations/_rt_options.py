"""The section of the configuration for a Request Tracker, and what must hold in it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from integrations._login import Auth
from integrations._session import Connection
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

    key: Annotated[str, Meta(description="Holds the correlation id; freeform, one value", examples=["DedupKey"])] = (
        "DedupKey"
    )
    impact: Annotated[str, Meta(description="Holds the impact; a choice of `impacts`", examples=["Impact"])] = "Impact"
    urgency: Annotated[str, Meta(description="Holds the urgency; a choice of `urgencies`", examples=["Urgency"])] = (
        "Urgency"
    )
    ci: Annotated[
        str,
        Meta(
            description="Holds name and identity of the CI; freeform, several values. The audit searches by it",
            examples=["CI"],
        ),
    ] = "CI"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the Request Tracker is, and what its queue calls things."""

    url: Annotated[
        str,
        Meta(
            description="Address of RT's start page; https, unless it is this machine",
            examples=["https://rt.example.net"],
        ),
    ]
    queue: Annotated[str, Meta(description="Name of the queue that receives the tickets", examples=["Operations"])]
    auth: Annotated[Auth, Meta(description="How to log in", examples=[{"token": {"credential": "rt-token"}}])]
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()
    fields: Annotated[Fields, Meta(description="Names of the queue's custom fields")] = Fields()
    impacts: Annotated[
        tuple[str, str, str],
        Meta(description="Choice of the field `impact` for 1, 2 and 3", examples=[["High", "Medium", "Low"]]),
    ] = ("1 - High", "2 - Medium", "3 - Low")
    urgencies: Annotated[
        tuple[str, str, str],
        Meta(description="Choice of the field `urgency` for 1, 2 and 3", examples=[["High", "Medium", "Low"]]),
    ] = ("1 - High", "2 - Medium", "3 - Low")
    priorities: Annotated[
        tuple[int, int, int, int], Meta(description="RT's number for P1, P2, P3 and P4", examples=[[100, 75, 50, 25]])
    ] = (100, 75, 50, 25)
    statuses: Annotated[
        dict[str, RemoteState],
        Meta(
            description="What each status of the queue's lifecycle means: new, in_progress, on_hold, resolved, closed "
            "or cancelled. Written, it must name every status",
            examples=[{"new": "new", "open": "in_progress", "waiting": "on_hold", "resolved": "resolved"}],
        ),
    ] = msgspec.field(default_factory=_DEFAULT_LIFECYCLE.copy)
    resolved_status: Annotated[
        str, Meta(description="Status set to resolve; `statuses` maps it to resolved", examples=["resolved"])
    ] = "resolved"
    reopen_status: Annotated[
        str, Meta(description="Status set to reopen; `statuses` maps it to new or in_progress", examples=["open"])
    ] = "open"
    deleted_status: Annotated[str, Meta(description="Status of a deleted ticket", examples=["deleted"])] = "deleted"
    requestor: Annotated[
        str,
        Meta(
            description="Address set as requestor of each ticket; RT may mail it. Empty: none",
            examples=["noc@example.net"],
        ),
    ] = ""
    link: Annotated[
        str,
        Meta(
            description="Page of a ticket; `{url}` and `{id}` are filled in",
            examples=["https://rt.example.net/Ticket/Display.html?id={id}"],
        ),
    ] = "{url}/Ticket/Display.html?id={id}"
    uncertainty: Annotated[
        int,
        Meta(
            ge=1_000,
            extra={"unit": "ms"},
            description="How long after a lost reply a ticket may still turn up. Only when it is over, and a search "
            "has found nothing, is a ticket created again; longer than the server's longest transaction",
            examples=["120s"],
        ),
    ] = 120_000


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
