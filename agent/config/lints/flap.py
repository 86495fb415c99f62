"""An alert that comes slowly and goes at once, on a value that moves all the time."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from agent.config.lints._noise import noisy_conditions
from agent.config.scalars import duration_text


def check(rule: RuleContext) -> Iterator[Finding]:
    alert = rule.alert
    if alert is None or not alert.for_ or alert.keep_firing_for:
        return
    if any(noisy_conditions(rule)):
        wait = duration_text(alert.for_)
        message = f"it waits {wait} to fire and not at all to recover, on a value that moves all the time"
        yield Finding(at_key("for"), message, "add 'keep_firing_for: 5m', so that one good value does not end it")
