"""Moments and steps on the command line, as Prometheus's API takes them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from agent.cli._errors import USAGE, CommandError
from agent.config.scalars import BadScalarError, to_duration, to_float

_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second RFC 3339 can write


def to_moment(text: str, now: int) -> int:
    """Milliseconds since the epoch of unix seconds (``1700000000.5``), RFC 3339, ``now``, or ``now-1h``."""
    if text == "now":
        return now
    if text.startswith("now-"):
        return now - to_step(text.removeprefix("now-"), "time before now")
    try:
        seconds = to_float(text)
    except BadScalarError:
        seconds = _rfc3339(text)
    if not -_LATEST <= seconds <= _LATEST:
        raise CommandError(f"time {text[:64]!a} is out of range", USAGE)
    return math.floor(seconds * 1000 + 0.5)


def to_step(text: str, what: str = "step") -> int:
    """Milliseconds of a step: a duration (``15s``) or seconds (``0.5``); more than 0. ``what`` is how it is called."""
    try:
        step = to_duration(text)
    except BadScalarError:
        try:
            step = int(to_float(text) * 1000)
        except BadScalarError:
            raise CommandError(f"{what} {text[:64]!a} is no duration; write 15s, or seconds", USAGE) from None
    if step <= 0:
        raise CommandError(f"{what} {text[:64]!a} is not more than 0", USAGE)
    return step


def _rfc3339(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{text[:64]!a} is no time; write unix seconds (1700000000), 2026-01-31T12:00:00Z, now or now-1h",
            USAGE,
        ) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
