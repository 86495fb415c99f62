"""The entries that come to a journal file, straight from its format (systemd.io/JOURNAL_FILE_FORMAT).

Objects are only ever appended, each after the data it refers to, so what is new is read in one pass from where the
last one ended. Nothing is mapped into memory and nothing written. Only the few short fields that are asked for are
looked at.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from collectors._model import CollectorError

PIECE = 256 << 10
"""Bytes read at a time."""
PIECES = 8
"""Read in one pass; the rest waits for the next."""
_SIGNATURE = b"LPKSHHRH"
_HEADER = struct.Struct("<8sII8x64xQ40xQ16xQ")
"""Signature, compatible and incompatible flags; size of the header, last object, last entry's number."""
_OBJECT = struct.Struct("<BB6xQ")
_KNOWN_FLAGS = 0x1F
_COMPACT = 0x10
_DATA, _ENTRY = 1, 3
_ENTRY_HEAD = 64
_VALUE_LIMIT = 300
_FILE_LIMIT = 1 << 48
REMEMBERED = 8192
"""Values of fields by place, before they are looked up anew."""


class _Header(NamedTuple):
    """What is used of the file's header."""

    compact: bool
    start: int
    last: int
    last_number: int


class JournalFile:
    """An open file. ``fields`` are names of fields an entry is told with."""

    def __init__(self, descriptor: int, fields: tuple[str, ...], *, from_end: bool) -> None:
        """``from_end``: what is in it already is not told. CollectorError when it is no journal."""
        self._descriptor = descriptor
        self._fields = tuple(name.encode() + b"=" for name in fields)
        self._known: dict[int, tuple[str, str] | None] = {}
        header = self._header()
        self._position = header.start
        if from_end and header.last:
            found = self._object(self._at(header.last, _OBJECT.size))
            self._position = header.last + (_align(found[1]) if found else 0)
        self._since = self._position

    def close(self) -> None:
        os.close(self._descriptor)

    def entries(self) -> Iterator[dict[str, str]]:
        """The fields of each new entry, those it has of the ones asked for."""
        header = self._header()
        for _ in range(PIECES):
            before = self._position
            yield from self._piece(header)
            if self._position == before:
                return

    def _at(self, offset: int, size: int) -> bytes:
        """At most so many bytes from there on; none where no file reaches, as a damaged one may claim."""
        return os.pread(self._descriptor, size, offset) if offset < _FILE_LIMIT else b""

    def _header(self) -> _Header:
        data = self._at(0, _HEADER.size)
        if len(data) < _HEADER.size or not data.startswith(_SIGNATURE):
            raise CollectorError("it is not a journal file")
        _, _, flags, size, last, number = _HEADER.unpack(data)
        if flags & ~_KNOWN_FLAGS:
            raise CollectorError(f"the journal is of a newer format (flags {flags:#x})")
        return _Header(bool(flags & _COMPACT), size, last, number)

    def _piece(self, header: _Header) -> Iterator[dict[str, str]]:
        """The entries of one piece. The position moves behind an entry only once that is whole, so what is still being
        written is read again in the next pass.
        """
        if len(self._known) > REMEMBERED:
            self._known.clear()
            self._since = self._position
        if self._position > header.last:
            return
        data = self._at(self._position, PIECE)
        base, at = self._position, 0
        while base + at <= header.last:
            if at + _OBJECT.size > len(data):
                self._position = base + at
                return
            found = self._object(data[at : at + _OBJECT.size])
            if found is None:
                return
            kind, size, compressed = found
            if at + size > len(data):  # the next piece begins with it; one larger than a piece is passed over
                self._position = base + (at or _align(size))
                return
            if kind == _DATA and not compressed:
                field = self._field(data[at + self._payload(header) : at + min(size, _VALUE_LIMIT)])
                if field is not None:
                    self._known[base + at] = field
            elif kind == _ENTRY:
                if int.from_bytes(data[at + 16 : at + 24], "little") > header.last_number:
                    return
                yield dict(self._items(data[at + _ENTRY_HEAD : at + size], header))
                self._position = base + at + _align(size)
            at += _align(size)

    @staticmethod
    def _object(data: bytes) -> tuple[int, int, int] | None:
        """Kind, size (a whole one takes up more) and compression; None where there is none yet."""
        if len(data) < _OBJECT.size:
            return None
        kind, compressed, size = _OBJECT.unpack_from(data)
        return (kind, size, compressed) if kind and size >= _OBJECT.size else None

    @staticmethod
    def _payload(header: _Header) -> int:
        return 72 if header.compact else 64

    def _field(self, payload: bytes) -> tuple[str, str] | None:
        for name in self._fields:
            if payload.startswith(name):
                return name[:-1].decode(), payload[len(name) :].decode("utf-8", "surrogateescape")
        return None

    def _items(self, data: bytes, header: _Header) -> Iterator[tuple[str, str]]:
        """The fields an entry refers to that were asked for."""
        step, width = (4, 4) if header.compact else (16, 8)
        for start in range(0, len(data) - width + 1, step):
            offset = int.from_bytes(data[start : start + width], "little")
            if offset in self._known:
                field = self._known[offset]
            elif offset >= self._since:
                continue  # it went by and was none of those asked for
            else:
                field = self._look_up(offset, header)
                self._known[offset] = field
            if field is not None:
                yield field

    def _look_up(self, offset: int, header: _Header) -> tuple[str, str] | None:
        """A value that was there before we began to read."""
        data = self._at(offset, _VALUE_LIMIT)
        found = self._object(data)
        if found is None or found[0] != _DATA or found[2]:
            return None
        return self._field(data[self._payload(header) : found[1]])


def _align(size: int) -> int:
    return (size + 7) & ~7
