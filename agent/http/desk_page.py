"""The embedded desk for people: a list, a ticket, and a form for each action. Plain HTML, no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

from aiohttp import web

from agent.http.access import CLOSED, Access
from agent.http.desk_actions import ACTIONS, perform
from agent.http.desk_api import parse_states
from agent.http.form import BadForm, read_form
from agent.http.html import Pages
from integrations.api import BadInput, DeskBook, DeskError, NoSuchTicket

PAGE_SIZE = 50
EMPTY: Mapping[str, str] = {}
WHO_COOKIE = "tocsin_who"
FOOTER = "\n\nTocsin-Id: "


def without_footer(body: str) -> tuple[str, str]:
    """What people read, and what programs read, of a ticket's body."""
    text, mark, footer = body.rpartition(FOOTER)
    return (text, mark.strip() + " " + footer) if mark else (body, "")


def routes(desk: DeskBook, access: Access, pages: Pages, now: Callable[[], int]) -> list[web.RouteDef]:
    def who(request: web.Request) -> str:
        return unquote(request.cookies.get(WHO_COOKIE, "")[:1_000])[:100]

    async def ticket_page(
        request: web.Request, code: int, problem: str, typed: Mapping[str, str] = EMPTY
    ) -> web.Response:
        """``typed`` is what a person filled into a form that was refused; it is shown again, not lost."""
        page = await desk.ticket(request.match_info["ticket"])
        body, footer = without_footer(page.ticket.body)
        return pages.render(
            "ticket.html",
            code,
            page=page,
            ticket=page.ticket,
            body=body,
            footer=footer,
            actions={name: action for name, action in ACTIONS.items() if page.ticket.state in action.states},
            who=who(request),
            problem=problem,
            typed=typed,
            acted=request.match_info.get("action", ""),
            may_change=access.has_cookie(request),
        )

    def refused(error: DeskError) -> web.Response:
        code = 404 if isinstance(error, NoSuchTicket) else 400
        return pages.render("problem.html", code, problem=str(error))

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
            now=now(),
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
