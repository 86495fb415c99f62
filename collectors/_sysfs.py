"""Small helpers for collectors of hardware: numbers as drivers write them, devices one after the other, their texts.

Drivers differ in what they fill in. A file without a number (``N/A``, ``unknown``, empty) is a value the hardware does
not have: no series. A file that may not be read is an error, but only of its own device.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from collectors._model import CollectorError, Labels, Sample

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,16}")
_REMEMBERED = 1024
Item = TypeVar("Item")


def number_in(text: str | None) -> int | None:
    """A decimal number, or one in C's hexadecimal form; None for anything else."""
    if text is None:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    return int(text, 16) if _HEX.fullmatch(text) else None


def each(items: Iterable[Item], read: Callable[[Item], Iterable[Sample]]) -> Iterator[Sample]:
    """Samples of each item. One that cannot be read does not silence those behind it: the first error comes last."""
    broken: CollectorError | None = None
    for item in items:
        try:
            yield from read(item)
        except CollectorError as error:
            broken = broken or error
    if broken is not None:
        raise broken


class TextLabels:
    """Labels of a device made of its name and its texts, made anew only when a text changed.

    ``names`` are the label names: the device's own first, then one for each text; an empty text makes no label.
    """

    __slots__ = ("_held", "_names")

    def __init__(self, *names: str) -> None:
        self._names = names
        self._held: dict[str, tuple[tuple[str, ...], Labels]] = {}

    def of(self, device: str, *texts: str) -> Labels:
        held = self._held.get(device)
        if held is not None and held[0] == texts:
            return held[1]
        if len(self._held) >= _REMEMBERED:
            self._held.clear()
        pairs = zip(self._names, (device, *texts), strict=True)
        made: Labels = tuple(sorted((name, text) for name, text in pairs if text))
        self._held[device] = (texts, made)
        return made
