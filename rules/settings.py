"""What all rules of an engine share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from rules.evidence import Recordings
from rules.promql.sharing import Pool
from rules.promql.values import EvalOptions, Results
from rules.series import SeriesWindow


class Recovery(Enum):
    """What takes a firing alert back: EVIDENCE that the condition is false, or, as in Prometheus, its mere ABSENCE."""

    EVIDENCE = "evidence"
    ABSENCE = "absence"


_SAMPLES, _SAMPLES_PER_SERIES, _SECONDS_PER_SERIES = 500_000, 10, 5e-6
_MANY = 10_000
"""Series that come and go by fewer change nothing."""


@dataclass(slots=True)
class Settings:
    """What all rules of an engine share. ``rule_cpu_ms`` bounds the CPU time of one rule's evaluation. With the series
    that are held, time and samples grow a little: a rule about every port of a thousand switches is not a defect.

    Only ``interval`` and ``recordings`` change, and only when the engine loads rules. ``pool`` and ``results`` are how
    rules profit from each other: results hold within one pass, until a recording rule writes.
    """

    series: SeriesWindow
    interval: int
    external_labels: Mapping[str, str]
    external_url: str
    lookback: int
    rule_series: int
    rule_cpu_ms: int
    left_closed: bool
    recovery: Recovery
    recordings: Recordings = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)
    results: Results = field(default_factory=dict)
    _options: EvalOptions | None = None
    _end: float | None = None

    def options(self) -> EvalOptions:
        """Evaluation options whose time starts to run with the first look at the clock."""
        self._end = None
        most = _SAMPLES + self.series.count // _MANY * _MANY * _SAMPLES_PER_SERIES
        known = self._options
        if known is None or (known.default_step, known.max_samples) != (self.interval, most):
            known = self._options = EvalOptions(
                lookback=self.lookback,
                default_step=self.interval,
                max_samples=most,
                left_closed=self.left_closed,
                deadline=self._late,
                results=self.results,
            )
        return known

    def left(self) -> float | None:
        """Seconds that the rule being evaluated still has, if its time has begun to run."""
        return None if self._end is None else self._end - time.thread_time()

    def go_on(self, left: float | None) -> None:
        """Go on with a rule that had so much time left: what others did in between is not its own."""
        self._end = None if left is None else time.thread_time() + left

    def _late(self) -> bool:
        """CPU time, not wall time: a starved host must not make rules fail."""
        now = time.thread_time()
        if self._end is None:
            self._end = now + self.rule_cpu_ms / 1000 + self.series.count * _SECONDS_PER_SERIES
        return now > self._end
