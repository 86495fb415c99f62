"""Jira, whichever edition: one project of it.

What this product does that others do not, and how each trap is met:

- Cloud's search lags behind by seconds to minutes, Data Center's by the index of each node: a search only names issues,
  and each is read by its id, which is never stale. How long a doubtful create may stay unseen is ``uncertainty``.
- Nothing makes the correlation id unique. It is a label, because labels are indexed and match exactly; a second label
  stands for the CI. Both are made of ``[a-z0-9-]``, and nothing else of ours ever enters a query.
- A person's clone copies labels and description. The issue property is not copied: an issue without it is not ours.
- Keys change when an issue is moved, ids do not: a ``Ref`` holds the id.
- Statuses and transitions have names that people edit and translate: what a status means comes from ``statuses``, else
  from its category; a transition is chosen among those offered, by its target.
- A comment has no identity that a search could use: its last line is its marker.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from functools import partial

from integrations._footer import parse_footer
from integrations._http import Http
from integrations._jira_doctor import examine
from integrations._jira_moves import Moves
from integrations._jira_options import JiraOptions, check
from integrations._jira_rest import SUMMARY_LIMIT, TEXT_LIMIT, Edition, Issue, JiraRest
from integrations._login import authorizer, checked_url
from integrations._text import body_with_footer, clean, clean_line, cut
from integrations.api import (
    Capabilities,
    Finding,
    InDoubt,
    IntegrationError,
    Ports,
    Ref,
    Rejected,
    Remote,
    RemoteState,
    SchemaDrift,
    Ticket,
    TicketState,
)

_ACTIVE = tuple(state for state in RemoteState if state.active)
_LABEL = re.compile("[a-z0-9-]{1,100}")
_READ_ANEW = 5
"""Of how many of the newest issues ``find`` does not believe the index that they have ended."""
_FIELDS = ("status", "labels", "resolution", "assignee", "priority", "created", "updated", "issuelinks")
_SHORT = 255
"""Most characters in a single-line custom field."""


def build(name: str, options: JiraOptions, ports: Ports, edition: Edition, uncertainty: int) -> Jira:
    check(options)
    url = checked_url(options.url, allow_plaintext=options.connection.allow_plaintext)
    http = Http(name, url, authorizer(options.auth, "Bearer", ports), ports, options.connection)
    return Jira(name, options, http, edition, uncertainty)


class Jira:
    """One project of one Jira. ``uncertainty`` is in milliseconds."""

    def __init__(self, name: str, options: JiraOptions, http: Http, edition: Edition, uncertainty: int) -> None:
        self.name = name
        self.capabilities = Capabilities(
            uncertainty=uncertainty / 1000,
            title_limit=SUMMARY_LIMIT,
            body_limit=TEXT_LIMIT,
            note_limit=TEXT_LIMIT,
        )
        self._options = options
        self._edition = edition
        self._http = http
        fields = options.fields
        custom = (fields.impact, fields.urgency, fields.group)
        self._rest = JiraRest(http, edition, options.project, [*_FIELDS, *filter(None, custom)])
        self._moves = Moves(name, options, self._rest)
        self._unmarked: dict[str, str] = {}
        """Issues of ours not seen to carry the id each should carry: the next create of that fault would be a twin."""

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        """The active ones, and of those that ended the newest few: one fault may leave hundreds over the years."""
        if not correlation_id:
            raise Rejected(f"{self.name}: a search without a correlation id was asked for; it would match every ticket")
        if not _LABEL.fullmatch(correlation_id):
            raise Rejected(f"{self.name}: a correlation id that cannot be a label was asked for; it was not searched")
        rows = await self._rest.search(f'labels = "{correlation_id}" ORDER BY created DESC')
        remotes = []
        for number, row in enumerate(rows):
            if number < _READ_ANEW or self._moves.state(row).active:
                remote = await self._read(row.id)
                if remote is not None and remote.correlation_id == correlation_id:
                    remotes.append(remote)
        return sorted(remotes, key=_age)

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        rows = await self._rest.search(
            f'labels = "{_ci_label(environment, ci_id)}" AND statusCategory != Done ORDER BY created DESC'
        )
        remotes = []
        for row in rows:
            issue = await self._rest.read(row.id)
            footer = parse_footer(issue.footer_text) if issue else None
            if issue and footer and (footer.environment, footer.ci_id) == (environment, ci_id):
                remotes.append(self._remote(issue))
        return sorted((remote for remote in remotes if remote.state.active), key=_age)

    async def create(self, ticket: Ticket) -> Remote:
        if not _LABEL.fullmatch(ticket.correlation_id):
            raise Rejected(f"{self.name}: a ticket without a correlation id cannot be opened")
        await self._look_at_unmarked()
        body, _, footer = body_with_footer(ticket, TEXT_LIMIT).rpartition("\n\n")
        description = self._fitted(body, lambda text: self._edition.render(text, footer))
        issue_id = await self._rest.create(self._fields(ticket, description), footer)
        try:
            created = await self._marked(issue_id, ticket.correlation_id)
        except SchemaDrift:
            raise
        except IntegrationError as error:
            raise InDoubt(f"{self.name}: issue {issue_id} was created and could not be read back: {error}") from error
        return self._remote(created)

    async def read(self, ref: Ref) -> Remote | None:
        return await self._read(ref.id)

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        if remote.correlation_id != ticket.correlation_id:
            raise Rejected(
                f"{self.name}: {_shown(remote)} carries {remote.correlation_id or 'no id'}, not"
                f" {ticket.correlation_id}; it was left alone"
            )
        if remote.state in (RemoteState.CLOSED, RemoteState.CANCELLED):
            return remote
        resolve = ticket.state is TicketState.RESOLVED and remote.state.active
        reopen = ticket.state is TicketState.OPEN and ticket.reopen and remote.state is RemoteState.RESOLVED
        notes = [(note.marker, note.text) for note in ticket.notes] + (_resolution(ticket) if resolve else [])
        posted = await self._post_missing(remote.ref.id, notes)
        if resolve:
            await self._moves.resolve(remote.ref.id, ticket.resolution_code, _ACTIVE)
        elif reopen:
            await self._moves.reopen(remote.ref.id)
        return self._remote(await self._moves.existing(remote.ref.id)) if posted or resolve or reopen else remote

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        if twin.ref.id == keep.ref.id or twin.correlation_id != keep.correlation_id:
            raise Rejected(f"{self.name}: {_shown(twin)} and {_shown(keep)} are not twins; both were left alone")
        if keep.ref.id not in (await self._moves.existing(twin.ref.id)).linked:
            await self._rest.link(twin.ref.id, keep.ref.id, self._options.link_type)
        number = keep.ref.number
        text = f"The same fault is open as {number}. This one is resolved; please work in {number}."
        await self._post_missing(twin.ref.id, [(f"twin-of/{keep.ref.id}", text)])
        await self._moves.resolve(twin.ref.id, "", _ACTIVE)
        return self._remote(await self._moves.existing(twin.ref.id))

    async def doctor(self) -> Sequence[Finding]:
        return await examine(self._rest, self._options, self._edition.product)

    async def aclose(self) -> None:
        await self._http.aclose()

    # Opening

    def _fields(self, ticket: Ticket, description: object) -> dict[str, object]:
        options, custom = self._options, self._options.fields
        fields: dict[str, object] = {}
        for given, sets in (
            ("", {"": options.extra}),
            (ticket.service, options.services),
            (ticket.category, options.categories),
            (f"{ticket.category}/{ticket.subcategory}", options.categories),
            (ticket.assignment_group, options.groups),
            (ticket.caller, options.callers),
        ):
            fields |= sets.get(given, {})
        priority = _choice(options.priorities, ticket.priority, "priority")
        fields |= {
            "project": {"key": options.project},
            "issuetype": _reference(options.issue_type, "name"),
            "summary": cut(clean_line(ticket.title), SUMMARY_LIMIT) or "(no title)",
            "description": description,
            "labels": [ticket.correlation_id, _ci_label(ticket.environment, ticket.ci_id)],
            custom.impact: _reference(_choice(options.impacts, ticket.impact, "impact"), "value"),
            custom.urgency: _reference(_choice(options.urgencies, ticket.urgency, "urgency"), "value"),
            custom.ci: cut(clean_line(ticket.ci), _SHORT),
            custom.ci_id: cut(clean_line(ticket.ci_id), _SHORT),
            "priority" if priority else "": _reference(priority, "name"),
        }
        fields.pop("", None)
        return fields

    def _fitted(self, text: str, render: Callable[[str], object]) -> object:
        """The text, cut until it fits with all that this edition writes around it."""
        rendered = render(text)
        while len(text) > _SHORT and (size := self._edition.size(rendered)) > TEXT_LIMIT:
            text = cut(text, min(len(text) - 1, max(_SHORT, len(text) * TEXT_LIMIT // size - 50)))
            rendered = render(text)
        return rendered

    async def _marked(self, issue_id: str, correlation_id: str) -> Issue:
        """The created issue, read back: with its label, written again when it was dropped, and its property."""
        try:
            created = await self._moves.existing(issue_id)
            if correlation_id not in created.labels:
                await self._rest.add_label(issue_id, correlation_id)
                created = await self._moves.existing(issue_id)
        except IntegrationError:
            self._unmarked[issue_id] = correlation_id
            raise
        footer = parse_footer(created.footer_text)
        if correlation_id in created.labels and footer and footer.correlation_id == correlation_id:
            return created
        self._unmarked[issue_id] = correlation_id
        raise SchemaDrift(
            f"{self.name}: {created.key} was opened, but its label or its property was not kept, so it cannot be found"
            " again; nothing more is opened until that issue is deleted. Let the project keep labels: look at its"
            " screens and automations"
        )

    async def _look_at_unmarked(self) -> None:
        for issue_id, correlation_id in tuple(self._unmarked.items()):
            if await self._rest.read(issue_id) is not None:
                await self._marked(issue_id, correlation_id)
            self._unmarked.pop(issue_id, None)

    # Notes

    async def _post_missing(self, issue_id: str, notes: Sequence[tuple[str, str]]) -> bool:
        if not notes:
            return False
        there = await self._rest.last_lines(issue_id)
        posted = False
        for marker, text in notes:
            line = f"Tocsin-Note: {marker}"
            if self._edition.plain(self._edition.render(line)) not in there:
                body = cut(clean(text).strip(), TEXT_LIMIT - len(line) - 2) or "(no text)"
                await self._rest.comment(issue_id, self._fitted(body, partial(self._note, line)))
                posted = True
        return posted

    def _note(self, line: str, text: str) -> object:
        return self._edition.render(f"{text}\n\n{line}")

    # Reading

    async def _read(self, issue_id: str) -> Remote | None:
        issue = await self._rest.read(issue_id)
        return self._remote(issue) if issue else None

    def _remote(self, issue: Issue) -> Remote:
        options, fields = self._options, self._options.fields
        footer = parse_footer(issue.footer_text)
        owner, group = issue.named("assignee"), issue.named(fields.group)
        return Remote(
            ref=Ref(
                id=issue.id,
                number=issue.key,
                url=options.link.replace("{url}", self._http.url).replace("{key}", issue.key),
            ),
            correlation_id=footer.correlation_id if footer else "",
            state=self._moves.state(issue),
            raw_state=issue.status.name,
            episode=footer.episode if footer else None,
            owner=owner.shown or owner.name,
            assignment_group=group.name or group.value or issue.text(fields.group),
            impact=_level(options.impacts, issue, fields.impact),
            urgency=_level(options.urgencies, issue, fields.urgency),
            priority=_level(options.priorities, issue, "priority"),
            created_at=_milliseconds(issue.text("created")),
            updated_at=_milliseconds(issue.text("updated")),
            facts=footer.facts if footer else {},
        )


def _ci_label(environment: str, ci_id: str) -> str:
    """One label for a CI of an environment, whatever characters it has."""
    return "tocsin-ci-" + hashlib.sha256(f"{environment}\n{ci_id}".encode(errors="replace")).hexdigest()[:24]


def _resolution(ticket: Ticket) -> list[tuple[str, str]]:
    """Why it is resolved, as a comment: a resolution has no text. Once per wording."""
    text = ": ".join(filter(None, (clean_line(ticket.resolution_code), clean(ticket.resolution_text))))
    return [(f"resolution/{ticket.episode}-{zlib.crc32(text.encode()):08x}", f"Resolved. {text}")] if text else []


def _reference(text: str, key: str) -> dict[str, str]:
    """A choice by its number, or else by its name (or value, for those of custom fields)."""
    return {"id": text} if text.isascii() and text.isdecimal() else {key: text}


def _choice(choices: Sequence[str], level: int, what: str) -> str:
    if not 1 <= level <= len(choices):
        raise Rejected(f"the ticket's {what} is {level}; it can be 1 to {len(choices)}")
    return choices[level - 1]


def _level(choices: Sequence[str], issue: Issue, field: str) -> int | None:
    """1 for the first choice, and so on; None when the value is none of them."""
    found = issue.named(field)
    names = {name.casefold() for name in (found.id, found.name, found.value) if name}
    return next((level for level, choice in enumerate(choices, 1) if choice.casefold() in names), None)


def _age(remote: Remote) -> tuple[int, int]:
    return remote.created_at or 0, int(remote.ref.id) if remote.ref.id.isdecimal() else 0


def _shown(remote: Remote) -> str:
    return f"issue {remote.ref.number or remote.ref.id}"


def _milliseconds(text: str) -> int | None:
    """Jira writes ISO 8601 with milliseconds and an offset."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return round(at.timestamp() * 1000) if at.tzinfo else None
