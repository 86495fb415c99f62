"""The same rule in two files: both give the same alert, or the same series."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, Rule, RuleContext, at_key
from rules.api import AlertingRule


def check(rule: RuleContext) -> Iterator[Finding]:
    for file, other in _others(rule):
        if file != rule.file.file and _labels(other) == _labels(rule.rule):
            kind = "alert" if rule.alert is not None else "record"
            yield Finding(
                at_key(kind),
                f"a rule of this name with the same labels stands in {file}:{other.line} too; one overwrites the other",
                "leave one of the two files out, or give the rule another name",
            )
            return


def _others(rule: RuleContext) -> Iterator[tuple[str, Rule]]:
    if rule.alert is not None:
        yield from ((file.file, other) for file, other in rule.world.alerts[rule.alert.name])
    else:
        found = rule.world.recorded[rule.rule.name]
        yield from ((file.file, other) for file, _, other in found if file in rule.world.subjects)


def _labels(rule: Rule) -> tuple[tuple[str, str], ...]:
    if isinstance(rule, AlertingRule):
        return tuple((name, template.source) for name, template in rule.labels)
    return rule.labels
