"""The section of the configuration for a webhook."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from integrations._login import Auth
from integrations._session import Connection
from integrations.api import CredentialRef


class Ready(Enum):
    """Bodies that need no template of one's own."""

    EVENT = "event"
    MES = "mes"


class Signing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An HMAC-SHA256 over the time, a dot and the body, as `sha256=HEX`; the time in seconds since the epoch."""

    secret: Annotated[
        CredentialRef, Meta(description="Secret that both sides know", examples=[{"credential": "mes-signing"}])
    ]
    header: Annotated[str, Meta(description="Header with the signature", examples=["X-Hub-Signature-256"])] = (
        "X-Tocsin-Signature"
    )
    time_header: Annotated[str, Meta(description="Header with the time", examples=["X-Timestamp"])] = (
        "X-Tocsin-Timestamp"
    )


class Response(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a JSON reply means; names with dots lead into objects. All empty: any reply of 200 to 299 is success."""

    reference: Annotated[
        str,
        Meta(
            description="Name of the receiver's number. A reply without it is in doubt",
            examples=["data.id"],
        ),
    ] = ""
    url: Annotated[str, Meta(description="Name of the address of its page", examples=["data.link"])] = ""
    success: Annotated[
        str,
        Meta(description="Name of what says whether it was done, where 200 does not", examples=["code"]),
    ] = ""
    success_values: Annotated[
        tuple[str, ...], Meta(description="Its values that mean done, as text", examples=[["0", "OK", "true"]])
    ] = ("0",)


class Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to ask whether an event in doubt arrived."""

    path: Annotated[
        str,
        Meta(
            description="Path and query after `url`'s host; `{correlation_id}` and `{id}` are filled in",
            examples=["/events?key={correlation_id}"],
        ),
    ]
    key: Annotated[
        str, Meta(description="Name, in each item, of what must equal the id asked for", examples=["correlation_id"])
    ]
    items: Annotated[
        str, Meta(description="Name of the list in the reply. Empty: the reply is the list", examples=["data.items"])
    ] = ""
    uncertainty: Annotated[
        int,
        Meta(ge=0, extra={"unit": "ms"}, description="How long an event may take until it is found"),
    ] = 60_000


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the events go, and how they look. At most one of `fields` and `body` replaces `template`."""

    url: Annotated[
        str, Meta(description="Address that takes the events by POST", examples=["https://mes.example.net/api/events"])
    ]
    auth: Annotated[
        Auth | None, Meta(description="How to log in, where it asks", examples=[{"token": {"credential": "mes-token"}}])
    ] = None
    signing: Annotated[
        Signing | None,
        Meta(description="How events are signed", examples=[{"secret": {"credential": "mes-signing"}}]),
    ] = None
    template: Annotated[
        Ready, Meta(description="A ready body: `event` has everything, `mes` is for manufacturing execution systems")
    ] = Ready.EVENT
    fields: Annotated[
        dict[str, str],
        Meta(
            description="A body of one's own: JSON names, with dots for objects in objects, to Jinja2 templates",
            examples=[{"alarm.id": "{{ correlation_id }}", "alarm.text": "{{ title }}"}],
        ),
    ] = {}
    body: Annotated[
        str,
        Meta(
            description="A body of one's own as one Jinja2 template; `tojson` writes a value as JSON",
            examples=['{"text": {{ title | tojson }}}'],
        ),
    ] = ""
    content_type: Annotated[
        str, Meta(description="Type of the body. JSON is checked", examples=["application/xml"])
    ] = "application/json"
    headers: Annotated[dict[str, str], Meta(description="Further headers", examples=[{"X-Plant": "7"}])] = {}
    response: Annotated[Response, Meta(description="What a reply means")] = Response()
    find: Annotated[
        Find | None,
        Meta(
            description="How to ask whether an event in doubt arrived. Left out: it is not asked",
            examples=[{"path": "/events?key={correlation_id}", "key": "correlation_id"}],
        ),
    ] = None
    idempotent: Annotated[
        bool,
        Meta(
            description="The receiver shows events of one `id` (also in the header `Idempotency-Key`) once. Then "
            "what is in doubt is simply sent again"
        ),
    ] = False
    notes: Annotated[bool, Meta(description="Send news, too, not only the beginning and the end")] = True
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()
