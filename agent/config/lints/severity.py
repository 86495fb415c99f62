"""An alert whose severity decides nothing: it has none, or one that the configuration does not know."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from agent.config.regex import compile_regex
from agent.core.matcher import MatcherError, all_match, compile_all
from agent.core.policy import SEVERITY_LABEL
from rules.api import did_you_mean

_NEAR = {
    "page": "critical", "disaster": "critical", "emergency": "critical", "error": "critical", "major": "critical",
    "high": "critical", "ticket": "warning", "warn": "warning", "minor": "warning", "medium": "warning",
    "average": "warning", "none": "info", "low": "info", "notice": "info", "information": "info",
}  # fmt: skip
"""What other systems call our grades."""


def check(rule: RuleContext) -> Iterator[Finding]:
    alert = rule.alert
    if alert is None or _graded_by_table(rule):
        return
    known = rule.world.config.classification.severities
    template = dict(alert.labels).get(SEVERITY_LABEL)
    if template is None:
        hint = f"add the label 'severity', one of {', '.join(known)}"
        yield Finding(at_key("labels"), "no label 'severity': its tickets all get the default urgency", hint)
    elif template.static is not None and template.static not in known:
        usual = _NEAR.get(template.static.lower(), "")
        near = f"did you mean '{usual}'?" if usual in known else did_you_mean(template.static, known)
        message = (
            f"the severity '{template.static}' is not in classification.severities: its tickets get the default urgency"
        )
        yield Finding(at_key("labels", SEVERITY_LABEL), message, f"{near + ' ' if near else ''}Or add it there")


def _graded_by_table(rule: RuleContext) -> bool:
    """Whether a row of the classification table sets the urgency of this alert, as far as its own labels tell."""
    labels = {"alertname": rule.rule.name, **dict(rule.static_labels())}
    for row in rule.world.config.classification.rules:
        if row.urgency is None:
            continue
        try:
            tests = compile_all(row.matchers, compile_regex)
        except MatcherError:  # said where the configuration is checked
            continue
        if all_match(tests, labels):
            return True
    return False
