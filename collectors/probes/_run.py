"""One run of a probe: what it has found so far, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic

from collectors._filter import compile_pattern
from collectors._model import Labels, Sample, labels

STEP: ContextVar[str] = ContextVar("STEP", default="")
"""What the probe of this task is waiting for, as words that go on from "not done after 5 s, "."""


class ProbeFailed(Exception):
    """The target is not as its module wants it; the text says what was found, without secrets and without times."""


@dataclass(slots=True)
class Run:
    """Collects the samples of one run. ``deadline`` is monotonic seconds.

    A gauge that was set keeps its last value; ``add`` sums up. Nothing is given for what was never mentioned.
    """

    deadline: float
    values: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def set(self, name: str, value: float, /, **pairs: str) -> None:
        self.values[name, labels(**pairs)] = float(value)

    def add(self, name: str, value: float, /, **pairs: str) -> None:
        key = name, labels(**pairs)
        self.values[key] = self.values.get(key, 0.0) + value

    def phases(self, name: str, /, *phases: str) -> None:
        """Begin each phase of a duration at 0."""
        for phase in phases:
            self.set(name, 0, phase=phase)

    def left(self) -> float:
        """Seconds until the deadline, 0 when it is past."""
        return max(0.0, self.deadline - monotonic())

    def samples(self) -> list[Sample]:
        return [Sample(name, pairs, value) for (name, pairs), value in self.values.items()]


Found = Callable[[str], bool]


def patterns(option: str, texts: tuple[str, ...]) -> tuple[Found, ...]:
    """Compiled patterns (RE2); ValueError names ``option``."""
    return tuple(compile_pattern(option, text) for text in texts)
