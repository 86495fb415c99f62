"""One datagram at a time: what is taken, under which name and of whom, what is dropped and why, and what goes back."""

from __future__ import annotations

import pytest
from fakes import ber
from fakes.traps import (
    AUTH_ONLY,
    COLD_START,
    FOREIGN,
    IF_INDEX,
    LINK_DOWN,
    LINK_UP,
    OPEN,
    OWN_ID,
    ROUTER,
    SWITCH,
    THEIR_ID,
    USER,
    Rig,
    link,
    pdu,
    v1,
    v2c,
    v3,
    variable,
    watched,
)

from collectors.snmp.credentials import Auth, Priv, User
from collectors.snmp.profile import Lookup, Syntax, Trap
from collectors.snmp.traps.counts import Drop
from collectors.snmp.traps.message import LARGEST, Secured, Version, read_message

TOTAL, LAST, UNBELIEVED = "snmp_traps_total", "snmp_trap_last_timestamp_seconds", "snmp_traps_unbelieved_total"
NO_AUTH, PRIV = "noAuthNoPriv", "authPriv"


def answer_of(data: bytes | None) -> tuple[int, bytes]:
    """Tag and content of the PDU that went back to a sender of version 2c."""
    assert data is not None
    ((_, message),) = ber.read(data)
    *_, answer = ber.read(message)
    return answer


def test_a_trap_is_counted_for_its_target_with_its_interface() -> None:
    rig = Rig()
    rig.give(v2c())
    rig.now += 5
    rig.give(v2c())
    assert rig.series() == {
        (TOTAL, "switch", "linkDown", NO_AUTH, "ifIndex=3"): 2.0,
        (LAST, "switch", "linkDown", NO_AUTH, "ifIndex=3"): 1_005.0,
    }
    assert rig.memory.counts.taken[Version.V2C] == 2


def test_a_counter_begins_with_zero_so_that_increase_sees_the_first() -> None:
    rig = Rig()
    rig.give(v2c())
    first, second = (
        [sample.value for sample in rig.memory.ledger.samples(lambda at: at) if sample.name == TOTAL] for _ in range(2)
    )
    assert (first, second) == ([0.0], [1.0])


@pytest.mark.parametrize(
    ("enterprise", "generic", "specific", "name"),
    [
        ("1.3.6.1.4.1.9.1.1", 0, 0, "coldStart"),
        ("1.3.6.1.4.1.9.1.1", 2, 0, "linkDown"),
        ("1.3.6.1.4.1.9.1.1", 4, 0, "authenticationFailure"),
        ("1.3.6.1.4.1.9.1.1", 5, 0, "egpNeighborLoss"),
        ("1.3.6.1.2.1.33.2", 6, 1, "upsTrapOnBattery"),  # its MIB has no zero before the last number
        ("1.3.6.1.2.1.15.7", 6, 2, "bgpBackwardTransition"),
        ("1.3.6.1.2.1.15", 6, 2, "bgpBackwardTransNotification"),  # RFC 4273
        ("1.3.6.1.2.1.47.2", 6, 1, "entConfigChange"),
        ("1.3.6.1.4.1.42", 6, 77, "1.3.6.1.4.1.42.0.77"),
    ],
)
def test_a_trap_of_version_1_is_the_one_that_rfc_3584_makes_of_it(
    enterprise: str, generic: int, specific: int, name: str
) -> None:
    rig = Rig()
    rig.give(v1(enterprise, generic, specific))
    assert rig.memory.counts.taken[Version.V1] == 1
    assert (TOTAL, "switch", name, NO_AUTH) in rig.series()


