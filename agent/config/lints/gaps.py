"""A rule that reads the newest value of a metric which is recorded too seldom to be there."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.scalars import duration_text
from rules.api import metric_name

LOOKBACK = 300_000
"""A sample counts as the newest for five minutes, as in Prometheus."""


def check(rule: RuleContext) -> Iterator[Finding]:
    for read in rule.reads:
        name = metric_name(read.selector)
        interval = rule.world.interval_of(name)
        if not read.window and interval > LOOKBACK and not _keeps_step(rule, name):
            every = duration_text(interval)
            message = f"{name} is recorded every {every} and is there for 5m after that: the rule sees it come and go"
            yield Finding(at(read.selector), message, f"read last_over_time({name}[{every}])")


def _keeps_step(rule: RuleContext, name: str) -> bool:
    """A rule of the same group is evaluated right after the metric was recorded."""
    return all(group is rule.group for _, group, _ in rule.world.recorded[name])
