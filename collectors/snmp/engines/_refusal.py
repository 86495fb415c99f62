"""Why a device refuses, in words for people; the same for both engines, and never with a key."""

from __future__ import annotations

import errno

from collectors.snmp.credentials import Credential, User
from collectors.snmp.engines._header import Report, Status
from collectors.snmp.errors import Fault, Malformed, NoReply, Refused, SnmpError, TooBig
from collectors.snmp.port import Address

_FAULTS = {
    None: Fault.ACCESS,
    Report.UNSUPPORTED_LEVEL: Fault.LEVEL,
    Report.NOT_IN_TIME_WINDOW: Fault.TIME,
    Report.UNKNOWN_USER: Fault.USER,
    Report.UNKNOWN_ENGINE: Fault.ENGINE,
    Report.WRONG_DIGEST: Fault.DIGEST,
    Report.DECRYPTION_ERROR: Fault.DECRYPTION,
}


def where(address: Address) -> str:
    """The device as messages name it."""
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def unreachable(address: Address, error: Exception) -> NoReply:
    """The network itself said no, or this host's own."""
    why = getattr(error, "strerror", None) or str(error)
    fault = Fault.PORT if getattr(error, "errno", None) == errno.ECONNREFUSED else Fault.ROUTE
    return NoReply(f"{where(address)} cannot be reached: {why}", fault)


def no_reply(address: Address, credential: Credential, timeout: float) -> NoReply:
    """Nothing came at all."""
    after = f"{where(address)} gave no reply within {timeout:g} s"
    if isinstance(credential, User):
        return NoReply(f"{after}: is it up, does it speak SNMPv3, and may this host reach it?", Fault.SILENCE)
    asked = "is it up, is the community right, and may this host reach it (ACL, firewall)?"
    return NoReply(f"{after}: {asked}", Fault.SILENCE)


def no_reply_to_user(address: Address, user: User, timeout: float) -> NoReply:
    """It told its engine id to anybody, and said nothing to this user."""
    known = f"{where(address)} answers SNMPv3 discovery, but gave no reply to user {user.name!a} within {timeout:g} s"
    if user.priv is None:
        return NoReply(f"{known}: may the user read with {user.level}, and from this host?", Fault.SILENCE_TO_USER)
    return NoReply(
        f"{known}: is priv_key right, and is {user.priv.value} what the device uses? "
        "AES-192 and AES-256 have two dialects (aes256, aes256c)",
        Fault.SILENCE_TO_USER,
    )


def refused(address: Address, credential: Credential, kind: Report | None) -> Refused:
    """A report, or an error status that means the same."""
    if not isinstance(credential, User):
        why = "answers this community with authorizationError: what may it read?"
        return Refused(f"{where(address)} {why}", Fault.ACCESS)
    user = f"user {credential.name!a}"
    match kind:
        case Report.UNSUPPORTED_LEVEL:
            why = f"{user} has no {credential.level} there: are auth and priv what the device has for this user?"
        case Report.NOT_IN_TIME_WINDOW:
            why = f"messages of {user} are outside its time window, even after asking it for its time"
        case Report.UNKNOWN_USER:
            why = f"there is no {user}"
        case Report.UNKNOWN_ENGINE:
            why = "it does not know its own engine id again: do two devices share this address?"
        case Report.WRONG_DIGEST:
            why = f"wrong digest for {user}: is auth_key right, and is auth ({credential.level}) what the device uses?"
        case Report.DECRYPTION_ERROR:
            why = f"it cannot decrypt what {user} sends: is priv_key right, and priv ({credential.level})?"
        case None:
            why = f"{user} may not read with {credential.level}: look at its view, group and context there"
    return Refused(f"{where(address)}: {why}", _FAULTS[kind])


def by_status(address: Address, credential: Credential, status: int) -> SnmpError:
    """An error status that is no answer."""
    if status == Status.TOO_BIG:
        return TooBig(f"{where(address)} says tooBig")
    if status in (Status.AUTHORIZATION_ERROR, Status.NO_ACCESS):
        return refused(address, credential, None)
    known = Status(status).name.lower() if status in frozenset(Status) else "unknown"
    return Malformed(
        f"{where(address)} answers with error status {status} ({known}); its log may say why", Fault.DEFECT
    )


def unreadable(address: Address, why: str) -> Malformed:
    """Something came that is no reply."""
    return Malformed(f"{where(address)} gave no reply that can be used: {why[:100]}", Fault.DEFECT)
