"""What we say to Request Tracker 5 and what it says back: the calls of REST 2 we use, and the shapes of their replies.

Source: RT::REST2 of RT 5.0.3 and what a real one answers. Numbers come as numbers or as texts; parts the account may
not see are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from integrations._http import Http, segment
from integrations.api import NotSent, Rejected, SchemaDrift, Unauthorised

T = TypeVar("T")

_API = "/REST/2.0"
_PER_PAGE = 100
"""The most RT gives at once."""
_PAGES = 10


class Named(msgspec.Struct, frozen=True):
    """A link; ``name`` is missing where rights are."""

    id: str | int = ""
    ref: str = ""
    name: str = ""


class Queue(msgspec.Struct, frozen=True):
    fields: list[Named] = msgspec.field(name="TicketCustomFields", default_factory=list)
    links: list[Named] = msgspec.field(name="_hyperlinks", default_factory=list)

    def field_names(self) -> set[str]:
        return {field.name for field in self.fields}

    @property
    def can_create(self) -> bool:
        """RT offers the link only to an account with CreateTicket."""
        return any(link.ref == "create" for link in self.links)


class User(msgspec.Struct, frozen=True):
    id: str | int = ""


class FieldValues(msgspec.Struct, frozen=True):
    name: str = ""
    values: list[str | None] = []


class RtTicket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket. ``etag`` is set by ``read_ticket`` only."""

    id: str | int
    status: str = msgspec.field(name="Status")
    owner: User = msgspec.field(name="Owner", default=User())
    created: str = msgspec.field(name="Created", default="")
    updated: str = msgspec.field(name="LastUpdated", default="")
    priority: str | int = msgspec.field(name="Priority", default="")
    fields: list[FieldValues] = msgspec.field(name="CustomFields", default_factory=list)
    links: list[Named] = msgspec.field(name="_hyperlinks", default_factory=list)
    etag: str = ""

    def values(self, field: str) -> list[str]:
        return [value for each in self.fields if each.name == field for value in each.values if value is not None]

    def refers_to(self, ticket_id: str) -> bool:
        return any(link.ref == "refers-to" and str(link.id) == ticket_id for link in self.links)


class _Maybe(msgspec.Struct, frozen=True):
    """A ticket whose parts may all be null: what RT answers for one merged into a ticket we may not see."""

    id: str | int | None = None


class _Created(msgspec.Struct, frozen=True):
    id: str | int


class _Attachment(msgspec.Struct, frozen=True):
    content: str | None = msgspec.field(name="Content", default=None)


class _Transaction(msgspec.Struct, frozen=True):
    type: str | None = msgspec.field(name="Type", default=None)
    data: str | None = msgspec.field(name="Data", default=None)


class _Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    pages: float | None = None


