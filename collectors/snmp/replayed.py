"""A device out of recordings: polled by the code that polls real ones, at the times at which they were made.

A recording without a time is one minute after the one before. A single one is polled every minute for a while, its
sysUpTime growing meanwhile, so that rules have something to wait for; its counters stand still.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from collectors._model import Notice, Sample
from collectors._series import SeriesCache
from collectors._targets import Incomplete
from collectors.snmp import load
from collectors.snmp.device import About, Device
from collectors.snmp.hosts import Hosts
from collectors.snmp.plans import Plans
from collectors.snmp.port import Engine, Row, Value
from collectors.snmp.profile import Every, Profile
from collectors.snmp.reboot import ENGINE_TIME, UPTIME
from collectors.snmp.recording import Recording
from collectors.snmp.way import Way

EPOCH = 1_767_225_600.0
"""2026-01-01: when a first recording was made that does not say."""
STEP = 60.0
HELD = 30
"""Polls of a single recording."""
_EVERY = (Every.FAST, Every.SLOW)


class Poll(msgspec.Struct, frozen=True):
    """What one look at the device gave; ``at`` is Unix seconds, ``problem`` what it could not read."""

    at: float
    samples: list[Sample]
    problem: str


class Played(msgspec.Struct, frozen=True):
    """``profiles``: what was chosen last."""

    polls: list[Poll]
    profiles: tuple[str, ...]


class RecordedSession:
    """Contract: ``port.Session``. The last recording that was set answers, at once and without a mistake."""

    engine: Engine | None = None

    def __init__(self) -> None:
        self._rows: Sequence[Row] = ()
        self._keys: list[tuple[int, ...]] = []
        self._values: Mapping[str, Value] = {}
        self._older = 0.0

    def play(self, recording: Recording, older: float) -> None:
        """From now on this one, ``older`` seconds after it was made."""
        self._older = older
        if recording.rows is not self._rows:
            self._rows = recording.rows
            self._keys = [_numbers(oid) for oid, _ in recording.rows]
            self._values = dict(recording.rows)

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        return {oid: self._grown(oid, self._values[oid]) for oid in oids if oid in self._values}

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        at = bisect_right(self._keys, _numbers(oid))
        return [(name, self._grown(name, value)) for name, value in self._rows[at : at + repetitions]]

    async def ended(self, oid: str) -> bool:
        return bisect_right(self._keys, _numbers(oid)) == len(self._keys)

    def close(self) -> None:
        """There is nothing to free."""

    def _grown(self, oid: str, value: Value) -> Value:
        if isinstance(value, int):
            if oid == UPTIME:
                return (value + round(self._older * 100)) % (1 << 32)
            if oid == ENGINE_TIME:
                return value + round(self._older)
        return value


def replayed(recordings: Sequence[Recording], name: str, own: Mapping[str, Profile], job: str = "snmp") -> Played:
    """What a device called ``name`` would have given; ``own`` are profiles beside the shipped ones."""
    return asyncio.run(_replayed(_in_time(recordings), name, {**load.all_shipped(), **own}, job))


def _in_time(recordings: Sequence[Recording]) -> list[tuple[float, Recording, float]]:
    """Each look at the device: when, at which recording, and how long after it was made."""
    looks: list[tuple[float, Recording, float]] = []
    for recording in recordings:
        at = recording.at if recording.at is not None else looks[-1][0] + STEP if looks else EPOCH
        looks.append((at, recording, 0.0))
    if len(looks) == 1:
        begin, only, _ = looks[0]
        looks = [(begin + number * STEP, only, number * STEP) for number in range(HELD + 1)]
    return sorted(looks, key=lambda look: look[0])


async def _replayed(
    looks: Sequence[tuple[float, Recording, float]], name: str, profiles: Mapping[str, Profile], job: str
) -> Played:
    now, session = 0.0, RecordedSession()
    device = Device(
        About(name, "127.0.0.1", 161, "", (), budget=1e9),
        Way("127.0.0.1", 161, lambda _: session, Hosts()),
        Plans(dict(profiles)),
        lambda: now,
    )
    series = {every: SeriesCache(job=job, instance=name, extra=()) for every in Every}
    polls = []
    for at, recording, older in looks:
        now = at
        session.play(recording, older)
        samples: list[Sample] = []
        problem = ""
        for every in _EVERY:
            try:
                items = await device.poll(every)
            except Incomplete as partial:
                items, problem = list(partial.items), str(partial)
            samples += _admitted(items, series[every])
        samples += _admitted(await device.liveness(), series[Every.LIVENESS])  # its profiles are chosen by now
        samples.append(Sample("up", (("instance", name), ("job", job)), 1.0))
        polls.append(Poll(at, samples, problem))
    return Played(polls, device.known.chosen.names if device.known.chosen is not None else ())


def _admitted(items: Sequence[Sample | Notice], series: SeriesCache) -> list[Sample]:
    return list(series.admit(items)[0])


def _numbers(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
