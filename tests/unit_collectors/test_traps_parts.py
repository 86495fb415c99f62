"""The parts that decide alone: limits, polls, the bounds of what is remembered, the engine's file, the options."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes.traps import FOREIGN, SWITCH, THEIR_ID, Rig, link, pdu, v2c, v3, watched

from collectors._options import CredentialRef
from collectors._targets import TargetScheduler
from collectors.snmp.build import build as make_targets
from collectors.snmp.credentials import CredentialOptions
from collectors.snmp.device import Device
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.port import Engine
from collectors.snmp.profile import Profile, Trap
from collectors.snmp.traps import engine, ledger, limits
from collectors.snmp.traps.build import build
from collectors.snmp.traps.counts import Drop
from collectors.snmp.traps.limits import Limits
from collectors.snmp.traps.meaning import Event
from collectors.snmp.traps.options import Sources, TrapOptions, address_of, check
from collectors.snmp.traps.polls import GAP, MOST, Polls
from collectors.snmp.traps.senders import Senders, canonical, stranger
from collectors.snmp.traps.usm import Security


def admitted(held: Limits, source: str, count: int, now: float, known: bool = False) -> int:
    return sum(held.admit(source, known, now) is None for _ in range(count))


def test_a_source_has_its_rate_and_a_seconds_worth_at_once() -> None:
    held = Limits(100, 10_000, 0.0)
    assert admitted(held, "a", 500, 0.0) == 100
    assert admitted(held, "b", 50, 0.0) == 50
    assert admitted(held, "a", 500, 0.5) == 50
    assert admitted(held, "a", 500, 99.0) == 100
    assert held.flooding(99.0) == (["a"], False)
    assert held.flooding(200.0) == ([], False)


def test_of_the_limit_for_all_a_part_is_kept_for_targets() -> None:
    held = Limits(100, 1_000, 0.0)
    taken = sum(admitted(held, f"stranger {number}", 100, 0.0) for number in range(20))
    assert taken == 750
    assert held.admit("one more", False, 0.0) is Drop.LIMIT
    assert admitted(held, "target", 100, 0.0, known=True) == 100
    assert held.flooding(0.0)[1]


def test_sources_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_SOURCES", 50)
    held = Limits(10, 1_000_000, 0.0)
    for number in range(1_000):
        held.admit(f"s{number}", False, number / 1_000)
    assert len(held._sources) == 50
    assert admitted(held, "new", 20, 5.0) == 10, "who was there before and is silent makes room"
    assert len(held._sources) == 1


def test_a_device_is_polled_at_once_and_once_more_after_the_last() -> None:
    polls = Polls()
    polls.ask("a", 100.0)
    assert polls.take(100.0) == ["a"]
    assert polls.wait(100.0) is None
    for number in range(40):
        polls.ask("a", 100.1 + number / 10)
    assert polls.take(104.2) == []
    assert polls.wait(104.2) == pytest.approx(GAP - 4.2)
    assert polls.take(100.0 + GAP) == ["a"]
    assert polls.take(300.0) == []
    assert (polls.asked, polls.made) == (41, 2)


def test_a_flood_from_everywhere_makes_few_polls_a_second_and_forgets_none() -> None:
    polls = Polls()
    for number in range(1_000):
        polls.ask(f"d{number}", 50.0)
    made: list[int] = []
    now = 50.0
    while (wait := polls.wait(now)) is not None:
        now += wait + 1e-6
        made.append(len(polls.take(now)))
    assert sum(made) == 1_000
    assert now - 50.0 == pytest.approx(1_000 / MOST, abs=1.5)
    assert max(made) <= MOST


def test_the_series_of_a_sender_are_bounded_and_the_rest_has_no_name() -> None:
    rig = Rig()
    for number in range(2_000):
        rig.give(v2c(pdu(variables=link(number))))
        rig.give(v2c(pdu(f"1.3.6.1.4.1.7.{number}")))
    counted = {key: value for key, value in rig.series().items() if key[0] == "snmp_traps_total"}
    assert len(counted) <= ledger._PER_SENDER + 1
    assert sum(counted.values()) == 4_000
    assert counted["snmp_traps_total", "switch", "other", "noAuthNoPriv"] > 1_000


def test_strangers_are_bounded_and_forgotten_when_silent() -> None:
    held = ledger.Ledger()
    for number in range(2_000):
        held.record(stranger(f"a{number}"), Event("x"), Security.NO_AUTH, 0.0)
    assert len(held._books) == ledger._MOST_STRANGERS + 1
    counts = {dict(sample.labels)["instance"]: sample.value for _ in range(2) for sample in held.samples(float)
              if sample.name == "snmp_traps_total"}  # fmt: skip
    assert sum(counts.values()) == 2_000
    assert counts["other"] == 2_000 - ledger._MOST_STRANGERS
    held.record(stranger("late"), Event("x"), Security.NO_AUTH, 4_000.0)
    assert len(held._books) == 1
    assert held._entries == held._strangers == 1


def test_all_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_MOST_ENTRIES", 100)
    rig = Rig(targets=[watched(f"t{number}", f"192.0.2.{number}") for number in range(20)])
    for number in range(20):
        for index in range(20):
            rig.give(v2c(pdu(variables=link(index))), f"192.0.2.{number}")
    assert rig.memory.ledger._entries <= 100 + 20


def test_strangers_leave_room_for_the_series_of_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_MOST_ENTRIES", 100)
    rig = Rig()
    for number in range(30):
        for index in range(20):
            rig.give(v2c(pdu(variables=link(index))), f"198.51.100.{number}")
    rig.give(v2c(pdu(variables=link(7))), SWITCH)
    assert rig.series()["snmp_traps_total", "switch", "linkDown", "noAuthNoPriv", "ifIndex=7"] == 1


def test_names_of_targets_are_looked_up_and_keep_what_they_had() -> None:
    targets = [watched("a", "192.0.2.49", "a.example"), watched("b", "b.example"), watched("c", SWITCH)]
    addresses: dict[str, Sequence[str]] = {}
    senders = Senders(targets, {}, addresses)
    assert set(senders.host_names) == {"a.example", "b.example"}
    senders.resolved({"a.example": ["192.0.2.50", "2001:DB8::5"], "b.example": ["192.0.2.51", SWITCH]})
    found = {address: held.name for address in ("192.0.2.49", "192.0.2.50", "2001:db8::5", "192.0.2.51", SWITCH)
             if (held := senders.at(address))}  # fmt: skip
    assert found == {"192.0.2.49": "a", "192.0.2.50": "a", "2001:db8::5": "a", "192.0.2.51": "b", SWITCH: "c"}
    senders.resolved({"b.example": ["192.0.2.52"]})
    assert senders.at("192.0.2.51") is None
    kept = senders.at("192.0.2.50")
    assert kept is not None
    assert kept.name == "a"
    after_a_reload = Senders(targets, {}, addresses).at("192.0.2.52")
    assert after_a_reload is not None
    assert after_a_reload.name == "b"
    assert canonical("::ffff:192.0.2.1") == SWITCH


def test_each_start_is_one_more_and_what_others_said_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    own, peers, why = engine.start(path, 10.0, float)
    assert (own.boots, why) == (1, "")
    assert 5 <= len(own.id) <= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert peers.is_fresh(THEIR_ID, 7, 5_000, 10.0)
    engine.write(path, own, peers, float)
    again, peers, why = engine.start(path, 0.0, float)
    assert (again.id, again.boots, why) == (own.id, 2, "")
    assert not peers.is_fresh(THEIR_ID, 7, 4_000, 0.0), "recorded before the restart"
    assert not peers.is_fresh(THEIR_ID, 6, 9_000, 0.0)
    assert peers.is_fresh(THEIR_ID, 7, 5_001, 0.0)


def test_what_was_recorded_before_a_restart_is_past_after_it(tmp_path: Path) -> None:
    """The other engine grew older while nobody listened, whatever our own clock began at."""
    path = tmp_path / "engine.json"
    own, peers, _ = engine.start(path, 10.0, float)
    assert peers.is_fresh(THEIR_ID, 7, 5_000, 10.0)
    engine.write(path, own, peers, float)

    def hour_later(at: float) -> float:
        return at + 3_610.0

    _, peers, _ = engine.start(path, 0.0, hour_later)
    assert not peers.is_fresh(THEIR_ID, 7, 5_000, 0.0), "the very last one, sent again"
    assert peers.is_fresh(THEIR_ID, 7, 8_590, 1.0), "another hour"
    _, peers, _ = engine.start(path, 0.0, lambda at: at + 1e9)
    assert peers.is_fresh(THEIR_ID, 7, 5_001, 0.0), "our calendar was set years ahead: newer is newer"


@pytest.mark.parametrize("text", ["", "{", '{"engine_id": "00", "boots": 1}', '{"engine_id": "zz", "boots": 1}', "[]"])
def test_an_engine_whose_file_is_no_good_has_a_new_id(tmp_path: Path, text: str) -> None:
    path = tmp_path / "engine.json"
    first, _, _ = engine.start(path, 0.0, float)
    path.write_text(text)
    own, _, why = engine.start(path, 0.0, float)
    assert own.id != first.id
    assert own.boots == 1
    assert why.startswith(str(path)) or text.startswith('{"engine_id": "00"')
    assert engine.start(path, 0.0, float)[0].boots == 2


def test_an_engine_that_cannot_write_down_its_start_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "engine.json"
    first, _, why = engine.start(path, 0.0, float)
    assert "cannot be written" in why
    assert engine.start(path, 0.0, float)[0].id != first.id


def test_an_engine_that_has_started_too_often_has_a_new_id(tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    path.write_text('{"engine_id": "80007ed905aabbcc", "boots": 2147483646}')
    own, _, _ = engine.start(path, 0.0, float)
    assert own.boots == 1


def test_engines_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_MOST_PEERS", 10)
    peers = engine.Peers({})
    for number in range(50):
        peers.is_fresh(b"engine%d" % number, 1, 1, 0.0)
    assert len(peers.as_written(float)) == 10


def test_a_forged_message_teaches_nothing() -> None:
    rig = Rig()
    forged = bytearray(v3(boots=2_000_000_000))
    forged[-1] ^= 1
    rig.give(bytes(forged), FOREIGN)
    assert rig.dropped == {Drop.AUTHENTICATION: 1}
    assert rig.peers.as_written(float) == {}
    rig.give(v3(boots=5))
    assert rig.taken == 1


def loaded_by(code: str) -> set[str]:
    """The first names of what a fresh interpreter has imported after ``code``, and of our own all."""
    code += "; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return {name if name.startswith("collectors.") else name.partition(".")[0] for name in done.stdout.split()}


def test_an_agent_without_traps_loads_none_of_it_and_traps_load_no_library() -> None:
    agent = loaded_by("import agent.daemon, agent.build, collectors.api")
    assert not {name for name in agent if name.startswith("collectors.snmp")}
    receiver = loaded_by("import collectors.snmp.traps.station")
    assert "collectors.snmp.traps.usm" in receiver
    assert not receiver & {"pysnmp", "pyasn1", "gufo", "cryptography"}


def test_the_section_becomes_settings_and_a_trap_has_a_device_polled() -> None:
    own = Profile(traps=(Trap("1.3.6.1.6.3.1.1.5.3", "portDied"),))
    options = Options(
        targets=(TargetOptions(SWITCH, "lab", name="sw1", traps_from=("192.0.2.9",), labels={"site": "hz"}),),
        credentials={"lab": CredentialOptions(3, user="u")},
        profiles={"own": own},
        traps=TrapOptions(users=("lab",)),
    )
    frame = TargetScheduler(make_targets(options, str, Path()), limit=1)
    made = build(options, str, frame)
    assert made.watched == (watched("sw1", SWITCH, "192.0.2.9", site="hz"),)
    assert next(trap.name for trap in made.traps if trap.oid == "1.3.6.1.6.3.1.1.5.3") == "portDied"
    assert made.engines() == {}
    (device,) = frame.states()
    assert isinstance(device, Device)
    device._way.engine = Engine(THEIR_ID, 1, 1)
    assert made.engines() == {THEIR_ID: "sw1"}
    made.nudge("sw1")
    assert [name for name, live in frame._live.items() if live.again] == ["snmp/sw1", "snmp/sw1:fast", "snmp/sw1:slow"]
    made.nudge("somebody else")


V3 = CredentialOptions(3, user="u")
V2 = CredentialOptions(2, community=CredentialRef("c"))


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        (TrapOptions(listen="localhost:162", users=("lab",)), ("listen",), "'localhost:162' is no ADDRESS:PORT"),
        (TrapOptions(listen="0.0.0.0", users=("lab",)), ("listen",), "'0.0.0.0' is no ADDRESS:PORT"),
        (TrapOptions(listen="[::]:70000", users=("lab",)), ("listen",), "'[::]:70000' is no ADDRESS:PORT"),
        (TrapOptions(), ("listen",), "no trap would be taken: neither communities nor users are given"),
        (TrapOptions(users=("lab", "gone")), ("users", 1), "there is no credential 'gone'"),
        (TrapOptions(users=("old",)), ("users", 0), "'old' is of version 2, which has no user"),
        (TrapOptions(users=("lab",), sources=Sources.TARGETS), ("sources",), "there are no targets"),
        (
            TrapOptions(users=("lab",), limit=50),
            ("limit",),
            "the limit for all (50) is below that for one source (100)",
        ),
    ],
)
def test_a_mistake_in_the_options_is_said_where_it_is(
    options: TrapOptions, path: tuple[str | int, ...], text: str
) -> None:
    (problem,) = check(options, {"lab": V3, "old": V2}, 0)
    assert problem.path == path
    assert text in problem.text
    assert problem.hint


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:162", ("127.0.0.1", 162)), ("[::1]:1162", ("::1", 1162)), ("systemd", None)],
)
def test_where_to_listen(listen: str, address: tuple[str, int] | None) -> None:
    assert address_of(listen) == address
    assert not list(check(TrapOptions(listen=listen, users=("lab",)), {"lab": V3}, 1))
