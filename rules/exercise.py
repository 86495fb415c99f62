"""A firing alert made from a rule without any data, for ``tocsin drill``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules.files import AlertingRule
from rules.model import Alert, AlertState
from rules.template.functions import Scope


def exercise_alert(rule: AlertingRule, file: str, labels: Mapping[str, str], at: int) -> Alert:
    """The alert that ``rule`` would fire for an element with ``labels`` and the value 0, at timeline time ``at``.

    Its labels and texts are expanded as always; ``query`` in a template finds nothing.
    """
    scope = Scope(labels=labels, value=0.0, at=at, query=_finds_nothing)
    own = {name: text.expand(scope) for name, text in rule.labels}
    identity = {name: value for name, value in {**labels, **own, "alertname": rule.name}.items() if value}
    return Alert(
        rule=rule.name, group="drill", file=file, labels=tuple(sorted(identity.items())),
        annotations={name: text.expand(scope) for name, text in rule.annotations},
        state=AlertState.FIRING, reason="drill", since=at, evaluated_at=at, value=0.0, fired_at=at, expr=rule.text,
    )  # fmt: skip


def _finds_nothing(_text: str) -> Sequence[Any]:
    return ()
