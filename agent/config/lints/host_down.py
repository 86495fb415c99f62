"""``up == 0`` for "the machine is down", on the machine itself."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._sources import HOST_JOB
from agent.config.lints._walk import conditions, label_matchers, series_of
from rules.api import ABSENT, Aggregate, Binary, Call, MatchOp, Number, VectorSelector, metric_name, regex_predicate


def check(rule: RuleContext) -> Iterator[Finding]:
    if rule.alert is None:
        return
    # A comparison deeper down counts or sums collectors, which is their right use.
    absent = [node for node in rule.nodes if isinstance(node, Call)]
    for node in (*conditions(rule.alert.expr), *absent):
        if isinstance(node, Call) and node.func in ABSENT and isinstance(node.args[0], VectorSelector):
            series: VectorSelector | None = node.args[0]
        elif isinstance(node, Binary) and node.op in ("==", "!=", "<") and isinstance(node.rhs, Number):
            by = node.lhs.labels if isinstance(node.lhs, Aggregate) else ()
            series = None if "collector" in by else series_of(node.lhs)
        else:
            continue
        if series is not None and metric_name(series) == "up" and _is_host(series):
            message = "'up' is one series for each collector here, and a machine that is down evaluates no rule"
            hint = 'add collector="..." to watch a collector; whether the machine lives is seen from another one only'
            yield Finding(at(series), message, hint)


def _is_host(selector: VectorSelector) -> bool:
    """Not one that names a collector or the module of a target, nor a job other than that of this host."""
    for matcher in label_matchers(selector):
        if matcher.name in ("collector", "module"):
            return False
        if matcher.name == "job":
            is_host = {
                MatchOp.EQ: matcher.value == HOST_JOB or "node" in matcher.value,
                MatchOp.RE: bool(regex_predicate(matcher.value)(HOST_JOB)) or "node" in matcher.value,
            }.get(matcher.op, True)
            if not is_host:
                return False
    return True
