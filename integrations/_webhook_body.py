"""The body of a webhook: a mapping of fields or a whole text, in Jinja2's sandbox, and the mappings that are ready.

Texts from hosts are values that a template shows, never templates themselves.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from integrations._message_text import Language, details
from integrations._sent_record import Kind, Message
from integrations._text import clean, clean_line, cut
from integrations.api import Note, Ref, Rejected, Ticket, TicketState

if TYPE_CHECKING:
    from jinja2 import Environment

Body = Callable[[Message, int], bytes]
"""The bytes of a message, sent at this time (milliseconds since the epoch). Raises Rejected."""

LIMIT = 1 << 20
"""Most bytes of a body."""
TEXT_LIMIT = 60_000
TITLE_LIMIT = 1_000

EVENT: Mapping[str, str] = {
    "event": "{{ event }}",
    "id": "{{ id }}",
    "repeated": "{{ repeated }}",
    "correlation_id": "{{ correlation_id }}",
    "episode": "{{ episode }}",
    "state": "{{ state }}",
    "title": "{{ title }}",
    "text": "{{ text }}",
    "priority": "{{ priority }}",
    "impact": "{{ impact }}",
    "urgency": "{{ urgency }}",
    "opened_at": "{{ opened_at }}",
    "sent_at": "{{ sent_at }}",
    "ci": "{{ ci }}",
    "ci_id": "{{ ci_id }}",
    "environment": "{{ environment }}",
    "service": "{{ service }}",
    "category": "{{ category }}",
    "resolution_code": "{{ resolution_code }}",
    "reference": "{{ reference }}",
}
MES: Mapping[str, str] = {
    "messageType": "EquipmentAlarm",
    "messageId": "{{ id }}",
    "possibleDuplicate": "{{ repeated }}",
    "alarmId": "{{ correlation_id }}-{{ episode }}",
    "alarmCode": "{{ facts.get('rule', 'Tocsin') }}",
    "alarmState": "{{ {'resolved': 'CLEAR', 'noted': 'UPDATE'}.get(event, 'SET') }}",
    "alarmSeverity": "{{ ['CRITICAL', 'MAJOR', 'MINOR', 'WARNING'][priority - 1] }}",
    "alarmText": "{{ title }}",
    "alarmDetail": "{{ text }}",
    "equipment.id": "{{ ci }}",
    "equipment.assetId": "{{ ci_id }}",
    "equipment.site": "{{ environment }}",
    "equipment.line": "{{ service }}",
    "occurredAt": "{{ opened_at }}",
    "reportedAt": "{{ sent_at }}",
    "clearReason": "{{ resolution_code }}",
    "source": "Tocsin",
    "reference": "{{ reference }}",
}
READY: Mapping[str, Mapping[str, str]] = {"event": EVENT, "mes": MES}
"""``event`` is everything a ticket says; ``mes`` an alarm of equipment for a manufacturing execution system."""


def from_fields(fields: Mapping[str, str]) -> Body:
    """A JSON object; dots in a name make objects in objects. ValueError when a field does not work.

    A field that is one expression in braces keeps its type (number, true, false, list); any other is text.
    """
    environment = _environment()
    makers = {name: _maker(environment, f"fields.{name}", text) for name, text in fields.items()}

    def make(message: Message, now: int) -> bytes:
        values = _values(message, now)
        whole: dict[str, Any] = {}
        for name, maker in makers.items():
            *parents, last = name.split(".")
            place = whole
            for parent in parents:
                place = place.setdefault(parent, {})
                if not isinstance(place, dict):
                    raise ValueError(f"fields.{name}: {parent!r} is a value already and cannot hold another")
            if isinstance(place.get(last), dict):
                raise ValueError(f"fields.{name}: {last!r} holds other fields already and cannot be a value")
            place[last] = maker(values)
        return json.dumps(whole, ensure_ascii=False, allow_nan=False, default=str).encode()  # names what is undefined

    return _tried(make)


def from_text(text: str, *, is_json: bool) -> Body:
    """The text itself; with ``is_json`` it must come out as JSON. ValueError when it does not work."""
    template = _maker(_environment(), "body", text, keep=False)

    def make(message: Message, now: int) -> bytes:
        body = str(template(_values(message, now)))
        if is_json:
            json.loads(body)
        return body.encode()

    return _tried(make)


def _environment() -> Environment:
    import jinja2  # noqa: PLC0415 - only a configured webhook pays for it
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - the same

    return ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def _maker(environment: Environment, where: str, text: str, *, keep: bool = True) -> Callable[[Mapping[str, Any]], Any]:
    import jinja2  # noqa: PLC0415 - as above

    inner = text.strip()
    try:
        if keep and inner.startswith("{{") and inner.endswith("}}") and "}}" not in inner[2:-2]:
            expression = environment.compile_expression(inner[2:-2], undefined_to_none=False)
            return lambda values: expression(**values)
        template = environment.from_string(text)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{where}, line {error.lineno}: {error.message}") from None
    return template.render


def _tried(make: Body) -> Body:
    """``make`` with its failures in one word, tried once with an example of each kind of message."""
    import jinja2  # noqa: PLC0415 - as above

    def made(message: Message, now: int) -> bytes:
        try:
            body = make(message, now)
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise Rejected(f"the body cannot be made: {type(error).__name__}: {error}; correct the template") from None
        if len(body) > LIMIT:
            raise Rejected(f"the body has {len(body)} bytes, at most {LIMIT}; show less of the text in it")
        return body

    for kind in Kind:
        try:
            made(_example(kind), 0)
        except Rejected as error:
            raise ValueError(str(error)) from None
    return made


def _example(kind: Kind) -> Message:
    ticket = Ticket(
        correlation_id="toc-" + "0" * 32, episode=1, state=TicketState.OPEN, title='a "title"', body="a\nbody",
        impact=1, urgency=1, priority=1, opened_at=0, ci="web-1", ci_id="5d0f", environment="prod",
    )  # fmt: skip
    return Message(id=f"{ticket.correlation_id}-1-1", kind=kind, ticket=ticket, notes=(Note("n/1", "x"),), ref=Ref("1"))


def _values(message: Message, now: int) -> dict[str, Any]:
    """What a template sees. Everything is inert text or a number."""
    ticket = message.ticket
    lines = ("ci", "ci_id", "environment", "service", "category", "subcategory", "assignment_group", "caller")
    return {
        **{name: cut(clean_line(getattr(ticket, name)), TITLE_LIMIT) for name in lines},
        "event": message.kind.value,
        "id": message.id,
        "repeated": message.repeated,
        "unsure": message.unsure,
        "reference": message.ref.number,
        "correlation_id": ticket.correlation_id,
        "episode": ticket.episode,
        "state": ticket.state.value,
        "title": cut(clean_line(ticket.title), TITLE_LIMIT),
        "body": cut(clean(ticket.body), TEXT_LIMIT),
        "text": cut(details(message, Language.EN), TEXT_LIMIT),
        "notes": [cut(clean(note.text), TEXT_LIMIT) for note in message.notes],
        "impact": ticket.impact,
        "urgency": ticket.urgency,
        "priority": ticket.priority,
        "opened_at": iso(ticket.opened_at),
        "sent_at": iso(now),
        "resolution_code": cut(clean_line(ticket.resolution_code), TITLE_LIMIT),
        "resolution_text": cut(clean(ticket.resolution_text), TEXT_LIMIT),
        "facts": {clean_line(name): clean(value) for name, value in ticket.facts.items()},
    }


def iso(milliseconds: int) -> str:
    """A time as ISO 8601 writes it, in UTC."""
    then = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
