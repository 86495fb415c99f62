"""A Jira that keeps its issues in memory and has the habits of its edition, Cloud (REST 3) or Data Center (REST 2).

- Cloud: the old search is gone (410); ``/search/jql`` gives ids unless fields are named, and has no total; text is an
  Atlassian Document, and one with an empty text node is refused.
- A search shows every issue as it was ``lag`` milliseconds ago. An issue read by its id is never stale.
- A field that is not on the create screen is refused by name (400); a text that is too long as well.
- Transitions depend on the status; the resolving one has a screen with a resolution. Another that is running is 409.
- 404 is what does not exist and what may not be seen. Keys change when an issue is moved, ids do not.

Tests look at ``issues`` and play people with ``set_status``, ``assign``, ``delete``, ``clone`` and ``move``.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fakes.fake_http import Answer, FakeHttp, Request

PROJECT = "OPS"
USER = "agent@example.net"
TOKEN = "ATATT3xCanary0token0of0jira=1A2B3C"
IMPACT, URGENCY, CI, CI_ID, GROUP = (f"customfield_{number}" for number in (10004, 10044, 10101, 10102, 10103))
IMPACTS = ("Extensive / Widespread", "Significant / Large", "Moderate / Limited")
LEVELS = ("High", "Medium", "Low")
PRIORITIES = ("Highest", "High", "Medium", "Low")
STATUSES = {
    "Open": "new", "In Progress": "indeterminate", "Pending": "indeterminate", "Resolved": "done", "Closed": "done",
    "Canceled": "done",
}  # fmt: skip
RESOLVE = ("31", "Resolve this issue", "Resolved")
WAYS: dict[str, list[tuple[str, str, str]]] = {
    "Open": [("11", "Start progress", "In Progress"), ("41", "Cancel", "Canceled"), RESOLVE],
    "In Progress": [("21", "Wait", "Pending"), ("41", "Cancel", "Canceled"), RESOLVE],
    "Pending": [("11", "Back to work", "In Progress"), RESOLVE],
    "Resolved": [("61", "Close", "Closed"), ("51", "Reopen", "In Progress")],
}
TEXT_LIMIT = 32_767


@dataclass
class FakeIssue:
    id: int
    key: str
    fields: dict[str, Any]
    created: int
    status: str = "Open"
    resolution: str = ""
    assignee: str = ""
    updated: int = 0
    hidden: bool = False
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[Any] = field(default_factory=list)
    comment_properties: list[Any] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    seen_by_index: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)
    """When it changed, and what a search shows of it from then on."""


class FakeJira(FakeHttp):
    def __init__(self, *, cloud: bool, now: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        super().__init__()
        self.cloud = cloud
        self.issues: dict[int, FakeIssue] = {}
        self.queries: list[str] = []
        self.statuses = dict(STATUSES)
        self.ways = {status: list(ways) for status, ways in WAYS.items()}
        self.screen = {
            "project", "issuetype", "summary", "description", "labels", "priority", "components", IMPACT, URGENCY, CI,
            CI_ID, GROUP,
        }  # fmt: skip
        self.required: dict[str, str] = {}
        """Fields that a ticket must be created with, and their names."""
        self.resolutions: tuple[str, ...] = ("Done", "Won't Do", "Duplicate")
        self.resolve_screen: dict[str, str] = {}
        """More mandatory fields on the screen of the resolving transition, and their names."""
        self.link_types = ["Blocks", "Duplicate"]
        self.denied: set[str] = set()
        """Rights that the account does not have."""
        self.drop_on_create: set[str] = set()
        """Parts that an automation takes off a new issue: ``labels``, ``properties``."""
        self.sticky_labels = False
        """When set, a label that is added later is taken off again."""
        self.busy = 0
        """How many of the next transitions are refused because another is running."""
        self.ignore_transitions = False
        self.comment_limit = 0
        """Most comments on one issue before it is 429; 0: no limit."""
        self.lag = 0
        self.sees_project = True
        self._now = now

    # People

    def set_status(self, issue_id: int, status: str, resolution: str = "") -> None:
        issue = self.issues[issue_id]
        issue.status = status
        issue.resolution = resolution
        self._changed(issue)

    def assign(self, issue_id: int, who: str) -> None:
        self.issues[issue_id].assignee = who
        self._changed(self.issues[issue_id])

    def delete(self, issue_id: int) -> None:
        del self.issues[issue_id]

    def move(self, issue_id: int, key: str) -> None:
        self.issues[issue_id].key = key
        self._changed(self.issues[issue_id])

    def clone(self, issue_id: int) -> int:
        """What the menu does: fields and labels, a link, and no properties."""
        source = self.issues[issue_id]
        clone = self._new({**source.fields, "summary": f"CLONE - {source.fields['summary']}"}, {})
        clone.links.append(source.id)
        return clone.id

    # The protocol

    def handle(self, request: Request) -> Answer:
        if not self._known(request.headers.get("authorization", "")):
            return Answer(401, {"message": "Client must be authenticated to access this resource."})
        api = "/rest/api/3" if self.cloud else "/rest/api/2"
        if not request.path.startswith(api + "/"):
            return Answer(404, {"errorMessages": ["no such resource"], "errors": {}})
        path = request.path.removeprefix(api)
        match request.method, path:
            case "GET", "/search/jql" if self.cloud:
                return self._search(request)
            case "GET", "/search":
                gone = {"errorMessages": ["The requested API has been removed. See CHANGE-2046."], "errors": {}}
                return Answer(410, gone) if self.cloud else self._search(request)
            case "POST", "/issue":
                return self._create(json.loads(request.body))
            case "POST", "/issueLink":
                return self._link(json.loads(request.body))
        if found := re.fullmatch(r"/issue/(?!createmeta/)([^/]+)(?:/(\w+))?", path):
            return self._one(request, found[1], found[2] or "")
        return self._about(request, path)

    def _known(self, authorization: str) -> bool:
        pair = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        return authorization in (f"Basic {pair}", f"Bearer {TOKEN}")

    def _create(self, data: dict[str, Any]) -> Answer:
        fields = data["fields"]
        errors = {
            name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            for name in fields
            if name not in self.screen
        }
        errors |= {name: f"{words} is required." for name, words in self.required.items() if name not in fields}
        if fields["project"] != {"key": PROJECT} or not self.sees_project:
            errors["project"] = "valid project is required"
        if any(" " in label or len(label) > 255 for label in fields.get("labels", ())):
            errors["labels"] = "The label can't contain spaces."
        if not 0 < len(fields["summary"]) <= 255 or "\n" in fields["summary"]:
            errors["summary"] = "Summary must be one line of at most 255 characters."
        for name, key, choices in (
            ("priority", "name", PRIORITIES),
            (IMPACT, "value", IMPACTS),
            (URGENCY, "value", LEVELS),
        ):
            if name in fields and fields[name].get(key) not in choices:
                errors[name] = f"Option value '{fields[name].get(key)}' is not valid"
        if problem := self._bad_text(fields["description"]):
            errors["description"] = problem
        if errors:
            return Answer(400, {"errorMessages": [], "errors": errors})
        kept = {name: value for name, value in fields.items() if name not in self.drop_on_create}
        properties = {each["key"]: each["value"] for each in data.get("properties", ())}
        issue = self._new(kept, {} if "properties" in self.drop_on_create else properties)
        return Answer(201, {"id": str(issue.id), "key": issue.key, "self": f"{self.url}/rest/api/3/issue/{issue.id}"})

    def _new(self, fields: dict[str, Any], properties: dict[str, Any]) -> FakeIssue:
        number = max(self.issues, default=10_000) + 1
        issue = FakeIssue(number, f"{PROJECT}-{number - 10_000}", fields, self._now(), properties=properties)
        self.issues[issue.id] = issue
        self._changed(issue)
        return issue

    def _bad_text(self, text: object) -> str:
        if self.cloud:
            if not isinstance(text, dict) or text.get("type") != "doc" or text.get("version") != 1:
                return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
            if any(node.get("type") == "text" and not node.get("text") for node in nodes(text)):
                return "INVALID_INPUT"
        elif not isinstance(text, str):
            return "Operation value must be a string"
        size = len(json.dumps(text, ensure_ascii=False, separators=(",", ":"))) if self.cloud else len(str(text))
        return (
            f"The entered text is too long. It exceeds the allowed limit of {TEXT_LIMIT}." if size > TEXT_LIMIT else ""
        )

    def _one(self, request: Request, name: str, part: str) -> Answer:
        issue = next((each for each in self.issues.values() if name in (str(each.id), each.key)), None)
        if issue is None or issue.hidden:
            return _missing()
        match request.method, part:
            case "GET", "":
                return Answer(200, self._shown(issue, request.query, issue.status, issue.fields.get("labels", [])))
            case "PUT", "":
                for change in json.loads(request.body)["update"]["labels"]:
                    if not self.sticky_labels:
                        issue.fields.setdefault("labels", []).append(change["add"])
                self._changed(issue)
                return Answer(204)
            case "GET", "comment":
                at, most = int(request.query.get("startAt", "0")), int(request.query.get("maxResults", "50"))
                rows = [{"id": str(n), "body": body} for n, body in enumerate(issue.comments)][at : at + most]
                return Answer(200, {"comments": rows, "startAt": at, "total": len(issue.comments)})
            case "POST", "comment":
                return self._comment(issue, json.loads(request.body))
            case "GET", "transitions":
                return Answer(200, {"transitions": [self._way(way) for way in self.ways.get(issue.status, [])]})
            case "POST", "transitions":
                return self._transition(issue, json.loads(request.body))
        return Answer(405, {"errorMessages": ["Method Not Allowed"], "errors": {}})

    def _comment(self, issue: FakeIssue, data: dict[str, Any]) -> Answer:
        if "ADD_COMMENTS" in self.denied:
            return Answer(403, {"errorMessages": ["You do not have the permission to comment on this issue."]})
        if self.comment_limit and len(issue.comments) >= self.comment_limit:
            headers = {"Retry-After": "30", "RateLimit-Reason": "jira-per-issue-on-write"}
            return Answer(429, {"errorMessages": ["Rate limit exceeded."]}, headers)
        if problem := self._bad_text(data["body"]):
            return Answer(400, {"errorMessages": [], "errors": {"comment": problem}})
        issue.comments.append(data["body"])
        issue.comment_properties.append(data.get("properties"))
        self._changed(issue)
        return Answer(201, {"id": str(len(issue.comments)), "body": data["body"]})

    def _way(self, way: tuple[str, str, str]) -> dict[str, object]:
        number, name, target = way
        fields: dict[str, object] = {}
        if self.statuses[target] == "done" and self.resolutions:
            choices = [{"id": str(n), "name": each} for n, each in enumerate(self.resolutions, 10_000)]
            fields["resolution"] = {**_about_field("resolution", "Resolution", required=True), "allowedValues": choices}
            if way == RESOLVE:
                asked = self.resolve_screen.items()
                fields |= {field: _about_field(field, words, required=True) for field, words in asked}
        return {"id": number, "name": name, "to": self._status(target), "fields": fields}

    def _transition(self, issue: FakeIssue, data: dict[str, Any]) -> Answer:
        if self.busy > 0:
            self.busy -= 1
            return Answer(409, {"errorMessages": ["Another transition of this issue is running."], "errors": {}})
        way = next((way for way in self.ways.get(issue.status, []) if way[0] == data["transition"]["id"]), None)
        if way is None:
            words = (
                "It seems that you have tried to perform a workflow operation that is not valid for the current state"
            )
            return Answer(400, {"errorMessages": [words], "errors": {}})
        screen, given = self._way(way)["fields"], data.get("fields", {})
        assert isinstance(screen, dict)
        errors = {name: "It is not on the appropriate screen, or unknown." for name in given if name not in screen}
        errors |= {name: f"{name} is required." for name in screen if screen[name]["required"] and name not in given}
        resolution = given.get("resolution", {}).get("name", "")
        if resolution and resolution not in self.resolutions:
            errors["resolution"] = f"Resolution name '{resolution}' is not valid"
        if errors:
            return Answer(400, {"errorMessages": [], "errors": errors})
        if not self.ignore_transitions:
            self.set_status(issue.id, way[2], resolution)
        return Answer(204)

    def _link(self, data: dict[str, Any]) -> Answer:
        if data["type"]["name"] not in self.link_types:
            return Answer(404, {"errorMessages": [f"No issue link type with name '{data['type']['name']}' found."]})
        ends = [self.issues.get(int(data[end]["id"])) for end in ("inwardIssue", "outwardIssue")]
        first, second = ends
        if first is None or second is None:
            return _missing()
        if second.id not in first.links:
            first.links.append(second.id)
            self._changed(first)
        return Answer(201)

    def _search(self, request: Request) -> Answer:
        jql = request.query.get("jql", "")
        self.queries.append(jql)
        wanted = parse_jql(jql)
        if wanted is None:
            return Answer(400, {"errorMessages": [f"Error in the JQL Query: {jql}"], "errors": {}})
        rows = []
        for issue in self.issues.values():
            known = [seen for seen in issue.seen_by_index if seen[0] <= self._now() - self.lag]
            if known and not issue.hidden:
                _, status, labels = known[-1]
                if wanted[0] in labels and not (wanted[1] and self.statuses[status] == "done"):
                    rows.append((issue, status, labels))
        rows.sort(key=lambda row: row[0].id, reverse=True)
        size = min(int(request.query.get("maxResults", "50")), 100)
        at = int(request.query.get("nextPageToken" if self.cloud else "startAt", "0"))
        query = dict(request.query) if request.query.get("fields") or not self.cloud else {"fields": ""}
        shown = [self._shown(issue, query, status, list(labels)) for issue, status, labels in rows[at : at + size]]
        last = at + size >= len(rows)
        if not self.cloud:
            return Answer(200, {"startAt": at, "maxResults": size, "total": len(rows), "issues": shown})
        token = {} if last else {"nextPageToken": str(at + size)}
        return Answer(200, {"issues": shown, "isLast": last, **token})

    def _shown(self, issue: FakeIssue, query: Any, status: str, labels: object) -> dict[str, object]:
        fields: dict[str, object] = {
            **issue.fields,
            "labels": labels,
            "status": self._status(status),
            "resolution": {"name": issue.resolution} if issue.resolution else None,
            "assignee": {"displayName": issue.assignee} if issue.assignee else None,
            "created": _iso(issue.created),
            "updated": _iso(issue.updated),
            "issuelinks": [
                {"id": str(other), "outwardIssue": {"id": str(other), "key": self.issues[other].key}}
                for other in issue.links
            ],
        }
        wanted = query.get("fields", "*all")
        if wanted != "*all":
            fields = {name: value for name, value in fields.items() if name in wanted.split(",")}
        shown: dict[str, object] = {"id": str(issue.id), "key": issue.key}
        if wanted:
            shown["fields"] = fields
        if names := query.get("properties"):
            shown["properties"] = {
                name: issue.properties[name] for name in names.split(",") if name in issue.properties
            }
        return shown

    def _status(self, name: str) -> dict[str, object]:
        return {"id": "1", "name": name, "statusCategory": {"key": self.statuses[name], "name": "x"}}

    def _about(self, request: Request, path: str) -> Answer:
        rows = "values" if not self.cloud else ""
        if path == "/myself":
            return Answer(200, {"displayName": "Tocsin", "emailAddress": USER})
        if path == "/serverInfo":
            return Answer(200, {"deploymentType": "Cloud" if self.cloud else "Server", "version": "10.3.2"})
        if path == "/mypermissions":
            names = request.query["permissions"].split(",")
            return Answer(200, {"permissions": {each: {"havePermission": each not in self.denied} for each in names}})
        if path == "/issueLinkType":
            return Answer(200, {"issueLinkTypes": [{"id": "1", "name": name} for name in self.link_types]})
        if not self.sees_project:
            return _missing()
        if path == f"/project/{PROJECT}":
            return Answer(200, {"id": "10000", "key": PROJECT})
        if path == f"/issue/createmeta/{PROJECT}/issuetypes":
            return Answer(200, {rows or "issueTypes": [{"id": "10005", "name": "Incident"}], "total": 1})
        if path == f"/issue/createmeta/{PROJECT}/issuetypes/10005":
            return Answer(200, {rows or "fields": [self._field(name) for name in sorted(self.screen)]})
        return _missing()

    def _field(self, name: str) -> dict[str, object]:
        choices = {
            "priority": [{"id": str(n), "name": each} for n, each in enumerate(PRIORITIES, 1)],
            IMPACT: [{"id": str(n), "value": each} for n, each in enumerate(IMPACTS, 1)],
            URGENCY: [{"id": str(n), "value": each} for n, each in enumerate(LEVELS, 1)],
        }
        required = name in self.required or name in ("summary", "project", "issuetype")
        shown = {"fieldId": name, **_about_field(name, self.required.get(name, name), required=required)}
        return shown | ({"allowedValues": choices[name]} if name in choices else {})

    def _changed(self, issue: FakeIssue) -> None:
        issue.updated = self._now()
        issue.seen_by_index.append((self._now(), issue.status, tuple(issue.fields.get("labels", ()))))


_JQL = re.compile(r'labels = "((?:[^"\\]|\\.)*)"( AND statusCategory != Done)? ORDER BY created DESC')


def parse_jql(text: str) -> tuple[str, bool] | None:
    """The label, and whether only what is not done is wanted; None for any other query."""
    match = _JQL.fullmatch(text)
    return (match[1], bool(match[2])) if match else None


def nodes(document: Any) -> list[dict[str, Any]]:
    """Every node of an Atlassian Document, in order."""
    return [document, *(each for child in document.get("content", ()) for each in nodes(child))]


def adf_text(document: Any) -> str:
    """What a reader of the document sees; paragraphs and lists apart by an empty line."""
    parts = []
    for block in document["content"]:
        if block["type"] == "bulletList":
            parts.append("\n".join("- " + _inline(item) for item in block["content"]))
        else:
            parts.append(_inline(block))
    return "\n\n".join(parts)


def _inline(block: Any) -> str:
    return "".join(
        "\n" if node["type"] == "hardBreak" else node["text"]
        for node in nodes(block)
        if node["type"] in ("hardBreak", "text")
    )


def wiki_text(markup: str) -> str:
    """What a reader of wiki markup sees, for markup in which nothing but escapes, bullets and noformat may stand."""
    *_, last = markup.partition("{noformat}\n")
    head = markup.removesuffix("{noformat}\n" + last)
    head = re.sub(r"^\* ", "- ", head, flags=re.MULTILINE)
    head = re.sub(r"\\(.)", r"\1", head)
    head = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), head).replace("&amp;", "&")
    return head + last.removesuffix("\n{noformat}") if last else head


def _about_field(key: str, name: str, *, required: bool) -> dict[str, object]:
    return {"key": key, "name": name, "required": required, "operations": ["set"], "schema": {"type": "string"}}


def _missing() -> Answer:
    words = "Issue does not exist or you do not have permission to see it."
    return Answer(404, {"errorMessages": [words], "errors": {}})


def _iso(milliseconds: int) -> str:
    at = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}+0000"
