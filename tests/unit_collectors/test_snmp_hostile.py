"""Both engines against an agent that lies: only an SnmpError comes out, in time, and no false value."""

from __future__ import annotations

import asyncio
import gc
import random
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from fakes import ber
from fakes.snmp_agent import (
    AUTHORIZATION_ERROR,
    GEN_ERR,
    TOO_BIG,
    Elsewhere,
    Later,
    Reply,
    Request,
    SnmpAgent,
    honest,
    parse,
    respond,
    silent,
)
from gufo.snmp._fast import GetIter
from snmp_kit import ENGINES, PUBLIC, open_, walker

from collectors.snmp.credentials import Community, Credential, User
from collectors.snmp.engines import Choice, _header, choose
from collectors.snmp.engines._gufo_link import Link, Reported
from collectors.snmp.errors import Malformed, NoReply, Refused, SnmpError, TooBig
from collectors.snmp.port import Address, Session
from collectors.snmp.walker import Caps

TABLE = "1.3.6.1.2.1.2.2.1.10"
NAME = "1.3.6.1.2.1.1.5.0"
MIB = {NAME: ber.octets("sw1"), **{f"{TABLE}.{row}": ber.counter32(row) for row in range(1, 41)}}
ROWS = [(f"{TABLE}.{row}", row) for row in range(1, 41)]
NOBODY = User("nobody")
CREDENTIALS = pytest.mark.parametrize("credential", [Community(1, "public"), PUBLIC, NOBODY], ids=["v1", "v2c", "v3"])
SHORT = 0.1


@pytest.fixture
def agent() -> Iterator[SnmpAgent]:
    with SnmpAgent(MIB) as agent:
        yield agent


async def closing(session: Session, work: Awaitable[object]) -> object:
    try:
        return await work
    finally:
        session.close()


@ENGINES
@CREDENTIALS
async def test_every_type_of_value(agent: SnmpAgent, engine: Choice, credential: Credential) -> None:
    root = "1.3.6.1.4.1.99"
    values = [
        (ber.integer(-5), -5), (ber.integer(2**31 - 1), 2**31 - 1), (ber.counter32(2**32 - 1), 2**32 - 1),
        (ber.gauge32(2**32 - 1), 2**32 - 1), (ber.time_ticks(2**32 - 1), 2**32 - 1), (ber.octets(b"\xff\0"), b"\xff\0"),
        (ber.octets(""), b""), (ber.object_id("1.3.6.1.4.1.9.1.4294967295"), "1.3.6.1.4.1.9.1.4294967295"),
        (ber.object_id("0.0"), "0.0"), (ber.ip_address("10.1.2.255"), "10.1.2.255"), (ber.opaque(b"raw"), b"raw"),
        (ber.opaque_float(-1.5), -1.5), (ber.opaque_double(1e300), 1e300),
    ]  # fmt: skip
    if credential != Community(1, "public"):
        values += [(ber.counter64(2**64 - 1), 2**64 - 1), (ber.counter64(0), 0)]
    agent.mib = {f"{root}.{place}.0": encoded for place, (encoded, _) in enumerate(values)}
    wanted = [(f"{root}.{place}.0", value) for place, (_, value) in enumerate(values)]
    session = open_(engine, agent.port, credential)
    try:
        assert await session.get([*agent.mib, f"{root}.999.0"]) == dict(wanted)
        walked = await walker(session).walk(root)
    finally:
        session.close()
    assert (walked.rows, walked.complete) == (wanted, True)
    assert [type(value) for _, value in walked.rows] == [type(value) for _, value in wanted]


def other_id(request: Request, _reply: bytes) -> list[Reply]:
    forged = Request(request.version, request.community, request.pdu, request.id ^ 1, request.oids, message_id=7)
    return [respond(forged, [(f"{TABLE}.1", ber.counter32(666))])]


def twice(_request: Request, reply: bytes) -> list[Reply]:
    return [reply, reply, reply]


def late_too(request: Request, reply: bytes) -> list[Reply]:
    """The reply, and later a false one with the same id."""
    return [reply, Later(0.03, respond(request, [(f"{TABLE}.1", ber.counter32(666))]))]


def noise_first(_request: Request, reply: bytes) -> list[Reply]:
    return [b"", b"\x30", b"GET / HTTP/1.0", reply[:-1], bytes(3000), Elsewhere(reply), reply]


@ENGINES
@CREDENTIALS
async def test_a_true_reply_is_found_among_others(agent: SnmpAgent, engine: Choice, credential: Credential) -> None:
    session = open_(engine, agent.port, credential)
    try:
        for behave in (twice, late_too, noise_first):
            agent.behave = behave
            for _ in range(3):
                walked = await walker(session).walk(TABLE)
                assert (walked.rows, walked.complete) == (ROWS, True), (behave, walked.why)
    finally:
        session.close()


