"""The embedded desk for people: a list, a ticket, and a form for each action. Plain HTML, no script."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from aiohttp import web

from agent.http.access import CLOSED, Access
from agent.http.desk_actions import ACTIONS, perform
from agent.http.desk_api import parse_states
from agent.http.form import BadForm, read_form
from integrations.api import BadInput, DeskBook, DeskError, NoSuchTicket

if TYPE_CHECKING:
    import jinja2

PAGES = Path(__file__).parent / "pages"
PAGE_SIZE = 50
EMPTY: Mapping[str, str] = {}
WHO_COOKIE = "tocsin_who"
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    # With no-referrer a browser's form would carry "Origin: null", which nobody can tell from a foreign one.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def local_time(at: int | None) -> str:
    """Milliseconds since the epoch as local date, time and offset; empty for None."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


class Pages:
    """The templates, loaded when the first page is asked for."""

    def __init__(self) -> None:
        self._environment: jinja2.Environment | None = None

    def render(self, name: str, status: int = 200, **values: Any) -> web.Response:
        if self._environment is None:
            import jinja2  # noqa: PLC0415 - an agent whose page nobody opens need not hold it in memory
            from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415 - the same

            self._environment = SandboxedEnvironment(
                loader=jinja2.FileSystemLoader(PAGES),
                autoescape=True,
                undefined=jinja2.StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            self._environment.filters["local_time"] = local_time
        text = self._environment.get_template(name).render(**values)
        return web.Response(text=text, status=status, content_type="text/html", headers=SECURITY)


def routes(desk: DeskBook, access: Access, agent_name: str) -> list[web.RouteDef]:
    pages = Pages()

    def who(request: web.Request) -> str:
        return unquote(request.cookies.get(WHO_COOKIE, "")[:1_000])[:100]

    async def ticket_page(
        request: web.Request, status: int, problem: str, typed: Mapping[str, str] = EMPTY
    ) -> web.Response:
        """``typed`` is what a person filled into a form that was refused; it is shown again, not lost."""
        page = await desk.ticket(request.match_info["ticket"])
        offered = {name: action for name, action in ACTIONS.items() if page.ticket.state in action.states}
        return pages.render(
            "ticket.html", status, page=page, ticket=page.ticket, actions=offered, who=who(request), problem=problem,
            typed=typed, acted=request.match_info.get("action", ""), agent=agent_name, may_change=access.has_cookie(request),
        )  # fmt: skip

    def refused(error: DeskError) -> web.Response:
        status = 404 if isinstance(error, NoSuchTicket) else 400
        return pages.render("problem.html", status, problem=str(error), agent=agent_name)

    async def listing(request: web.Request) -> web.StreamResponse:
        entering = access.cookie_from_link(request)
        if entering is not None:
            return entering
        chosen = request.query.get("state", "open")
        before = request.query.get("before", "")
        try:
            if before and not (before.isdecimal() and len(before) <= 12):
                raise BadInput("before is not a whole number")
            tickets = await desk.tickets(parse_states(chosen), PAGE_SIZE, int(before) if before else None)
        except DeskError as error:
            return refused(error)
        older = tickets[-1].id if len(tickets) == PAGE_SIZE else None
        return pages.render(
            "list.html",
            tickets=tickets,
            chosen=chosen,
            older=older,
            agent=agent_name,
            may_change=access.has_cookie(request),
        )

    async def one(request: web.Request) -> web.StreamResponse:
        entering = access.cookie_from_link(request)
        if entering is not None:
            return entering
        try:
            return await ticket_page(request, 200, "")
        except DeskError as error:
            return refused(error)

    async def act(request: web.Request) -> web.StreamResponse:
        number = request.match_info["ticket"]
        form: dict[str, str] = {}
        try:
            try:
                form = dict(await read_form(request))
                await perform(desk, number, request.match_info["action"], form)
            except (DeskError, BadForm) as error:
                return await ticket_page(request, 409, str(error), form)
        except DeskError as error:
            return refused(error)
        done = web.Response(status=303, headers={"Location": request.rel_url.raw_path.rsplit("/", 1)[0], **CLOSED})
        done.set_cookie(WHO_COOKIE, quote(form["who"][:100]), httponly=True, samesite="Strict", path="/desk")
        return done

    return [
        web.get("/desk", listing),
        web.get("/desk/{ticket}", one),
        web.post("/desk/{ticket}/{action}", act),
    ]
