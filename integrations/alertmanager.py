"""An existing Alertmanager, by its API v2 (github.com/prometheus/alertmanager, api/v2/openapi.yaml).

- An alert is its labels: sent again with the same labels it is the same alert, so what is in doubt is simply sent
  again. Labels are those of the ticket as it was opened, and never change.
- An alert without an end is over ``resolve_timeout`` (5 min by default) after it was last sent: that is measured by
  Alertmanager's own clock. So it is sent again every ``resend``, and an agent that is gone leaves nothing open
  for long.
- Its end is sent with the agent's clock; one that is ahead makes the end late by as much.
- Notes are not sent: an alert has no history.
- 200 without a body is success.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from integrations._hook import Hook
from integrations._login import Auth, authorizer
from integrations._one_way import OneWay
from integrations._sent_record import Kind, Message
from integrations._session import Connection
from integrations._text import clean, clean_line, cut
from integrations.api import Capabilities, Finding, Ports, Ref

_TITLE = 1_024
_BODY = 20_000
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_LABEL_VALUE = 500


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the Alertmanager is, and what its routes tell alerts apart by."""

    url: Annotated[
        str,
        Meta(
            description="Address of Alertmanager, with its path prefix if it has one",
            examples=["https://alertmanager.example.net"],
        ),
    ]
    auth: Annotated[
        Auth | None, Meta(description="How to log in, where it asks", examples=[{"token": {"credential": "am-token"}}])
    ] = None
    labels: Annotated[
        dict[str, str], Meta(description="Labels that every alert gets, for its routes", examples=[{"team": "noc"}])
    ] = {}
    severities: Annotated[
        tuple[str, str, str, str],
        Meta(description="Label `severity` for P1 to P4", examples=[["page", "page", "ticket", "info"]]),
    ] = ("critical", "critical", "warning", "info")
    resend: Annotated[
        int,
        Meta(
            ge=5_000,
            extra={"unit": "ms"},
            description="How often an open alert is sent again; less than half of Alertmanager's `resolve_timeout`",
        ),
    ] = 60_000
    link: Annotated[
        str, Meta(description="Page that an alert links to. Empty: none", examples=["https://web-1.example.net:9787"])
    ] = ""
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()


def build(name: str, options: Options, ports: Ports) -> OneWay:
    for label in options.labels:
        if not _LABEL.match(label) or label in _OURS:
            raise ValueError(
                f"labels names {label!r}, which is no label name or one that every alert has already; write letters,"
                " digits and underscores, none of " + ", ".join(sorted(_OURS))
            )
    limits = Capabilities(
        uncertainty=0, title_limit=_TITLE, body_limit=_BODY, note_limit=0, refresh=options.resend / 1000
    )
    return OneWay(name, Alertmanager(name, options, ports), limits, ports)


_OURS = frozenset(
    {
        "alertname", "tocsin_id", "severity", "priority", "instance", "environment", "category", "subcategory",
        "service", "assignment_group",
    }
)  # fmt: skip

_RESOLVE_TIMEOUT = re.compile(r"^\s*resolve_timeout:\s*([0-9a-z]{1,20})\s*$", re.MULTILINE)
_PART = re.compile(r"([0-9]{1,9})(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}


class _Config(msgspec.Struct):
    original: str


class _Version(msgspec.Struct):
    version: str


class _Status(msgspec.Struct):
    config: _Config
    versionInfo: _Version  # noqa: N815 - Alertmanager's name


class Alertmanager(Hook):
    folds = True

    def __init__(self, name: str, options: Options, ports: Ports) -> None:
        login = authorizer(options.auth, "Bearer", ports) if options.auth is not None else None
        super().__init__(name, options.url, [], ports, options.connection, login=login)
        self._options = options

    async def post(self, message: Message) -> Ref | None:
        ticket = message.ticket
        alert: dict[str, object] = {
            "labels": self._labels(message),
            "annotations": {
                "summary": cut(clean_line(ticket.title), _TITLE),
                "description": cut(clean(ticket.body), _BODY),
                "resolution": cut(clean(ticket.resolution_text), _BODY),
            },
            "startsAt": _rfc3339(ticket.opened_at),
        }
        if message.kind is Kind.RESOLVED:
            alert["endsAt"] = _rfc3339(max(self._ports.now(), ticket.opened_at))
        if self._options.link:
            alert["generatorURL"] = self._options.link
        reply = await self.send("/api/v2/alerts", [alert])
        if reply.status != 200 or reply.said:
            raise reply.unexpected(f"answered {reply.status} and a body where 200 and none was expected")
        return Ref(id="", number=ticket.correlation_id)

    async def look(self) -> Sequence[Finding]:
        status = (await self._http.get("/api/v2/status")).json(_Status)
        reach = Finding(check="reach", ok=True, detail=f"Alertmanager {status.versionInfo.version} at {self._http.url}")
        found = _RESOLVE_TIMEOUT.search(status.config.original)
        if found is None:
            return [reach]
        timeout = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(found[1]))
        enough = self._options.resend / 1000 <= timeout / 2
        detail = (
            f"an open alert is sent again every {self._options.resend / 1000:g} s; it ends {found[1]} after the last"
        )
        fix = "" if enough else "set resend below half of it, or global.resolve_timeout of Alertmanager higher"
        return [reach, Finding(check="resend", ok=enough, detail=detail, fix=fix)]

    def _labels(self, message: Message) -> dict[str, str]:
        ticket = message.ticket
        labels = {
            **self._options.labels,
            "alertname": ticket.facts.get("rule", "") or "Tocsin",
            "tocsin_id": ticket.correlation_id,
            "severity": self._options.severities[ticket.priority - 1],
            "priority": f"P{ticket.priority}",
            "instance": ticket.ci,
            "environment": ticket.environment,
            "category": ticket.category,
            "subcategory": ticket.subcategory,
            "service": ticket.service,
            "assignment_group": ticket.assignment_group,
        }
        short = {name: cut(clean_line(value), _LABEL_VALUE) for name, value in labels.items()}
        return {name: value for name, value in short.items() if value}


def _rfc3339(milliseconds: int) -> str:
    then = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