def quote(text: str) -> str:
    """A value in TicketSQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class RtRest:
    """The calls, for one queue. Errors are those of ``Http``, plus the few that only RT's words tell."""

    def __init__(self, http: Http, queue: str) -> None:
        self._http = http
        self.queue_name = queue

    async def version(self) -> str:
        reply = await self._http.get(f"{_API}/rt")
        return str(reply.json(dict[str, object]).get("Version", "unknown"))

    async def queue(self) -> Queue:
        """Raises SchemaDrift when there is no such queue, or none we may see: RT does not tell which."""
        reply = await self._http.get(f"{_API}/queue/{segment(self.queue_name)}", accept=(403, 404))
        if reply.status != 200:
            raise SchemaDrift(
                f"the queue {self.queue_name!r} is not there, or not visible; correct queue, or grant SeeQueue on it"
            )
        return reply.json(Queue)

    async def read_ticket(self, ticket_id: str) -> RtTicket | None:
        """The ticket, or the one it was merged into; None when there is none of this id.

        A single ticket we may not see is Rejected (it was moved to a queue without rights); Unauthorised is kept for an
        account that sees nothing any more.
        """
        reply = await self._http.get(f"{_API}/ticket/{segment(ticket_id)}", accept=(403, 404))
        if reply.status == 404:
            return None
        if reply.status == 403 or reply.json(_Maybe).id is None:
            await self._still_welcome()
            raise Rejected(
                f"ticket {ticket_id} is out of sight: it went to a queue where the account has no rights;"
                " grant ShowTicket and ModifyTicket there"
            )
        return msgspec.structs.replace(reply.json(RtTicket), etag=reply.headers.get("ETag", ""))

    async def search(self, query: str) -> list[RtTicket]:
        """Newest first, at most a thousand. Deleted and merged tickets do not come."""
        wanted = "Status,Owner,Created,LastUpdated,Priority,CustomFields"
        params = {"query": query, "fields": wanted, "orderby": "id", "order": "DESC"}
        return await self._pages("/tickets", params, RtTicket)

    async def body(self, ticket_id: str) -> str:
        """The text the ticket was created with; empty when there is none."""
        reply = await self._http.get(
            f"{_API}/ticket/{segment(ticket_id)}/attachments", {"fields": "Content", "per_page": "1"}
        )
        items = reply.json(_Page[_Attachment]).items
        return (items[0].content or "") if items else ""

    async def comment_subjects(self, ticket_id: str) -> set[str]:
        """The subjects of all comments and replies, from the history, without fetching their texts."""
        path = f"/ticket/{segment(ticket_id)}/history"
        history = await self._pages(path, {"fields": "Type,Data"}, _Transaction)
        return {each.data.strip() for each in history if each.type in ("Comment", "Correspond") and each.data}

    async def create(self, payload: Mapping[str, object]) -> str:
        """The id of the new ticket."""
        reply = await self._http.send("POST", f"{_API}/ticket", {"Queue": self.queue_name, **payload})
        if reply.status != 201:
            raise reply.unexpected(f"answered {reply.status} where 201 was expected")
        return str(reply.json(_Created).id)

    async def comment(self, ticket_id: str, subject: str, text: str) -> None:
        """A note for staff: nobody is mailed as a requestor, and the status stays."""
        payload = {"Subject": subject, "Content": text, "ContentType": "text/plain"}
        reply = await self._http.send("POST", f"{_API}/ticket/{segment(ticket_id)}/comment", payload)
        if reply.status != 201:
            raise reply.unexpected(f"answered {reply.status} where 201 was expected")
        reply.json(list[str])

    async def update(self, ticket: RtTicket, payload: Mapping[str, object]) -> str:
        """What RT says about the change. That it says 200 means nothing: read the ticket again and compare.

        NotSent when somebody changed the ticket since it was read.
        """
        condition = {"If-Match": ticket.etag} if ticket.etag else {}
        path = f"{_API}/ticket/{segment(str(ticket.id))}"
        reply = await self._http.send("PUT", path, payload, condition, accept=(412,))
        if reply.status == 412:
            raise NotSent(
                f"ticket {ticket.id} was changed by somebody in the same moment; it is read again", retry_after=0
            )
        said = reply.json(list[str])
        return "; ".join(said)

    async def _still_welcome(self) -> None:
        try:
            await self.queue()
        except SchemaDrift as drift:
            raise Unauthorised(f"the account sees neither the ticket nor its queue any more: {drift}") from None

    async def _pages(self, path: str, params: Mapping[str, str], shape: type[T]) -> list[T]:
        """All items. RT leaves out rows we may not see, so a short page is not the last; an empty one is."""
        found: list[T] = []
        for number in range(1, _PAGES + 1):
            asked = {**params, "per_page": str(_PER_PAGE), "page": str(number)}
            reply = await self._http.get(_API + path, asked)
            page = reply.json(_Page[shape])  # type: ignore[valid-type]  # a shape known at run time
            found += page.items
            if not page.items or (page.pages is not None and number >= page.pages):
                return found
        raise NotSent(f"{path} has more than {_PAGES * _PER_PAGE} entries, which is more than one fault can explain")
