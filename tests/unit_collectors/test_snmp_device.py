"""One device poll by poll: names and numbers never part, and what cannot be read is said and not made up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.snmp_virtual import IF_ENTRY, IFX_ENTRY, Port, Switch, VirtualSession
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import collectors.snmp
from collectors._model import CollectorError, Sample
from collectors._targets import Incomplete, Lost, Target, TargetScheduler
from collectors.snmp.counters import Reason
from collectors.snmp.device import About, Device
from collectors.snmp.errors import NoReply, SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.load import all_shipped
from collectors.snmp.options import Options
from collectors.snmp.plans import Plans
from collectors.snmp.profile import Every
from collectors.snmp.way import Way
from rules.api import SeriesWindow, Vector, compile_expr, parse

STEP = 60.0
PLANS = Plans(all_shipped())


class Rig:
    """A switch, the device object that polls it, and the real window behind."""

    def __init__(self, switch: Switch, *, profiles: tuple[str, ...] = ("system", "interfaces")) -> None:
        self.switch = switch
        self.session = VirtualSession(switch.mib)
        way = Way("10.0.0.1", 161, lambda address: self.session)
        about = About("sw", "10.0.0.1", 161, "lab", profiles)
        self.device = Device(about, way, PLANS, lambda: self.switch.now)
        self.window = SeriesWindow()
        self.last: list[Sample] = []
        self.error = ""
        self._rate = compile_expr(parse("rate(ifHCInOctets[5m]) or rate(ifInOctets[5m])"))

    def poll(self, count: int = 1, every: Every = Every.FAST) -> Rig:
        for _ in range(count):
            self.switch.now += STEP
            self._one(every)
        return self

    def _one(self, every: Every) -> None:
        self.error = ""
        try:
            items = asyncio.run(self.device.poll(every))
        except Incomplete as partial:
            items, self.error = list(partial.items), str(partial)
        except CollectorError as error:
            items, self.error = [], str(error)
        self.last = [item for item in items if isinstance(item, Sample)]
        self.window.ingest(every.value, self.last, int(self.switch.now * 1000), failed=bool(self.error))

    def alive(self) -> list[Sample]:
        return [item for item in asyncio.run(self.device.liveness()) if isinstance(item, Sample)]

    def by_name(self, metric: str) -> dict[str, float]:
        return {dict(each.labels).get("ifName", ""): each.value for each in self.last if each.name == metric}

    def rates(self) -> dict[str, float]:
        result = self._rate.instant(self.window, int(self.switch.now * 1000))
        assert isinstance(result, Vector)
        return {dict(each.labels)["ifName"]: each.value for each in result.elements}


def ports(count: int = 6) -> list[Port]:
    """Each can be told from the others by its pace and its MTU."""
    return [
        Port(f"Gi0/{n}", n, 100_000 * n, start=10**12 * n, mtu=1000 + n, alias=f"to {n}") for n in range(1, count + 1)
    ]


def true_to_their_names(rig: Rig) -> None:
    paces = {port.name: port.pace for port in rig.switch.ports}
    for name, rate in rig.rates().items():
        assert rate <= paces[name] * 1.1 + 1, f"{name} shows {rate}, and carries {paces[name]}"
    names = {port.index: port.name for port in rig.switch.ports}
    for each in rig.last:
        labels = dict(each.labels)
        if each.name == "ifMtu":
            assert labels["ifName"] == f"Gi0/{int(each.value) - 1000}"
        if "ifIndex" in labels:
            assert names[int(labels["ifIndex"])] == labels["ifName"]


def test_a_quiet_switch_costs_three_requests_and_gives_true_rates() -> None:
    rig = Rig(Switch(ports())).poll(6)
    before = rig.session.requests
    rig.poll()
    assert rig.session.requests - before == 3
    assert rig.rates() == pytest.approx({f"Gi0/{n}": 100_000 * n for n in range(1, 7)})
    true_to_their_names(rig)
    assert dict(rig.last[0].labels).keys() == {"ifAlias", "ifDescr", "ifIndex", "ifName"}


@pytest.mark.parametrize("count", [6, 40])
@pytest.mark.parametrize("told", ["reboot", "change", "nothing"])
def test_ports_that_are_renumbered_take_their_numbers_along(told: str, count: int) -> None:
    rig = Rig(Switch(ports(count), tells_changes=told == "change")).poll(6).poll(1, Every.SLOW)
    for turn in range(1, 4):
        rig.switch.now += 20
        if told == "reboot":
            rig.switch.reboot()
        elif told == "change":
            rig.switch.changed += 1
        rig.switch.renumber([(n + turn) % count + 1 for n in range(count)])
        rig.switch.now += 30
        for _ in range(7):
            rig.poll()
            true_to_their_names(rig)
            rig.poll(1, Every.SLOW)
            true_to_their_names(rig)
        assert rig.rates() == pytest.approx({port.name: port.pace for port in rig.switch.ports}, rel=0.2)


@settings(max_examples=60, deadline=None)
@given(
    at=st.integers(0, 60), order=st.permutations(range(1, 15)), told=st.booleans(), reboot=st.booleans(),
    every=st.sampled_from([Every.FAST, Every.SLOW]), due=st.booleans(),
)  # fmt: skip
def test_renumbered_in_the_middle_of_a_poll_nothing_is_published_under_another_name(
    *, at: int, order: list[int], told: bool, reboot: bool, every: Every, due: bool
) -> None:
    rig = Rig(Switch(ports(14))).poll(3).poll(1, Every.SLOW)
    first = rig.session.requests
    if due:
        rig.switch.now += 700  # the labels are read anew in this poll

    def renumber(number: int) -> None:
        if number == first + at:
            if reboot:
                rig.switch.reboot()
            rig.switch.changed += told
            rig.switch.renumber(order)

    rig.session.on_request = renumber
    before = {port.index: port.name for port in rig.switch.ports}
    rig.poll(1, every)
    after = {port.index: port.name for port in rig.switch.ports}
    for each in rig.last:
        labels = dict(each.labels)
        if "ifIndex" in labels:
            index = int(labels["ifIndex"])
            assert labels["ifName"] in (before[index], after[index])
        if each.name == "ifMtu":
            assert labels["ifName"] == f"Gi0/{int(each.value) - 1000}"
    for _ in range(8):
        rig.poll()
        true_to_their_names(rig)


@pytest.mark.parametrize("told", ["reboot", "change", "nothing"])
def test_a_description_that_changed_is_published_at_once_where_the_device_tells_of_it(told: str) -> None:
    rig = Rig(Switch(ports())).poll(3)
    rig.switch.ports[0].alias = "to the roof"
    if told == "reboot":
        rig.switch.reboot()
    rig.switch.changed += told == "change"
    rig.poll()
    aliases = {dict(each.labels).get("ifAlias") for each in rig.last if each.name == "ifOperStatus"}
    assert ("to the roof" in aliases) == (told != "nothing")
    rig.poll(10)
    aliases = {dict(each.labels).get("ifAlias") for each in rig.last if each.name == "ifOperStatus"}
    assert "to the roof" in aliases


async def test_a_poll_during_which_the_device_started_anew_is_not_used() -> None:
    switch = Switch(ports(40))
    device = Rig(switch).device
    switch.now += 60
    await device.poll(Every.FAST)
    await device.liveness()
    switch.now += 60
    under_way = asyncio.create_task(device.poll(Every.FAST))
    for _ in range(10):
        await asyncio.sleep(0)
    switch.reboot()
    switch.now += 5
    await device.liveness()
    with pytest.raises(SnmpError, match="started anew while it was read"):
        await under_way
    assert await device.poll(Every.FAST)


def test_a_port_that_comes_is_seen_and_one_that_goes_is_gone() -> None:
    switch = Switch(ports(3), tells_changes=False)
    rig = Rig(switch).poll(2)
    switch.ports.append(Port("Gi0/4", 4, 5, mtu=1004))
    rig.poll()
    assert set(rig.by_name("ifOperStatus")) == {"Gi0/1", "Gi0/2", "Gi0/3"}
    assert "1 rows changed their names" in rig.error
    rig.poll()
    assert set(rig.by_name("ifOperStatus")) == {"Gi0/1", "Gi0/2", "Gi0/3", "Gi0/4"}
    assert not rig.error
    del switch.ports[1]
    rig.poll(2)
    assert set(rig.by_name("ifOperStatus")) == {"Gi0/1", "Gi0/3", "Gi0/4"}


def test_a_reboot_is_noticed_and_gives_no_spike() -> None:
    rig = Rig(Switch(ports())).poll(6)
    rig.switch.now += 30
    rig.switch.reboot()
    for _ in range(8):
        rig.poll()
        true_to_their_names(rig)
    assert rig.device.known.restarts == 1
    assert rig.rates() == pytest.approx({f"Gi0/{n}": 100_000 * n for n in range(1, 7)})


@pytest.mark.parametrize("engine", [True, False])
def test_497_days_are_no_reboot(engine: bool) -> None:
    switch = Switch(ports(), booted=-(1 << 32) / 100 + 200, engine=engine)
    rig = Rig(switch)
    for _ in range(10):
        rig.poll()
        true_to_their_names(rig)
    assert rig.device.known.restarts == 0
    assert rig.rates() == pytest.approx({f"Gi0/{n}": 100_000 * n for n in range(1, 7)})


def test_without_64_bits_the_32_bit_counter_serves_under_its_own_name() -> None:
    switch = Switch([Port("Fa0/1", 1, 500_000, mbit=100), Port("Gi0/2", 2, 90_000_000, mbit=1000)], wide=False)
    rig = Rig(switch).poll(20)
    assert "ifHCInOctets" not in {each.name for each in rig.last}
    assert rig.rates() == pytest.approx({"Fa0/1": 500_000})  # at 1 Gbit/s 32 bits wrap more than once a minute
    assert rig.device.dropped()[Reason.AMBIGUOUS] > 10


def test_a_discontinuity_that_the_device_tells_of_is_no_spike() -> None:
    switch = Switch(ports(2))
    switch.more = {f"{IFX_ENTRY}.19.1": 5, f"{IFX_ENTRY}.19.2": 5}
    rig = Rig(switch).poll(7)
    switch.more[f"{IFX_ENTRY}.19.2"] = 99_000
    switch.ports[1].start += 7 * 10**14
    for _ in range(8):
        rig.poll()
        true_to_their_names(rig)
    assert rig.device.status()["dropped"] == "moved 1, unconfirmed 1"


Bend = Callable[[dict[str, Any]], dict[str, Any]]


def only_for(poll: int, rig: Rig, bend: Bend) -> None:
    first = rig.switch.now + STEP * poll
    rig.switch.bend = lambda mib: bend(mib) if first <= rig.switch.now < first + STEP else mib


@pytest.mark.parametrize(
    "bend",
    [
        lambda mib: {oid: 0 if oid.startswith(f"{IFX_ENTRY}.6.") else value for oid, value in mib.items()},
        lambda mib: {oid: 2**63 if oid.startswith(f"{IFX_ENTRY}.6.") else value for oid, value in mib.items()},
        lambda mib: {oid: -1 if oid.startswith(f"{IFX_ENTRY}.6.") else value for oid, value in mib.items()},
        lambda mib: {oid: b"\x00\xff" if oid.startswith(f"{IFX_ENTRY}.6.") else value for oid, value in mib.items()},
        lambda mib: {oid: value for oid, value in mib.items() if not oid.startswith(f"{IFX_ENTRY}.")},
        lambda mib: {oid: value for oid, value in mib.items() if not oid.startswith(f"{IF_ENTRY}.")},
        lambda mib: {},
        lambda mib: dict.fromkeys(mib, b"\xff" * 9),
        lambda mib: dict.fromkeys(mib, "1.2.3"),
        lambda mib: dict.fromkeys(mib, 1.5e300),
    ],
    ids=["zero", "garbage", "negative", "bytes", "no ifXTable", "no ifTable", "nothing", "all bytes", "oids", "floats"],
)
@pytest.mark.parametrize("every", [Every.FAST, Every.SLOW])
def test_a_poll_of_garbage_leaves_no_trace_in_rates_or_names(bend: Bend, every: Every) -> None:
    rig = Rig(Switch(ports())).poll(7).poll(1, Every.SLOW)
    only_for(1, rig, bend)
    rig.poll(1, every)
    rig.switch.bend = lambda mib: mib
    for _ in range(8):
        rig.poll()
        true_to_their_names(rig)
    assert rig.rates() == pytest.approx({f"Gi0/{n}": 100_000 * n for n in range(1, 7)})


def test_an_endless_table_is_cut_and_said_and_the_others_are_read() -> None:
    switch = Switch(ports(3))
    rig = Rig(switch, profiles=("system", "interfaces", "bgp4")).poll(2)

    def loop(number: int) -> None:
        switch.more = {f"1.3.6.1.2.1.15.3.1.2.10.0.0.{n % 200}.{number}": 6 for n in range(3)}

    rig.session.on_request = loop
    rig.poll(2)
    assert set(rig.by_name("ifOperStatus")) == {"Gi0/1", "Gi0/2", "Gi0/3"}


def test_a_device_that_falls_silent_in_the_middle_keeps_what_it_gave() -> None:
    rig = Rig(Switch(ports(40))).poll(2)
    first = rig.session.requests

    def hush(number: int) -> None:
        rig.session.silent = number > first + 8

    rig.session.on_request = hush
    rig.poll()
    assert "does not answer" in rig.error
    assert not rig.by_name("ifOperStatus"), "the names could not be checked"
    rig.session.on_request = lambda number: None
    rig.session.silent = False
    fast = (("module", "fast"),)
    assert ("tocsin_snmp_incomplete", fast, 1.0, None) in rig.alive()
    rig.poll()
    assert len(rig.by_name("ifOperStatus")) == 40
    assert ("tocsin_snmp_incomplete", fast, 0.0, None) in rig.alive()


def test_a_device_that_is_too_slow_gives_what_its_budget_allows() -> None:
    switch = Switch(ports(), more={f"1.3.6.1.2.1.15.3.1.{n}.10.0.0.1": 6 for n in range(1, 25)})
    rig = Rig(switch, profiles=("system", "bgp4", "interfaces")).poll(2)

    def slow(number: int) -> None:
        rig.switch.now += 13

    rig.session.on_request = slow
    rig.poll()
    assert "bgpPeerState" in {each.name for each in rig.last}
    assert "there was no time left for table interfaces" in rig.error
    rig.session.on_request = lambda number: None
    rig.poll()
    assert len(rig.by_name("ifOperStatus")) == 6


def test_a_dead_device_costs_a_packet_at_growing_intervals_and_no_polls() -> None:
    rig = Rig(Switch(ports())).poll(2)
    rig.alive()
    rig.session.silent = True
    asked = []
    for _ in range(240):  # two hours
        rig.switch.now += 30
        before = rig.session.requests
        with pytest.raises(NoReply, match="does not answer"):
            rig.alive()
        asked.append(rig.session.requests - before)
        if rig.switch.now % 60 == 0:
            rig._one(Every.FAST)
            assert "does not answer" in rig.error
    assert asked[0] == 3, "the first time it is asked again, as a datagram may have been lost"
    assert [each for each in asked if each][:4] == [3, 3, 3, 1], "and twice more, as the line may be bad"
    assert sum(asked) < 44
    rig.session.silent = False
    with pytest.raises(NoReply):
        rig.alive()  # it is not asked: its pause is not over
    rig.device.stir()  # a trap of it came
    assert {"sysUpTime", "snmp_scrape_duration_seconds"} <= {each.name for each in rig.alive()}
    rig.poll()
    assert len(rig.by_name("ifOperStatus")) == 6


async def test_a_device_that_falls_silent_is_told_by_one_target_alone() -> None:
    rig = Rig(Switch(ports()))
    rig.session.silent = True
    for every in (Every.FAST, Every.SLOW):
        with pytest.raises(Lost, match="does not answer"):
            await rig.device.poll(every)
    assert rig.session.requests == 6  # the second poll knows already
    with pytest.raises(NoReply, match="does not answer"):
        await rig.device.liveness()


def test_liveness_tells_how_it_goes() -> None:
    rig = Rig(Switch(ports())).poll(3)
    given = {(each.name, each.labels): each.value for each in rig.alive()}
    assert given["sysUpTime", ()] == (1000 + 180) * 100
    assert given["snmp_scrape_packets_sent", (("module", "liveness"),)] == 1
    assert given["tocsin_snmp_restarts_total", ()] == 0
    status = rig.device.status()
    assert status["answers"]
    assert status["profiles"] == "system, interfaces"
    assert status["rows"] == "interfaces 6"


def test_profiles_are_chosen_by_what_the_device_is_and_again_after_a_reboot() -> None:
    switch = Switch(ports())
    rig = Rig(switch, profiles=()).poll()
    assert rig.device.status()["profiles"] == "system, interfaces"
    switch.more = {"1.3.6.1.2.1.15.3.1.2.10.0.0.1": 6, "1.3.6.1.2.1.15.2.0": 65000}
    rig.poll()
    assert "bgp4" not in rig.device.status()["profiles"]
    switch.reboot()
    rig.poll()
    assert "bgp4" in rig.device.status()["profiles"]
    assert "bgpPeerState" in {each.name for each in rig.last}


@pytest.mark.parametrize("change", ["nothing", "interval", "credential", "host", "profiles", "own profile"])
def test_a_reload_gives_no_spike(change: str) -> None:
    """Counters that have wrapped, and go on far above what the device itself shows."""
    switch = Switch([Port("Fa0/1", 1, 500_000, start=(1 << 32) - 10**8, mbit=100)], wide=False)
    rig = Rig(switch).poll(12)
    assert rig.by_name("ifInOctets")["Fa0/1"] > 1 << 32
    about, plans = rig.device.about, PLANS
    match change:
        case "interval":
            about = replace(about, budget=30.0, pause=15.0)
        case "credential":
            about = replace(about, credential="other")
        case "host":
            about = replace(about, host="10.0.0.2")
        case "profiles":
            about = replace(about, profiles=("system", "interfaces", "ethernet"))
        case "own profile":
            mine = all_shipped()["interfaces"]
            (table,) = (each for each in mine.tables if each.name == "interfaces")
            fewer = replace(table, columns=table.columns[:-1])
            others = tuple(each for each in mine.tables if each is not table)
            plans = Plans({**all_shipped(), "interfaces": replace(mine, tables=(fewer, *others))})
    before = rig.device
    rig.device = Device(about, before._way, plans, lambda: switch.now)
    rig.device.inherit(before)
    rig.device.status()
    for _ in range(6):
        rig.poll()
        assert not rig.error
        assert rig.rates() == pytest.approx({"Fa0/1": 500_000}, rel=0.01)
    assert rig.device.known.restarts == 0
    names = [name for name in rig.device.status()["profiles"].split(", ") if name in plans.profiles]
    assert len(rig.device.known.tables) == sum(len(plans.profiles[name].tables) for name in names)


def test_another_device_in_place_of_one_is_no_spike_and_is_asked_as_a_stranger() -> None:
    rig = Rig(Switch(ports())).poll(6)
    old, switch = rig.device, rig.switch
    old.known.memory.repetitions = 3
    switch.booted -= 5e6
    for port in switch.ports:
        port.start += 7 * 10**13
    rig.device = Device(replace(old.about, host="10.0.0.2"), old._way, PLANS, lambda: switch.now)
    rig.device.inherit(old)
    for _ in range(8):
        rig.poll()
        true_to_their_names(rig)
    assert rig.device.known.memory.repetitions > 3
    assert rig.rates() == pytest.approx({f"Gi0/{n}": 100_000 * n for n in range(1, 7)})


def test_after_a_reload_a_silent_device_is_asked_at_once() -> None:
    rig = Rig(Switch(ports())).poll(2)
    rig.session.silent = True
    for _ in range(5):
        with pytest.raises(NoReply):
            rig.alive()
        rig.switch.now += STEP
    rig.session.silent = False
    old = rig.device
    rig.device = Device(old.about, old._way, PLANS, lambda: rig.switch.now)
    rig.device.inherit(old)
    assert rig.alive()


async def test_a_name_that_leads_nowhere_is_said_and_one_that_did_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[str, str] = {"sw1.example": "192.0.2.7"}

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (known[host], 0))]

    monkeypatch.setattr("collectors.probes._resolve.socket.getaddrinfo", look_up)
    hosts = Hosts()
    assert await hosts.address("sw1.example") == "192.0.2.7"
    assert await hosts.address("2001:db8::1") == "2001:db8::1"
    known.clear()
    assert await hosts.address("sw1.example") == "192.0.2.7"
    with pytest.raises(NoReply, match=r"'sw2\.example' cannot be resolved: Name or service not known"):
        await hosts.address("sw2.example")


def options(**more: Any) -> Options:
    given = {
        "credentials": {"ro": {"version": 2, "community": {"credential": "x"}}},
        "targets": [{"host": "10.0.0.1", "credential": "ro"}],
        **more,
    }
    return msgspec.convert(given, Options)


def test_each_device_is_three_targets_and_only_one_has_up() -> None:
    wanted = options(targets=[{"host": "10.0.0.1", "name": "sw1", "credential": "ro", "labels": {"site": "hz"}}])
    targets = collectors.snmp.build(wanted, lambda name: "secret", Path())
    assert [(each.source, each.interval, each.frame) for each in targets] == [
        ("snmp/sw1", 30, True), ("snmp/sw1:fast", 60, False), ("snmp/sw1:slow", 240, False),
    ]  # fmt: skip
    assert len({id(each.state) for each in targets}) == 1
    assert targets[0].labels == {"instance": "sw1", "job": "snmp", "site": "hz"}


def test_a_reload_hands_on_what_is_known_of_the_devices_that_stay() -> None:
    def built(**more: Any) -> list[Target]:
        two = [{"host": "10.0.0.1", "credential": "ro"}, {"host": "10.0.0.2", "credential": "ro", **more}]
        return list(collectors.snmp.build(options(targets=two), lambda name: "secret", Path()))

    before, after = built(), built(port=1161, interval=15_000)
    old, new = TargetScheduler(before, limit=1), TargetScheduler(after, limit=1)
    new.inherit(old)
    kept = [one.state.known is other.state.known for one, other in zip(before, after, strict=True)]  # type: ignore[union-attr]
    assert kept == [True] * 6
    assert [each.state.known.turns for each in after] == [0] * 3 + [1] * 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "path", "text"),
    [
        ({"targets": [{"host": "a", "credential": "rw"}]}, ("targets", 0, "credential"), "there is no credential 'rw'"),
        ({"targets": [{"host": "a", "credential": "ro"}] * 2}, ("targets", 1, "host"), "'a' stands twice"),
        (
            {"targets": [{"host": "a", "credential": "ro", "profile": "cisko"}]},
            ("targets", 0, "profile"), "there is no profile 'cisko'",
        ),
        (
            {"targets": [{"host": "a", "credential": "ro", "profile": ["auto", "bgp4"]}]},
            ("targets", 0, "profile", 0), "auto stands alone: it chooses all that fits",
        ),
        (
            {"targets": [{"host": "a", "credential": "ro", "interval": 5_000}]},
            ("targets", 0, "interval"), "the interval of 5 s is shorter than collect.interval (15 s)",
        ),
        ({"interval": 5_000}, ("interval",), "the interval of 5 s is shorter than collect.interval (15 s)"),
        ({"credentials": {"ro": {"version": 3, "user": "u", "priv": "aes128"}}}, ("credentials", "ro", "priv"), None),
        ({"traps": {}}, ("traps", "listen"), "no trap would be taken: neither communities nor users are given"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_where_it_stands(
    more: dict[str, Any], path: tuple[str | int, ...], text: str | None
) -> None:
    assert list(collectors.snmp.check(options(), 15_000)) == []
    found = {problem.path: problem.text for problem in collectors.snmp.check(options(**more), 15_000)}
    assert path in found
    assert text is None or found[path] == text


@pytest.mark.parametrize("host", ["", "a b", "http://x", "10.0.0.1:161", "-x", "[::1]", "a/b"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        options(targets=[{"host": host, "credential": "ro"}])
