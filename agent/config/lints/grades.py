"""Two grades of one alert that fire together, always."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key


def check(rule: RuleContext) -> Iterator[Finding]:
    alert = rule.alert
    if alert is None:
        return
    for file, other in rule.world.alerts[alert.name]:
        if other is alert or (file.file, other.line) >= (rule.file.file, alert.line):
            continue
        differ = dict(other.labels).get("severity") != dict(alert.labels).get("severity")
        if differ and other.expr == alert.expr and other.for_ == alert.for_:
            message = (
                f"it has the same condition as the grade of line {other.line}, so the milder one never stands alone"
            )
            yield Finding(at_key("expr"), message, "give the two grades different limits, or a different 'for'")
