"""A ServiceNow instance that keeps its tables in memory and has the habits of the Table API.

- A condition on an unknown (or unreadable) column is ignored, an unknown (or read-only) field of a body as well; texts
  are cut to the size of their column.
- Every value is a text; references are objects with a link unless that is switched off; journals read "" in their
  stored form, and everything in them by display value.
- 404 for a row that is not there or hidden; hidden rows are left out after the limit and counted in ``X-Total-Count``.
- Priority is computed. Resolving without close code and notes is 403 by data policy.

Tests look at ``incidents`` and play people with ``change``.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fakes.fake_http import Answer, FakeHttp, Request

USER, PASSWORD = "svc.tocsin", "canary:pass wörd/+="
TOKEN = "canary-token 1/+="
CLIENT_SECRET = "canary client secret"
SIZES = {"short_description": 160, "correlation_id": 100, "correlation_display": 100, "description": 4000}
JOURNALS = ("work_notes", "comments")
REFERENCES = {
    "caller_id": "sys_user", "assigned_to": "sys_user", "assignment_group": "sys_user_group", "cmdb_ci": "cmdb_ci",
    "business_service": "cmdb_ci_service", "parent_incident": "incident",
}  # fmt: skip
PRIORITIES = {("1", "1"): 1, ("1", "2"): 2, ("1", "3"): 3, ("2", "1"): 2, ("2", "2"): 3, ("2", "3"): 4, ("3", "1"): 3}
CLOSE_CODES = ("Duplicate", "Solution provided", "No resolution provided", "Resolved by caller")
COLUMNS = frozenset(
    {
        "sys_id", "number", "state", "short_description", "description", "impact", "urgency", "priority", "category",
        "subcategory", "contact_type", "correlation_id", "correlation_display", "close_code", "close_notes",
        "sys_created_on", "sys_updated_on", *JOURNALS, *REFERENCES,
    }
)  # fmt: skip
_COMPUTED = ("sys_id", "number", "priority", "sys_created_on", "sys_updated_on")


def sys_id(number: int) -> str:
    return f"{number:032x}"


@dataclass
class Incident:
    values: dict[str, str]
    notes: list[str] = field(default_factory=list)


class FakeServiceNow(FakeHttp):
    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__()
        self.incidents: dict[str, Incident] = {}
        self.unreadable: set[str] = set()
        """Columns of incident the account may not read: missing in replies, ignored in queries."""
        self.read_only: set[str] = set()
        self.hidden: set[str] = set()
        """sys_ids the account may not see."""
        self.sizes = dict(SIZES)
        self.rule: Callable[[dict[str, str]], None] = lambda _values: None
        """A business rule, run before each write."""
        self.policy = ""
        """When set, every change is refused with these words."""
        self.scripts: list[str] = []
        """Values of queries that the instance would have evaluated."""
        self.tables: dict[str, list[dict[str, str]]] = {
            "sys_user": [{"sys_id": sys_id(0xA00 + n), "user_name": n2, "name": n2}
                         for n, n2 in enumerate(("ann", "bob", USER))],
            "sys_user_group": [{"sys_id": sys_id(0xB00), "name": "Linux Operations"}],
            "cmdb_ci": [{"sys_id": sys_id(0xC00), "name": "web-1"}, {"sys_id": sys_id(0xC01), "name": "twice"},
                        {"sys_id": sys_id(0xC02), "name": "twice"}],
            "cmdb_ci_service": [{"sys_id": sys_id(0xD00), "name": "Web shop"}],
            "sys_choice": [
                {
                    "sys_id": sys_id(0xE00 + n), "name": "incident", "element": element, "value": value,
                    "inactive": "false",
                }
                for n, (element, value) in enumerate(
                    [*(("close_code", code) for code in CLOSE_CODES), *(("state", str(n)) for n in (1, 2, 3, 6, 7, 8))]
                )
            ],
        }  # fmt: skip
        self._now = now
        self._number = 0

    # People

    def change(self, wanted: str, **values: str) -> None:
        self.incidents[wanted].values.update(values)

    def reference(self, table: str, name: str) -> str:
        return next(row["sys_id"] for row in self.tables[table] if row["name"] == name)

    def name_of(self, table: str, wanted: str) -> str:
        return next((row["name"] for row in self.tables[table] if row["sys_id"] == wanted), "")

    # The protocol

    def handle(self, request: Request) -> Answer:
        if request.path == "/oauth_token.do":
            return self._token(parse_qs(request.body.decode()))
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") not in (
            f"Basic {pair}",
            f"Bearer {TOKEN}",
            "Bearer canary-access-token",
        ):
            return _error(401, "User Not Authenticated", "Required to provide Auth information")
        match = re.fullmatch(r"/api/now/table/(\w+)(?:/([^/]+))?", request.path)
        if match is None:
            return _error(400, "Requested URI does not represent any resource", "")
        table, wanted = match[1], match[2]
        if table != "incident" and table not in self.tables:
            return _error(400, f"Invalid table {table}", "")
        if request.method == "GET":
            return self._search(table, request) if wanted is None else self._read(table, wanted, request)
        if request.method == "POST" and table == "incident" and wanted is None:
            return self._insert(json.loads(request.body), request)
        if request.method in ("PATCH", "PUT") and table == "incident" and wanted is not None:
            return self._update(wanted, json.loads(request.body), request)
        return _error(405, "Method not supported", "")

    def _token(self, form: dict[str, list[str]]) -> Answer:
        if form.get("client_secret") != [CLIENT_SECRET]:
            return Answer(401, {"error": "access_denied", "error_description": "invalid client"})
        return Answer(200, {"access_token": "canary-access-token", "expires_in": 1799, "token_type": "Bearer"})

    def _rows(self, table: str) -> list[dict[str, str]]:
        return [each.values for each in self.incidents.values()] if table == "incident" else self.tables[table]

    def _search(self, table: str, request: Request) -> Answer:
        rows = [row for row in self._rows(table) if self._holds(table, row, request.query.get("sysparm_query", ""))]
        start, limit = (int(request.query.get(f"sysparm_{name}", n)) for name, n in (("offset", 0), ("limit", 10_000)))
        page = [row for row in rows[start : start + limit] if row["sys_id"] not in self.hidden]
        return Answer(
            200, {"result": [self._shown(table, row, request) for row in page]}, {"X-Total-Count": str(len(rows))}
        )

    def _read(self, table: str, wanted: str, request: Request) -> Answer:
        row = next((row for row in self._rows(table) if row["sys_id"] == wanted), None)
        if row is None or wanted in self.hidden:
            return _error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return Answer(200, {"result": self._shown(table, row, request)})

    def _insert(self, data: dict[str, str], request: Request) -> Answer:
        if self.policy:
            return _error(403, "Operation Failed", self.policy)
        self._number += 1
        at = _time(self._now())
        values = dict.fromkeys(COLUMNS, "") | {
            "sys_id": sys_id(self._number), "number": f"INC{self._number:07d}", "state": "1", "impact": "3",
            "urgency": "3", "sys_created_on": at,
        }  # fmt: skip
        incident = self.incidents[values["sys_id"]] = Incident(values)
        self._write(incident, data)
        return Answer(201, {"result": self._shown("incident", values, request)})

    def _update(self, wanted: str, data: dict[str, str], request: Request) -> Answer:
        incident = self.incidents.get(wanted)
        if incident is None or wanted in self.hidden:
            return _error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if self.policy:
            return _error(403, "Operation Failed", self.policy)
        if data.get("state") == "6" and not (data.get("close_code") and data.get("close_notes")):
            return _error(
                403, "Operation Failed", "Data Policy Exception: the following fields are mandatory: Resolution code"
            )
        self._write(incident, data)
        return Answer(200, {"result": self._shown("incident", incident.values, request)})

    def _write(self, incident: Incident, data: dict[str, str]) -> None:
        values = incident.values
        for name, value in data.items():
            assert isinstance(value, str)
            if name in JOURNALS and value and name not in self.read_only:
                incident.notes.append(value)
            elif name in COLUMNS and name not in (*self.read_only, *_COMPUTED, *JOURNALS):
                if name in REFERENCES and value not in [row["sys_id"] for row in self._rows(REFERENCES[name])]:
                    continue
                values[name] = value[: self.sizes.get(name, 4000)]
        self.rule(values)
        values["priority"] = str(PRIORITIES.get((values["impact"], values["urgency"]), 4))
        values["sys_updated_on"] = _time(self._now())

    def _shown(self, table: str, row: dict[str, str], request: Request) -> dict[str, object]:
        display = request.query.get("sysparm_display_value", "false")
        names = [name for name in request.query.get("sysparm_fields", ",".join(row)).split(",") if name]
        shown: dict[str, object] = {}
        for name in names:
            base, _, rest = name.partition(".")
            if table == "incident" and (base not in COLUMNS or base in self.unreadable):
                continue
            value = row.get(base, "")
            if rest:
                shown[name] = self.name_of(REFERENCES[base], value) if value else ""
            elif display == "all":
                shown[name] = {"display_value": self._display(row, base), "value": "" if base in JOURNALS else value}
            elif base in REFERENCES and value and request.query.get("sysparm_exclude_reference_link") != "true":
                shown[name] = {"link": f"{self.url}/api/now/table/{REFERENCES[base]}/{value}", "value": value}
            else:
                shown[name] = "" if base in JOURNALS else value
        return shown

    def _display(self, row: dict[str, str], name: str) -> str:
        if name == "work_notes":
            notes = self.incidents[row["sys_id"]].notes
            return "".join(f"2026-09-21 14:13:20 - Tocsin (Work notes)\n{note}\n\n" for note in reversed(notes))
        if name in REFERENCES and row[name]:
            return self.name_of(REFERENCES[name], row[name]) if REFERENCES[name] in self.tables else row[name]
        return row.get(name, "")

    def _holds(self, table: str, row: dict[str, str], query: str) -> bool:
        held = True
        for part in query.split("^"):
            condition = re.fullmatch(r"(OR|NQ)?([a-z_]\w*?)(!=|=|STARTSWITH|LIKE)(.*)", part, re.DOTALL)
            if condition is None or part.startswith("ORDERBY"):
                continue
            either, name, operator, value = condition.groups()
            if value.startswith("javascript:"):
                self.scripts.append(value)
            if name not in row or (table == "incident" and name in self.unreadable):
                continue
            there = row[name]
            this = {
                "=": there == value, "!=": there != value,
                "STARTSWITH": there.startswith(value), "LIKE": value.lower() in there.lower(),
            }[operator]  # fmt: skip
            held = (held or this) if either else (held and this)
        return held


def _error(status: int, message: str, detail: str) -> Answer:
    return Answer(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


def _time(milliseconds: int) -> str:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
