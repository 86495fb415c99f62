"""Recorded walks as text, in the form of snmpsim (``.snmprec``): written, read, and cleared of what names a customer.

A line is ``OID|tag|value``: the tag is the BER tag of the value's type in decimal, with an ``x`` where the value is in
hexadecimal digits. Lines that begin with ``#`` are comments; ours say when and of what the recording is, and whether it
is complete::

    # date: 2026-01-31T12:00:00Z
    # device: sw1
    # complete: yes
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from collectors.snmp.engines._opaque import opaque
from collectors.snmp.port import Row, Value

INTEGER, OCTETS, OID, IP_ADDRESS, OPAQUE = 2, 4, 6, 64, 68
_NUMBERS = frozenset((INTEGER, 65, 66, 67, 70, 71))
_WITHOUT_VALUE = frozenset((5, 128, 129, 130))
MAX_BYTES = 128 << 20
_LONGEST = 256 << 10
"""Characters of one line: twice the largest value that fits into a datagram."""
_MOST = 1_000_000
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,9})){1,127}", re.ASCII)
_PLAIN = re.compile(rb"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_HEAD = re.compile(r"#\s*(date|device|complete):\s*(.*)")
_WANTED = ("date", "device", "complete")
_LEFT_OUT = (
    "1.3.6.1.2.1.1.4", "1.3.6.1.2.1.1.6",  # sysContact, sysLocation
    "1.3.6.1.2.1.2.2.1.6", "1.0.8802.1.1.2.1.3.2", "1.0.8802.1.1.2.1.3.8", "1.0.8802.1.1.2.1.4.2",  # hardware, LLDP
    "1.3.6.1.2.1.3", "1.3.6.1.2.1.4.20", "1.3.6.1.2.1.4.21", "1.3.6.1.2.1.4.22", "1.3.6.1.2.1.4.24",
    "1.3.6.1.2.1.4.32", "1.3.6.1.2.1.4.34", "1.3.6.1.2.1.4.35", "1.3.6.1.2.1.4.37",  # addresses, routes, neighbours
    "1.3.6.1.2.1.6.13", "1.3.6.1.2.1.6.19", "1.3.6.1.2.1.6.20", "1.3.6.1.2.1.7.5", "1.3.6.1.2.1.7.7",  # connections
    "1.3.6.1.2.1.17.1.1", "1.3.6.1.2.1.17.4", "1.3.6.1.2.1.17.7.1.2",  # who was seen at which port
    "1.3.6.1.2.1.47.1.1.1.1.11", "1.3.6.1.2.1.47.1.1.1.1.15", "1.3.6.1.2.1.47.1.1.1.1.19",  # serial, asset, UUID
    "1.3.6.1.2.1.43.5.1.1.17", "1.3.6.1.4.1.9.3.6.3", "1.3.6.1.4.1.2636.3.1.3", "1.3.6.1.4.1.12356.100.1.1.1",
    "1.3.6.1.2.1.55.1.8", "1.3.6.1.2.1.55.1.11", "1.3.6.1.2.1.55.1.12",  # IPv6 of old
    "1.3.6.1.4.1.9.9.187.1.2.5", "1.3.6.1.4.1.9.9.187.1.2.7", "1.3.6.1.4.1.9.9.187.1.2.8", "1.3.6.1.4.1.2636.5.1.1",
    "1.3.6.1.4.1.2011.5.25.177", "1.3.6.1.4.1.30065.4.1", "1.3.6.1.2.1.15.3", "1.3.6.1.2.1.191.1.9",  # BGP, OSPFv3
    "1.3.6.1.4.1.9.9.23.1.2.1.1.4",  # CDP
    "1.3.6.1.2.1.25.4", "1.3.6.1.2.1.25.6",  # programs with their arguments, installed software
    "1.3.6.1.6.3.10", "1.3.6.1.6.3.12", "1.3.6.1.6.3.13", "1.3.6.1.6.3.15", "1.3.6.1.6.3.16", "1.3.6.1.6.3.18",
)  # fmt: skip
"""What tells a customer, a person or a secret, wherever it is; the last line is SNMP's own configuration."""
_SERIAL = re.compile(rb"\bserial\b|\bs/n\b|\bsn[:#]", re.IGNORECASE)
_ADDRESS = re.compile(rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])")
_ADDRESS_V6 = re.compile(rb"(?<![0-9a-z:])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}(?![0-9a-z:])", re.IGNORECASE)
_MAC_IN_TEXT = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![0-9a-f])", re.IGNORECASE)


class Recording(msgspec.Struct, frozen=True):
    """``at`` is when (Unix seconds), None when it does not say; rows as an engine gives them, sorted."""

    rows: list[Row]
    at: float | None = None
    device: str = ""
    complete: bool = True


class RecordingError(ValueError):
    """A line that is none of a recording; the text begins with its number."""


