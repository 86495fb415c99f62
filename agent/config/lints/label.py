"""A matcher on a label, or a value of a label, that the metric does not have."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._known import LABEL_VALUES
from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import holds, label_matchers
from rules.api import did_you_mean, metric_name


def check(rule: RuleContext) -> Iterator[Finding]:
    for read in rule.reads:
        name = metric_name(read.selector)
        declared = rule.world.declared(name)
        labels = declared.possible if declared is not None else None
        for matcher in label_matchers(read.selector):
            place = at(read.selector, matcher)
            if labels is not None and matcher.name not in labels:
                none = "leaves nothing out" if holds(matcher, "") else "selects nothing"
                near = did_you_mean(matcher.name, labels)
                hint = near if near.startswith("did") else f"its labels are {', '.join(sorted(labels))}"
                yield Finding(place, f"{name} has no label {matcher.name}: this matcher {none}", hint)
                continue
            values = LABEL_VALUES.get((name, matcher.name), frozenset())
            if matcher.name == "job" and declared is not None:
                values = declared.jobs
            if values and not any(holds(matcher, value) for value in values):
                near = did_you_mean(matcher.value, values)
                hint = near if near.startswith("did") else f"it can be {', '.join(sorted(values))}"
                yield Finding(place, f"{name} has no {matcher.name} that this matches: nothing is selected", hint)
