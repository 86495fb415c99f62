"""Where configuration and state are when nobody says, and what else the environment tells us."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_CONFIG = Path("/etc/tocsin/tocsin.yaml")
SYSTEM_STATE = Path("/var/lib/tocsin")


def default_config() -> Path | None:
    """The system's configuration file if there is one; None means the embedded defaults."""
    return SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None


def state_directory(configured: str, environ: Mapping[str, str] = os.environ, uid: int | None = None) -> Path:
    """The directory for ``state.directory`` (``auto`` or a path).

    ``auto`` is ``$STATE_DIRECTORY`` under systemd (systemd.exec(5); the first of several), ``/var/lib/tocsin`` for
    root, ``$XDG_STATE_HOME/tocsin`` or ``~/.local/state/tocsin`` for others (XDG Base Directory Specification 0.8).
    """
    if configured != "auto":
        return Path(configured)
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if (os.geteuid() if uid is None else uid) == 0:
        return SYSTEM_STATE
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path(environ.get("HOME", "/")) / ".local" / "state") / "tocsin"


def colour_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment allows colours on a terminal (https://no-color.org, and terminals that cannot)."""
    return not environ.get("NO_COLOR") and environ.get("TERM", "") != "dumb"


def completing(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the shell runs us to complete a command line (argcomplete's protocol)."""
    return "_ARGCOMPLETE" in environ
