"""Whether a device started anew between two polls. Pure.

``sysUpTime`` alone cannot say: it counts hundredths of a second in 32 bits, so it begins again after 497 days, and on
many devices it is that of the SNMP service. SNMPv3's engine knows better: ``snmpEngineBoots`` grows with every start,
and ``snmpEngineTime`` counts seconds since then for 68 years (RFC 3418, RFC 3411).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collectors.snmp.port import Value

UPTIME = "1.3.6.1.2.1.1.3.0"
ENGINE_BOOTS = "1.3.6.1.6.3.10.2.1.2.0"
ENGINE_TIME = "1.3.6.1.6.3.10.2.1.3.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
_TICKS = 1 << 32
_TOLERANCE = 0.1
"""Share by which a device's clock may run wrong, and ``_JITTER`` seconds by which a reading may come late."""
_JITTER = 30.0


class Uptime(msgspec.Struct, frozen=True):
    """What a device said of its age, read at ``at`` (seconds on a steady clock). -1: it does not say."""

    at: float
    ticks: int = -1
    boots: int = -1
    engine_time: int = -1


def uptime(values: Mapping[str, Value], at: float) -> Uptime:
    """Out of a reply; what is missing, or is no such number, is not said."""
    return Uptime(at, _number(values, UPTIME, _TICKS), _number(values, ENGINE_BOOTS), _number(values, ENGINE_TIME))


def restarted(before: Uptime, after: Uptime) -> bool:
    """Whether what counts on the device may have started anew in between.

    In doubt it may: a counter that went on is recognised by its value, one that started anew only by this. A device
    that says nothing of its age never started anew.
    """
    if before.boots >= 0 and after.boots >= 0 and before.boots != after.boots:
        return True
    if before.ticks < 0 or after.ticks < 0:
        return _fell(before.engine_time, after.engine_time)
    if after.ticks >= before.ticks:
        # Ahead of real time by a lot: the device was off for long, and older than it was by now.
        return _too_young(before, after)
    if before.engine_time >= 0 and after.engine_time >= 0:
        return after.engine_time < before.engine_time
    return _too_young(before, after)


def _fell(before: int, after: int) -> bool:
    return 0 <= after < before


def _too_young(before: Uptime, after: Uptime) -> bool:
    """Whether the ticks between the readings, on the clock that begins again, are not the time that passed."""
    passed = after.at - before.at
    ticked = ((after.ticks - before.ticks) % _TICKS) / 100
    return abs(ticked - passed % (_TICKS / 100)) > _JITTER + passed * _TOLERANCE


def _number(values: Mapping[str, Value], oid: str, below: int = 1 << 31) -> int:
    value = values.get(oid)
    return value if type(value) is int and 0 <= value < below else -1
