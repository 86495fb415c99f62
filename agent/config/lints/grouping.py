"""Grouping by, or taking over, a label that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._labels import labels_of
from agent.config.lints._model import Finding, RuleContext, at
from rules.api import Aggregate, Binary, Card, did_you_mean


def check(rule: RuleContext) -> Iterator[Finding]:
    for node in rule.nodes:
        if isinstance(node, Aggregate) and node.grouped and not node.without:
            inner = labels_of(node.expr, rule.world)
            for label in node.labels:
                if not inner.may_have(label):
                    near = did_you_mean(label, inner.possible or ())
                    message = f"{node.op} by ({label}): what is aggregated has no label {label}"
                    yield Finding(at(node), message, near if near.startswith("did") else f"leave {label} out")
        elif isinstance(node, Binary) and node.matching is not None and node.matching.include:
            left = node.matching.card is Card.MANY_TO_ONE
            one = labels_of(node.rhs if left else node.lhs, rule.world)
            for label in node.matching.include:
                if not one.may_have(label):
                    message = f"{node.matching.card.value} ({label}): the other side has no label {label} to give"
                    near = did_you_mean(label, one.possible or ())
                    yield Finding(at(node), message, near if near.startswith("did") else f"leave {label} out")
