"""Numbers, times and durations as Prometheus's templates write them for people."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from rules.template.lexer import TemplateError
from rules.template.printing import Moment, Span, show, show_float, type_name

_GO_FLOAT = re.compile(r"[+-]?(inf(inity)?|nan|(\d[\d]*\.?\d*|\.\d+)(e[+-]?\d+)?|0x[0-9a-f.]+p[+-]?\d+)", re.IGNORECASE)


def to_float(value: Any) -> float:
    if isinstance(value, str):
        if not _GO_FLOAT.fullmatch(value):
            raise TemplateError(f'"{value[:80]}" is not a number')
        return float.fromhex(value) if "x" in value.lower() else float(value)
    if isinstance(value, Span):
        return value.ns / 1e9
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateError(f"can't convert {type_name(value)} to float")
    return float(value)


def short(value: float) -> str:
    return show_float(value, "g", 4)


def _scaled(value: float, factor: float, prefixes: Sequence[str]) -> tuple[float, str]:
    """The value divided (or, with a factor below 1, multiplied) until it is handy, and the prefix that says so."""
    prefix = ""
    for candidate in prefixes:
        if (abs(value) < factor) if factor > 1 else (abs(value) >= 1):
            break
        prefix = candidate
        value = value / factor if factor > 1 else value * 1000
    return value, prefix


_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")


def humanize(value: Any) -> str:
    number = to_float(value)
    if number == 0 or not math.isfinite(number):
        return short(number)
    scaled, prefix = _scaled(number, 1000, _LARGE) if abs(number) >= 1 else _scaled(number, 0.001, _SMALL)
    return short(scaled) + prefix


def humanize1024(value: Any) -> str:
    number = to_float(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return short(number)
    scaled, prefix = _scaled(number, 1024, _BINARY)
    return short(scaled) + prefix


def humanize_duration(value: Any) -> str:
    number = to_float(value)
    if not math.isfinite(number):
        return short(number)
    if number == 0:
        return f"{short(number)}s"
    if abs(number) < 1:
        scaled, prefix = _scaled(number, 0.001, _SMALL)
        return f"{short(scaled)}{prefix}s"
    sign, size = ("-" if number < 0 else ""), abs(number)
    minutes, seconds = divmod(int(size), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{short(size)}s"


def to_moment(value: Any) -> Moment:
    number = to_float(value)
    if not math.isfinite(number) or abs(number) * 1e9 >= 2**63:
        raise TemplateError(f"{show(number)} cannot be represented as a time")
    return Moment(int(number * 1e9) // 1_000_000)


def humanize_timestamp(value: Any) -> str:
    number = to_float(value)
    return str(to_moment(number)) if math.isfinite(number) else short(number)


def to_span(value: Any) -> Span:
    number = to_float(value)
    if not math.isfinite(number) or abs(number) * 1e9 >= 2**63:
        raise TemplateError(f"{show(number)} cannot be represented as a duration")
    return Span(int(number * 1e9))


_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)


def parse_duration(text: str) -> int | None:
    """Milliseconds of a Prometheus duration (``1h30m``, ``0``), or None when it is none."""
    if text == "0":
        return 0
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return None
    total = sum(int(number) * unit for number, unit in zip(found.groups(), _UNITS, strict=True) if number)
    return total if total < 2**63 // 1_000_000 else None


def duration_seconds(text: str) -> float:
    milliseconds = parse_duration(text)
    if milliseconds is None:
        raise TemplateError(f"not a valid duration string: {text!r}")
    return milliseconds / 1000
