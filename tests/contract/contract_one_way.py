"""What every integration must do whose backend takes messages and cannot be asked.

There ``find``, ``list_open`` and ``read`` answer from the agent's own book; what is asserted is what people at the
other end were shown in the end. ``INSTEAD`` (``test_contract_one_way.py``) says which of these cases stands for which
case of the backends that can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import pytest
from contract_bench import KEY, NOW, OTHER_KEY, wish
from contract_cases import RESOLVED
from contract_faults import REPLIES, STATUSES, WRITES
from fakes.fake_http import Answer, FakeHttp, Fault
from fakes.hostile import HOSTILE
from one_way_bench import OneWayBench, Shown

from integrations.api import (
    InDoubt,
    Integration,
    IntegrationError,
    Note,
    NotSent,
    Ref,
    Rejected,
    Remote,
    RemoteState,
    Unauthorised,
)

NOTED = wish(notes=(Note("n/1", "still full"),))
ENDED = wish(**RESOLVED)
AGAIN = wish(reopen=True)

Verb = Callable[[Integration, Remote], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "create": lambda adapter, _one: adapter.create(wish(correlation_id=OTHER_KEY)),
    "note": lambda adapter, one: adapter.apply(NOTED, one),
    "resolve": lambda adapter, one: adapter.apply(ENDED, one),
}


def _takes_notes(bench: OneWayBench) -> bool:
    return bench.integration.capabilities.note_limit > 0


def _verbs(bench: OneWayBench) -> dict[str, Verb]:
    return {name: verb for name, verb in VERBS.items() if name != "note" or _takes_notes(bench)}


def _fault(bench: OneWayBench, key: str = KEY) -> Shown:
    return bench.shown()[key]


# What is shown


async def test_create_shows_one_fault(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    shown = _fault(one_way)
    assert (shown.open, shown.began, shown.ended, shown.repeats) == (True, 1, 0, 0)
    assert wish().title in shown.texts[0]
    assert "has 3 % left" in shown.texts[0]
    assert remote.state is RemoteState.NEW
    assert (remote.correlation_id, remote.episode, remote.facts) == (KEY, 1, wish().facts)
    assert remote.ref.number


async def test_created_twice_is_shown_once(one_way: OneWayBench) -> None:
    first = await one_way.integration.create(wish())
    assert await one_way.integration.create(wish()) == first
    assert len(_fault(one_way).texts) == 1


async def test_same_wish_again_says_nothing_new(one_way: OneWayBench) -> None:
    remote = await one_way.integration.apply(NOTED, await one_way.integration.create(NOTED))
    before = one_way.shown()
    for _ in range(3):
        remote = await one_way.integration.apply(NOTED, remote)
    assert one_way.shown() == before


async def test_notes_are_told_once_in_order(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    notes = tuple(Note(f"n/{n}", f"text number {n}.") for n in range(1, 5))
    remote = await one_way.integration.apply(wish(notes=notes[:2]), remote)
    await one_way.integration.apply(wish(notes=notes), remote)
    whole = "\n".join(_fault(one_way).texts)
    places = [whole.find(note.text) for note in notes]
    if _takes_notes(one_way):
        assert -1 not in places
        assert places == sorted(places)
        assert [whole.count(note.text) for note in notes] == [1, 1, 1, 1]
    else:
        assert places == [-1] * 4
    assert _fault(one_way).began == 1


async def test_resolve_ends_it_with_the_evidence_and_missing_notes(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    after = await one_way.integration.apply(wish(notes=(Note("n/1", "it got worse"),), **RESOLVED), remote)
    shown = _fault(one_way)
    assert (shown.open, shown.ended, after.state) == (False, 1, RemoteState.RESOLVED)
    if _takes_notes(one_way):
        assert "40 % free again" in shown.texts[-1]
        assert "it got worse" in shown.texts[-1]


async def test_resolve_twice_is_told_once(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    for _ in range(3):
        remote = await one_way.integration.apply(ENDED, remote)
    assert (remote.state, _fault(one_way).ended) == (RemoteState.RESOLVED, 1)


async def test_reopened_only_by_wish_and_resolved_again(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    for turn in (1, 2):
        remote = await one_way.integration.apply(ENDED, remote)
        assert not (await one_way.integration.apply(wish(), remote)).state.active
        remote = await one_way.integration.apply(AGAIN, remote)
        shown = _fault(one_way)
        assert (remote.state.active, shown.open, shown.ended) == (True, True, turn)


async def test_episodes_are_told_apart(one_way: OneWayBench) -> None:
    first = await one_way.integration.create(wish())
    await one_way.integration.apply(ENDED, first)
    second = await one_way.integration.create(wish(episode=2))
    found = await one_way.integration.find(KEY)
    assert [(each.ref.id, each.episode) for each in found] == [(first.ref.id, 1), (second.ref.id, 2)]
    assert (_fault(one_way).open, _fault(one_way).began) == (True, 2)


async def test_twins_are_ended_and_the_kept_one_stays_open(one_way: OneWayBench) -> None:
    adapter = one_way.integration
    keep, twin = await adapter.create(wish()), await adapter.create(wish(episode=2))
    for _ in range(2):
        assert (await adapter.retire_twin(twin, keep)).state is RemoteState.RESOLVED
    assert [each.state.active for each in await adapter.find(KEY)] == [True, False]
    (last,) = _fault(one_way).texts[-1:]
    assert _fault(one_way).open or f"is open as {keep.ref.number}" in last


async def test_a_ticket_of_another_fault_is_left_alone(one_way: OneWayBench) -> None:
    adapter = one_way.integration
    keep, other = await adapter.create(wish()), await adapter.create(wish(correlation_id=OTHER_KEY))
    before = one_way.shown()
    with pytest.raises(Rejected, match="left alone"):
        await one_way.integration.apply(ENDED, other)
    for twin in (keep, other):
        with pytest.raises(Rejected, match="not twins"):
            await one_way.integration.retire_twin(twin, keep)
    with pytest.raises(Rejected, match="not in the book"):
        await one_way.integration.apply(ENDED, Remote(**{**_fields(keep), "ref": Ref(id="999999")}))
    assert one_way.shown() == before


def _fields(remote: Remote) -> dict[str, object]:
    return {name: getattr(remote, name) for name in remote.__struct_fields__}


# The book


async def test_the_book_answers_and_the_server_is_not_asked(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    asked = len(one_way.server.requests)
    assert await one_way.integration.find(KEY) == [remote]
    assert await one_way.integration.read(remote.ref) == remote
    assert await one_way.integration.list_open("prod", wish().ci_id) == [remote]
    assert await one_way.integration.find(OTHER_KEY) == []
    for unknown in ("999999", "", "x", "-1", "9" * 40):
        assert await one_way.integration.read(Ref(id=unknown)) is None
    assert len(one_way.server.requests) == asked
    assert NOW == remote.created_at == remote.updated_at


async def test_the_book_outlives_the_process(one_way: OneWayBench) -> None:
    remote = await one_way.integration.create(wish())
    successor = one_way.adapter(one_way.server.url)
    assert await successor.find(KEY) == [remote]
    assert (await successor.apply(ENDED, remote)).state is RemoteState.RESOLVED
    assert _fault(one_way).ended == 1
    await successor.aclose()


async def test_list_open_is_of_this_ci_and_environment(one_way: OneWayBench) -> None:
    ours = await one_way.integration.create(wish())
    await one_way.integration.create(wish(correlation_id=OTHER_KEY, ci_id="another"))
    await one_way.integration.create(wish(correlation_id="toc-" + "1" * 32, environment="test"))
    ended = await one_way.integration.create(wish(correlation_id="toc-" + "2" * 32))
    await one_way.integration.apply(wish(correlation_id="toc-" + "2" * 32, **RESOLVED), ended)
    assert await one_way.integration.list_open("prod", wish().ci_id) == [ours]


async def test_empty_id_is_refused(one_way: OneWayBench) -> None:
    with pytest.raises(Rejected, match="without a correlation id"):
        await one_way.integration.find("")
    with pytest.raises(Rejected, match="without a correlation id"):
        await one_way.integration.create(wish(correlation_id=""))
    assert one_way.shown() == {}


async def test_capabilities_say_that_it_cannot_be_read(one_way: OneWayBench) -> None:
    limits = one_way.integration.capabilities
    assert not limits.readable
    assert 0 <= limits.uncertainty <= 600
    assert limits.title_limit >= 50
    assert limits.body_limit >= 2_000


# In doubt


@pytest.mark.parametrize("committed", [True, False])
async def test_an_opening_in_doubt_is_sent_again(one_way: OneWayBench, committed: bool) -> None:
    adapter = one_way.integration
    (one_way.lose_reply_after_commit if committed else one_way.lose_before_commit)()
    with pytest.raises(InDoubt, match="it is sent again"):
        await adapter.create(wish())
    if not await adapter.find(KEY):  # some can say later that it arrived
        await adapter.create(wish())
    shown = _fault(one_way)
    if adapter.capabilities.idempotent:
        assert (shown.open, shown.began, shown.repeats) == (True, 1, 0)
    else:
        assert (shown.open, shown.began, shown.repeats) == (True, 1 + committed, 1)
    assert len(await adapter.find(KEY)) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_note_in_doubt_is_never_told_twice(one_way: OneWayBench, committed: bool) -> None:
    adapter = one_way.integration
    remote = await adapter.create(wish())
    if not _takes_notes(one_way):
        await adapter.apply(NOTED, remote)
        assert "still full" not in "\n".join(_fault(one_way).texts)
        return
    (one_way.lose_reply_after_commit if committed else one_way.lose_before_commit)()
    with pytest.raises(InDoubt):
        await adapter.apply(NOTED, remote)
    later = (*NOTED.notes, Note("n/2", "and more"))
    await adapter.apply(wish(notes=later), remote)
    await adapter.apply(wish(notes=later, **RESOLVED), remote)
    whole = "\n".join(_fault(one_way).texts)
    assert whole.count("still full") == (1 if adapter.capabilities.idempotent else int(committed))
    assert whole.count("and more") == 1
    assert ("1 notes may not have arrived" in whole) is not adapter.capabilities.idempotent


@pytest.mark.parametrize("committed", [True, False])
async def test_an_end_in_doubt_is_told_again(one_way: OneWayBench, committed: bool) -> None:
    adapter = one_way.integration
    remote = await adapter.create(wish())
    (one_way.lose_reply_after_commit if committed else one_way.lose_before_commit)(2)
    for _ in range(2):
        with pytest.raises(InDoubt, match="it is sent again"):
            await adapter.apply(ENDED, remote)
    remote = await adapter.apply(ENDED, remote)
    shown = _fault(one_way)
    assert (remote.state, shown.open) == (RemoteState.RESOLVED, False)
    if adapter.capabilities.idempotent:
        assert (shown.ended, shown.repeats) == (1, 0)
    else:
        assert (shown.ended, shown.repeats) == (3 if committed else 1, 2 if committed else 1)


async def test_a_fault_that_is_back_while_its_end_is_in_doubt_is_open_again(one_way: OneWayBench) -> None:
    """Nobody knows whether the end was told, so that it is open is told in any case."""
    adapter = one_way.integration
    remote = await adapter.create(wish())
    one_way.lose_reply_after_commit()
    with pytest.raises(InDoubt):
        await adapter.apply(ENDED, remote)
    remote = await adapter.apply(AGAIN, remote)
    assert (remote.state.active, _fault(one_way).open) == (True, True)
    one_way.lose_before_commit()
    with pytest.raises(InDoubt):
        await adapter.apply(ENDED, remote)
    await adapter.apply(ENDED, remote)
    assert not _fault(one_way).open


async def test_killed_while_sending_is_in_doubt(one_way: OneWayBench) -> None:
    one_way.server.fault(Fault(hang=True, commit=True, methods=WRITES))
    running = asyncio.ensure_future(one_way.integration.create(wish()))
    async with asyncio.timeout(5):
        while not one_way.server.requests:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while one_way.server.open_connections:
            await asyncio.sleep(0)
    successor = one_way.adapter(one_way.server.url)
    if not await successor.find(KEY):
        await successor.create(wish())
    shown = _fault(one_way)
    folded = successor.capabilities.idempotent
    assert (shown.began, shown.repeats) == ((1, 0) if folded else (2, 1))
    await successor.aclose()


async def test_a_late_commit_is_folded_or_said_to_be_a_repetition(one_way: OneWayBench) -> None:
    adapter = one_way.integration
    one_way.server.late_commit()
    with pytest.raises(InDoubt):
        await adapter.create(wish())
    assert await adapter.find(KEY) == []
    await adapter.create(wish())
    one_way.server.commit_late()
    shown = _fault(one_way)
    assert shown.open
    assert shown.began - shown.repeats <= 1


# Text


async def test_long_text_is_cut_between_characters_and_arrives(one_way: OneWayBench) -> None:
    title, body = "磁盘é👩‍👩‍👧" * 200, "磁盘é👩‍👩‍👧 " * 20_000
    ticket = wish(title=title, body=body, notes=(Note("n/1", "é" * 100_000),))
    await one_way.integration.apply(ticket, await one_way.integration.create(ticket))
    for text in _fault(one_way).texts:
        assert "\ufffd" not in text
        assert "…" in text


async def test_hostile_text_arrives_inert(one_way: OneWayBench) -> None:
    assert len(HOSTILE) >= 200
    for number, text in enumerate(HOSTILE):
        ticket = wish(correlation_id=f"toc-{number:032x}", title=text, body=text, ci=text, environment=text)
        await one_way.integration.create(ticket)
    shown = one_way.shown()
    assert len(shown) == len(HOSTILE)
    for fault in shown.values():
        whole = "".join(fault.texts)
        assert not any(ord(char) < 32 and char not in "\n\t" for char in whole)
        assert not any(char in whole for char in "\u202e\u2066\ufeff")
        assert (fault.open, fault.began) == (True, 1)


# The way to the server


@pytest.mark.parametrize("verb", VERBS)
async def test_every_status_is_an_outcome(one_way: OneWayBench, verb: str) -> None:
    remote = await one_way.integration.create(wish())
    statuses = STATUSES if verb == "create" else STATUSES[::9]  # they go through the same door
    for status in statuses if verb in _verbs(one_way) else ():
        one_way.server.fail(status)
        with contextlib.suppress(IntegrationError):
            await VERBS[verb](one_way.integration, remote)
        one_way.server.clear_faults()


@pytest.mark.parametrize("verb", VERBS)
async def test_what_a_status_means(one_way: OneWayBench, verb: str) -> None:
    outcomes = {
        302: InDoubt, 307: NotSent, 308: Rejected, 400: Rejected, 401: Unauthorised, 403: Unauthorised, 404: Rejected,
        408: InDoubt, 409: Rejected, 413: Rejected, 422: Rejected, 429: NotSent, 500: InDoubt, 502: InDoubt,
        503: InDoubt, 504: InDoubt, 599: InDoubt,
    }  # fmt: skip
    for status, outcome in outcomes.items() if verb in _verbs(one_way) else ():
        key = f"toc-{status:032x}"
        remote = await one_way.integration.create(wish(correlation_id=key))
        change = {"note": {"notes": NOTED.notes}, "resolve": RESOLVED, "create": {"episode": 2}}[verb]
        before = one_way.shown()
        one_way.server.fail(status)
        ticket = wish(correlation_id=key, **change)
        adapter = one_way.integration
        running = adapter.create(ticket) if verb == "create" else adapter.apply(ticket, remote)
        with pytest.raises(outcome, match=str(status)) as caught:
            await running
        assert type(caught.value) is outcome
        assert one_way.shown() == before


async def test_what_was_provably_not_done_is_no_repetition(one_way: OneWayBench) -> None:
    for status in (401, 429, 404):
        one_way.server.fail(status)
        with pytest.raises(IntegrationError):
            await one_way.integration.create(wish())
    remote = await one_way.integration.create(wish())
    one_way.server.fail(429)
    with pytest.raises(NotSent):
        await one_way.integration.apply(ENDED, remote)
    await one_way.integration.apply(ENDED, remote)
    shown = _fault(one_way)
    assert (shown.began, shown.ended, shown.repeats) == (1, 1, 0)


async def test_errors_inside_a_success_are_errors(one_way: OneWayBench) -> None:
    for answer, outcome in one_way.soft:
        one_way.server.fault(Fault(raw=answer.raw()))
        with pytest.raises(outcome) as caught:
            await one_way.integration.create(wish())
        assert type(caught.value) is outcome, answer
    assert one_way.shown() == {}


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("999999", 3600.0), ("-5", None), ("soon", None)])
async def test_retry_after_is_passed_on(one_way: OneWayBench, header: str, seconds: float | None) -> None:
    one_way.server.fail(429, headers={"Retry-After": header})
    with pytest.raises(NotSent) as caught:
        await one_way.integration.create(wish())
    assert caught.value.retry_after == seconds


async def test_a_spoilt_reply_leaves_it_in_doubt(one_way: OneWayBench) -> None:
    """Done at the server, but the reply is not what its API says: never success, never "not sent"."""
    for number, name in enumerate(sorted(REPLIES.keys() - one_way.fine)):
        one_way.server.fault(Fault(raw=REPLIES[name], commit=True))
        with pytest.raises(InDoubt) as caught:
            await one_way.integration.create(wish(correlation_id=f"toc-{number:032x}"))
        assert len(str(caught.value)) < 2_000, name


@pytest.mark.parametrize("drip", [0.0, 0.01])
async def test_a_slow_server_is_given_up_on_in_time(one_way: OneWayBench, drip: float) -> None:
    adapter = one_way.adapter(one_way.server.url, deadline=0.15)
    await adapter.create(wish(correlation_id=OTHER_KEY))
    raw = Answer(200, b" " * 500).raw() if drip else b""
    one_way.server.fault(Fault(raw=raw, hang=True, drip=drip))
    async with asyncio.timeout(5):
        with pytest.raises(InDoubt, match=r"0\.15 s"):
            await adapter.create(wish())
    await adapter.aclose()


async def test_reset_before_and_in_the_middle_of_the_reply(one_way: OneWayBench) -> None:
    for raw in (b"", b"HTTP/1.1 20", Answer(200, {"a": 1}).raw()[:-5]):
        one_way.server.fault(Fault(raw=raw, reset=True, commit=True))
        with pytest.raises(InDoubt):
            await one_way.integration.create(wish(correlation_id=f"toc-{len(raw):032x}"))


async def test_no_connection_is_not_sent(one_way: OneWayBench) -> None:
    async with FakeHttp() as gone:
        refused = gone.url
    no_tls = one_way.server.url.replace("http:", "https:")
    for url in (refused, "https://no-such-host.invalid", no_tls):
        adapter = one_way.adapter(url, deadline=0.5)
        with pytest.raises(NotSent):
            await adapter.create(wish())
        await adapter.aclose()
    assert one_way.shown() == {}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(one_way: OneWayBench, status: int) -> None:
    async with FakeHttp() as elsewhere:
        one_way.server.fail(status, headers={"Location": f"{elsewhere.url}/login?ticket=x"})
        with pytest.raises(IntegrationError, match="redirects are not followed") as caught:
            await one_way.integration.create(wish())
        assert "ticket=x" not in str(caught.value)
        assert elsewhere.requests == []


# Secrets


async def test_wrong_credential(one_way: OneWayBench) -> None:
    adapter = one_way.adapter(one_way.server.url, secret="canary-wrong-secret")
    with pytest.raises(Unauthorised) as caught:
        await adapter.create(wish())
    assert "canary" not in str(caught.value)
    assert one_way.shown() == {}
    await adapter.aclose()


@pytest.mark.parametrize("secret", ["with\nnewline", "with\r\nX-Injected: 1", "nul\x00", "ümlaut"])
async def test_a_credential_that_no_request_can_carry(one_way: OneWayBench, secret: str) -> None:
    adapter = one_way.adapter(one_way.server.url, secret=secret)
    with pytest.raises(Unauthorised, match="line break") as caught:
        await adapter.create(wish())
    assert secret not in str(caught.value)
    findings = await adapter.doctor()
    assert any(not finding.ok and finding.fix for finding in findings)
    assert one_way.server.requests == []
    await adapter.aclose()


async def test_nothing_shows_a_secret(one_way: OneWayBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(one_way.integration), str(vars(one_way.integration))]
    echoes = [Answer(400, {"message": f"no such hook {secret}"}).raw() for secret in one_way.secrets]
    for raw in (b"", Answer(302, b"", {"Location": "/x"}).raw(), Answer(500).raw(), *echoes):
        one_way.server.fault(Fault(raw=raw, reset=not raw))
        with pytest.raises(IntegrationError) as caught:
            await one_way.integration.create(wish())
        error = caught.value
        shown += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    shown += [finding.detail for finding in await one_way.integration.doctor()]
    shown.append(caplog.text)
    for secret in one_way.secrets:
        assert not any(secret in text for text in shown)


@pytest.mark.parametrize("verb", VERBS)
async def test_cancellation_leaves_nothing_behind(one_way: OneWayBench, verb: str) -> None:
    remote = await one_way.integration.create(wish())
    if verb not in _verbs(one_way):
        return  # the backend takes no notes, so nothing is under way
    seen = len(one_way.server.requests)
    one_way.server.fault(Fault(hang=True))
    running = asyncio.ensure_future(VERBS[verb](one_way.integration, remote))
    async with asyncio.timeout(5):
        while len(one_way.server.requests) == seen:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while one_way.server.open_connections:
            await asyncio.sleep(0)
    assert await one_way.integration.find(KEY)


# Doctor


async def test_doctor_finds_nothing_wrong_and_sends_nothing(one_way: OneWayBench) -> None:
    findings = await one_way.integration.doctor()
    assert findings
    assert [finding for finding in findings if not finding.ok] == []
    assert one_way.shown() == {}


async def test_doctor_says_what_is_wrong_and_raises_nothing(one_way: OneWayBench) -> None:
    for raw in (Answer(500).raw(), Answer(503).raw(), b"", b"SSH-2.0-x\r\n"):
        one_way.server.fault(Fault(raw=raw))
        findings = await one_way.integration.doctor()
        assert any(not finding.ok and finding.fix for finding in findings), raw
