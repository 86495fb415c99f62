"""What ``tocsin check`` warns of in rules that load and will still disappoint on this agent. One function a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import collectors.api
from agent.config.scalars import duration_text
from agent.config.schema import Config
from agent.own_metrics import OWN_METRICS
from rules.api import (
    AlertingRule,
    Evidence,
    MatchOp,
    Problem,
    RecordingRule,
    RuleFile,
    Severity,
    VectorSelector,
    did_you_mean,
)

Rule = AlertingRule | RecordingRule
WINDOW_INTERVALS = 2.5
"""A window must hold two samples even when one collection is late, or rates have gaps."""
ALWAYS = frozenset(
    {"ALERTS", "ALERTS_FOR_STATE", *(metric.name for metric in (*collectors.api.FRAME_METRICS, *OWN_METRICS))}
)
"""What the collection itself, the agent and the rule engine produce, whatever is on."""


def lint(files: Iterable[RuleFile], config: Config, known: Sequence[RuleFile] = ()) -> list[Problem]:
    """Warnings about the rules of ``files``; ``known`` are further files whose recorded metrics they may use."""
    files = list(files)
    declared = _declared(config) | _recorded([*files, *known])
    open_ended = bool(getattr(config.collect.host.options.get("textfile"), "directories", ()))
    found: list[Problem] = []
    for file in files:
        for rule in (rule for group in file.groups for rule in group.rules):
            selectors = list(_selectors(rule.expr))
            if not open_ended:
                found += _unknown_metrics(file, rule, selectors, declared)
            found += _short_windows(file, rule, selectors, config.collect.interval)
            if isinstance(rule, AlertingRule):
                found += _missing_texts(file, rule)
                found += _no_evidence(file, rule)
    return found


def _warning(file: RuleFile, rule: Rule, message: str, hint: str, check: str) -> Problem:
    return Problem(file.file, rule.line, rule.column, f"{rule.name}: {message}", hint, check, Severity.WARNING)


def _unknown_metrics(
    file: RuleFile, rule: Rule, selectors: list[tuple[VectorSelector, int]], declared: frozenset[str]
) -> Iterator[Problem]:
    names = {
        matcher.value
        for selector, _ in selectors
        for matcher in selector.matchers
        if matcher.name == "__name__" and matcher.op is MatchOp.EQ
    }
    for name in sorted(names - declared):
        near = did_you_mean(name, declared)
        hint = (
            near
            if near.startswith("did")
            else "check the name, turn its collector on, or write the directories of textfile"
        )
        yield _warning(file, rule, f"no collector that is on measures {name}", hint, "rule/metric")


def _short_windows(
    file: RuleFile, rule: Rule, selectors: list[tuple[VectorSelector, int]], interval: int
) -> Iterator[Problem]:
    least = int(WINDOW_INTERVALS * interval)
    for window in sorted({window for _, window in selectors if 0 < window < least}):
        message = (
            f"the window [{duration_text(window)}] holds too few samples at an interval of {duration_text(interval)}"
        )
        yield _warning(file, rule, message, f"use at least [{duration_text(-(-least // 1000) * 1000)}]", "rule/window")


def _missing_texts(file: RuleFile, rule: AlertingRule) -> Iterator[Problem]:
    given = {name for name, _ in rule.annotations}
    for name, why in (("summary", "it is the title of the ticket"), ("runbook_url", "it says what to do first")):
        if name not in given:
            yield _warning(file, rule, f"no annotation '{name}'", f"add it: {why}", "rule/annotation")


def _no_evidence(file: RuleFile, rule: AlertingRule) -> Iterator[Problem]:
    if not Evidence(rule.expr).possible:
        message = "its recovery cannot be proven: nothing in the expression is ever seen to be false"
        hint = "compare a value that is still there when all is well, as in x > 0"
        yield _warning(file, rule, message, hint, "rule/evidence")


def _declared(config: Config) -> frozenset[str]:
    names = (m.name for name in config.collect.host.enabled for m in collectors.api.load(name).METRICS)
    return frozenset(names) | ALWAYS


def _recorded(files: Iterable[RuleFile]) -> frozenset[str]:
    rules = (rule for file in files for group in file.groups for rule in group.rules)
    return frozenset(rule.name for rule in rules if isinstance(rule, RecordingRule))


def _selectors(expr: Any, window: int = 0) -> Iterator[tuple[VectorSelector, int]]:
    """Every selector of an expression with the length of its window in ms, 0 for an instant one."""
    if isinstance(expr, VectorSelector):
        yield expr, window
    elif isinstance(expr, tuple):
        for item in expr:
            yield from _selectors(item)
    elif is_dataclass(expr):
        # A range selector is the only node that holds a bare selector together with a range.
        inner = getattr(expr, "range", 0) if hasattr(expr, "selector") else 0
        for field in fields(expr):
            yield from _selectors(getattr(expr, field.name), inner)
