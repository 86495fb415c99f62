"""A quantile that cannot be computed: without buckets, or of more than all."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._labels import labels_of
from agent.config.lints._model import Finding, RuleContext, at
from rules.api import Aggregate, Call, Number


def check(rule: RuleContext) -> Iterator[Finding]:
    for node in rule.nodes:
        if isinstance(node, Call) and node.func in ("histogram_quantile", "quantile_over_time"):
            share = node.args[0]
        elif isinstance(node, Aggregate) and node.op == "quantile" and node.param is not None:
            share = node.param
        else:
            continue
        if isinstance(share, Number) and not 0 <= share.value <= 1:
            message = f"the quantile {share.value:g} is not between 0 and 1, so the result is infinite"
            yield Finding(at(node), message, f"write {share.value / 100:g}" if share.value <= 100 else "write 0 to 1")
        if (
            isinstance(node, Call)
            and node.func == "histogram_quantile"
            and not labels_of(node.args[1], rule.world).may_have("le")
        ):
            message = "its buckets have lost the label le, so there is no result"
            yield Finding(at(node), message, "add le to by (...)")
