"""The section of the configuration for a Jira project, Cloud or Data Center, and what must hold in it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from integrations._login import Auth
from integrations._session import Connection
from integrations.api import RemoteState

_STATUSES = {
    "Pending": RemoteState.ON_HOLD,
    "On Hold": RemoteState.ON_HOLD,
    "Waiting for customer": RemoteState.ON_HOLD,
    "Closed": RemoteState.CLOSED,
    "Canceled": RemoteState.CANCELLED,
    "Cancelled": RemoteState.CANCELLED,
    "Declined": RemoteState.CANCELLED,
    "Rejected": RemoteState.CANCELLED,
    "Won't Do": RemoteState.CANCELLED,
}
_RESOLUTIONS = {
    "Won't Do": RemoteState.CANCELLED,
    "Won't Fix": RemoteState.CANCELLED,
    "Declined": RemoteState.CANCELLED,
    "Duplicate": RemoteState.CANCELLED,
}
_FieldSets = dict[str, dict[str, Any]]


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ids of custom fields (`customfield_10042`); an empty one is not written and not read."""

    impact: Annotated[
        str, Meta(description="Select list for the impact; a choice of `impacts`", examples=["customfield_10004"])
    ] = ""
    urgency: Annotated[
        str, Meta(description="Select list for the urgency; a choice of `urgencies`", examples=["customfield_10044"])
    ] = ""
    ci: Annotated[str, Meta(description="Single-line text for the name of the CI", examples=["customfield_10101"])] = ""
    ci_id: Annotated[
        str, Meta(description="Single-line text for the identity of the CI", examples=["customfield_10102"])
    ] = ""
    group: Annotated[
        str,
        Meta(
            description="Field that is read as the assignment group; `groups` says what is written",
            examples=["customfield_10103"],
        ),
    ] = ""


class JiraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the Jira is, and what its project calls things."""

    url: Annotated[
        str,
        Meta(
            description="Address of Jira's start page; https, unless it is this machine",
            examples=["https://example.atlassian.net", "https://jira.example.net"],
        ),
    ]
    project: Annotated[
        str,
        Meta(
            description="Key of the project that receives the tickets",
            examples=["OPS"],
            pattern="^[A-Za-z][A-Za-z0-9_]*$",
        ),
    ]
    auth: Annotated[
        Auth,
        Meta(
            description="How to log in: Cloud takes `basic` with an e-mail address and an API token, Data Center a "
            "personal access token as `token`",
            examples=[{"token": {"credential": "jira-token"}}],
        ),
    ]
    issue_type: Annotated[
        str, Meta(description="Name of the issue type, or its number", examples=["Incident", "[System] Incident"])
    ] = "Incident"
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()
    fields: Annotated[Fields, Meta(description="Ids of custom fields")] = Fields()
    impacts: Annotated[
        tuple[str, str, str],
        Meta(description="Choice of the field `impact` for 1, 2 and 3", examples=[["High", "Medium", "Low"]]),
    ] = ("Extensive / Widespread", "Significant / Large", "Moderate / Limited")
    urgencies: Annotated[
        tuple[str, str, str],
        Meta(description="Choice of the field `urgency` for 1, 2 and 3", examples=[["Critical", "High", "Low"]]),
    ] = ("High", "Medium", "Low")
    priorities: Annotated[
        tuple[str, str, str, str],
        Meta(
            description="Jira's priority for P1, P2, P3 and P4, by name or number. An empty one is not written",
            examples=[["Blocker", "High", "Medium", "Low"]],
        ),
    ] = ("Highest", "High", "Medium", "Low")
    extra: Annotated[
        dict[str, Any],
        Meta(
            description="Fields that every ticket is opened with, as Jira's API writes them: what the project makes "
            "mandatory, a request type, components",
            examples=[{"customfield_10010": "54", "components": [{"name": "Servers"}]}],
        ),
    ] = {}
    groups: Annotated[
        _FieldSets,
        Meta(
            description="Fields that an assignment group stands for. One that is not named sets nothing",
            examples=[{"Network": {"customfield_10103": {"name": "net-ops"}, "components": [{"name": "Network"}]}}],
        ),
    ] = {}
    categories: Annotated[
        _FieldSets,
        Meta(
            description="Fields that a category, or a category and subcategory `A/B`, stands for; both apply",
            examples=[{"System": {"customfield_10104": {"value": "Infrastructure"}}}],
        ),
    ] = {}
    services: Annotated[
        _FieldSets,
        Meta(
            description="Fields that a service stands for",
            examples=[{"shop": {"customfield_10105": [{"id": "a1b2:1"}]}}],
        ),
    ] = {}
    callers: Annotated[
        _FieldSets,
        Meta(
            description="Fields that a caller stands for",
            examples=[{"noc": {"reporter": {"accountId": "5b10ac8d82e05b22cc7d4ef5"}}}],
        ),
    ] = {}
    statuses: Annotated[
        dict[str, RemoteState],
        Meta(
            description="What a status means, by its name whatever its case: new, in_progress, on_hold, resolved, "
            "closed or cancelled. One that is not named means what its category says: new, in_progress or resolved",
            examples=[{"Pending": "on_hold", "Closed": "closed", "Canceled": "cancelled"}],
        ),
    ] = msgspec.field(default_factory=_STATUSES.copy)
    resolutions: Annotated[
        dict[str, RemoteState],
        Meta(
            description="What a resolution means on a status that would be resolved, by its name whatever its case",
            examples=[{"Won't Do": "cancelled"}],
        ),
    ] = msgspec.field(default_factory=_RESOLUTIONS.copy)
    resolve_transition: Annotated[
        str,
        Meta(
            description="Name or number of the transition that resolves. Empty: the first whose target is resolved",
            examples=["Resolve this issue"],
        ),
    ] = ""
    resolve_by_way_of: Annotated[
        tuple[str, ...],
        Meta(
            description="Transitions taken where none resolves yet, by name or number",
            examples=[["Start progress"]],
        ),
    ] = ()
    reopen_transition: Annotated[
        str,
        Meta(
            description="Name or number of the transition that reopens. Empty: the first whose target is new or in "
            "progress",
            examples=["Reopen"],
        ),
    ] = ""
    resolution: Annotated[
        str, Meta(description="Resolution set where the resolving transition asks for one", examples=["Fixed"])
    ] = "Done"
    resolution_codes: Annotated[
        dict[str, str],
        Meta(description="Resolution for one of Tocsin's resolution codes", examples=[{"Recovered": "Fixed"}]),
    ] = {}
    resolve_fields: Annotated[
        dict[str, Any],
        Meta(
            description="Other fields that the resolving transition asks for, as Jira's API writes them",
            examples=[{"customfield_10106": {"value": "Software"}}],
        ),
    ] = {}
    link_type: Annotated[
        str, Meta(description="Name of the link from a second ticket of one fault to the one that is kept")
    ] = "Duplicate"
    link: Annotated[
        str,
        Meta(
            description="Page of a ticket; `{url}` and `{key}` are filled in",
            examples=["https://example.atlassian.net/browse/{key}"],
        ),
    ] = "{url}/browse/{key}"


def check(options: JiraOptions) -> None:
    """ValueError with a text for a person when the options contradict each other."""
    if not options.issue_type.strip():
        raise ValueError("issue_type is empty; name the issue type that tickets are opened as")
    for sets, name in (
        ({"": options.extra}, "extra"),
        (options.groups, "groups"),
        (options.categories, "categories"),
        (options.services, "services"),
        (options.callers, "callers"),
    ):
        for fields in sets.values():
            for field in {"project", "issuetype", "summary", "description", "labels"} & set(fields):
                raise ValueError(f"{name} sets the field {field!r}, which is ours to write; take it out")
    if "resolution" in options.resolve_fields:
        raise ValueError("resolve_fields sets 'resolution'; write it as the option resolution")
    meanings = folded(options.resolutions)
    for resolution in (options.resolution, *options.resolution_codes.values()):
        meaning = meanings.get(resolution.casefold(), RemoteState.RESOLVED)
        if meaning is not RemoteState.RESOLVED:
            raise ValueError(
                f"resolution {resolution!r} is one of those we resolve with, and resolutions says it means"
                f" {meaning.value}; choose another, or correct resolutions"
            )


def folded(table: dict[str, RemoteState]) -> dict[str, RemoteState]:
    """The table with its names in lower case."""
    return {name.strip().casefold(): state for name, state in table.items()}
