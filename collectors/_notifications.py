"""What devices send by themselves. All of it is imported only where the configuration asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from socket import socket
from typing import Any, Protocol

from collectors._model import Collector, Metric, Notice, Sample
from collectors._options import Reveal
from collectors._targets import TargetScheduler

TRAPS = "snmp_traps"
"""The name of the collector."""


class TrapStation(Protocol):
    """What takes notifications in: one for a process, whatever becomes of its configuration."""

    def apply(self, settings: Any) -> None:
        """Go on by what ``trap_settings`` gave; None: listen no more."""

    async def collect(self) -> Iterable[Sample | Notice]:
        """As a collector."""

    async def aclose(self) -> None:
        """Listen no more, for good."""


def wants_traps(options: Any) -> bool:
    """Whether the options of a kind of target ask for notifications."""
    return getattr(options, "traps", None) is not None


def trap_settings(options: Any, reveal: Reveal, targets: TargetScheduler | None) -> object:
    """From options without a mistake that want them. ``targets`` are those that a notification may have measured."""
    from collectors.snmp.traps.build import build  # noqa: PLC0415 - see above

    return build(options, reveal, targets)


def trap_station(state: Path, passed: Sequence[socket]) -> TrapStation:
    """The receiver of a process; it keeps what it knows in the directory ``state``. Nothing is opened yet."""
    from collectors.snmp.traps.station import Station  # noqa: PLC0415

    return Station(state, passed)


def trap_collector(station: TrapStation) -> tuple[Collector, tuple[Metric, ...]]:
    """The receiver as a collector for one frame, and what it declares."""
    from collectors.snmp.traps.station import TrapCollector  # noqa: PLC0415

    return TrapCollector(station), trap_metrics()


def trap_metrics() -> tuple[Metric, ...]:
    """What the receiver declares."""
    from collectors.snmp.traps.station import METRICS  # noqa: PLC0415

    return METRICS
