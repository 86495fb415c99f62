"""Why a device cannot be asked: each mistake made for real, against Debian's snmpd and with both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import ber
from fakes.snmp_agent import Later, Request, SnmpAgent, parse, respond, silent
from servers.snmpd import Snmpd, free_port
from snmp_kit import AUTH_KEY, ENGINES, PRIV_KEY, user

from collectors._options import CredentialRef
from collectors.snmp import diagnose, reach
from collectors.snmp.build import build, suspect
from collectors.snmp.credentials import Auth, Community, Credential, CredentialOptions, Priv, User
from collectors.snmp.diagnose import Cause, Diagnosis, Suspect
from collectors.snmp.engines import Choice, open_session
from collectors.snmp.errors import NoReply, SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.port import Address
from collectors.snmp.reboot import UPTIME
from collectors.snmp.way import Way

CONFIG = f"""\
rocommunity right 127.0.0.1
rocommunity elsewhere 192.0.2.0/24
createUser u-sha256-aes128 SHA-256 "{AUTH_KEY}" AES "{PRIV_KEY}"
rouser u-sha256-aes128 priv
createUser u-sha-aes256 SHA "{AUTH_KEY}" AES-256 "{PRIV_KEY}"
rouser u-sha-aes256 priv
createUser u-sha-aes192c SHA "{AUTH_KEY}" AES-192-C "{PRIV_KEY}"
rouser u-sha-aes192c priv
createUser u-sha-aes256c SHA "{AUTH_KEY}" AES-256-C "{PRIV_KEY}"
rouser u-sha-aes256c priv
createUser u-sha512 SHA-512 "{AUTH_KEY}"
rouser u-sha512 auth
createUser nobody SHA-256 "{AUTH_KEY}" AES "{PRIV_KEY}"
"""
BOTH = user()
LONG = user(Auth.SHA, Priv.AES256)
OTHER_KEY = "another-password"
MISTAKES: list[tuple[Credential, bool, Cause, str]] = [
    (Community(2, "c0mmunity"), False, Cause.COMMUNITY, "letter by letter"),
    (Community(1, "c0mmunity"), True, Cause.COMMUNITY, "access list"),
    (Community(2, "elsewhere"), True, Cause.COMMUNITY, "access list"),
    (User("stranger", Auth.SHA256, AUTH_KEY), False, Cause.USER, "'stranger'"),
    (user(auth_key=OTHER_KEY), False, Cause.AUTH_KEY, "sha256"),
    (user(auth_key=OTHER_KEY), True, Cause.AUTH_KEY, "with every protocol"),
    (User("u-sha512", Auth.SHA256, AUTH_KEY), True, Cause.AUTH_PROTOCOL, "write auth: sha512"),
    (User("u-sha256-aes128", Auth.SHA, AUTH_KEY, Priv.AES128, PRIV_KEY), True, Cause.AUTH_PROTOCOL, "auth: sha256"),
    (user(priv_key=OTHER_KEY), False, Cause.PRIV_KEY, "'tocsin doctor' tries"),
    (user(priv_key=OTHER_KEY), True, Cause.PRIV_KEY, "with any protocol"),
    (User(LONG.name, Auth.SHA, AUTH_KEY, Priv.AES256C, PRIV_KEY), False, Cause.DIALECT, "write priv: aes256 "),
    (User("u-sha-aes256c", Auth.SHA, AUTH_KEY, Priv.AES256, PRIV_KEY), True, Cause.DIALECT, "write priv: aes256c"),
    (User("u-sha-aes192c", Auth.SHA, AUTH_KEY, Priv.AES192, PRIV_KEY), False, Cause.DIALECT, "write priv: aes192c"),
    (User(BOTH.name, Auth.SHA256, AUTH_KEY, Priv.DES, PRIV_KEY), True, Cause.PRIV_PROTOCOL, "write priv: aes128"),
    (User("u-sha512", Auth.SHA512, AUTH_KEY, Priv.AES128, PRIV_KEY), False, Cause.LEVEL, "compare auth and priv"),
    (User("u-sha512", Auth.SHA512, AUTH_KEY, Priv.AES128, PRIV_KEY), True, Cause.LEVEL, "with authNoPriv sha512 only"),
    (User(BOTH.name, Auth.SHA256, AUTH_KEY), True, Cause.ACCESS, "security level"),
    (User("nobody", Auth.SHA256, AUTH_KEY, Priv.AES128, PRIV_KEY), True, Cause.ACCESS, "which view"),
]


@pytest.fixture(scope="module")
def snmpd(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with Snmpd(require("snmpd"), tmp_path_factory.mktemp("snmpd"), CONFIG) as server:
        yield server


async def failure(asked: Suspect) -> SnmpError:
    """What the engine says by itself."""
    way = Way(
        asked.address.host,
        asked.address.port,
        lambda address: open_session(address, asked.credential, asked.timeout, asked.choice),
    )
    try:
        with pytest.raises(SnmpError) as raised:
            await way.get([UPTIME])
        return raised.value
    finally:
        way.close()


async def found(asked: Suspect, *, thorough: bool = True) -> Diagnosis:
    return await diagnose.diagnose(await failure(asked), asked, thorough=thorough)


@pytest.mark.server("snmpd")
@ENGINES
async def test_a_mistake_has_its_name_and_its_mend(snmpd: Snmpd, engine: Choice) -> None:
    """All at the same time, as most of it is waiting; with the slow engine, one by one, what the daemon finds out."""
    gate = asyncio.Semaphore(20 if engine is Choice.GUFO else 1)

    async def one(credential: Credential, thorough: bool) -> Diagnosis:
        async with gate:
            return await found(Suspect(Address(snmpd.host, snmpd.port), credential, 0.6, engine), thorough=thorough)

    mistakes = [each for each in MISTAKES if engine is Choice.GUFO or not each[1]]
    diagnoses = await asyncio.gather(*(one(credential, thorough) for credential, thorough, _, _ in mistakes))
    told = [(each.cause, words in str(each)) for each, (_, _, _, words) in zip(diagnoses, mistakes, strict=True)]
    assert told == [(cause, True) for _, _, cause, _ in mistakes], diagnoses
    for diagnosis in diagnoses:
        assert f"127.0.0.1:{snmpd.port}" in diagnosis.text
        for secret in ("c0mmunity", "elsewhere", AUTH_KEY, PRIV_KEY, OTHER_KEY):
            assert secret not in str(diagnosis)


async def test_nobody_listens() -> None:
    diagnosis = await found(Suspect(Address("127.0.0.1", free_port("127.0.0.1")), Community(2, "x"), 0.3))
    assert diagnosis.cause is Cause.PORT


@pytest.mark.parametrize("credential", [Community(2, "c0mmunity"), user()], ids=repr)
async def test_a_host_without_an_agent_that_speaks(credential: Credential) -> None:
    """Whoever is alone in not answering: the machine is there."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        diagnosis = await found(Suspect(Address("127.0.0.1", mute.getsockname()[1]), credential, 0.1))
    assert diagnosis.cause is Cause.NO_SNMP
    assert "127.0.0.1 is there" in diagnosis.text


