"""What the command asks a running agent: ``/api/v1/tocsin/...``. Reading is free, changing needs the token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from aiohttp import web

from agent.http.parameters import BadParameter, Parameters
from agent.http.reply import failure, success

LIMIT = 1000
LABELS_LIMIT = 50
VALUE_LIMIT = 1_000


class NotFound(Exception):
    """What was asked about is not there; the text says what, and how to find it."""


class Refused(Exception):
    """It cannot be done now; the text says why."""


class Asking(Protocol):
    """What this API asks the agent. Values are plain JSON; NotFound and BadParameter may be raised."""

    def status(self) -> Mapping[str, Any]: ...
    def alerts(self) -> Sequence[Mapping[str, Any]]: ...
    async def incidents(self, state: str, limit: int) -> Sequence[Mapping[str, Any]]: ...
    async def incident(self, name: str) -> Mapping[str, Any]: ...
    def outbox(self) -> Sequence[Mapping[str, Any]]: ...
    async def idle(self) -> Mapping[str, Any]: ...
    async def explain_incident(self, name: str) -> Mapping[str, Any]: ...
    def explain_rule(self, name: str) -> Mapping[str, Any]: ...


class Acting(Protocol):
    """What this API has the agent do. NotFound and Refused may be raised."""

    async def retry(self, incident: str | None) -> Mapping[str, Any]: ...
    def drill(self, rule: str, labels: Mapping[str, str]) -> Mapping[str, Any]: ...
    def drill_note(self, incident: str, text: str) -> Mapping[str, Any]: ...
    def drill_resolve(self, incident: str) -> Mapping[str, Any]: ...


class _Retry(msgspec.Struct, forbid_unknown_fields=True):
    incident: str | None = None


class _Drill(msgspec.Struct, forbid_unknown_fields=True):
    rule: str
    labels: dict[str, str] = {}


class _DrillNote(msgspec.Struct, forbid_unknown_fields=True):
    incident: str
    text: str


class _DrillResolve(msgspec.Struct, forbid_unknown_fields=True):
    incident: str


def _answering(work: Callable[[web.Request], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            return success(await work(request))
        except NotFound as error:
            return failure(404, "not_found", str(error))
        except Refused as error:
            return failure(409, "unavailable", str(error))
        except BadParameter as error:
            return failure(400, "bad_data", str(error))
        except msgspec.DecodeError as error:
            return failure(400, "bad_data", f"the body is not the JSON this takes: {error}")

    return handler


class TocsinApi:
    """The handlers over what answers and what acts."""

    def __init__(self, asked: Asking, acts: Acting) -> None:
        self._asked = asked
        self._acts = acts

    def routes(self) -> list[web.RouteDef]:
        get = {
            "status": self._status,
            "alerts": self._alerts,
            "incidents": self._incidents,
            "incidents/{id}": self._incident,
            "outbox": self._outbox,
            "explain": self._explain,
            "idle": self._idle,
        }
        post = {
            "outbox/retry": self._retry,
            "drill": self._drill,
            "drill/note": self._drill_note,
            "drill/resolve": self._drill_resolve,
        }
        return [
            *(web.get(f"/api/v1/tocsin/{path}", _answering(work)) for path, work in get.items()),
            *(web.post(f"/api/v1/tocsin/{path}", _answering(work)) for path, work in post.items()),
        ]

    async def _status(self, _request: web.Request) -> Any:
        return self._asked.status()

    async def _alerts(self, _request: web.Request) -> Any:
        return self._asked.alerts()

    async def _incidents(self, request: web.Request) -> Any:
        limit = Parameters(request.query).number("limit", 50)
        if not 1 <= limit <= LIMIT:
            raise BadParameter(f"limit is {limit}; write 1 to {LIMIT}")
        return await self._asked.incidents(request.query.get("state", "live"), limit)

    async def _incident(self, request: web.Request) -> Any:
        return await self._asked.incident(request.match_info["id"])

    async def _outbox(self, _request: web.Request) -> Any:
        return self._asked.outbox()

    async def _explain(self, request: web.Request) -> Any:
        incident, rule = request.query.get("incident"), request.query.get("rule")
        if (incident is None) == (rule is None):
            raise BadParameter("write either incident=ID or rule=NAME")
        if incident is not None:
            return await self._asked.explain_incident(incident)
        return self._asked.explain_rule(rule or "")

    async def _idle(self, _request: web.Request) -> Any:
        return await self._asked.idle()

    async def _retry(self, request: web.Request) -> Any:
        body = msgspec.json.decode(await request.read(), type=_Retry)
        return await self._acts.retry(body.incident)

    async def _drill(self, request: web.Request) -> Any:
        body = msgspec.json.decode(await request.read(), type=_Drill)
        for name, value in body.labels.items():
            if not name or not name.isprintable() or max(len(name), len(value)) > VALUE_LIMIT:
                raise BadParameter(
                    f"{name[:40]!r} is no label: no control characters, at most {VALUE_LIMIT} characters in each of "
                    "name and value"
                )
        if len(body.labels) > LABELS_LIMIT:
            raise BadParameter(f"{len(body.labels)} labels; at most {LABELS_LIMIT}")
        return self._acts.drill(body.rule, body.labels)

    async def _drill_note(self, request: web.Request) -> Any:
        body = msgspec.json.decode(await request.read(), type=_DrillNote)
        return self._acts.drill_note(body.incident, body.text)

    async def _drill_resolve(self, request: web.Request) -> Any:
        body = msgspec.json.decode(await request.read(), type=_DrillResolve)
        return self._acts.drill_resolve(body.incident)