def write(rows: Iterable[Row], tags: Mapping[str, int], comments: Iterable[str]) -> Iterator[str]:
    """The lines of a recording, each with its end; ``tags`` are the BER tags by OID."""
    for comment in comments:
        yield f"# {comment}\n".encode("ascii", "replace").decode("ascii")
    for oid, value in rows:
        yield f"{oid}|{_written(value, tags.get(oid, OCTETS))}\n"


def head(at: float, device: str, why: str) -> list[str]:
    """The comments of a recording; ``why`` it is not complete, "" when it is."""
    date = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [f"date: {date}", f"device: {device}", f"complete: {f'no: {why}' if why else 'yes'}"]


def read(content: bytes) -> Recording:
    """A recording; RecordingError, also where a value is made up by a module of snmpsim."""
    if len(content) > MAX_BYTES:
        raise RecordingError(f"1: it is larger than {MAX_BYTES} bytes; record less of the device")
    rows: dict[tuple[int, ...], Row] = {}
    said: dict[str, str] = {}
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(line) > _LONGEST or number > _MOST:
            raise RecordingError(f"{number}: more than {_LONGEST} characters in a line, or {_MOST} lines")
        text = line.decode("latin-1").strip()
        if text.startswith("#"):
            if found := _HEAD.match(text):
                said.setdefault(found[1], found[2])
        elif text:
            row = _row(text, number)
            if row is not None:
                rows[tuple(map(int, row[0].split(".")))] = row
    return Recording(
        [rows[key] for key in sorted(rows)],
        _moment(said.get("date", "")),
        said.get("device", "").partition(" ")[0],
        not said.get("complete", "").startswith("no"),
    )


def redacted(rows: Sequence[Row], tags: Mapping[str, int], secrets: Collection[str]) -> list[Row]:
    """The rows without serial numbers, addresses of every kind, people, programs, and ``secrets`` (communities, users).

    An address that stands in a value is left out of the indexes too, and so is what is written like one.
    """
    addresses = {value for oid, value in rows if tags.get(oid) == IP_ADDRESS and isinstance(value, str)}
    indexed = [f".{address}." for address in addresses if not address.startswith(("0.", "255."))]
    hidden = [secret.encode() for secret in secrets if secret]
    return [row for row in rows if not _tells(row, tags.get(row[0], 0), indexed, hidden)]


def _tells(row: Row, tag: int, indexed: Sequence[str], hidden: Sequence[bytes]) -> bool:
    oid, value = row
    dotted = oid + "."
    if tag == IP_ADDRESS or any(dotted.startswith(f"{root}.") for root in _LEFT_OUT):
        return True
    if any(address in dotted for address in indexed):
        return True
    if not isinstance(value, bytes):
        return False
    if (len(value) in (6, 16) and not _PLAIN.fullmatch(value)) or any(secret in value for secret in hidden):
        return True
    return any(form.search(value) for form in (_SERIAL, _ADDRESS, _ADDRESS_V6, _MAC_IN_TEXT))


def _written(value: Value, tag: int) -> str:
    if isinstance(value, float):
        return f"{OPAQUE}x|{_opaque(value).hex()}"
    if isinstance(value, bytes):
        return f"{tag}|{value.decode('ascii')}" if _PLAIN.fullmatch(value) else f"{tag}x|{value.hex()}"
    return f"{tag}|{value}"


def _opaque(value: float) -> bytes:
    """A number in the wrapping of net-snmp: single precision where that is exact."""
    try:
        single = struct.pack(">f", value)
    except OverflowError:
        return b"\x9f\x79\x08" + struct.pack(">d", value)
    if struct.unpack(">f", single)[0] == value or value != value:  # noqa: PLR0124 - not a number is no other
        return b"\x9f\x78\x04" + single
    return b"\x9f\x79\x08" + struct.pack(">d", value)


def _row(text: str, number: int) -> Row | None:
    """None for what has no value."""
    oid, _, rest = text.partition("|")
    tag, bar, value = rest.partition("|")
    if not bar or not _OID.fullmatch(oid):
        raise RecordingError(f"{number}: no line of a recording; it is OID|tag|value")
    kind, hexadecimal = tag.removesuffix("x"), tag.endswith("x")
    if ":" in kind:
        raise RecordingError(f"{number}: the value is made up by a module of snmpsim ({kind[:40]!a}); record a device")
    try:
        code = int(kind)
        raw = bytes.fromhex(value) if hexadecimal else value.encode("latin-1")
        return None if code in _WITHOUT_VALUE else (oid, _value(code, raw))
    except ValueError:
        raise RecordingError(f"{number}: the value is not of the type {tag[:40]!a}") from None


def _value(tag: int, raw: bytes) -> Value:
    if tag in _NUMBERS:
        return int(raw.decode("ascii"))
    if tag == OCTETS:
        return raw
    if tag == OPAQUE:
        return opaque(raw)
    if tag == IP_ADDRESS:
        return str(ipaddress.IPv4Address(raw if len(raw) == 4 else raw.decode("ascii")))
    if tag == OID and _OID.fullmatch(raw.decode("ascii")):
        return raw.decode("ascii")
    raise ValueError(tag)


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