async def test_a_dead_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(reach, "is_there", nobody)
    with SnmpAgent(behave=silent) as agent:
        agent.behave, agent.community = silent, b"other"
        asked = Suspect(Address("127.0.0.1", agent.port), Community(2, "x"), 0.1)
        agent.engine_id = b""  # nor does it tell an engine
        assert (await found(asked)).cause is Cause.DEAD


async def test_a_device_that_is_slower_than_its_timeout() -> None:
    def slowly(request: object, reply: bytes) -> list[Later]:
        return [Later(0.3, reply)]

    with SnmpAgent({UPTIME: ber.time_ticks(1)}, behave=slowly) as agent:
        asked = Suspect(Address("127.0.0.1", agent.port), Community(2, "public"), 0.1)
        diagnosis = await found(asked)
        assert (diagnosis.cause, "timeout: 0.4s" in diagnosis.fix) == (Cause.SLOW, True)


async def test_the_other_version() -> None:
    with SnmpAgent({UPTIME: ber.time_ticks(1)}) as agent:
        agent.behave = lambda request, reply: [reply] if request.version == 0 else []
        diagnosis = await found(Suspect(Address("127.0.0.1", agent.port), Community(2, "public"), 0.2))
        assert (diagnosis.cause, diagnosis.fix) == (Cause.VERSION, "write version: 1 in the credential")


