"""A little BER (X.690) as SNMP uses it, written for tests: values as encoded bytes, and a reader that hides nothing."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

INTEGER, OCTETS, NULL_TAG, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
GET, GET_NEXT, RESPONSE, SET, TRAP_V1, GET_BULK, INFORM, TRAP, REPORT = range(0xA0, 0xA9)


def tlv(tag: int, content: bytes) -> bytes:
    """Tag, length in its shortest form, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def counter32(value: int) -> bytes:
    return integer(value, COUNTER32)


def counter64(value: int) -> bytes:
    return integer(value, COUNTER64)


def gauge32(value: int) -> bytes:
    return integer(value, GAUGE32)


def time_ticks(value: int) -> bytes:
    return integer(value, TIME_TICKS)


def octets(value: bytes | str) -> bytes:
    return tlv(OCTETS, value.encode() if isinstance(value, str) else value)


def opaque(value: bytes) -> bytes:
    return tlv(OPAQUE, value)


def opaque_float(value: float) -> bytes:
    return opaque(b"\x9f\x78\x04" + struct.pack(">f", value))


def opaque_double(value: float) -> bytes:
    return opaque(b"\x9f\x79\x08" + struct.pack(">d", value))


def ip_address(value: str) -> bytes:
    return tlv(IP_ADDRESS, ipaddress.IPv4Address(value).packed)


def object_id(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(chunk))
    return tlv(OID, content)


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    return tlv(tag, b"".join(parts))


NULL = tlv(NULL_TAG, b"")
NO_SUCH_OBJECT = tlv(0x80, b"")
NO_SUCH_INSTANCE = tlv(0x81, b"")
END_OF_MIB_VIEW = tlv(0x82, b"")


def read(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of each value in ``data``; ValueError where it ends too early."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + size > len(data):
            raise ValueError("a value is longer than what holds it")
        yield tag, data[at : at + size]
        at += size


def to_int(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


def to_oid(content: bytes) -> str:
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
