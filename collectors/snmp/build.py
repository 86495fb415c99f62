"""From checked options to targets, and everything that can be said about options beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from collectors._model import Notice, Sample
from collectors._options import OptionPath, OptionProblem, Reveal
from collectors._targets import NUDGE_GAP, Target
from collectors.snmp import credentials, diagnose, engines, load, select
from collectors.snmp.check import check_own, unknown
from collectors.snmp.credentials import Credential, CredentialOptions
from collectors.snmp.device import About, Device
from collectors.snmp.diagnose import Suspect
from collectors.snmp.engines import Choice
from collectors.snmp.errors import Fault, SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.plans import Plans
from collectors.snmp.port import Address, Session
from collectors.snmp.profile import Every
from collectors.snmp.traps.options import check as check_traps
from collectors.snmp.way import Way

KIND = "snmp"
SLOW = 240.0
"""Seconds between two polls of what changes slowly: rules look back five minutes."""
_SLOW_NUDGE = 60.0
"""Seconds between two of them that notifications ask for: they cost more than the others."""
_FINDING_OUT = 4.0
"""Seconds in which the cause of a silence is looked for, beside the device's own timeout."""
_LONGEST = 120.0
"""Seconds that one poll may take at the most."""


def build(options: Options, reveal: Reveal, base: Path) -> list[Target]:
    """Three targets for each device, of options that ``check`` found no mistake in; only the first has ``up``."""
    plans = Plans({**load.all_shipped(), **options.profiles})
    hosts = Hosts()
    return [each for target in options.targets for each in _targets(target, options, reveal, plans, hosts)]


def _targets(given: TargetOptions, options: Options, reveal: Reveal, plans: Plans, hosts: Hosts) -> Iterator[Target]:
    interval = (given.interval or options.interval) / 1000
    alive = min(options.liveness / 1000, interval)
    timeout = given.timeout / 1000
    # SNMPv3 may have to find the engine first; and why there is no answer takes a few requests more.
    patience = min(timeout * (given.retries + 4) + _FINDING_OUT, interval)
    about = About(
        given.key,
        given.host,
        given.port,
        given.credential,
        given.profiles,
        given.retries,
        alive,
        min(interval, _LONGEST),
        patience,
    )
    credential = options.credentials[given.credential]
    open_session = partial(
        _open, name=given.key, options=credential, reveal=reveal, timeout=timeout, choice=options.engine
    )
    way = Way(given.host, given.port, open_session, hosts)
    explain = partial(_explain, given=given, options=options, reveal=reveal, hosts=hosts)
    device = Device(about, way, plans, lambda: asyncio.get_running_loop().time(), explain)
    labels = {"instance": given.key, "job": options.job, **given.labels}
    yield Target(KIND, given.key, labels, alive, patience, device.liveness, state=device)
    for every, pause, gap in ((Every.FAST, interval, NUDGE_GAP), (Every.SLOW, SLOW, _SLOW_NUDGE)):

        async def measure(every: Every = every) -> Iterable[Sample | Notice]:
            return await device.poll(every)

        name = f"{given.key}:{every.value}"
        yield Target(KIND, name, labels, pause, min(pause, _LONGEST), measure, frame=False, state=device, nudge_gap=gap)


async def _explain(error: SnmpError, *, given: TargetOptions, options: Options, reveal: Reveal, hosts: Hosts) -> str:
    found = diagnose.plain(error) or await diagnose.diagnose(error, await suspect(given, options, reveal, hosts))
    return str(found)


async def suspect(given: TargetOptions, options: Options, reveal: Reveal, hosts: Hosts) -> Suspect:
    """A device and how it is asked, for finding out why it does not answer; SnmpError where that is the reason."""
    address = Address(await hosts.address(given.host), given.port)
    try:
        credential = _resolve(given.key, options.credentials[given.credential], reveal)
    except ValueError as error:
        raise SnmpError(str(error), Fault.SECRET) from None
    return Suspect(address, credential, given.timeout / 1000, options.engine)


