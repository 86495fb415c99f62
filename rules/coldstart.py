"""Cold start: which rules a process does not know enough for yet.

``absent`` waits for two cycles, since one collector may be late. What looks over a window waits until half of it was
watched, by this process or by the one before it whose samples were taken up; time in which nobody looked (an outage, a
suspend) does not count. Prometheus has no such wait: there, a rule fires on the two samples it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import pairwise

import msgspec

from rules.lookback import Reach, duration

PAUSE = 3
"""After so many intervals without a look, the time in between was not watched."""
_SPANS = 64
_EVER = -(2**62)


class WaitsFor(Enum):
    """What cold start holds a rule back for: everything measured once, a second cycle of it, or its window."""

    EVERYTHING = "everything"
    TWO_CYCLES = "two_cycles"
    WINDOW = "window"


class Waiting(msgspec.Struct, frozen=True):
    """A rule that is not evaluated before ``until``, if nothing interrupts, and why. For a window: ``span`` ms of
    ``metric`` (empty: of whatever it selects) that end ``offset`` ms before the evaluation.
    """

    file: str
    group: str
    rule: str
    reason: WaitsFor
    until: int
    metric: str = ""
    span: int = 0
    offset: int = 0

    def __str__(self) -> str:
        if self.reason is WaitsFor.EVERYTHING:
            return "a first measurement of everything, since it sums up or asks for what is not there"
        if self.reason is WaitsFor.TWO_CYCLES:
            return "a second cycle, since it asks for what is not there"
        window = f"half of the {duration(self.span)}" if self.span else "a sample"
        of = f" of {self.metric}" if self.metric else ""
        return window + of + (f" that ended {duration(self.offset)} ago" if self.offset else "")


class Watched:
    """The times at which somebody looked, as spans [from, to] in ms that ascend and do not touch."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def look(self, at: int, interval: int) -> bool:
        """Somebody looks at ``at``, and should every ``interval``; whether nobody did for a while before."""
        if self._spans and at - self._spans[-1][1] <= PAUSE * interval:
            self._spans[-1] = (self._spans[-1][0], at)
            return False
        self._spans.append((at, at))
        del self._spans[:-_SPANS]
        return True

    def add(self, times: Sequence[int], pause: int) -> None:
        """What samples at these times tell: of a rhythm of their own, interrupted for ``pause`` ms or longer."""
        steps = [late - early for early, late in pairwise(times)]
        limit = max(pause, PAUSE * sorted(steps)[len(steps) // 2]) if steps else pause
        start = times[0]
        spans = []
        for early, late in pairwise(times):
            if late - early > limit:
                spans.append((start, early))
                start = late
        self._spans = _merged([*self._spans, *spans, (start, times[-1])], limit)[-_SPANS:]

    def covered(self, start: int, end: int) -> int:
        """How many ms of start..end were watched, or will be when nothing interrupts."""
        total = max(0, end - max(start, self.since)) if self._spans else 0
        return total + sum(max(0, min(to, end) - max(since, start)) for since, to in self._spans[:-1])

    def move(self, delta: int) -> None:
        self._spans = [(since + delta, to + delta) for since, to in self._spans]

    @property
    def since(self) -> int:
        """When the present span began."""
        return self._spans[-1][0] if self._spans else _EVER


class Demand(msgspec.Struct):
    """What a rule asks of the past. ``known_from`` is when what is held of the metric begins."""

    reach: Reach
    known_from: int

    def met(self, watched: Watched, at: int) -> bool:
        """Whether half of what is asked for was watched."""
        end = at - self.reach.offset
        start = max(end - self.reach.span, self.known_from)
        if not self.reach.span:
            return watched.covered(start - 1, end + 1) > 0 and end >= self.known_from
        return 2 * watched.covered(start, end) >= self.reach.span

    def sure_from(self, watched: Watched) -> int:
        """From when on it is met whatever was before, as long as nothing interrupts."""
        return max(watched.since, self.known_from) + self.reach.waits

    def until(self, watched: Watched, at: int) -> int:
        """When it will be met, at the earliest."""
        end = at - self.reach.offset
        missing = self.reach.span // 2 - watched.covered(max(end - self.reach.span, self.known_from), end)
        soon = at + max(0, missing)
        return soon if self.met(watched, soon) else max(at, self.sure_from(watched))


def demands(reaches: Iterable[Reach], at: int, kept: int, oldest: Callable[[str], int | None]) -> list[Demand]:
    """The demands of a rule first seen at ``at``: what was watched is known as far back as anything is kept (``kept``
    ms), and further where samples of the metric are held for other rules.
    """
    found = []
    for reach in reaches:
        old = oldest(reach.metric) if reach.metric else None
        found.append(Demand(reach, at - kept if old is None else min(at - kept, old)))
    return found


def _merged(spans: Iterable[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Spans in order; those less than ``limit`` apart as one."""
    found: list[tuple[int, int]] = []
    for since, to in sorted(spans):
        if found and since - found[-1][1] <= limit:
            found[-1] = (found[-1][0], max(found[-1][1], to))
        else:
            found.append((since, to))
    return found
