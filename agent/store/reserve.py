"""A file of real blocks given up when the disk is full, so that the incident about the full disk can be stored."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "tocsin.reserve"
SIZE = 2 * 1024 * 1024  # some hundred commits, and the WAL they need


class Reserve:
    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def make(self) -> bool:
        """Have the reserve there, whole; False when the disk has no room for it now."""
        if self.whole:
            return True
        try:
            fd = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.posix_fallocate(fd, 0, SIZE)
            finally:
                os.close(fd)
        except OSError:
            self.release()
            return False
        return True

    @property
    def whole(self) -> bool:
        """Whether it is there to be given up."""
        return self._path.is_file() and self._path.stat().st_size == SIZE

    def release(self) -> bool:
        """Give the blocks back; False when there was nothing to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
