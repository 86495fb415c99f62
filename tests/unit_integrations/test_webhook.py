"""What is the webhook's own: bodies, templates that do not work, and receivers that can be asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.fake_http import Answer, Fault
from fakes.fake_receiver import SECRET, TOKEN, FakeReceiver
from fakes.sqlite_database import SqliteDatabase

from integrations.api import InDoubt, Integration, Note, Ports, Rejected, RemoteState, Secret, Ticket, TicketState
from integrations.webhook import Options, build

NOW = 1_790_000_000_000
KEY = "toc-0123456789abcdef0123456789abcdef"
AUTH = {"auth": {"token": {"credential": "token"}}, "signing": {"secret": {"credential": "secret"}}}


def wish(**changes: Any) -> Ticket:
    values: dict[str, Any] = {
        "correlation_id": KEY, "episode": 3, "state": TicketState.OPEN, "title": 'press "4"\nis hot', "body": "90 °C",
        "impact": 1, "urgency": 2, "priority": 2, "opened_at": NOW - 60_000, "ci": "press-4", "ci_id": "5d0f",
        "environment": "plant-7", "service": "line-2", "facts": {"rule": "Overheated"}, **changes,
    }  # fmt: skip
    return Ticket(**values)


@pytest.fixture
async def server() -> AsyncIterator[FakeReceiver]:
    async with FakeReceiver() as running:
        yield running


def adapter(tmp_path: Path, url: str, **section: Any) -> Integration:
    database = SqliteDatabase(tmp_path / "book.db")
    secrets = {"token": TOKEN, "secret": SECRET}
    ports = Ports(lambda name: Secret(secrets[name]), database, lambda: NOW)
    return build("hook", msgspec.convert({"url": url, **section}, Options), ports)


async def sent(tmp_path: Path, server: FakeReceiver, **section: Any) -> bytes:
    hook = adapter(tmp_path, f"{server.url}/events", **section)
    server.fault(Fault(raw=Answer(204).raw(), times=9))
    remote = await hook.create(wish())
    await hook.apply(wish(notes=(Note("n/1", "95 °C"),)), remote)
    done = wish(state=TicketState.RESOLVED, resolution_code="Recovered", resolution_text="60 °C")
    assert (await hook.apply(done, remote)).state is RemoteState.RESOLVED
    await hook.aclose()
    return server.requests[0].body


async def test_the_mes_template_sets_updates_and_clears_one_alarm(tmp_path: Path, server: FakeReceiver) -> None:
    await sent(tmp_path, server, template="mes")
    events = [json.loads(request.body) for request in server.requests]
    assert [event["alarmState"] for event in events] == ["SET", "UPDATE", "CLEAR"]
    assert {event["alarmId"] for event in events} == {f"{KEY}-3"}
    assert len({event["messageId"] for event in events}) == 3
    first, news, last = events
    assert first["equipment"] == {"id": "press-4", "assetId": "5d0f", "site": "plant-7", "line": "line-2"}
    assert (first["alarmCode"], first["alarmSeverity"], first["alarmText"]) == (
        "Overheated", "MAJOR", 'press "4" is hot',
    )  # fmt: skip
    assert (first["alarmDetail"], news["alarmDetail"], last["alarmDetail"]) == ("90 °C", "95 °C", "60 °C")
    assert (first["possibleDuplicate"], last["clearReason"]) == (False, "Recovered")
    assert (first["occurredAt"], first["reportedAt"]) == ("2026-09-21T14:12:20.000Z", "2026-09-21T14:13:20.000Z")


async def test_a_body_of_ones_own_by_fields(tmp_path: Path, server: FakeReceiver) -> None:
    fields = {"a.b": "{{ priority }}", "a.c": "P{{ priority }}", "d": "{{ notes }}", "e": "{{ title }}{{ ci }}"}
    assert json.loads(await sent(tmp_path, server, fields=fields)) == {
        "a": {"b": 2, "c": "P2"}, "d": [], "e": 'press "4" is hotpress-4',
    }  # fmt: skip


async def test_a_body_of_ones_own_as_text(tmp_path: Path, server: FakeReceiver) -> None:
    body = await sent(tmp_path, server, body='{"t": {{ title | tojson }}}')
    assert json.loads(body) == {"t": 'press "4" is hot'}
    xml = await sent(tmp_path / "..", server, body="<t>{{ title | e }}</t>", content_type="application/xml")
    assert xml == body  # the first request of the server; the last is the other one
    assert server.requests[3].body == b"<t>press &#34;4&#34; is hot</t>"
    assert server.requests[3].headers["content-type"] == "application/xml"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"fields": {"a": "{{ nonesuch }}"}}, "'nonesuch' is undefined"),
        ({"fields": {"a": "x {{ nonesuch }}"}}, "'nonesuch' is undefined"),
        ({"fields": {"a": "{{ title"}}, "fields.a, line 1"),
        ({"fields": {"a": "{{ title ++ }}"}}, "fields.a, line 1"),
        ({"fields": {"a": "x", "a.b": "y"}}, "'a' is a value already"),
        ({"fields": {"a.b": "y", "a": "x"}}, "'a' holds other fields"),
        ({"fields": {"a": "{{ title.__class__.__mro__ }}"}}, "unsafe"),
        ({"fields": {"a": "{{ 1 // 0 }}"}}, "ZeroDivisionError"),
        ({"body": '{"t": "{{ title }}"}'}, "JSONDecodeError"),
        ({"body": "{{ 'x' * 2000000 }}", "content_type": "text/plain"}, "at most 1048576"),
        ({"body": "x", "fields": {"a": "b"}}, "both given"),
        ({"headers": {"a b": "c"}}, "is no header"),
        ({"headers": {"a": "c\r\nd: e"}}, "is no header"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_built(tmp_path: Path, section: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        adapter(tmp_path, "https://mes.example.net/events", **section)


async def test_a_template_in_a_title_is_text(tmp_path: Path, server: FakeReceiver) -> None:
    hook = adapter(tmp_path, server.url, **AUTH)
    await hook.create(wish(title="{{ 7 * 7 }}{% raw %}", facts={"{{x}}": "{{y}}"}))
    assert server.events[0]["title"] == "{{ 7 * 7 }}{% raw %}"
    await hook.aclose()


async def test_a_receiver_that_can_be_asked_is_asked(tmp_path: Path, server: FakeReceiver) -> None:
    find = {"path": "/events?key={correlation_id}", "key": "key", "items": "data.items"}
    hook = adapter(tmp_path, server.url, **AUTH, find=find, response={"reference": "data.number"})
    assert hook.capabilities.uncertainty == 60
    server.lose_reply_after_commit()
    with pytest.raises(InDoubt):
        await hook.create(wish())
    (found,) = await hook.find(KEY)
    assert (found.ref.number, found.state) == ("E-1", RemoteState.NEW)
    assert await hook.create(wish()) == found
    assert len(server.events) == 1
    server.lose_before_commit()
    with pytest.raises(InDoubt):
        await hook.create(wish(correlation_id="toc-" + "1" * 32))
    assert await hook.find("toc-" + "1" * 32) == []
    await hook.aclose()


async def test_without_a_meaning_for_replies_only_a_web_page_is_none(tmp_path: Path, server: FakeReceiver) -> None:
    hook = adapter(tmp_path, server.url)
    for number, raw in enumerate([Answer(200, b"").raw(), Answer(202, b"taken").raw(), Answer(204).raw()]):
        server.fault(Fault(raw=raw))
        await hook.create(wish(episode=number + 1))
    server.fault(Fault(raw=Answer(200, b"<!DOCTYPE html><html>", {"Content-Type": "text/html"}).raw()))
    with pytest.raises(InDoubt, match="web page"):
        await hook.create(wish(episode=9))
    await hook.aclose()


async def test_a_repetition_says_so_where_nobody_folds_it(tmp_path: Path, server: FakeReceiver) -> None:
    server.folds = False
    hook = adapter(tmp_path, server.url, **AUTH)
    server.lose_reply_after_commit()
    with pytest.raises(InDoubt, match="may be a repetition"):
        await hook.create(wish())
    await hook.create(wish())
    assert [event["repeated"] for event in server.events] == [False, True]
    assert len({event["id"] for event in server.events}) == 1
    await hook.aclose()


async def test_a_soft_error_is_not_done(tmp_path: Path, server: FakeReceiver) -> None:
    hook = adapter(tmp_path, server.url, **AUTH, response={"success": "ok", "success_values": ["true"]})
    server.fault(Fault(raw=Answer(200, {"ok": False, "why": "no such line"}).raw()))
    with pytest.raises(Rejected, match="no such line"):
        await hook.create(wish())
    server.fault(Fault(raw=Answer(200, {"ok": True}).raw()))
    await hook.create(wish())
    await hook.aclose()
