"""The desk and the status page as a browser gets them: complete, inert, and of use without a script."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fakes.hostile import HOSTILE
from http_kit import NOW, TOKEN, Listening, listening, wish

from agent.http.access import COOKIE
from agent.http.desk_actions import ACTIONS, Kind
from agent.http.desk_page import PAGE_SIZE, WHO_COOKIE, without_footer
from agent.http.html import age, web_address
from integrations.api import RemoteState, Ticket, TicketState

TAGS = (
    "html head meta title style body a header strong span main h1 h2 p nav table thead tbody tr th td pre code details "
    "summary form label input textarea select option button div ul li"
)
ALLOWED_TAGS = frozenset(TAGS.split())
CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


class Page(HTMLParser):
    """Tags with their attributes, text, and whether every tag is closed where it should be."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], "tags that were never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self) -> list[str]:
        return [str(each["href"]) for each in self.all("a")]

    def assert_inert(self) -> None:
        assert {tag for tag, _ in self.tags} <= ALLOWED_TAGS
        for tag, attributes in self.tags:
            assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "srcdoc")], tag
        for link in self.links():
            assert re.match(r"(/|#main$|https?://)", link), link
        for form in self.all("form"):
            assert re.fullmatch(r"/desk/INC\d{7}/[a-z]+", str(form["action"]))


@pytest.fixture
async def web_app(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as made:
        yield made


async def page(web_app: Listening, path: str, *, person: bool = False, status: int = 200) -> Page:
    headers = {"Cookie": f"{COOKIE}={TOKEN}"} if person else {}
    async with web_app.client.get(path, headers=headers) as reply:
        assert reply.status == status
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert reply.headers["Content-Security-Policy"] == CSP
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-store"
        found = Page(await reply.text())
    found.assert_inert()
    return found


async def act(web_app: Listening, action: str, form: Mapping[str, str], number: str = "INC0000001") -> tuple[int, str]:
    headers = {"Cookie": f"{COOKIE}={TOKEN}", "Origin": f"http://{web_app.address}"}
    path = f"/desk/{number}/{action}"
    async with web_app.client.post(path, data=form, headers=headers, allow_redirects=False) as reply:
        return reply.status, await reply.text()


async def test_hostile_tickets_arrive_inert(web_app: Listening) -> None:
    """Each payload as a title, a body, a CI, a service, a note, a person's name and a reason, read back as text."""
    assert len(HOSTILE) >= 200
    for number, text in enumerate(HOSTILE, 1):
        key = f"toc-{number:032x}"
        lines = dict.fromkeys(("title", "body", "ci", "service", "assignment_group", "category", "subcategory"), text)
        await web_app.desk.create(wish(correlation_id=key, ci_id=f"ci-{number}", **lines))
        await web_app.client.post(
            f"/api/v1/desk/tickets/{number}/note", headers=web_app.token, json={"who": text[:50], "text": text}
        )
    for number, text in enumerate(HOSTILE, 1):
        found = await page(web_app, f"/desk/INC{number:07}", person=number % 20 == 0)
        if text.isprintable() and len(text) < 200 and text == " ".join(text.split()):
            assert found.words.count(text) >= 4, text
    for before in range(len(HOSTILE) + 1, 0, -PAGE_SIZE):
        await page(web_app, f"/desk?state=all&before={before}")


async def test_hostile_forms_come_back_inert(web_app: Listening) -> None:
    """What a person typed is shown again when it was refused."""
    await web_app.desk.create(wish())
    for text in HOSTILE:
        if not text.isascii() or len(text) > 400:
            continue
        status, answer = await act(web_app, "prioritise", {"who": text, "priority": text})
        assert status in (303, 409)
        if status == 409:
            Page(answer).assert_inert()
        status, answer = await act(web_app, "resolve", {"who": "ann", "text": "", "code": text})
        assert status == 409
        Page(answer).assert_inert()


async def test_the_list_says_what_how_bad_since_when_and_who(web_app: Listening) -> None:
    assert "No incident is open." in (await page(web_app, "/desk")).words
    await web_app.desk.create(wish(opened_at=NOW - 7_200_000))
    await web_app.desk.acknowledge("1", "ann")
    found = await page(web_app, "/desk")
    for words in ("P2", "INC0000001", "disk full", "web-1", "in progress", "ann", "(2 h)"):
        assert words in found.words, words
    assert re.search(r"2023-11-1\d \d\d:\d\d:\d\d [+-]\d{4}", found.words), "a time without its zone misleads"
    assert "/desk/INC0000001" in found.links()
    assert [each.get("aria-current") for each in found.all("a") if "aria-current" in each] == ["page"]
    assert "Nothing here." in (await page(web_app, "/desk?state=resolved")).words


async def test_long_lists_go_on_at_older(web_app: Listening) -> None:
    for number in range(PAGE_SIZE + 2):
        await web_app.desk.create(wish(correlation_id=f"toc-{number:032x}", title=f"fault {number}"))
    first = await page(web_app, "/desk")
    (older,) = [link for link in first.links() if "before=" in link]
    second = await page(web_app, older)
    numbers = [link for each in (first, second) for link in each.links() if link.startswith("/desk/INC")]
    assert len(numbers) == len(set(numbers)) == PAGE_SIZE + 2
    assert not [link for link in second.links() if "before=" in link]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/desk/INC0000009", 404, "there is no ticket"), ("/desk/x", 404, "there is no ticket"),
        ("/desk?state=odd", 400, "state is"), ("/desk?before=x", 400, "whole number"),
        ("/desk?before=-1", 400, "number"),
    ],
)  # fmt: skip
async def test_a_wrong_address_is_explained(web_app: Listening, path: str, status: int, words: str) -> None:
    found = await page(web_app, path, status=status)
    assert words in found.words
    assert "/desk" in found.links()


