"""Whatever a datagram holds, it is counted once and goes no further."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fakes import ber
from fakes.traps import LINK_DOWN, OPEN, OWN_ID, Rig, link, pdu, v1, v2c, v3, variable
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.snmp.traps.counts import Drop

MUTATIONS = 100_000
SEEDS = (
    v2c(),
    v2c(pdu(LINK_DOWN, link(), tag=ber.INFORM)),
    v1("1.3.6.1.4.1.9.1.1", 6, 5, link()),
    v2c(pdu("1.3.6.1.2.1.15.7.2", [variable("1.3.6.1.2.1.15.3.1.2.192.0.2.77", ber.integer(1))])),
    v2c(pdu(variables=[variable("1.3.6.1.4.1.9.1", value) for value in (
        ber.octets(b"\xff\0text"), ber.opaque_float(1.5), ber.opaque_double(2.5), ber.counter64(2**64 - 1),
        ber.ip_address("192.0.2.3"), ber.object_id("1.3.6.1"), ber.NULL, ber.NO_SUCH_OBJECT, ber.integer(-1),
    )])),
    v3(user=OPEN),
    v3(),
    v3(pdu(tag=ber.INFORM), engine=OWN_ID, boots=3, time=600, reportable=True),
)  # fmt: skip


def mutated(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(changed)) if changed else 0
        match dice.randrange(6):
            case 0 if changed:
                changed[at] = dice.randrange(256)
            case 1 if changed:
                changed[at] ^= 1 << dice.randrange(8)
            case 2:
                changed = changed[:at]
            case 3:
                changed[at:at] = dice.randbytes(dice.randrange(1, 9))
            case 4:
                del changed[at : at + dice.randrange(1, 9)]
            case _ if changed:
                changed[at] = dice.choice((0, 0x7F, 0x80, 0x81, 0x84, 0xFF, 0x30, 0x1F))
    return bytes(changed)


def everything(count: int) -> Iterator[bytes]:
    dice = random.Random(5)
    for number in range(count):
        yield mutated(SEEDS[number % len(SEEDS)], dice)


def test_mutated_datagrams_never_leave_their_boundary_and_are_counted_exactly() -> None:
    rig = Rig()
    for data in SEEDS:
        rig.give(data)
    assert rig.taken == len(SEEDS), "the seeds are good"
    for number, data in enumerate(everything(MUTATIONS)):
        rig.now += 0.001
        answer = rig.give(data, f"192.0.2.{number % 250}")
        assert answer is None or len(answer) <= len(data) + 200, "no amplifier"
    counts = rig.memory.counts
    assert counts.received == MUTATIONS + len(SEEDS)
    assert counts.received == rig.taken + sum(counts.dropped.values())
    assert counts.dropped[Drop.INTERNAL] == 0, rig.memory.defect
    assert counts.dropped[Drop.MALFORMED] > MUTATIONS / 10
    assert rig.memory.ledger._entries <= 20_000
    for sample in rig.memory.ledger.samples(lambda at: at):
        assert all(name.isidentifier() and value.isprintable() for name, value in sample.labels)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_dropped_quietly(data: bytes) -> None:
    rig = Rig()
    assert rig.give(data) is None
    assert rig.dropped.keys() <= {Drop.MALFORMED, Drop.UNSUPPORTED, Drop.COMMUNITY}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_content_behind_a_good_community_or_key_is_dropped_quietly(content: bytes) -> None:
    rig = Rig()
    rig.give(v2c(content))
    rig.give(v3(content))
    assert rig.memory.counts.dropped[Drop.INTERNAL] == 0, rig.memory.defect
    assert rig.memory.counts.received == rig.taken + sum(rig.memory.counts.dropped.values())


def test_nesting_and_endless_lists_cost_nothing() -> None:
    rig = Rig()
    deep = b""
    for _ in range(3_000):
        deep = ber.sequence(deep)
    rig.give(v2c(pdu(variables=[deep])))
    rig.give(v2c(pdu(variables=[variable("1.3.6.1", ber.NULL)] * 1_000)))
    rig.give(v2c(pdu(variables=[variable("1.3." + ".".join("1" * 200), ber.NULL)])))
    rig.give(v2c(pdu(variables=[ber.sequence(ber.tlv(ber.OID, b"\x2b" + b"\xff" * 4_000 + b"\x01"), ber.NULL)])))
    assert rig.dropped == {Drop.MALFORMED: 4}
