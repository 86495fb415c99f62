"""Rule packs: rule files shipped in ``rules/packs/NAME.rules.yml``, or offered by other distributions.

An entry point in the group ``tocsin.packs`` names a package that holds ``NAME.rules.yml`` as a data file.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable

from agent.config.files import MAX_BYTES, FilesError

GROUP = "tocsin.packs"
_SUFFIX = ".rules.yml"


@cache
def _found() -> dict[str, Traversable]:
    built_in = files("rules") / "packs"
    packs = {entry.name.removesuffix(_SUFFIX): entry for entry in built_in.iterdir() if entry.name.endswith(_SUFFIX)}
    for point in entry_points(group=GROUP):
        if point.name in packs:
            raise FilesError(f"rule pack '{point.name}' is offered twice, by {point.value} too; uninstall one")
        packs[point.name] = files(point.value) / f"{point.name}{_SUFFIX}"
    return packs


def available() -> tuple[str, ...]:
    """Names of all packs, sorted."""
    return tuple(sorted(_found()))


def read(name: str) -> tuple[str, bytes]:
    """File name for messages, and text, of a pack. Raises FilesError; KeyError when there is no pack of this name."""
    entry = _found()[name]
    try:
        with entry.open("rb") as file:
            return f"pack:{name}", file.read(MAX_BYTES + 1)
    except (OSError, ModuleNotFoundError) as error:
        raise FilesError(f"rule pack '{name}' cannot be read: {error}") from None
