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

from collectors.snmp.credentials import Credential

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


class Walk(Protocol):
    """One subtree being read. It remembers the last OID that came: a request that is sent again goes on from there."""

    async def bulk(self) -> list[Row]:
        """The next rows of the subtree, in the agent's order; empty when the agent gave none of it any more.

        Empty is a hint and no proof (see ``step``). Over SNMPv1, which has no GETBULK, it is at most one row.
        """

    async def step(self) -> Row | None:
        """One GETNEXT from the last OID: the next row, or None when the agent says that the subtree has ended."""


class Session(Protocol):
    """The way to one device with one credential. One request at a time; the device object sees to that.

    Every call raises an ``SnmpError`` and nothing else, within ``timeout`` seconds of its own (twice that where
    SNMPv3 has to find the engine first).
    """

    engine: Engine | None
    """As of the last discovery; None before it, and over SNMPv1 and v2c."""

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """The values that are there, by OID. Over SNMPv1, too, one that is not there does not hide the others."""

    def walk(self, root: str, repetitions: int) -> Walk:
        """A walk of what is under ``root``; sends nothing yet."""

    def close(self) -> None:
        """Free the socket. A request under way ends with NoReply."""


class Sessions(Protocol):
    """What an engine module offers under the name ``open_session``."""

    def __call__(self, address: Address, credential: Credential, timeout: float) -> Session: ...
