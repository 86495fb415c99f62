"""Text of a scalar to a value: booleans, numbers and durations as people write them in YAML.

Each function takes the source text and returns the value, or raises ``BadScalarError`` with what was expected; the
caller knows the position. The YAML reader keeps every plain scalar as text, so nothing has been guessed before we look.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_INT = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DURATION = re.compile(
    r"(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?", re.ASCII
)
_UNITS = (("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_GO_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,9})?)(ns|us|µs|ms|s|m|h)", re.ASCII)
_GO_UNITS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
_UNIT_MS = (*(ms for _, ms in _UNITS), 1)
_MAX_DURATION = 100 * 31_536_000_000


class BadScalarError(ValueError):
    """The text is not a value of the wanted type; ``str()`` says what is wanted and ``hint`` gives an example."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.hint = hint


def to_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise BadScalarError("true or false", "write true or false")


def to_bytes(text: str) -> bytes:
    """The bytes of ``!!binary``, which is base64."""
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise BadScalarError("bytes in base64", "write what base64(1) gives") from None


def to_int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise BadScalarError("a whole number", "write digits only, such as 5")
    return int(text)


def to_float(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise BadScalarError("a number", "write a number such as 0.5")
    value = float(text)
    if not math.isfinite(value):
        raise BadScalarError("a finite number", "write a number such as 0.5")
    return value


def to_duration(text: str) -> int:
    """Milliseconds of a Prometheus duration: ``1h30m``, ``15s``, ``500ms``; ``0`` alone needs no unit."""
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text) if 0 < len(text) <= 64 else None
    if match is None:
        hint = f"add a unit: {text}s" if _INT.fullmatch(text) else "write units from large to small: 1h30m, 15s, 500ms"
        raise BadScalarError("a duration", hint)
    total = sum(int(part) * ms for part, ms in zip(match.groups(), _UNIT_MS, strict=True) if part)
    if total > _MAX_DURATION:
        raise BadScalarError("a duration of at most 100y", "write a shorter time")
    return total


def to_go_duration(text: str) -> int:
    """Milliseconds of a duration as Go programs take it in their configuration: ``1.5s``, ``1h2m``, ``300ms``."""
    if text == "0":
        return 0
    parts = _GO_PART.findall(text) if 0 < len(text) <= 64 else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        hint = f"add a unit: {text}s" if _INT.fullmatch(text) else "write units from large to small: 1h30m, 1.5s, 500ms"
        raise BadScalarError("a duration", hint)
    total = sum(float(number) * _GO_UNITS[unit] for number, unit in parts)
    if total > _MAX_DURATION:
        raise BadScalarError("a duration of at most 100y", "write a shorter time")
    return round(total)


def duration_text(ms: int) -> str:
    """The shortest Prometheus form of a duration, the inverse of ``to_duration`` for values of at least 0."""
    if ms == 0:
        return "0s"
    parts = []
    for unit, size in _UNITS:
        if unit in {"y", "w"} and ms % size:
            continue  # 90d reads better than 12w6d
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    if ms:
        parts.append(f"{ms}ms")
    return "".join(parts)
