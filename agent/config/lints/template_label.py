"""A template that shows a label the alert does not have."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._labels import labels_of
from agent.config.lints._model import Finding, RuleContext, at_key
from rules.api import did_you_mean


def check(rule: RuleContext) -> Iterator[Finding]:
    alert = rule.alert
    if alert is None:
        return
    there = labels_of(alert.expr, rule.world)
    if there.possible is None:
        return
    own = {name for name, _ in alert.labels}
    for key, templates in (("labels", alert.labels), ("annotations", alert.annotations)):
        for name, template in templates:
            for label in sorted(template.uses().labels - there.possible - {"__name__"}):
                if label in own or label == "alertname":
                    hint = "labels that the rule adds are not in $labels; write the text itself"
                else:
                    near = did_you_mean(label, there.possible)
                    hint = (
                        near
                        if near.startswith("did")
                        else "keep it in the expression, e.g. with by (...), or leave it out"
                    )
                message = f"'{name}' shows the label {label}, which the result of the expression does not have"
                yield Finding(at_key(key, name), message, hint)