def test_labels_come_from_variables_and_from_their_index() -> None:
    peer = "1.3.6.1.2.1.15.3.1.2.192.0.2.77"
    own = Trap(
        "1.3.6.1.4.1.9999.0.1", "doorOpen",
        (
            Lookup("door", "1.3.6.1.4.1.9999.1.1"),
            Lookup("state", "1.3.6.1.4.1.9999.1.2", Syntax.GAUGE, enum={2: "open"}),
        ),
    )  # fmt: skip
    rig = Rig(traps=[own])
    rig.give(v2c(pdu("1.3.6.1.2.1.15.7.2", [variable(peer, ber.integer(1))])))
    held = [
        variable("1.3.6.1.4.1.9999.1.1.5", ber.octets("north\0")),
        variable("1.3.6.1.4.1.9999.1.2.5", ber.integer(2)),
    ]
    rig.give(v2c(pdu(own.oid, held)))
    assert (
        TOTAL,
        "switch",
        "bgpBackwardTransition",
        NO_AUTH,
        "bgpPeerRemoteAddr=192.0.2.77",
        "bgpPeerState=idle",
    ) in rig.series()
    assert (TOTAL, "switch", "doorOpen", NO_AUTH, "door=north", "state=open") in rig.series()


def test_good_news_counts_only_of_who_proved_who_they_are() -> None:
    rig = Rig()
    rig.give(v2c(pdu(LINK_UP, link())))
    rig.give(v3(pdu(LINK_UP, link()), OPEN))
    assert rig.series() == {(UNBELIEVED, "switch", "linkUp", NO_AUTH, "ifIndex=3"): 2.0}
    rig.give(v3(pdu(LINK_UP, link()), USER))
    assert rig.series()[TOTAL, "switch", "linkUp", PRIV, "ifIndex=3"] == 1.0
    assert (LAST, "switch", "linkUp", NO_AUTH, "ifIndex=3") not in rig.series()


def test_an_inform_is_acknowledged_with_its_own_content_and_counted_once() -> None:
    rig = Rig()
    sent = v2c(pdu(LINK_DOWN, link(), request_id=4711, tag=ber.INFORM))
    tag, content = answer_of(rig.give(sent))
    ((_, asked),) = ber.read(sent)
    assert tag == ber.RESPONSE
    assert content == list(ber.read(asked))[-1][1]
    rig.now += 10
    assert answer_of(rig.give(sent))[0] == ber.RESPONSE, "the first answer was lost"
    assert rig.taken == rig.memory.counts.informs == 1
    assert rig.dropped == {Drop.DUPLICATE: 1}
    rig.now += 200
    rig.give(sent)
    assert rig.taken == 2


def test_equal_informs_of_two_users_at_one_address_are_two() -> None:
    rig = Rig(users=[USER, AUTH_ONLY])
    for user in (USER, AUTH_ONLY, USER):
        rig.give(v3(pdu(tag=ber.INFORM), user, engine=OWN_ID, boots=3, time=600, reportable=True))
    assert (rig.taken, rig.dropped) == (2, {Drop.DUPLICATE: 1})


def test_a_trap_is_not_answered() -> None:
    rig = Rig()
    assert rig.give(v2c()) is None
    assert rig.give(v3()) is None
    assert rig.taken == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(LARGEST + 1), Drop.TOO_LARGE),
        (b"", Drop.MALFORMED),
        (b"\x30\x80\x00\x00", Drop.MALFORMED),
        (b"hello", Drop.MALFORMED),
        (ber.sequence(ber.integer(2), ber.octets(b"public")), Drop.UNSUPPORTED),
        (v2c(community=b"private"), Drop.COMMUNITY),
        (v2c(community=b""), Drop.COMMUNITY),
        (v2c(pdu(tag=ber.GET)), Drop.NO_NOTIFICATION),
        (v2c(pdu(tag=ber.RESPONSE)), Drop.NO_NOTIFICATION),
        (v2c(ber.sequence(*[ber.integer(0)] * 3, ber.sequence(), tag=ber.TRAP)), Drop.MALFORMED),
        (v3(user=User("nobody")), Drop.USER),
        (v3(user=User("tocsin")), Drop.LEVEL),
        (v3(user=User("tocsin", Auth.SHA256, "authentication")), Drop.LEVEL),
        (v3(user=User("half", Auth.SHA, "another password")), Drop.AUTHENTICATION),
        (v3(user=User("half", Auth.SHA256, "authentication")), Drop.AUTHENTICATION),
        (v3(user=User("tocsin", Auth.SHA256, "authentication", Priv.AES128, "not privacy")), Drop.DECRYPTION),
        (v3(user=OPEN, engine=b"", reportable=True), Drop.DISCOVERY),
        (v3(pdu(tag=ber.GET)), Drop.NO_NOTIFICATION),
    ],
)  # fmt: skip
def test_what_is_no_notification_for_us_is_dropped_for_one_reason(data: bytes, reason: Drop) -> None:
    rig = Rig()
    rig.give(data)
    assert rig.dropped == {reason: 1}
    assert rig.memory.counts.received == 1
    assert (rig.taken, rig.series(), rig.polls.asked) == (0, {}, 0)


