"""The port: what the rest of SNMP asks of an engine (``engines/``), and all of it.

An engine sends one request and waits for its reply; it does not retry. Retries, how many repetitions are asked for, the
caps, and whether a walk is complete belong to ``walker.py``.

OIDs are text: numbers and dots, no dot in front. Values come as Python has them::

    INTEGER, Counter32/64, Gauge32, TimeTicks, Unsigned32   int
    Opaque with a Float or Double inside                    float
    OCTET STRING, other Opaque, BITS                        bytes
    OBJECT IDENTIFIER, IpAddress                            str (dotted)

What has no value (NULL, noSuchObject, noSuchInstance) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

Value = int | float | str | bytes
Row = tuple[str, Value]


class Address(msgspec.Struct, frozen=True):
    """Where a device listens: an IPv4 or IPv6 address (``fe80::1%eth0`` with its scope), never a name."""

    host: str
    port: int = 161


class Engine(msgspec.Struct, frozen=True):
    """What SNMPv3 says of the engine on the other side; ``time`` is seconds since ``boots`` last grew."""

    id: bytes
    boots: int
    time: int


class Session(Protocol):
    """The way to one device with one credential. One request at a time; the device object sees to that.

    Every call raises an ``SnmpError`` and nothing else. It waits for a reply for the ``timeout`` that the session was
    opened with; over SNMPv3 there may be two exchanges before its own, in which the engine is found.
    """

    @property
    def engine(self) -> Engine | None:
        """As of the last discovery; None before it, and over SNMPv1 and v2c."""

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """The values that are there, by OID. Over SNMPv1, too, one that is not there does not hide the others."""

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        """Up to ``repetitions`` rows that follow ``oid``, in the agent's order and exactly as it sent them.

        GETBULK of one column; GETNEXT when ``repetitions`` is 1, and always over SNMPv1. They may lie anywhere: what
        belongs to a walk, and whether it moves on, is for the walker to say. None at all is no proof that none follow.
        """

    async def ended(self, oid: str) -> bool:
        """Whether the agent says outright that nothing follows ``oid`` (endOfMibView; noSuchName over SNMPv1)."""

    def close(self) -> None:
        """Free the socket. A request under way ends with NoReply."""
