"""What we say to Jira and what it says back: the calls both editions share, and the shapes of their replies.

Source: the REST API of Jira Cloud (version 3) and of Jira Data Center (version 2). They differ in their path, in how
text is written, and in how a search is asked; that is an ``Edition``. Every read is a GET.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

import msgspec

from integrations._http import Http, Reply, segment
from integrations._text import clean_line, cut
from integrations.api import NotSent, Rejected, SchemaDrift, Unauthorised

PROPERTY = "tocsin"
"""The issue property that holds the footer, so that it outlives an edited description."""
SUMMARY_LIMIT = 255
TEXT_LIMIT = 32_767
_NAME_LIMIT = 255
"""Longer than any status, key or transition that Jira takes."""
_COMMENTS = 10
"""Ten comments of full length stay within what the door reads of a reply."""
_PAGES = 100


_Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}\Z")]
"""An id of an issue or a comment."""


class Named(msgspec.Struct, frozen=True):
    """A status, priority, user or choice. Which of the names is there depends on the kind."""

    id: str = ""
    name: str = ""
    value: str = ""
    shown: str = msgspec.field(name="displayName", default="")


class _Category(msgspec.Struct, frozen=True):
    key: str = ""


class Status(msgspec.Struct, frozen=True):
    """``category.key`` is ``new``, ``indeterminate`` or ``done`` in every language."""

    name: str
    category: _Category = msgspec.field(name="statusCategory", default=_Category())


class _Other(msgspec.Struct, frozen=True):
    id: str = ""


class _Link(msgspec.Struct, frozen=True):
    inward: _Other | None = msgspec.field(name="inwardIssue", default=None)
    outward: _Other | None = msgspec.field(name="outwardIssue", default=None)


class _Property(msgspec.Struct, frozen=True):
    footer: str = ""


class Issue(msgspec.Struct, frozen=True):
    """An issue; ``fields`` are the ones that were asked for, as they came."""

    id: _Number
    key: str
    fields: dict[str, Any]
    properties: dict[str, Any] | None = None

    @property
    def status(self) -> Status:
        return msgspec.convert(self.fields["status"], Status)

    @property
    def labels(self) -> Sequence[str]:
        labels = self.fields.get("labels")
        return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []

    def named(self, field: str) -> Named:
        """A field that is an object; all names empty when it is not there or is something else."""
        try:
            return msgspec.convert(self.fields.get(field) or {}, Named)
        except msgspec.ValidationError:
            return Named()

    def text(self, field: str) -> str:
        value = self.fields.get(field)
        return value if isinstance(value, str) else ""

    @property
    def footer_text(self) -> str:
        try:
            return msgspec.convert((self.properties or {}).get(PROPERTY) or {}, _Property).footer
        except msgspec.ValidationError:
            return ""

    @property
    def linked(self) -> set[str]:
        """Ids of the issues it is linked to, either way."""
        links = msgspec.convert(self.fields.get("issuelinks") or [], list[_Link])
        return {other.id for link in links for other in (link.inward, link.outward) if other}


class TransitionField(msgspec.Struct, frozen=True, rename="camel"):
    required: bool = False
    name: str = ""
    has_default_value: bool = False
    allowed_values: list[Named] = []


class Transition(msgspec.Struct, frozen=True):
    """A way out of the status an issue is in now; ``fields`` are those of its screen."""

    id: str
    name: str
    to: Status
    fields: dict[str, TransitionField] = {}

    def is_called(self, wanted: str) -> bool:
        return wanted == self.id or wanted.strip().lower() == self.name.strip().lower()


class _Transitions(msgspec.Struct, frozen=True):
    transitions: list[Transition]


class _Created(msgspec.Struct, frozen=True):
    id: _Number


class _Comment(msgspec.Struct, frozen=True):
    body: Any = None


class _Comments(msgspec.Struct, frozen=True):
    comments: list[_Comment]
    total: int = 0


class _Refusal(msgspec.Struct, frozen=True):
    errors: dict[str, Any] = {}


class Edition(Protocol):
    """Where Cloud and Data Center differ."""

    api: str
    product: str

    def render(self, text: str, footer: str = "") -> object:
        """Text as a description or a comment."""
        ...

    def size(self, rendered: object) -> int:
        """Its length in characters as it is sent, which is never less than what Jira's limit counts."""
        ...

    def plain(self, rendered: object) -> str:
        """The text of a description or a comment; what cannot be understood is left out."""
        ...

    async def search(self, http: Http, jql: str, params: Mapping[str, str]) -> list[Issue]:
        """Every issue that matches, in the order of the query."""
        ...


