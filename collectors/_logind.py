"""Sessions as systemd-logind keeps them in /run/systemd/sessions, the files that sd-login(3) reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors._host import Tree

FOLDER = "run/systemd/sessions"
_SESSIONS_LIMIT = 5000
_FILE_LIMIT = 16384
_ID = re.compile(r"[A-Za-z0-9_-]+")


class Session(NamedTuple):
    """One session; ``user`` is a name, or a number where the name is not known."""

    user: str
    seat: str
    remote: bool
    type: str
    kind: str
    closing: bool


def sessions(root: Tree) -> Iterator[Session]:
    """All of them, also those that are closing."""
    for name in root.some(FOLDER, _SESSIONS_LIMIT) or ():
        text = root.find(f"{FOLDER}/{name}", _FILE_LIMIT) if _ID.fullmatch(name) else None
        if text:  # otherwise it has just ended
            yield parse(text)


def parse(text: str) -> Session:
    """From lines NAME=VALUE."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return Session(
        values.get("USER") or values.get("UID", ""), values.get("SEAT", ""), values.get("REMOTE") == "1",
        values.get("TYPE", ""), values.get("CLASS", ""), values.get("STATE") == "closing",
    )  # fmt: skip
