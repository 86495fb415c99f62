"""Where series come from: one scrape target or collector, and what it gave in its last cycle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isnan
from operator import itemgetter

from rules.model import Labels
from rules.timeline import Series, Timeline

RawSample = tuple[str, Labels, float, int | None]
"""Name, labels sorted by name without ``__name__``, value, and time in ms (None: the time of the cycle)."""


_told = itemgetter(1)


class Slot:
    """What a source calls a series, and the series it became."""

    __slots__ = ("labels", "name", "series")

    def __init__(self, name: str, labels: Labels, series: Series) -> None:
        self.name = name
        self.labels = labels
        self.series = series


class Origin:
    """One scrape target or collector: its timeline and, in ``slots``, the series of its last cycle in order."""

    __slots__ = ("honor_labels", "lookup", "lost", "slots", "target", "timeline")

    def __init__(self, target: Labels, honor_labels: bool) -> None:
        self.timeline = Timeline(shared=True)
        self.slots: list[Slot] = []
        self.lookup: dict[tuple[str, Labels], Slot] = {}
        self.lost: list[Series] = []
        self.target = target
        self.honor_labels = honor_labels

    def lose(self, before: Iterable[Slot]) -> None:
        """The series of ``before`` that its failed cycle did not give are lost."""
        given = set(self.slots)
        for slot in before:
            if slot not in given:
                slot.series.lost = True
                self.lost.append(slot.series)

    def forget_losses(self) -> None:
        for series in self.lost:
            series.lost = False
        self.lost = []

    def repeat(self, rest: Iterator[RawSample], cycle: int) -> tuple[int, RawSample | None]:
        """Append the samples of ``cycle`` while they are those of the last cycle in their order: the fast path.

        Returns how many samples that held for, and the sample that differed.
        """
        timeline = self.timeline
        count = 0
        for slot, sample in zip(self.slots, rest, strict=False):
            name, labels, value, when = sample
            series = slot.series
            values = series.values
            if (
                (labels is not slot.labels and labels != slot.labels)
                or name != slot.name
                or when is not None
                or series.timeline is not timeline
                or series.first + len(values) != cycle
            ):
                return count, sample
            last = values[-1]
            if value != last:
                series.moved = cycle
                if not value > last:
                    series.fell = cycle
                    if isnan(value):
                        series.nan = True
            values.append(value)
            count += 1
        return count, None

    def keeps(self, labels: Labels) -> bool:
        """Whether the labels of a sample are those of its series, so that many series can share the one object."""
        return not self.target and type(labels) is tuple and all(map(_told, labels)) and sorted(labels) == [*labels]

    def labelled(self, labels: Labels) -> dict[str, str]:
        """The labels of a sample with those of the target; of two of one name one wins, as ``honor_labels`` says."""
        pairs = dict(labels)
        for label, value in self.target:
            own = pairs.get(label, "")
            if own and self.honor_labels:
                continue
            pairs[label] = value
            if own:
                exported = "exported_" + label
                while exported in pairs:
                    exported = "exported_" + exported
                pairs[exported] = own
        return pairs
