"""Two sides of an operation that can never find each other by their labels."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._labels import LabelSet, labels_of
from agent.config.lints._model import Finding, RuleContext, at
from rules.api import SET_OPERATORS, Binary, Matching


def check(rule: RuleContext) -> Iterator[Finding]:
    for node in rule.nodes:
        if not isinstance(node, Binary) or node.matching is None or node.op == "or":
            continue
        lhs, rhs = labels_of(node.lhs, rule.world), labels_of(node.rhs, rule.world)
        for one, other, side in ((lhs, rhs, "right"), (rhs, lhs, "left")):
            lonely = sorted(
                _compared(node.matching, one) - (other.possible if other.possible is not None else one.certain)
            )
            if not lonely:
                continue
            names = ", ".join(lonely)
            message = f"the sides of '{node.op}' never match: only one has {names}, the {side} side has not"
            common = ", ".join(sorted(lhs.certain & rhs.certain))
            more = "" if node.op in SET_OPERATORS else ", with group_left where one side has more series"
            yield Finding(at(node), message, f"write {node.op} on ({common}){more}")
            break


def _compared(matching: Matching, side: LabelSet) -> frozenset[str]:
    """The labels that are on every element of this side and are compared."""
    names = frozenset(matching.labels)
    return side.certain & names if matching.on else side.certain - names
