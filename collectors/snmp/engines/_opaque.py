"""Opaque values: net-snmp packs floating point numbers into them, which SNMP itself does not have."""

from __future__ import annotations

import struct


def opaque(value: bytes) -> float | bytes:
    """The number, where a Float or Double is inside; otherwise the bytes as they are."""
    if len(value) == 7 and value[:3] == b"\x9f\x78\x04":
        return float(struct.unpack(">f", value[3:])[0])
    if len(value) == 11 and value[:3] == b"\x9f\x79\x08":
        return float(struct.unpack(">d", value[3:])[0])
    return value
