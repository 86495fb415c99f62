"""A Request Tracker 5 that keeps its tickets in memory and has RT's habits, measured on a real RT 5.0.3.

- An unknown custom field, and a value that is no choice of its field, is dropped without a word.
- PUT answers 200 with sentences, whether it worked or not. ``If-Match`` with another ETag is 412.
- A subject is cut after 200 bytes. ``/correspond`` reopens. A merged ticket answers as the other one, a deleted one
  with 200.
- Searches leave out deleted and merged tickets, and those younger than ``lag``.

Tests look at ``tickets`` and play people with ``set_status``, ``take``, ``delete``, ``merge`` and ``move``.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from fakes.fake_http import Answer, FakeHttp, Request

QUEUE = "Incidents"
TOKEN = "1-14-canary0token0of0request0tracker"
USER, PASSWORD = "incident-agent", "canary:pass wörd/+="
CHOICES = ("1 - High", "2 - Medium", "3 - Low")
INACTIVE = ("resolved", "rejected", "deleted")
STATUSES = ("new", "open", "stalled", *INACTIVE)


@dataclass
class Transaction:
    id: int
    type: str
    data: str = ""
    content: str | None = None


@dataclass
class FakeTicket:
    id: int
    subject: str
    queue: str
    created: int
    fields: dict[str, list[str]]
    priority: int = 0
    status: str = "new"
    owner: str = "Nobody"
    updated: int = 0
    merged_into: int | None = None
    refers_to: list[int] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)

    @property
    def body(self) -> str:
        return self.transactions[0].content or ""

    @property
    def comments(self) -> list[Transaction]:
        return [each for each in self.transactions if each.type == "Comment"]


class FakeRT(FakeHttp):
    def __init__(self, now: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        super().__init__()
        self.tickets: dict[int, FakeTicket] = {}
        self.queries: list[list[tuple[str, str, str]]] = []
        """The conditions of every search, as this server understood them."""
        self.queue_fields: dict[str, tuple[str, ...]] = {
            "DedupKey": (),
            "Impact": CHOICES,
            "Urgency": CHOICES,
            "CI": (),
        }
        self.drop_on_create: set[str] = set()
        self.read_only: set[str] = set()
        self.refuse_changes = ""
        """When set, every PUT answers 200 with this sentence and does nothing."""
        self.lag = 0
        """Milliseconds until a new ticket shows up in searches."""
        self._now = now
        self._transaction = 0

    # People

    def set_status(self, ticket_id: int, status: str) -> None:
        self.tickets[ticket_id].status = status
        self._record(self.tickets[ticket_id], "Status")

    def take(self, ticket_id: int, owner: str) -> None:
        self.tickets[ticket_id].owner = owner
        self._record(self.tickets[ticket_id], "Set")

    def delete(self, ticket_id: int) -> None:
        self.set_status(ticket_id, "deleted")

    def merge(self, ticket_id: int, into: int) -> None:
        self.tickets[ticket_id].merged_into = into
        self._record(self.tickets[into], "AddLink")

    def move(self, ticket_id: int, queue: str) -> None:
        self.tickets[ticket_id].queue = queue

    # The protocol

    def handle(self, request: Request) -> Answer:
        if not self._known(request.headers.get("authorization", "")):
            return Answer(401, {"message": "Unauthorized"})
        path = request.path.removeprefix("/REST/2.0")
        if request.method == "GET" and path == "/rt":
            return Answer(200, {"Version": "5.0.3"})
        if request.method == "GET" and path == "/tickets":
            return self._search(request)
        if request.method == "POST" and path == "/ticket":
            return self._create(json.loads(request.body))
        if match := re.fullmatch(r"/queue/([^/]+)", path):
            return self._queue(unquote(match[1]))
        if match := re.fullmatch(r"/ticket/(\d+)(?:/(\w+))?", path):
            return self._one(request, int(match[1]), match[2] or "")
        return Answer(404, {"message": "Not Found"})

    def _known(self, authorization: str) -> bool:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return authorization in (f"token {TOKEN}", f"Basic {pair}")

    def _queue(self, name: str) -> Answer:
        if name != QUEUE:
            return Answer(404, {"message": "Not Found"})
        fields = [{"id": str(n), "name": each, "ref": "customfield"} for n, each in enumerate(self.queue_fields, 2)]
        return Answer(
            200, {"Name": QUEUE, "TicketCustomFields": fields, "_hyperlinks": [{"ref": "create", "type": "ticket"}]}
        )

    def _create(self, data: dict[str, object]) -> Answer:
        if data.get("Queue") != QUEUE:
            return Answer(403, {"message": f"No permission to create tickets in the queue '{data.get('Queue')}'"})
        ticket = FakeTicket(
            id=len(self.tickets) + 1,
            subject=str(data.get("Subject", "")).encode()[:200].decode(errors="replace"),
            queue=QUEUE,
            created=self._now(),
            priority=int(str(data.get("Priority", 0))),
            fields={name: [] for name in self.queue_fields},
        )
        self.tickets[ticket.id] = ticket
        wanted = data.get("CustomFields", {})
        assert isinstance(wanted, dict)
        for name, value in wanted.items():
            if name not in self.drop_on_create:
                self._set_field(ticket, name, value)
        self._record(ticket, "Create", content=str(data.get("Content", "")))
        return Answer(201, {"id": str(ticket.id), "type": "ticket", "_url": f"{self.url}/REST/2.0/ticket/{ticket.id}"})

    def _set_field(self, ticket: FakeTicket, name: str, value: object) -> bool:
        values = [str(each) for each in (value if isinstance(value, list) else [value])]
        if name not in self.queue_fields or (self.queue_fields[name] and set(values) - set(self.queue_fields[name])):
            return False
        ticket.fields[name] = values
        return True

    def _one(self, request: Request, ticket_id: int, part: str) -> Answer:
        ticket = self.tickets.get(ticket_id)
        if ticket is None:
            return (
                Answer(200, _page([])) if part in ("history", "attachments") else Answer(404, {"message": "Not Found"})
            )
        if ticket.merged_into is not None:
            ticket = self.tickets[ticket.merged_into]
        if ticket.queue != QUEUE:
            return Answer(403, {"message": "Forbidden"})
        match request.method, part:
            case "GET", "":
                return Answer(200, self._shown(ticket), {"ETag": self._etag(ticket)})
            case "GET", "history":
                return _pages(request, [{"id": str(t.id), "Type": t.type, "Data": t.data} for t in ticket.transactions])
            case "GET", "attachments":
                texts = [t for t in ticket.transactions if t.content is not None]
                return _pages(request, [{"id": str(t.id), "Content": t.content} for t in texts])
            case "PUT", "":
                return self._update(ticket, json.loads(request.body), request.headers.get("if-match", ""))
            case "POST", "comment" | "correspond":
                return self._message(ticket, part, json.loads(request.body))
        return Answer(405, {"message": "Method Not Allowed"})

    def _message(self, ticket: FakeTicket, kind: str, data: dict[str, str]) -> Answer:
        self._record(ticket, kind.capitalize(), data.get("Subject", "No Subject") + "\n", data.get("Content", ""))
        if kind == "correspond":
            ticket.status = "open"
        return Answer(201, ["Comments added"])

    def _update(self, ticket: FakeTicket, data: dict[str, object], condition: str) -> Answer:
        if condition and condition != self._etag(ticket):
            return Answer(412, {"message": "Precondition Failed"})
        if self.refuse_changes:
            return Answer(200, [self.refuse_changes])
        said = []
        if status := data.get("Status"):
            if status not in STATUSES:
                said.append(f"Ticket {ticket.id}: Status '{status}' isn't a valid status for this ticket.")
            elif status != ticket.status:
                said.append(f"Ticket {ticket.id}: Status changed from '{ticket.status}' to '{status}'")
                self.set_status(ticket.id, str(status))
        if other := data.get("AddRefersTo"):
            ticket.refers_to.append(int(str(other)))
            said.append(f"Ticket {ticket.id} refers to Ticket {other}.")
            self._record(ticket, "AddLink")
        fields = data.get("CustomFields", {})
        assert isinstance(fields, dict)
        for name, value in fields.items():
            if name in self.read_only or not self._set_field(ticket, name, value):
                said.append(f"{name}: Permission Denied")
            else:
                said.append(f"{name} changed")
                self._record(ticket, "CustomField")
        return Answer(200, said)

    def _search(self, request: Request) -> Answer:
        conditions = parse_query(request.query.get("query", ""))
        if conditions is None:
            return Answer(400, {"message": "Wrong query"})
        self.queries.append(conditions)
        found = [
            ticket
            for ticket in self.tickets.values()
            if ticket.merged_into is None
            and ticket.status != "deleted"
            and ticket.queue == QUEUE
            and self._now() - ticket.created >= self.lag
            and all(_holds(ticket, *condition) for condition in conditions)
        ]
        found.sort(key=lambda ticket: ticket.id, reverse=request.query.get("order") == "DESC")
        wanted = {"id", *request.query.get("fields", "").split(",")}
        rows = [{name: value for name, value in self._shown(ticket).items() if name in wanted} for ticket in found]
        return _pages(request, rows, total=True)

    def _shown(self, ticket: FakeTicket) -> dict[str, object]:
        return {
            "id": ticket.id,
            "Subject": ticket.subject,
            "Status": ticket.status,
            "Owner": {"id": ticket.owner, "type": "user"},
            "Created": _iso(ticket.created),
            "LastUpdated": _iso(ticket.updated),
            "Priority": str(ticket.priority),
            "CustomFields": [{"name": name, "values": values} for name, values in ticket.fields.items()],
            "_hyperlinks": [{"ref": "refers-to", "type": "ticket", "id": str(other)} for other in ticket.refers_to],
        }

    def _etag(self, ticket: FakeTicket) -> str:
        return f'"{ticket.transactions[-1].id}"'

    def _record(self, ticket: FakeTicket, kind: str, data: str = "", content: str | None = None) -> None:
        self._transaction += 1
        ticket.updated = self._now()
        ticket.transactions.append(Transaction(self._transaction, kind, data, content))


_CONDITION = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(\w+))\s*(=|LIKE)\s*'((?:[^'\\]|\\.)*)'\s*", re.DOTALL)


def parse_query(text: str) -> list[tuple[str, str, str]] | None:
    """The conditions (field, operator, value) of a TicketSQL text joined by AND; None when it is anything else."""
    conditions, at = [], 0
    while match := _CONDITION.match(text, at):
        name = match[1] if match[1] is not None else match[2]
        conditions.append((_unescape(name), match[3], _unescape(match[4])))
        at = match.end()
        if at == len(text):
            return conditions
        if not text.startswith("AND ", at):
            return None
        at += 4
    return None


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _holds(ticket: FakeTicket, name: str, operator: str, value: str) -> bool:
    if name == "Status" and value == "__Active__":
        return ticket.status not in INACTIVE
    if name == "Queue":
        return ticket.queue == value
    if field_name := re.fullmatch(r"CF\.\{(.+)\}", name):
        values = ticket.fields.get(field_name[1], [])
        return value in values if operator == "=" else any(value in each for each in values)
    return False


def _iso(milliseconds: int) -> str:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(items: list[dict[str, object]]) -> dict[str, object]:
    return {"items": items, "count": len(items), "total": None, "pages": None, "page": 1, "per_page": 20}


def _pages(request: Request, items: list[dict[str, object]], *, total: bool = False) -> Answer:
    size, number = min(int(request.query.get("per_page", "20")), 100), int(request.query.get("page", "1"))
    shown = items[(number - 1) * size : number * size]
    pages = -(-len(items) // size) if total else None
    return Answer(200, {**_page(shown), "page": number, "per_page": size, "pages": pages})
