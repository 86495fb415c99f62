"""Why a device refuses, in words for people; the same for both engines, and never with a key."""

from __future__ import annotations

from collectors.snmp.credentials import Credential, User
from collectors.snmp.engines._header import Report, Status
from collectors.snmp.errors import Malformed, NoReply, Refused, SnmpError, TooBig
from collectors.snmp.port import Address


def where(address: Address) -> str:
    """The device as messages name it."""
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def no_reply(address: Address, credential: Credential, timeout: float) -> NoReply:
    """Nothing came at all."""
    after = f"{where(address)} gave no reply within {timeout:g} s"
    if isinstance(credential, User):
        return NoReply(f"{after}: is it up, does it speak SNMPv3, and may this host reach it?")
    return NoReply(f"{after}: is it up, is the community right, and may this host reach it (ACL, firewall)?")


def no_reply_to_user(address: Address, user: User, timeout: float) -> NoReply:
    """It told its engine id to anybody, and said nothing to this user."""
    known = f"{where(address)} answers SNMPv3 discovery, but gave no reply to user {user.name!a} within {timeout:g} s"
    if user.priv is None:
        return NoReply(f"{known}: may the user read with {user.level}, and from this host?")
    return NoReply(
        f"{known}: is priv_key right, and is {user.priv.value} what the device uses? "
        "AES-192 and AES-256 have two dialects (aes256, aes256c)"
    )


def refused(address: Address, credential: Credential, kind: Report | None) -> Refused:
    """A report, or an error status that means the same."""
    if not isinstance(credential, User):
        return Refused(f"{where(address)} answers this community with authorizationError: what may it read?")
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
    return Refused(f"{where(address)}: {why}")


def by_status(address: Address, credential: Credential, status: int) -> SnmpError:
    """An error status that is no answer."""
    if status == Status.TOO_BIG:
        return TooBig(f"{where(address)} says tooBig")
    if status in (Status.AUTHORIZATION_ERROR, Status.NO_ACCESS):
        return refused(address, credential, None)
    known = Status(status).name.lower() if status in frozenset(Status) else "unknown"
    return Malformed(f"{where(address)} answers with error status {status} ({known}); its log may say why")


def unreadable(address: Address, why: str) -> Malformed:
    """Something came that is no reply."""
    return Malformed(f"{where(address)} gave no reply that can be used: {why[:100]}")
