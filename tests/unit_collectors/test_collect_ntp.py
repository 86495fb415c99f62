"""The question to a time server: what an answer means, which are refused, and a server on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
from golden_host import gather, notices, plant, table

from collectors import _sntp, ntp
from collectors.api import CollectorError, HostFS

NOW = 1_500_000_000.25
TOKEN = b"8 bytes!"


def stamp(at: float) -> int:
    return round((at + 2_208_988_800) * 2**32) % 2**64


def packet(
    *, first: int = 0x24, stratum: int = 2, token: bytes = TOKEN, reference: float = NOW - 100, received: float = NOW,
    transmitted: float = NOW, reference_id: bytes = b"GPS\0",
) -> bytes:  # fmt: skip
    return struct.pack(
        ">BbbbII4sQ8sQQ", first, stratum, 6, -20, 0x8000, 0x4000, reference_id, stamp(reference), token,
        stamp(received) if received else 0, stamp(transmitted) if transmitted else 0,
    )  # fmt: skip


def test_a_question_tells_nothing_but_the_version() -> None:
    asked = _sntp.question(TOKEN, 4)
    assert (len(asked), asked[0], asked[1:40], asked[40:]) == (48, 0b00_100_011, bytes(39), TOKEN)


def test_offset_and_round_trip() -> None:
    """The server is 2 s ahead, took 0.1 s, and the way takes 0.2 s there and back."""
    found = _sntp.answer(packet(received=NOW + 2.1, transmitted=NOW + 2.2), TOKEN, NOW, 0.3)
    assert found.offset == pytest.approx(2.0, abs=1e-6)
    assert found.rtt == pytest.approx(0.2, abs=1e-6)
    assert found[:2] == (2, 0)
    assert found.reference == pytest.approx(NOW - 100, abs=1e-6)
    assert (found.root_delay, found.root_dispersion) == (0.5, 0.25)


@pytest.mark.parametrize("now", [2_085_978_490.0, 2_085_978_500.0, 2_100_000_000.0])
def test_the_next_era_begins_in_2036(now: float) -> None:
    found = _sntp.answer(packet(received=now + 5, transmitted=now + 5, reference=now), TOKEN, now, 0.0)
    assert found.offset == pytest.approx(5.0, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"short", "it has 5 bytes, 48 are the least"),
        (packet(first=0x23), "it is not of a server"),
        (packet(token=b"another!"), "it is not the answer to what was asked"),
        (packet(stratum=0, reference_id=b"RATE"), "the server refuses: 'RATE'"),
        (packet(transmitted=0), "it holds no time"),
    ],
)
def test_answers_that_are_none(data: bytes, message: str) -> None:
    with pytest.raises(_sntp.BadAnswer, match=message):
        _sntp.answer(data, TOKEN, NOW, 0.1)


def test_what_is_sane() -> None:
    good = _sntp.answer(packet(), TOKEN, NOW, 0.1)
    assert good.offset == pytest.approx(-0.05)
    assert _sntp.sane(good, 3.5, 0.001)
    assert not _sntp.sane(good, 0.5, 0.001)
    assert not _sntp.sane(good._replace(leap=3), 3.5, 0.001)
    assert not _sntp.sane(good._replace(stratum=16), 3.5, 0.001)
    assert not _sntp.sane(good._replace(reference=0), 3.5, 0.001)
    assert not _sntp.sane(good._replace(offset=-0.06), 3.5, 0.001)
    assert _sntp.sane(good._replace(offset=-0.06), 3.5, 0.02)


class Server(asyncio.DatagramProtocol):
    """Answers each question by ``reply``; counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.reply: Callable[[bytes], bytes | None] = lambda token: packet(token=token, received=NOW + 3,
                                                                           transmitted=NOW + 3)  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        reply = self.reply(data[40:48])
        if reply is not None:
            cast("asyncio.DatagramTransport", self.transport).sendto(reply, addr)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, int]]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    yield made, transport.get_extra_info("sockname")[1]
    transport.close()


