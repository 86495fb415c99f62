"""PagerDuty, by its Events API v2 (developer.pagerduty.com, Events API v2): one alert per fault.

- The correlation id is the ``dedup_key``: whatever is sent twice while the alert is open is shown once, so what is in
  doubt is simply sent again. After its end a new trigger opens a new alert.
- The routing key is in the body and says which service is meant. Changing it leaves the open alerts without an end.
- Notes are not sent: the API has none, and a trigger as a note would open an alert anew that a person has resolved.
- 202 says "accepted", not "shown"; 400 says what is wrong, also of the routing key.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from integrations._hook import Hook
from integrations._one_way import OneWay
from integrations._sent_record import Kind, Message
from integrations._session import Connection
from integrations._text import clean, clean_line, cut
from integrations.api import Capabilities, CredentialRef, Ports, Ref, Rejected, Unauthorised

Severity = Literal["critical", "error", "warning", "info"]
_TITLE = 1_024
_BODY = 60_000
"""Characters of details; a whole event may have 512 kB."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    routing_key: Annotated[
        CredentialRef,
        Meta(
            description="Integration key of the service (Events API v2), 32 characters",
            examples=[{"credential": "pagerduty-key"}],
        ),
    ]
    severities: Annotated[
        tuple[Severity, Severity, Severity, Severity],
        Meta(
            description="PagerDuty's severity for P1, P2, P3 and P4",
            examples=[["critical", "error", "warning", "info"]],
        ),
    ] = ("critical", "error", "warning", "info")
    client_url: Annotated[
        str, Meta(description="Page of the agent that the alert links to. Empty: none", examples=["https://web-1:9787"])
    ] = ""
    url: Annotated[
        str, Meta(description="Address of PagerDuty's events", examples=["https://events.eu.pagerduty.com"])
    ] = "https://events.pagerduty.com"
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()


def build(name: str, options: Options, ports: Ports) -> OneWay:
    limits = Capabilities(uncertainty=0, title_limit=_TITLE, body_limit=_BODY, note_limit=0)
    return OneWay(name, PagerDuty(name, options, ports), limits, ports)


class _Reply(msgspec.Struct):
    status: str
    dedup_key: str = ""


class PagerDuty(Hook):
    folds = True

    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        super().__init__(name, options.url, [options.routing_key.credential], ports, options.connection)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        event: dict[str, object] = {
            "routing_key": self.secret(self._options.routing_key.credential),
            "dedup_key": message.ticket.correlation_id,
            "event_action": "resolve" if message.kind is Kind.RESOLVED else "trigger",
        }
        if message.kind is not Kind.RESOLVED:
            event |= {"payload": self._payload(message), "client": "Tocsin"}
            if self._options.client_url:
                event["client_url"] = self._options.client_url
        reply = await self.send("/v2/enqueue", event, accept=(400,))
        if reply.status == 400:
            text = f"{self.name}: PagerDuty answered 400 and refused the event; it said: {reply.said}"
            raise Unauthorised(text) if "routing_key" in reply.said else Rejected(text)
        said = reply.json(_Reply)
        if reply.status != 202 or said.status != "success" or said.dedup_key != message.ticket.correlation_id:
            raise reply.unexpected("did not confirm the event")
        return Ref(id="", number=message.ticket.correlation_id)

    def _payload(self, message: Message) -> dict[str, object]:
        ticket = message.ticket
        details = {
            "text": cut(clean(ticket.body), _BODY),
            "environment": cut(clean_line(ticket.environment), 200),
            "priority": f"P{ticket.priority}",
            "impact": ticket.impact,
            "urgency": ticket.urgency,
            "ci_id": cut(clean_line(ticket.ci_id), 200),
            "service": cut(clean_line(ticket.service), 200),
            "correlation_id": ticket.correlation_id,
            "episode": ticket.episode,
        }
        return {
            "summary": cut(clean_line(ticket.title), _TITLE) or "(no title)",
            "source": cut(clean_line(ticket.ci), 255) or "unknown",
            "severity": self._options.severities[ticket.priority - 1],
            "class": cut(clean_line(ticket.category), 255),
            "custom_details": details,
        }