class JiraRest:
    """The calls. Errors are those of ``Http``, plus what only Jira's words tell."""

    def __init__(self, http: Http, edition: Edition, project: str, fields: Sequence[str]) -> None:
        self._http = http
        self._edition = edition
        self._api = edition.api
        self._project = project
        self._wanted = {"fields": ",".join(fields), "properties": PROPERTY}

    async def search(self, jql: str) -> list[Issue]:
        """What the index knows, which may be of some time ago: read an issue before relying on it."""
        found = await self._edition.search(self._http, jql, {"fields": "status,labels"})
        return [checked(issue) for issue in found]

    async def read(self, issue_id: str) -> Issue | None:
        """The issue as it stands now, past any index; None when there is none of this id."""
        reply = await self._http.get(f"{self._api}/issue/{segment(issue_id)}", self._wanted, accept=(404,))
        if reply.status == 404:
            await self._still_welcome()
            return None
        issue = reply.json(Issue)
        try:
            return checked(issue)
        except NotSent as error:
            raise reply.unexpected(str(error)) from None

    async def create(self, fields: Mapping[str, object], footer: str) -> str:
        """The id of the new issue."""
        payload = {"fields": fields, "properties": [{"key": PROPERTY, "value": {"footer": footer}}]}
        reply = await self._write("POST", "/issue", payload, 201)
        return reply.json(_Created).id

    async def add_label(self, issue_id: str, label: str) -> None:
        await self._write("PUT", f"/issue/{segment(issue_id)}", {"update": {"labels": [{"add": label}]}}, 204)

    async def last_lines(self, issue_id: str) -> set[str]:
        """The last line of every comment."""
        found: set[str] = set()
        seen = 0
        for _ in range(_PAGES):
            asked = {"startAt": str(seen), "maxResults": str(_COMMENTS)}
            page = (await self._http.get(f"{self._api}/issue/{segment(issue_id)}/comment", asked)).json(_Comments)
            found |= {self._edition.plain(comment.body).rstrip().rpartition("\n")[2] for comment in page.comments}
            seen += len(page.comments)
            if not page.comments or seen >= page.total:
                return found
        raise NotSent(f"issue {issue_id} has more than {_PAGES * _COMMENTS} comments")

    async def comment(self, issue_id: str, body: object) -> None:
        """A comment that customers of a service desk do not see; elsewhere the property means nothing."""
        internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
        path = f"/issue/{segment(issue_id)}/comment"
        (await self._write("POST", path, {"body": body, "properties": internal}, 201)).json(_Created)

    async def transitions(self, issue_id: str) -> list[Transition]:
        path = f"{self._api}/issue/{segment(issue_id)}/transitions"
        reply = await self._http.get(path, {"expand": "transitions.fields"})
        ways = reply.json(_Transitions).transitions
        if any(len(name) > _NAME_LIMIT for way in ways for name in (way.id, way.name, way.to.name)):
            raise reply.unexpected("listed a transition with a name longer than any can be")
        return ways

    async def transition(self, issue_id: str, transition: Transition, fields: Mapping[str, object]) -> None:
        payload: dict[str, object] = {"transition": {"id": transition.id}}
        if fields:
            payload["fields"] = fields
        await self._write("POST", f"/issue/{segment(issue_id)}/transitions", payload, 204, conflict=True)

    async def link(self, twin: str, keep: str, link_type: str) -> None:
        """``twin`` duplicates ``keep``: the inward issue is where the link begins."""
        payload = {"type": {"name": link_type}, "inwardIssue": {"id": twin}, "outwardIssue": {"id": keep}}
        await self._write("POST", "/issueLink", payload, 201)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A read for ``doctor``."""
        return (await self._http.get(self._api + path, params)).json(dict[str, Any])

    async def _write(self, method: str, path: str, payload: object, expected: int, *, conflict: bool = False) -> Reply:
        accept = (400, 409) if conflict else (400,)
        reply = await self._http.send(method, self._api + path, payload, accept=accept)
        if reply.status == 409:
            raise NotSent("Jira is at another transition of this issue (409); it is tried again", retry_after=5.0)
        if reply.status == 400:
            raise _refused(reply)
        if reply.status != expected:
            raise reply.unexpected(f"answered {reply.status} where {expected} was expected")
        return reply

    async def _still_welcome(self) -> None:
        """404 is also what an account gets that sees nothing any more."""
        reply = await self._http.get(f"{self._api}/project/{segment(self._project)}", accept=(404,))
        if reply.status == 404:
            raise Unauthorised(
                f"the account sees neither the issue nor the project {self._project!r}; grant it Browse projects"
            )


def checked(issue: Issue) -> Issue:
    """An issue whose parts that everything rests on are there; NotSent otherwise."""
    try:
        whole = 0 < len(issue.status.name) <= _NAME_LIMIT >= len(issue.key) and issue.linked is not None
    except (KeyError, msgspec.ValidationError):
        whole = False
    if not whole:
        raise NotSent(f"issue {cut(clean_line(issue.key), 40)} came without a status, or with links that are none")
    return issue


def _refused(reply: Reply) -> Rejected:
    """400: with the names of fields it is about what the project has or wants; else about what we said."""
    try:
        fields = sorted(reply.json(_Refusal).errors)
    except Exception:  # noqa: BLE001 - whatever it was, it was refused
        fields = []
    if fields:
        names = ", ".join(cut(clean_line(field), 60) for field in fields[:10])
        return SchemaDrift(
            f"Jira refused the field {names} (400); put it on the screen, correct the value, or correct the"
            f" configuration. It said: {reply.said}"
        )
    return Rejected(f"Jira refused the request (400); it said: {reply.said}")
