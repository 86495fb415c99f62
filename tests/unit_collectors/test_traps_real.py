"""net-snmp's snmptrap and snmpinform against the receiver on a socket: every version, digest and cipher they have."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fakes.traps import KNOWN, THEIR_ID, Rig, link, pdu, v2c, v3, watched
from msgspec import structs

from collectors._model import CollectorError, Notice, Sample
from collectors._options import CredentialRef, Reveal
from collectors.snmp.credentials import Auth, CredentialOptions, Priv, User
from collectors.snmp.traps.counts import Drop
from collectors.snmp.traps.door import Door, bind
from collectors.snmp.traps.files import ENGINE, TRAPS
from collectors.snmp.traps.options import PASSED, TrapOptions
from collectors.snmp.traps.station import Settings, Station

LINK = ["1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3", "1.3.6.1.2.1.31.1.1.1.1.3", "s", "eth3"]
AUTHS = {Auth.MD5: "MD5", Auth.SHA: "SHA", Auth.SHA224: "SHA-224", Auth.SHA256: "SHA-256", Auth.SHA384: "SHA-384",
         Auth.SHA512: "SHA-512"}  # fmt: skip
PRIVS = {Priv.DES: "DES", Priv.AES128: "AES", Priv.AES192: "AES-192", Priv.AES256: "AES-256",
         Priv.AES192C: "AES-192-C", Priv.AES256C: "AES-256-C"}  # fmt: skip
KEY, OTHER_KEY = "authentication", "and privacy"
USERS = (
    User("none"),
    *(User(auth.value, auth, KEY) for auth in Auth),
    *(User(f"{auth.value}{priv.value}", auth, KEY, priv, OTHER_KEY) for auth in Auth for priv in Priv),
)
COMMAND = {"snmptrap": [], "snmpinform": ["-r", "2", "-t", "5"]}


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    made = Station(tmp_path)
    yield made
    await made.aclose()


def credential(user: User) -> CredentialOptions:
    """The user as the configuration has it; here the name of a secret is the secret."""
    auth_key, priv_key = (CredentialRef(key) if key else None for key in (user.auth_key, user.priv_key))
    return CredentialOptions(
        3, user=user.name, auth=user.auth, auth_key=auth_key, priv=user.priv, priv_key=priv_key
    )  # fmt: skip


def configured(
    address: tuple[str, int] | None, nudge: Callable[[str], None] = lambda name: None, reveal: Reveal = str
) -> Settings:
    host, port = address or ("", 0)
    listen = PASSED if address is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = TrapOptions(
        listen, (CredentialRef("public"),), tuple(user.name for user in USERS), limit_per_source=100_000, limit=100_000
    )
    targets = (watched("switch", "127.0.0.1"), watched("six", "::1"))
    return Settings(options, {user.name: credential(user) for user in USERS}, reveal, targets, KNOWN, nudge)


def free_port(host: str = "127.0.0.1") -> int:
    with bind(host, 0) as sock:
        return int(sock.getsockname()[1])


async def collected(station: Station) -> dict[str, float]:
    """Name and labels of each sample in one text, and its value."""
    return {
        " ".join([item.name, *(f"{name}={value}" for name, value in item.labels)]): item.value
        for item in await station.collect()
        if isinstance(item, Sample)
    }


async def until(what: str, check: Callable[[], bool], seen: object = "") -> None:
    try:
        async with asyncio.timeout(10):
            while not check():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within 10 s: {what} {seen}") from None


async def send(program: Path, folder: Path, *arguments: str) -> str:
    """Run one of net-snmp's programs as a device of its own: its engine is kept in ``folder``. Gives what it said."""
    (folder / "cert_indexes").mkdir(parents=True, exist_ok=True)  # else it says that it makes it
    env = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder), "SNMPCONFPATH": str(folder), "MIBS": ""}
    options = COMMAND[program.name]
    process = await asyncio.create_subprocess_exec(
        program, *options, *arguments, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return said.decode() + ("" if process.returncode == 0 else f"(exit {process.returncode})")


def as_user(user: User) -> list[str]:
    given = ["-v3", "-u", user.name, "-l", user.level.split()[0]]
    if user.auth is not None:
        given += ["-a", AUTHS[user.auth], "-A", KEY]
    if user.priv is not None:
        given += ["-x", PRIVS[user.priv], "-X", OTHER_KEY]
    return given


@pytest.mark.server("snmptrap", "snmpinform")
@pytest.mark.parametrize("program", ["snmptrap", "snmpinform"])
async def test_every_user_is_understood(
    require: Callable[[str], Path], tmp_path: Path, station: Station, program: str
) -> None:
    port = free_port()
    station.apply(configured(("127.0.0.1", port)))
    await collected(station)
    # Every digest and every cipher, and the digest that is too short for the longest key.
    users = [
        user for user in USERS if user.priv is None or user.auth in (Auth.MD5, Auth.SHA256) or user.priv is Priv.DES
    ]
    room = asyncio.Semaphore(4)

    async def one(user: User) -> str:
        async with room:
            return await send(require(program), tmp_path / user.name, *as_user(user), f"127.0.0.1:{port}", "", *LINK)

    said = await asyncio.gather(*map(one, users))
    refused = {user.name: words for user, words in zip(users, said, strict=True) if words}
    assert not refused
    counts = station.memory.counts
    await until(f"all {len(users)} came", lambda: sum(counts.taken.values()) == len(users), counts.__dict__)
    await station.aclose()
    seen = await collected(station)
    key = "snmp_traps_total ifIndex=3 ifName=eth3 instance=switch job=snmp security={} trap=linkDown"
    await_ = await collected(station)
    assert seen.keys() == await_.keys()
    assert [await_[key.format(level)] for level in ("noAuthNoPriv", "authNoPriv")] == [1, 6]
    assert await_[key.format("authPriv")] == len(users) - 7
    assert await_["snmp_trap_informs_total"] == (len(users) if program == "snmpinform" else 0)
    assert await_["snmp_trap_datagrams_total"] == len(users) + sum(counts.dropped.values())


@pytest.mark.server("snmptrap", "snmpinform")
async def test_versions_1_and_2c_over_ipv4_and_ipv6(
    require: Callable[[str], Path], tmp_path: Path, station: Station
) -> None:
    port = free_port("::")
    nudged: list[str] = []
    station.apply(configured(("::", port), nudged.append))
    await collected(station)
    four, six = f"udp:127.0.0.1:{port}", f"udp6:[::1]:{port}"
    said = [
        await send(
            require("snmptrap"), tmp_path, "-v1", "-c", "public", four, "", "192.0.2.1", "2", "0", "", *LINK[1:]
        ),
        await send(require("snmptrap"), tmp_path, "-v2c", "-c", "public", four, "", *LINK),
        await send(require("snmpinform"), tmp_path, "-v2c", "-c", "public", six, "", *LINK),
        await send(require("snmptrap"), tmp_path, "-v2c", "-c", "wrong", six, "", *LINK),
    ]
    assert said == ["", "", "", ""]
    await until("all came", lambda: station.memory.counts.received == 4)
    await collected(station)
    seen = await collected(station)
    key = "snmp_traps_total ifIndex=3 ifName=eth3 instance={} job=snmp security=noAuthNoPriv trap=linkDown"
    assert (seen[key.format("switch")], seen[key.format("six")]) == (2, 1)
    assert seen["snmp_trap_dropped_total reason=community"] == 1
    await until("both are polled at once", lambda: nudged == ["switch", "six"])
    assert seen["snmp_trap_polls_total"] == 2
    notices = [item.text for item in await station.collect() if isinstance(item, Notice)]
    assert notices == ["notifications of six are refused: their community is none of collect.snmp.traps.communities"]
    await station.aclose()


@pytest.mark.server("snmpinform")
async def test_a_wrong_key_is_said_to_the_sender(
    require: Callable[[str], Path], tmp_path: Path, station: Station
) -> None:
    port = free_port()
    station.apply(configured(("127.0.0.1", port)))
    await collected(station)
    wrong = [*as_user(User("sha256aes128", Auth.SHA256, KEY, Priv.AES128, OTHER_KEY))]
    wrong[wrong.index(KEY)] = "another password"
    said = await send(require("snmpinform"), tmp_path / "d", *wrong, f"127.0.0.1:{port}", "", *LINK)
    assert "Authentication failure" in said
    await station.aclose()


async def test_a_flood_is_counted_exactly(station: Station) -> None:
    """From forty addresses far above their limits, and from a target that stays below its own and is heard."""
    port = free_port()
    settings = configured(("127.0.0.1", port))
    options = structs.replace(settings.options, limit_per_source=10, limit=200)
    station.apply(structs.replace(settings, options=options))
    await collected(station)
    (door,) = station._doors
    counts = station.memory.counts
    sent = 0

    def everything_was_read() -> bool:
        return counts.received + door.drops == sent

    def send_from(address: str, data: bytes) -> None:
        nonlocal sent
        with bind(address, 0) as device:
            device.sendto(data, ("127.0.0.1", port))
        sent += 1

    for wave in range(50):
        for number in range(40):
            send_from(f"127.0.1.{number}", v2c())
        if wave % 5 == 0:
            send_from("127.0.0.1", v2c(pdu(variables=link(9))))
        await until("they were read", everything_was_read)
    await collected(station)
    seen = await collected(station)
    assert seen["snmp_trap_datagrams_total"] + seen["snmp_trap_socket_drops_total"] == sent
    assert counts.received == sum(counts.taken.values()) + sum(counts.dropped.values())
    assert {reason for reason, count in counts.dropped.items() if count} == {Drop.SOURCE_LIMIT, Drop.LIMIT}
    assert seen["snmp_traps_total ifIndex=9 instance=switch job=snmp security=noAuthNoPriv trap=linkDown"] == 10
    notices = [item.text for item in await station.collect() if isinstance(item, Notice)]
    assert "more than 5 sources send more than limit_per_source each" in notices
    assert "more notifications come in than limit: what is above is dropped unread" in notices


async def test_a_reload_keeps_the_socket_the_counts_and_the_engine(tmp_path: Path, station: Station) -> None:
    port = free_port()
    station.apply(configured(("127.0.0.1", port)))
    await collected(station)
    with bind("127.0.0.1", 0) as device:
        device.connect(("127.0.0.1", port))
        device.send(v2c())
        await until("it came", lambda: station.memory.counts.received == 1)
        before = (tmp_path / ENGINE).read_bytes()
        (door,) = station._doors
        station.apply(configured(("127.0.0.1", port)))
        device.send(v2c())
        await until("it came", lambda: station.memory.counts.received == 2)
        assert station._doors == [door]
        other = free_port()
        station.apply(configured(("127.0.0.1", other)))
        await collected(station)
        device.connect(("127.0.0.1", other))
        device.send(v2c())
        await until("it came", lambda: station.memory.counts.received == 3)
        station.apply(None)
        assert not list(await station.collect())
        bind("127.0.0.1", other).close()  # it is free again
    assert (tmp_path / ENGINE).read_bytes() == before
    await station.aclose()


async def test_a_port_that_is_taken_is_said_and_had_when_it_is_free(station: Station) -> None:
    with bind("127.0.0.1", 0) as squatter:
        port = squatter.getsockname()[1]
        station.apply(configured(("127.0.0.1", port)))
        with pytest.raises(CollectorError, match=f"UDP 127.0.0.1 port {port} cannot be listened on: Address already"):
            list(await station.collect())
    assert (await collected(station))["snmp_trap_datagrams_total"] == 0
    await station.aclose()


async def test_without_the_service_managers_socket_the_mend_is_said(station: Station) -> None:
    station.apply(configured(None))
    with pytest.raises(CollectorError, match=r"enable the unit tocsin-traps\.socket"):
        list(await station.collect())
    await station.aclose()


async def test_the_service_managers_socket_is_used_and_left_open(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as passed, bind("127.0.0.1", 0) as device:
        station = Station(tmp_path, [passed])
        station.apply(configured(None))
        await collected(station)
        device.sendto(v2c(), passed.getsockname())
        await until("it came", lambda: station.memory.counts.received == 1)
        station.apply(None)
        device.sendto(v2c(), passed.getsockname())
        station.apply(configured(None))
        await collected(station)
        await until("what came meanwhile was kept", lambda: station.memory.counts.received == 2)
        await station.aclose()
        assert passed.fileno() >= 0


async def test_a_secret_that_is_missing_is_said_and_what_was_before_goes_on(station: Station) -> None:
    def missing(name: str) -> str:
        raise ValueError(f"there is no credential {name!r}")

    port = free_port()
    station.apply(configured(("127.0.0.1", port), reveal=missing))
    with pytest.raises(CollectorError, match="not taken as configured: there is no credential 'authentication'"):
        await station.collect()
    station.apply(configured(("127.0.0.1", port)))
    await collected(station)
    station.apply(configured(("127.0.0.1", port), reveal=missing))
    with pytest.raises(CollectorError, match="not taken as configured"):
        list(await station.collect())
    station._receive(v2c(), "127.0.0.1")
    assert sum(station.memory.counts.taken.values()) == 1


async def test_what_engines_said_outlives_the_process(tmp_path: Path) -> None:
    recorded = v3(pdu(variables=link()), User("sha256aes128", Auth.SHA256, KEY, Priv.AES128, OTHER_KEY), time=1_000)
    later = v3(pdu(request_id=9), User("sha256aes128", Auth.SHA256, KEY, Priv.AES128, OTHER_KEY), time=2_000)
    for sent, taken in ((later, 1), (recorded, 0), (later, 0)):
        station = Station(tmp_path)
        station.apply(configured(("127.0.0.1", free_port())))
        await collected(station)
        station._receive(sent, "127.0.0.1")
        assert sum(station.memory.counts.taken.values()) == taken
        await station.aclose()
    assert station.memory.counts.dropped[Drop.DUPLICATE] == 1, "within the window it is known by itself"
    assert THEIR_ID.hex() in (tmp_path / ENGINE).read_text()


async def test_what_was_counted_outlives_the_process(tmp_path: Path) -> None:
    address = ("127.0.0.1", free_port())
    key = "{} ifIndex=3 instance={} job=snmp security=noAuthNoPriv trap=linkDown"
    before: dict[str, float] = {}
    for clock in (50.0, 7.0):
        wall = clock + 1_000_000.0 if clock == 50.0 else 1_000_100.0
        station = Station(tmp_path, clock=lambda clock=clock: clock, wall=lambda wall=wall: wall)
        station.apply(configured(address))
        if before:
            assert (await collected(station))[key.format("snmp_traps_total", "switch")] == 2
        await collected(station)
        for sender in ("127.0.0.1", "127.0.0.1", "192.0.2.77"):
            station._receive(v2c(), sender)
        await collected(station)
        before = await collected(station)
        await station.aclose()
    assert before[key.format("snmp_traps_total", "switch")] == 4
    assert before[key.format("snmp_traps_total", "192.0.2.77")] == 2
    assert before[key.format("snmp_trap_last_timestamp_seconds", "switch")] == 1_000_100.0
    # A target that is no more ends; a file that is no good is said, and all begins anew.
    station = Station(tmp_path)
    station.apply(structs.replace(configured(address), watched=()))
    assert key.format("snmp_traps_total", "switch") not in await collected(station)
    assert key.format("snmp_traps_total", "192.0.2.77") in await collected(station)
    await station.aclose()
    (tmp_path / TRAPS).write_text("[[1]]")
    station = Station(tmp_path)
    station.apply(configured(address))
    notices = [item.text for item in await station.collect() if isinstance(item, Notice)]
    assert len(notices) == 1
    assert "so traps are counted anew" in notices[0]
    await station.aclose()


async def test_an_engine_that_polling_knows_is_its_target_from_any_address(station: Station) -> None:
    settings = configured(("127.0.0.1", free_port()))
    station.apply(structs.replace(settings, engines=lambda: {THEIR_ID: "switch"}))
    await collected(station)
    station._receive(v3(user=User("sha256", Auth.SHA256, KEY)), "192.0.2.99")
    station._receive(v3(user=User("none")), "192.0.2.99")
    await collected(station)
    seen = await collected(station)
    key = "snmp_traps_total ifIndex=3 instance={} job=snmp security={} trap=linkDown"
    assert seen[key.format("switch", "authNoPriv")] == seen[key.format("192.0.2.99", "noAuthNoPriv")] == 1


async def test_an_empty_community_is_refused(station: Station) -> None:
    station.apply(configured(("127.0.0.1", free_port()), reveal=lambda name: "" if name == "public" else name))
    with pytest.raises(CollectorError, match="the credential 'public' is empty"):
        await station.collect()


async def test_when_the_clock_is_set_times_move_with_it(tmp_path: Path) -> None:
    wall, clock = [1_000_000.0], [50.0]
    station = Station(tmp_path, clock=lambda: clock[0], wall=lambda: wall[0])
    station.apply(configured(("127.0.0.1", free_port())))
    await collected(station)
    station._receive(v2c(), "127.0.0.1")
    key = "snmp_trap_last_timestamp_seconds ifIndex=3 instance=switch job=snmp security=noAuthNoPriv trap=linkDown"
    assert (await collected(station))[key] == 1_000_000.0
    clock[0], wall[0] = 60.0, 1_000_010.2
    assert (await collected(station))[key] == 1_000_000.0
    wall[0] += 3_600
    assert (await collected(station))[key] == pytest.approx(1_003_600.2)
    await station.aclose()


async def test_what_the_kernel_has_no_room_for_is_counted() -> None:
    rig = Rig()
    with bind("127.0.0.1", 0) as sock, bind("127.0.0.1", 0) as device:
        sock.setsockopt(1, 8, 4_096)  # SO_RCVBUF
        device.connect(sock.getsockname())
        for _ in range(200):
            device.send(v2c())
        door = Door(sock, lambda data, address: rig.give(data, address))
        await until("the rest came", lambda: rig.memory.counts.received + door.drops == 200)
        assert door.drops > 0
        assert rig.memory.counts.received > 0
        door.stop()
