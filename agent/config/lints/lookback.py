"""A rule that looks back further than samples in memory should reach."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.scalars import duration_text
from rules.api import metric_name

LONGEST = 86_400_000
"""A day at 15 s is 5,760 samples, 46 KB, for each series of the metric; few public host rules look back longer."""
_BYTES = 8


def check(rule: RuleContext) -> Iterator[Finding]:
    for read in rule.reads:
        name = metric_name(read.selector)
        if read.back <= LONGEST or name in rule.world.recorded:
            continue
        samples = read.back // rule.world.interval_of(name)
        size = f"{samples:,} samples, {samples * _BYTES / 1e6:.1f} MB of memory"
        message = f"it reads {duration_text(read.back)} back: {size}, for each series of {name or 'the selection'}"
        yield Finding(
            at(read.node),
            message,
            "record the value by a rule of its own group with a long interval, and look back over that",
        )