async def test_a_ticket_shows_everything_and_keeps_the_footer_out_of_the_way(web_app: Listening) -> None:
    await web_app.desk.create(wish(body="It is full.\n\nLook at the logs.", service="Shop", facts={"rule": "DiskFull"}))
    await web_app.desk.note("1", "ann", "I look at it")
    await web_app.desk.resolve("1", "ann", "cleaned", "old logs removed")
    found = await page(web_app, "/desk/INC0000001")
    for words in (
        "It is full.\n\nLook at the logs.", "Shop", "I look at it", "Resolution: cleaned", "old logs removed",
        "resolved", "Ended by", "noted", "2, medium", "1, high", "Tocsin-Facts",
    ):  # fmt: skip
        assert words in found.words, words
    body = (await web_app.desk.ticket("1")).ticket.body
    text, footer = without_footer(body)
    assert text == "It is full.\n\nLook at the logs."
    assert footer.startswith("Tocsin-Id: toc-")
    assert without_footer("written by a person") == ("written by a person", "")


async def test_forms_are_there_for_who_came_by_the_link_and_fit_the_state(web_app: Listening) -> None:
    await web_app.desk.create(wish())
    assert (await page(web_app, "/desk/INC0000001")).all("form") == []
    for state in (RemoteState.NEW, RemoteState.RESOLVED, RemoteState.CLOSED):
        if state is RemoteState.RESOLVED:
            await web_app.desk.resolve("1", "ann", "x", "y")
        if state is RemoteState.CLOSED:
            await web_app.desk.close("1", "ann")
        found = await page(web_app, "/desk/INC0000001", person=True)
        offered = {str(form["action"]).rpartition("/")[2] for form in found.all("form")}
        assert offered == {name for name, action in ACTIONS.items() if state in action.states}


async def test_every_field_of_every_form_has_a_label_and_the_name_the_action_takes(web_app: Listening) -> None:
    await web_app.desk.create(wish())
    found = await page(web_app, "/desk/INC0000001", person=True)
    inside = 0
    for tag, attributes in found.tags:
        if tag == "label":
            inside += 1
        if tag in ("input", "textarea", "select"):
            inside -= 1
            assert attributes["name"]
    assert inside == 0, "each label holds one field"
    assert found.all("html") == [{"lang": "en"}]


def good_form(action: str) -> dict[str, str]:
    values = {Kind.LINE: "Storage", Kind.TEXT: "because", Kind.PRIORITY: "1"}
    return {"who": "ann", **{field.name: values[field.kind] for field in ACTIONS[action].fields}}


@pytest.mark.parametrize("action", list(ACTIONS))
async def test_every_action_works_by_form_and_by_api(web_app: Listening, action: str) -> None:
    for number in (1, 2):
        await web_app.desk.create(wish(correlation_id=f"toc-{number:032x}"))
        if RemoteState.NEW not in ACTIONS[action].states:
            await web_app.desk.resolve(str(number), "ann", "x", "y")
    assert await act(web_app, action, good_form(action)) == (303, "")
    path = f"/api/v1/desk/tickets/2/{action}"
    async with web_app.client.post(path, headers=web_app.token, json=good_form(action)) as reply:
        assert (await reply.json())["status"] == "success"
    pages = [await web_app.desk.ticket(number) for number in ("1", "2")]
    histories = [[(event.who, event.action, event.detail) for event in each.events] for each in pages]
    assert histories[0] == histories[1]
    assert histories[0][-1][0] == "ann"


async def test_a_refused_form_says_why_and_keeps_what_was_typed(web_app: Listening) -> None:
    await web_app.desk.create(wish())
    await web_app.desk.resolve("1", "bob", "x", "y")
    status, answer = await act(web_app, "note", {"who": "李 Ana", "text": "   "})
    assert status == 409
    assert "note is empty" in answer
    assert 'value="李 Ana"' in answer
    status, answer = await act(web_app, "reopen", {"who": "", "note": "it is back & worse"})
    assert status == 409
    assert "who is empty" in answer
    assert "it is back &amp; worse</textarea>" in answer
    status, answer = await act(web_app, "resolve", good_form("resolve"))
    assert status == 409
    assert "is resolved" in answer
    assert (await act(web_app, "note", good_form("note"), number="INC0000007"))[0] == 404
    assert (await act(web_app, "burn", {"who": "ann"}, number="INC0000007"))[0] == 404
    status, answer = await act(web_app, "burn", {"who": "ann"})
    assert status == 409
    assert "there is no action" in answer
    assert (await act(web_app, "note", {**good_form("note"), "surprise": "x"}))[0] == 409


