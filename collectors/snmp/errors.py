"""What goes wrong when a device is asked.

::

    CollectorError
    └── SnmpError       the device was asked and did not give what was wanted
        ├── NoReply     nothing came back: down, filtered, another community, view or privacy key
        ├── Refused     something came back, and it says that we may not: user, key, level, time window
        ├── TooBig      the answer does not fit into one message, however little is asked for
        └── Malformed   what came back is no SNMP, or breaks its rules

The texts name the host and what to look at, and never a secret.
"""

from __future__ import annotations

from enum import Enum

from collectors._model import CollectorError


class Fault(Enum):
    """What is in the way of one request, as far as it shows by itself; ``diagnose.py`` finds out more."""

    OTHER = "other"
    SECRET = "secret"  # noqa: S105 - a name, not a secret
    """The credential has no secret that can be used; nothing was sent."""
    NAME = "name"
    """The host's name leads to no address."""
    ROUTE = "route"
    """The network says that there is no way to it, or this host has none."""
    PORT = "port"
    """The host says that nobody listens there."""
    SILENCE = "silence"
    """Nothing came back."""
    SILENCE_TO_USER = "silence_to_user"
    """It told its engine id to anybody, and says nothing to this user."""
    USER = "user"
    """It knows no such user."""
    LEVEL = "level"
    """The user is there with less (or more) than was asked with."""
    DIGEST = "digest"
    """The key or the protocol of authentication is another one."""
    DECRYPTION = "decryption"
    """The key or the protocol of encryption is another one."""
    TIME = "time"
    """It says that our messages are too old or too new, even after telling its time."""
    ENGINE = "engine"
    """It does not know its own engine id again."""
    ACCESS = "access"
    """It knows who asks, and does not let them read."""
    DEFECT = "defect"
    """Its answer is no SNMP, or an error of its own."""


class SnmpError(CollectorError):
    """The device was asked and did not give what was wanted."""

    def __init__(self, text: str = "", fault: Fault = Fault.OTHER) -> None:
        super().__init__(text)
        self.fault = fault


class NoReply(SnmpError):
    """No reply in time, however often it was asked."""


class Refused(SnmpError):
    """The device answered that this user, key, level or view may not."""


class TooBig(SnmpError):
    """The device says that its answer does not fit into one message."""


class Malformed(SnmpError):
    """A reply that cannot be read, or an error of the agent itself (genErr)."""
