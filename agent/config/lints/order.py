"""A rule that uses a metric which a later rule of its group records."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from rules.api import RecordingRule, metric_name


def check(rule: RuleContext) -> Iterator[Finding]:
    if not any(metric_name(read.selector) in rule.world.recorded for read in rule.reads):
        return
    rules = rule.group.rules
    own = next(number for number, each in enumerate(rules) if each is rule.rule)
    before = {each.name for each in rules[: own + 1] if isinstance(each, RecordingRule)}
    later = {each.name: each.line for each in rules[own + 1 :] if isinstance(each, RecordingRule)}
    for read in rule.reads:
        name = metric_name(read.selector)
        if name in later and name not in before:
            message = (
                f"{name} is recorded below, on line {later[name]}: this rule sees the value of the evaluation before"
            )
            yield Finding(at(read.selector), message, "move the recording rule up")
