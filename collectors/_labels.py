"""Small helpers shared by collectors: labels made once, and the notice for what ``expect`` names."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from collectors._model import Labels, Notice

NONE: Labels = ()
_REMEMBERED = 4096


class OneLabel(dict[str, Labels]):
    """Labels that consist of one pair, by value: ``OneLabel("device")["eth0"]``. Made once, bounded in number."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, value: str) -> Labels:
        if len(self) >= _REMEMBERED:
            self.clear()
        made: Labels = ((self._name, value),) if value else ()
        self[value] = made
        return made


def missing(what: str, expected: Iterable[str], seen: Container[str]) -> Iterator[Notice]:
    """A notice for each expected name not seen; ``what`` is the noun for a person: device, mount point."""
    for name in expected:
        if name not in seen:
            yield Notice(
                f"expected {what} {name!r} is not there: it is gone, was never there, or a filter leaves it out"
                " (mend the host, or the name under `expect`)"
            )
