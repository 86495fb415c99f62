"""An alert whose ticket would have no title, or would not say what to do."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key

_WANTED = (("summary", "it is the title of the ticket"), ("runbook_url", "it says what to do first"))
_OTHER_NAMES = {"runbook_url": ("runbook", "runbook_link", "runbookurl", "playbook"), "summary": ("title", "message")}


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    given = {name for name, _ in rule.alert.annotations}
    for name, why in _WANTED:
        if name in given:
            continue
        other = next((each for each in _OTHER_NAMES[name] if each in given), None)
        if other is not None:
            yield Finding(at_key("annotations", other), f"no annotation '{name}'", f"name '{other}' so: {why}")
        else:
            yield Finding(at_key("annotations"), f"no annotation '{name}'", f"add it: {why}")
