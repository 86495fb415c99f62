"""Parameters of the Prometheus HTTP API, read from the query string or the form, in its spellings."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

from aiohttp import web
from multidict import MultiMapping

from agent.http.form import BadForm, read_form

_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_MS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999."""


class BadParameter(Exception):
    """The text says which parameter, what is wrong with it, and what it should look like."""


class Parameters:
    """Read access to one request's parameters; a missing one that is needed raises BadParameter."""

    def __init__(self, values: MultiMapping[str]) -> None:
        self._values = values

    @classmethod
    async def of(cls, request: web.Request) -> Parameters:
        if request.method != "POST":
            return cls(request.query)
        try:
            merged = await read_form(request)
        except BadForm as error:
            raise BadParameter(str(error)) from None
        merged.extend(request.query)
        return cls(merged)

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not value:
            raise BadParameter(f"the parameter {name} is missing")
        return value

    def optional(self, name: str) -> str:
        """Empty when it is missing."""
        return self._values.get(name, "")

    def all(self, name: str) -> Sequence[str]:
        return self._values.getall(name, [])

    def time(self, name: str, default: int | None = None) -> int:
        """Milliseconds since the epoch, from Unix seconds or RFC 3339."""
        value = self._values.get(name)
        if not value:
            if default is None:
                raise BadParameter(f"the parameter {name} is missing")
            return default
        return parse_time(name, value)

    def optional_time(self, name: str) -> int | None:
        value = self._values.get(name)
        return parse_time(name, value) if value else None

    def duration(self, name: str, default: int | None = None) -> int:
        """Milliseconds, from seconds or a duration such as 15s."""
        value = self._values.get(name)
        if not value:
            if default is None:
                raise BadParameter(f"the parameter {name} is missing")
            return default
        try:
            seconds = float(value)
        except ValueError:
            return _duration(name, value)
        if not 1 <= seconds * 1000 <= LATEST:
            raise BadParameter(
                f"{name} is {value[:40]!r}; it must be positive, at least 0.001 and no more than 9999 years"
            )
        return round(seconds * 1000)

    def number(self, name: str, default: int) -> int:
        value = self._values.get(name)
        if not value:
            return default
        if not value.isdecimal() or len(value) > 9:
            raise BadParameter(f"{name} is {value[:40]!r}; write a whole number")
        return int(value)


def parse_time(name: str, value: str) -> int:
    """Milliseconds since the epoch; raises BadParameter."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise BadParameter(
                f"{name} is {value[:40]!r}; write Unix seconds (1700000000.5) or RFC 3339 (2026-11-20T08:00:00Z)"
            ) from None
        seconds = moment.timestamp()
    if not math.isfinite(seconds) or not -LATEST <= seconds * 1000 <= LATEST:
        raise BadParameter(f"{name} is {value[:40]!r}; it must be a finite number before the year 10000")
    return round(seconds * 1000)


def _duration(name: str, value: str) -> int:
    match = _DURATION.fullmatch(value) if len(value) <= 64 else None
    if match is None or not any(match.groups()):
        raise BadParameter(f"{name} is {value[:40]!r}; write seconds (15) or a duration (15s, 5m, 1h30m)")
    total = sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS_MS, strict=True) if count)
    if not 0 < total <= LATEST:
        raise BadParameter(f"{name} is {value!r}; it must be positive and no more than 9999 years")
    return total
