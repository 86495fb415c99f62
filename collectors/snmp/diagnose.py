"""Why a device cannot be asked, by asking it otherwise: each cause with its mend, in words for people.

No credential but the device's own is ever sent. What is tried with it: the other version of SNMP; the other dialect of
long AES keys; the same user without encryption. Whoever is looking for the mistake by hand (``thorough``) has other
protocols tried too, which may be weaker than what is configured, more time, and TCP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum

import msgspec
from msgspec.structs import replace

from collectors.snmp import engines, reach
from collectors.snmp.credentials import Auth, Community, Credential, Priv, User
from collectors.snmp.engines import Choice
from collectors.snmp.engines._refusal import where
from collectors.snmp.errors import Fault, SnmpError
from collectors.snmp.port import Address
from collectors.snmp.reboot import UPTIME

_DIALECTS = {
    Priv.AES192: Priv.AES192C,
    Priv.AES192C: Priv.AES192,
    Priv.AES256: Priv.AES256C,
    Priv.AES256C: Priv.AES256,
}
_LONGER = 4.0
"""A device that is slower than its timeout is given so many times that, and ``_LONGEST`` seconds at the most."""
_LONGEST = 10.0
_MOMENT = 1.0
"""Seconds for what says whether somebody is there."""
_TRIES = 2
_TRIES_THOROUGH = 6
"""How often a device is asked once more as before: what looks like a wrong key may be a line that loses packets."""
_READ = frozenset((None, Fault.ACCESS))
"""What became of a request that was authentic and could be decrypted."""


class Cause(Enum):
    """What is wrong with a device or with how it is asked."""

    SECRET = "secret"  # noqa: S105 - a name, not a secret
    NAME = "name"
    ROUTE = "route"
    PORT = "port"
    DEAD = "dead"
    NO_SNMP = "no_snmp"
    SLOW = "slow"
    LOSS = "loss"
    COMMUNITY = "community"
    VERSION = "version"
    USER = "user"
    LEVEL = "level"
    AUTH_KEY = "auth_key"
    AUTH_PROTOCOL = "auth_protocol"
    PRIV_KEY = "priv_key"
    PRIV_PROTOCOL = "priv_protocol"
    DIALECT = "dialect"
    CONTEXT = "context"
    ACCESS = "access"
    VIEW = "view"
    NARROW = "narrow"
    CLOCK = "clock"
    ENGINE = "engine"
    DEFECT = "defect"


class Diagnosis(msgspec.Struct, frozen=True):
    """``text`` names the device by its address; ``fix`` is what to do, in the configuration or on the device."""

    cause: Cause
    text: str
    fix: str

    def __str__(self) -> str:
        return f"{self.text} ({self.fix})"


class Suspect(msgspec.Struct, frozen=True):
    """A device, as it was asked in vain; ``timeout`` is seconds for one request."""

    address: Address
    credential: Credential
    timeout: float
    choice: Choice = Choice.AUTO

    @property
    def where(self) -> str:
        return where(self.address)


def plain(error: SnmpError) -> Diagnosis | None:
    """Of a failure that says by itself what it is; None when the device has to be asked."""
    found = _PLAIN.get(error.fault)
    return None if found is None else Diagnosis(found[0], str(error), found[1])


async def diagnose(error: SnmpError, suspect: Suspect, *, thorough: bool = False) -> Diagnosis:
    """What is behind ``error``; it takes a few seconds, ``thorough`` longer."""
    user = suspect.credential
    if (found := plain(error)) is not None:
        return found
    if error.fault is Fault.SILENCE:
        return await _silence(suspect, thorough=thorough)
    if not isinstance(user, User):
        return Diagnosis(Cause.ACCESS, str(error), "let this community read .1.3.6.1 on the device (a view)")
    match error.fault:
        case Fault.SILENCE_TO_USER:
            return await _silence_to_user(suspect, user, thorough=thorough)
        case Fault.DIGEST:
            return await _digest(suspect, user, thorough=thorough)
        case Fault.DECRYPTION:
            return await _decryption(suspect, user, thorough=thorough)
        case Fault.LEVEL:
            return await _level(suspect, user, thorough=thorough)
        case _:
            return await _access(suspect, user)


async def _silence(suspect: Suspect, *, thorough: bool) -> Diagnosis:
    """Nothing came back: the way, the host, the agent, or a community that it does not know."""
    at, credential = suspect.where, suspect.credential
    try:
        engine = await reach.engine_of(suspect.address, max(_MOMENT, suspect.timeout) if thorough else _MOMENT)
    except OSError:
        engine = None  # it has just said otherwise: the port is opening or closing
    if thorough and (slow := await _slow(suspect)) is not None:
        return slow
    if isinstance(credential, User):
        if engine is not None:
            return Diagnosis(
                Cause.ACCESS,
                f"{at} told its engine id this time, and nothing before",
                "try again; if it stays so, packets get lost on the way: raise retries of the target",
            )
    elif thorough and await _try(suspect, replace(credential, version=3 - credential.version)) is None:
        had, has = (("1", "2"), ("2c", "1"))[credential.version - 1]
        return Diagnosis(
            Cause.VERSION,
            f"{at} answers this community, but not over version {had}",
            f"write version: {has} in the credential",
        )
    if engine is not None:
        if (loss := await _loss(suspect, thorough=thorough)) is not None:
            return loss
        return Diagnosis(
            Cause.COMMUNITY,
            f"an SNMP agent is at {at} (engine id {engine.id.hex()}) and is silent to this community: it is another "
            "one, or an access list does not let this host ask with it",
            "compare the community with the device's, letter by letter, and look for an access list bound to it",
        )
    if await reach.is_there(suspect.address.host, _MOMENT, tcp=thorough):
        if isinstance(credential, User):
            text = f"{suspect.address.host} is there, and no SNMPv3 agent answers at {at}"
            mend = "switch SNMPv3 on there (and its port on this address), and let this host in by its access lists"
        else:
            text = (
                f"{suspect.address.host} is there, and {at} is silent: the community is another one, an access list or "
                "firewall drops what this host sends, or no agent runs"
            )
            mend = "compare the community, then look for access lists and whether SNMP is switched on"
        return Diagnosis(Cause.NO_SNMP, text, mend)
    return Diagnosis(
        Cause.DEAD,
        f"{suspect.address.host} answers nothing: no SNMP at {at}, no ICMP echo" + (", no TCP" if thorough else ""),
        "look whether it is on and has this address, and whether a firewall is between",
    )


async def _slow(suspect: Suspect) -> Diagnosis | None:
    """Of a device that answers, later than it may."""
    longer = min(suspect.timeout * _LONGER, _LONGEST)
    if longer <= suspect.timeout or await _try(replace(suspect, timeout=longer), suspect.credential) is not None:
        return None
    return Diagnosis(
        Cause.SLOW,
        f"{suspect.where} answers within {longer:g} s, and not within its timeout of {suspect.timeout:g} s",
        f"write timeout: {longer:g}s for the target; a device as slow as that is often a busy one",
    )


async def _loss(suspect: Suspect, *, thorough: bool) -> Diagnosis | None:
    """Of a device that answers the same question when it is asked again."""
    for _ in range(_TRIES_THOROUGH if thorough else _TRIES):
        if await _try(suspect, suspect.credential) is None:
            text = f"{suspect.where} answers now and then: packets get lost on the way, or it is too busy"
            return Diagnosis(Cause.LOSS, text, "look at the line and at its load; raise retries of the target")
    return None


async def _silence_to_user(suspect: Suspect, user: User, *, thorough: bool) -> Diagnosis:
    """Its digest is right, or there would be a report; so it is encryption, or the user may not ask."""
    at, name = suspect.where, f"user {user.name!a}"
    if user.context and await _try(suspect, replace(user, context="")) is None:
        return no_context(suspect)
    if thorough and (slow := await _slow(suspect)) is not None:
        return slow
    if (loss := await _loss(suspect, thorough=thorough)) is not None:
        return loss
    if user.priv is not None:
        if (found := await _other_priv(suspect, user, thorough=thorough)) is not None:
            return found
        if await _try(suspect, replace(user, priv=None, priv_key="")) in _READ:
            return _priv_key(suspect, user, thorough=thorough)
    return Diagnosis(
        Cause.ACCESS,
        f"{at} answers SNMPv3 discovery and is silent to {name}: it drops what this host asks, or cannot decrypt it",
        "look for an access list bound to the user or its group, then at priv and priv_key",
    )


async def _decryption(suspect: Suspect, user: User, *, thorough: bool) -> Diagnosis:
    found = await _other_priv(suspect, user, thorough=thorough)
    return found or _priv_key(suspect, user, thorough=thorough)


def _priv_key(suspect: Suspect, user: User, *, thorough: bool) -> Diagnosis:
    protocol = user.priv.value if user.priv is not None else "none"
    known = f"{suspect.where} takes the auth_key of user {user.name!a}, and cannot decrypt what it sends"
    if thorough:
        return Diagnosis(
            Cause.PRIV_KEY,
            f"{known}, with any protocol: the priv_key is another one",
            "correct the credential priv_key",
        )
    mend = f"correct priv_key, or priv ({protocol}); 'tocsin doctor' tries the protocols"
    return Diagnosis(Cause.PRIV_KEY, known, mend)


async def _other_priv(suspect: Suspect, user: User, *, thorough: bool) -> Diagnosis | None:
    """The protocol of encryption that the device uses with the same key, if there is one."""
    dialect = _DIALECTS.get(user.priv) if user.priv is not None else None
    others = [each for each in reversed(Priv) if each not in (user.priv, dialect)] if thorough else []
    for other in filter(None, (dialect, *others)):
        if await _try(suspect, replace(user, priv=other)) not in _READ:
            continue
        had = user.priv.value if user.priv is not None else "none"
        if other is dialect:
            what = f"{suspect.where} makes long keys in the other dialect: it wants {other.value}, not {had}"
            return Diagnosis(Cause.DIALECT, what, f"write priv: {other.value} in the credential")
        what = f"{suspect.where} encrypts for user {user.name!a} with {other.value}, not {had}"
        return Diagnosis(Cause.PRIV_PROTOCOL, what, f"write priv: {other.value} in the credential")
    return None


async def _digest(suspect: Suspect, user: User, *, thorough: bool) -> Diagnosis:
    had = user.auth.value if user.auth is not None else "none"
    known = f"{suspect.where} knows user {user.name!a}, and the digest is wrong"
    if not thorough:
        mend = f"correct auth_key, or auth ({had}); 'tocsin doctor' tries the protocols"
        return Diagnosis(Cause.AUTH_KEY, known, mend)
    async for auth in _digests(suspect, user):
        what = f"{suspect.where} authenticates user {user.name!a} with {auth.value}, not {had}"
        return Diagnosis(Cause.AUTH_PROTOCOL, what, f"write auth: {auth.value} in the credential")
    return Diagnosis(
        Cause.AUTH_KEY, f"{known} with every protocol: the auth_key is another one", "correct the credential auth_key"
    )


async def _digests(suspect: Suspect, user: User) -> AsyncIterator[Auth]:
    """The other protocols that make a digest of the same key which the device takes; the strongest first."""
    for auth in reversed(Auth):
        alone = replace(user, auth=auth, priv=None, priv_key="")
        if auth is not user.auth and await _try(suspect, alone) in _READ:
            yield auth


async def _level(suspect: Suspect, user: User, *, thorough: bool) -> Diagnosis:
    text = f"{suspect.where} has user {user.name!a} not with {user.level}"
    if thorough:
        for less in _less(user):
            if await _try(suspect, less) in _READ:
                mend = f"give the user {user.level} on the device, or write the credential with {less.level} only"
                return Diagnosis(Cause.LEVEL, f"{text}, but with {less.level}", mend)
    return Diagnosis(Cause.LEVEL, text, "compare auth and priv with what the device has for this user")


def _less(user: User) -> list[User]:
    """The same user with less security."""
    nothing = User(user.name, context=user.context)
    return [replace(user, priv=None, priv_key=""), nothing] if user.priv is not None else [nothing]


async def _access(suspect: Suspect, user: User) -> Diagnosis:
    if user.context and await _try(suspect, replace(user, context="")) is None:
        return no_context(suspect)
    return Diagnosis(
        Cause.ACCESS,
        f"{suspect.where} knows user {user.name!a} and lets it read nothing with {user.level}"
        + (f" in context {user.context!a}" if user.context else ""),
        "look at the user's group there: which security level it asks for, which view and contexts it has",
    )


def no_context(suspect: Suspect) -> Diagnosis:
    """Of a device that shows something in its default context, and nothing in the one that is asked for."""
    context = suspect.credential.context if isinstance(suspect.credential, User) else ""
    text = f"{suspect.where} shows nothing in context {context!a}, and something in its default context"
    return Diagnosis(Cause.CONTEXT, text, "correct the context of the credential, or let the user's group into it")


async def shows(suspect: Suspect, credential: Community | User) -> bool:
    """Whether the device shows its uptime to who asks so."""
    return await _try(suspect, credential) is None


async def _try(suspect: Suspect, credential: Credential) -> Fault | None:
    """What becomes of one request asked so; None when its value came."""
    try:
        session = engines.open_session(suspect.address, credential, suspect.timeout, suspect.choice)
    except ValueError:
        return Fault.OTHER
    try:
        return None if await session.get([UPTIME]) else Fault.ACCESS
    except SnmpError as error:
        return error.fault
    finally:
        session.close()


_PLAIN = {
    Fault.SECRET: (
        Cause.SECRET,
        "provide the secret; by hand, ask as root with CREDENTIALS_DIRECTORY=/etc/tocsin/credentials",
    ),
    Fault.NAME: (Cause.NAME, "correct host, or the name service of this machine"),
    Fault.ROUTE: (Cause.ROUTE, "look at the address, at this machine's routes and at firewalls between"),
    Fault.PORT: (Cause.PORT, "switch SNMP on there, or correct port of the target"),
    Fault.USER: (Cause.USER, "make the user on the device, or correct user in the credential"),
    Fault.TIME: (
        Cause.CLOCK,
        "the device's engine time or boots go backwards: correct its clock, or restart its agent",
    ),
    Fault.ENGINE: (Cause.ENGINE, "give each device an address and an engine id of its own"),
    Fault.DEFECT: (Cause.DEFECT, "look at the device's own log, and for newer firmware"),
    Fault.OTHER: (Cause.DEFECT, "look at the device's own log, and for newer firmware"),
}
