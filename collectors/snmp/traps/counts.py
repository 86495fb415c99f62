"""What became of every datagram: each is counted exactly once, as taken or as dropped for one reason."""

from __future__ import annotations

from enum import Enum

from collectors.snmp.traps.message import Version


class Drop(Enum):
    """Why a datagram is no notification for us, in the order in which it is asked."""

    TOO_LARGE = "too_large"
    UNKNOWN_SOURCE = "unknown_source"
    SOURCE_LIMIT = "source_limit"
    LIMIT = "limit"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    COMMUNITY = "community"
    DISCOVERY = "discovery"
    """A sender of informs asked for our engine id, and was told."""
    USER = "user"
    LEVEL = "level"
    AUTHENTICATION = "authentication"
    TIME_WINDOW = "time_window"
    DECRYPTION = "decryption"
    NO_NOTIFICATION = "no_notification"
    DUPLICATE = "duplicate"
    INTERNAL = "internal"
    """A defect of ours: what cannot happen happened, and goes no further than its datagram."""


class Counts:
    """Counters since the start of the process. ``received`` is the sum of all others."""

    def __init__(self) -> None:
        self.received = 0
        self.taken = dict.fromkeys(Version, 0)
        self.informs = 0
        """Of ``taken``, those that were acknowledged."""
        self.dropped = dict.fromkeys(Drop, 0)