def test_the_reason_is_remembered_of_a_target_and_not_of_a_stranger() -> None:
    rig = Rig()
    rig.give(v2c(community=b"private"))
    rig.give(v2c(community=b"private"), FOREIGN)
    assert set(rig.memory.trouble) == {("switch", Drop.COMMUNITY)}


def test_unknown_sources_are_heard_under_their_address_unless_only_targets_are_wanted() -> None:
    rig = Rig()
    rig.give(v2c(), FOREIGN)
    assert (TOTAL, FOREIGN, "linkDown", NO_AUTH, "ifIndex=3") in rig.series()
    assert rig.polls.asked == 0
    strict = Rig(only_known=True)
    strict.give(v2c(), FOREIGN)
    strict.give(b"\0" * (LARGEST + 1), FOREIGN)
    strict.give(v2c(), SWITCH)
    assert strict.dropped == {Drop.UNKNOWN_SOURCE: 1, Drop.TOO_LARGE: 1}
    assert strict.taken == 1


def test_whom_it_is_about_is_believed_only_of_an_authentic_sender() -> None:
    rig = Rig()
    about = variable("1.3.6.1.6.3.18.1.3.0", ber.ip_address(ROUTER))
    rig.give(v2c(pdu(LINK_DOWN, [about])), FOREIGN)
    rig.give(v1("1.3.6.1.4.1.9", 2, agent=ROUTER), FOREIGN)
    rig.give(v3(pdu(LINK_DOWN, [about]), OPEN), FOREIGN)
    assert {instance for _, instance, *_ in rig.series()} == {FOREIGN}
    rig.give(v3(pdu(LINK_DOWN, [about])), FOREIGN)
    assert (TOTAL, "router", "linkDown", PRIV) in rig.series()


def test_an_engine_that_was_heard_at_its_target_is_the_targets_from_everywhere() -> None:
    rig = Rig()
    rig.give(v3(pdu(request_id=1)), FOREIGN)
    rig.give(v3(pdu(request_id=2)), SWITCH)
    rig.give(v3(pdu(request_id=3)), FOREIGN)
    counted = {instance: value for (name, instance, *_), value in rig.series().items() if name == TOTAL}
    assert counted == {FOREIGN: 1.0, "switch": 2.0}
    rig.give(v3(pdu(request_id=4), OPEN, engine=THEIR_ID), "198.51.100.10")
    assert (TOTAL, "198.51.100.10", "linkDown", NO_AUTH) in rig.series(), "an engine id without proof is no proof"


def test_the_labels_of_a_target_go_with_its_events() -> None:
    rig = Rig(targets=[watched("switch", "2001:db8:0::1", site="hz")])
    rig.give(v2c(), "2001:db8::1")
    assert (TOTAL, "switch", "linkDown", NO_AUTH, "ifIndex=3", "site=hz") in rig.series()


