"""The section of the configuration for ServiceNow, and what must hold in it."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from integrations._login import Auth
from integrations._session import Connection
from integrations.api import RemoteState

_DEFAULT_STATES = {
    "1": RemoteState.NEW,
    "2": RemoteState.IN_PROGRESS,
    "3": RemoteState.ON_HOLD,
    "6": RemoteState.RESOLVED,
    "7": RemoteState.CLOSED,
    "8": RemoteState.CANCELLED,
}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the instance is, and what its incidents call things."""

    url: Annotated[str, Meta(description="Address of the instance", examples=["https://example.service-now.com"])]
    auth: Annotated[
        Auth,
        Meta(
            description="How to log in; `oauth` gets its tokens at `/oauth_token.do` of the instance",
            examples=[{"oauth": {"client_id": "5f2c0b7e", "client_secret": {"credential": "servicenow-client"}}}],
        ),
    ]
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()
    source: Annotated[
        str,
        Meta(
            description="Written to `correlation_display`; names this monitoring in the instance", examples=["tocsin"]
        ),
    ] = "tocsin"
    caller: Annotated[
        str,
        Meta(
            description="Caller where the incident names none: a user name or a sys_id. Empty: none",
            examples=["svc.tocsin"],
        ),
    ] = ""
    assignment_group: Annotated[
        str,
        Meta(
            description="Group where the incident names none: its name or sys_id. Empty: none",
            examples=["Linux Operations"],
        ),
    ] = ""
    categories: Annotated[
        dict[str, str],
        Meta(
            description="Stored value of the choice for a category of Tocsin's; others are written as they are",
            examples=[{"storage": "hardware"}],
        ),
    ] = {}
    impacts: Annotated[
        tuple[str, str, str], Meta(description="Stored value of impact 1, 2 and 3", examples=[["1", "2", "3"]])
    ] = ("1", "2", "3")
    urgencies: Annotated[
        tuple[str, str, str], Meta(description="Stored value of urgency 1, 2 and 3", examples=[["1", "2", "3"]])
    ] = ("1", "2", "3")
    extra: Annotated[
        dict[str, str],
        Meta(
            description="Fields written as they are at creation, such as those your instance makes mandatory",
            examples=[{"contact_type": "monitoring", "u_region": "emea"}],
        ),
    ] = {}
    states: Annotated[
        dict[str, RemoteState],
        Meta(
            description="What each stored value of `state` means: new, in_progress, on_hold, resolved, closed or "
            "cancelled. Written, it must name every state",
            examples=[{"1": "new", "2": "in_progress", "6": "resolved", "7": "closed"}],
        ),
    ] = msgspec.field(default_factory=_DEFAULT_STATES.copy)
    resolved_state: Annotated[
        str, Meta(description="State set to resolve; `states` maps it to resolved", examples=["6"])
    ] = "6"
    reopen_state: Annotated[
        str, Meta(description="State set to reopen; `states` maps it to new or in_progress", examples=["2"])
    ] = "2"
    close_code: Annotated[
        str,
        Meta(description="Resolution code set to resolve, as the instance stores it", examples=["Solution provided"]),
    ] = "Solution provided"
    close_codes: Annotated[
        dict[str, str],
        Meta(
            description="Another `close_code` for a resolution code of Tocsin's",
            examples=[{"recovered": "No resolution provided"}],
        ),
    ] = {}
    duplicate_close_code: Annotated[
        str, Meta(description="Resolution code of a second incident of one fault", examples=["Duplicate"])
    ] = "Duplicate"
    description_limit: Annotated[
        int, Meta(ge=1000, le=65_000, description="Length of the column `description` in characters", examples=[4000])
    ] = 4000
    link: Annotated[
        str,
        Meta(
            description="Page of an incident; `{url}` and `{id}` are filled in",
            examples=["https://example.service-now.com/now/nav/ui/classic/params/target/incident.do%3Fsys_id%3D{id}"],
        ),
    ] = "{url}/nav_to.do?uri=incident.do%3Fsys_id%3D{id}"
    uncertainty: Annotated[
        int,
        Meta(
            ge=1_000,
            extra={"unit": "ms"},
            description="How long after a lost reply an incident may still turn up. Only when it is over, and a search "
            "has found nothing, is one created again; longer than the instance's longest transaction",
            examples=["120s"],
        ),
    ] = 120_000


_OURS = frozenset({"correlation_id", "correlation_display", "state", "description", "short_description", "work_notes"})


def check(options: Options) -> None:
    """ValueError with a text for a person when the options contradict each other."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}", options.source):
        raise ValueError("source may have letters, digits, blanks, '.', '_' and '-', at most 100, and is not empty")
    for state in options.states:
        if not re.fullmatch(r"-?[0-9]{1,6}", state):
            raise ValueError(f"states has {state!r}; a state is a number as the instance stores it, such as '6'")
    openings = (RemoteState.NEW, RemoteState.IN_PROGRESS)
    for what, state, meanings in (
        ("resolved_state", options.resolved_state, (RemoteState.RESOLVED,)),
        ("reopen_state", options.reopen_state, openings),
    ):
        if options.states.get(state) not in meanings:
            words = " or ".join(meaning.value for meaning in meanings)
            raise ValueError(f"{what} is {state!r}, which states does not map to {words}")
    if not options.close_code or not options.duplicate_close_code:
        raise ValueError("close_code and duplicate_close_code may not be empty; without one nothing can be resolved")
    for name in options.extra:
        if name in _OURS or not re.fullmatch(r"[a-z][a-z0-9_]{0,79}", name):
            raise ValueError(f"extra has {name!r}, which is no column's name, or one that Tocsin writes itself")