def _open(
    address: Address, *, name: str, options: CredentialOptions, reveal: Reveal, timeout: float, choice: Choice
) -> Session:
    """The secrets are read each time, as they may have been changed; ValueError says what is wrong with them."""
    return engines.open_session(address, _resolve(name, options, reveal), timeout, choice)


def _resolve(name: str, options: CredentialOptions, reveal: Reveal) -> Credential:
    try:
        return credentials.resolve(options, reveal)
    except Exception as error:  # noqa: BLE001 - the agent's own errors, whose text is made for people
        raise ValueError(f"{name}: {error}") from None


def labels(target: TargetOptions) -> frozenset[str]:
    """Names of the labels that every series of a target has beside ``instance`` and ``job``."""
    return frozenset(target.labels)


def check(options: Options, cycle_ms: int) -> Iterator[OptionProblem]:
    """Every mistake; ``cycle_ms`` is the interval of collections, with which results are published."""
    for name, credential in options.credentials.items():
        for problem in credentials.problems(credential):
            path: OptionPath = ("credentials", name, *problem.path)
            yield OptionProblem(path, problem.text, problem.hint, problem.warning)
    for key in ("interval", "liveness"):
        if getattr(options, key) < cycle_ms:
            yield OptionProblem((key,), *_too_often(getattr(options, key), cycle_ms))
    known = sorted({*load.shipped_names(), *options.profiles})
    if options.profiles:
        for problem in check_own(options.profiles, load.all_shipped()):
            yield OptionProblem(("profiles", *problem.path), problem.text, problem.hint, problem.warning)
    seen: dict[str, int] = {}
    for number, target in enumerate(options.targets):
        path = ("targets", number)
        if target.key in seen:
            text = f"{target.key[:100]!a} stands twice"
            yield OptionProblem((*path, "name" if target.name else "host"), text, "give each a name of its own")
        seen[target.key] = number
        if target.interval is not None and target.interval < cycle_ms:
            yield OptionProblem((*path, "interval"), *_too_often(target.interval, cycle_ms))
        yield from _credential(target, options, path)
        yield from _profiles(target, known, path)
    if options.traps is not None:
        for problem in check_traps(options.traps, options.credentials, len(options.targets)):
            yield OptionProblem(("traps", *problem.path), problem.text, problem.hint, problem.warning)


def _credential(target: TargetOptions, options: Options, path: OptionPath) -> Iterator[OptionProblem]:
    found = options.credentials.get(target.credential)
    if found is None:
        known = ", ".join(sorted(options.credentials)[:20]) or "none; add it to collect.snmp.credentials"
        yield OptionProblem(
            (*path, "credential"), f"there is no credential {target.credential[:100]!a}", f"there are {known}"
        )
    elif found.context and options.engine is Choice.GUFO:
        text = f"credential {target.credential[:100]!a} has a context name, which gufo-snmp does not know"
        yield OptionProblem((*path, "credential"), text, "write engine: auto, or pysnmp")


def _profiles(target: TargetOptions, known: Iterable[str], path: OptionPath) -> Iterator[OptionProblem]:
    names = target.profiles
    for number, name in enumerate(names):
        where = (*path, "profile") if isinstance(target.profile, str) else (*path, "profile", number)
        if name == select.AUTO:
            yield OptionProblem(where, "auto stands alone: it chooses all that fits", "take out auto or the others")
        elif name not in known:
            text, hint = unknown(name, known)
            yield OptionProblem(where, text, hint or f"there are {', '.join(known)}")


def _too_often(interval: int, cycle_ms: int) -> tuple[str, str]:
    text = f"the interval of {interval / 1000:g} s is shorter than collect.interval ({cycle_ms / 1000:g} s)"
    return text, "results are published with each collection: use at least its interval"
