"""The values and contracts of this package; ``collectors.api`` is where others import them from."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from enum import Enum
from typing import NamedTuple, Protocol

import msgspec

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, without ``__name__`` and without empty values."""


class MetricType(Enum):
    """The type of a family. What is measured here is one of the first three; a text file may hold the others too."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNTYPED = "untyped"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


class Metric(msgspec.Struct, frozen=True):
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


class Notice(NamedTuple):
    """Something a person should mend though the collection went well: an expected device that is not there."""

    text: str


class CollectorError(Exception):
    """The thing is there but could not be read; the text says what, and how to mend it when that is known.

    A collector raises this after yielding what it could read. "Nothing there" is not an error: yield nothing.
    """


class Collector(Protocol):
    """One source of samples. ``collect`` is called once a cycle and never concurrently with itself.

    A collector that holds something open between cycles may add ``async def aclose(self) -> None``. One whose samples
    are about other things than this host says ``honor_labels = True``: their own ``instance`` and ``job`` stay.
    """

    def collect(self) -> Iterable[Sample | Notice] | Awaitable[Iterable[Sample | Notice]]: ...


PARTS = {
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.SUMMARY: ("_sum", "_count"),
}
"""What the names of a family's samples end with beside its own."""


def family_of(name: str, families: Mapping[str, Metric]) -> Metric | None:
    """The family of a sample by its name: its own, or the histogram or summary it is a part of."""
    found = families.get(name)
    if found is not None:
        return found
    base, _, end = name.rpartition("_")
    found = families.get(base)
    return found if found is not None and f"_{end}" in PARTS.get(found.type, ()) else None


def labels(**pairs: str) -> Labels:
    """Label pairs in canonical form: sorted by name, empty values dropped."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


def gauge(name: str, help: str, *label_names: str) -> Metric:
    """A gauge; the unit is in the name and in the help text."""
    return Metric(name, MetricType.GAUGE, help, label_names)


def counter(name: str, help: str, *label_names: str) -> Metric:
    """A counter that only grows until the kernel or the device restarts it."""
    return Metric(name, MetricType.COUNTER, help, label_names)


def untyped(name: str, help: str, *label_names: str) -> Metric:
    """A number the kernel shows without saying whether it only grows."""
    return Metric(name, MetricType.UNTYPED, help, label_names)
