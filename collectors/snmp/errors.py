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

from collectors._model import CollectorError


class SnmpError(CollectorError):
    """The device was asked and did not give what was wanted."""


class NoReply(SnmpError):
    """No reply in time, however often it was asked."""


class Refused(SnmpError):
    """The device answered that this user, key, level or view may not."""


class TooBig(SnmpError):
    """The device says that its answer does not fit into one message."""


class Malformed(SnmpError):
    """A reply that cannot be read, or an error of the agent itself (genErr)."""
