"""The same rule in two files: both give the same alert, or the same series."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key
from agent.config.lints._world import identity


def check(rule: RuleContext) -> Iterator[Finding]:
    for file, other in rule.world.twins[identity(rule.rule)]:
        if file is not rule.file:
            place = at_key("alert" if rule.alert is not None else "record")
            where = f"{file.file}:{other.line}"
            message = f"a rule of this name with the same labels stands in {where} too; one overwrites the other"
            yield Finding(place, message, "leave one of the two files out, or give the rule another name")
            return
