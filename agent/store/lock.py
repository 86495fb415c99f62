"""One process per state directory: a flock(2) on ``tocsin.lock``, with the holder's pid in it for people.

The kernel drops the lock with its process, so a dead holder needs no clean-up and no pid is ever trusted.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agent.store.errors import StateBusy

NAME = "tocsin.lock"


class DirectoryLock:
    """Held from construction to ``release``. Raises StateBusy at once when somebody else holds it."""

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StateBusy(str(directory), int(text) if text.isdecimal() else 0) from None
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError:
            pass  # the disk is full: people do without the pid, the lock holds all the same

    def release(self) -> None:
        """Let go; the file stays, because removing it would race with the next holder."""
        os.close(self._fd)
