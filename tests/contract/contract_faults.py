"""What every integration must do when the way to its server, or the server, misbehaves.

The first part is about any backend; the second about those reached by HTTP, whose statuses, replies and connections a
fake server can spoil. Every outcome is one of the errors of ``integrations.api``, told truly: NotSent only when nothing
can have happened, InDoubt whenever something may have.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import Awaitable, Callable

import pytest
from contract_bench import KEY, OTHER_KEY, Bench, HttpBench, wish
from contract_cases import RESOLVED
from fakes.fake_http import WRITES, Answer, FakeHttp, Fault
from fakes.hostile import HOSTILE

from integrations.api import (
    InDoubt,
    Integration,
    IntegrationError,
    Note,
    NotSent,
    Rejected,
    Remote,
    RemoteState,
    Unauthorised,
)

NOTED = wish(notes=(Note("n/1", "still full"),))


# Any backend


async def test_reply_of_create_lost_after_commit(bench: Bench) -> None:
    bench.lose_reply_after_commit()
    with pytest.raises(InDoubt):
        await bench.integration.create(wish())
    (found,) = await bench.integration.find(KEY)
    assert found.episode == 1
    assert len(await bench.look()) == 1


async def test_create_lost_before_commit(bench: Bench) -> None:
    bench.lose_before_commit()
    with pytest.raises(InDoubt):
        await bench.integration.create(wish())
    assert await bench.integration.find(KEY) == []
    await bench.integration.create(wish())
    assert len(await bench.look()) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_note_whose_reply_was_lost_is_there_once(bench: Bench, committed: bool) -> None:
    remote = await bench.integration.create(wish())
    (bench.lose_reply_after_commit if committed else bench.lose_before_commit)()
    with pytest.raises(InDoubt):
        await bench.integration.apply(NOTED, remote)
    assert len((await bench.look())[0].notes) == int(committed)
    await bench.integration.apply(NOTED, remote)
    assert len((await bench.look())[0].notes) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_resolve_whose_reply_was_lost_is_done_once(bench: Bench, committed: bool) -> None:
    remote = await bench.integration.create(wish())
    (bench.lose_reply_after_commit if committed else bench.lose_before_commit)(2)
    for _ in range(2):
        with pytest.raises(InDoubt):
            await bench.integration.apply(wish(**RESOLVED), remote)
        if (await bench.look())[0].state is RemoteState.RESOLVED:
            break
    assert (await bench.integration.apply(wish(**RESOLVED), remote)).state is RemoteState.RESOLVED
    (seen,) = await bench.look()
    assert len(seen.notes) == 1


async def test_a_lost_twin_repair_can_be_repeated(bench: Bench) -> None:
    keep = await bench.integration.create(wish(episode=1))
    twin = await bench.integration.create(wish(episode=1 if bench.can_twin else 2))
    for _ in range(4):
        bench.lose_reply_after_commit()
        try:
            await bench.integration.retire_twin(twin, keep)
            break
        except InDoubt:
            continue
    assert (await bench.integration.retire_twin(twin, keep)).state is RemoteState.RESOLVED
    kept, retired = await bench.look()
    assert (kept.state, retired.linked, len(set(retired.notes))) == (RemoteState.NEW, (keep.ref.id,), 1)


async def test_hostile_payloads_arrive_inert(bench: Bench) -> None:
    assert len(HOSTILE) >= 200
    for number, text in enumerate(HOSTILE):
        key = f"toc-{number:032x}"
        ticket = wish(
            correlation_id=key, title=text, body=text, ci=text, ci_id=f"{text}{number}", environment=text,
            facts={"text": text}, notes=(Note("n/1", text),),
        )  # fmt: skip
        await bench.integration.apply(ticket, await bench.integration.create(ticket))
        (found,) = await bench.integration.find(key)
        listed = await bench.integration.list_open(text, f"{text}{number}")
        assert listed == [found], repr(text)
        assert found.facts == {"text": text}, repr(text)
        assert found.episode == 1, repr(text)
    seen = await bench.look()
    assert len(seen) == len(HOSTILE)
    for ticket_seen in seen:
        shown = "".join((ticket_seen.title, ticket_seen.body, *ticket_seen.notes, *ticket_seen.ci))
        assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)
        assert "\n" not in ticket_seen.title + "".join(ticket_seen.ci)
        assert ticket_seen.state is RemoteState.NEW


async def test_nothing_shows_a_secret(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.lose_before_commit()
    shown = [repr(bench.integration), str(vars(bench.integration))]
    try:
        await bench.integration.create(wish())
    except IntegrationError as error:
        shown += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    shown.append(caplog.text)
    for secret in bench.secrets:
        assert not any(secret in text for text in shown)


# Backends reached by HTTP


Verb = Callable[[Integration, Remote, Remote], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "find": lambda adapter, _one, _two: adapter.find(KEY),
    "list_open": lambda adapter, _one, _two: adapter.list_open("prod", wish().ci_id),
    "read": lambda adapter, one, _two: adapter.read(one.ref),
    "create": lambda adapter, _one, _two: adapter.create(wish(correlation_id="toc-" + "7" * 32)),
    "note": lambda adapter, one, _two: adapter.apply(NOTED, one),
    "resolve": lambda adapter, one, _two: adapter.apply(wish(**RESOLVED), one),
    "retire_twin": lambda adapter, one, two: adapter.retire_twin(two, one),
}
READS = ("find", "list_open", "read")
CHANGES = tuple(verb for verb in VERBS if verb not in READS)
STATUSES = range(100, 600)


async def _pair(bench: HttpBench) -> tuple[Remote, Remote]:
    await bench.integration.find(KEY)
    return await bench.integration.create(wish()), await bench.integration.create(wish())


@pytest.mark.parametrize("verb", VERBS)
async def test_every_status_is_an_outcome(http_bench: HttpBench, verb: str) -> None:
    """The first reply, and for changes the first reply to a change, has each status; only our errors come out."""
    one, two = await _pair(http_bench)
    for methods in ((), WRITES) if verb in CHANGES else ((),):
        for status in STATUSES:
            http_bench.server.fail(status, methods=methods)
            with contextlib.suppress(IntegrationError):
                await VERBS[verb](http_bench.integration, one, two)
            http_bench.server.clear_faults()


@pytest.mark.parametrize("verb", CHANGES)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (302, InDoubt), (303, InDoubt), (307, NotSent), (308, Rejected), (400, Rejected), (401, Unauthorised),
        (403, Unauthorised), (404, Rejected), (408, InDoubt), (409, Rejected), (413, Rejected), (422, Rejected),
        (429, NotSent), (500, InDoubt), (502, InDoubt), (503, InDoubt), (504, InDoubt), (599, InDoubt),
    ],
)  # fmt: skip
async def test_what_a_status_means_for_a_change(
    http_bench: HttpBench, verb: str, status: int, outcome: type[IntegrationError]
) -> None:
    one, two = await _pair(http_bench)
    before = await http_bench.look()
    http_bench.server.fail(status, methods=WRITES)
    with pytest.raises(outcome) as caught:
        await VERBS[verb](http_bench.integration, one, two)
    assert type(caught.value) is outcome
    assert str(status) in str(caught.value)
    assert await http_bench.look() == before


@pytest.mark.parametrize("verb", READS)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (302, NotSent), (308, Rejected), (400, Rejected), (401, Unauthorised), (408, NotSent), (429, NotSent),
        (500, NotSent), (502, NotSent), (503, NotSent), (504, NotSent),
    ],
)  # fmt: skip
async def test_what_a_status_means_for_a_read(
    http_bench: HttpBench, verb: str, status: int, outcome: type[IntegrationError]
) -> None:
    one, two = await _pair(http_bench)
    http_bench.server.fail(status)
    with pytest.raises(outcome) as caught:
        await VERBS[verb](http_bench.integration, one, two)
    assert type(caught.value) is outcome


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("999999", 3600.0), ("-5", None), ("soon", None)])
async def test_retry_after_is_passed_on(http_bench: HttpBench, status: int, header: str, seconds: float | None) -> None:
    await _pair(http_bench)
    http_bench.server.fail(status, headers={"Retry-After": header}, methods=WRITES)
    with pytest.raises(IntegrationError) as caught:
        await http_bench.integration.create(wish(correlation_id=OTHER_KEY))
    if seconds is None and status == 503:
        assert type(caught.value) is InDoubt
    else:
        assert isinstance(caught.value, NotSent)
        assert caught.value.retry_after == seconds


HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
HUGE = b'{"id": "' + b"9" * (2 << 20) + b'"}'


def _raw(body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> bytes:
    return Answer(status, body, {"Content-Type": kind, **headers}).raw()


REPLIES: dict[str, bytes] = {
    "html": _raw(HTML, "text/html"),
    "html called json": _raw(HTML),
    "html as created": _raw(HTML, "text/html", 201),
    "empty": _raw(b""),
    "empty as created": _raw(b"", status=201),
    "no type": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "truncated json": _raw(b'{"id": "1", "type": "tick'),
    "truncated body": _raw(b'{"id": "1"}')[:-4],
    "wrong shape": _raw(b"[1, 2, 3]", status=201),
    "other wrong shape": _raw(b'"yes"', status=201),
    "null": _raw(b"null", status=201),
    "object of nothing": _raw(b"{}", status=201),
    "id of nothing": _raw(b'{"id": null}', status=201),
    "id of objects": _raw(b'{"id": {"id": 1}, "items": {"a": 1}, "Status": []}', status=201),
    "deep": _raw(b"[" * 200_000 + b"]" * 200_000),
    "not utf-8": _raw(b'{"id": "\xff\xfe"}', status=201),
    "nul": _raw(b'{"id": "1"}\x00\x00', status=201),
    "two values": _raw(b'{"id": "1"}{"id": "2"}', status=201),
    "huge": _raw(HUGE, status=201),
    "bomb": _raw(gzip.compress(b" " * (64 << 20)), status=201, **{"Content-Encoding": "gzip"}),
    "broken gzip": _raw(b"\x1f\x8bnot gzip", status=201, **{"Content-Encoding": "gzip"}),
    "cut gzip": _raw(gzip.compress(b'{"id": "1"}' * 99)[:-20], status=201, **{"Content-Encoding": "gzip"}),
    "unasked encoding": _raw(b"\x28\xb5\x2f\xfd", status=201, **{"Content-Encoding": "zstd"}),
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "bad status line": b"HTTP/1.1 abc\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "cut chunk": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id',
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -3\r\n\r\n{}",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
    "header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n{}",
}


@pytest.mark.parametrize("name", REPLIES)
async def test_a_spoilt_reply_to_a_change_leaves_it_in_doubt(http_bench: HttpBench, name: str) -> None:
    """Done at the server, but the reply is not what its API says: never success, never "not sent"."""
    for verb in ("create", "note"):
        one, two = await _pair(http_bench)
        http_bench.server.fault(Fault(raw=REPLIES[name], commit=True, methods=WRITES))
        with pytest.raises(InDoubt):
            await VERBS[verb](http_bench.integration, one, two)
        await VERBS[verb](http_bench.integration, one, two)


@pytest.mark.parametrize("name", REPLIES)
async def test_a_spoilt_reply_to_a_read_is_no_answer(http_bench: HttpBench, name: str) -> None:
    one, two = await _pair(http_bench)
    for verb in READS:
        http_bench.server.fault(Fault(raw=REPLIES[name]))
        with pytest.raises((NotSent, Rejected)):
            await VERBS[verb](http_bench.integration, one, two)


async def test_a_huge_reply_is_not_kept(http_bench: HttpBench) -> None:
    await _pair(http_bench)
    http_bench.server.fault(Fault(raw=REPLIES["huge"], methods=("GET",)))
    with pytest.raises(NotSent, match="1048576 bytes") as caught:
        await http_bench.integration.find(KEY)
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize("drip", [0.0, 0.01])
async def test_a_slow_server_is_given_up_on_in_time(http_bench: HttpBench, drip: float) -> None:
    """Silence after the request, and a byte now and then."""
    adapter = http_bench.adapter(http_bench.server.url, deadline=0.15)
    await adapter.find(KEY)
    first = await http_bench.integration.create(wish())
    slow = Fault(raw=_raw(b'{"id": "1"}' + b" " * 500) if drip else b"", hang=True, drip=drip, times=2)
    http_bench.server.fault(slow)
    async with asyncio.timeout(5):
        with pytest.raises(NotSent, match=r"0\.15 s"):
            await adapter.find(KEY)
        http_bench.server.clear_faults()
        http_bench.server.fault(Fault(raw=slow.raw, hang=True, drip=drip, methods=WRITES))
        with pytest.raises(InDoubt, match=r"0\.15 s"):
            await adapter.apply(NOTED, first)
    await adapter.aclose()


async def test_reset_before_and_in_the_middle_of_the_reply(http_bench: HttpBench) -> None:
    for raw in (b"", b"HTTP/1.1 201 Cre", _raw(b'{"id": "1"}', status=201)[:-5]):
        http_bench.server.fault(Fault(raw=raw, reset=True, commit=True, methods=("POST",)))
        key = f"toc-{len(raw):032x}"
        with pytest.raises(InDoubt):
            await http_bench.integration.create(wish(correlation_id=key))
        assert len(await http_bench.integration.find(key)) == 1


async def test_refused_connection_is_not_sent(http_bench: HttpBench) -> None:
    async with FakeHttp() as gone:
        url = gone.url
    adapter = http_bench.adapter(url)
    one, two = await _pair(http_bench)
    for verb in VERBS.values():
        with pytest.raises(NotSent):
            await verb(adapter, one, two)
    await adapter.aclose()


async def test_unknown_name_is_not_sent(http_bench: HttpBench) -> None:
    adapter = http_bench.adapter("https://no-such-host.invalid")
    with pytest.raises(NotSent, match="no connection"):
        await adapter.create(wish())
    await adapter.aclose()


async def test_a_server_that_speaks_no_tls_is_not_sent(http_bench: HttpBench) -> None:
    adapter = http_bench.adapter(http_bench.server.url.replace("http:", "https:"), deadline=0.3)
    with pytest.raises(NotSent, match="no connection"):
        await adapter.create(wish())
    await adapter.aclose()
    assert http_bench.server.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(http_bench: HttpBench, status: int) -> None:
    async with FakeHttp() as elsewhere:
        one, two = await _pair(http_bench)
        for verb in VERBS.values():
            http_bench.server.fail(status, headers={"Location": f"{elsewhere.url}/login?ticket=x"})
            with pytest.raises(IntegrationError, match="redirects are not followed") as caught:
                await verb(http_bench.integration, one, two)
            assert "ticket=x" not in str(caught.value)
        assert elsewhere.requests == []


async def test_late_commit_is_found_later(http_bench: HttpBench) -> None:
    """The server acts after we gave up: in doubt, not there yet, and found as one ticket within the window."""
    http_bench.server.late_commit()
    with pytest.raises(InDoubt):
        await http_bench.integration.create(wish())
    assert await http_bench.integration.find(KEY) == []
    http_bench.server.commit_late()
    assert len(await http_bench.integration.find(KEY)) == 1
    assert http_bench.integration.capabilities.uncertainty > 0


async def test_wrong_credential(http_bench: HttpBench) -> None:
    adapter = http_bench.adapter(http_bench.server.url, secret="canary-wrong-secret")
    one, two = await _pair(http_bench)
    before = await http_bench.look()
    for verb in VERBS.values():
        with pytest.raises(Unauthorised) as caught:
            await verb(adapter, one, two)
        assert "canary" not in str(caught.value)
    assert await http_bench.look() == before
    (login, *_) = await adapter.doctor()
    assert not login.ok
    assert login.fix
    assert "canary" not in login.detail
    await adapter.aclose()


@pytest.mark.parametrize("secret", ["with\nnewline", "with\r\nX-Injected: 1", "nul\x00", "ümlaut"])
async def test_a_credential_that_no_header_can_carry(http_bench: HttpBench, secret: str) -> None:
    adapter = http_bench.adapter(http_bench.server.url, secret=secret)
    with pytest.raises(Unauthorised, match="line break") as caught:
        await adapter.find(KEY)
    assert secret not in str(caught.value)
    assert http_bench.server.requests == []
    await adapter.aclose()


async def test_unauthorised_once_and_then_fine(http_bench: HttpBench) -> None:
    http_bench.server.fail(401)
    with pytest.raises(Unauthorised):
        await http_bench.integration.create(wish())
    await http_bench.integration.create(wish())
    assert len(await http_bench.look()) == 1


async def test_an_echoed_secret_is_redacted(http_bench: HttpBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    one, two = await _pair(http_bench)
    for verb in VERBS.values():
        for secret in http_bench.secrets:
            echo = {"message": f"bad header Authorization: token {secret}"}
            http_bench.server.fault(Fault(raw=Answer(400, echo).raw()))
            with pytest.raises(Rejected, match=r"\*\*\*") as caught:
                await verb(http_bench.integration, one, two)
            assert (
                secret not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r} {caplog.text}"
            )


@pytest.mark.parametrize("verb", VERBS)
async def test_cancellation_leaves_nothing_behind(http_bench: HttpBench, verb: str) -> None:
    one, two = await _pair(http_bench)
    for methods in ((), WRITES) if verb in CHANGES else ((),):
        seen = len(http_bench.server.requests)
        http_bench.server.fault(Fault(hang=True, methods=methods))
        running = asyncio.ensure_future(VERBS[verb](http_bench.integration, one, two))
        async with asyncio.timeout(5):
            while len(http_bench.server.requests) == seen or (
                methods and http_bench.server.requests[-1].method not in methods
            ):
                await asyncio.sleep(0)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            while http_bench.server.open_connections:
                await asyncio.sleep(0)
    assert await http_bench.integration.find(KEY)


async def test_doctor_says_what_is_wrong_and_raises_nothing(http_bench: HttpBench) -> None:
    for status in (302, 401, 404, 500):
        http_bench.server.fail(status)
        findings = await http_bench.integration.doctor()
        assert any(not finding.ok and finding.fix for finding in findings)
