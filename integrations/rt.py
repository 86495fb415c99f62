"""Request Tracker 5 through REST 2 (docs.bestpractical.com, RT::REST2).

What this product does that others do not, and how each trap is met:

- An unknown custom field, or a value that is no choice of it, is dropped without a word on create: the queue's fields
  are looked at before the first create, and every created ticket is read back.
- Nothing makes the correlation id unique: the caller searches first; ``find`` shows every ticket that carries it.
- PUT answers 200 with sentences, also when it failed: the ticket is read again and compared.
- ``/correspond`` mails requestors and reopens: only ``/comment`` is used. A comment's subject is its marker, which the
  history shows without fetching any text, so that a note is posted once.
- A merged ticket answers with the ticket it was merged into; a deleted one answers 200.
- A person may move a ticket to another queue: searches go by the id alone, over every queue the account can see.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Collection, Sequence
from typing import TypeVar

import msgspec

from integrations._footer import Footer, parse_footer
from integrations._http import Http
from integrations._login import authorizer, checked_url
from integrations._rt_options import Options, check
from integrations._rt_rest import RtRest, RtTicket, quote
from integrations._text import body_with_footer, clean, clean_line, cut, cut_bytes
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

T = TypeVar("T")

_NOBODY = "Nobody"
_ACTIVE = tuple(state for state in RemoteState if state.active)
_SUBJECT_BYTES = 200
"""RT cuts a subject after this many bytes of UTF-8, in the middle of a character if need be."""
_FOOTERS_OF_ENDED = 5
"""Of how many ended tickets ``find`` fetches the body; older episodes come back without number and facts."""


def build(name: str, options: Options, ports: Ports) -> RequestTracker:
    check(options)
    url = checked_url(options.url, allow_plaintext=options.connection.allow_plaintext)
    login = authorizer(options.auth, "token", ports)
    return RequestTracker(name, options, Http(name, url, login, ports, options.connection))


class RequestTracker:
    """One queue of one Request Tracker."""

    def __init__(self, name: str, options: Options, http: Http) -> None:
        self.name = name
        self.capabilities = Capabilities(
            uncertainty=options.uncertainty / 1000,
            can_reopen=True,
            title_limit=_SUBJECT_BYTES,
            body_limit=65_535,
            note_limit=65_535,
        )
        self._options = options
        self._http = http
        self._rest = RtRest(http, options.queue)
        self._fields_seen = False
        self._unverified: dict[str, str] = {}
        """Tickets we created and could not verify, with the id each should carry."""
        self._being_verified: set[str] = set()
        """Of these, the ones whose own ``create`` is still at it: other faults need not wait for them."""

    async def find(self, correlation_id: str) -> Sequence[Remote]:
        if not correlation_id:
            raise Rejected(f"{self.name}: a search without a correlation id was asked for; it would match every ticket")
        field = self._options.fields.key
        found = await self._rest.search(f"'CF.{{{field}}}' = {quote(correlation_id)}")
        ended = 0
        remotes = []
        for ticket in found:
            active = self._state(ticket).active
            ended += not active
            with_footer = active or ended <= _FOOTERS_OF_ENDED
            footer = parse_footer(await self._rest.body(str(ticket.id))) if with_footer else None
            if correlation_id in ticket.values(field) or (footer and footer.correlation_id == correlation_id):
                remotes.append(self._remote(ticket, correlation_id, footer))
                self._unverified.pop(str(ticket.id), None)
        return remotes[::-1]

    async def list_open(self, environment: str, ci_id: str) -> Sequence[Remote]:
        fields = self._options.fields
        ours = (
            f"'CF.{{{fields.ci}}}' = {quote(clean_line(ci_id))}" if fields.ci else f"'CF.{{{fields.key}}}' LIKE 'toc-'"
        )
        remotes = []
        for ticket in await self._rest.search(f"{ours} AND Status = '__Active__'"):
            footer = parse_footer(await self._rest.body(str(ticket.id)))
            if footer and (footer.environment, footer.ci_id) == (environment, ci_id) and self._state(ticket).active:
                remotes.append(self._remote(ticket, footer.correlation_id, footer))
        return remotes[::-1]

    async def create(self, ticket: Ticket) -> Remote:
        if not ticket.correlation_id:
            raise Rejected(f"{self.name}: a ticket without a correlation id cannot be opened")
        await self._check_fields()
        await self._verify_earlier(ticket.correlation_id)
        body = body_with_footer(ticket, self.capabilities.body_limit)
        payload = {
            "Subject": cut_bytes(clean_line(ticket.title), _SUBJECT_BYTES) or "(no title)",
            "Content": body,
            "ContentType": "text/plain",
            "Priority": _choice(self._options.priorities, ticket.priority, "priority"),
            "CustomFields": self._custom_fields(ticket),
        }
        if self._options.requestor:
            payload["Requestor"] = [self._options.requestor]
        ticket_id = await self._rest.create(payload)
        self._unverified[ticket_id] = ticket.correlation_id
        self._being_verified.add(ticket_id)
        try:
            created = await self._with_key(ticket_id, ticket.correlation_id)
            await self._say_what_was_dropped(created, ticket)
        except SchemaDrift:
            raise
        except IntegrationError as error:
            raise InDoubt(f"ticket {ticket_id} was created and could not be read back: {error}") from error
        finally:
            self._being_verified.discard(ticket_id)
        self._unverified.pop(ticket_id, None)
        return self._remote(created, ticket.correlation_id, parse_footer(body))

    async def read(self, ref: Ref) -> Remote | None:
        ticket = await self._rest.read_ticket(ref.id)
        if ticket is None or str(ticket.id) != ref.id or ticket.status == self._options.deleted_status:
            return None
        footer = parse_footer(await self._rest.body(ref.id))
        keys = ticket.values(self._options.fields.key)
        return self._remote(ticket, keys[0] if keys else footer.correlation_id if footer else "", footer)

    async def apply(self, ticket: Ticket, remote: Remote) -> Remote:
        if remote.correlation_id != ticket.correlation_id:
            raise Rejected(
                f"{self.name}: ticket {remote.ref.id} carries {remote.correlation_id or 'no id'}, not"
                f" {ticket.correlation_id}; it was left alone"
            )
        if remote.state in (RemoteState.CLOSED, RemoteState.CANCELLED):
            return remote
        notes = [(note.marker, note.text) for note in ticket.notes]
        status, sources = "", _ACTIVE
        if ticket.state is TicketState.RESOLVED and remote.state.active:
            status = self._options.resolved_status
            notes += _resolution(ticket)
        elif ticket.state is TicketState.OPEN and ticket.reopen and remote.state is RemoteState.RESOLVED:
            status, sources = self._options.reopen_status, (RemoteState.RESOLVED,)
        posted = await self._post_missing(remote.ref.id, notes)
        if status:
            await self._set_status(remote.ref.id, status, sources)
        if not status and not posted:
            return remote
        return await self._reread(remote)

    async def retire_twin(self, twin: Remote, keep: Remote) -> Remote:
        if twin.ref.id == keep.ref.id or twin.correlation_id != keep.correlation_id:
            raise Rejected(f"{self.name}: tickets {twin.ref.id} and {keep.ref.id} are not twins; both were left alone")
        current = await self._existing(twin.ref.id)
        if not current.refers_to(keep.ref.id):
            said = await self._rest.update(current, {"AddRefersTo": keep.ref.id})
            if not (await self._existing(twin.ref.id)).refers_to(keep.ref.id):
                raise Rejected(
                    f"{self.name}: ticket {twin.ref.id} could not be linked to {keep.ref.id}; RT said: {said}"
                )
        text = f"The same fault is open as ticket {keep.ref.id}. This one is resolved; please work in {keep.ref.id}."
        await self._post_missing(twin.ref.id, [(f"twin-of/{keep.ref.id}", text)])
        await self._set_status(twin.ref.id, self._options.resolved_status, _ACTIVE)
        return await self._reread(twin)

    async def doctor(self) -> Sequence[Finding]:
        findings = []
        try:
            version = await self._rest.version()
            findings.append(Finding(check="login", ok=True, detail=f"Request Tracker {version} at {self._http.url}"))
            queue = await self._rest.queue()
            findings.append(Finding(check="queue", ok=True, detail=f"the queue {self._options.queue!r} is visible"))
        except IntegrationError as error:
            name = "queue" if findings else "login"
            return [
                *findings,
                Finding(check=name, ok=False, detail=str(error), fix="mend what the text names, run this again"),
            ]
        findings.append(
            Finding(
                check="right to create", ok=queue.can_create, detail=f"CreateTicket on {self._options.queue!r}",
                fix="" if queue.can_create else "grant CreateTicket on the queue to the account",
            )
        )  # fmt: skip
        for field in self._used_fields():
            ok = field in queue.field_names()
            fix = (
                ""
                if ok
                else f"apply a custom field {field!r} to the queue, or grant SeeCustomField on it, or correct fields"
            )
            findings.append(
                Finding(check=f"field {field}", ok=ok, detail="on the queue" if ok else "not on the queue", fix=fix)
            )
        return findings

    async def aclose(self) -> None:
        await self._http.aclose()

    # Fields

    def _used_fields(self) -> list[str]:
        fields = self._options.fields
        return [name for name in (fields.key, fields.impact, fields.urgency, fields.ci) if name]

    async def _check_fields(self) -> None:
        """The queue has the fields we are told to write; looked at once, and again after a field was found wanting."""
        if not self._fields_seen:
            there = (await self._rest.queue()).field_names()
            missing = " and ".join(repr(field) for field in self._used_fields() if field not in there)
            if missing:
                raise SchemaDrift(
                    f"{self.name}: the queue {self._options.queue!r} lacks the custom field {missing};"
                    " apply it to the queue, grant SeeCustomField and ModifyCustomField on it, or correct fields"
                )
            self._fields_seen = True

    async def _verify_earlier(self, correlation_id: str) -> None:
        """Nothing is created while an earlier ticket is out of sight or without its id: the next would be a twin."""
        for ticket_id, its_id in list(self._unverified.items()):
            if ticket_id in self._being_verified:
                continue
            ticket = await self._rest.read_ticket(ticket_id)
            gone = ticket is None or str(ticket.id) != ticket_id or ticket.status == self._options.deleted_status
            if not gone:
                await self._with_key(ticket_id, its_id)
            self._unverified.pop(ticket_id, None)
            if not gone and its_id == correlation_id:
                raise InDoubt(f"{self.name}: ticket {ticket_id} was created earlier and can be found now")

    def _custom_fields(self, ticket: Ticket) -> dict[str, object]:
        options, fields = self._options, self._options.fields
        values: dict[str, object] = {
            fields.key: ticket.correlation_id,
            fields.impact: _choice(options.impacts, ticket.impact, "impact"),
            fields.urgency: _choice(options.urgencies, ticket.urgency, "urgency"),
            fields.ci: list(dict.fromkeys(filter(None, (clean_line(ticket.ci), clean_line(ticket.ci_id))))),
        }
        values.pop("", None)
        return values

    async def _with_key(self, ticket_id: str, correlation_id: str) -> RtTicket:
        """The created ticket, read back; its key is written again when RT dropped it."""
        field = self._options.fields.key
        created = await self._existing(ticket_id)
        if correlation_id not in created.values(field):
            said = await self._rest.update(created, {"CustomFields": {field: correlation_id}})
            created = await self._existing(ticket_id)
            if correlation_id not in created.values(field):
                self._fields_seen = False
                raise SchemaDrift(
                    f"{self.name}: ticket {ticket_id} was created without {field!r}, and it cannot be written (RT said:"
                    f" {said or 'nothing'}); grant SeeCustomField and ModifyCustomField, then delete that ticket"
                )
        return created

    async def _say_what_was_dropped(self, created: RtTicket, ticket: Ticket) -> None:
        """RT drops a value that is no choice of its field. The incident matters more, so it stays, and says so."""
        dropped = []
        for field, wanted in self._custom_fields(ticket).items():
            kept = created.values(field)
            lost = [value for value in (wanted if isinstance(wanted, list) else [wanted]) if value not in kept]
            if lost:
                dropped.append(f"{field}: {', '.join(map(repr, lost))} was not kept, the ticket shows {kept}")
        if dropped:
            text = (
                "Values that this queue did not take:\n"
                + "\n".join(dropped)
                + "\nCorrect the field's choices or the agent's."
            )
            await self._rest.comment(str(created.id), "dropped-values", text)

    # Changes

    async def _post_missing(self, ticket_id: str, notes: Sequence[tuple[str, str]]) -> bool:
        if not notes:
            return False
        there = await self._rest.comment_subjects(ticket_id)
        missing = [(marker, text) for marker, text in notes if marker not in there]
        for marker, text in missing:
            await self._rest.comment(ticket_id, marker, cut(clean(text), self.capabilities.note_limit) or "(no text)")
        return bool(missing)

    async def _set_status(self, ticket_id: str, status: str, sources: Collection[RemoteState]) -> None:
        """Set the status, unless a person moved it out of ``sources`` meanwhile; verified, as RT says 200 anyway."""
        before = await self._existing(ticket_id)
        if self._state(before) not in sources:
            return
        said = await self._rest.update(before, {"Status": status})
        after = await self._existing(ticket_id)
        if after.status == before.status:
            raise Rejected(
                f"{self.name}: ticket {ticket_id} stays {after.status!r} and does not become {status!r}; RT said:"
                f" {said or 'nothing'}; look at the queue's lifecycle and the account's rights"
            )

    async def _existing(self, ticket_id: str) -> RtTicket:
        ticket = await self._rest.read_ticket(ticket_id)
        if ticket is None or str(ticket.id) != ticket_id or ticket.status == self._options.deleted_status:
            raise Rejected(f"{self.name}: ticket {ticket_id} is gone (deleted, or merged into another)")
        return ticket

    async def _reread(self, remote: Remote) -> Remote:
        """The ticket after a change; what stands in its body cannot have changed."""
        ticket = await self._existing(remote.ref.id)
        return msgspec.structs.replace(
            self._remote(ticket, remote.correlation_id, None), episode=remote.episode, facts=remote.facts
        )

    # Reading

    def _state(self, ticket: RtTicket) -> RemoteState:
        state = self._options.statuses.get(ticket.status)
        if state is None:
            raise SchemaDrift(
                f"{self.name}: ticket {ticket.id} has the status {ticket.status!r}, which statuses does not map;"
                " say there what it means"
            )
        return state

    def _remote(self, ticket: RtTicket, correlation_id: str, footer: Footer | None) -> Remote:
        options, ticket_id = self._options, str(ticket.id)
        owner = str(ticket.owner.id)
        return Remote(
            ref=Ref(
                id=ticket_id,
                number=ticket_id,
                url=options.link.replace("{url}", self._http.url).replace("{id}", ticket_id),
            ),
            correlation_id=correlation_id,
            state=self._state(ticket),
            raw_state=ticket.status,
            episode=footer.episode if footer else None,
            owner="" if owner == _NOBODY else owner,
            impact=_level(options.impacts, ticket.values(options.fields.impact)),
            urgency=_level(options.urgencies, ticket.values(options.fields.urgency)),
            priority=_level(options.priorities, [int(ticket.priority)] if str(ticket.priority).isdecimal() else []),
            created_at=_milliseconds(ticket.created),
            updated_at=_milliseconds(ticket.updated),
            facts=footer.facts if footer else {},
        )


def _resolution(ticket: Ticket) -> list[tuple[str, str]]:
    """RT has no field for a resolution, so it is a comment, once per wording."""
    text = ": ".join(filter(None, (clean_line(ticket.resolution_code), clean(ticket.resolution_text))))
    marker = f"resolution/{ticket.episode}-{zlib.crc32(text.encode()):08x}"
    return [(marker, f"Resolved. {text}")] if text else []


def _choice(choices: Sequence[T], level: int, what: str) -> T:
    if not 1 <= level <= len(choices):
        raise Rejected(f"the ticket's {what} is {level}; it can be 1 to {len(choices)}")
    return choices[level - 1]


def _level(choices: Sequence[T], values: Sequence[T]) -> int | None:
    """1 for the first choice, and so on; None when the value is none of them."""
    return choices.index(values[0]) + 1 if values and values[0] in choices else None


def _milliseconds(text: str) -> int | None:
    """RT writes ISO 8601 in UTC, and the epoch for "never"."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    return round(at.timestamp() * 1000) or None
