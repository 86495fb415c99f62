"""The nouns of the rules package: labels, a problem in a file, an alert. ``rules.api`` re-exports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, without empty values. ``__name__`` is kept apart."""


def canonical(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if value))


class Severity(Enum):
    """How bad a problem in a file is: an error refuses the file, a warning is said and lived with."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a file a person wrote. Lines and columns count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    check: str = "syntax"
    severity: Severity = field(default=Severity.ERROR, compare=False)

    def __str__(self) -> str:
        mend = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity.value}: {self.message}{mend} [{self.check}]"


class AlertState(Enum):
    """Where an alert stands.

    ``NO_DATA`` is a firing alert whose evidence has gone: it is held, neither firing on fresh data nor recovered.
    """

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one rule, as of the evaluation at ``evaluated_at``. All times are timeline milliseconds.

    ``labels`` is its identity (rule labels and ``alertname`` included). ``state`` is INACTIVE only in the one
    evaluation in which it recovers or is dropped; ``reason`` then says which (``recovered``, ``pending_dropped``,
    ``rule_removed``). ``since`` is when the condition became true, ``fired_at`` when ``for`` had passed,
    ``no_data_since`` when its evidence went away. ``value`` is the last value for which the condition was true;
    ``evidence_value`` is the value of the evidence expression that showed the recovery, when there is one.
    """

    rule: str
    group: str
    file: str
    labels: Labels
    annotations: Mapping[str, str]
    state: AlertState
    reason: str
    since: int
    evaluated_at: int
    value: float
    fired_at: int | None = None
    no_data_since: int | None = None
    resolved_at: int | None = None
    evidence_value: float | None = None
    expr: str = ""
