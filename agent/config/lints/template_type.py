"""A template that fails when it is expanded: Go neither compares a float with a whole number nor counts arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at_key

_WHOLE_VERB = re.compile(r"%[-+# 0]*\d*([dxXobcqU])")


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    for key, templates in (("labels", rule.alert.labels), ("annotations", rule.alert.annotations)):
        for name, template in templates:
            used = template.uses()
            for comparison in used.whole:
                message = f"'{comparison}' in '{name}' compares a float with a whole number, which is an error"
                yield Finding(at_key(key, name), message, f"write {comparison}.0")
            for verb in sorted(used.verbs):
                if _WHOLE_VERB.search(verb):
                    message = f"printf {verb!r} in '{name}' is for whole numbers, and $value is a float"
                    yield Finding(at_key(key, name), message, "use %.0f, or humanize")
            for call in used.miscounted:
                yield Finding(at_key(key, name), f"in '{name}', {call}", "what is piped in counts as the last one")
