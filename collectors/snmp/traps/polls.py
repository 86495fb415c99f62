"""Which devices are polled at once because of a notification: each soon, none often.

What a notification says is a reason to look, and the look decides. So after the last one there is always one more poll,
and a flood of them, forged or not, makes no more than a poll each ``GAP`` for a device and ``MOST`` a second for all.
"""

from __future__ import annotations

import math

GAP = 5.0
"""Seconds between two such polls of one device. The frame of targets has a gap of its own for each measurement; this
one keeps a noisy device from using up what all devices share.
"""
MOST = 20
"""Such polls a second for all devices."""


class Polls:
    """``now`` is seconds on any clock that does not go back."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._room = float(MOST)
        self._filled = 0.0
        self._soonest = math.inf
        self.asked = 0
        self.made = 0

    def ask(self, name: str, now: float) -> None:
        """Have a device polled: now, or when its gap is over."""
        self.asked += 1
        if name not in self._due:
            last = self._last.get(name)
            self._due[name] = due = now if last is None else max(now, last + GAP)
            self._soonest = min(self._soonest, due)

    def take(self, now: float) -> list[str]:
        """The devices to poll now, those that wait longest first."""
        self._room = min(float(MOST), self._room + (now - self._filled) * MOST)
        self._filled = now
        due = sorted((at, name) for name, at in self._due.items() if at <= now)[: int(self._room)]
        for _, name in due:
            del self._due[name]
            self._last[name] = now
        self._room -= len(due)
        self.made += len(due)
        self._soonest = min(self._due.values(), default=math.inf)
        return [name for _, name in due]

    def wait(self, now: float) -> float | None:
        """Seconds until ``take`` will have something; None when nothing waits."""
        if not self._due:
            return None
        return max(self._soonest - now, (1 - self._room) / MOST, 0.0)