async def test_the_page_remembers_who_one_is(web_app: Listening) -> None:
    await web_app.desk.create(wish())
    headers = {"Cookie": f"{COOKIE}={TOKEN}", "Origin": f"http://{web_app.address}"}
    form = {"who": '李 "Ana"; x', "text": "hello"}
    async with web_app.client.post("/desk/1/note", data=form, headers=headers, allow_redirects=False) as reply:
        assert reply.headers["Location"] == "/desk/1"
        cookie = reply.headers["Set-Cookie"].split(";")[0]
    assert cookie == f"{WHO_COOKIE}={quote(form['who'])}"
    async with web_app.client.get("/desk/1", headers={"Cookie": f"{COOKIE}={TOKEN}; {cookie}"}) as reply:
        assert 'value="李 &#34;Ana&#34;; x"' in await reply.text()


async def test_the_api_of_the_desk_refuses_what_is_wrong(web_app: Listening) -> None:
    await web_app.desk.create(wish())
    listed = await web_app.data("/api/v1/desk/tickets")
    assert [ticket["number"] for ticket in listed] == ["INC0000001"]
    assert (await web_app.data("/api/v1/desk/tickets/1"))["ticket"]["title"] == "disk full"
    assert (await web_app.error("/api/v1/desk/tickets/9"))[:2] == (404, "not_found")
    for query in ({"state": "odd"}, {"limit": "x"}, {"limit": "501"}, {"before": "1.5"}, {"limit": "9" * 20}):
        assert (await web_app.error("/api/v1/desk/tickets", **query))[:2] == (400, "bad_data")
    bodies: list[tuple[bytes, int]] = [
        (b"{", 400), (b"[]", 400), (b'{"who": 1}', 400), (b"\xff", 400), (b"", 400), (b'{"who": "ann"}', 400),
        (b'{"who": "ann", "text": "\\ud800"}', 400), (b"[" * 100_000, 400), (b'{"who": "ann", "text": "x"}', 200),
    ]  # fmt: skip
    for body, status in bodies:
        async with web_app.client.post("/api/v1/desk/tickets/1/note", headers=web_app.token, data=body) as reply:
            assert reply.status == status, body
    async with web_app.client.post("/api/v1/desk/tickets/1/close", headers=web_app.token, json={"who": "a"}) as reply:
        assert (reply.status, (await reply.json())["errorType"]) == (409, "bad_data")


async def test_the_status_page_says_what_is_wrong_and_what_is_open(web_app: Listening) -> None:
    incident: dict[str, Any] = {
        "priority": 1, "title": "web-1: disk <b>full</b>", "rule": "DiskFull", "state": "no_data",
        "created_at": NOW - 120_000, "tickets": [
            {"backend": "rt", "number": "17", "url": "https://rt.example.net/17"},
            {"backend": "x", "number": "18", "url": "javascript:alert(1)"},
        ],
    }  # fmt: skip
    web_app.agent.listed = [incident] * 30
    found = await page(web_app, "/")
    for words in (
        "web-1", "needs attention", "collector cpu fails: <b>gone</b>", "disk <b>full</b>", "no data", "(2 min)",
        "17, 18", "connection refused", "1 firing, 0 pending", "prod", "ab12ab12ab12", "tocsin incidents", "failing",
    ):  # fmt: skip
        assert words in found.words, words
    assert found.links().count("https://rt.example.net/17") == 20
    assert {"/desk", "/metrics", "/api/v1/alerts", "/api/v1/tocsin/status"} <= set(found.links())
    web_app.agent.shown = {**web_app.agent.shown, "healthy": True, "problems": []}
    web_app.agent.listed = []
    calm = await page(web_app, "/")
    assert "the agent is well" in calm.words
    assert "None." in calm.words


def test_small_words() -> None:
    assert [age(ms) for ms in (-5, 40_000, 90_000, 7_200_000, 900_000_000)] == ["0 s", "40 s", "1 min", "2 h", "10 d"]
    assert web_address("https://x/") == "https://x/"
    assert [web_address(url) for url in ("javascript:x", "", "//x", "data:x", " https://x", "HTTPS:x")] == [""] * 6


async def test_the_real_ticket_of_an_agent_resolved_by_it(web_app: Listening) -> None:
    first = await web_app.desk.create(wish())
    done: Ticket = wish(state=TicketState.RESOLVED, resolution_code="recovered", resolution_text="value 3 <= 5")
    await web_app.desk.apply(done, first)
    found = await page(web_app, "/desk/INC0000001")
    assert "Resolution: recovered" in found.words
    assert "value 3 <= 5" in found.words
