"""What is wrong with the devices of a configuration, each tried now: whether it answers, and what it hides."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Collection

import msgspec
from msgspec.structs import replace

from collectors._options import Reveal
from collectors.snmp import diagnose, engines, load, select
from collectors.snmp.build import suspect
from collectors.snmp.credentials import Community, User
from collectors.snmp.diagnose import Cause, Suspect
from collectors.snmp.errors import NoReply, SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.port import Row, Session, Value
from collectors.snmp.reboot import SYS_OBJECT_ID, UPTIME
from collectors.snmp.select import Profiles
from collectors.snmp.syntaxes import date_and_time, display
from collectors.snmp.walker import Memory, Walker

SYS_NAME, HR_DATE = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.25.1.2.0"
INTERFACES, IF_ENTRY, IFX_ENTRY = "1.3.6.1.2.1.2", "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
HC_IN = f"{IFX_ENTRY}.6"
_AT_ONCE = 50
_SLOW = 0.5
"""Share of the timeout from which on an answer is slow: under load it will come too late."""
_TIMED = 3
"""Requests of which the fastest shows how fast a device can be."""
_CLOCK = 60.0
"""Seconds by which the clock of a device may differ."""


class Verdict(msgspec.Struct, frozen=True):
    """``cause`` is None where all is well, and ``text`` then says what the device is. ``dead``: it cannot be polled."""

    target: str
    cause: Cause | None
    text: str
    fix: str = ""
    dead: bool = False

    @property
    def well(self) -> bool:
        return self.cause is None


class _World(msgspec.Struct, frozen=True):
    """What all devices share."""

    options: Options
    reveal: Reveal
    hosts: Hosts
    profiles: Profiles
    wall: Callable[[], float]


class _Patient:
    """Some questions to a device that answers, each repeated as often as the target says."""

    def __init__(self, session: Session, retries: int) -> None:
        self._session = session
        self._retries = retries

    async def after(self, oid: str) -> list[Row]:
        for left in range(self._retries, -1, -1):
            try:
                return await self._session.after(oid, 1)
            except NoReply:
                if not left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    async def has(self, root: str) -> bool:
        """Whether it shows something at or below an OID."""
        return any(oid.startswith(root + ".") for oid, _ in await self.after(root))


async def examine_devices(
    options: Options, names: Collection[str], reveal: Reveal, wall: Callable[[], float]
) -> AsyncIterator[Verdict]:
    """Of the devices with these names, in the order of the configuration; ``wall`` gives Unix seconds."""
    gate = asyncio.Semaphore(_AT_ONCE)
    world = _World(options, reveal, Hosts(), {**load.all_shipped(), **options.profiles}, wall)

    async def one(given: TargetOptions) -> list[Verdict]:
        async with gate:
            return await _examine(given, world)

    tasks = [asyncio.create_task(one(given)) for given in options.targets if given.key in names]
    try:
        for task in tasks:
            for verdict in await task:
                yield verdict
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _examine(given: TargetOptions, world: _World) -> list[Verdict]:
    try:
        asked = await suspect(given, world.options, world.reveal, world.hosts)
        session = engines.open_session(asked.address, asked.credential, asked.timeout, asked.choice)
    except SnmpError as error:
        found = diagnose.plain(error)
        return [
            Verdict(given.key, found.cause if found else Cause.DEFECT, str(error), found.fix if found else "", True)
        ]
    clock = asyncio.get_running_loop().time
    walker = Walker(session, Memory(), clock, retries=given.retries)
    patient = _Patient(session, given.retries)
    try:
        values = await walker.get((UPTIME, SYS_OBJECT_ID, SYS_NAME, HR_DATE))
        seconds = math.inf
        for _ in range(_TIMED):
            # The shortest of some, none of which has to find an SNMPv3 engine: we have more to do ourselves.
            began = clock()
            await walker.get((UPTIME,))
            seconds = min(seconds, clock() - began)
            if seconds <= _SLOW * asked.timeout:
                break
        verdicts = [
            *_speed(given, walker, seconds, asked),
            *await _view(given, patient, values, asked),
            *await _nothing_of(given, patient, world.profiles),
            *_clock(given, values, world.wall()),
        ]
        if not verdicts:
            name = values.get(SYS_NAME, b"")
            what = display(name) if isinstance(name, bytes) else str(name)
            verdicts = [Verdict(given.key, None, f"{asked.where} answers: {what or 'without a name'}")]
        return verdicts
    except SnmpError as error:
        found = await diagnose.diagnose(error, asked, thorough=True)
        return [Verdict(given.key, found.cause, found.text, found.fix, True)]
    finally:
        session.close()


def _speed(given: TargetOptions, walker: Walker, seconds: float, asked: Suspect) -> list[Verdict]:
    if walker.counts.retried:
        text = f"{asked.where} answered only when it was asked again: packets get lost, or it is too slow"
        mend = f"raise timeout ({given.timeout / 1000:g} s) of the target, and look at the way there for losses"
    elif seconds > _SLOW * asked.timeout:
        text = f"{asked.where} takes {seconds:.2g} s for one small request, of {asked.timeout:g} s that it may take"
        mend = f"raise timeout, to {4 * seconds:.1g}s or more, and interval with it; look at the device's processor"
    else:
        return []
    return [Verdict(given.key, Cause.SLOW, text, mend)]


async def _view(given: TargetOptions, patient: _Patient, values: dict[str, Value], asked: Suspect) -> list[Verdict]:
    """What it hides of what every device has."""

    def says(cause: Cause, text: str, fix: str) -> list[Verdict]:
        return [Verdict(given.key, cause, f"{asked.where} {text}", fix)]

    who = "community" if isinstance(asked.credential, Community) else "group of the user"
    wider = f"let the view of the {who} on the device include .1.3.6.1"
    if not values and not await patient.after("1.3"):
        user = asked.credential
        if isinstance(user, User) and user.context and await diagnose.shows(asked, replace(user, context="")):
            found = diagnose.no_context(asked)
            return [Verdict(given.key, found.cause, found.text, found.fix, True)]
        return [Verdict(given.key, Cause.VIEW, f"{asked.where} answers, and shows nothing", wider, True)]
    if UPTIME not in values:
        return says(Cause.VIEW, "does not show sysUpTime, without which a restart is not noticed", wider)
    if not await patient.after(INTERFACES):
        return says(Cause.VIEW, f"shows nothing after its system group (no {INTERFACES}, nothing beyond)", wider)
    missing = []
    if SYS_OBJECT_ID not in values and not given.profiles:
        missing += says(Cause.VIEW, "does not show sysObjectID, by which profile: auto chooses", wider)
    if await patient.has(IF_ENTRY) and not await patient.has(HC_IN):
        if isinstance(asked.credential, Community) and asked.credential.version == 1:
            text = "has no 64-bit counters over version 1, and 32 bits of a fast line wrap between two polls"
            missing += says(Cause.NARROW, text, "write version: 2, or 3, in the credential")
        elif await patient.has(IFX_ENTRY):
            text = "has no 64-bit counters (ifHCInOctets), and 32 bits of a fast line wrap between two polls"
            missing += says(Cause.NARROW, text, "shorten interval of the target, or bring newer firmware")
        else:
            text = "shows ifTable and not ifXTable: no names of interfaces, no 64-bit counters"
            missing += says(Cause.VIEW, text, f"{wider}, or 1.3.6.1.2.1.31 at the least")
    return missing


async def _nothing_of(given: TargetOptions, patient: _Patient, profiles: Profiles) -> list[Verdict]:
    """The profiles that the configuration names for it and of which it shows nothing."""
    found = []
    for name in given.profiles:
        wanted = tuple(select.objects(profiles[name]))
        roots = dict.fromkeys(oid.removesuffix(".0") for oid in wanted)
        for root in roots:
            if await patient.has(root):
                break
        else:
            if wanted:
                text = f"shows nothing of the profile {name}, which the configuration names for it"
                mend = "take the profile out, or let the view of its credential include these objects"
                found.append(Verdict(given.key, Cause.VIEW, text, mend))
    return found


def _clock(given: TargetOptions, values: dict[str, Value], now: float) -> list[Verdict]:
    """Its clock beside ours, where it says its zone too."""
    date = values.get(HR_DATE, b"")
    theirs = date_and_time(date) if isinstance(date, bytes) and len(date) == 11 else None
    if theirs is None or abs(theirs - now) <= _CLOCK:
        return []
    text = f"its clock is {abs(theirs - now):.0f} s {'ahead' if theirs > now else 'behind'} of this machine's"
    return [Verdict(given.key, Cause.CLOCK, text, "give it a time server (and look at this machine's clock)")]
