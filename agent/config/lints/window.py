"""A window that holds too few samples: less than 2.5 collection intervals."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.scalars import duration_text

WINDOW_INTERVALS = 2.5
"""A window must hold two samples even when one collection is late, or rates have gaps."""


def check(rule: RuleContext) -> Iterator[Finding]:
    interval = rule.world.interval
    least = int(WINDOW_INTERVALS * interval)
    for read in rule.reads:
        if 0 < read.window < least:
            message = (
                f"the window [{duration_text(read.window)}] holds too few samples at a collection interval of "
                f"{duration_text(interval)}"
            )
            yield Finding(at(read.node), message, f"use at least [{duration_text(-(-least // 1000) * 1000)}]")
