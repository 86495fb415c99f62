"""The embedded desk for programs: ``/api/v1/desk/tickets``, reading freely, changing with the token."""

from __future__ import annotations

import msgspec
from aiohttp import web

from agent.http.desk_actions import perform
from agent.http.reply import failure, success
from integrations.api import BadInput, DeskBook, DeskError, NoSuchTicket, RemoteState, WrongState

_STATUS = {NoSuchTicket: 404, WrongState: 409, BadInput: 400}


def _refusal(error: DeskError) -> web.Response:
    status = _STATUS.get(type(error), 400)
    return failure(status, "not_found" if status == 404 else "bad_data", str(error))


def parse_states(text: str) -> frozenset[RemoteState]:
    """``open`` for the active ones, ``all``, or states separated by commas; raises BadInput."""
    if text == "all":
        return frozenset()
    if text == "open":
        return frozenset(state for state in RemoteState if state.active)
    try:
        return frozenset(RemoteState(word.strip()) for word in text.split(","))
    except ValueError:
        choices = ", ".join(["open", "all", *(state.value for state in RemoteState)])
        raise BadInput(f"state is {text[:40]!r}; write one of {choices}") from None


def _number(request: web.Request, name: str, default: int | None) -> int | None:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 12:
        raise BadInput(f"{name} is {text[:20]!r}; write a whole number")
    return int(text)


def routes(desk: DeskBook) -> list[web.RouteDef]:
    async def listing(request: web.Request) -> web.Response:
        try:
            states = parse_states(request.query.get("state", "open"))
            limit = _number(request, "limit", 50) or 50
            return success(await desk.tickets(states, limit, _number(request, "before", None)))
        except DeskError as error:
            return _refusal(error)

    async def one(request: web.Request) -> web.Response:
        try:
            return success(await desk.ticket(request.match_info["ticket"]))
        except DeskError as error:
            return _refusal(error)

    async def act(request: web.Request) -> web.Response:
        try:
            form = msgspec.json.decode(await request.read() or b"{}", type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return failure(400, "bad_data", f"the body is not a JSON object of texts: {error}")
        try:
            return success(await perform(desk, request.match_info["ticket"], request.match_info["action"], form))
        except DeskError as error:
            return _refusal(error)

    return [
        web.get("/api/v1/desk/tickets", listing),
        web.get("/api/v1/desk/tickets/{ticket}", one),
        web.post("/api/v1/desk/tickets/{ticket}/{action}", act),
    ]
