"""What every integration must do, told by what exists at the server in the end.

These run against every enrolled adapter, and against real servers where there is one (``test_real_rt.py``).
"""

from __future__ import annotations

import re

import pytest
from contract_bench import KEY, OTHER_KEY, Bench, Person, wish

from integrations.api import Note, Ref, Rejected, RemoteState, Ticket, TicketState, parse_footer

RESOLVED = {
    "state": TicketState.RESOLVED,
    "resolution_code": "Recovered",
    "resolution_text": "The file system has 40 % free again.",
}


async def test_create_opens_one_ticket(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    (ticket,) = await bench.look()
    assert ticket.id == remote.ref.id
    assert ticket.state is RemoteState.NEW
    assert remote.state is RemoteState.NEW


async def test_create_carries_every_field(bench: Bench) -> None:
    wanted = wish(impact=1, urgency=3, priority=4)
    await bench.integration.create(wanted)
    (ticket,) = await bench.look()
    assert (ticket.key, ticket.impact, ticket.urgency, ticket.priority) == (KEY, 1, 3, bench.priority_of(wanted))
    assert set(ticket.ci) == {wish().ci, wish().ci_id}
    assert ticket.title == wish().title
    assert ticket.body.startswith(wish().body)


@pytest.mark.parametrize("level", [1, 2, 3])
async def test_impact_and_urgency_are_read_back(bench: Bench, level: int) -> None:
    wanted = wish(impact=level, urgency=4 - level, priority=level)
    remote = await bench.integration.create(wanted)
    again = await bench.integration.read(remote.ref)
    assert again is not None
    assert (again.impact, again.urgency, again.priority) == (level, 4 - level, bench.priority_of(wanted))


async def test_created_reads_as_it_was_returned(bench: Bench) -> None:
    remote = await bench.integration.create(wish(episode=7))
    assert await bench.integration.read(remote.ref) == remote
    assert remote.correlation_id == KEY


async def test_footer_round_trip(bench: Bench) -> None:
    facts = {"rule": "A B", "expr": 'x{a="b"} > 1\n', "unicode": "磁盘 😀", "quote": "'\"\\", "empty": ""}
    created = await bench.integration.create(wish(episode=12, facts=facts))
    (found,) = await bench.integration.find(KEY)
    assert (found.episode, found.facts) == (12, facts)
    (ticket,) = await bench.look()
    footer = parse_footer(ticket.body)
    assert footer is not None
    assert (footer.correlation_id, footer.environment, footer.ci_id) == (KEY, "prod", wish().ci_id)
    assert created.facts == facts


async def test_reference_has_a_number_and_a_link(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    assert remote.ref.number
    assert remote.ref.url.startswith("http")


async def test_same_wish_again_changes_nothing(bench: Bench) -> None:
    ticket = wish(notes=(Note("n/1", "first"),))
    remote = await bench.integration.apply(ticket, await bench.integration.create(ticket))
    before = await bench.look()
    for _ in range(3):
        remote = await bench.integration.apply(ticket, remote)
    assert await bench.look() == before


async def test_find_knows_nothing_of_an_unknown_id(bench: Bench) -> None:
    await bench.integration.create(wish())
    assert await bench.integration.find(OTHER_KEY) == []


async def test_find_shows_ended_tickets_too(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    await bench.integration.apply(wish(**RESOLVED), remote)
    (found,) = await bench.integration.find(KEY)
    assert found.state is RemoteState.RESOLVED
    assert found.ref == remote.ref


async def test_episodes_are_told_apart_oldest_first(bench: Bench) -> None:
    first = await bench.integration.create(wish(episode=1))
    await bench.integration.apply(wish(episode=1, **RESOLVED), first)
    second = await bench.integration.create(wish(episode=2))
    found = await bench.integration.find(KEY)
    assert [(each.ref.id, each.episode) for each in found] == [(first.ref.id, 1), (second.ref.id, 2)]


async def test_empty_id_is_refused(bench: Bench) -> None:
    with pytest.raises(Rejected, match="without a correlation id"):
        await bench.integration.find("")
    with pytest.raises(Rejected, match="without a correlation id"):
        await bench.integration.create(wish(correlation_id=""))
    assert await bench.look() == []


async def test_a_note_is_posted_once(bench: Bench) -> None:
    ticket = wish(notes=(Note("n/1", "disk is still full"),))
    remote = await bench.integration.create(ticket)
    for _ in range(3):
        remote = await bench.integration.apply(ticket, remote)
    (seen,) = await bench.look()
    assert [text for text in seen.notes if "disk is still full" in text] == [seen.notes[0]]
    assert len(seen.notes) == 1


async def test_notes_come_in_order_and_only_new_ones(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    notes = tuple(Note(f"n/{n}", f"text number {n}.") for n in range(1, 5))
    remote = await bench.integration.apply(wish(notes=notes[:2]), remote)
    await bench.integration.apply(wish(notes=notes), remote)
    (seen,) = await bench.look()
    assert [text.split(".")[0] for text in seen.notes] == [f"text number {n}" for n in range(1, 5)]


async def test_notes_do_not_touch_title_and_body(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    await bench.integration.apply(wish(title="other", body="other", notes=(Note("n/1", "x"),)), remote)
    (seen,) = await bench.look()
    assert (seen.title, seen.body.startswith(wish().body)) == (wish().title, True)


async def test_resolve(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    after = await bench.integration.apply(wish(**RESOLVED), remote)
    (seen,) = await bench.look()
    assert (seen.state, after.state) == (RemoteState.RESOLVED, RemoteState.RESOLVED)
    assert any("40 % free again" in text for text in seen.notes)


async def test_resolve_twice_is_resolve_once(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    remote = await bench.integration.apply(wish(**RESOLVED), remote)
    before = await bench.look()
    assert (await bench.integration.apply(wish(**RESOLVED), remote)).state is RemoteState.RESOLVED
    assert await bench.look() == before


async def test_resolve_posts_the_missing_notes_first(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    await bench.integration.apply(wish(notes=(Note("n/1", "it got worse"),), **RESOLVED), remote)
    (seen,) = await bench.look()
    assert "it got worse" in seen.notes[0]
    assert seen.state is RemoteState.RESOLVED


@pytest.mark.parametrize("act", [Person.RESOLVE, Person.CLOSE, Person.CANCEL])
async def test_resolving_what_a_person_ended_is_success(bench: Bench, act: Person) -> None:
    if act not in bench.people:
        return  # the product has no such state
    created = await bench.integration.create(wish())
    await bench.person(act, created.ref.id, bench.persons[0])
    (before,) = await bench.look()
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    assert not remote.state.active
    after = await bench.integration.apply(wish(**RESOLVED), remote)
    assert after.state is remote.state
    (seen,) = await bench.look()
    assert seen.state is before.state


async def test_resolving_what_a_person_ends_meanwhile_is_success(bench: Bench) -> None:
    stale = await bench.integration.create(wish())
    await bench.person(Person.CANCEL, stale.ref.id, bench.persons[0])
    after = await bench.integration.apply(wish(**RESOLVED), stale)
    assert after.state is RemoteState.CANCELLED


async def test_acknowledged_by_a_person(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.ACKNOWLEDGE, created.ref.id, bench.persons[0])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    assert (remote.state, remote.owner) == (RemoteState.IN_PROGRESS, bench.persons[0])
    assert created.owner == ""


async def test_assigned_by_a_person(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.ASSIGN, created.ref.id, bench.persons[1])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    assert remote.owner == bench.persons[1]


async def test_put_on_hold_by_a_person(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.HOLD, created.ref.id, bench.persons[0])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    assert remote.state is RemoteState.ON_HOLD
    assert remote.state.active


async def test_what_people_set_is_not_overwritten(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.ACKNOWLEDGE, created.ref.id, bench.persons[0])
    await bench.person(Person.HOLD, created.ref.id, bench.persons[0])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    await bench.integration.apply(wish(impact=3, urgency=3, priority=4, notes=(Note("n/1", "x"),)), remote)
    (seen,) = await bench.look()
    assert (seen.owner, seen.state) == (bench.persons[0], RemoteState.ON_HOLD)
    assert (seen.impact, seen.urgency, seen.priority) == (2, 1, bench.priority_of(wish()))


async def test_reopen_by_wish(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    remote = await bench.integration.apply(wish(**RESOLVED), remote)
    remote = await bench.integration.apply(wish(reopen=True), remote)
    assert remote.state.active
    (seen,) = await bench.look()
    assert seen.state.active


async def test_reopened_can_be_resolved_again(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    for text in ("once", "twice"):
        remote = await bench.integration.apply(wish(**{**RESOLVED, "resolution_text": text}), remote)
        assert remote.state is RemoteState.RESOLVED
        remote = await bench.integration.apply(wish(reopen=True), remote)
        assert remote.state.active


@pytest.mark.parametrize("act", [Person.RESOLVE, Person.CLOSE, Person.CANCEL])
async def test_what_a_person_ended_stays_ended_without_reopen(bench: Bench, act: Person) -> None:
    if act not in bench.people:
        return  # the product has no such state
    created = await bench.integration.create(wish())
    await bench.person(act, created.ref.id, bench.persons[0])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    after = await bench.integration.apply(wish(notes=(Note("n/1", "still broken"),)), remote)
    assert not after.state.active
    (seen,) = await bench.look()
    assert not seen.state.active


async def test_nothing_is_written_on_what_a_person_cancelled(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.CANCEL, created.ref.id, bench.persons[0])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    before = await bench.look()
    await bench.integration.apply(wish(notes=(Note("n/1", "still broken"),)), remote)
    assert await bench.look() == before


async def test_cancelled_is_not_reopened_even_by_wish(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.CANCEL, created.ref.id, bench.persons[0])
    remote = await bench.integration.read(created.ref)
    assert remote is not None
    assert (await bench.integration.apply(wish(reopen=True), remote)).state is RemoteState.CANCELLED


async def _twins(bench: Bench) -> tuple[Ticket, Ticket]:
    """Two wishes of one fault that come to be two open tickets."""
    return wish(episode=1), wish(episode=1 if bench.can_twin else 2)


async def test_twins_are_found(bench: Bench) -> None:
    for ticket in await _twins(bench):
        await bench.integration.create(ticket)
    found = await bench.integration.find(KEY)
    assert len(found) == 2
    assert all(each.state.active for each in found)
    assert [each.ref.id for each in found] == [each.id for each in await bench.look()]


async def test_retire_twin_links_and_resolves(bench: Bench) -> None:
    keep, twin = [await bench.integration.create(ticket) for ticket in await _twins(bench)]
    after = await bench.integration.retire_twin(twin, keep)
    assert after.state is RemoteState.RESOLVED
    kept, retired = await bench.look()
    assert kept.state.active
    assert retired.state is RemoteState.RESOLVED
    assert retired.linked == (keep.ref.id,)
    assert any(keep.ref.number in text for text in retired.notes)


async def test_retire_twin_twice_is_once(bench: Bench) -> None:
    keep, twin = [await bench.integration.create(ticket) for ticket in await _twins(bench)]
    await bench.integration.retire_twin(twin, keep)
    before = await bench.look()
    assert (await bench.integration.retire_twin(twin, keep)).state is RemoteState.RESOLVED
    assert await bench.look() == before


async def test_a_ticket_is_no_twin_of_itself_or_of_another_fault(bench: Bench) -> None:
    keep = await bench.integration.create(wish())
    other = await bench.integration.create(wish(correlation_id=OTHER_KEY))
    before = await bench.look()
    for twin in (keep, other):
        with pytest.raises(Rejected):
            await bench.integration.retire_twin(twin, keep)
    assert await bench.look() == before


async def test_list_open_is_ours_of_this_ci_and_environment(bench: Bench) -> None:
    ours = await bench.integration.create(wish(episode=4))
    await bench.foreign()
    await bench.integration.create(wish(correlation_id=OTHER_KEY, ci="db-1", ci_id="another"))
    await bench.integration.create(wish(correlation_id="toc-" + "1" * 32, environment="test"))
    ended = await bench.integration.create(wish(correlation_id="toc-" + "2" * 32))
    await bench.integration.apply(wish(correlation_id="toc-" + "2" * 32, **RESOLVED), ended)
    (found,) = await bench.integration.list_open("prod", wish().ci_id)
    assert (found.ref, found.correlation_id, found.episode, found.facts) == (ours.ref, KEY, 4, wish().facts)


async def test_list_open_finds_what_people_hold(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    await bench.person(Person.HOLD, remote.ref.id, bench.persons[0])
    (found,) = await bench.integration.list_open("prod", wish().ci_id)
    assert found.state is RemoteState.ON_HOLD


async def test_reading_changes_nothing(bench: Bench) -> None:
    remote = await bench.integration.create(wish(notes=(Note("n/1", "x"),)))
    before = await bench.look()
    await bench.integration.read(remote.ref)
    await bench.integration.find(KEY)
    await bench.integration.list_open("prod", wish().ci_id)
    await bench.integration.doctor()
    assert await bench.look() == before


async def test_long_title_is_cut_between_characters(bench: Bench) -> None:
    await bench.integration.create(wish(title="磁盘é👩‍👩‍👧" * 200))
    (seen,) = await bench.look()
    limit = bench.integration.capabilities.title_limit
    assert limit / 4 <= len(seen.title) <= limit
    assert seen.title.endswith("…")
    assert "\ufffd" not in seen.title
    assert ("磁盘é👩‍👩‍👧" * 200).startswith(seen.title[:-1])


async def test_long_body_is_cut_and_the_footer_kept(bench: Bench) -> None:
    await bench.integration.create(wish(body="磁盘é👩‍👩‍👧 " * 40_000))
    (seen,) = await bench.look()
    assert len(seen.body) <= bench.integration.capabilities.body_limit
    footer = parse_footer(seen.body)
    assert footer is not None
    assert footer.facts == wish().facts
    (found,) = await bench.integration.find(KEY)
    assert found.facts == wish().facts


async def test_long_note_is_cut_and_posted_once(bench: Bench) -> None:
    ticket = wish(notes=(Note("n/1", "é" * 100_000),))
    remote = await bench.integration.create(ticket)
    for _ in range(2):
        remote = await bench.integration.apply(ticket, remote)
    (seen,) = await bench.look()
    (note,) = seen.notes
    assert len(note) <= bench.integration.capabilities.note_limit + 200
    assert "é…" in note


async def test_facts_that_do_not_fit_are_refused(bench: Bench) -> None:
    with pytest.raises(Rejected, match="facts"):
        await bench.integration.create(wish(facts={"a": "x" * 20_000}))
    assert await bench.look() == []


async def test_unknown_ticket_reads_as_none(bench: Bench) -> None:
    assert await bench.integration.read(Ref(id="999999")) is None


async def test_deleted_ticket_reads_as_none_and_cannot_be_changed(bench: Bench) -> None:
    created = await bench.integration.create(wish())
    await bench.person(Person.DELETE, created.ref.id, bench.persons[0])
    assert await bench.integration.read(created.ref) is None
    assert await bench.integration.find(KEY) == []
    for change in (wish(**RESOLVED), wish(notes=(Note("n/1", "x"),), **RESOLVED)):
        with pytest.raises(Rejected):
            await bench.integration.apply(change, created)


async def test_a_ticket_of_another_fault_is_left_alone(bench: Bench) -> None:
    other = await bench.integration.create(wish(correlation_id=OTHER_KEY))
    before = await bench.look()
    with pytest.raises(Rejected, match="left alone"):
        await bench.integration.apply(wish(**RESOLVED), other)
    assert await bench.look() == before


async def test_times_are_milliseconds(bench: Bench) -> None:
    remote = await bench.integration.create(wish())
    assert remote.created_at is not None
    assert remote.updated_at is not None
    assert 1_700_000_000_000 < remote.created_at <= remote.updated_at < 4_000_000_000_000


async def test_doctor_finds_nothing_wrong(bench: Bench) -> None:
    findings = await bench.integration.doctor()
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


async def test_capabilities_are_stated(bench: Bench) -> None:
    capabilities = bench.integration.capabilities
    assert 0 <= capabilities.uncertainty <= 600
    assert capabilities.title_limit >= 50
    assert capabilities.body_limit >= 4_000


async def test_hostile_text_arrives_inert(bench: Bench) -> None:
    """A few at once, for servers that are slow; the whole list is in contract_faults."""
    hostile = "a ' \\ \" <b>x</b> {{7*7}} \x1b[31m \u202e ' OR id > 0 -- 磁盘 😀"
    ticket = wish(
        title=hostile, body=hostile, ci=hostile, ci_id=hostile, notes=(Note("n/1", hostile),), facts={"x": hostile}
    )
    remote = await bench.integration.create(ticket)
    await bench.integration.apply(ticket, remote)
    (found,) = await bench.integration.list_open("prod", hostile)
    assert found.facts == {"x": hostile}
    (seen,) = await bench.look()
    assert "' OR id > 0 -- 磁盘 😀" in seen.title
    assert "<b>x</b> {{7*7}}" in seen.body
    assert "<b>x</b> {{7*7}}" in seen.notes[0]
    assert re.search("[\x1b\u202e]", "".join((seen.title, seen.body, *seen.notes, *seen.ci))) is None
