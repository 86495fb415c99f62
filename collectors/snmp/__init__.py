"""SNMP: network devices as targets, under snmp_exporter's names, with profiles as data.

A kind of target (``collectors/_targets.py``); what the agent uses is exported here. Loaded only where SNMP is
configured. ``METRICS`` are the families of the shipped profiles, which are read when somebody asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from collectors.snmp.build import build, check, labels
from collectors.snmp.options import Options
from collectors.snmp.profile import Profile

if TYPE_CHECKING:
    from collectors._model import Metric

    METRICS: tuple[Metric, ...]

__all__ = ["METRICS", "Modules", "Options", "Profile", "build", "check", "labels"]


class Modules(Struct, frozen=True):
    """There are none: what other kinds of targets have in modules is in profiles here."""


def __getattr__(name: str) -> Any:
    if name != "METRICS":
        raise AttributeError(name)
    from collectors.snmp.declared import declared  # noqa: PLC0415 - see above
    from collectors.snmp.load import all_shipped  # noqa: PLC0415
    from collectors.snmp.own import OWN  # noqa: PLC0415
    from collectors.snmp.traps.station import METRICS as OF_TRAPS  # noqa: PLC0415

    globals()["METRICS"] = metrics = (*declared(all_shipped().values()), *OWN, *OF_TRAPS)
    return metrics
