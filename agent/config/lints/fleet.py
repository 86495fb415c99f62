"""An aggregation across machines, on an agent that sees one."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._labels import labels_of
from agent.config.lints._model import Finding, RuleContext, at
from rules.api import SELECTING, Aggregate


def check(rule: RuleContext) -> Iterator[Finding]:
    for node in rule.nodes:
        if not isinstance(node, Aggregate) or node.op in SELECTING:
            continue
        drops = "instance" in node.labels if node.without else "instance" not in node.labels
        inner = labels_of(node.expr, rule.world)
        # What has lost its instance already was found at the inner aggregation.
        if not drops or not inner.may_have("instance"):
            continue
        left = ", ".join(node.labels) if node.grouped and not node.without and node.labels else ""
        over = f"by ({left})" if left else "over everything"
        hint = (
            "remove 'instance' from without()"
            if node.without
            else f"write {node.op} by ({', '.join(['instance', *node.labels])}), or move the rule to a Prometheus "
            "that sees all machines"
        )
        yield Finding(at(node), f"{node.op} {over} drops 'instance', and this agent sees one machine only", hint)
