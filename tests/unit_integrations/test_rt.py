"""Request Tracker's own traps, against the fake that has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
import pytest
from fakes.fake_http import Answer, Fault, Request
from fakes.fake_rt import PASSWORD, QUEUE, TOKEN, USER, FakeRT

from integrations.api import (
    InDoubt,
    Note,
    NotSent,
    Ports,
    Rejected,
    RemoteState,
    SchemaDrift,
    Secret,
    Ticket,
    TicketState,
    Unauthorised,
)
from integrations.rt import Options, RequestTracker, build

NOW = 1_790_000_000_000
KEY = "toc-0123456789abcdef0123456789abcdef"


class NoDatabase:
    async def transact(self, work: object) -> object:
        raise AssertionError("an adapter that speaks HTTP asked for the database")


def adapter(url: str, secret: str = TOKEN, **changes: object) -> RequestTracker:
    section = {"url": url, "queue": QUEUE, "auth": {"token": {"credential": "rt"}}, **changes}
    ports = Ports(lambda _: Secret(secret), NoDatabase(), lambda: NOW)  # type: ignore[arg-type]  # never used
    return build("rt-prod", msgspec.convert(section, Options), ports)


def wish(**changes: object) -> Ticket:
    values: dict[str, object] = {
        "correlation_id": KEY, "episode": 1, "state": TicketState.OPEN, "title": "disk full", "body": "b", "impact": 2,
        "urgency": 1, "priority": 2, "opened_at": NOW, "ci": "web-1", "ci_id": "5d0f", "environment": "prod",
    }  # fmt: skip
    return Ticket(**{**values, **changes})  # type: ignore[arg-type]  # the keys are the fields


RESOLVED = wish(state=TicketState.RESOLVED, resolution_code="Recovered", resolution_text="fine again")


@dataclass
class Pair:
    server: FakeRT
    rt: RequestTracker


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with FakeRT(lambda: NOW) as server:
        rt = adapter(server.url)
        yield Pair(server, rt)
        await rt.aclose()


@pytest.mark.parametrize("field", ["DedupKey", "Impact", "Urgency", "CI"])
async def test_a_missing_field_is_noticed_before_anything_is_created(pair: Pair, field: str) -> None:
    del pair.server.queue_fields[field]
    with pytest.raises(SchemaDrift, match=rf"lacks the custom field '{field}'.*SeeCustomField"):
        await pair.rt.create(wish())
    assert pair.server.tickets == {}
    failed = [finding for finding in await pair.rt.doctor() if not finding.ok]
    assert [finding.check for finding in failed] == [f"field {field}"]
    pair.server.queue_fields[field] = ()
    assert (await pair.rt.create(wish())).state is RemoteState.NEW


async def test_a_missing_queue_is_noticed(pair: Pair) -> None:
    rt = adapter(pair.server.url, queue="Nope")
    with pytest.raises(SchemaDrift, match="queue 'Nope' is not there, or not visible"):
        await rt.create(wish())
    await rt.aclose()


async def test_a_dropped_key_is_written_again(pair: Pair) -> None:
    pair.server.drop_on_create = {"DedupKey"}
    remote = await pair.rt.create(wish())
    assert pair.server.tickets[1].fields["DedupKey"] == [KEY]
    assert [each.ref for each in await pair.rt.find(KEY)] == [remote.ref]


async def test_a_key_that_cannot_be_written_is_drift_and_names_the_ticket(pair: Pair) -> None:
    pair.server.drop_on_create = pair.server.read_only = {"DedupKey"}
    with pytest.raises(
        SchemaDrift, match=r"ticket 1 was created without 'DedupKey'.*Permission Denied.*delete that ticket"
    ):
        await pair.rt.create(wish())


async def test_nothing_more_is_created_while_a_ticket_lacks_its_key(pair: Pair) -> None:
    pair.server.drop_on_create = pair.server.read_only = {"DedupKey"}
    for key in (KEY, KEY, "toc-" + "9" * 32):
        with pytest.raises(SchemaDrift, match="ticket 1 was created without"):
            await pair.rt.create(wish(correlation_id=key))
    assert len(pair.server.tickets) == 1
    pair.server.drop_on_create = pair.server.read_only = set()
    with pytest.raises(InDoubt, match="can be found now"):
        await pair.rt.create(wish())
    assert len(await pair.rt.find(KEY)) == 1
    await pair.rt.create(wish(correlation_id="toc-" + "9" * 32))
    assert len(pair.server.tickets) == 2


async def test_a_keyless_ticket_that_was_deleted_no_longer_stands_in_the_way(pair: Pair) -> None:
    pair.server.drop_on_create = pair.server.read_only = {"DedupKey"}
    with pytest.raises(SchemaDrift):
        await pair.rt.create(wish())
    pair.server.delete(1)
    pair.server.drop_on_create = pair.server.read_only = set()
    assert (await pair.rt.create(wish())).ref.id == "2"


class SlowReads(FakeRT):
    """The second look at a ticket takes longer than the first."""

    looks = 0

    async def _reply(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET" and request.path.endswith("/ticket/1"):
            self.looks += 1
            await asyncio.sleep(0.1 * self.looks)
        await super()._reply(request, reader, writer)


async def test_creates_of_two_faults_at_once_do_not_meet() -> None:
    async with SlowReads(lambda: NOW) as server:
        rt = adapter(server.url)
        first = asyncio.create_task(rt.create(wish()))
        while not server.looks:
            await asyncio.sleep(0)
        second = await rt.create(wish(correlation_id="toc-other"))
        assert [(await first).ref.id, second.ref.id] == ["1", "2"]
        await rt.aclose()


async def test_a_value_that_is_no_choice_is_said_in_the_ticket(pair: Pair) -> None:
    rt = adapter(pair.server.url, impacts=["Huge", "Middling", "Tiny"])
    remote = await rt.create(wish())
    assert remote.impact is None
    (comment,) = pair.server.tickets[1].comments
    assert comment.content is not None
    assert "Impact: 'Middling' was not kept" in comment.content
    assert "Urgency" not in comment.content
    await rt.aclose()


async def test_a_put_that_fails_with_200_is_noticed(pair: Pair) -> None:
    remote = await pair.rt.create(wish())
    pair.server.refuse_changes = "Ticket 1: Permission Denied"
    with pytest.raises(Rejected, match=r"stays 'new'.*Permission Denied"):
        await pair.rt.apply(RESOLVED, remote)
    twin = await pair.rt.create(wish())
    with pytest.raises(Rejected, match="could not be linked to 1"):
        await pair.rt.retire_twin(twin, remote)


async def test_somebody_else_changing_the_ticket_in_between(pair: Pair) -> None:
    """Between our read and our PUT somebody comments: 412, nothing done, and the next attempt resolves."""
    remote = await pair.rt.create(wish())
    pair.server.fault(Fault(raw=Answer(412, {"message": "Precondition Failed"}).raw(), methods=("PUT",)))
    with pytest.raises(NotSent, match="changed by somebody"):
        await pair.rt.apply(RESOLVED, remote)
    assert pair.server.tickets[1].status == "new"
    await pair.rt.apply(RESOLVED, remote)
    assert pair.server.tickets[1].status == "resolved"
    put = [request for request in pair.server.requests if request.method == "PUT"]
    assert all("if-match" in request.headers for request in put)


async def test_a_merged_ticket_is_gone_and_its_target_found(pair: Pair) -> None:
    keep, merged = await pair.rt.create(wish()), await pair.rt.create(wish())
    pair.server.merge(2, into=1)
    assert await pair.rt.read(merged.ref) is None
    assert [each.ref for each in await pair.rt.find(KEY)] == [keep.ref]
    with pytest.raises(Rejected, match="merged into another"):
        await pair.rt.apply(RESOLVED, merged)
    assert pair.server.tickets[1].status == "new"


async def test_a_ticket_moved_out_of_sight_stops_that_ticket_only(pair: Pair) -> None:
    remote = await pair.rt.create(wish())
    pair.server.move(1, "Network")
    with pytest.raises(Rejected, match=r"out of sight.*ShowTicket"):
        await pair.rt.read(remote.ref)
    await pair.rt.create(wish(correlation_id="toc-" + "9" * 32))


async def test_an_account_without_any_rights_is_unauthorised(pair: Pair) -> None:
    remote = await pair.rt.create(wish())
    pair.server.fail(403, n=2)
    with pytest.raises(Unauthorised, match="neither the ticket nor its queue"):
        await pair.rt.read(remote.ref)


async def test_a_created_ticket_we_may_not_see_is_not_created_again(pair: Pair) -> None:
    """A scrip moves every new ticket away: one ticket in doubt, and no second one however often it is tried."""
    original = pair.server._create
    pair.server._create = lambda data: (original(data), pair.server.move(len(pair.server.tickets), "Triage"))[0]  # type: ignore[method-assign]  # plays a scrip
    with pytest.raises(InDoubt, match="ticket 1 was created and could not be read back"):
        await pair.rt.create(wish())
    for _ in range(3):
        assert await pair.rt.find(KEY) == []
        with pytest.raises(Rejected, match="ticket 1 is out of sight"):
            await pair.rt.create(wish())
    assert len(pair.server.tickets) == 1
    pair.server.move(1, QUEUE)
    with pytest.raises(InDoubt, match="ticket 1 was created earlier and can be found now"):
        await pair.rt.create(wish())
    assert len(await pair.rt.find(KEY)) == 1
    assert len(pair.server.tickets) == 1


async def test_nobody_is_mailed_and_nothing_reopened_by_a_note(pair: Pair) -> None:
    remote = await pair.rt.apply(RESOLVED, await pair.rt.create(wish()))
    ticket = wish(notes=(Note("n/1", "seen again"),))
    assert (await pair.rt.apply(ticket, remote)).state is RemoteState.RESOLVED
    assert not any("/correspond" in request.path for request in pair.server.requests)
    assert "requestor" not in str(pair.server.requests[2].body).lower()


async def test_a_note_in_a_long_history_is_still_posted_once(pair: Pair) -> None:
    remote = await pair.rt.create(wish())
    first = wish(notes=(Note("n/1", "x"),))
    await pair.rt.apply(first, remote)
    for _ in range(250):
        pair.server.take(1, "ann")
    before = len(pair.server.tickets[1].transactions)
    await pair.rt.apply(first, remote)
    assert len(pair.server.tickets[1].transactions) == before


async def test_an_endless_history_is_refused(pair: Pair) -> None:
    remote = await pair.rt.create(wish())
    for _ in range(1001):
        pair.server.take(1, "ann")
    with pytest.raises(NotSent, match="more than 1000 entries"):
        await pair.rt.apply(wish(notes=(Note("n/1", "x"),)), remote)


async def test_many_episodes_are_found_with_few_requests(pair: Pair) -> None:
    for episode in range(1, 121):
        remote = await pair.rt.create(wish(episode=episode))
        if episode < 120:
            pair.server.set_status(int(remote.ref.id), "resolved")
    before = len(pair.server.requests)
    found = await pair.rt.find(KEY)
    assert [each.ref.id for each in found] == [str(number) for number in range(1, 121)]
    assert [each.episode for each in found[-6:]] == [115, 116, 117, 118, 119, 120]
    assert found[0].episode is None
    assert len(pair.server.requests) - before <= 9


async def test_the_search_is_exact_and_checked(pair: Pair) -> None:
    await pair.rt.create(wish())
    await pair.rt.find(KEY)
    assert pair.server.queries[-1] == [("CF.{DedupKey}", "=", KEY)]
    await pair.rt.list_open("prod", "5d'0\\f")
    assert pair.server.queries[-1] == [("CF.{CI}", "=", "5d'0\\f"), ("Status", "=", "__Active__")]


async def test_a_search_that_ignores_its_condition_harms_nobody(pair: Pair) -> None:
    """A server that drops the condition answers with every ticket; only those that carry the id are taken."""
    await pair.rt.create(wish(correlation_id="toc-" + "9" * 32))
    rows = pair.server.handle
    everything = {"items": [pair.server._shown(ticket) for ticket in pair.server.tickets.values()], "pages": 1}
    pair.server.handle = lambda request: Answer(200, everything) if request.path.endswith("/tickets") else rows(request)  # type: ignore[method-assign]  # a spoilt server
    assert await pair.rt.find(KEY) == []
    assert await pair.rt.list_open("prod", "another") == []


async def test_an_unknown_status_is_drift_with_the_mend(pair: Pair) -> None:
    remote = await pair.rt.create(wish())
    pair.server.tickets[1].status = "waiting"
    with pytest.raises(SchemaDrift, match="status 'waiting', which statuses does not map"):
        await pair.rt.read(remote.ref)
    rt = adapter(
        pair.server.url, statuses={"new": "new", "open": "in_progress", "resolved": "resolved", "waiting": "on_hold"}
    )
    again = await rt.read(remote.ref)
    assert again is not None
    assert (again.state, again.raw_state) == (RemoteState.ON_HOLD, "waiting")
    await rt.aclose()


async def test_optional_fields_can_be_left_out(pair: Pair) -> None:
    pair.server.queue_fields = {"TocsinKey": ()}
    fields = {"key": "TocsinKey", "impact": "", "urgency": "", "ci": ""}
    rt = adapter(pair.server.url, fields=fields, requestor="monitoring@example.net", link="{url}/t/{id}?x={id}")
    remote = await rt.create(wish())
    assert (remote.impact, remote.urgency, remote.priority) == (None, None, 2)
    assert remote.ref.url == f"{pair.server.url}/t/1?x=1"
    assert [each.ref for each in await rt.list_open("prod", "5d0f")] == [remote.ref]
    assert await rt.list_open("prod", "other") == []
    assert b'"Requestor":["monitoring@example.net"]' in next(r.body for r in pair.server.requests if r.method == "POST")
    await rt.aclose()


async def test_basic_authentication(pair: Pair) -> None:
    auth = {"basic": {"user": USER, "password": {"credential": "rt"}}}
    rt = adapter(pair.server.url, PASSWORD, auth=auth)
    assert all(finding.ok for finding in await rt.doctor())
    await rt.aclose()


@pytest.mark.parametrize("level", [0, 4, -1])
async def test_an_impact_out_of_range_is_refused(pair: Pair, level: int) -> None:
    with pytest.raises(Rejected, match=f"impact is {level}; it can be 1 to 3"):
        await pair.rt.create(wish(impact=level))
    assert pair.server.tickets == {}


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"queue": ""}, "queue is empty"),
        ({"fields": {"key": ""}}, "fields.key is empty"),
        ({"fields": {"ci": "C'I"}}, "a search cannot carry"),
        ({"fields": {"key": "a} = 'x' OR CF.{b"}}, "a search cannot carry"),
        ({"resolved_status": "done"}, "resolved_status is 'done', which statuses does not map to resolved"),
        ({"resolved_status": "open"}, "does not map to resolved"),
        ({"reopen_status": "resolved"}, "does not map to new or in_progress"),
        ({"url": "http://rt.example.net"}, "allow_plaintext"),
        ({"url": "https://a:canary@rt.example.net"}, "name a credential"),
        ({"auth": {}}, "exactly one of token, basic and oauth"),
    ],
)  # fmt: skip
def test_options_that_contradict_each_other(section: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        adapter(**{"url": "https://rt.example.net", **section})  # type: ignore[arg-type]  # as read from a file
    assert "canary" not in str(caught.value)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="queues"):
        adapter("https://rt.example.net", queues="Incidents")
