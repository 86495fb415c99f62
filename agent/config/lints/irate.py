"""``irate`` decides an alert by its last two samples."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._walk import calls


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    for call in calls(rule.alert.expr, "irate", "idelta"):
        message = (
            f"{call.func}() looks at the last two samples only: one quiet second ends the alert or restarts its 'for'"
        )
        yield Finding(at(call), message, f"use {'rate' if call.func == 'irate' else 'delta'}()")
