"""Profiles from a ``generator.yml`` of snmp_exporter, for the one command that makes them.

What that needs, a parser of MIBs above all, is loaded when it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec


class Imported(msgspec.Struct, frozen=True):
    """A profile, as the text of its file, and what could not be carried over, a line each. ``usable`` says whether the
    text has something to read and no mistake.
    """

    name: str
    text: str
    notes: tuple[str, ...]
    usable: bool


class CannotImportError(Exception):
    """Nothing can be imported; the text says why and what helps."""


def import_profiles(generator: str, folders: Iterable[Path], names: Iterable[str] = ()) -> Iterator[Imported]:
    """The modules of the file as profiles, in its order: all of them, or those of these names.

    ``folders``: where MIBs are. Raises ``CannotImportError``.
    """
    from collectors.snmp.import_generator import modules, profile_from  # noqa: PLC0415 - see above
    from collectors.snmp.mibs import Mibs  # noqa: PLC0415

    found = modules(generator)
    wanted = list(names) or list(found)
    for name in wanted:
        if name not in found:
            raise CannotImportError(f"the file has no module {name[:60]!a}; it has {', '.join(found)[:300]}")
    mibs = Mibs(folders)
    for name in wanted:
        yield profile_from(name, found[name], mibs)
