"""Collectors that the configuration mentions: paths and filters that match nothing, and what may not be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable

from agent.config.examine import examine as tried
from agent.config.schema import Config
from agent.doctor._model import Case, Finding, State

SUMMARY = "collectors that the configuration mentions: filters that match nothing, what may not be read"
_NAME = "collectors"


def subjects(config: Config) -> Iterable[str]:
    return (_NAME,) if config.collect.host.options else ()


async def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]:
    if _NAME not in names:
        return
    found = await asyncio.to_thread(tried, case.loaded)
    for problem in found:
        where = f"{problem.file}:{problem.line}:{problem.column}"
        yield Finding(_NAME, State.WARNING, problem.message, problem.hint or f"mend it at {where}, or let the agent in")
    if not found:
        count = len(case.config.collect.host.options)
        yield Finding(_NAME, State.OK, f"{count} tried as this user, none has anything to say")
