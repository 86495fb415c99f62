"""Jira Data Center, with Jira Service Management or without, through REST 2.

Descriptions and comments are wiki markup. Each node has an index of its own, which may lag behind the others'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from integrations import _jira
from integrations._http import Http
from integrations._jira_options import JiraOptions
from integrations._jira_rest import Issue
from integrations._wiki import to_wiki
from integrations.api import Ports

_PER_PAGE = 100
_PAGES = 10


class Options(JiraOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the Jira Data Center is, and what its project calls things."""

    uncertainty: Annotated[
        int,
        Meta(
            ge=1_000,
            extra={"unit": "ms"},
            description="How long after a lost reply a ticket may still turn up. Only when it is over, and a search "
            "has found nothing, is a ticket created again; longer than the slowest node's index lags behind",
            examples=["120s"],
        ),
    ] = 120_000


def build(name: str, options: Options, ports: Ports) -> _jira.Jira:
    return _jira.build(name, options, ports, DataCenter(), options.uncertainty)


class _Page(msgspec.Struct, frozen=True):
    issues: list[Issue]
    total: int


class DataCenter:
    """The edition."""

    api = "/rest/api/2"
    product = "Data Center"

    def render(self, text: str, footer: str = "") -> str:
        return to_wiki(text, footer)

    def size(self, rendered: object) -> int:
        return len(str(rendered))

    def plain(self, rendered: object) -> str:
        return rendered.replace("\r\n", "\n") if isinstance(rendered, str) else ""

    async def search(self, http: Http, jql: str, params: Mapping[str, str]) -> list[Issue]:
        """Rows may shift between pages, so one that came twice counts once."""
        found: dict[str, Issue] = {}
        asked = {**params, "jql": jql, "maxResults": str(_PER_PAGE)}
        seen = 0
        for _ in range(_PAGES):
            page = (await http.get(f"{self.api}/search", {**asked, "startAt": str(seen)})).json(_Page)
            found |= {issue.id: issue for issue in page.issues}
            seen += len(page.issues)
            if not page.issues or seen >= page.total:
                return list(found.values())
        return list(found.values())
