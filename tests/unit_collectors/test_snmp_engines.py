"""Both engines against real agents: Debian's snmpd, which has every protocol; snmpsim for contexts.

What is read is compared value by value with what snmpbulkwalk of net-snmp reads.
"""

from __future__ import annotations

import ipaddress
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.udp_relay import UdpRelay
from servers.snmpd import Snmpd
from snmp_kit import AUTH_KEY, ENGINES, PRIV_KEY, PUBLIC, open_, user, walker

from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.engines import Choice, _header
from collectors.snmp.errors import Malformed, NoReply, Refused
from collectors.snmp.port import Value
from collectors.snmp.walker import Memory

pytestmark = pytest.mark.server("snmpd", "snmpbulkwalk")

SYS_NAME, UPTIME, NOTHING = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.99.0"
NETSNMP = {Auth.MD5: "MD5", Auth.SHA: "SHA", Auth.SHA224: "SHA-224", Auth.SHA256: "SHA-256", Auth.SHA384: "SHA-384",
           Auth.SHA512: "SHA-512", Priv.DES: "DES", Priv.AES128: "AES", Priv.AES192: "AES-192", Priv.AES256: "AES-256",
           Priv.AES192C: "AES-192-C", Priv.AES256C: "AES-256-C"}  # fmt: skip
LEVELS: list[tuple[Auth | None, Priv | None]] = [(None, None)]
LEVELS += [(auth, priv) for auth in Auth for priv in (None, *Priv)]
FIRST = Community(1, "public")
SIMULATED = (Auth.SHA, Priv.AES256C)
BIG = 1200


