"""BER as SNMP uses it (RFC 3417 section 8), read within bounds: nothing here recurses, copies more than it returns, or
trusts a length. Whoever reads gets a value or BerError, whatever the bytes are.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from collectors.snmp.port import Value

INTEGER = 0x02
OCTETS = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30
IP_ADDRESS = 0x40
COUNTER32 = 0x41
GAUGE32 = 0x42
TIME_TICKS = 0x43
OPAQUE = 0x44
COUNTER64 = 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW = 0x80, 0x81, 0x82

_UNSIGNED = frozenset((COUNTER32, GAUGE32, TIME_TICKS, COUNTER64, 0x47))
_WITHOUT_VALUE = frozenset((NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW))
_LONGEST_OID = 128
"""Sub-identifiers an OID has at most (RFC 2578 section 3.5), each of at most 32 bits."""
_FLOAT, _DOUBLE = b"\x9f\x78\x04", b"\x9f\x79\x08"
"""What the content of an Opaque begins with when it holds a number: two bytes of tag and the length."""


class BerError(ValueError):
    """The bytes are no BER that SNMP allows."""


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag of the element at ``at``, and where its content begins and ends, which is within ``end``."""
    start = at + 2
    if start > end:
        raise BerError("an element is cut off")
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise BerError("a tag of several bytes")
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise BerError("a length that SNMP does not allow")
        start += count
        if start > end:
            raise BerError("an element is cut off")
        length = int.from_bytes(data[start - count : start], "big")
    stop = start + length
    if stop > end:
        raise BerError("an element reaches beyond what holds it")
    return tag, start, stop


def expect(data: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """Where the content of the element at ``at`` begins and ends; its tag must be ``wanted``."""
    tag, start, stop = header(data, at, end)
    if tag != wanted:
        raise BerError(f"tag {tag:#x} where {wanted:#x} belongs")
    return start, stop


def read_integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """An INTEGER of at most 32 bits, and where the next element begins."""
    start, stop = expect(data, at, end, INTEGER)
    if not 1 <= stop - start <= 5:
        raise BerError("an INTEGER of more than 32 bits")
    return int.from_bytes(data[start:stop], "big", signed=True), stop


def read_octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """An OCTET STRING, and where the next element begins."""
    start, stop = expect(data, at, end, OCTETS)
    return data[start:stop], stop


def read_oid(data: bytes, at: int, end: int) -> tuple[str, int]:
    """An OBJECT IDENTIFIER as dotted numbers, and where the next element begins."""
    start, stop = expect(data, at, end, OID)
    return _oid(data[start:stop]), stop


def value(data: bytes, tag: int, start: int, stop: int) -> Value | None:
    """The content of an element as ``port.Value``; None for NULL and for what is not there."""
    if tag == INTEGER:
        if not 1 <= stop - start <= 9:
            raise BerError("an INTEGER that is too long")
        return int.from_bytes(data[start:stop], "big", signed=True)
    if tag == OCTETS:
        return data[start:stop]
    if tag in _UNSIGNED:  # read without a sign: not every agent puts the zero in front that BER asks for
        if not 1 <= stop - start <= 9:
            raise BerError("a number that is too long")
        return int.from_bytes(data[start:stop], "big")
    if tag == OID:
        return _oid(data[start:stop])
    if tag == IP_ADDRESS:
        if stop - start != 4:
            raise BerError("an IpAddress that is not four bytes")
        return ".".join(map(str, data[start:stop]))
    if tag in _WITHOUT_VALUE:
        return None
    if tag == OPAQUE:
        return _opaque(data[start:stop])
    raise BerError(f"tag {tag:#x} where a value belongs")


def encode(tag: int, *parts: bytes) -> bytes:
    """An element of these parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def encode_integer(number: int, tag: int = INTEGER) -> bytes:
    """A number in as few bytes as hold it with its sign."""
    return encode(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def encode_oid(oid: str) -> bytes:
    """An OBJECT IDENTIFIER from dotted numbers."""
    first, second, *rest = map(int, oid.split("."))
    content = bytearray()
    for number in (first * 40 + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        content += bytes(reversed(groups))
    return encode(OID, bytes(content))


@lru_cache(maxsize=512)  # a device sends the same few; what others may fill it with is bounded in size as well
def _oid(content: bytes) -> str:
    if not 1 <= len(content) <= 5 * _LONGEST_OID or content[-1] >= 0x80:
        raise BerError("an OBJECT IDENTIFIER that is empty, cut off or too long")
    numbers: list[int] = []
    number = 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
        elif number >> 25:
            raise BerError("a sub-identifier of more than 32 bits")
    if max(numbers) > 0xFFFFFFFF or len(numbers) >= _LONGEST_OID:
        raise BerError("a sub-identifier of more than 32 bits, or too many of them")
    root = min(numbers[0] // 40, 2)
    return ".".join(map(str, (root, numbers[0] - 40 * root, *numbers[1:])))


def _opaque(content: bytes) -> float | bytes:
    if len(content) == 7 and content.startswith(_FLOAT):
        return float(struct.unpack(">f", content[3:])[0])
    if len(content) == 11 and content.startswith(_DOUBLE):
        return float(struct.unpack(">d", content[3:])[0])
    return content
