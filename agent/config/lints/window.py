"""A window that holds too few samples: less than 2.5 intervals of what is read."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import calls
from agent.config.scalars import duration_text
from rules.api import metric_name

WINDOW_INTERVALS = 2.5
"""A window must hold two samples even when one collection is late, or rates have gaps."""
_ONE_IS_ENOUGH = ("last_over_time", "present_over_time", "absent_over_time")


def check(rule: RuleContext) -> Iterator[Finding]:
    content = {id(call.args[0]) for call in calls(rule.rule.expr, *_ONE_IS_ENOUGH)}
    for read in rule.reads:
        name = metric_name(read.selector)
        interval = rule.world.interval_of(name)
        least = int((1 if id(read.node) in content else WINDOW_INTERVALS) * interval)
        if 0 < read.window < least:
            of = "an interval" if name in rule.world.recorded else "a collection interval"
            held, every = duration_text(read.window), duration_text(interval)
            message = f"the window [{held}] holds too few samples at {of} of {every}"
            yield Finding(at(read.node), message, f"use at least [{duration_text(-(-least // 1000) * 1000)}]")