def users() -> str:
    lines = ["rocommunity public", "rocommunity6 public", "view most included .1"]
    for auth, priv in LEVELS:
        name = user(auth, priv).name
        keys = f' {NETSNMP[auth]} "{AUTH_KEY}"' if auth else ""
        keys += f' {NETSNMP[priv]} "{PRIV_KEY}"' if priv else ""
        lines += [f"createUser {name}{keys}", f"rouser {name} {'priv' if priv else 'auth' if auth else 'noauth'}"]
    lines += [f'override 1.3.6.1.4.1.8072.9999.1.{row} octet_str "{"row " * (row % 30)}"' for row in range(1, BIG)]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def snmpd(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with Snmpd(require("snmpd"), tmp_path_factory.mktemp("snmpd"), users()) as server:
        yield server


def every_protocol() -> list[object]:
    """Every pair for the fast engine; for the slow one each protocol once, as its own tests have the pairs."""
    all_of_them = [FIRST, PUBLIC, *(user(*level) for level in LEVELS)]
    once = [each for each in all_of_them if not isinstance(each, User) or Auth.SHA256 is each.auth or each.priv is None]
    pairs = [(Choice.GUFO, each) for each in all_of_them] + [(Choice.PYSNMP, each) for each in once]
    return [pytest.param(engine, each, id=f"{engine.value}-{each}") for engine, each in pairs]


@pytest.mark.parametrize(("engine", "credential"), every_protocol())
async def test_every_version_and_protocol(snmpd: Snmpd, engine: Choice, credential: Credential) -> None:
    session = open_(engine, snmpd.port, credential)
    try:
        found = await session.get([SYS_NAME, NOTHING, UPTIME])
        assert found[SYS_NAME] == b"lab"
        assert isinstance(found[UPTIME], int)
        assert NOTHING not in found, "one that is missing does not hide the others, over version 1 either"
        assert await session.get([NOTHING]) == {}
        assert await session.after("1.3.6.1.2.1.1.4.0", 1) == [(SYS_NAME, b"lab")]
        assert not await session.ended(SYS_NAME)
        assert await session.ended("1.9.9.9")
        assert (session.engine is not None) == isinstance(credential, User)
        if session.engine is not None:
            assert session.engine.id.startswith(b"\x80\x00\x1f\x88")
            assert session.engine.boots >= 1
    finally:
        session.close()


@ENGINES
@pytest.mark.parametrize("credential", [FIRST, PUBLIC, user()], ids=repr)
async def test_a_whole_walk_is_what_snmpbulkwalk_reads(
    snmpd: Snmpd, engine: Choice, credential: Credential, require: Callable[[str], Path]
) -> None:
    whole = engine is Choice.GUFO and credential is PUBLIC
    root = "1.3.6.1" if whole else "1.3.6.1.2.1.1"
    session = open_(engine, snmpd.port, credential, timeout=5)
    try:
        first = await walker(session).walk(root)
        theirs = dict(snmpd.walk(require("snmpbulkwalk"), "-v2c", "-c", "public", "-Cr25", snmpd.address, root))
        second = await walker(session).walk(root)
    finally:
        session.close()
    assert first.complete, first.why
    assert second.complete, second.why
    before, after = dict(first.rows), dict(second.rows)
    still = {oid for oid, value in before.items() if after.get(oid, object()) == value}
    assert len(still) > (2500 if whole else 25)
    # Ages of caches and loads move, and may have come back to what they were: one in a thousand.
    differ = {oid: (before[oid], theirs[oid]) for oid in still if not same(before[oid], theirs[oid])}
    assert not {oid: pair for oid, pair in differ.items() if not isinstance(pair[0], int) and ".2021.10." not in oid}
    assert len(differ) <= len(still) // 200, differ
    lasting = {oid for oid in theirs if oid in before or oid in after}
    gone = [
        oid for oid in theirs if oid not in lasting and not oid.startswith(("1.3.6.1.2.1.25.4", "1.3.6.1.2.1.25.5"))
    ]
    # Connections and processes come and go between two walks; over version 1 there are no 64-bit counters.
    assert len([oid for oid in gone if "Counter64" not in theirs[oid]]) < 60, gone


def same(ours: Value, theirs: str) -> bool:
    """Whether a value is what net-snmp writes as ``theirs``."""
    kind, _, text = theirs.partition(": ")
    if isinstance(ours, bytes):
        if theirs == '""':
            return ours == b""
        if kind == "Opaque":
            return bytes.fromhex(text.partition(": ")[2]) == ours
        return kind in ("Hex-STRING", "BITS", "STRING") and bytes.fromhex(re.sub(r"\s", "", text)) == ours
    if isinstance(ours, float):
        return abs(float(theirs.rpartition(": ")[2]) - ours) < 1e-5 * max(1.0, abs(ours))
    if isinstance(ours, str):
        return text.lstrip(".") == ours
    return int(theirs.rpartition(" ")[2]) == ours


async def test_a_walk_that_outgrows_a_message_is_complete(snmpd: Snmpd) -> None:
    """SNMPv3, a big table and 25 repetitions: gufo-snmp by itself ends early here, and says nothing."""
    memory = Memory(25)
    session = open_(Choice.GUFO, snmpd.port, user())
    try:
        walked = await walker(session, memory).walk("1.3.6.1.4.1.8072.9999.1")
        empty = await session.after("1.3.6.1.4.1.8072.9999.1.20", 50)
    finally:
        session.close()
    assert empty == [], "net-snmp no longer gives an empty reply when not all fits; then this test shows nothing"
    assert (walked.complete, walked.why) == (True, "")
    assert walked.rows == [(f"1.3.6.1.4.1.8072.9999.1.{row}", b"row " * (row % 30)) for row in range(1, BIG)]
    assert memory.repetitions < 25


def own_addresses() -> list[str]:
    """::1, and the link-local address of an interface where there is one, with its scope."""
    lines = [line.split() for line in Path("/proc/net/if_inet6").read_text().splitlines()]
    local = [(address, name) for address, *_, name in lines if address.startswith("fe80")][:1]
    return ["::1", *(f"{ipaddress.IPv6Address(int(address, 16))}%{name}" for address, name in local)]


@ENGINES
@pytest.mark.parametrize("host", own_addresses())
async def test_ipv6(require: Callable[[str], Path], tmp_path: Path, engine: Choice, host: str) -> None:
    with Snmpd(require("snmpd"), tmp_path, "rocommunity6 public", host=host) as snmpd:
        session = open_(engine, snmpd.port, host=host)
        try:
            assert await session.get([SYS_NAME]) == {SYS_NAME: b"lab"}
        finally:
            session.close()


@ENGINES
@pytest.mark.parametrize("host", ["fe80::1%nowhere0", "fe80::1", "name.invalid"])
async def test_an_address_without_a_way_is_an_error_of_its_own(engine: Choice, host: str) -> None:
    session = open_(engine, 161, host=host, timeout=0.05)
    with pytest.raises(NoReply, match=re.escape(host)):
        await session.get([SYS_NAME])
    session.close()


@ENGINES
async def test_an_agent_that_was_restarted_is_found_again(
    require: Callable[[str], Path], tmp_path: Path, engine: Choice
) -> None:
    config = f'createUser u SHA-256 "{AUTH_KEY}" AES "{PRIV_KEY}"\nrouser u priv'
    with Snmpd(require("snmpd"), tmp_path, config) as snmpd:
        session = open_(engine, snmpd.port, user(Auth.SHA256, Priv.AES128, name="u"), timeout=0.5)
        asking = walker(session)
        try:
            assert await asking.get([SYS_NAME])
            first = session.engine
            snmpd.restart()
            assert await asking.get([SYS_NAME])
            second = session.engine
            snmpd.restart(forget=True)
            assert await asking.get([SYS_NAME])
            third = session.engine
        finally:
            session.close()
    assert first is not None
    assert second is not None
    assert third is not None
    assert (second.id, second.boots) == (first.id, first.boots + 1)
    assert third.id != first.id


@ENGINES
async def test_an_agent_that_tells_its_time_only_to_whom_it_knows(
    require: Callable[[str], Path], tmp_path: Path, engine: Choice
) -> None:
    """RFC 3414 section 4 in two steps: zeros for anybody, then a report with the right digest and time."""
    zeroed = [0]

    def without_time(datagram: bytes) -> list[bytes]:
        head = _header.v3(datagram)
        assert head is not None
        if head.authenticated:
            return [datagram]
        at = datagram.index(head.engine.id) + len(head.engine.id)
        assert (datagram[at : at + 2], datagram[at + 3 : at + 5]) == (b"\x02\x01", b"\x02\x01")
        zeroed[0] += 1
        return [datagram[:at] + b"\x02\x01\x00\x02\x01\x00" + datagram[at + 6 :]]

    config = f'createUser u SHA-256 "{AUTH_KEY}"\nrouser u auth'
    with Snmpd(require("snmpd"), tmp_path, config) as snmpd, UdpRelay(snmpd.port) as relay:
        relay.on_reply = without_time
        session = open_(engine, relay.port, user(Auth.SHA256, None, name="u"))
        try:
            for _ in range(3):
                assert await session.get([SYS_NAME]) == {SYS_NAME: b"lab"}
            assert zeroed[0] == 1, "and it is not discovered again for each request"
        finally:
            session.close()


@ENGINES
async def test_an_engine_whose_time_has_moved_on(
    require: Callable[[str], Path], tmp_path: Path, engine: Choice
) -> None:
    """After minutes without a word both sides differ by more than the time window of 150 s; nothing is lost by it."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries:
        require("faketime")
    stamp = tmp_path / "stamp"
    stamp.write_text("+0\n")
    moved = {"LD_PRELOAD": str(libraries[0]), "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1"}
    config = f'createUser u SHA-256 "{AUTH_KEY}" AES "{PRIV_KEY}"\nrouser u priv'
    with Snmpd(require("snmpd"), tmp_path, config, environment=moved) as snmpd:
        session = open_(engine, snmpd.port, user(Auth.SHA256, Priv.AES128, name="u"))
        asking = walker(session)
        try:
            before = await asking.get([UPTIME])
            stamp.write_text("+400\n")
            after = await asking.get([UPTIME])
        finally:
            session.close()
    assert int(after[UPTIME]) - int(before[UPTIME]) >= 40_000
    assert asking.counts.retried == 0


WRONG = [
    (PUBLIC, None),
    (Community(2, "privat"), (NoReply, "is the community right")),
    (user(Auth.SHA, Priv.AES128, name="nobody"), (Refused, "there is no user 'nobody'")),
    (user(Auth.SHA, Priv.AES128, auth_key="not-the-password"), (Refused, "wrong digest for user 'u-sha-aes128'")),
    (user(Auth.SHA, None, name="u-sha256"), (Refused, "wrong digest for user 'u-sha256'")),
    (user(Auth.SHA, Priv.AES128, priv_key="not-the-password"), (NoReply, "is priv_key right, and is aes128 what")),
    (user(Auth.SHA, Priv.AES256C, name="u-sha-aes256"), (NoReply, "two dialects (aes256, aes256c)")),
    (user(Auth.SHA, None, name="u-sha-aes128"), (Refused, "may not read with authNoPriv sha: look at its view")),
    (user(Auth.SHA, Priv.AES128, name="u-sha"), (Refused, "has no authPriv sha/aes128 there")),
]


@ENGINES
@pytest.mark.parametrize(("credential", "expected"), WRONG[1:])
async def test_what_is_wrong_is_said(
    snmpd: Snmpd, engine: Choice, credential: Credential, expected: tuple[type[Exception], str]
) -> None:
    error, text = expected
    session = open_(engine, snmpd.port, credential, timeout=0.3 if error is NoReply else 2)
    try:
        with pytest.raises(error) as raised:
            await session.get([SYS_NAME])
    finally:
        session.close()
    said = str(raised.value)
    assert said.startswith(f"127.0.0.1:{snmpd.port}")
    assert text in said
    assert "password" not in said


@ENGINES
@pytest.mark.parametrize("attack", ["digest", "value", "unsigned", "replayed"])
async def test_an_unauthentic_reply_is_not_believed(snmpd: Snmpd, engine: Choice, attack: str) -> None:
    """SNMPv3 with a key: what was changed on its way gives no value. gufo-snmp by itself believes the first three."""
    old: list[bytes] = []

    def remember(datagram: bytes) -> list[bytes]:
        old.append(datagram)
        return [datagram]

    def tamper(datagram: bytes) -> list[bytes]:
        match attack:
            case "value":
                return [datagram.replace(b"lab", b"LAB")]
            case "digest":
                at = datagram.index(b"u-sha256") + len(b"u-sha256") + 2
                return [datagram[:at] + bytes(24) + datagram[at + 24 :]]
            case "replayed":
                return old
        # Without the flag for authentication, and without a digest: as an agent answers a user who has no key.
        at = datagram.index(b"u-sha256") + len(b"u-sha256")
        plain = bytearray(datagram[:at] + b"\x04\x00" + datagram[at + 26 :].replace(b"lab", b"LAB"))
        plain[plain.index(b"\x04\x01\x01") + 2] = 0
        for back in range(at):
            if plain[back] in (0x30, 0x04) and plain[back + 1] == 0x81 and back < at - 2:
                plain[back + 2] -= 24
        return [bytes(plain)]

    with UdpRelay(snmpd.port) as relay:
        session = open_(engine, relay.port, user(Auth.SHA256, None), timeout=0.4)
        try:
            relay.on_reply = remember
            assert await session.get([SYS_NAME]) == {SYS_NAME: b"lab"}
            relay.on_reply = tamper
            with pytest.raises((NoReply, Malformed)):
                await session.get([SYS_NAME])
        finally:
            session.close()


@ENGINES
async def test_lost_and_repeated_datagrams(snmpd: Snmpd, engine: Choice) -> None:
    """A fifth of the replies lost, a fifth doubled: the walk is whole, over SNMPv3 too."""
    chance = random.Random(1)

    def lossy(datagram: bytes) -> list[bytes]:
        return [datagram] * chance.choice((0, 1, 1, 1, 2))

    with UdpRelay(snmpd.port) as relay:
        session = open_(engine, relay.port, user(), timeout=0.2)
        try:
            assert await session.get([SYS_NAME])
            relay.on_reply = lossy
            walked = await walker(session, retries=8).walk("1.3.6.1.2.1.1")
        finally:
            session.close()
    assert walked.complete, walked.why
    assert dict(walked.rows)[SYS_NAME] == b"lab"


@pytest.fixture(scope="module")
def snmpsim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """snmpsim's port: the file of a context is its data."""
    folder = tmp_path_factory.mktemp("snmpsim")
    data = folder / "data"
    data.mkdir()
    for context in ("public", "vrf-a", "vrf-b"):
        lines = [f"1.3.6.1.2.1.1.{row}.0|4|{context} {row}" for row in range(1, 9)]
        (data / f"{context}.snmprec").write_text("\n".join(lines) + "\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [Path(sys.executable).parent / "snmpsim-command-responder", f"--data-dir={data}", f"--cache-dir={folder}",
               f"--agent-udpv4-endpoint=127.0.0.1:{port}", "--process-user=root", "--process-group=root",
               "--variation-modules-dir=/nonexistent", "--logging-method=null"]  # fmt: skip
    command += [f"--v3-user={user(*SIMULATED).name}", f"--v3-auth-key={AUTH_KEY}", f"--v3-priv-key={PRIV_KEY}",
                "--v3-auth-proto=SHA", "--v3-priv-proto=AES256"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            until = time.monotonic() + 20
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(0.2)
                asking.connect(("127.0.0.1", port))
                while True:
                    assert process.poll() is None, process.stderr.read() if process.stderr else ""
                    assert time.monotonic() < until, "snmpsim did not start"
                    try:
                        asking.send(bytes.fromhex("302602010104067075626c6963a01902010102010002010030"
                                                  "0e300c06082b060102010101000500"))  # fmt: skip
                        asking.recv(1000)
                        break
                    except OSError:
                        time.sleep(0.05)
            yield port
        finally:
            process.kill()


async def test_contexts(snmpsim: int) -> None:
    for context in ("vrf-a", "vrf-b"):
        session = open_(Choice.AUTO, snmpsim, user(*SIMULATED, context=context))
        try:
            walked = await walker(session).walk("1.3.6.1.2.1.1")
        finally:
            session.close()
        assert walked.complete, walked.why
        assert walked.rows == [(f"1.3.6.1.2.1.1.{row}.0", f"{context} {row}".encode()) for row in range(1, 9)]
