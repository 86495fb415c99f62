"""Who this agent is: the CI of this machine and the ``instance`` of its series.

The CI's id must survive a rename and a new address, so it is made from the machine-id (machine-id(5)), which is itself
confidential and therefore hashed with our name, as sd_id128_get_machine_app_specific(3) asks. A machine without one (a
container) gets an id of its own, kept in the state directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
from pathlib import Path

import msgspec

from agent.core.model import Ci

AUTO = "auto"
OWN_ID_FILE = "machine-id"
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")


class Self(msgspec.Struct, frozen=True):
    """``instance`` is the host name: what people call this machine today."""

    ci: Ci
    instance: str


def host_name() -> str:
    return socket.gethostname() or "localhost"


def identify(configured: str, root: Path, state: Path) -> Self:
    """``configured`` is ``identity.ci``; ``root`` the host's root file system; ``state`` the state directory.

    OSError: this machine has no id, and none can be kept.
    """
    name = host_name()
    if configured != AUTO:
        return Self(Ci(id=configured, name=configured), name)
    machine = _read(root / "etc/machine-id") or _read(state / OWN_ID_FILE) or _made(state / OWN_ID_FILE)
    digest = hashlib.sha256(b"tocsin:" + machine.encode()).hexdigest()[:24]
    return Self(Ci(id=f"machine:{digest}", name=name), name)


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""  # absent, empty or "uninitialized": the next source tells
    return text if _MACHINE_ID.fullmatch(text) and text.strip("0") else ""


def _made(path: Path) -> str:
    """A new id, kept durably: the next start must find this one, or every open incident would have a twin."""
    text = secrets.token_hex(16)
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return text