def test_a_trap_that_was_recorded_cannot_be_sent_again() -> None:
    rig = Rig()
    recorded = v3(time=1_000)
    rig.give(recorded)
    rig.give(recorded)
    assert rig.dropped == {Drop.DUPLICATE: 1}, "within the window in which SNMPv3 itself cannot tell"
    rig.now += 160
    rig.give(recorded)
    assert rig.dropped[Drop.TIME_WINDOW] == 1
    rig.give(v3(pdu(request_id=8), boots=4, time=999_999))
    assert rig.dropped[Drop.TIME_WINDOW] == 2
    rig.give(v3(pdu(request_id=9), boots=6, time=1))
    assert rig.taken == 2


def test_a_sender_of_informs_is_told_our_engine_and_then_our_time() -> None:
    rig = Rig()
    report = rig.give(v3(pdu(tag=ber.GET), OPEN, engine=b"", boots=0, time=0, reportable=True))
    assert report is not None
    seen = read_message(report)
    assert isinstance(seen, Secured)
    assert (seen.engine_id, seen.boots, seen.time, seen.authenticated) == (OWN_ID, 3, 600, False)
    inform = pdu(LINK_DOWN, link(), tag=ber.INFORM)
    report = rig.give(v3(inform, engine=OWN_ID, boots=0, time=0, reportable=True))
    assert report is not None
    seen = read_message(report)
    assert isinstance(seen, Secured)
    assert (seen.boots, seen.time, seen.authenticated, seen.encrypted) == (3, 600, True, False)
    answer = rig.give(v3(inform, engine=OWN_ID, boots=3, time=600, reportable=True))
    assert answer is not None
    assert (rig.taken, rig.memory.counts.informs) == (1, 1)
    assert rig.dropped == {Drop.DISCOVERY: 1, Drop.TIME_WINDOW: 1}
    rig.now += 400
    rig.give(v3(inform, engine=OWN_ID, boots=3, time=600, reportable=True))
    assert rig.dropped[Drop.TIME_WINDOW] == 2, "a recorded inform is as stale as a trap"


def test_two_users_of_one_name_are_told_apart_by_their_keys() -> None:
    other = User("tocsin", Auth.SHA512, "something else", Priv.DES, "and privacy")
    rig = Rig(users=[USER, other])
    rig.give(v3(pdu(request_id=1), other))
    rig.give(v3(pdu(request_id=2), USER))
    assert rig.taken == 2


@pytest.mark.parametrize("priv", list(Priv))
@pytest.mark.parametrize("auth", [Auth.MD5, Auth.SHA512])
def test_an_inform_is_answered_in_every_cipher(auth: Auth, priv: Priv) -> None:
    user = User("u", auth, "authentication", priv, "and privacy")
    rig = Rig(users=[user])
    answer = rig.give(v3(pdu(tag=ber.INFORM), user, engine=OWN_ID, boots=3, time=600, reportable=True))
    assert answer is not None
    held = read_message(answer)
    assert isinstance(held, Secured)
    assert held.encrypted
    opened = rig.receiver.usm.open(answer, held, rig.now)
    assert getattr(opened, "pdu", None) is not None
    assert opened.pdu.tag == ber.RESPONSE


def test_secrets_are_in_no_repr() -> None:
    rig = Rig()
    for thing in (rig.receiver, rig.receiver.usm, USER, AUTH_ONLY):
        assert "authentication" not in repr(thing)
        assert "public" not in repr(thing)


def test_what_is_broken_inside_ends_with_its_datagram() -> None:
    rig = Rig()
    rig.receiver.meanings = None  # type: ignore[assignment]  # a defect of ours
    rig.give(v2c())
    assert rig.dropped == {Drop.INTERNAL: 1}
    assert "AttributeError" in rig.memory.defect


def test_cold_starts_are_known_by_name() -> None:
    rig = Rig()
    rig.give(v2c(pdu(COLD_START)))
    assert (TOTAL, "switch", "coldStart", NO_AUTH) in rig.series()
    assert IF_INDEX not in str(rig.series())
