"""Updates that wait, as the files of one package management tell them: what apt's and dnf's have in common."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from typing import NamedTuple, Protocol

from collectors._model import Notice, Sample


class Updates(NamedTuple):
    """What a look at all the files found."""

    samples: list[Sample]
    notices: list[Notice]


class Lists(Protocol):
    """The files of one package management."""

    def state(self) -> Hashable:
        """What changes whenever a look may find something else; None where there are no such files."""

    def checked(self) -> Sample | None:
        """When the lists were last compared with their servers; None when that is not known yet."""

    def look(self) -> Generator[None, None, Updates]:
        """Reads everything, a piece at each step. Raises Unreadable, CollectorError."""
