"""A datagram to its message: versions 1 and 2c (RFC 1157, RFC 1901) and 3 with the USM (RFC 3412, RFC 3414).

Only the outside is read here, in one pass over a few bytes: who sends, and where the PDU stands. Nothing inside is
looked at before the sender has been judged.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from collectors.snmp.traps import ber

LARGEST = 16_384
"""Bytes of a datagram that is looked at. Traps are some hundred bytes; what is larger is not for us to parse."""
_LONGEST_COMMUNITY = 255
_USM = 3


class Version(Enum):
    """As people write it."""

    V1 = "1"
    V2C = "2c"
    V3 = "3"


class UnsupportedError(ValueError):
    """SNMP of a kind that is not served: another version, or a security model other than the USM."""


class Span(msgspec.Struct, frozen=True):
    """An element of the datagram: its tag, and where its content begins and ends."""

    tag: int
    start: int
    stop: int


class Plain(msgspec.Struct, frozen=True):
    """A message of version 1 or 2c. ``pdu_at`` is where its tag stands."""

    version: Version
    community: bytes
    pdu: Span
    pdu_at: int


class Secured(msgspec.Struct, frozen=True):
    """A message of version 3. ``digest_at`` is where the authentication parameters stand in the datagram."""

    id: int
    largest: int
    authenticated: bool
    encrypted: bool
    reportable: bool
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    digest_at: int
    salt: bytes
    data: Span


def read_message(data: bytes) -> Plain | Secured:
    """The outside of a datagram; BerError or UnsupportedError for what is none."""
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    number, at = ber.read_integer(data, at, end)
    if number in (0, 1):
        community, at = ber.read_octets(data, at, end)
        if len(community) > _LONGEST_COMMUNITY:
            raise ber.BerError("a community of more than 255 bytes")
        return Plain(Version.V2C if number else Version.V1, community, Span(*ber.header(data, at, end)), at)
    if number != 3:
        raise UnsupportedError("a version of SNMP that is none of 1, 2c and 3")
    return _read_secured(data, at, end)


def _read_secured(data: bytes, at: int, end: int) -> Secured:
    inner, after = ber.expect(data, at, end, ber.SEQUENCE)
    message_id, inner = ber.read_integer(data, inner, after)
    largest, inner = ber.read_integer(data, inner, after)
    flags, inner = ber.read_octets(data, inner, after)
    model, inner = ber.read_integer(data, inner, after)
    if model != _USM:
        raise UnsupportedError("a security model other than the USM")
    if len(flags) != 1 or message_id < 0 or flags[0] & 3 == 2:
        raise ber.BerError("flags or a number that SNMPv3 does not allow")
    start, stop = ber.expect(data, after, end, ber.OCTETS)
    at, last = ber.expect(data, start, stop, ber.SEQUENCE)
    engine_id, at = ber.read_octets(data, at, last)
    boots, at = ber.read_integer(data, at, last)
    time, at = ber.read_integer(data, at, last)
    user, at = ber.read_octets(data, at, last)
    digest_at, at = ber.expect(data, at, last, ber.OCTETS)
    salt, _ = ber.read_octets(data, at, last)
    if len(engine_id) > 32 or len(user) > 32 or not 0 <= boots < 2**31 or not 0 <= time < 2**31:
        raise ber.BerError("security parameters out of their range")
    return Secured(
        id=message_id, largest=largest, authenticated=bool(flags[0] & 1), encrypted=bool(flags[0] & 2),
        reportable=bool(flags[0] & 4), engine_id=engine_id, boots=boots, time=time, user=user,
        digest=data[digest_at:at], digest_at=digest_at, salt=salt, data=Span(*ber.header(data, stop, end)),
    )  # fmt: skip
