"""The past that outlives the process: stretches of series as bytes, and back.

A ``Stretch`` is what one source's timeline holds since it was last kept. ``pack`` makes one record of it; a file is a
row of records in the order of time, so what is new is appended, and a record that is torn or damaged says so.

    record  = length (u32, of what follows the digest) | digest (16 bytes of SHA-256 of it) | newest time (i64) | body
    body    = zlib(msgpack [source, times, [[name, labels, start, values], ...]])

Numbers are little-endian. Times are kept as differences and values byte plane by byte plane: series that change
slowly then cost one to three bytes a sample.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from rules.model import Labels

MAX_BODY = 64 * 1024 * 1024
"""Bytes that one record may unpack to; a larger one is damaged or not ours."""
_HEAD = struct.Struct("<I16s")
_NEWEST = struct.Struct("<q")
_WIDTH = 8
_LEVEL = 6


class Part(NamedTuple):
    """Values of one series: ``values[i]`` was taken at the stretch's ``times[start + i]``."""

    name: str
    labels: Labels
    start: int
    values: array[float]


class Stretch(NamedTuple):
    """Times (ms, ascending, at least one) and the series over them. ``source`` is empty for a series of no source."""

    source: str
    times: array[int]
    parts: list[Part]

    @property
    def key(self) -> tuple[str, str, Labels]:
        """Whose times these are: the source's, or those of the only series."""
        return (self.source, "", ()) if self.source else ("", self.parts[0].name, self.parts[0].labels)


class DamagedHistory(Exception):
    """What was read is not a history, or not whole; the text says why."""


class Record(NamedTuple):
    """``end`` is where the record ends in what it was read from."""

    newest: int
    body: bytes
    end: int


class _Line(msgspec.Struct, array_like=True):
    name: str
    labels: list[tuple[str, str]]
    start: int
    values: bytes


class _Body(msgspec.Struct, array_like=True):
    source: str
    times: bytes
    lines: list[_Line]


def pack(stretch: Stretch) -> bytes:
    """One record."""
    times = stretch.times
    steps = array("q", [times[0], *(late - early for early, late in pairwise(times))])
    lines = [_Line(part.name, list(part.labels), part.start, _planes(part.values)) for part in stretch.parts]
    body = zlib.compress(msgspec.msgpack.encode(_Body(stretch.source, _planes(steps), lines)), _LEVEL)
    rest = _NEWEST.pack(times[-1]) + body
    return _HEAD.pack(len(rest), _digest(rest)) + rest


def records(data: bytes, start: int) -> Iterator[Record]:
    """The records from ``start`` on, each verified; ``DamagedHistory`` at the first that is not whole."""
    view = memoryview(data)
    while start < len(data):
        body = start + _HEAD.size
        if body > len(data):
            raise DamagedHistory(f"it ends in the middle of a record, at byte {start}")
        length, digest = _HEAD.unpack_from(data, start)
        end = body + length
        if end > len(data):
            raise DamagedHistory(f"it ends in the middle of a record, at byte {start}")
        rest = bytes(view[body:end])
        if length < _NEWEST.size or _digest(rest) != digest:
            raise DamagedHistory(f"the record at byte {start} is damaged")
        yield Record(_NEWEST.unpack_from(rest)[0], rest[_NEWEST.size :], end)
        start = end


def unpack(record: Record) -> Stretch:
    """The stretch of a verified record; ``DamagedHistory`` when it holds something else."""
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(record.body, MAX_BODY)
        body = msgspec.msgpack.decode(raw, type=_Body)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise DamagedHistory(f"a record cannot be read: {error}") from error
    if not inflate.eof:
        raise DamagedHistory("a record is larger than any this program writes")
    try:
        times = array("q", accumulate(_whole("q", body.times)))
    except OverflowError:
        raise DamagedHistory("the times of a record are beyond all calendars") from None
    parts = [Part(line.name, tuple(line.labels), line.start, _whole("d", line.values)) for line in body.lines]
    if not times or any(late <= early for early, late in pairwise(times)) or times[-1] != record.newest:
        raise DamagedHistory("the times of a record do not ascend")
    if any(part.start < 0 or part.start + len(part.values) > len(times) for part in parts):
        raise DamagedHistory("a record has values without times")
    if not body.source and len(parts) != 1:
        raise DamagedHistory("a record of no source has not just one series")
    return Stretch(body.source, times, parts)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def _planes(numbers: array[int] | array[float]) -> bytes:
    """First the lowest byte of each number, then the next: what changes little becomes long runs."""
    data = _little(numbers).tobytes()
    return b"".join(data[plane::_WIDTH] for plane in range(_WIDTH))


def _whole(code: str, planes: bytes) -> array:  # type: ignore[type-arg]  # the element type is the caller's ``code``
    count, odd = divmod(len(planes), _WIDTH)
    if odd:
        raise DamagedHistory("a record has half a number")
    data = bytearray(len(planes))
    for plane in range(_WIDTH):
        data[plane::_WIDTH] = planes[plane * count : (plane + 1) * count]
    numbers = array(code)
    numbers.frombytes(bytes(data))
    return _little(numbers)


def _little(numbers: array) -> array:  # type: ignore[type-arg]  # of either kind of number
    """The same numbers for a little-endian file; a machine of the other kind swaps a copy."""
    if sys.byteorder == "little":
        return numbers
    swapped = array(numbers.typecode, numbers)
    swapped.byteswap()
    return swapped
