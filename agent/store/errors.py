"""What the store may raise.

StoreError
 +- StateBusy         another process holds the state directory                        (exit 75)
 +- StateRefused      the store is newer than this program, or the directory is unusable (exit 78)
 +- StoreUnavailable  the disk failed; nothing of the commit is there; try again    (at the start: exit 74)
 +- StoreCorrupt      the file broke while in use; only a restart (which quarantines it) mends that
"""

from __future__ import annotations


class StoreError(Exception):
    """Root of everything the store raises."""


class StateBusy(StoreError):
    """Another process holds the directory; ``pid`` is the holder, 0 when it did not write it down (yet)."""

    def __init__(self, directory: str, pid: int) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{directory} is in use by {holder}; stop that one first, or give this one its own state directory"
        )
        self.pid = pid


class StateRefused(StoreError):
    """The directory or the file cannot be used by this program, and replacing it would destroy something good."""


class StoreUnavailable(StoreError):
    """The disk did not take the commit (full, I/O error, read-only). Nothing of it was stored."""


class StoreCorrupt(StoreError):
    """SQLite found the file damaged while it was in use."""
