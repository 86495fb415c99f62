"""The series of one metric by the value of a label, for selectors that want one device out of a thousand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rules.timeline import Series

MANY = 256
"""Series of a metric from which on they are sorted into buckets: fewer are quicker looked through."""
_FEW = 64
"""Series that need no further narrowing."""
_Buckets = dict[str, list[Series]]


class ByLabel:
    """Made for a metric and a label when a selector first asks; anew when the metric has other series."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, dict[str, _Buckets]]] = {}

    def narrowed(
        self, name: str, family: Sequence[Series], generation: int, wanted: Iterable[tuple[str, str]]
    ) -> Sequence[Series]:
        """The series of the family that may have these labels and values, in its order: not all others are left out.

        ``generation`` is another one when the family is. A value is never empty: an absent label is no bucket.
        """
        made = self._made.get(name)
        if made is None or made[0] != generation:
            made = self._made[name] = (generation, {})
        found = family
        for label, value in wanted:
            buckets = made[1].get(label)
            if buckets is None:
                buckets = made[1][label] = _sorted(family, label)
            bucket = buckets.get(value, ())
            if len(bucket) < len(found):
                found = bucket
            if len(found) <= _FEW:
                break
        return found

    def forget(self, name: str) -> None:
        """The metric has no series any more."""
        self._made.pop(name, None)


def _sorted(family: Iterable[Series], label: str) -> _Buckets:
    buckets: _Buckets = {}
    for series in family:
        for name, value in series.labels:
            if name == label:
                buckets.setdefault(value, []).append(series)
                break
    return buckets