async def test_a_community_is_not_sent_beyond_its_device() -> None:
    """What is asked to find the cause holds the device's own credential, or none."""
    with SnmpAgent(community=b"other") as agent:
        await found(Suspect(Address("127.0.0.1", agent.port), Community(2, "mine"), 0.1))
        assert {request.community for request in agent.requests} == {b"mine", b""}


async def test_an_echo_and_a_connection() -> None:
    assert await reach.is_there("127.0.0.1", 1.0, tcp=False)
    assert await reach.is_there("127.0.0.1", 1.0, tcp=True)
    with SnmpAgent() as agent:
        at = Address("127.0.0.1", agent.port)
        engine = await reach.engine_of(at, 1.0)
        assert engine is not None
        assert engine.id == agent.engine_id
    with pytest.raises(ConnectionRefusedError):
        await reach.engine_of(at, 1.0)


async def test_another_message_tells_no_engine() -> None:
    """A report that answers another discovery, late or forged, is not believed."""

    asked: list[int] = []

    class Forger(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport  # type: ignore[assignment]  # of a datagram endpoint

        def datagram_received(self, data: bytes, sender: object) -> None:
            request = parse(data)
            asked.append(request.message_id)
            with SnmpAgent() as agent:
                for message_id in (request.message_id ^ 1, request.message_id):
                    agent.engine_id = message_id.to_bytes(4, "big")
                    reply = respond(replace(request, message_id=message_id), [], pdu=ber.REPORT, agent=agent)
                    self.transport.sendto(reply, sender)  # type: ignore[arg-type]  # as it came

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Forger, local_addr=("127.0.0.1", 0))
    try:
        engine = await reach.engine_of(Address("127.0.0.1", transport.get_extra_info("sockname")[1]), 1.0)
    finally:
        transport.close()
    assert engine is not None
    assert [int.from_bytes(engine.id, "big")] == asked


async def test_the_daemon_says_it_with_the_first_failure_and_asks_once() -> None:
    with SnmpAgent(community=b"other") as agent:
        given = TargetOptions(host="127.0.0.1", port=agent.port, credential="lab", name="sw1", timeout=100, retries=0)
        lab = CredentialOptions(version=2, community=CredentialRef("ro"))
        options = Options(targets=(given,), credentials={"lab": lab}, interval=30_000)
        liveness, *_ = build(options, lambda name: "mine", Path())
        for _ in range(2):
            with pytest.raises(NoReply, match=r"an SNMP agent is at 127.* silent to this community"):
                await liveness.measure()
        assert liveness.state is not None
        assert "silent to this community" in str(liveness.state.status()["problem"])
        assert [request.version for request in agent.requests] == [1, 3, 1, 1]
        liveness.state.close()


@pytest.mark.parametrize("credential", [Community(2, "public"), User("anybody")], ids=["community", "user"])
@pytest.mark.parametrize("thorough", [False, True])
async def test_a_line_that_loses_packets_is_no_wrong_key(credential: Credential, thorough: bool) -> None:
    asked: list[bytes] = []

    def lossy(request: Request, reply: bytes) -> list[bytes]:
        if request.version == 3 and not request.oids:
            return [reply]  # discovery
        asked.append(reply)
        return [] if len(asked) <= 2 + thorough else [reply]

    with SnmpAgent({UPTIME: ber.time_ticks(100)}, behave=lossy) as agent:
        diagnosis = await found(Suspect(Address("127.0.0.1", agent.port), credential, 0.1), thorough=thorough)
    assert diagnosis.cause in (Cause.LOSS, Cause.SLOW), diagnosis
    assert "retries" in diagnosis.fix or diagnosis.cause is Cause.SLOW


async def test_a_secret_that_is_missing_is_its_own_cause() -> None:
    def reveal(name: str) -> str:
        raise ValueError(f"credential '{name}' is not provided")

    given = TargetOptions(host="127.0.0.1", credential="lab")
    options = Options(
        targets=(given,), credentials={"lab": CredentialOptions(version=2, community=CredentialRef("ro"))}
    )
    with pytest.raises(SnmpError, match="'ro' is not provided") as raised:
        await suspect(given, options, reveal, Hosts())
    found = diagnose.plain(raised.value)
    assert found is not None
    assert found.cause is Cause.SECRET
