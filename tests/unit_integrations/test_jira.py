"""Jira's own traps, both editions, against the fake that has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType

import msgspec
import pytest
from fakes.fake_http import Answer, Fault
from fakes.fake_jira import GROUP, IMPACT, PROJECT, TOKEN, URGENCY, USER, WAYS, FakeIssue, FakeJira, adf_text, wiki_text

from integrations import jira_cloud, jira_dc
from integrations.api import (
    InDoubt,
    Integration,
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
)

NOW = 1_790_000_000_000
KEY = "toc-0123456789abcdef0123456789abcdef"
OTHER = "toc-fedcba9876543210fedcba9876543210"


class NoDatabase:
    async def transact(self, work: object) -> object:
        raise AssertionError("an adapter that speaks HTTP asked for the database")


def wish(**changes: object) -> Ticket:
    values: dict[str, object] = {
        "correlation_id": KEY, "episode": 1, "state": TicketState.OPEN, "title": "disk full", "body": "b", "impact": 2,
        "urgency": 1, "priority": 2, "opened_at": NOW, "ci": "web-1", "ci_id": "5d0f", "environment": "prod",
    }  # fmt: skip
    return Ticket(**{**values, **changes})  # type: ignore[arg-type]  # the keys are the fields


RESOLVED = wish(state=TicketState.RESOLVED, resolution_code="Recovered", resolution_text="fine again")


@dataclass
class Pair:
    module: ModuleType
    server: FakeJira
    time: list[int]
    built: list[Integration]

    def adapter(self, **changes: object) -> Integration:
        section = {"url": self.server.url, "project": PROJECT, "auth": {"token": {"credential": "jira"}}, **changes}
        ports = Ports(lambda _: Secret(TOKEN), NoDatabase(), lambda: self.time[0])  # type: ignore[arg-type]  # never used
        built: Integration = self.module.build("jira", msgspec.convert(section, self.module.Options), ports)
        self.built.append(built)
        return built

    @property
    def only(self) -> FakeIssue:
        (issue,) = self.server.issues.values()
        return issue

    def text(self, body: object) -> str:
        return adf_text(body) if self.server.cloud else wiki_text(str(body))


@pytest.fixture(params=[jira_cloud, jira_dc], ids=["cloud", "dc"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    time = [NOW]
    async with FakeJira(cloud=request.param is jira_cloud, now=lambda: time[0]) as server:
        pair = Pair(request.param, server, time, [])
        yield pair
        for built in pair.built:
            await built.aclose()


# Searching


async def test_a_search_that_lags_does_not_hide_what_is_read_by_id(pair: Pair) -> None:
    """Stale rows: the index says open, the issue is resolved; and the other way round."""
    pair.server.lag = 60_000
    jira = pair.adapter()
    created = await jira.create(wish())
    assert await jira.find(KEY) == []
    assert created.state is RemoteState.NEW
    pair.time[0] += 60_000
    pair.server.set_status(pair.only.id, "Resolved")
    assert [each.state for each in await jira.find(KEY)] == [RemoteState.RESOLVED]
    assert await jira.list_open("prod", "5d0f") == []
    pair.time[0] += 60_000
    pair.server.set_status(pair.only.id, "In Progress")
    assert [each.state for each in await jira.find(KEY)] == [RemoteState.IN_PROGRESS]


async def test_the_window_is_longer_than_the_lag(pair: Pair) -> None:
    """A create whose reply was lost is seen within the window that the adapter states."""
    jira = pair.adapter()
    pair.server.lag = 300_000 if pair.server.cloud else 60_000
    pair.server.lose_reply_after_commit()
    with pytest.raises(InDoubt):
        await jira.create(wish())
    assert await jira.find(KEY) == []
    pair.time[0] += round(jira.capabilities.uncertainty * 1000)
    assert len(await jira.find(KEY)) == 1


async def test_pages_are_followed(pair: Pair) -> None:
    jira = pair.adapter()
    for number in range(230):
        await jira.create(wish(correlation_id=f"toc-{number:032x}", ci_id="same"))
    assert len(await jira.list_open("prod", "same")) == 230
    assert len(pair.server.queries) == 3


async def test_of_ended_episodes_the_newest_and_of_open_ones_all(pair: Pair) -> None:
    jira = pair.adapter()
    first = await jira.create(wish(episode=1))
    for episode in range(2, 9):
        await jira.apply(msgspec.structs.replace(RESOLVED, episode=episode), await jira.create(wish(episode=episode)))
    found = await jira.find(KEY)
    assert [each.episode for each in found] == [1, 4, 5, 6, 7, 8]
    assert found[0].ref == first.ref


@pytest.mark.parametrize("key", ['x" OR project = OPS OR labels = "x', "a b", "toc-é", "toc-\n", 'toc"', "x" * 101])
async def test_nothing_but_an_id_enters_a_query(pair: Pair, key: str) -> None:
    jira = pair.adapter()
    with pytest.raises(Rejected):
        await jira.find(key)
    with pytest.raises(Rejected):
        await jira.create(wish(correlation_id=key))
    await jira.list_open('prod" OR "', 'ci" OR project = OPS')
    assert all(query.startswith('labels = "tocsin-ci-') and "OPS" not in query for query in pair.server.queries)
    assert pair.server.issues == {}


async def test_a_clone_by_a_person_is_not_ours(pair: Pair) -> None:
    jira = pair.adapter()
    created = await jira.create(wish())
    clone = pair.server.clone(pair.only.id)
    assert [each.ref for each in await jira.find(KEY)] == [created.ref]
    assert [each.ref for each in await jira.list_open("prod", "5d0f")] == [created.ref]
    pair.server.set_status(int(created.ref.id), "Resolved")
    assert [each.ref for each in await jira.find(KEY)] == [created.ref]
    assert pair.server.issues[clone].status == "Open"


async def test_a_label_that_a_person_put_on_another_ticket_does_not_move_it(pair: Pair) -> None:
    """Labels only lead to issues; whose they are stands in the property."""
    jira = pair.adapter()
    first = await jira.create(wish())
    other = await jira.create(wish(correlation_id=OTHER, ci_id="77aa"))
    pair.server.issues[int(other.ref.id)].fields["labels"] += pair.server.issues[int(first.ref.id)].fields["labels"]
    pair.server.set_status(int(other.ref.id), "Open")
    assert [each.ref for each in await jira.find(KEY)] == [first.ref]
    assert [each.ref for each in await jira.list_open("prod", "5d0f")] == [first.ref]


async def test_a_moved_issue_is_followed(pair: Pair) -> None:
    jira = pair.adapter()
    created = await jira.create(wish())
    pair.server.move(pair.only.id, "NET-77")
    remote = await jira.read(created.ref)
    assert remote is not None
    assert (remote.ref.id, remote.ref.number) == (created.ref.id, "NET-77")
    assert remote.ref.url.endswith("/browse/NET-77")
    assert (await jira.apply(RESOLVED, remote)).state is RemoteState.RESOLVED


async def test_an_edited_description_loses_nothing(pair: Pair) -> None:
    jira = pair.adapter()
    created = await jira.create(wish(facts={"rule": "r"}, episode=3))
    pair.only.fields["description"] = None
    assert await jira.read(created.ref) == created
    assert (created.episode, created.facts) == (3, {"rule": "r"})


async def test_an_account_that_sees_nothing_any_more_is_not_a_deleted_issue(pair: Pair) -> None:
    jira = pair.adapter()
    created = await jira.create(wish())
    pair.only.hidden = True
    assert await jira.read(created.ref) is None
    pair.server.sees_project = False
    with pytest.raises(Unauthorised, match="Browse projects"):
        await jira.read(created.ref)


# Opening


async def test_a_field_that_is_not_on_the_screen_is_named(pair: Pair) -> None:
    pair.server.screen.remove("labels")
    with pytest.raises(SchemaDrift, match=r"refused the field labels.*screen"):
        await pair.adapter().create(wish())
    assert pair.server.issues == {}


async def test_a_label_that_an_automation_takes_off_is_written_again(pair: Pair) -> None:
    pair.server.drop_on_create = {"labels"}
    jira = pair.adapter()
    created = await jira.create(wish())
    assert pair.only.fields["labels"] == [KEY]
    assert (await jira.find(KEY))[0].ref == created.ref


@pytest.mark.parametrize("part", ["labels", "properties"])
async def test_nothing_more_is_opened_while_an_issue_cannot_be_found_again(pair: Pair, part: str) -> None:
    pair.server.drop_on_create = {part}
    pair.server.sticky_labels = True
    jira = pair.adapter()
    for _ in range(3):
        with pytest.raises(SchemaDrift):
            await jira.create(wish())
        with pytest.raises(SchemaDrift, match="nothing more is opened"):
            await jira.create(wish(correlation_id=OTHER))
    pair.server.drop_on_create = set()
    pair.server.delete(pair.only.id)
    await jira.create(wish())
    assert len(pair.server.issues) == 1


async def test_a_label_that_could_not_be_written_in_time_is_written_before_the_next_issue(pair: Pair) -> None:
    pair.server.drop_on_create = {"labels"}
    pair.server.fail(503, methods=("PUT",))
    jira = pair.adapter()
    with pytest.raises(InDoubt):
        await jira.create(wish())
    assert await jira.find(KEY) == []
    pair.server.drop_on_create = set()
    await jira.create(wish(correlation_id=OTHER))
    assert len(await jira.find(KEY)) == 1


async def test_an_issue_being_labelled_again_does_not_hold_up_others(pair: Pair) -> None:
    pair.server.drop_on_create = {"labels"}
    jira = pair.adapter()
    keys = [f"toc-{number:032x}" for number in range(8)]
    await asyncio.gather(*(jira.create(wish(correlation_id=key)) for key in keys))
    assert sorted(issue.fields["labels"][0] for issue in pair.server.issues.values()) == keys


async def test_a_created_issue_that_cannot_be_read_back_is_in_doubt(pair: Pair) -> None:
    jira = pair.adapter()
    pair.server.fault(Fault(raw=Answer(502, {}).raw(), methods=("GET",)))
    with pytest.raises(InDoubt, match="could not be read back"):
        await jira.create(wish())
    assert len(await jira.find(KEY)) == 1


async def test_what_a_group_category_service_and_caller_stand_for(pair: Pair) -> None:
    pair.server.screen |= {"reporter", "customfield_1", "customfield_2"}
    jira = pair.adapter(
        issue_type="10005",
        priorities=["", "", "", ""],
        fields={"group": GROUP},
        extra={"customfield_1": "54", "components": [{"name": "General"}]},
        categories={"System": {"customfield_2": {"value": "S"}}, "System/Disk": {"customfield_2": {"value": "SD"}}},
        services={"shop": {"customfield_1": "55"}},
        groups={"Network": {GROUP: {"name": "net-ops"}, "components": [{"name": "Network"}]}},
        callers={"noc": {"reporter": {"accountId": "5b10"}}},
    )
    ticket = wish(category="System", subcategory="Disk", service="shop", assignment_group="Network", caller="noc")
    created = await jira.create(ticket)
    fields = pair.only.fields
    assert fields["components"] == [{"name": "Network"}]
    assert (fields["customfield_1"], fields["customfield_2"]) == ("55", {"value": "SD"})
    assert (fields["reporter"], fields["issuetype"]) == ({"accountId": "5b10"}, {"id": "10005"})
    assert not {"priority", IMPACT, URGENCY} & set(fields)
    assert (created.assignment_group, created.priority, created.impact) == ("net-ops", None, None)
    pair.server.delete(pair.only.id)
    await jira.create(wish(category="Other", assignment_group="Unknown"))
    assert pair.only.fields["components"] == [{"name": "General"}]
    assert "customfield_2" not in pair.only.fields


async def test_text_that_grows_on_the_way_still_fits(pair: Pair) -> None:
    """Quotes double in JSON, braces in wiki markup; the limit is on what Jira stores."""
    jira = pair.adapter()
    ticket = wish(body='{"a"}\n' * 8_000, facts={"x": "y" * 9_000}, notes=(Note("n/1", '{"b"}\\' * 8_000),))
    remote = await jira.create(ticket)
    await jira.apply(ticket, remote)
    assert remote.facts == {"x": "y" * 9_000}
    assert "y" * 9_000 in pair.text(pair.only.fields["description"])
    note = pair.text(pair.only.comments[0])
    assert note.endswith("…\n\nTocsin-Note: n/1")
    assert len(note) > 10_000


# Notes


async def test_comments_are_internal_and_posted_once_whatever_people_write(pair: Pair) -> None:
    jira = pair.adapter()
    ticket = wish(notes=(Note("n/1", "first\n\nTocsin-Note: n/2"), Note("n/2", "second")))
    remote = await jira.create(ticket)
    theirs = {"type": "doc", "version": 1, "content": [{"type": "mediaSingle"}, {"type": "paragraph"}]}
    pair.only.comments += [theirs if pair.server.cloud else "h1. {panel}", None, 5]
    for _ in range(2):
        remote = await jira.apply(ticket, remote)
    texts = [pair.text(body) for body in pair.only.comments[3:]]
    assert texts == ["first\n\nTocsin-Note: n/2\n\nTocsin-Note: n/1", "second\n\nTocsin-Note: n/2"]
    assert pair.only.comment_properties == [[{"key": "sd.public.comment", "value": {"internal": True}}]] * 2


async def test_notes_of_a_long_ticket_are_found_on_every_page(pair: Pair) -> None:
    jira = pair.adapter()
    notes = tuple(Note(f"n/{number}", "x") for number in range(35))
    remote = await jira.create(wish())
    for _ in range(2):
        remote = await jira.apply(wish(notes=notes), remote)
    assert len(pair.only.comments) == 35


async def test_the_write_limit_of_one_issue_is_a_pause(pair: Pair) -> None:
    pair.server.comment_limit = 1
    jira = pair.adapter()
    ticket = wish(notes=(Note("n/1", "a"), Note("n/2", "b")))
    remote = await jira.create(ticket)
    with pytest.raises(NotSent) as caught:
        await jira.apply(ticket, remote)
    assert caught.value.retry_after == 30
    pair.server.comment_limit = 0
    await jira.apply(ticket, remote)
    assert len(pair.only.comments) == 2


async def test_a_right_that_is_missing_is_unauthorised(pair: Pair) -> None:
    pair.server.denied = {"ADD_COMMENTS"}
    jira = pair.adapter()
    remote = await jira.create(wish())
    with pytest.raises(Unauthorised, match="403"):
        await jira.apply(wish(notes=(Note("n/1", "a"),)), remote)


# Statuses and transitions


async def test_a_translated_workflow_needs_no_configuration(pair: Pair) -> None:
    pair.server.statuses |= {"待办": "new", "处理中": "indeterminate", "已完成": "done"}
    pair.server.ways |= {
        "待办": [("11", "开始", "处理中"), ("31", "完成", "已完成")],
        "处理中": [("31", "完成", "已完成")],
        "已完成": [("51", "重新打开", "待办")],
    }
    pair.server.resolutions = ("完成",)
    jira = pair.adapter(resolution="完成")
    remote = await jira.create(wish())
    pair.server.set_status(pair.only.id, "待办")
    remote = await jira.apply(RESOLVED, remote)
    assert (remote.state, remote.raw_state, pair.only.resolution) == (RemoteState.RESOLVED, "已完成", "完成")
    remote = await jira.apply(wish(reopen=True), remote)
    assert (remote.state, remote.raw_state) == (RemoteState.NEW, "待办")


async def test_the_cancelling_transition_is_never_taken_to_resolve(pair: Pair) -> None:
    jira = pair.adapter()
    pair.server.statuses["Declined"] = "done"
    pair.server.ways["Open"].insert(0, ("40", "Decline", "Declined"))
    assert (await jira.apply(RESOLVED, await jira.create(wish()))).raw_state == "Resolved"
    assert pair.only.resolution == "Done"


@pytest.mark.parametrize("name", ["resolve THIS issue", "31"])
async def test_a_transition_by_name_or_number(pair: Pair, name: str) -> None:
    pair.server.ways["Open"].insert(0, ("30", "Auto-close", "Resolved"))
    jira = pair.adapter(resolve_transition=name, resolution_codes={"Recovered": "done"})
    await jira.apply(RESOLVED, await jira.create(wish()))
    assert pair.only.resolution == "Done"


async def test_the_way_round_is_taken(pair: Pair) -> None:
    pair.server.ways["Open"] = [("11", "Start progress", "In Progress"), ("12", "Wait", "Pending")]
    pair.server.ways["In Progress"] = [("13", "Review", "Pending")]
    jira = pair.adapter(resolve_by_way_of=["review", "Start Progress"])
    assert (await jira.apply(RESOLVED, await jira.create(wish()))).state is RemoteState.RESOLVED


async def test_no_way_says_what_is_offered(pair: Pair) -> None:
    pair.server.ways["Open"] = [("11", "Start progress", "In Progress"), ("12", "Back", "Open")]
    for changes in ({}, {"resolve_transition": "Fix"}, {"resolve_by_way_of": ["Back"]}):
        jira = pair.adapter(**changes)
        with pytest.raises(Rejected, match=r"offered 'Start progress \(to In Progress\)'"):
            await jira.apply(RESOLVED, await jira.create(wish()))


async def test_another_transition_that_runs_is_waited_for(pair: Pair) -> None:
    pair.server.busy = 1
    jira = pair.adapter()
    remote = await jira.create(wish())
    with pytest.raises(NotSent, match="409"):
        await jira.apply(RESOLVED, remote)
    assert (await jira.apply(RESOLVED, remote)).state is RemoteState.RESOLVED
    assert len(pair.only.comments) == 1


async def test_a_transition_that_does_nothing_is_noticed(pair: Pair) -> None:
    pair.server.ignore_transitions = True
    jira = pair.adapter()
    with pytest.raises(Rejected, match="stays 'Open' although"):
        await jira.apply(RESOLVED, await jira.create(wish()))


@pytest.mark.parametrize(
    ("status", "outcome"), [("Canceled", None), ("In Progress", NotSent), ("Open", Rejected)], ids=str
)
async def test_a_person_is_faster_than_the_transition(
    pair: Pair, status: str, outcome: type[IntegrationError] | None
) -> None:
    """The status changes after the transitions were listed: what is not valid any more is looked at again."""
    jira = pair.adapter()
    remote = await jira.create(wish())
    issue, handle = pair.only, pair.server.handle

    def racing(request: object) -> Answer:
        if request.method == "POST" and request.path.endswith("/transitions"):  # type: ignore[attr-defined]
            pair.server.set_status(issue.id, status)
            return Answer(400, {"errorMessages": ["not valid for the current state"], "errors": {}})
        return handle(request)  # type: ignore[arg-type]

    pair.server.handle = racing  # type: ignore[assignment]
    if outcome is None:
        assert (await jira.apply(RESOLVED, remote)).state is RemoteState.CANCELLED
    else:
        with pytest.raises(outcome) as caught:
            await jira.apply(RESOLVED, remote)
        assert type(caught.value) is outcome


async def test_fields_that_the_transition_asks_for(pair: Pair) -> None:
    pair.server.resolve_screen = {"customfield_9": "Root cause"}
    jira = pair.adapter()
    remote = await jira.create(wish())
    with pytest.raises(SchemaDrift, match=r"asks for 'Root cause'; give it in resolve_fields"):
        await jira.apply(RESOLVED, remote)
    jira = pair.adapter(resolve_fields={"customfield_9": {"value": "Software"}, "customfield_8": "not asked for"})
    assert (await jira.apply(RESOLVED, remote)).state is RemoteState.RESOLVED


async def test_a_resolution_that_is_not_offered(pair: Pair) -> None:
    pair.server.resolutions = ("Fixed", "Won't Do")
    jira = pair.adapter()
    with pytest.raises(SchemaDrift, match=r"does not take the resolution 'Done'; it takes 'Fixed', \"Won't Do\""):
        await jira.apply(RESOLVED, await jira.create(wish()))


async def test_what_a_person_will_not_do_stays_that_way(pair: Pair) -> None:
    jira = pair.adapter()
    created = await jira.create(wish())
    pair.server.set_status(pair.only.id, "Resolved", "won't do")
    remote = await jira.read(created.ref)
    assert remote is not None
    assert remote.state is RemoteState.CANCELLED
    assert (await jira.apply(wish(reopen=True), remote)).state is RemoteState.CANCELLED
    assert pair.only.status == "Resolved"


async def test_a_status_without_meaning_is_said(pair: Pair) -> None:
    pair.server.statuses["Odd"] = "undefined"
    jira = pair.adapter()
    created = await jira.create(wish())
    pair.server.set_status(pair.only.id, "Odd")
    with pytest.raises(SchemaDrift, match=r"'Odd'.*statuses does not name"):
        await jira.read(created.ref)
    remote = await pair.adapter(statuses={"ODD": "on_hold"}).read(created.ref)
    assert remote is not None
    assert remote.state is RemoteState.ON_HOLD


@pytest.mark.parametrize(
    "fields",
    [
        {"status": None}, {"status": {"name": 5}}, {"issuelinks": 7, "status": {"name": "Open"}},
        {"issuelinks": [{"inwardIssue": 3}], "status": {"name": "Open"}},
    ],
)  # fmt: skip
async def test_an_issue_without_its_parts_is_no_answer(pair: Pair, fields: dict[str, object]) -> None:
    jira = pair.adapter()
    created = await jira.create(wish())
    pair.server.fault(Fault(raw=Answer(200, {"id": created.ref.id, "key": "OPS-1", "fields": fields}).raw()))
    with pytest.raises(NotSent):
        await jira.read(created.ref)


async def test_parts_that_do_not_matter_may_be_anything(pair: Pair) -> None:
    jira = pair.adapter(fields={"impact": IMPACT, "group": GROUP})
    created = await jira.create(wish())
    status = {"name": "Open", "statusCategory": {"key": "new"}}
    for odd in (None, 5, "x", [], [5], {"name": 5}, {"displayName": None}, True):
        names = ("labels", "resolution", "assignee", "priority", "created", "updated", IMPACT, GROUP)
        issue = {"id": "1", "key": "OPS-1", "fields": {"status": status, **dict.fromkeys(names, odd)}}
        pair.server.fault(Fault(raw=Answer(200, {**issue, "properties": {"tocsin": odd}}).raw()))
        remote = await jira.read(created.ref)
        assert remote is not None
        assert (remote.state, remote.correlation_id, remote.facts) == (RemoteState.NEW, "", {})


# Doctor


async def ill(jira: Integration) -> dict[str, tuple[str, str]]:
    return {each.check: (each.detail, each.fix) for each in await jira.doctor() if not each.ok}


async def test_doctor_says_what_to_change_in_jira(pair: Pair) -> None:
    pair.server.denied = {"LINK_ISSUES"}
    pair.server.screen.remove("labels")
    pair.server.required = {"customfield_7": "Root cause"}
    pair.server.screen.add("customfield_7")
    pair.server.link_types = ["Blocks"]
    found = await ill(pair.adapter(priorities=["P1", "High", "Medium", "Low"], fields={"impact": IMPACT}))
    assert set(found) == {"right Link issues", "field labels", "field priority", "field customfield_7", "link type"}
    assert "Permissions" in found["right Link issues"][1]
    assert "Root cause is mandatory" in found["field customfield_7"][0]
    assert "P1" in found["field priority"][0]
    assert "Highest" in found["field priority"][1]
    assert "Blocks" in found["link type"][0]


async def test_doctor_knows_the_other_issue_types(pair: Pair) -> None:
    detail, fix = (await ill(pair.adapter(issue_type="Störung")))["issue type"]
    assert "it has: Incident" in detail
    assert "issue_type" in fix


async def test_doctor_knows_the_other_edition(pair: Pair) -> None:
    pair.server.fault(Fault(raw=Answer(200, {"displayName": "x"}).raw()))
    other = "Server" if pair.server.cloud else "Cloud"
    pair.server.fault(Fault(raw=Answer(200, {"deploymentType": other, "version": "9"}).raw()))
    assert f"type: jira_{'dc' if pair.server.cloud else 'cloud'}" in (await ill(pair.adapter()))["edition"][1]


# Configuration


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issue_type": " "}, "issue_type is empty"),
        ({"extra": {"labels": ["x"]}}, "extra sets the field 'labels'"),
        ({"groups": {"a": {"summary": "x"}}}, "groups sets the field 'summary'"),
        ({"resolution": "Won't Do"}, "means cancelled"),
        ({"resolution_codes": {"Recovered": "duplicate"}}, "means cancelled"),
        ({"resolve_fields": {"resolution": "x"}}, "resolve_fields sets 'resolution'"),
        ({"url": "http://jira.example.net"}, "plain http"),
        ({"auth": {}}, "exactly one"),
    ],
)
async def test_what_contradicts_itself_is_refused(pair: Pair, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pair.adapter(**changes)


async def test_a_user_and_a_token_together(pair: Pair) -> None:
    jira = pair.adapter(auth={"basic": {"user": USER, "password": {"credential": "jira"}}})
    assert (await jira.create(wish())).ref.number == "OPS-1"


def test_the_fake_resolves_from_every_open_status() -> None:
    assert all(
        ("31", "Resolve this issue", "Resolved") in WAYS[status] for status in ("Open", "In Progress", "Pending")
    )
