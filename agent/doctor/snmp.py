"""Every network device: does it answer, as whom, and does it show what it should?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable

from agent.build import credentials
from agent.config.schema import Config
from agent.doctor._model import Case, Finding, State
from collectors.api import examine_devices

SUMMARY = "network devices: asks each, and finds out why one does not answer or what it hides"


def subjects(config: Config) -> Iterable[str]:
    options = config.collect.snmp.options
    return () if options is None else (target.key for target in options.targets)


async def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]:
    secrets = credentials(case.config)
    options = case.config.collect.snmp.options
    if options is None:
        return
    found = examine_devices(options, frozenset(names), lambda name: secrets(name).reveal(), case.wall)
    async for verdict in found:
        state = State.OK if verdict.well else State.ERROR if verdict.dead else State.WARNING
        yield Finding(verdict.target, state, verdict.text, verdict.fix)
