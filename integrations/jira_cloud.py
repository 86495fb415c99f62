"""Jira Cloud and Jira Service Management Cloud through REST 3.

Descriptions and comments are Atlassian Documents. ``/search/jql`` gives ids unless told otherwise, no total, a token
for the next page, and lags behind what was written by seconds to minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from integrations import _jira
from integrations._adf import from_adf, to_adf
from integrations._http import Http
from integrations._jira_options import JiraOptions
from integrations._jira_rest import Issue
from integrations.api import Ports

_PER_PAGE = "100"
_PAGES = 10


class Options(JiraOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the Jira Cloud site is, and what its project calls things."""

    uncertainty: Annotated[
        int,
        Meta(
            ge=1_000,
            extra={"unit": "ms"},
            description="How long after a lost reply a ticket may still turn up. Only when it is over, and a search "
            "has found nothing, is a ticket created again; longer than the search index lags behind",
            examples=["7m"],
        ),
    ] = 420_000


def build(name: str, options: Options, ports: Ports) -> _jira.Jira:
    return _jira.build(name, options, ports, Cloud(), options.uncertainty)


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    issues: list[Issue]
    next_page_token: str | None = None
    is_last: bool = False


class Cloud:
    """The edition."""

    api = "/rest/api/3"
    product = "Cloud"

    def render(self, text: str, footer: str = "") -> object:
        return to_adf(text, footer)

    def size(self, rendered: object) -> int:
        return len(msgspec.json.encode(rendered).decode())

    def plain(self, rendered: object) -> str:
        return from_adf(rendered)

    async def search(self, http: Http, jql: str, params: Mapping[str, str]) -> list[Issue]:
        found: list[Issue] = []
        asked = {**params, "jql": jql, "maxResults": _PER_PAGE}
        for _ in range(_PAGES):
            page = (await http.get(f"{self.api}/search/jql", asked)).json(_Page)
            found += page.issues
            if page.is_last or not page.next_page_token or not page.issues:
                return found
            asked["nextPageToken"] = page.next_page_token
        return found
