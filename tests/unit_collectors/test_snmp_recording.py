"""Recordings: what is written is what snmpsim simulates and what is read back; redacted, they name nobody."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import snmp_devices
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.snmpd import Snmpd, free_port
from servers.snmpsim import Snmpsim
from snmp_kit import AUTH_KEY, PRIV_KEY, open_, walker

from collectors._devices import CannotAskError, RecordedWrongError, record_device, replayed_device
from collectors._options import CredentialRef
from collectors.snmp.credentials import Auth, Community, CredentialOptions, Priv
from collectors.snmp.engines import Choice
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.port import Row
from collectors.snmp.recording import RecordingError, head, read, redacted, write
from collectors.snmp.replayed import replayed

LAB = CredentialOptions(
    version=3, user="tocsin", auth=Auth.SHA, auth_key=CredentialRef("auth"), priv=Priv.AES128,
    priv_key=CredentialRef("priv"),
)  # fmt: skip
SECRETS = {"auth": AUTH_KEY, "priv": PRIV_KEY}
NUMBER = st.integers(0, 2**32 - 1)
VALUES = st.one_of(
    st.tuples(st.just(2), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.sampled_from([65, 66, 67]), NUMBER),
    st.tuples(st.just(70), st.integers(0, 2**64 - 1)),
    st.tuples(st.just(4), st.binary(max_size=40)),
    st.tuples(st.just(4), st.text(max_size=20).map(str.encode)),
    st.tuples(st.just(64), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just(6), st.lists(NUMBER, min_size=1, max_size=9).map(lambda arcs: ".".join(map(str, [1, 3, *arcs])))),
    st.tuples(st.just(68), st.floats(allow_nan=False)),
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.lists(NUMBER, min_size=1, max_size=5).map(tuple), VALUES, max_size=8))
def test_what_is_written_is_read_back(found: dict[tuple[int, ...], tuple[int, object]]) -> None:
    named = {".".join(map(str, (1, 3, *key))): value for key, value in sorted(found.items())}
    rows = [(oid, value) for oid, (_, value) in named.items()]
    text = "".join(write(rows, {oid: tag for oid, (tag, _) in named.items()}, head(1_800_000_000, "sw1", "")))  # type: ignore[arg-type]  # of each type
    recording = read(text.encode("latin-1"))
    assert recording.rows == rows
    assert (recording.at, recording.device, recording.complete) == (1_800_000_000, "sw1", True)


def test_the_recordings_that_tests_have_are_read() -> None:
    for name in snmp_devices.NAMES:
        content = (snmp_devices.HERE / f"{name}.snmprec").read_bytes()
        assert read(content).rows == [
            (oid, value.encode() if isinstance(value, str) and value == "" else value)
            for oid, value in snmp_devices.recorded(name)
        ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# a comment\n1.3.6.1|2", "2: no line of a recording"),
        (b"1.3.6.1.1|2|x", "1: the value is not of the type '2'"),
        (b"1.3.6.1.1|64|10.0.0.999", "1: the value is not of the type '64'"),
        (b"1.3.6.1.1|99|1", "1: the value is not of the type '99'"),
        (b"1.3.6.1.1|4x|zz", "1: the value is not of the type '4x'"),
        (b"\n1.3.6.1.1|2:numeric|max=1", "2: the value is made up by a module of snmpsim"),
        (b"one|2|1", "1: no line"),
        (b"1.3.6.1.1|4|" + b"x" * 300_000, "1: more than"),
    ],
)
def test_what_is_no_recording(content: bytes, words: str) -> None:
    with pytest.raises(RecordingError) as raised:
        read(content)
    assert words in str(raised.value)
    with pytest.raises(RecordedWrongError, match=r"x\.snmprec:[12]: "):
        replayed_device([("x.snmprec", content)], "", {})


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_recording_or_none(content: bytes) -> None:
    try:
        read(content)
    except RecordingError:
        pass


def options(port: int) -> Options:
    return Options(
        targets=(TargetOptions(host="127.0.0.1", name="sw1", port=port, credential="lab"),), credentials={"lab": LAB}
    )


@pytest.mark.server("snmpd")
def test_a_walk_is_what_snmpsim_shows_and_what_is_replayed(require: Callable[[str], Path], tmp_path: Path) -> None:
    config = f'createUser tocsin SHA "{AUTH_KEY}" AES "{PRIV_KEY}"\nrouser tocsin priv -V part\n'
    config += "view part included .1.3\nview part excluded .1.3.6.1.2.1.25\nview part excluded .1.3.6.1.2.1.6\n"
    config += "view part excluded .1.3.6.1.4.1.8072\n"
    with Snmpd(require("snmpd"), tmp_path, config) as snmpd:
        done = asyncio.run(record_device(options(snmpd.port), "sw1", (), SECRETS.__getitem__, 1_800_000_000.0))
    assert (done.why, done.left_out) == ("", 0)
    assert done.text.startswith("# date: 2027-01-15T08:00:00Z\n# device: sw1 (127.0.0.1)\n# complete: yes\n")
    recording = read(done.text.encode())
    assert len(recording.rows) == done.rows > 500
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "device.snmprec").write_text(done.text)

    async def simulated(port: int) -> list[Row]:
        session = open_(Choice.GUFO, port, Community(2, "device"), timeout=5)
        try:
            return [row for root in ("1.0", "1.2", "1.3") for row in (await walker(session).walk(root)).rows]
        finally:
            session.close()

    with Snmpsim(folder, tmp_path) as simulator:
        shown = asyncio.run(simulated(simulator.port))
    assert shown == recording.rows
    played = replayed_device([("device.snmprec", done.text.encode())], "", {})
    first = {each.name: each for each in played.polls[0].samples}
    assert {"system", "interfaces"} <= set(played.profiles)
    assert dict(first["ifHCInOctets"].labels)["instance"] == "sw1"
    assert first["up"].value == 1


def test_who_cannot_be_asked(tmp_path: Path) -> None:
    lab = options(free_port("127.0.0.1"))

    def asked(known: Options | None, host: str, **other: str) -> str:
        with pytest.raises(CannotAskError) as raised:
            asyncio.run(record_device(known, host, ("1.3",), SECRETS.__getitem__, 0.0, **other))  # type: ignore[arg-type]  # by name
        return str(raised.value)

    assert "Connection refused" in asked(lab, "sw1")
    assert "no credential 'x'; there are lab" in asked(lab, "sw1", credential="x")
    assert "add a credential to collect.snmp.credentials" in asked(None, "10.0.0.1")
    assert "is no address or host name" in asked(lab, "-f/etc")


@pytest.mark.parametrize("name", ["cisco-stack", "linux", "apc-ups"])
def test_a_replay_gives_what_the_profiles_give(name: str) -> None:
    """The samples of the first look are those expected of the device; the label instance is its name."""
    content = (snmp_devices.HERE / f"{name}.snmprec").read_bytes()
    poll, *more = replayed([read(content)], "sw1", {}).polls
    ours = {
        snmp_devices.line(each._replace(labels=tuple(p for p in each.labels if p[0] not in ("instance", "job"))))
        for each in poll.samples
    }
    expected = set(snmp_devices.expected(name).splitlines()[1:])
    assert expected - ours == set()
    assert len(more) == 30
    assert all(dict(each.labels)["instance"] == "sw1" for each in poll.samples)


def test_a_single_recording_grows_older_and_is_not_restarted() -> None:
    content = (snmp_devices.HERE / "cisco-stack.snmprec").read_bytes()
    polls = replayed([read(content)], "sw1", {}).polls
    restarts = [each.value for poll in polls for each in poll.samples if each.name == "tocsin_snmp_restarts_total"]
    assert set(restarts) == {0.0}
    ages = [each.value for poll in polls for each in poll.samples if each.name == "sysUpTime"]
    assert ages[1] - ages[0] == 6000


TELLING: list[tuple[str, int, object]] = [
    ("1.3.6.1.2.1.1.1.0", 4, b"Switch, Serial Number: FCW123"),
    ("1.3.6.1.2.1.1.4.0", 4, b"someone"),
    ("1.3.6.1.2.1.2.2.1.6.1", 4, bytes(6)),
    ("1.3.6.1.2.1.14.10.1.1.10.9.8.7.0", 64, "10.9.8.7"),
    ("1.3.6.1.2.1.14.10.1.6.10.9.8.7.0", 2, 8),
    ("1.3.6.1.2.1.31.1.1.1.18.1", 4, b"to 10.9.8.7"),
    ("1.3.6.1.2.1.31.1.1.1.18.2", 4, b"host 52:54:00:aa:bb:cc"),
    ("1.3.6.1.2.1.31.1.1.1.18.4", 4, b"to 2001:db8:0:1::9 in B"),
    ("1.3.6.1.4.1.9.9.187.1.2.5.1.3.1.4.192.0.2.1", 2, 6),
    ("1.3.6.1.2.1.31.1.1.1.18.3", 4, b"ask with c0mmunity"),
    ("1.3.6.1.2.1.47.1.1.1.1.11.1", 4, b"FCW123"),
    ("1.3.6.1.6.3.18.1.1.1.2.1", 4, b"x"),
    ("1.3.6.1.4.1.99999.1", 4, bytes.fromhex("525400a1b2c3")),
]
KEPT: list[tuple[str, int, object]] = [
    ("1.3.6.1.2.1.1.3.0", 67, 100),
    ("1.3.6.1.2.1.1.5.0", 4, b"sw1"),
    ("1.3.6.1.2.1.31.1.1.1.1.1", 4, b"Gi1/0/"),
    ("1.3.6.1.2.1.47.1.1.1.1.10.1", 4, b"16.6.4a"),
    ("1.3.6.1.2.1.31.1.1.1.18.9", 4, b"line 3, since 12:30:45"),
]


def test_what_tells_too_much_is_left_out() -> None:
    rows = [(oid, value) for oid, _, value in (*TELLING, *KEPT)]
    tags = {oid: tag for oid, tag, _ in (*TELLING, *KEPT)}
    assert redacted(rows, tags, ["c0mmunity"]) == [(oid, value) for oid, _, value in KEPT]  # type: ignore[arg-type]  # of each type


def test_opaque_numbers() -> None:
    lines = list(write([("1.3.1", 0.5), ("1.3.2", 1e300), ("1.3.3", 0.1)], {}, ()))
    assert lines[0] == f"1.3.1|68x|9f7804{struct.pack('>f', 0.5).hex()}\n"
    assert lines[1].startswith("1.3.2|68x|9f7908")
    assert [value for _, value in read("".join(lines).encode()).rows] == [0.5, 1e300, 0.1]
