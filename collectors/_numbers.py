"""Whole numbers out of files that hold nothing else, as most of sysfs and /proc/sys do."""

from __future__ import annotations

from collectors._host import Tree
from collectors._model import CollectorError

_DIGITS = 20
"""As many as 2**64 has; what is longer is no counter of a kernel."""


def whole(tree: Tree, path: str) -> float | None:
    """The number in a one-value file; None when there is no such file or its driver does not support it just now."""
    text = tree.attribute(path)
    if not text:
        return None
    if len(text) > _DIGITS or not text.removeprefix("-").isdecimal():
        raise CollectorError(f"{tree.root}{path}: not a whole number: {text!r:.40}")
    return float(text)


def counts(fields: list[str], where: str, base: int = 10) -> list[int]:
    """The numbers in ``fields``; CollectorError naming ``where`` when one is none, or longer than a counter can be."""
    try:
        if max(map(len, fields), default=0) <= _DIGITS:
            return [int(field, base) for field in fields]
    except ValueError:
        pass
    raise CollectorError(f"{where}: not all are whole numbers: {' '.join(fields)!r:.80}")
