"""Walks over a scripted session: when they are complete, how they adapt, and where they are cut off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snmp_kit import ScriptedSession, raises, rows, walker

from collectors.snmp.errors import Malformed, NoReply, Refused, TooBig
from collectors.snmp.port import Row
from collectors.snmp.walker import Caps, Memory

TABLE = "1.3.6.1.2.1.2.2"
BEYOND: Row = ("1.3.6.1.2.1.3.1.0", 1)


async def test_a_walk_ends_with_an_oid_beyond_the_subtree() -> None:
    session = ScriptedSession([*rows(25), BEYOND])
    walked = await walker(session).walk(TABLE)
    assert (walked.rows, walked.complete, walked.why) == (rows(25), True, "")
    assert session.asked == [(TABLE, 10), (f"{TABLE}.1.10.10", 10), (f"{TABLE}.1.10.20", 10)]


async def test_a_walk_ends_with_the_end_of_the_mib() -> None:
    walked = await walker(ScriptedSession(rows(20))).walk(TABLE)
    assert (walked.rows, walked.complete) == (rows(20), True)


async def test_nothing_under_the_root_is_a_complete_walk_of_no_rows() -> None:
    walked = await walker(ScriptedSession([BEYOND])).walk(TABLE)
    assert (walked.rows, walked.complete) == ([], True)


async def test_a_similar_oid_is_not_under_the_root() -> None:
    session = ScriptedSession([(f"{TABLE}.1", 1), (f"{TABLE}2.1", 2)])
    assert (await walker(session).walk(TABLE)).rows == [(f"{TABLE}.1", 1)]


async def test_an_empty_reply_is_not_believed_to_be_the_end() -> None:
    """What gufo-snmp makes of a reply that would not fit into one SNMPv3 message."""
    session = ScriptedSession([*rows(60), BEYOND], lambda _oid, asked, _n: [] if asked > 8 else None)
    memory = Memory(25)
    walked = await walker(session, memory).walk(TABLE)
    assert (walked.rows, walked.complete) == (rows(60), True)
    assert memory.repetitions <= 8


async def test_nothing_more_without_a_word_of_the_end_is_an_incomplete_walk() -> None:
    session = ScriptedSession(rows(20))
    session.says_end = False
    walked = await walker(session).walk(TABLE)
    assert (walked.rows, walked.complete) == (rows(20), False)
    assert walked.why == f"the agent gives nothing after {TABLE}.1.10.20, and does not say that it is the end"


async def test_a_lost_datagram_is_asked_for_again_and_costs_no_repetitions() -> None:
    session = ScriptedSession(
        [*rows(30), BEYOND], lambda _oid, _asked, number: raises(NoReply) if number == 2 else None
    )
    memory = Memory()
    asking = walker(session, memory)
    walked = await asking.walk(TABLE)
    assert (walked.rows, walked.complete) == (rows(30), True)
    assert session.asked[1] == session.asked[2] == (f"{TABLE}.1.10.10", 10)
    assert (memory.repetitions, memory.limit) == (10, 50)
    assert (asking.counts.sent, asking.counts.retried, asking.counts.returned) == (5, 1, 4)


@pytest.mark.parametrize("error", [NoReply, Malformed, TooBig])
async def test_repetitions_are_halved_until_the_device_manages_and_remembered(error: type[NoReply]) -> None:
    session = ScriptedSession([*rows(40), BEYOND], lambda _oid, asked, _n: raises(error) if asked > 3 else None)
    memory = Memory()
    assert (await walker(session, memory).walk(TABLE)).complete
    assert memory.repetitions <= 3
    before = len(session.asked)
    assert (await walker(session, memory).walk(TABLE)).complete
    assert max(asked for _, asked in session.asked[before:]) <= 4
    assert memory.repetitions <= memory.limit <= 4


async def test_repetitions_grow_slowly_and_stay_below_what_failed() -> None:
    session = ScriptedSession([*rows(3000), BEYOND], lambda _oid, asked, _n: raises(TooBig) if asked > 14 else None)
    memory = Memory()
    assert (await walker(session, memory).walk(TABLE)).complete
    sizes = [asked for _, asked in session.asked]
    assert sizes[:51] == [10] * 10 + [11] * 10 + [12] * 10 + [13] * 10 + [14] * 10 + [15]
    assert sizes.count(15) == 1, "a size that failed is tried again only after a long good time"
    assert (memory.limit, sizes[-1]) == (14, 14)


async def test_a_long_good_time_tries_the_limit_again() -> None:
    memory = Memory(repetitions=14, limit=14, full=1_999)
    await walker(ScriptedSession([*rows(14), BEYOND]), memory).walk(TABLE)
    assert (memory.repetitions, memory.limit) == (14, 15)


async def test_a_device_that_falls_silent_leaves_what_was_read() -> None:
    session = ScriptedSession(rows(30), lambda _oid, _asked, number: raises(NoReply) if number > 2 else None)
    walked = await walker(session, retries=2).walk(TABLE)
    assert (walked.rows, walked.complete, walked.why) == (rows(20), False, "scripted")
    assert len(session.asked) == 2 + 3


@pytest.mark.parametrize(("error", "tries"), [(NoReply, 3), (Malformed, 3), (Refused, 1)])
async def test_no_answer_at_all_is_an_error(error: type[NoReply], tries: int) -> None:
    session = ScriptedSession(rows(30), lambda *_: raises(error))
    memory = Memory()
    with pytest.raises(error):
        await walker(session, memory, retries=2).walk(TABLE)
    assert len(session.asked) == tries
    assert memory == Memory(), "a device that is down says nothing of its size of replies"


@pytest.mark.parametrize(
    "reply",
    [
        [(f"{TABLE}.1.10.10", 10)],
        [(f"{TABLE}.1.10.9", 9)],
        [("1.3.6.1.2.1.1.1.0", b"before the root")],
        [(f"{TABLE}.1.10.12", 12), (f"{TABLE}.1.10.11", 11)],
        [(f"{TABLE}.1.10.11", 11), (f"{TABLE}.1.10.11", 11)],
        [(f"{TABLE}.1.9.11", 11)],
        [(f"{TABLE}.1.10", 11)],
    ],
)
async def test_oids_that_do_not_increase_end_the_walk(reply: list[Row]) -> None:
    session = ScriptedSession(rows(30), lambda _oid, _asked, number: reply if number == 2 else None)
    walked = await walker(session).walk(TABLE)
    assert not walked.complete
    assert walked.why.startswith("OIDs do not increase: ")
    assert walked.rows[:10] == rows(10)
    assert len({oid for oid, _ in walked.rows}) == len(walked.rows)


async def test_oids_are_compared_as_numbers() -> None:
    mib: list[Row] = [(f"{TABLE}.{a}.{b}", a * 1000 + b) for a in (2, 9, 10, 100) for b in (1, 2, 10, 4294967295)]
    walked = await walker(ScriptedSession(mib)).walk(TABLE)
    assert (walked.rows, walked.complete) == (mib, True)


async def test_caps() -> None:
    def endless(oid: str, asked: int, _number: int) -> list[Row]:
        start = int(oid.rpartition(".")[2]) if oid != TABLE else 0
        return [(f"{TABLE}.{start + at}", b"x" * 100) for at in range(1, asked + 1)]

    walked = await walker(ScriptedSession([], endless), caps=Caps(rows=1000)).walk(TABLE)
    assert (len(walked.rows), walked.why) == (1000, "cut off at 1000 rows")
    walked = await walker(ScriptedSession([], endless), caps=Caps(octets=5000)).walk(TABLE)
    assert (len(walked.rows), walked.why) == (50, "cut off at 5000 bytes of text")
    walked = await walker(ScriptedSession([], endless), caps=Caps(seconds=0.0)).walk(TABLE)
    assert (len(walked.rows), walked.why) == (10, "cut off after 0 s")


async def test_get_asks_in_pieces_and_in_smaller_ones_when_that_is_too_much() -> None:
    mib = rows(50)
    names = [oid for oid, _ in mib]
    session = ScriptedSession(mib, lambda what, asked, _n: raises(TooBig) if what == "get" and asked > 6 else None)
    assert await walker(session).get([*names, "1.3.6.1.9.9"]) == dict(mib)
    assert max(asked for _, asked in session.asked if asked <= 6) == 5
    with pytest.raises(TooBig):
        await walker(ScriptedSession(mib, lambda *_: raises(TooBig))).get(names)
    with pytest.raises(NoReply):
        await walker(ScriptedSession(mib, lambda *_: raises(NoReply))).get(names)


@settings(max_examples=60, deadline=None)
@given(
    faults=st.lists(st.sampled_from(["", "", "", "lost", "big", "empty", "short"]), max_size=60),
    count=st.integers(0, 120),
    repetitions=st.integers(1, 50),
)
async def test_whatever_goes_wrong_a_complete_walk_has_every_row(
    faults: list[str], count: int, repetitions: int
) -> None:
    """Complete means all rows; incomplete means the first rows, without a hole."""
    session = ScriptedSession([*rows(count), BEYOND])

    def fault(oid: str, asked: int, number: int) -> list[Row] | None:
        match faults[number] if number < len(faults) else "":
            case "lost":
                raises(NoReply)
            case "big":
                raises(TooBig)
            case "empty" if asked > 1:
                return []
            case "short":
                return session._following(oid)[: max(1, asked // 3)]
        return None

    session.fault = fault
    try:
        walked = await walker(session, Memory(repetitions)).walk(TABLE)
    except (NoReply, TooBig):
        return
    assert walked.rows == rows(count)[: len(walked.rows)]
    if walked.complete:
        assert walked.rows == rows(count)
