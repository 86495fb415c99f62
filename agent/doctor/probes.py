"""Every probe: measured once, with what it says when it fails; and modules that nobody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path

import collectors.api
from agent.build import credentials
from agent.config.schema import Config
from agent.doctor._model import Case, Finding, State
from collectors.api import Notice, Sample, Target

SUMMARY = "probes: measures each once, and names modules without a target"
_AT_ONCE = 50


def subjects(config: Config) -> Iterable[str]:
    options = config.collect.probes.options
    if options is None:
        return
    yield from (target.key for target in options.targets)
    yield from (name for name in options.modules if name not in options.used)


async def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]:
    section = case.config.collect.probes
    if section.options is None:
        return
    secrets = credentials(case.config)
    kind = collectors.api.load_targets("probes")
    built = kind.build(section.options, lambda name: secrets(name).reveal(), Path(section.base))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str, target: Target) -> Finding:
        async with gate:
            return await _measured(key, target)

    pairs = zip(section.options.targets, built, strict=True)
    tasks = [asyncio.create_task(one(given.key, target)) for given, target in pairs if given.key in names]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for name in section.options.modules:
        if name in names and name not in section.options.used:
            text = f"the module {name} has no target: nothing is probed with it"
            yield Finding(name, State.WARNING, text, "add a target to collect.probes.targets, or take the module out")


async def _measured(key: str, target: Target) -> Finding:
    fix = "look at the service from this machine; if it ought to be so, correct the module's expectations"
    try:
        async with asyncio.timeout(target.timeout + 1):
            items = list(await target.measure())
    except TimeoutError:
        return Finding(key, State.ERROR, f"does not end within {target.timeout:g} s", fix)
    except Exception as error:  # noqa: BLE001 - as in the frame of targets: whatever it is, it is about this one
        return Finding(key, State.ERROR, str(error) or type(error).__name__, fix)
    notes = "; ".join(item.text for item in items if isinstance(item, Notice))
    passed = [item.value for item in items if isinstance(item, Sample) and item.name == "probe_success"]
    if 0.0 in passed or not passed:
        return Finding(key, State.ERROR, notes or "the probe fails", fix)
    if notes:
        return Finding(key, State.WARNING, notes, fix)
    return Finding(key, State.OK, "the probe succeeds")
