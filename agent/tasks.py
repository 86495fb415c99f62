"""The tasks of the daemon: one that dies is named, and what is closed on the way out cannot hold up the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agent import log

END_S = 5.0
"""Seconds that closing one part may take."""
_log = log.get("daemon")


class PartDied(Exception):
    """A task ended with an error, which was said; the process has to end."""


async def part(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A task of the daemon. One that ends with an error ends the process, and the log says which it was."""
    try:
        await work()
    except Exception as error:
        cause: Exception = error
        while isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]
        _log.critical("part_died", name=name, error=f"{type(cause).__name__}: {cause}", exc_info=cause)
        raise


async def end(name: str, work: Awaitable[None]) -> None:
    """Close something on the way out. What hangs or fails must keep nothing else from being closed."""
    try:
        async with asyncio.timeout(END_S):
            await work
    except Exception as error:  # noqa: BLE001 - it is given up whatever it says
        _log.warning("not_closed", name=name, error=f"{type(error).__name__}: {error}")