async def test_a_server_is_asked_in_the_background_and_not_more_than_once_a_minute(
    tmp_path: Path, server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering, port = server
    host = plant(tmp_path, {})
    collector = ntp.build(ntp.Options(server="127.0.0.1", server_port=port), host)
    assert list(await collector.collect()) == []
    assert collector._task is not None
    await collector._task
    expected = {
        "node_ntp_stratum": 2, "node_ntp_leap": 0, "node_ntp_rtt_seconds": 0, "node_ntp_offset_seconds": 3,
        "node_ntp_reference_timestamp_seconds": pytest.approx(NOW - 100), "node_ntp_root_delay_seconds": 0.5,
        "node_ntp_root_dispersion_seconds": 0.25, "node_ntp_sanity": 0,
    }  # fmt: skip
    assert table(await collector.collect()) == expected
    host.pulse.now += 59
    await collector.collect()
    assert answering.asked == 1
    monkeypatch.setattr(ntp, "TIMEOUT", 0.02)
    answering.reply = lambda token: None
    host.pulse.now += 1
    await collector.collect()
    await collector._task
    assert answering.asked == 2
    host.pulse.now += 120
    assert table(await collector.collect()) == expected, "an answer is good for three intervals"
    await collector._task
    host.pulse.now += 1
    with pytest.raises(CollectorError, match=r"127\.0\.0\.1 gives no time: no answer within 0\.02 s \(is UDP port"):
        await collector.collect()
    answering.reply = lambda token: packet(token=token, stratum=0, reference_id=b"DENY")
    host.pulse.now += 60
    with pytest.raises(CollectorError):
        await collector.collect()
    await collector._task
    with pytest.raises(CollectorError, match="the server refuses: 'DENY'"):
        await collector.collect()
    await collector.aclose()


async def test_closing_does_not_wait_for_an_answer_and_no_server_is_nothing(
    tmp_path: Path, server: tuple[Server, int]
) -> None:
    answering, port = server
    answering.reply = lambda token: None
    host = plant(tmp_path, {})
    collector = ntp.build(ntp.Options(server="127.0.0.1", server_port=port), host)
    await collector.collect()
    await collector.aclose()
    assert collector._task is not None
    assert collector._task.cancelled()
    idle = gather(ntp.build(ntp.Options(), host))
    assert notices(idle) == ["no `server` is given, so none is asked"]


@pytest.mark.server("prometheus-node-exporter")
async def test_the_same_server_as_node_exporter_sees_it(
    tmp_path: Path, server: tuple[Server, int], require: Callable[[str], Path]
) -> None:
    """Beside the real exporter: the names, and all values but those that differ from question to question."""
    answering, port = server
    now = time.time()

    def exact(token: bytes) -> bytes:
        return packet(token=token, reference=now - 64, received=time.time(), transmitted=time.time())

    answering.reply = exact
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [require("prometheus-node-exporter"), f"--web.listen-address={address}", "--collector.disable-defaults",
         "--collector.ntp", "--collector.ntp.server=127.0.0.1", f"--collector.ntp.server-port={port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        text = await asyncio.to_thread(page, f"http://{address}/metrics")
    finally:
        process.kill()
        process.wait()
    reference = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("node_ntp_")}
    collector = ntp.build(ntp.Options(server="127.0.0.1", server_port=port), HostFS())
    await collector.collect()
    assert collector._task is not None
    await collector._task
    seen = table(await collector.collect())
    assert set(seen) == set(reference)
    assert seen["node_ntp_sanity"] == reference["node_ntp_sanity"] == 1
    for name in ("stratum", "leap", "reference_timestamp_seconds", "root_delay_seconds", "root_dispersion_seconds"):
        assert seen[f"node_ntp_{name}"] == pytest.approx(reference[f"node_ntp_{name}"], abs=1e-6)
    assert seen["node_ntp_offset_seconds"] == pytest.approx(reference["node_ntp_offset_seconds"], abs=0.5)


def page(url: str) -> str:
    deadline = time.monotonic() + 10
    while True:
        try:
            return str(urllib.request.urlopen(url, timeout=5).read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
