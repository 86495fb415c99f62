"""The timeline: milliseconds that read like wall time and run with the boot-time clock.

Durations must not change when somebody sets the clock, yet rules compare ``time()`` with certificates and boot times,
which are wall time. So the timeline is the boot-time clock plus an offset, and when the wall clock is stepped the
offset follows and everybody who keeps times moves them by the same amount (``Timeline.follow``). Linux slews both
clocks together, so the two part only by steps. Source: clock_gettime(2), CLOCK_BOOTTIME.
"""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_MS = 1_000
"""Smaller differences between the clocks are left alone: they are read jitter, not a step."""


def boot_ms() -> int:
    """Milliseconds since boot, counted through suspend."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    """Milliseconds since the epoch by the wall clock."""
    return time.time_ns() // 1_000_000


READ_MS = 50
"""Two clocks read further apart than this say nothing about each other: the process was not running in between."""
_READS = 5


class Timeline:
    """``now()`` never jumps by itself; ``follow()`` adopts a step of the wall clock and returns it."""

    def __init__(self, boot: Callable[[], int] = boot_ms, wall: Callable[[], int] = wall_ms) -> None:
        self._boot = boot
        self._wall = wall
        self._offset = self._difference()

    def now(self) -> int:
        return self._boot() + self._offset

    def follow(self) -> int:
        """The step in ms that the wall clock made since the last call (0 for none); ``now()`` moves with it."""
        step = self._difference() - self._offset
        if abs(step) < STEP_MS:
            return 0
        self._offset += step
        return step

    def _difference(self) -> int:
        """Wall time minus boot time. A process that is stopped between the two readings would see a step."""
        for _ in range(_READS):
            before, wall, after = self._boot(), self._wall(), self._boot()
            if after - before <= READ_MS:
                break
        return wall - after
