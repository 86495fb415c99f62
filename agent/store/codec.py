"""Rows as bytes: JSON bodies and the checksum that stands beside them.

SQLite notices a damaged page structure, not a changed letter. The CRC-32 over all columns of a row does: a single
flipped bit is always found, other damage slips through once in four billion times.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TypeVar

import msgspec

from agent.core.model import Incident, TimelineEntry
from agent.core.outbox import OutboxRow
from agent.store.errors import StoreError

V = TypeVar("V")
Column = str | int | bytes | None

_encode = msgspec.json.Encoder().encode
_incident = msgspec.json.Decoder(Incident)
_row = msgspec.json.Decoder(OutboxRow)
_entry = msgspec.json.Decoder(TimelineEntry)


class BadRow(StoreError):
    """A stored row does not verify; the text says how."""


def checksum(*columns: Column) -> int:
    """CRC-32 over the columns, each with its type and length, so that no two rows share one text."""
    crc = 0
    for column in columns:
        if column is None:
            kind, data = b"n", b""
        elif isinstance(column, bytes):
            kind, data = b"b", column
        elif isinstance(column, int):
            kind, data = b"i", str(column).encode("ascii")
        else:
            kind, data = b"s", column.encode()
        crc = zlib.crc32(data, zlib.crc32(b"%c%d:" % (kind, len(data)), crc))
    return crc


def verify(crc: object, *columns: Column) -> None:
    if crc != checksum(*columns):
        raise BadRow("checksum mismatch")


def encode(value: Incident | OutboxRow | TimelineEntry) -> bytes:
    return _encode(value)


def decode_incident(body: bytes) -> Incident:
    return _decode(_incident, body)


def decode_row(body: bytes) -> OutboxRow:
    return _decode(_row, body)


def decode_entry(body: bytes) -> TimelineEntry:
    return _decode(_entry, body)


def chain(previous: bytes, incident: str, at: int, body: bytes) -> bytes:
    """The next hash of the timeline."""
    head = f"{len(incident)}:{incident}:{at}:".encode()
    return hashlib.sha256(previous + head + body).digest()


def _decode(decoder: msgspec.json.Decoder[V], body: bytes) -> V:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRow(f"the checksum holds but the body does not decode: {error}") from None
