"""Files read in pieces, unpacked where the standard library can: gzip, xz and bzip2, told by the end of the name.

The pieces are bounded as they come out, so that a small file which unpacks to very much costs time, never memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

PIECE = 32 << 10
"""Bytes given at a time: of the paragraphs in larger ones a megabyte stays with the process."""
PART_LIMIT = 4 << 20
"""Bytes of one part; a file with a longer one is not such a file."""
UNPACKED_LIMIT = 2 << 30
"""Bytes a packed file may unpack to: the largest lists of distributions have a quarter of it."""
_XZ_MEMORY = 80 << 20
"""Bytes the window of an xz file may ask for: ``xz -9`` writes 64 MB, as a rule 8 are used."""
PACKED = (".gz", ".xz", ".bz2")
"""Ends of the names of what is unpacked here."""


class Unreadable(ValueError):
    """The file is not of its format; the text says why."""


class _Unpacker(Protocol):
    """What the three modules' decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def pieces(read: Callable[[int, int], bytes | None], name: str) -> Iterator[bytes]:
    """The text of a file in pieces. ``read`` takes offset and size; ``name`` tells how it is packed."""
    kind = next((end for end in PACKED if name.endswith(end)), "")
    return _unpacked(_plain(read), kind, name) if kind else _plain(read)


def parts(text: Iterable[bytes], end: bytes) -> Iterator[list[bytes]]:
    """The parts of a text that ``end`` divides, those of one piece at a time."""
    rest = b""
    for piece in text:
        *whole, rest = (rest + piece).split(end)
        if len(rest) > PART_LIMIT:
            raise Unreadable(f"a part is longer than {PART_LIMIT} bytes")
        yield whole
    yield [rest]


def _plain(read: Callable[[int, int], bytes | None]) -> Iterator[bytes]:
    offset = 0
    while data := read(offset, PIECE):
        offset += len(data)
        yield data


def _unpacked(packed: Iterable[bytes], kind: str, name: str) -> Iterator[bytes]:
    """``packed`` as it was before; archives one after another count as one, as for gzip(1) and xz(1)."""
    make, wrong = _format(kind)
    total = 0
    unpacker: _Unpacker | None = None
    for given in packed:
        data, piece = given, b""
        while data or len(piece) == PIECE:  # a whole piece: there may be more of what was given
            unpacker = unpacker or make()
            try:
                piece = unpacker.decompress(data, PIECE)
            except wrong as error:
                raise Unreadable(f"{name:.80} cannot be unpacked: {error}") from error
            total += len(piece)
            if total > UNPACKED_LIMIT:
                raise Unreadable(f"{name:.80} unpacks to more than {UNPACKED_LIMIT} bytes")
            if piece:
                yield piece
            if unpacker.eof:
                data, piece, unpacker = unpacker.unused_data.lstrip(b"\0"), b"", None
            else:
                data = getattr(unpacker, "unconsumed_tail", b"")  # zlib hands back what it did not take
    if unpacker is not None:
        raise Unreadable(f"{name:.80} is cut off")


def _format(kind: str) -> tuple[Callable[[], _Unpacker], tuple[type[Exception], ...]]:
    """How to unpack one archive, and what is raised when it is none. Each is imported where it is met."""
    if kind == ".gz":
        import zlib  # noqa: PLC0415 - see the docstring

        return lambda: zlib.decompressobj(wbits=31), (zlib.error,)
    if kind == ".xz":
        import lzma  # noqa: PLC0415 - see the docstring

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), (lzma.LZMAError, EOFError)
    import bz2  # noqa: PLC0415 - see the docstring

    return bz2.BZ2Decompressor, (OSError, EOFError)
