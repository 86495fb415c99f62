"""A recording rule that takes the name of a metric a collector gives."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from agent.config.lints._world import ENGINE_METRICS
from rules.api import RecordingRule


def check(rule: RuleContext) -> Iterator[Finding]:
    name = rule.rule.name
    if isinstance(rule.rule, RecordingRule) and (name in rule.world.metrics or name in ENGINE_METRICS):
        message = f"{name} is measured already: what is recorded and what is measured mix in one metric"
        yield Finding(at_key("record"), message, "name it level:metric:operation, as in instance:node_load1:ratio")
