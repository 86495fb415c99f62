"""A metric that nothing on this agent gives."""

from __future__ import annotations

from collections.abc import Iterator

import collectors.api
from agent.config.lints._model import Finding, RuleContext, at
from agent.config.lints._sources import target_kind_of
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
            switched_off = collectors.api.on_by_default(off) and bool(world.config.collect.host.untouched)
            way = f"remove '{off}: off' from" if switched_off else f"write '{off}: on' under"
            hint = f"turn the collector on: {way} collect.host"
        elif kind := target_kind_of(name):
            hint = f"there are no targets that give it: list them under collect.{kind}"
        elif near := world.nearest(name):
            hint = f"did you mean '{near}'?"
        else:
            hint = "check the name, turn its collector on, or write the directories of textfile"
        yield Finding(at(read.selector), f"no collector that is on measures {name}", hint)
