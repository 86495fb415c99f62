"""Two grades of one alert that fire together, always."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from agent.core.policy import SEVERITY_LABEL


def check(rule: RuleContext) -> Iterator[Finding]:
    alert = rule.alert
    if alert is None:
        return
    # The first of them is told of by those that follow.
    first = rule.world.conditions[alert.name, alert.for_, alert.expr][0][1]
    if dict(first.labels).get(SEVERITY_LABEL) != dict(alert.labels).get(SEVERITY_LABEL):
        message = f"it has the same condition as the grade of line {first.line}, so the milder one never stands alone"
        yield Finding(at_key("expr"), message, "give the two grades different limits, or a different 'for'")
