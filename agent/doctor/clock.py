"""The wall clock: does somebody keep it right? Tickets and certificates go by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping

import collectors.api
from agent.config.schema import Config
from agent.doctor._model import Case, Finding, State
from collectors.api import CollectorError, HostFS, Sample

SUMMARY = "the wall clock: kept by a time source, and how far off it may be"
_EARLIEST = 1_767_225_600.0
"""2026-01-01: a clock before that has never been set."""
_FAR = 1.0
"""Seconds by which it may be wrong, as the kernel estimates."""


def subjects(_config: Config) -> Iterable[str]:
    return ("clock",)


async def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]:
    for name in names:
        yield _judged(name, case.wall(), _kernel(case.config))


def _kernel(config: Config) -> Mapping[str, float] | str:
    """What the collector timex says, by metric; a text when it cannot say."""
    timex = collectors.api.load("timex")
    host = HostFS(config.collect.procfs, config.collect.sysfs, config.collect.rootfs)
    try:
        items = timex.build(timex.Options(), host).collect()
        return {item.name: item.value for item in items if isinstance(item, Sample)}  # type: ignore[union-attr]  # it blocks
    except CollectorError as error:
        return str(error)


def _judged(name: str, now: float, kernel: Mapping[str, float] | str) -> Finding:
    if now < _EARLIEST:
        text = f"this machine's clock stands {(_EARLIEST - now) / 86_400:.0f} days before 2026: it was never set"
        return Finding(name, State.ERROR, text, "set it, and run a time service (chrony, systemd-timesyncd)")
    if isinstance(kernel, str):
        return Finding(
            name, State.WARNING, f"whether the clock is kept right cannot be seen: {kernel}", "run it as root"
        )
    if not kernel.get("node_timex_sync_status"):
        fix = "run a time service (chrony, systemd-timesyncd); in a container that is the host's work"
        return Finding(name, State.WARNING, "no time source keeps this machine's clock right", fix)
    off = kernel.get("node_timex_maxerror_seconds", 0.0)
    if off > _FAR:
        fix = "look whether the time service still reaches its sources"
        return Finding(name, State.WARNING, f"the clock may be {off:.1f} s wrong", fix)
    return Finding(name, State.OK, f"kept by a time source, {off:.3f} s off at the most")
