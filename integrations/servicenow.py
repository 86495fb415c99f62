"""ServiceNow incidents through the Table API.

What this product does that others do not, and how each trap is met:

- An unknown field, and one the account may not write, is dropped without a word; a long text is cut; a business rule
  may rewrite anything: what came back is compared with what was sent. Without its correlation id an incident is
  mended, or nothing more is created; other differences are said in a work note.
- A condition on an unknown column is dropped, so that a search shows every incident: each row is re-checked, and one
  that does not belong there stops the work instead of being overlooked.
- 404 means deleted or hidden, and rows without rights are left out of searches: the count of rows tells.
- Priority is computed from impact and urgency: it is never sent, read back, and compared.
- Journals read back empty in their stored form: work notes are read by their display value, each ends with its marker,
  and after writing it is looked for.
- Text in ``[code]`` tags of a journal would be shown as HTML: the tags are broken up.
- 403 is a missing right or a rule of the instance about this one change: its words decide.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence

import msgspec

from integrations._footer import parse_footer
from integrations._http import Http
from integrations._login import authorizer, checked_url
from integrations._servicenow_options import Options, check
from integrations._servicenow_refs import References
from integrations._servicenow_table import Condition, Op, Row, TableRest, shown, text
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

_TABLE = "incident"
_TITLE = 160
_NOTE = 4000
_FIELDS = (
    "sys_id", "number", "state", "correlation_id", "assigned_to", "assigned_to.name", "assignment_group",
    "assignment_group.name", "impact", "urgency", "priority", "parent_incident", "sys_created_on", "sys_updated_on",
)  # fmt: skip
_WITH_TEXT = (*_FIELDS, "description")
_WITH_NOTES = (*_FIELDS, "work_notes")
_COMPARED = (
    "impact",
    "urgency",
    "category",
    "subcategory",
    "caller_id",
    "assignment_group",
    "cmdb_ci",
    "business_service",
)
_MARKER = re.compile(r"^\(Tocsin note (\S+)\)\s*$", re.MULTILINE)
_ENDED = (RemoteState.CLOSED, RemoteState.CANCELLED)


def build(name: str, options: Options, ports: Ports) -> ServiceNow:
    check(options)
    url = checked_url(options.url, allow_plaintext=options.connection.allow_plaintext)
    login = authorizer(options.auth, "Bearer", ports, f"{url}/oauth_token.do")
    return ServiceNow(name, options, Http(name, url, login, ports, options.connection))


class ServiceNow:
    """The incidents of one instance."""

    def __init__(self, name: str, options: Options, http: Http) -> None:
        self.name = name
        self.capabilities = Capabilities(
            uncertainty=options.uncertainty / 1000,
            title_limit=_TITLE,
            body_limit=options.description_limit,
            note_limit=_NOTE,
        )
        self._options = options
        self._http = http
        self._rest = TableRest(http)
        self._references = References(self._rest)
        self._keyless: dict[str, str] = {}
        """Incidents we created that do not carry their id, with the id: nothing is created while one is there."""

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        if not correlation_id:
            raise Rejected(f"{self.name}: a search without a correlation id was asked for; it would match every ticket")
        found = await self._rest.search(_TABLE, [Condition("correlation_id", Op.IS, correlation_id)], _WITH_TEXT)
        if any(text(row, "correlation_id").lower() != correlation_id.lower() for row in found.rows):
            raise SchemaDrift(
                f"{self.name}: a search by correlation_id shows incidents without that id, so it was ignored;"
                " grant the account read access to incident.correlation_id"
            )
        if found.hidden:
            raise Rejected(
                f"{self.name}: {found.hidden} of the incidents with the id {correlation_id} may not be read by the"
                " account; look at its roles and domain, and at the access controls (ACL) of incident"
            )
        return [self._remote(row) for row in found.rows if text(row, "correlation_id") == correlation_id]

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        conditions = [
            Condition("correlation_id", Op.STARTS_WITH, "toc-"),
            Condition("correlation_display", Op.IS, self._options.source),
            *(
                Condition("state", Op.IS_NOT, state)
                for state, means in self._options.states.items()
                if not means.active
            ),
        ]
        if re.fullmatch(r"[A-Za-z0-9]{8,64}", ci_id):
            conditions.append(Condition("description", Op.LIKE, ci_id))
        remotes = []
        for row in (await self._rest.search(_TABLE, conditions, _WITH_TEXT)).rows:
            footer = parse_footer(text(row, "description"))
            if footer and (footer.environment, footer.ci_id) == (environment, ci_id) and self._state(row).active:
                remotes.append(self._remote(row, footer.correlation_id))
        return remotes

    async def create(self, ticket: Ticket) -> Remote:
        if not ticket.correlation_id:
            raise Rejected(f"{self.name}: a ticket without a correlation id cannot be opened")
        for sys_id, key in list(self._keyless.items()):
            await self._write_key(sys_id, key)
        payload = await self._payload(ticket)
        row = await self._rest.insert(_TABLE, payload, (*_WITH_TEXT, *_COMPARED))
        sys_id = text(row, "sys_id")
        try:
            if text(row, "correlation_id") != ticket.correlation_id:
                self._keyless[sys_id] = ticket.correlation_id
                await self._write_key(sys_id, ticket.correlation_id)
            said = self._differences(ticket, payload, row)
            if said:
                written = {"work_notes": _note("changed-values", said)}
                row = await self._rest.patch(_TABLE, sys_id, written, _WITH_TEXT)
        except SchemaDrift:
            raise
        except IntegrationError as error:
            raise InDoubt(f"{self.name}: incident {sys_id} was created, and then: {error}") from error
        return self._remote(row, ticket.correlation_id)

    async def read(self, ref: Ref) -> Remote | None:
        row = await self._rest.read(_TABLE, ref.id, _WITH_TEXT)
        return None if row is None else self._remote(row)

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        if remote.correlation_id != ticket.correlation_id:
            raise Rejected(
                f"{self.name}: incident {remote.ref.number} carries {remote.correlation_id or 'no id'}, not"
                f" {ticket.correlation_id}; it was left alone"
            )
        resolve = ticket.state is TicketState.RESOLVED
        reopen = ticket.reopen and not resolve
        wanted = (resolve and remote.state.active) or (reopen and remote.state is RemoteState.RESOLVED)
        if remote.state in _ENDED or not (ticket.notes or wanted):
            return remote
        before = await self._existing(remote.ref.id)
        state = self._state(before)
        if state in _ENDED:
            return self._again(before, remote)
        missing = [note for note in ticket.notes if note.marker not in self._markers(before)]
        for note in missing:
            await self._write(remote.ref.id, {"work_notes": _note(note.marker, note.text)})
        change: dict[str, str] = {}
        if resolve and state.active:
            code = self._options.close_codes.get(ticket.resolution_code, self._options.close_code)
            change = self._resolution(code, _said(ticket))
        elif reopen and state is RemoteState.RESOLVED:
            change = {"state": self._options.reopen_state}
        if change:
            await self._write(remote.ref.id, change)
        if not missing and not change:
            return self._again(before, remote)
        after = await self._existing(remote.ref.id)
        lost = {note.marker for note in missing} - self._markers(after)
        if lost:
            raise SchemaDrift(
                f"{self.name}: incident {remote.ref.number} does not show the work note just written"
                f" ({', '.join(sorted(lost))}); grant the account read and write access to incident.work_notes"
            )
        if change and self._state(after).active is resolve:
            raise Rejected(
                f"{self.name}: incident {remote.ref.number} is in state {text(after, 'state')} after it was set to"
                f" {change['state']}; look at the business rules of incident and the rights of the account"
            )
        return self._again(after, remote)

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        if twin.ref.id == keep.ref.id or twin.correlation_id != keep.correlation_id:
            raise Rejected(
                f"{self.name}: incidents {twin.ref.number} and {keep.ref.number} are not twins; both were left alone"
            )
        row = await self._existing(twin.ref.id)
        number = keep.ref.number or keep.ref.id
        said = f"The same fault is open as incident {number}. This one is resolved; please work in {number}."
        change = {} if text(row, "parent_incident") == keep.ref.id else {"parent_incident": keep.ref.id}
        if self._state(row).active:
            change |= self._resolution(self._options.duplicate_close_code, said)
        if change and self._state(row) not in _ENDED:
            await self._write(twin.ref.id, change)
            row = await self._existing(twin.ref.id)
            if self._state(row).active:
                raise Rejected(
                    f"{self.name}: incident {twin.ref.number} stays open; look at the business rules of incident"
                )
        return self._again(row, twin)

    async def doctor(self) -> Sequence[Finding]:
        try:
            reply = await self._rest.any_row(_TABLE)
            findings = [Finding(check="login", ok=True, detail=f"incidents of {self._http.url} can be read")]
            left = reply.headers.get("X-RateLimit-Limit", "")
            if left.isdigit():
                findings.append(Finding(check="rate limit", ok=True, detail=f"{left[:9]} requests an hour"))
            return findings + await self._references.findings(self._options)
        except IntegrationError as error:
            return [Finding(check="login", ok=False, detail=str(error), fix="mend what the text names, run this again")]

    async def aclose(self) -> None:
        await self._http.aclose()

    # Writing

    async def _payload(self, ticket: Ticket) -> dict[str, str]:
        options = self._options
        references, unmatched = await self._references.resolve(
            {
                "caller_id": ticket.caller or options.caller,
                "assignment_group": ticket.assignment_group or options.assignment_group,
                "cmdb_ci": clean_line(ticket.ci),
                "business_service": ticket.service,
            }
        )
        values = {
            "short_description": cut(clean_line(ticket.title), _TITLE) or "(no title)",
            "description": body_with_footer(ticket, self.capabilities.body_limit, "\n".join(unmatched)),
            "correlation_id": ticket.correlation_id,
            "correlation_display": options.source,
            "impact": _choice(options.impacts, ticket.impact, "impact"),
            "urgency": _choice(options.urgencies, ticket.urgency, "urgency"),
            "category": clean_line(options.categories.get(ticket.category, ticket.category)),
            "subcategory": clean_line(options.categories.get(ticket.subcategory, ticket.subcategory)),
            **references,
        }
        return {**options.extra, **{field: value for field, value in values.items() if value}}

    async def _write(self, sys_id: str, change: Mapping[str, str]) -> Row:
        return await self._rest.patch(_TABLE, sys_id, change, _FIELDS)

    async def _write_key(self, sys_id: str, key: str) -> None:
        """The id of an incident that was created without it; SchemaDrift when it cannot be written either."""
        row = await self._rest.read(_TABLE, sys_id, _FIELDS)
        if row is not None and text(row, "correlation_id") != key:
            row = await self._write(sys_id, {"correlation_id": key})
            if text(row, "correlation_id") != key:
                raise SchemaDrift(
                    f"{self.name}: incident {text(row, 'number') or sys_id} was created without its correlation_id, and"
                    " it cannot be written; grant the account read and write access to incident.correlation_id (40"
                    " characters or more), then delete that incident. Nothing more is created until then"
                )
        self._keyless.pop(sys_id, None)

    def _resolution(self, code: str, said: str) -> dict[str, str]:
        """State and both close fields go together: a data policy refuses one without the others."""
        notes = cut(_unmarked(clean(said)), _NOTE) or "Resolved."
        return {"state": self._options.resolved_state, "close_code": code, "close_notes": notes}

    def _differences(self, ticket: Ticket, payload: Mapping[str, str], row: Row) -> str:
        """What the instance made of the wish, for the people who read the incident; empty when it is as wished."""
        said = [
            f"{field}: {payload[field]} was sent, the incident shows {text(row, field) or 'nothing'}"
            for field in _COMPARED
            if field in payload and text(row, field) != payload[field]
        ]
        if any(field in _COMPARED[4:] for field in payload if text(row, field) != payload[field]):
            self._references.forget()
        if parse_footer(text(row, "description")) is None:
            said.append("description: its end was cut; set description_limit to the length of the column")
        priority = text(row, "priority")
        if priority and priority != str(ticket.priority):
            said.append(f"priority: {priority} by the rules of the instance, where Tocsin says P{ticket.priority}")
        return "The instance keeps this otherwise than it was sent:\n" + "\n".join(said) if said else ""

    # Reading

    async def _existing(self, sys_id: str) -> Row:
        """The incident with its work notes. Rejected when it is gone."""
        row = await self._rest.read(_TABLE, sys_id, _WITH_NOTES, display=True)
        if row is None:
            raise Rejected(f"{self.name}: incident {sys_id} is gone (deleted)")
        return row

    def _markers(self, row: Row) -> set[str]:
        if "work_notes" not in row:
            raise SchemaDrift(
                f"{self.name}: the work notes of incident {text(row, 'number')} cannot be read, so they would be"
                " repeated; grant the account read access to incident.work_notes"
            )
        return set(_MARKER.findall(shown(row, "work_notes").replace("\r\n", "\n")))

    def _state(self, row: Row) -> RemoteState:
        state = self._options.states.get(text(row, "state"))
        if state is None:
            raise SchemaDrift(
                f"{self.name}: incident {text(row, 'number')} has the state {text(row, 'state')[:40]!r}, which states"
                " does not map; say there what it means"
            )
        return state

    def _again(self, row: Row, remote: Remote) -> Remote:
        """The incident after a change; what stands in its description cannot have changed."""
        after = self._remote(row, remote.correlation_id)
        return msgspec.structs.replace(after, episode=remote.episode, facts=remote.facts)

    def _remote(self, row: Row, correlation_id: str = "") -> Remote:
        options, sys_id = self._options, text(row, "sys_id")
        footer = parse_footer(text(row, "description"))
        priority = text(row, "priority")
        return Remote(
            ref=Ref(
                id=sys_id,
                number=text(row, "number") or sys_id,
                url=options.link.replace("{url}", self._http.url).replace("{id}", sys_id),
            ),
            correlation_id=correlation_id or text(row, "correlation_id"),
            state=self._state(row),
            raw_state=text(row, "state"),
            episode=footer.episode if footer else None,
            owner=text(row, "assigned_to.name") or text(row, "assigned_to"),
            assignment_group=text(row, "assignment_group.name") or text(row, "assignment_group"),
            impact=_level(options.impacts, text(row, "impact")),
            urgency=_level(options.urgencies, text(row, "urgency")),
            priority=min(int(priority), 4) if priority in ("1", "2", "3", "4", "5") else None,
            created_at=_milliseconds(text(row, "sys_created_on")),
            updated_at=_milliseconds(text(row, "sys_updated_on")),
            facts=footer.facts if footer else {},
        )


def _said(ticket: Ticket) -> str:
    return ": ".join(filter(None, (clean_line(ticket.resolution_code), clean(ticket.resolution_text))))


def _unmarked(said: str) -> str:
    """Text that neither begins HTML in a journal nor passes for a marker of ours."""
    return re.sub(r"\[(?=\s*/?\s*code\b)", "[ ", said, flags=re.IGNORECASE).replace("(Tocsin note ", "(tocsin note ")


def _note(marker: str, said: str) -> str:
    return f"{cut(_unmarked(clean(said)), _NOTE) or '(no text)'}\n\n(Tocsin note {marker})"


def _choice(choices: Sequence[str], level: int, what: str) -> str:
    if not 1 <= level <= len(choices):
        raise Rejected(f"the ticket's {what} is {level}; it can be 1 to {len(choices)}")
    return choices[level - 1]


def _level(choices: Sequence[str], value: str) -> int | None:
    return choices.index(value) + 1 if value in choices else None


def _milliseconds(at: str) -> int | None:
    """ServiceNow stores UTC without saying so."""
    try:
        return round(datetime.datetime.fromisoformat(at).replace(tzinfo=datetime.UTC).timestamp() * 1000)
    except ValueError:
        return None
