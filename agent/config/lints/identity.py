"""A label of an alert that holds a changing value: each change is another alert."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at, at_key
from rules.api import Aggregate


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    for name, template in rule.alert.labels:
        used = template.uses()
        if not used.value and not used.outside:
            continue
        what = "the value" if used.value else "the time or another series"
        hint = (
            "write one rule for each grade, of one name and with a limit of its own"
            if name == "severity"
            else "move it to an annotation"
        )
        message = f"the label '{name}' holds {what}: each change ends this alert, begins another and restarts 'for'"
        yield Finding(at_key("labels", name), message, hint)
    for node in rule.nodes:
        if isinstance(node, Aggregate) and node.op == "count_values" and node is rule.alert.expr:
            message = "count_values makes a label of the value: each change is another alert"
            yield Finding(at(node), message, "compare the value, or count what has it")
