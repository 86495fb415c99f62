"""The names of the checks of ``agent.config.lints``, told from the listing of its folder: nothing of it is imported."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from pkgutil import iter_modules

PREFIX = "lint/"
"""Stands before the name of a check in findings and silences; the configuration may leave it out."""


@cache
def lint_names() -> tuple[str, ...]:
    """Sorted, without prefix. Modules with an underscore in front only serve the checks."""
    modules = (module.name for module in iter_modules([str(Path(__file__).parent / "lints")]))
    return tuple(sorted(name.replace("_", "-") for name in modules if not name.startswith("_")))
