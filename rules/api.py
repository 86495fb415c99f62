"""What the agent (and nobody else) may import from ``rules``: alerts, the engine, the series window, and positions.

The evaluation timeline is integer milliseconds since the epoch. Its owner is the caller, who moves it with the
boot-time clock; when the wall clock jumps, the caller moves every stored time with ``rebase`` so that no duration
changes.
"""

from __future__ import annotations

from rules.model import Alert, AlertState, Labels, Problem, Severity
from rules.source import Documents, Mapping, Node, Scalar, Sequence, did_you_mean, read_yaml

__all__ = [
    "Alert", "AlertState", "Documents", "Labels", "Mapping", "Node", "Problem", "Scalar", "Sequence", "Severity",
    "did_you_mean", "read_yaml",
]  # fmt: skip
