"""As much of X.509 (RFC 5280) in DER as it takes to say whose a certificate is and how long it is good."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

CERTIFICATES_LIMIT = 500
"""In one file: a bundle of authorities has about 150."""
_SERIAL_LIMIT = 64
"""RFC 5280 allows 20."""
_PEM = re.compile(
    r"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\s([A-Za-z0-9+/=\s]*)-----END (?:TRUSTED |X509 )?CERTIFICATE-----"
)
_INTEGER, _SEQUENCE, _SET, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x02, 0x30, 0x31, 0x17, 0x18, 0xA0
_BMP_STRING, _UNIVERSAL_STRING, _TELETEX_STRING = 0x1E, 0x1C, 0x14
_NAMES = {
    b"\x55\x04\x03": "CN", b"\x55\x04\x06": "C", b"\x55\x04\x07": "L", b"\x55\x04\x08": "ST", b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}  # fmt: skip
"""Attribute types below 2.5.4, X.520."""


class NotACertificate(ValueError):
    """The bytes are no certificate; the text says where that shows."""


class Certificate(NamedTuple):
    """Times are seconds since the epoch; names are the last value of each attribute by its short name."""

    serial: int
    issuer: dict[str, str]
    subject: dict[str, str]
    not_before: float
    not_after: float


def certificates(data: bytes) -> Iterator[Certificate]:
    """Those in a PEM text or in one DER value. Other PEM blocks (keys) are passed over without being decoded."""
    if data[:1] == b"\x30":
        yield parse(data)
        return
    found = 0
    for block in _PEM.finditer(data.decode("ascii", "replace")):
        found += 1
        if found > CERTIFICATES_LIMIT:
            raise NotACertificate(f"there are more than {CERTIFICATES_LIMIT} certificates")
        try:
            der = base64.b64decode(block[1])
        except binascii.Error as error:
            raise NotACertificate(f"certificate {found} is not base64: {error}") from error
        yield parse(der)
    if not found:
        raise NotACertificate("there is neither a PEM nor a DER certificate in it")


def parse(der: bytes) -> Certificate:
    """One certificate; what follows the value (trust settings of OpenSSL) is not looked at."""
    body, _ = _expect(der, _SEQUENCE, "certificate")
    rest, _ = _expect(body, _SEQUENCE, "tbsCertificate")
    tag, _, after = _value(rest)
    if tag == _VERSION:
        rest = after
    serial, rest = _expect(rest, _INTEGER, "serial number")
    if len(serial) > _SERIAL_LIMIT:
        raise NotACertificate(f"its serial number is longer than {_SERIAL_LIMIT} bytes")
    _, rest = _expect(rest, _SEQUENCE, "signature algorithm")
    issuer, rest = _expect(rest, _SEQUENCE, "issuer")
    validity, rest = _expect(rest, _SEQUENCE, "validity")
    subject, _ = _expect(rest, _SEQUENCE, "subject")
    not_before, validity = _time(validity)
    not_after, _ = _time(validity)
    return Certificate(int.from_bytes(serial, "big", signed=True), _name(issuer), _name(subject), not_before, not_after)


def _value(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows of the first value."""
    if len(data) < 2:
        raise NotACertificate("it ends too early")
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or len(data) < 2 + size:
            raise NotACertificate("a length in it is wrong")
        length, start = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    if len(data) < start + length:
        raise NotACertificate("it ends too early")
    return tag, data[start : start + length], data[start + length :]


def _expect(data: bytes, tag: int, what: str) -> tuple[bytes, bytes]:
    found, content, rest = _value(data)
    if found != tag:
        raise NotACertificate(f"it has no {what} where one belongs")
    return content, rest


def _time(data: bytes) -> tuple[float, bytes]:
    tag, content, rest = _value(data)
    text = content.decode("ascii", "replace")
    if tag == _UTC_TIME:  # RFC 5280, 4.1.2.5.1: two digits are 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise NotACertificate("it has no time where one belongs")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp(), rest
    except ValueError as error:
        raise NotACertificate(f"{text!r:.30} in it is no time") from error


def _name(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    while data:
        pairs, data = _expect(data, _SET, "part of a name")
        while pairs:
            pair, pairs = _expect(pairs, _SEQUENCE, "part of a name")
            tag, kind, rest = _value(pair)
            short = _NAMES.get(kind)
            if short is not None and tag == 0x06:
                found[short] = _text(*_value(rest)[:2])
    return found


def _text(tag: int, content: bytes) -> str:
    coding = {_BMP_STRING: "utf-16-be", _UNIVERSAL_STRING: "utf-32-be", _TELETEX_STRING: "latin-1"}.get(tag, "utf-8")
    return content.decode(coding, "replace")
