"""The shipped profiles: read from the package, each once, when they are asked for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from collectors.snmp.profile import Profile

_SUFFIX = ".yml"


@cache
def shipped_names() -> tuple[str, ...]:
    """Names of all shipped profiles, sorted."""
    folder = files("collectors.snmp").joinpath("profiles")
    return tuple(sorted(e.name.removesuffix(_SUFFIX) for e in folder.iterdir() if e.name.endswith(_SUFFIX)))


def shipped_text(name: str) -> str:
    """The file of a shipped profile; KeyError when there is none of that name."""
    if name not in shipped_names():
        raise KeyError(name)
    return files("collectors.snmp").joinpath("profiles", name + _SUFFIX).read_text("utf-8")


def all_shipped() -> dict[str, Profile]:
    """Every shipped profile by name (about 50 ms and 2 MB the first time)."""
    return {name: shipped(name) for name in shipped_names()}


@cache
def shipped(name: str) -> Profile:
    """A shipped profile; KeyError when there is none of that name. That each is well formed is for the tests."""
    import yaml  # noqa: PLC0415 - the agent has it loaded only where there is a file to read

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every scalar stays text, which its field converts
    return msgspec.convert(yaml.load(shipped_text(name), loader), Profile, strict=False)  # noqa: S506 - no types are made
