"""What can be read in a reply without its keys: error status, SNMPv3 engine, kind of report.

gufo-snmp drops all three. Only the head of the message is looked at, and nothing of it is believed where the reply
itself was not: a hostile datagram gives a wrong word in a message at worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

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


_USM_STATS = bytes.fromhex("2b060106030f0101")
"""1.3.6.1.6.3.15.1.1 as BER writes it."""


def status(datagram: bytes) -> int:
    """The error status of an SNMPv1 or v2c reply; 0 when there is none to be read."""
    try:
        _, _, pdu = _values(_inside(datagram))
        _, error, *_ = _values(pdu)
        return int.from_bytes(error, "big")
    except ValueError:
        return 0


def engine(datagram: bytes) -> Engine | None:
    """The engine that an SNMPv3 message says to come from; None when it cannot be read."""
    try:
        _, _, security, *_ = _values(_inside(datagram))
        engine_id, boots, time, *_ = _values(_inside(security))
    except ValueError:
        return None
    if not 0 < len(engine_id) <= 32 or len(boots) > 5 or len(time) > 5:
        return None
    return Engine(engine_id, int.from_bytes(boots, "big"), int.from_bytes(time, "big"))


def report(datagram: bytes) -> Report | None:
    """Which counter a report shows; reports about keys are never encrypted."""
    at = datagram.find(_USM_STATS)
    kind = datagram[at + len(_USM_STATS)] if 0 <= at < len(datagram) - len(_USM_STATS) else 0
    return Report(kind) if kind in frozenset(Report) else None


def _inside(data: bytes) -> bytes:
    (content,) = _values(data)
    return content


def _values(data: bytes) -> Iterator[bytes]:
    """The contents of the values that stand one after the other in ``data``; ValueError when they do not."""
    at = 0
    while at < len(data):
        if len(data) < at + 2:
            raise ValueError("a value without a length")
        size, at = data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if len(data) < at + size:
            raise ValueError("a value that is longer than what holds it")
        yield data[at : at + size]
        at += size
