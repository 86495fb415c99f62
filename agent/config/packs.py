"""Rule packs: rule files shipped in ``rules/packs`` and ``rules/packs/examples``, or offered by other distributions.

An entry point in the group ``tocsin.packs`` names a package that holds ``NAME.rules.yml`` as a data file. The package
is imported only when its pack is asked for: one that is broken must not be in the way of the others.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable

from agent.config.files import MAX_BYTES, FilesError

GROUP = "tocsin.packs"
PREFIX = "pack:"
"""What a pack is named with in messages, in place of the path of a file."""
_SUFFIX = ".rules.yml"


@cache
def _found() -> dict[str, list[Traversable | EntryPoint]]:
    """Who offers each pack; one of two is a mistake."""
    built_in = files("rules") / "packs"
    packs: dict[str, list[Traversable | EntryPoint]] = {
        entry.name.removesuffix(_SUFFIX): [entry]
        for folder in (built_in, built_in / "examples")
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX)
    }
    for point in entry_points(group=GROUP):
        packs.setdefault(point.name, []).append(point)
    return packs


def available() -> tuple[str, ...]:
    """Names of all packs, sorted."""
    return tuple(sorted(_found()))


def read(name: str) -> tuple[str, bytes]:
    """File name for messages, and text, of a pack. Raises FilesError; KeyError when there is no pack of this name."""
    first, *others = _found()[name]
    if others:
        offered = " and ".join(_origin(each) for each in (first, *others))
        raise FilesError(f"rule pack '{name}' is offered twice, by {offered}; uninstall one")
    try:
        entry = files(first.value) / f"{name}{_SUFFIX}" if isinstance(first, EntryPoint) else first
        with entry.open("rb") as file:
            return f"{PREFIX}{name}", file.read(MAX_BYTES + 1)
    except Exception as error:  # importing a package may raise anything
        raise FilesError(
            f"rule pack '{name}' from {_origin(first)} cannot be read: {type(error).__name__}: {error}"
            " (repair or remove that package, or leave the pack out)"
        ) from error


def _origin(offer: Traversable | EntryPoint) -> str:
    if not isinstance(offer, EntryPoint):
        return "Tocsin"
    return f"package {offer.dist.name!r}" if offer.dist is not None else f"entry point {offer.value!r}"
