"""A metric that nothing on this agent gives. What a pack misses because collectors are off, or because there are no
targets, is one finding, not one for each of its rules.
"""

from __future__ import annotations

from collections.abc import Iterator

import collectors.api
from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._sources import target_kind_of
from agent.config.lints._walk import reads
from agent.config.packs import PREFIX
from rules.api import metric_name


def check(rule: RuleContext) -> Iterator[Finding]:
    world = rule.world
    said: set[str] = set()
    for read in rule.reads:
        name = metric_name(read.selector)
        if not name or name in said or world.open_ended or world.is_known(name):
            continue
        said.add(name)
        if off := world.collector_that_is_off(name):
            if rule.file.file.startswith(PREFIX):
                missed = _missed(rule)
                if missed[0] == rule.rule.line:
                    yield Finding(at(read.selector), *missed[1:])
                return
            switched_off = collectors.api.on_by_default(off) and bool(world.config.collect.host.untouched)
            way = f"remove '{off}: off' from" if switched_off else f"write '{off}: on' under"
            hint = f"turn the collector on: {way} collect.host"
        elif kind := target_kind_of(name):
            if rule.file.file.startswith(PREFIX):
                lines = _without_targets(rule, kind)
                if lines[0] == rule.rule.line:
                    yield Finding(
                        at(read.selector),
                        f"{_rules(lines)} of this pack cannot fire: there are no targets that give what they read",
                        f"list them under collect.{kind}, or leave the pack out of rules.packs",
                    )
                return
            hint = f"there are no targets that give it: list them under collect.{kind}"
        elif near := world.nearest(name):
            hint = f"did you mean '{near}'?"
        else:
            hint = "check the name, turn its collector on, or write the directories of textfile"
        yield Finding(at(read.selector), f"no collector that is on measures {name}", hint)


def _missed(rule: RuleContext) -> tuple[int, str, str]:
    """Line of the first rule of the pack that reads what a collector which is off would measure; then all in words."""
    world = rule.world
    lines: list[int] = []
    off: set[str] = set()
    for each in rule.file.rules:
        names = {name for read in reads(each.expr) if (name := metric_name(read.selector)) and not world.is_known(name)}
        lacking = {collector for name in names if (collector := world.collector_that_is_off(name))}
        if lacking:
            lines.append(each.line)
            off |= lacking
    return (
        lines[0],
        f"{_rules(lines)} of this pack cannot fire, for these collectors are off: {', '.join(sorted(off))}",
        "turn them on under collect.host, or leave the pack out of rules.packs",
    )


def _without_targets(rule: RuleContext, kind: str) -> list[int]:
    """Lines of the rules of the pack that read what only targets of this kind would give."""
    return [
        each.line
        for each in rule.file.rules
        if any(
            (name := metric_name(read.selector)) and not rule.world.is_known(name) and target_kind_of(name) == kind
            for read in reads(each.expr)
        )
    ]


def _rules(lines: list[int]) -> str:
    return f"{len(lines)} {'rule' if len(lines) == 1 else 'rules'}"
