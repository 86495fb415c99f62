"""A webhook: events by POST to whatever takes them, signed, templated, with a meaning for the reply.

- What an event looks like is a template; what a reply means is a mapping. Without one, any 200 to 299 is success unless
  it is a web page (a login page or a proxy answered).
- The id of an event is the same for its repetition, and stands in the header ``Idempotency-Key``.
- A receiver that can be asked (``find``) says whether an event in doubt arrived; else the event is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from integrations._hook import Hook
from integrations._http import Reply, segment
from integrations._login import authorizer
from integrations._one_way import OneWay
from integrations._sent_record import Message
from integrations._text import clean_line, cut
from integrations._webhook_body import READY, TEXT_LIMIT, TITLE_LIMIT, Body, from_fields, from_text
from integrations._webhook_options import Options
from integrations.api import Capabilities, Ports, Ref, Rejected

_REFERENCE_LIMIT = 255
_PAGE = ("<!doctype html", "<html")


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(
        uncertainty=options.find.uncertainty / 1000 if options.find is not None else 0,
        idempotent=options.idempotent,
        title_limit=TITLE_LIMIT,
        body_limit=TEXT_LIMIT,
        note_limit=TEXT_LIMIT if options.notes else 0,
    )
    return OneWay(name, Webhook(name, options, _body(options), ports), limits, ports)


def _body(options: Options) -> Body:
    if options.fields and options.body:
        raise ValueError("fields and body are both given; a body is made by one of them")
    for header, value in options.headers.items():
        if not (header.isascii() and header.replace("-", "").isalnum() and value.isascii() and value.isprintable()):
            raise ValueError(f"headers names {header!r}, which with its value is no header; write plain ASCII")
    if options.body:
        return from_text(options.body, is_json="json" in options.content_type)
    return from_fields(options.fields or READY[options.template.value])


class Webhook(Hook):
    def __init__(self, name: str, options: Options, body: Body, ports: Ports) -> None:
        parts = urlsplit(options.url)
        base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._options = options
        self._body = body
        signing = [options.signing.secret.credential] if options.signing is not None else []
        login = authorizer(options.auth, "Bearer", ports) if options.auth is not None else None
        super().__init__(name, base, signing, ports, options.connection, login=login)

    async def post(self, message: Message) -> Ref | None:
        now = self._ports.now()
        body = self._body(message, now)
        headers = {
            "Content-Type": self._options.content_type,
            "Idempotency-Key": message.id,
            **self._options.headers,
            **self._signature(body, now),
        }
        reply = await self.send(self._path, body, headers)
        return self._meaning(reply)

    async def arrived(self, message: Message) -> Ref | None:
        find, response = self._options.find, self._options.response
        if find is None:
            return None
        ids = {"correlation_id": message.ticket.correlation_id, "id": message.id}
        path = find.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", segment(value))
        reply = await self._http.get(path)
        items = _at(reply.json(object), find.items) if find.items else reply.json(object)
        if not isinstance(items, list):
            raise reply.unexpected(f"answered without a list{' at ' + find.items if find.items else ''}")
        asked = message.id if "{id}" in find.path else message.ticket.correlation_id
        for item in items:
            if _at(item, find.key) == asked:
                return Ref(id="", number=_text(_at(item, response.reference.rpartition(".")[2] or "id")))
        return None

    def _signature(self, body: bytes, now: int) -> dict[str, str]:
        signing = self._options.signing
        if signing is None:
            return {}
        seconds = str(now // 1000)
        key = self.secret(signing.secret.credential).encode()
        made = hmac.new(key, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {signing.time_header: seconds, signing.header: f"sha256={made}"}

    def _meaning(self, reply: Reply) -> Ref | None:
        response = self._options.response
        if not (response.reference or response.url or response.success):
            if reply.said.lower().startswith(_PAGE):
                raise reply.unexpected("answered with a web page")
            return None
        said = reply.json(object)
        if response.success:
            value = _text(_at(said, response.success))
            if not value:
                raise reply.unexpected(f"answered without {response.success!r}")
            if value not in response.success_values:
                raise Rejected(f"{self.name}: the receiver says {response.success} {value!r}; it said: {reply.said}")
        number, url = _text(_at(said, response.reference)), _text(_at(said, response.url))
        if response.reference and not number:
            raise reply.unexpected(f"answered without {response.reference!r}")
        return Ref(id="", number=number, url=url)


def _at(value: Any, name: str) -> Any:
    """What stands at a dotted name; None where nothing does."""
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    """A text or number of a reply, bounded; empty for anything else."""
    if isinstance(value, bool):
        return json.dumps(value)
    return cut(clean_line(str(value)), _REFERENCE_LIMIT) if isinstance(value, str | int) else ""
