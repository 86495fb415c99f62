"""The user-based security model for who receives notifications (RFC 3414 section 3.2, RFC 7860).

Of a trap the sender's engine is the authoritative one, of an inform ours: whoever sends informs asks for our engine id
first, and is told by a report. What is not authentic changes nothing here.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from enum import Enum

import msgspec

from collectors.snmp.credentials import User
from collectors.snmp.traps import ber, keys
from collectors.snmp.traps.counts import Drop
from collectors.snmp.traps.engine import WINDOW, OwnEngine, Peers
from collectors.snmp.traps.keys import Start, UserKeys
from collectors.snmp.traps.message import LARGEST, Secured, Span, read_message
from collectors.snmp.traps.notification import REPORT

_USM_STATS = "1.3.6.1.6.3.15.1.1"
_SHORTEST_ENGINE_ID = 5


class Security(Enum):
    """The level at which a notification came (RFC 3411), in SNMP's own words."""

    NO_AUTH = "noAuthNoPriv"
    AUTH = "authNoPriv"
    PRIV = "authPriv"


class Opened(msgspec.Struct, frozen=True):
    """A message that may be read: the bytes that hold its PDU, where that stands, and who answers for it.

    ``context`` is what stands before the PDU, engine and name, as it came: an answer must have the same.
    """

    keys: UserKeys
    security: Security
    engine_id: bytes
    context: bytes
    data: bytes
    pdu: Span


class Refused(msgspec.Struct, frozen=True):
    """Why a message is not read, and the report that its sender is waiting for."""

    reason: Drop
    report: bytes | None = None


class _Stat(Enum):
    """Objects of SNMP-USER-BASED-SM-MIB that reports carry."""

    LEVEL = 1
    TIME_WINDOW = 2
    USER = 3
    ENGINE = 4
    DIGEST = 5
    DECRYPTION = 6


