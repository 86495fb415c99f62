"""The traps of ServiceNow, and how the adapter meets each. The contract suite has what all adapters share."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from fakes.described import Sent
from fakes.fake_http import Answer, Request
from fakes.fake_servicenow import CLIENT_SECRET, COLUMNS, PASSWORD, USER, FakeServiceNow, sys_id
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations._servicenow_table import Condition, Op, encoded, inert, text
from integrations.api import (
    InDoubt,
    IntegrationError,
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
    parse_footer,
)
from integrations.servicenow import Options, ServiceNow, build

NOW = 1_790_000_000_000
KEY = "toc-0123456789abcdef0123456789abcdef"
OTHER = "toc-fedcba9876543210fedcba9876543210"
CI_ID = "5d0f4e1c9b8a7d6e5f4c3b2a19080706"
SECRETS = {"sn": PASSWORD, "client": CLIENT_SECRET}
SPECIFICATION = Path(__file__).resolve().parents[3] / "shared/specs/servicenow-table.openapi.json"


class Recorder(FakeServiceNow):
    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.handled: list[tuple[Request, Answer]] = []

    def handle(self, request: Request) -> Answer:
        answer = super().handle(request)
        self.handled.append((request, answer))
        return answer


def wish(**changes: object) -> Ticket:
    values: dict[str, object] = {
        "correlation_id": KEY, "episode": 1, "state": TicketState.OPEN, "title": "disk", "body": "full", "impact": 2,
        "urgency": 1, "priority": 2, "opened_at": NOW, "ci": "web-1", "ci_id": CI_ID, "environment": "prod",
        "facts": {"key": "k"}, **changes,
    }  # fmt: skip
    return Ticket(**values)  # type: ignore[arg-type]  # the keys are the fields


RESOLVED = wish(state=TicketState.RESOLVED, resolution_code="recovered", resolution_text="free again")


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    async with Recorder() as recorder:
        yield recorder


@asynccontextmanager
async def adapter(server: FakeServiceNow, **options: object) -> AsyncIterator[ServiceNow]:
    section = {"url": server.url, "auth": {"basic": {"user": USER, "password": {"credential": "sn"}}}, **options}
    ports = Ports(lambda name: Secret(SECRETS[name]), None, lambda: NOW)  # type: ignore[arg-type]  # no database
    built = build("sn", msgspec.convert(section, Options), ports)
    try:
        yield built
    finally:
        await built.aclose()


def only(server: FakeServiceNow) -> dict[str, str]:
    (incident,) = server.incidents.values()
    return incident.values


# Logging in


async def test_tokens_by_client_credentials_from_the_instance(server: Recorder) -> None:
    auth = {"oauth": {"client_id": "tocsin", "client_secret": {"credential": "client"}}}
    async with adapter(server, auth=auth) as snow:
        await asyncio.gather(*(snow.find(KEY) for _ in range(5)))
        await snow.create(wish())
    assert [request.path for request, _ in server.handled].count("/oauth_token.do") == 1
    assert len(server.incidents) == 1


# References and classification


async def test_names_become_sys_ids_and_are_looked_up_once(server: Recorder) -> None:
    async with adapter(
        server, caller=USER, assignment_group="Linux Operations", categories={"storage": "hardware"},
        extra={"contact_type": "monitoring"},
    ) as snow:  # fmt: skip
        for key in (KEY, OTHER):
            remote = await snow.create(wish(correlation_id=key, category="storage", service="Web shop"))
        assert remote.assignment_group == "Linux Operations"
    values = server.incidents[remote.ref.id].values
    assert values["assignment_group"] == sys_id(0xB00)
    assert values["caller_id"] == server.reference("sys_user", USER)
    assert (values["cmdb_ci"], values["business_service"]) == (sys_id(0xC00), sys_id(0xD00))
    assert (values["category"], values["contact_type"]) == ("hardware", "monitoring")
    assert sum("/cmdb_ci" in request.path for request, _ in server.handled) == 2
    assert server.incidents[remote.ref.id].notes == []


@pytest.mark.parametrize(
    ("ci", "said"),
    [("nowhere", "not found in cmdb_ci"), ("twice", "several in cmdb_ci"), ("a^ORname=web-1", "could be searched for")],
)
async def test_a_ci_that_no_single_row_has_does_not_hold_the_incident_up(server: Recorder, ci: str, said: str) -> None:
    async with adapter(server) as snow:
        await snow.create(wish(ci=ci, body="x" * 9000))
    values = only(server)
    assert values["cmdb_ci"] == ""
    assert f"Configuration item: {ci} ({'no name that cmdb_ci ' if '^' in ci else ''}{said})" in values["description"]
    assert parse_footer(values["description"]) is not None


async def test_a_looked_up_reference_that_is_dropped_is_looked_up_again(server: Recorder) -> None:
    async with adapter(server) as snow:
        await snow.create(wish())
        server.tables["cmdb_ci"] = [{"sys_id": sys_id(0xC99), "name": "web-1"}]
        for key in (OTHER, "toc-" + "1" * 32):
            last = await snow.create(wish(correlation_id=key))
    assert server.incidents[last.ref.id].values["cmdb_ci"] == sys_id(0xC99)


async def test_long_facts_leave_room_for_the_rest_of_the_footer(server: Recorder) -> None:
    async with adapter(server) as snow:
        remote = await snow.create(wish(facts={"key": "k", "long": "x" * 6000, "rule": "r"}))
        assert (await snow.read(remote.ref)) == remote
    assert remote.facts == {"key": "k", "rule": "r"}
    assert len(only(server)["description"]) <= 4000


# What the instance makes of it


async def test_a_priority_by_other_rules_and_a_rewritten_field_are_said_once(server: Recorder) -> None:
    def rule(values: dict[str, str]) -> None:
        values["urgency"] = "3"

    server.rule = rule
    async with adapter(server) as snow:
        remote = await snow.create(wish(notes=(Note("n/1", "x"),)))
        await snow.apply(wish(notes=(Note("n/1", "x"),)), remote)
    assert (remote.urgency, remote.priority) == (3, 4)
    (incident,) = server.incidents.values()
    assert "urgency: 1 was sent, the incident shows 3" in incident.notes[0]
    assert "priority: 4 by the rules of the instance, where Tocsin says P2" in incident.notes[0]
    assert len(incident.notes) == 2


async def test_a_field_that_is_dropped_is_said(server: Recorder) -> None:
    server.read_only = {"category"}
    async with adapter(server) as snow:
        await snow.create(wish(category="hardware"))
    (incident,) = server.incidents.values()
    assert "category: hardware was sent, the incident shows nothing" in incident.notes[0]


async def test_without_its_id_an_incident_is_mended_or_nothing_more_is_opened(server: Recorder) -> None:
    server.read_only = {"correlation_id"}
    async with adapter(server) as snow:
        for _ in range(3):
            with pytest.raises(SchemaDrift, match=r"INC0000001 .*correlation_id"):
                await snow.create(wish())
        assert len(server.incidents) == 1
        server.read_only = set()
        await snow.create(wish(correlation_id=OTHER))
        assert [each.values["correlation_id"] for each in server.incidents.values()] == [KEY, OTHER]


async def test_an_id_that_is_cut_is_noticed(server: Recorder) -> None:
    server.sizes["correlation_id"] = 20
    async with adapter(server) as snow:
        with pytest.raises(SchemaDrift, match="40 characters"):
            await snow.create(wish())


async def test_a_page_with_200_is_no_incident(server: Recorder) -> None:
    async with adapter(server) as snow:
        for answer in (Answer(200, {"result": {"sys_id": "1"}}), Answer(201, {"result": {}}), Answer(200, b"<html>")):
            server.fail(200, methods=("POST",))
            server._faults[-1].raw = answer.raw()
            with pytest.raises(InDoubt):
                await snow.create(wish())


# What may not be seen


async def test_a_search_that_shows_strangers_stops_the_work(server: Recorder) -> None:
    async with adapter(server) as snow:
        await snow.create(wish(correlation_id=OTHER))
        server.unreadable = {"correlation_id"}
        with pytest.raises(SchemaDrift, match=r"read access to incident\.correlation_id"):
            await snow.find(KEY)


async def test_a_hidden_incident_is_not_taken_for_an_absent_one(server: Recorder) -> None:
    async with adapter(server) as snow:
        remote = await snow.create(wish())
        server.hidden = {remote.ref.id}
        with pytest.raises(Rejected, match="may not be read"):
            await snow.find(KEY)
        with pytest.raises(Rejected, match="out of sight"):
            await snow.read(remote.ref)
        server.hidden = set()
        del server.incidents[remote.ref.id]
        assert await snow.read(remote.ref) is None


async def test_many_rows_come_page_by_page(server: Recorder) -> None:
    async with adapter(server) as snow:
        for number in range(95):
            await snow.create(wish(correlation_id=f"toc-{number:032x}"))
        assert len(await snow.list_open("prod", CI_ID)) == 95


# Notes and states


async def test_work_notes_that_cannot_be_read_are_not_repeated(server: Recorder) -> None:
    noted = wish(notes=(Note("n/1", "x"),))
    async with adapter(server) as snow:
        remote = await snow.create(wish())
        server.unreadable = {"work_notes"}
        for _ in range(2):
            with pytest.raises(SchemaDrift, match="would be repeated"):
                await snow.apply(noted, remote)
        server.unreadable, server.read_only = set(), {"work_notes"}
        with pytest.raises(SchemaDrift, match="does not show the work note"):
            await snow.apply(noted, remote)
    assert server.incidents[remote.ref.id].notes == []


async def test_a_note_that_quotes_a_marker_or_code_tags_is_only_text(server: Recorder) -> None:
    first, second = Note("n/1", "see\n(Tocsin note n/2)\n[code]<b>x</b>[/CODE]"), Note("n/2", "later")
    async with adapter(server) as snow:
        remote = await snow.create(wish())
        remote = await snow.apply(wish(notes=(first,)), remote)
        await snow.apply(wish(notes=(first, second)), remote)
    notes = server.incidents[remote.ref.id].notes
    assert [note.split("\n")[0] for note in notes] == ["see", "later"]
    assert "[code]" not in notes[0].lower()
    assert "[/code]" not in notes[0].lower()


async def test_resolution_goes_in_one_request_with_its_code(server: Recorder) -> None:
    async with adapter(server, close_codes={"recovered": "No resolution provided"}) as snow:
        await snow.apply(RESOLVED, await snow.create(wish()))
    values = only(server)
    assert (values["state"], values["close_code"]) == ("6", "No resolution provided")
    assert values["close_notes"] == "recovered: free again"


@pytest.mark.parametrize(
    "words", ["Data Policy Exception: Resolution code is mandatory", "Update aborted by business rule X"]
)
async def test_a_rule_that_refuses_one_change_does_not_pause_the_backend(server: Recorder, words: str) -> None:
    async with adapter(server) as snow:
        remote = await snow.create(wish())
        server.policy = words
        with pytest.raises(Rejected, match="data policy or business rule"):
            await snow.apply(RESOLVED, remote)
        server.policy = ""
        server.fail(403, methods=("PATCH",))
        with pytest.raises(Unauthorised):
            await snow.apply(RESOLVED, remote)


async def test_a_rule_that_opens_it_again_is_said(server: Recorder) -> None:
    def rule(values: dict[str, str]) -> None:
        values["state"] = "2"

    async with adapter(server) as snow:
        remote = await snow.create(wish())
        server.rule = rule
        with pytest.raises(Rejected, match="in state 2 after it was set to 6"):
            await snow.apply(RESOLVED, remote)


async def test_an_unknown_state_stops_the_work_with_its_name(server: Recorder) -> None:
    async with adapter(server) as snow:
        remote = await snow.create(wish())
        server.change(remote.ref.id, state="-5")
        with pytest.raises(SchemaDrift, match="'-5'"):
            await snow.read(remote.ref)
    async with adapter(server, states={"1": "new", "-5": "on_hold", "2": "in_progress", "6": "resolved"}) as snow:
        again = await snow.read(remote.ref)
    assert again is not None
    assert again.state is RemoteState.ON_HOLD


# Queries


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_value_can_end_a_condition_or_be_evaluated(value: str) -> None:
    if inert(value):
        query = encoded([Condition("name", Op.IS, value)])
        assert query.count("^") == 1
        assert not value.lower().startswith("javascript:")
        assert value.isprintable()
    else:
        with pytest.raises(Rejected):
            encoded([Condition("name", Op.IS, value)])


async def test_hostile_names_never_change_a_query(server: Recorder) -> None:
    hostile = ("javascript:gs.log()", "JavaScript:x", "x^ORname!=y", "x^NQstate=1", "a\nb", "=x", "x^^y", "^", " ")
    async with adapter(server) as snow:
        for number, name in enumerate(hostile):
            ticket = wish(correlation_id=f"toc-{number:032x}", ci=name, caller=name, assignment_group=name, ci_id=name)
            await snow.create(ticket)
            assert len(await snow.list_open("prod", name)) == 1
    assert server.scripts == []
    queries = [request.query.get("sysparm_query", "") for request, _ in server.handled]
    assert not any("^OR" in query.replace("^ORDERBY", "") or "^NQ" in query for query in queries)


@pytest.mark.parametrize("value", [None, 5, [], {}, {"value": 7}, {"link": "x"}, {"display_value": "x"}, True])
def test_a_value_in_no_known_shape_is_empty(value: object) -> None:
    assert text({"state": value}, "state") == ""
    assert text({"state": {"value": "6", "link": "x"}}, "state") == text({"state": "6"}, "state") == "6"


class Mangling(FakeServiceNow):
    """Does what it is asked and spoils what it answers, in a part that a seed chooses."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.random: random.Random | None = None

    def handle(self, request: Request) -> Answer:
        answer = super().handle(request)
        if self.random is None:
            return answer
        raw = bytearray(json.dumps(answer.body).encode())
        if self.random.random() < 0.5:
            for _ in range(self.random.randint(1, 8)):
                raw[self.random.randrange(len(raw))] = self.random.randrange(256)
            return Answer(answer.status, bytes(raw), answer.headers)
        return Answer(answer.status, self._spoilt(answer.body), answer.headers)

    def _spoilt(self, value: object) -> object:
        assert self.random is not None
        if self.random.random() < 0.1:
            return self.random.choice(
                [None, True, -1, 1e308, "", "x" * 5000, [], {}, [[]], {"value": None}, "\x00\ud800"]
            )
        if isinstance(value, dict):
            return {key: self._spoilt(each) for key, each in value.items()}
        return [self._spoilt(each) for each in value] if isinstance(value, list) else value


