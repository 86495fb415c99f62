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


@dataclass(slots=True)
class Settings:
    """What all rules of an engine share. ``rule_cpu_ms`` bounds the CPU time of one rule's evaluation.

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
        if self._options is None or self._options.default_step != self.interval:
            self._options = EvalOptions(
                lookback=self.lookback,
                default_step=self.interval,
                left_closed=self.left_closed,
                deadline=self._late,
                results=self.results,
            )
        return self._options

    def _late(self) -> bool:
        """CPU time, not wall time: a starved host must not make rules fail."""
        now = time.thread_time()
        if self._end is None:
            self._end = now + self.rule_cpu_ms / 1000
        return now > self._end