class Usm:
    """``users`` are all that may send; several may have one name, with other keys. ``peers`` outlive this object."""

    def __init__(self, own: OwnEngine, users: Iterable[User], peers: Peers) -> None:
        self._own = own
        self._peers = peers
        self._users: dict[bytes, list[UserKeys]] = {}
        for user in users:
            self._users.setdefault(user.name.encode(), []).append(UserKeys(user))
        self._stats = dict.fromkeys(_Stat, 0)
        self._salt = secrets.randbits(64)

    def open(self, data: bytes, message: Secured, now: float) -> Opened | Refused:
        """Judge a message; BerError when what it holds cannot be read."""
        ours = message.engine_id == self._own.id
        if not ours and (message.reportable or len(message.engine_id) < _SHORTEST_ENGINE_ID):
            return self._refuse(Drop.DISCOVERY, _Stat.ENGINE, message, now)
        users = self._users.get(message.user)
        if not users:
            return self._refuse(Drop.USER, _Stat.USER, message, now)
        asked = security_of(message)
        users = [each for each in users if required(each.user) is asked]
        if not users:
            return self._refuse(Drop.LEVEL, _Stat.LEVEL, message, now)
        if asked is Security.NO_AUTH:
            return _opened(message, users[0], asked, data, message.data)
        chosen = next((each for each in users if _is_authentic(data, message, each)), None)
        if chosen is None:
            return self._refuse(Drop.AUTHENTICATION, _Stat.DIGEST, message, now)
        if ours:
            in_time = message.boots == self._own.boots and abs(message.time - self._own.time(now)) <= WINDOW
        else:
            in_time = self._peers.is_fresh(message.engine_id, message.boots, message.time, now)
        if not in_time:
            return self._refuse(Drop.TIME_WINDOW, _Stat.TIME_WINDOW, message, now, chosen)
        if not message.encrypted:
            return _opened(message, chosen, asked, data, message.data)
        return self._decrypted(data, message, chosen, now)

    def answer(self, message: Secured, opened: Opened, pdu: bytes, now: float) -> bytes:
        """The message that acknowledges one which was opened, at the same level."""
        return self._seal(message, opened.keys, opened.security, pdu, context=opened.context, now=now)

    def _decrypted(self, data: bytes, message: Secured, chosen: UserKeys, now: float) -> Opened | Refused:
        priv = chosen.user.priv
        if message.data.tag != ber.OCTETS or priv is None:
            raise ber.BerError("what should be encrypted is not")
        sealed = data[message.data.start : message.data.stop]
        try:
            key = chosen.privacy(message.engine_id)
            plain = keys.decrypt(sealed, key, priv, Start(message.boots, message.time, message.salt))
            return _opened(message, chosen, Security.PRIV, plain, Span(*ber.header(plain, 0, len(plain))))
        except ValueError:  # BerError too: the wrong key makes noise of it
            return self._refuse(Drop.DECRYPTION, _Stat.DECRYPTION, message, now, chosen)

    def _refuse(
        self, reason: Drop, stat: _Stat, message: Secured, now: float, keyed: UserKeys | None = None
    ) -> Refused:
        self._stats[stat] += 1
        if not message.reportable:
            return Refused(reason)
        count = ber.encode_integer(self._stats[stat] & 0xFFFFFFFF, ber.COUNTER32)
        variable = ber.encode(ber.SEQUENCE, ber.encode_oid(f"{_USM_STATS}.{stat.value}.0"), count)
        zero = ber.encode_integer(0)
        pdu = ber.encode(REPORT, zero, zero, zero, ber.encode(ber.SEQUENCE, variable))
        context = ber.encode(ber.OCTETS, self._own.id) + ber.encode(ber.OCTETS)
        # Authentic only to who has proved to know the key: that one takes our time from it.
        level = Security.NO_AUTH if keyed is None else Security.AUTH
        return Refused(reason, self._seal(message, keyed, level, pdu, context=context, now=now))

    def _seal(
        self, asked: Secured, keyed: UserKeys | None, level: Security, pdu: bytes, *, context: bytes, now: float
    ) -> bytes:
        """What goes back to who sent ``asked``, from our engine, at a level that the user has keys for."""
        own, time = self._own, self._own.time(now)
        data = ber.encode(ber.SEQUENCE, context, pdu)
        salt = b""
        if level is Security.PRIV and keyed is not None and keyed.user.priv is not None:
            self._salt = (self._salt + 1) % 2**64
            salt = self._salt.to_bytes(keys.SALT_SIZE, "big")
            start = Start(own.boots, time, salt)
            data = ber.encode(ber.OCTETS, keys.encrypt(data, keyed.privacy(own.id), keyed.user.priv, start))
        auth = None if level is Security.NO_AUTH or keyed is None else keyed.user.auth
        zeros = b"" if auth is None else bytes(keys.HASHES[auth][1])
        flags = bytes([(1 if zeros else 0) | (2 if salt else 0)])
        head = [ber.encode_integer(asked.id), ber.encode_integer(LARGEST), ber.encode(ber.OCTETS, flags)]
        said = [ber.encode(ber.OCTETS, own.id), ber.encode_integer(own.boots), ber.encode_integer(time)]
        said += [ber.encode(ber.OCTETS, part) for part in (asked.user, zeros, salt)]
        whole = ber.encode(
            ber.SEQUENCE,
            ber.encode_integer(3),
            ber.encode(ber.SEQUENCE, *head, ber.encode_integer(3)),
            ber.encode(ber.OCTETS, ber.encode(ber.SEQUENCE, *said)),
            data,
        )
        made = read_message(whole)
        if auth is None or keyed is None or not isinstance(made, Secured):
            return whole
        proof = keys.digest(whole, keyed.authentication(own.id), auth)
        return whole[: made.digest_at] + proof + whole[made.digest_at + len(proof) :]


def security_of(message: Secured) -> Security:
    """The level a message claims."""
    if not message.authenticated:
        return Security.NO_AUTH
    return Security.PRIV if message.encrypted else Security.AUTH


def required(user: User) -> Security:
    """The level at which a user is configured, which is the one that is taken from them."""
    if user.auth is None:
        return Security.NO_AUTH
    return Security.AUTH if user.priv is None else Security.PRIV


def _opened(message: Secured, chosen: UserKeys, security: Security, data: bytes, scoped: Span) -> Opened:
    if scoped.tag != ber.SEQUENCE:
        raise ber.BerError("no scoped PDU")
    _, at = ber.read_octets(data, scoped.start, scoped.stop)
    _, at = ber.read_octets(data, at, scoped.stop)
    return Opened(
        chosen, security, message.engine_id, data[scoped.start : at], data, Span(*ber.header(data, at, scoped.stop))
    )


def _is_authentic(data: bytes, message: Secured, keyed: UserKeys) -> bool:
    auth = keyed.user.auth
    if auth is None or len(message.digest) != keys.HASHES[auth][1]:
        return False
    start, stop = message.digest_at, message.digest_at + len(message.digest)
    blank = data[:start] + bytes(stop - start) + data[stop:]
    return hmac.compare_digest(keys.digest(blank, keyed.authentication(message.engine_id), auth), message.digest)