NO_ANSWER: list[tuple[Callable[[Request, bytes], list[Reply]], tuple[type[SnmpError], ...]]] = [
    (silent, (NoReply,)),
    (other_id, (NoReply, Malformed)),
    (lambda q, _reply: [respond(replace(q, id=q.id ^ 1), [(NAME, ber.octets("false"))])], (NoReply, Malformed)),
    (lambda _q, reply: [Elsewhere(reply)], (NoReply,)),
    (lambda _q, reply: [reply[: len(reply) // 2]], (Malformed,)),
    (lambda _q, _reply: [b"\x00" * 60_000], (Malformed, TooBig)),
    (lambda _q, _reply: [b"\x30\x84\xff\xff\xff\xff"], (Malformed,)),
    (lambda _q, _reply: [b"\x30\x80" * 10_000], (Malformed, TooBig)),
    (lambda q, _reply: [respond(q, [(TABLE, ber.tlv(0x30, b"\x05\x00"))])], (Malformed,)),
    (lambda q, _reply: [respond(q, [], GEN_ERR, 1)], (Malformed,)),
    (lambda q, _reply: [respond(q, [(q.oids[0], ber.NULL)], GEN_ERR, 1)], (Malformed,)),
    (lambda q, _reply: [respond(q, [], TOO_BIG)], (TooBig, Malformed)),
    (lambda q, _reply: [respond(q, [(q.oids[0], ber.NULL)], AUTHORIZATION_ERROR, 1)], (Refused,)),
    (lambda q, _reply: [respond(q, [(f"{TABLE}.1", ber.counter32(1))], pdu=ber.TRAP)], (NoReply, Malformed)),
    (lambda q, _reply: [respond(q, [(f"{TABLE}.1", ber.counter32(1))], pdu=ber.GET)], (NoReply, Malformed)),
]


@ENGINES
@CREDENTIALS
async def test_what_is_no_answer_is_an_error(agent: SnmpAgent, engine: Choice, credential: Credential) -> None:
    keeper = open_(engine, agent.port, credential)  # holds pysnmp's engine, which takes a while to make
    assert await keeper.get([NAME]) == {NAME: b"sw1"}
    try:
        for number, (behave, errors) in enumerate(NO_ANSWER):
            agent.behave = behave
            session = open_(engine, agent.port, credential, timeout=SHORT)
            with pytest.raises(SnmpError) as raised:
                await closing(session, session.get([NAME]))
            assert isinstance(raised.value, errors), (number, raised.value)
            assert f"127.0.0.1:{agent.port}" in str(raised.value)
            assert "public" not in str(raised.value)
            session = open_(engine, agent.port, credential, timeout=SHORT)
            with pytest.raises(SnmpError):
                await closing(session, walker(session, retries=0).walk(TABLE))
    finally:
        keeper.close()


@ENGINES
@CREDENTIALS
async def test_an_error_in_the_middle_of_a_walk_is_no_end(
    agent: SnmpAgent, engine: Choice, credential: Credential
) -> None:
    def broken(request: Request, reply: bytes) -> list[Reply]:
        return [
            respond(request, [(request.oids[0], ber.NULL)], GEN_ERR, 1) if request.oids[0] >= f"{TABLE}.2" else reply
        ]

    agent.behave = broken
    session = open_(engine, agent.port, credential, timeout=SHORT)
    walked = await closing(session, walker(session, retries=1).walk(TABLE))
    assert not walked.complete
    assert 0 < len(walked.rows) < 40
    assert walked.rows == ROWS[: len(walked.rows)]


@ENGINES
@CREDENTIALS
async def test_loops_and_endless_tables_end(agent: SnmpAgent, engine: Choice, credential: Credential) -> None:
    session = open_(engine, agent.port, credential)
    try:
        agent.behave = lambda request, _: [respond(request, [(f"{TABLE}.7", ber.counter32(7))])]
        walked = await walker(session).walk(TABLE)
        assert (walked.rows, walked.complete) == ([(f"{TABLE}.7", 7)], False)
        assert "do not increase" in walked.why
        count = iter(range(1, 10**9))
        agent.behave = lambda request, _: [respond(request, [(f"{TABLE}.{next(count)}", ber.counter32(7))])]
        walked = await walker(session, caps=Caps(rows=30)).walk(TABLE)
        assert (len(walked.rows), walked.complete) == (30, False)
    finally:
        session.close()


async def test_a_reply_longer_than_gufo_reads_is_asked_for_in_smaller_pieces(agent: SnmpAgent) -> None:
    agent.mib = {f"{TABLE}.{row}": ber.octets(bytes([65 + row]) * 900) for row in range(1, 30)}
    session = open_(Choice.GUFO, agent.port)
    walked = await closing(session, walker(session).walk(TABLE))
    assert walked.complete
    assert [value[:1] for _, value in walked.rows] == [bytes([65 + row]) for row in range(1, 30)]


@ENGINES
async def test_a_lost_engine_is_discovered_again_within_one_request(agent: SnmpAgent, engine: Choice) -> None:
    session = open_(engine, agent.port, NOBODY)
    try:
        assert await session.get([NAME]) == {NAME: b"sw1"}
        agent.engine_id, agent.boots = b"\x80\x00\x1f\x88another", 9
        assert await session.get([NAME]) == {NAME: b"sw1"}
        assert session.engine is not None
        assert (session.engine.id, session.engine.boots) == (agent.engine_id, 9)
    finally:
        session.close()


@ENGINES
@CREDENTIALS
async def test_mutated_datagrams_never_hurt(agent: SnmpAgent, engine: Choice, credential: Credential) -> None:
    """Instead of a reply come forty that differ from it in some bytes; a request ends with rows or an SnmpError."""
    chance = random.Random(5)
    sent = [0]

    def mutate(request: Request, reply: bytes) -> list[Reply]:
        replies: list[Reply] = []
        for _ in range(40):
            bad = bytearray(reply)
            for _ in range(chance.choice((1, 1, 2, 5))):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            if chance.random() < 0.2:
                del bad[chance.randrange(len(bad)) :]
            replies.append(bytes(bad))
        sent[0] += len(replies)
        return replies

    agent.behave = mutate
    session = open_(engine, agent.port, credential, timeout=0.05)
    loop = asyncio.get_running_loop()
    rounds, last = (120, 20) if engine is Choice.GUFO else (15, 5)
    try:
        for left in range(rounds, 0, -1):
            if left == last:
                tracemalloc.start()
            began = loop.time()
            try:
                await session.after(TABLE, 10)
            except SnmpError:
                pass
            assert loop.time() - began < 3
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        session.close()
    assert sent[0] > rounds * 20
    assert grown < 1_000_000, "what hostile datagrams leave behind"
    agent.behave = honest
    session = open_(engine, agent.port, credential)
    walked = await closing(session, walker(session).walk(TABLE))
    assert walked.rows == ROWS


@CREDENTIALS
async def test_a_hundred_thousand_mutations_at_the_decoder(agent: SnmpAgent, credential: Credential) -> None:
    """The same straight into the link, a third of them for each version: only its own failures come out of it."""
    chance = random.Random(7)
    link = Link(Address("127.0.0.1", agent.port), credential)
    outcomes: Counter[str] = Counter()
    try:
        for number in range(33_334):
            if number % 200 == 0:
                request = link._codec.encode(lambda client: client.send_get_bulk(GetIter(TABLE, 5)))
                if isinstance(credential, User):
                    link._message_id = _header.message_id(request)
                reply = agent.answer(parse(request))
            bad = bytearray(reply)
            for _ in range(chance.choice((1, 2, 4))):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            link._waiting = waiting = asyncio.get_running_loop().create_future()
            link.odd, link._unused = "", 0
            link._received(bytes(bad[: chance.randrange(len(bad))] if number % 5 == 0 else bad))
            if not waiting.done():
                outcomes["odd" if link.odd else "ignored"] += 1
            elif (error := waiting.exception()) is not None:
                assert isinstance(error, (Reported, TooBig)), error
                outcomes[type(error).__name__] += 1
            else:
                outcomes["rows"] += 1
    finally:
        link._waiting = None
        link.close()
    assert link.wary, "gufo-snmp no longer panics; then nothing here needs to be wary"
    assert outcomes["odd"] > 5_000, outcomes
    assert outcomes["rows"] > 500, outcomes
    request = link._codec.encode(lambda client: client.send_get_next(GetIter(TABLE)))
    good = link._codec.decode(lambda client: client.recv_get_many(), agent.answer(parse(request)))
    if not isinstance(credential, User):
        assert good == {f"{TABLE}.1": 1}, "and the next true reply is read as ever"


async def test_a_flood_is_not_looked_at(agent: SnmpAgent) -> None:
    """What lies behind the first datagrams of a flood is neither decoded nor waited for."""
    agent.behave = lambda _request, reply: [*[b"noise"] * 100, reply]
    session = open_(Choice.GUFO, agent.port, timeout=SHORT)
    with pytest.raises(Malformed):
        await closing(session, session.get([NAME]))


@ENGINES
async def test_a_session_that_is_closed_or_cancelled_leaves_nothing(agent: SnmpAgent, engine: Choice) -> None:
    for credential in (PUBLIC, NOBODY):
        agent.behave = silent
        session = open_(engine, agent.port, credential, timeout=5)
        asking = asyncio.create_task(session.get([NAME]))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        agent.behave = honest
        assert await session.get([NAME]) == {NAME: b"sw1"}
        agent.behave = silent
        asking = asyncio.create_task(session.get([NAME]))
        await asyncio.sleep(0.05)
        session.close()
        with pytest.raises(NoReply):
            await asking
        session.close()


def test_which_engine_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    context = User("u", context="vrf-a")
    assert choose(Choice.AUTO, PUBLIC) is Choice.GUFO
    assert choose(Choice.AUTO, context) is Choice.PYSNMP
    assert choose(Choice.PYSNMP, PUBLIC) is Choice.PYSNMP
    with pytest.raises(ValueError, match="knows no context names"):
        choose(Choice.GUFO, context)
    monkeypatch.setattr("collectors.snmp.engines._gufo_is_there", lambda: False)
    assert choose(Choice.AUTO, PUBLIC) is Choice.PYSNMP
    with pytest.raises(ValueError, match="is not installed"):
        choose(Choice.GUFO, PUBLIC)
