"""An alert that can never be seen to be over."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from rules.api import Binary, Evidence


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None or Evidence(rule.alert.expr, recordings=rule.world.recordings).possible:
        return
    if isinstance(rule.alert.expr, Binary) and rule.alert.expr.bool_modifier:
        hint = "remove 'bool': a comparison with it has a result whether it is true or not, so the alert always fires"
    else:
        hint = "compare a value that is still there when all is well, as in x > 0"
    message = "its recovery cannot be proven: nothing in the expression is ever seen to be false"
    yield Finding(at_key("expr"), message, hint)
