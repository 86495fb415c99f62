"""What stands in the head of a message: error status, SNMPv3 engine, kind of report, and whether its digest is right.

gufo-snmp tells the first three to nobody and does not look at the last. Only the head is read, and bounded by it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from enum import IntEnum

import msgspec

from collectors.snmp.credentials import Auth
from collectors.snmp.port import Engine


class Status(IntEnum):
    """error-status of RFC 1157 and RFC 3416, as far as a reading agent has reason to send it."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    GEN_ERR = 5
    NO_ACCESS = 6
    RESOURCE_UNAVAILABLE = 13
    AUTHORIZATION_ERROR = 16


class Report(IntEnum):
    """Last arc of the usmStats counter in a report (RFC 3414 section 5)."""

    UNSUPPORTED_LEVEL = 1
    NOT_IN_TIME_WINDOW = 2
    UNKNOWN_USER = 3
    UNKNOWN_ENGINE = 4
    WRONG_DIGEST = 5
    DECRYPTION_ERROR = 6


_REPORTS = frozenset(Report)
_USM_STATS = bytes.fromhex("2b060106030f0101")
"""1.3.6.1.6.3.15.1.1 as BER writes it."""


class V3(msgspec.Struct, frozen=True):
    """Head of an SNMPv3 message (RFC 3412 section 6, RFC 3414 section 2.4); ``digest`` begins at ``digest_at``."""

    message_id: bytes
    authenticated: bool
    engine: Engine
    digest: bytes
    digest_at: int


_DIGEST = {
    Auth.MD5: ("md5", 12),
    Auth.SHA: ("sha1", 12),
    Auth.SHA224: ("sha224", 16),
    Auth.SHA256: ("sha256", 24),
    Auth.SHA384: ("sha384", 32),
    Auth.SHA512: ("sha512", 48),
}
"""Hash, and how many bytes of it are sent (RFC 3414, RFC 7860)."""


def status(datagram: bytes) -> int:
    """The error status of an SNMPv1 or v2c reply; 0 when there is none to be read."""
    try:
        (message,) = _values(datagram, 0, len(datagram))
        _, _, pdu = _values(datagram, *message)
        _, (begin, end), *_ = _values(datagram, *pdu)
    except ValueError:
        return 0
    return int.from_bytes(datagram[begin:end], "big")


def v3(datagram: bytes) -> V3 | None:
    """The head of an SNMPv3 message; None when it is none."""
    try:
        (message,) = _values(datagram, 0, len(datagram))
        _, header, (security_begin, security_end), _ = _values(datagram, *message)
        (id_begin, id_end), _, (flags, flags_end), _ = _values(datagram, *header)
        (usm,) = _values(datagram, security_begin, security_end)
        engine_id, boots, time, _, (digest_at, digest_end), _ = _values(datagram, *usm)
    except ValueError:
        return None
    if flags_end - flags != 1 or engine_id[1] - engine_id[0] > 32 or max(boots[1] - boots[0], time[1] - time[0]) > 5:
        return None
    engine = Engine(
        datagram[slice(*engine_id)],
        int.from_bytes(datagram[slice(*boots)], "big"),
        int.from_bytes(datagram[slice(*time)], "big"),
    )
    digest = datagram[digest_at:digest_end]
    return V3(datagram[id_begin:id_end], bool(datagram[flags] & 1), engine, digest, digest_at)


def message_id(datagram: bytes) -> bytes:
    """Of an SNMPv3 message that is our own; b"" of anything else."""
    try:
        ((begin, end),) = _values(datagram, 0, len(datagram))
        values = _values(datagram, begin, end)
        next(values)
        first, past = next(_values(datagram, *next(values)))
    except (ValueError, StopIteration):
        return b""
    return datagram[first:past]


def authentic(datagram: bytes, head: V3, auth: Auth, key: bytes) -> bool:
    """Whether the message carries the digest that only who has the (localized) key can make."""
    hash_name, size = _DIGEST[auth]
    if not head.authenticated or len(head.digest) != size:
        return False
    blank = datagram[: head.digest_at] + bytes(size) + datagram[head.digest_at + size :]
    return hmac.compare_digest(hmac.digest(key, blank, hash_name)[:size], head.digest)


def report(datagram: bytes) -> Report | None:
    """Which counter a report shows; None for other messages, and for reports that are encrypted."""
    at = datagram.find(_USM_STATS)
    kind = datagram[at + len(_USM_STATS)] if 0 <= at < len(datagram) - len(_USM_STATS) else 0
    return Report(kind) if kind in _REPORTS else None


def well_formed(datagram: bytes) -> bool:
    """Whether every value of a message lies inside of what holds it, as far down as can be seen without a key."""
    todo = [(0, len(datagram))]
    while todo:
        at, end = todo.pop()
        while at < end:
            if end < at + 2 or datagram[at] & 0x1F == 0x1F:  # SNMP has no tags of more than one byte
                return False
            constructed, size, at = datagram[at] & 0x20, datagram[at + 1], at + 2
            if size & 0x80:
                count = size & 0x7F
                if not 0 < count <= 4 or end < at + count:
                    return False
                size, at = int.from_bytes(datagram[at : at + count], "big"), at + count
            if end < at + size:
                return False
            if constructed:
                todo.append((at, at + size))
            at += size
    return True


def _values(data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the contents begin and end of the values between ``at`` and ``end``; ValueError when they do not fit."""
    while at < end:
        if end < at + 2:
            raise ValueError("a value without a length")
        size, at = data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if end < at + size:
            raise ValueError("a value that is longer than what holds it")
        yield at, at + size
        at += size
