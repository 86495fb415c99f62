"""How far this host's clock is from a time server, by a question of its own.

Asked in the background at an interval of its own; in between the last answer is given again. A server that has not
answered three times in a row has no values any more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Notice, Sample, gauge
from collectors._sntp import Answer, BadAnswer, answer, question, sane

METRICS = (
    gauge("node_ntp_stratum", "Distance of the server from a clock: 1 has one itself."),
    gauge("node_ntp_leap", "Leap second: 0 none, 1 one more, 2 one less today, 3 the server's clock is not set."),
    gauge("node_ntp_rtt_seconds", "Time to the server and back in seconds."),
    gauge("node_ntp_offset_seconds", "What the server's clock is ahead of ours in seconds."),
    gauge("node_ntp_reference_timestamp_seconds", "When the server's clock was last set, in seconds since the epoch."),
    gauge("node_ntp_root_delay_seconds", "Time from the server to its source and back in seconds."),
    gauge("node_ntp_root_dispersion_seconds", "Largest error of the server's clock in seconds, by its own account."),
    gauge("node_ntp_sanity", "1 when the server's time can be relied on and our clock agrees with it, 0 otherwise."),
)
TIMEOUT = 5.0
LATE = 3
"""Intervals after which an answer is too old to be told."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which server, and how often."""

    server: Annotated[
        str,
        Meta(
            description="Name or address of the time server. Be sure that you may ask it; the pools want no "
            "monitoring. Empty: none is asked",
            examples=["ntp.example.net"],
        ),
    ] = ""
    server_port: Annotated[int, Meta(description="UDP port of the server", ge=1, le=65535, examples=[12300])] = 123
    protocol_version: Annotated[int, Meta(description="Version of NTP that is spoken", ge=2, le=4, examples=[3])] = 4
    max_distance: Annotated[
        float,
        Meta(description="Seconds: a server whose time may be wrong by more is not sane", gt=0, examples=[1.5]),
    ] = 3.46608
    local_offset_tolerance: Annotated[
        float,
        Meta(
            description="Seconds that our clock may be off and still be sane, beyond what the way explains",
            ge=0,
            examples=[0.05],
        ),
    ] = 0.001
    interval: Annotated[
        int, Meta(description="Seconds between two questions, 60 or more", ge=60, le=86400, examples=[300])
    ] = 60


class NoServer:
    """In the place of a collector that could ask nobody: seen by ``tocsin check`` as well, which asks nobody."""

    def collect(self) -> Iterator[Notice]:
        yield Notice("no `server` is given, so none is asked")


class Ntp:
    def __init__(self, options: Options, host: HostFS) -> None:
        self._options = options
        self._clock = host.clock
        self._monotonic = host.monotonic
        self._asked: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._answer: Answer | None = None
        self._answered = 0.0
        self._problem = ""

    async def collect(self) -> Iterable[Sample]:
        now = self._monotonic()
        due = self._asked is None or now - self._asked >= self._options.interval
        if due and (self._task is None or self._task.done()):
            self._asked = now
            self._task = asyncio.get_running_loop().create_task(self._ask())
        if self._answer is None or now - self._answered > LATE * self._options.interval:
            self._answer = None
            if self._problem:
                raise CollectorError(f"{self._options.server} gives no time: {self._problem}")
            return []
        return self._samples(self._answer)

    async def aclose(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def _samples(self, found: Answer) -> list[Sample]:
        values = (
            found.stratum, found.leap, found.rtt, found.offset, found.reference, found.root_delay,
            found.root_dispersion, sane(found, self._options.max_distance, self._options.local_offset_tolerance),
        )  # fmt: skip
        return [Sample(metric.name, NONE, float(value)) for metric, value in zip(METRICS, values, strict=True)]

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                self._answer = await self._exchange()
        except TimeoutError:
            self._problem = f"no answer within {TIMEOUT:g} s (is UDP port {self._options.server_port} let through?)"
        except (OSError, BadAnswer) as error:
            self._problem = str(error)
        else:
            self._problem = ""
            self._answered = self._monotonic()

    async def _exchange(self) -> Answer:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[bytes, float]] = loop.create_future()
        address = (self._options.server, self._options.server_port)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Conversation(done, self._monotonic), remote_addr=address
        )
        try:
            token = secrets.token_bytes(8)
            sent, started = self._clock(), self._monotonic()
            transport.sendto(question(token, self._options.protocol_version))
            packet, came = await done
        finally:
            transport.close()
        return answer(packet, token, sent, came - started)


class _Conversation(asyncio.DatagramProtocol):
    """The first datagram and when it came."""

    def __init__(self, done: asyncio.Future[tuple[bytes, float]], monotonic: Callable[[], float]) -> None:
        self._done = done
        self._monotonic = monotonic

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._done.done():
            self._done.set_result((data, self._monotonic()))

    def error_received(self, exc: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(exc)


def build(options: Options, host: HostFS) -> Ntp | NoServer:
    return Ntp(options, host) if options.server else NoServer()
