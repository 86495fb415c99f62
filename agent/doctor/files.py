"""Whether as many files and sockets may be open as the configured devices need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable

from agent.config.schema import Config
from agent.doctor._model import Case, Finding, State
from agent.open_files import shortage

SUMMARY = "open files: whether the limit suffices for the configured devices"


def subjects(_config: Config) -> Iterable[str]:
    return ("files",)


async def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]:
    for name in names:
        text, _, fix = shortage(case.config).partition(": ")
        if text:
            fix = f"{fix} in the unit, or raise it in /etc/security/limits.conf"
            yield Finding(name, State.ERROR, text, fix)
        else:
            yield Finding(name, State.OK, "as many may be open as the configuration needs")
