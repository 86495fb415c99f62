"""Whether the four package names are ours alone, and where our command is.

The names are generic, and two programs mixed would misbehave in odd ways. Imports nothing of the other three packages,
so that it can tell about them before they are imported.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

NAMES = ("agent", "collectors", "integrations", "rules")
OURS = "tocsin"
_MEND = "install Tocsin in an environment of its own"


def clash() -> str | None:
    """A text when one of our packages would be imported from another place than this one."""
    ours = Path(__file__).resolve().parent.parent
    for name in NAMES:
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or []) if spec is not None else []
        homes = {Path(place).resolve().parent for place in places}
        if homes != {ours}:
            found = ", ".join(sorted(map(str, homes))) or (spec.origin if spec is not None else None) or "nowhere"
            return f"the package '{name}' comes from {found}, not from {ours}; {_MEND}"
    return None


def other_owner() -> str | None:
    """A text when another installed distribution brings a package of one of our names (some 30 ms)."""
    for distribution in distributions():
        top_level = distribution.read_text("top_level.txt")
        if top_level is not None:
            brought = set(top_level.split())
        else:
            record = distribution.read_text("RECORD") or ""
            brought = {name for name in NAMES if f"\n{name}/" in f"\n{record}"}
        name = next((name for name in NAMES if name in brought), None)
        if name is not None and distribution.name != OURS:
            return f"the distribution '{distribution.name}' brings a package '{name}' too; {_MEND}"
    return None


def typed() -> str:
    """How a person types our command here: a checkout's environment is not on the path of its shell."""
    if any(os.access(Path(place, OURS), os.X_OK) for place in os.get_exec_path()):
        return OURS
    beside = Path(sys.executable).with_name(OURS)
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)
