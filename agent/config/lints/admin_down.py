"""A port that somebody shut down on purpose, taken for one that failed."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import conditions, selectors, series_of
from rules.api import metric_name


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None or any(metric_name(each) == "ifAdminStatus" for each in selectors(rule.alert.expr)):
        return
    for condition in conditions(rule.alert.expr):
        series = series_of(condition.lhs)
        if series is not None and metric_name(series) == "ifOperStatus":
            message = "it fires for every port that is shut down on purpose"
            yield Finding(at(condition), message, "add: and on (instance, ifIndex) ifAdminStatus == 1")