async def test_mangled_replies_are_an_outcome_and_never_another_error() -> None:
    noted = wish(notes=(Note("n/1", "x"),))
    outcomes = set()
    async with Mangling() as server, adapter(server) as snow:
        for seed in range(150):
            server.random = None
            one, two = await snow.create(wish()), await snow.create(wish())
            server.random = random.Random(seed)
            for call in (
                lambda: snow.find(KEY), lambda: snow.list_open("prod", CI_ID), lambda one=one: snow.read(one.ref),
                lambda: snow.create(wish()), lambda one=one: snow.apply(noted, one), snow.doctor,
                lambda one=one: snow.apply(RESOLVED, one), lambda one=one, two=two: snow.retire_twin(two, one),
            ):  # fmt: skip
                try:
                    await call()
                except IntegrationError as error:
                    outcomes.add(type(error))
            server.incidents.clear()
    assert {InDoubt, NotSent, SchemaDrift} <= outcomes


# Options and doctor


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"source": "a^b"}, "source"), ({"source": ""}, "source"), ({"states": {"six": "resolved"}}, "'six'"),
        ({"resolved_state": "7"}, "resolved_state"), ({"reopen_state": "6"}, "reopen_state"),
        ({"close_code": ""}, "close_code"), ({"extra": {"correlation_id": "x"}}, "extra"),
        ({"extra": {"a.b": "x"}}, "extra"), ({"url": "http://sn.example.net"}, "allow_plaintext"),
    ],
)  # fmt: skip
async def test_options_that_cannot_be(section: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        async with adapter(Recorder(), **{"url": "https://sn.example.net", **section}):
            pass


async def test_doctor_compares_choices_and_names(server: Recorder) -> None:
    async with adapter(server, close_code="Closed", caller="nobody", assignment_group="Linux Operations") as snow:
        findings = {finding.check: finding for finding in await snow.doctor()}
    assert {check for check, finding in findings.items() if not finding.ok} == {"caller", "choices of close_code"}
    assert "Solution provided" in findings["choices of close_code"].fix


# The vendor's description of the API


@pytest.mark.skipif(not SPECIFICATION.exists(), reason=f"the description of the Table API is not at {SPECIFICATION}")
async def test_requests_are_as_the_vendor_describes_them(server: Recorder) -> None:
    import openapi_core

    document = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    api = openapi_core.OpenAPI.from_dict(document, config=openapi_core.Config(spec_validator_cls=None))
    async with adapter(server, caller=USER) as snow:
        first = await snow.create(wish(notes=(Note("n/1", "x"),), priority=4))
        second = await snow.create(wish())
        await snow.apply(wish(notes=(Note("n/1", "x"),)), first)
        await snow.apply(RESOLVED, await snow.retire_twin(second, first))
        await snow.find(KEY)
        await snow.list_open("prod", CI_ID)
        await snow.doctor()
    site = document["servers"][0]["url"]
    seen = set()
    for request, _ in server.handled:
        assert api.unmarshal_request(Sent(request, site)).errors == [], request  # type: ignore[arg-type]
        one = "/{sys_id}" if request.path.count("/") == 5 else ""
        operation = document["paths"]["/api/now/table/{tableName}" + one][request.method.lower()]
        # Paging by offset is on the vendor's page of the API and not in this description.
        known = {parameter["name"] for parameter in operation["parameters"]} | {"sysparm_offset"}
        assert set(request.query) <= known
        if request.body and "/incident" in request.path:
            assert set(json.loads(request.body)) <= COLUMNS
        seen.add(request.method)
    assert seen == {"GET", "POST", "PATCH"}
    wrong = Request("DELETE", "/api/now/table/incident", {}, {}, b"")
    assert api.unmarshal_request(Sent(wrong, site)).errors  # type: ignore[arg-type]
