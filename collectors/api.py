"""What a collector is, and the values it makes. Third-party collectors import this module and nothing else of ours.

A collector is one file in this package (or one entry point in the group ``tocsin.collectors``) that measures one thing.
The module offers three names::

    METRICS: tuple[Metric, ...]        every family it can produce; docs and lints are generated from it
    class Options(msgspec.Struct, ...) its section of the configuration, frozen, unknown fields forbidden
    def build(options: Options, host: HostFS) -> Collector

``build`` validates and does no I/O. A blocking collector defines ``def collect(self) -> Iterable[Sample]`` and runs on a
worker thread; one that speaks an asyncio library defines ``async def collect(self)``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, without ``__name__`` and without empty values."""


class MetricType(Enum):
    """The OpenMetrics type of a family."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNTYPED = "untyped"


@dataclass(frozen=True, slots=True)
class Metric:
    """A family a collector declares: its name, type, help text (with the unit in words) and label names."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One measured value.

    ``value`` is in the base unit the metric's name states (seconds, bytes, ratio). ``time`` is milliseconds since the
    epoch, or None for the time of the collection that made it.
    """

    name: str
    labels: Labels
    value: float
    time: int | None = None


class CollectorError(Exception):
    """The thing is there but could not be read; the text says what, and how to mend it when that is known.

    A collector raises this after yielding what it could read. "Nothing there" is not an error: yield nothing.
    """


class Collector(Protocol):
    """One source of samples. ``collect`` is called once a cycle and never concurrently with itself."""

    def collect(self) -> Iterable[Sample] | Awaitable[Iterable[Sample]]: ...


def labels(**pairs: str) -> Labels:
    """Label pairs in canonical form: sorted by name, empty values dropped."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


__all__ = ["Collector", "CollectorError", "Labels", "Metric", "MetricType", "Sample", "labels"]
