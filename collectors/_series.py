"""Admission of samples: a series is examined once and its final labels remembered; each later cycle is a look-up."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from collectors._model import Labels, Notice, Sample

RESERVED = frozenset(
    {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "node_scrape_collector_duration_seconds",
        "node_scrape_collector_success",
    }
)
"""Names the frame itself gives; a collector (or a file somebody dropped) must not speak in its place."""

_LABEL_LIMIT = 64
_VALUE_LIMIT = 4096

_NAME_LIMIT = 1024

_Key = tuple[str, Labels]
_new = partial(tuple.__new__, Sample)
"""A Sample from what is known to be its parts; its own constructor takes half as long again."""


def _is_name(text: str) -> bool:
    """Any text is a name, as in Prometheus 3, but for control characters and surrogates."""
    return 0 < len(text) <= _NAME_LIMIT and text.isprintable()


class _Known:
    """Labels that were examined: what they became, and by name the last cycle that gave a series with them."""

    __slots__ = ("final", "given")

    def __init__(self, final: Labels) -> None:
        self.final = final
        self.given: dict[str, int] = {}


class SeriesCache:
    """Final labels of the series of one collector.

    ``instance``, ``job`` and ``extra`` are added. Where a sample has such a label itself it is kept as
    ``exported_instance`` or ``exported_job``, as Prometheus does with ``honor_labels: false``. With ``honor`` it
    is left as it is, as there with true. Metrics of the same labels share what is remembered of these.
    """

    __slots__ = ("_count", "_cycle", "_honor", "_known", "_refused", "target")

    def __init__(self, job: str, instance: str, extra: Labels = (), *, honor: bool = False) -> None:
        self._honor = honor
        self.target: Labels = tuple(sorted((("instance", instance), ("job", job), *extra)))
        self._cycle = 0
        self._count = 0
        """The series that are known."""
        self._known: dict[Labels, _Known] = {}
        self._refused: dict[_Key, str] = {}

    def admit(self, items: Iterable[Sample | Notice]) -> tuple[list[Sample], list[str], int]:
        """Samples to store, warnings, and how many samples were dropped."""
        stored: list[Sample] = []
        warnings: list[str] = []
        dropped = 0
        mistake = ""
        known = self._known
        self._cycle = cycle = self._cycle + 1
        for item in items:
            if type(item) is Sample:
                name, labels, value, time = item
                last: int | None = None
                wrong = ""
                try:
                    held = known.get(labels)  # the one time they are hashed: that costs more than all the rest
                    if held is not None:
                        last = held.given.get(name)
                    if last is None:
                        held, wrong = self._examine(name, labels, held)
                except TypeError:  # labels that cannot be hashed: lists where tuples belong
                    held, wrong = None, "labels are not a tuple of pairs"
                if held is not None:
                    # As nearly all are: nothing below has anything to say of it.
                    if last != cycle and type(value) is float and (time is None or type(time) is int):
                        held.given[name] = cycle
                        stored.append(_new((name, held.final, value, time)))
                        continue
                    if last == cycle:
                        wrong = "given twice in one cycle"
                    held.given[name] = cycle
                if not wrong and type(value) is not float:
                    wrong = "" if type(value) is int else f"value {value!r:.40} is not a number"
                if not wrong and not (time is None or type(time) is int):
                    wrong = f"time {time!r:.40} is not whole milliseconds"
                if wrong or held is None:
                    dropped += 1
                    mistake = mistake or f"{name!r:.100} dropped: {wrong}"
                else:
                    stored.append(Sample(name, held.final, float(value), time))
            elif type(item) is Notice:
                warnings.append(str(item.text))
            else:
                dropped += 1
                mistake = mistake or f"{type(item).__name__} dropped: not a Sample"
        if mistake:
            warnings.append(mistake if dropped == 1 else f"{mistake} (and {dropped - 1} more)")
        self._forget(len(stored) + dropped)
        return stored, warnings, dropped

    def _examine(self, name: str, labels: Labels, held: _Known | None) -> tuple[_Known | None, str]:
        """A series that is not known, ``held`` when its labels are; None with the reason when it is refused."""
        wrong = self._refused.get((name, labels))
        if wrong is None:
            try:
                _check_name(name)
                if held is None:
                    held = self._known[labels] = _Known(self._finalise(labels))
            except (ValueError, TypeError, AttributeError) as error:
                wrong = self._refused[name, labels] = str(error)
            else:
                self._count += 1
                return held, ""
        return None, wrong

    def _finalise(self, labels: Labels) -> Labels:
        """Check labels once. Raises ValueError (or what a wrong type raises) with the reason they are refused."""
        if len(labels) > _LABEL_LIMIT:
            raise ValueError(f"more than {_LABEL_LIMIT} labels")
        final: dict[str, tuple[str, str]] = {}
        for pair in labels:
            label, value = pair
            if not _is_name(label) or label == "__name__":
                raise ValueError(f"{label!r:.100} is not a valid label name")
            if label in final:
                raise ValueError(f"label {label} is there twice")
            if len(value) > _VALUE_LIMIT:
                raise ValueError(f"the value of label {label} is longer than {_VALUE_LIMIT} characters")
            if value:
                clean = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                final[label] = pair if clean == value and type(pair) is tuple else (label, clean)
        for pair in self.target:
            label = pair[0]
            if label in final:
                if self._honor:
                    continue
                final[f"exported_{label}"] = (f"exported_{label}", final[label][1])
            final[label] = pair
        return tuple(sorted(final.values()))

    def _forget(self, given: int) -> None:
        """Keep memory in proportion to what is alive: once most of what is remembered is gone, keep the living."""
        if self._count > 2 * given + 64:
            for held in self._known.values():
                held.given = {name: last for name, last in held.given.items() if last == self._cycle}
            self._known = {labels: held for labels, held in self._known.items() if held.given}
            self._count = sum(len(held.given) for held in self._known.values())
        if len(self._refused) > 2 * given + 64:
            self._refused.clear()


def _check_name(name: str) -> None:
    """ValueError, or what a wrong type raises, for what cannot be the name of a collector's series."""
    if not _is_name(name):
        raise ValueError("not a valid metric name")
    if name in RESERVED:
        raise ValueError("the name belongs to the frame")
