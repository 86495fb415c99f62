"""How the process itself is doing: its memory and the limit on it, its starts, and how late the loop turns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.store import Room

STARTS = "starts"
STARTS_KEPT = 50
STARTS_WINDOW = 3_600_000
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


@dataclass(slots=True)
class Health:
    """What the daemon notes about itself. ``starts`` are wall times in ms, the oldest first, this start included."""

    starts: Sequence[int] = ()
    memory_limit: int | None = None
    heartbeat: bool = False
    """Whether a service manager expects heartbeats."""
    heartbeat_late: float = 0.0
    """The most seconds by which a heartbeat came too late since the last cycle, which sets it to 0."""
    room: Room | None = None
    certificates: dict[str, float] = field(default_factory=dict)
    """Of each backend spoken to over TLS: when its certificate ends, in seconds since the epoch."""

    def recent_starts(self, now: int) -> int:
        return sum(now - STARTS_WINDOW < at <= now for at in self.starts)


def note_start(directory: Path, now: int) -> list[int]:
    """Add this start (``now`` in ms) to those in the state directory and return them all.

    A file that is damaged or cannot be written costs the count, never the start.
    """
    path = directory / STARTS
    try:
        with path.open("r", encoding="ascii", errors="replace") as file:
            known = [int(word) for word in file.read(64 * STARTS_KEPT).split() if word.isdigit() and len(word) < 18]
    except OSError:
        known = []
    starts = [*sorted(at for at in known if at <= now)[-STARTS_KEPT + 1 :], now]
    fresh = path.with_name(STARTS + ".new")
    try:
        fresh.write_text("".join(f"{at}\n" for at in starts), encoding="ascii")
        fresh.replace(path)
    except OSError:
        pass  # a full or broken disk is told by the store
    return starts


def memory_limit(membership: Path = _MEMBERSHIP, root: Path = _CGROUPS) -> int | None:
    """The tightest ``memory.max`` of our control group and those above it, in bytes; None without one (cgroup v2)."""
    try:
        lines = membership.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    own = next((line[3:] for line in lines if line.startswith("0::/")), None)
    if own is None:
        return None
    group = root / own.strip("/")
    limits = []
    for each in (group, *group.parents):
        if not each.is_relative_to(root):
            break
        try:
            text = (each / "memory.max").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text.isdigit():
            limits.append(int(text))
    return min(limits, default=None)


def process() -> tuple[int, float]:
    """Resident bytes and CPU seconds of this process (proc(5), times(2))."""
    with open("/proc/self/statm", "rb") as file:
        rss = int(file.read().split()[1]) * _PAGE
    times = os.times()
    return rss, times.user + times.system
