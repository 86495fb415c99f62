"""People's side of the embedded desk: what they can do, what they cannot, and who did what."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from fakes.sqlite_database import SqliteDatabase

from integrations.api import (
    BadInput,
    DeskBook,
    InDoubt,
    NoSuchTicket,
    Note,
    NotSent,
    Ports,
    Remote,
    RemoteState,
    Secret,
    Ticket,
    TicketState,
    WrongState,
)
from integrations.desk import Desk, Options, build

KEY = "toc-0123456789abcdef0123456789abcdef"


def wish(**changes: object) -> Ticket:
    values: dict[str, object] = {
        "correlation_id": KEY, "episode": 1, "state": TicketState.OPEN, "title": "disk full", "body": "b", "impact": 2,
        "urgency": 1, "priority": 2, "opened_at": 5, "ci": "web-1", "ci_id": "5d0f", "environment": "prod",
        "assignment_group": "Unix",
    }  # fmt: skip
    return Ticket(**{**values, **changes})  # type: ignore[arg-type]  # the keys are the fields


@dataclass
class Office:
    """A desk, its database, and a clock that a test moves."""

    desk: Desk
    database: SqliteDatabase
    now: int = 1_000

    @property
    def people(self) -> DeskBook:
        return self.desk

    async def opened(self, **changes: object) -> Remote:
        return await self.desk.create(wish(**changes))

    async def history(self, ticket: str = "1") -> list[tuple[int, str, str, str]]:
        return [(event.at, event.who, event.action, event.detail) for event in (await self.desk.ticket(ticket)).events]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    database = SqliteDatabase(tmp_path / "tocsin.db")

    def no_secret(name: str) -> Secret:
        raise AssertionError(name)

    made: list[Office] = []
    desk = build(
        "desk", Options(url_base="https://tocsin.example.net/"), Ports(no_secret, database, lambda: made[0].now)
    )
    made.append(Office(desk, database))
    yield made[0]
    database.close()


async def test_a_ticket_has_a_number_and_a_page(office: Office) -> None:
    remote = await office.opened()
    assert remote.ref.number == "INC0000001"
    assert remote.ref.url == "https://tocsin.example.net/desk/INC0000001"
    for name in ("1", "INC0000001", "INC1"):
        assert (await office.people.ticket(name)).ticket.title == "disk full"


@pytest.mark.parametrize("name", ["2", "INC0000002", "", "0", "-1", "1 OR 1=1", "inc0000001", "9" * 40, "１", "INC"])
async def test_a_ticket_that_does_not_exist(office: Office, name: str) -> None:
    await office.opened()
    with pytest.raises(NoSuchTicket, match="there is no ticket"):
        await office.people.ticket(name)


async def test_a_whole_life_with_who_did_what(office: Office) -> None:
    await office.opened()
    people = office.people
    office.now = 2_000
    await people.acknowledge("1", "ann", "I have it")
    office.now = 3_000
    await people.assign("1", "ann", "bob", "Storage")
    await people.prioritise("1", "bob", 1)
    office.now = 4_000
    await people.hold("1", "bob", "waiting for a disk")
    await people.acknowledge("1", "bob")
    office.now = 5_000
    done = await people.resolve("1", "bob", "replaced", "new disk")
    assert (done.state, done.ended_by, done.ended_at) == (RemoteState.RESOLVED, "bob", 5_000)
    assert (done.owner, done.assignment_group, done.priority) == ("bob", "Storage", 1)
    assert (done.acknowledged_at, done.resolution_code, done.resolution_text) == (2_000, "replaced", "new disk")
    again = await people.reopen("1", "cy", "it is back")
    assert (again.state, again.ended_at, again.resolution_text) == (RemoteState.IN_PROGRESS, None, "")
    await people.resolve("1", "cy", "replaced", "cable")
    closed = await people.close("1", "dora")
    assert (closed.state, closed.resolution_text, closed.updated_at) == (RemoteState.CLOSED, "cable", 5_000)
    assert await office.history() == [
        (1_000, "tocsin", "opened", "episode 1"),
        (2_000, "ann", "acknowledged", "new to in_progress"),
        (2_000, "ann", "noted", ""),
        (3_000, "ann", "assigned", "ann to bob, group Unix to Storage"),
        (3_000, "bob", "prioritised", "P2 to P1"),
        (4_000, "bob", "held", "in_progress to on_hold"),
        (4_000, "bob", "noted", ""),
        (4_000, "bob", "acknowledged", "on_hold to in_progress"),
        (5_000, "bob", "resolved", "from in_progress"),
        (5_000, "cy", "reopened", "resolved to in_progress"),
        (5_000, "cy", "noted", ""),
        (5_000, "cy", "resolved", "from in_progress"),
        (5_000, "dora", "closed", "from resolved"),
    ]
    page = await people.ticket("1")
    assert [note.text for note in page.notes] == ["I have it", "waiting for a disk", "it is back"]


async def test_acknowledging_twice_is_acknowledging_once(office: Office) -> None:
    await office.opened()
    first = await office.people.acknowledge("1", "ann")
    assert await office.people.acknowledge("1", "bob") == first
    assert len(await office.history()) == 2


ACTIONS = {
    "acknowledge": lambda desk: desk.acknowledge("1", "ann"),
    "assign": lambda desk: desk.assign("1", "ann", "bob"),
    "prioritise": lambda desk: desk.prioritise("1", "ann", 1),
    "hold": lambda desk: desk.hold("1", "ann", "why"),
    "resolve": lambda desk: desk.resolve("1", "ann", "code", "text"),
    "reopen": lambda desk: desk.reopen("1", "ann", "why"),
    "close": lambda desk: desk.close("1", "ann"),
    "cancel": lambda desk: desk.cancel("1", "ann", "why"),
}
ACTIVE = {"acknowledge", "assign", "prioritise", "resolve", "cancel"}
ALLOWED = {
    RemoteState.NEW: ACTIVE | {"hold"},
    RemoteState.IN_PROGRESS: ACTIVE | {"hold"},
    RemoteState.ON_HOLD: ACTIVE,
    RemoteState.RESOLVED: {"reopen", "close"},
    RemoteState.CLOSED: set(),
    RemoteState.CANCELLED: set(),
}


@pytest.mark.parametrize("state", RemoteState)
@pytest.mark.parametrize("action", ACTIONS)
async def test_what_can_be_done_in_which_state(office: Office, state: RemoteState, action: str) -> None:
    await office.opened()
    office.database.connection.execute("UPDATE desk_ticket SET state = ?", (state.value,))
    before = await office.people.ticket("1")
    if action in ALLOWED[state]:
        await ACTIONS[action](office.people)
        return
    with pytest.raises(WrongState, match=f"INC0000001 is {state.value}; only a ticket that is"):
        await ACTIONS[action](office.people)
    assert await office.people.ticket("1") == before


@pytest.mark.parametrize("action", [*ACTIONS, "note"])
async def test_an_action_on_no_ticket(office: Office, action: str) -> None:
    act = {**ACTIONS, "note": lambda desk: desk.note("1", "ann", "text")}[action]
    with pytest.raises(NoSuchTicket):
        await act(office.people)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda desk: desk.acknowledge("1", ""), "who is empty"),
        (lambda desk: desk.acknowledge("1", " \n\t"), "who is empty"),
        (lambda desk: desk.acknowledge("1", "x" * 101), "who has 101 characters; at most 100"),
        (lambda desk: desk.assign("1", "ann", "x" * 101), "owner has 101"),
        (lambda desk: desk.assign("1", "ann", "bob", "x" * 101), "group has 101"),
        (lambda desk: desk.note("1", "ann", ""), "note is empty"),
        (lambda desk: desk.note("1", "ann", "x" * 65_536), "note has 65536"),
        (lambda desk: desk.hold("1", "ann", ""), "reason is empty"),
        (lambda desk: desk.resolve("1", "ann", "", "text"), "resolution code is empty"),
        (lambda desk: desk.resolve("1", "ann", "code", " "), "resolution text is empty"),
        (lambda desk: desk.reopen("1", "ann", ""), "note is empty"),
        (lambda desk: desk.cancel("1", "ann", ""), "reason is empty"),
        (lambda desk: desk.prioritise("1", "ann", 5), "priority is 5; choose 1"),
        (lambda desk: desk.tickets(limit=0), "limit is 0; ask for 1 to 500"),
        (lambda desk: desk.tickets(limit=501), "limit is 501"),
    ],
)  # fmt: skip
async def test_what_is_missing_or_too_long_is_said(office: Office, call: object, complaint: str) -> None:
    await office.opened()
    before = await office.people.ticket("1")
    with pytest.raises(BadInput, match=complaint):
        await call(office.people)  # type: ignore[operator]  # one of the lambdas above
    assert await office.people.ticket("1") == before


async def test_a_failed_action_leaves_no_trace(office: Office) -> None:
    """The change and its note are one transaction."""
    await office.opened()
    before = await office.people.ticket("1")
    office.database.lose_before_commit()
    with pytest.raises(sqlite3.OperationalError):
        await office.people.acknowledge("1", "ann", "mine")
    assert await office.people.ticket("1") == before


async def test_the_list_is_newest_first_and_paged(office: Office) -> None:
    for number in range(1, 8):
        await office.opened(correlation_id=f"toc-{number:032x}")
    await office.people.cancel("3", "ann", "x")
    first = await office.people.tickets(limit=3)
    assert [ticket.id for ticket in first] == [7, 6, 5]
    assert [ticket.id for ticket in await office.people.tickets(limit=3, before=first[-1].id)] == [4, 3, 2]
    active = await office.people.tickets([state for state in RemoteState if state.active])
    assert [ticket.id for ticket in active] == [7, 6, 5, 4, 2, 1]
    assert [ticket.id for ticket in await office.people.tickets([RemoteState.CANCELLED])] == [3]


async def test_people_cannot_forge_a_marker(office: Office) -> None:
    """A person's note never stands in the way of the agent's, whatever it says."""
    remote = await office.opened()
    await office.people.note("1", "ann", "n/1")
    await office.desk.apply(wish(notes=(Note("n/1", "from the agent"),)), remote)
    assert [note.who for note in (await office.people.ticket("1")).notes] == ["ann", "tocsin"]


async def test_reading_and_repeating_write_nothing(office: Office) -> None:
    wanted = wish(notes=(Note("n/1", "x"),))
    remote = await office.desk.apply(wanted, await office.desk.create(wanted))
    before = office.database.writes
    await office.desk.find(KEY)
    await office.desk.read(remote.ref)
    await office.desk.list_open("prod", "5d0f")
    await office.desk.apply(wanted, remote)
    await office.desk.create(wanted)
    await office.people.tickets()
    assert office.database.writes == before


async def test_a_broken_database_is_told_truly(office: Office) -> None:
    remote = await office.opened()
    office.database.connection.execute("DROP TABLE desk_note")
    office.database.connection.execute("ALTER TABLE desk_ticket RENAME TO elsewhere")
    with pytest.raises(NotSent, match="cannot be read"):
        await office.desk.read(remote.ref)
    with pytest.raises(InDoubt, match="cannot be written"):
        await office.desk.create(wish(episode=2))


async def test_a_new_database_under_a_running_desk_gets_its_tables(office: Office) -> None:
    remote = await office.opened()
    for table in ("desk_event", "desk_note", "desk_ticket"):
        office.database.connection.execute(f"DROP TABLE {table}")
    assert await office.desk.read(remote.ref) is None
    assert (await office.opened()).ref.number == "INC0000001"


@pytest.mark.parametrize("url", ["", "tocsin.example.net", "ftp://x", "https://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="whole address"):
        build("desk", Options(url_base=url), None)  # type: ignore[arg-type]  # refused before it is used


def test_unknown_options_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="url_bas"):
        msgspec.convert({"url_bas": "x"}, Options)
