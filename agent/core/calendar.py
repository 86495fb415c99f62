"""Planned time: whether a moment lies in a window that people announced, by the clock on their wall."""

from __future__ import annotations

from datetime import datetime, tzinfo

import msgspec

DAY = 24 * 60


class WeeklyWindow(msgspec.Struct, frozen=True):
    """From minute ``begin`` of each of ``days`` (Monday is 0) to minute ``end``; of the next day when not later."""

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, day: int, minute: int) -> bool:
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        return (day in self.days and minute >= self.begin) or ((day - 1) % 7 in self.days and minute < self.end)


class DatedWindow(msgspec.Struct, frozen=True):
    """From ``begin`` up to ``end``, both local times without a zone."""

    begin: datetime
    end: datetime


class Calendar(msgspec.Struct, frozen=True):
    """Windows in one time zone.

    Local times are compared as people read them: an hour that a clock change repeats is planned both times, and one
    that it leaves out never comes.
    """

    zone: tzinfo
    weekly: tuple[WeeklyWindow, ...] = ()
    dated: tuple[DatedWindow, ...] = ()

    def planned(self, at: int) -> bool:
        """Whether ``at`` (milliseconds since the epoch) is planned time."""
        local = datetime.fromtimestamp(at / 1000, self.zone).replace(tzinfo=None)
        minute = local.hour * 60 + local.minute
        return any(window.holds(local.weekday(), minute) for window in self.weekly) or any(
            window.begin <= local < window.end for window in self.dated
        )
