"""What the agent (and nobody else) may import from ``rules``: alerts, the engine, the series window, and positions.

The evaluation timeline is integer milliseconds since the epoch. Its owner is the caller, who moves it with the boot-time
clock; when the wall clock jumps, the caller moves every stored time with ``rebase`` so that no duration changes.
"""

from __future__ import annotations

from rules.model import Alert, AlertState, Labels, Problem, Severity

__all__ = ["Alert", "AlertState", "Labels", "Problem", "Severity"]
