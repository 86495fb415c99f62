"""Profiles: sets of defaults for a kind of machine, as configuration files that lie beneath the one people write."""

from __future__ import annotations

from importlib.resources import files

from rules.api import Mapping, Node, Scalar, read_yaml

SUFFIX = ".yaml"


def with_profile(root: Node, name: str) -> Node:
    """The configuration ``root`` over the profile; ``''`` is no profile."""
    if not name:
        return root
    file = f"{name}{SUFFIX}"
    defaults, problems = read_yaml((files(__name__) / file).read_bytes(), file)
    if defaults is None or problems:
        raise ValueError(f"the profile {name} cannot be read: {problems}")
    return _over(root, defaults)


def _over(written: Node, beneath: Node) -> Node:
    """Mappings join; of anything else, what is written stands. ``key:`` with nothing behind it is an empty mapping."""
    if isinstance(written, Scalar) and written.is_null and isinstance(beneath, Mapping):
        return beneath
    if not (isinstance(written, Mapping) and isinstance(beneath, Mapping)):
        return written
    own = {key.value for key, _ in written.items}
    joined = []
    for key, value in written.items:
        under = beneath.get(key.value)
        joined.append((key, value if under is None else _over(value, under)))
    joined += [(key, value) for key, value in beneath.items if key.value not in own]
    return Mapping(tuple(joined), written.line, written.column)
