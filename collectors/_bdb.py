"""The values of a Berkeley DB hash file, as rpm kept its database before 4.16: read page by page, without a lock.

Format: Berkeley DB 4.5 to 5.3, src/dbinc/db_page.h; of either byte order. Page 0 tells the size of the pages; a page
of the table holds keys and values in turn, a large value stands in a chain of overflow pages.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from collectors._unpack import Unreadable

_MAGIC = 0x061561
_HEAD = 26
_OVERFLOW, _SORTED, _UNSORTED = 7, 13, 2
_INLINE, _ELSEWHERE = 1, 3
_PAGES = 128
"""Pages looked at in one step."""

Read = Callable[[int, int], bytes | None]
"""Takes offset and size."""


class Value:
    """A value, read as far as it is asked for."""

    def __init__(self, size: int, parts: Iterator[bytes]) -> None:
        self.size = size
        self._parts = parts
        self._held = b""

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from ``offset`` on, fewer at the end."""
        while len(self._held) < offset + size and (part := next(self._parts, b"")):
            self._held += part
        return self._held[offset : offset + size]


def values(read: Read, size: int) -> Iterator[list[Value]]:
    """All values of a file of ``size`` bytes, those of some pages at each step; Unreadable when it is no such file."""
    head = read(0, 72) or b""
    order = next((o for o in "<>" if len(head) == 72 and struct.unpack_from(f"{o}I", head, 12)[0] == _MAGIC), "")
    if not order:
        raise Unreadable("it is no hash file of Berkeley DB")
    (page_size,) = struct.unpack_from(f"{order}I", head, 20)
    if page_size not in {1 << bits for bits in range(9, 17)}:
        raise Unreadable(f"its pages have {page_size} bytes")
    found: list[Value] = []
    for number in range(1, size // page_size):
        kind = (read(number * page_size + 25, 1) or b"\0")[0]
        if kind in (_SORTED, _UNSORTED):
            found += _of_page(read, read(number * page_size, page_size) or b"", page_size, order)
        if number % _PAGES == 0:
            yield found
            found = []
    yield found


def _of_page(read: Read, page: bytes, page_size: int, order: str) -> Iterator[Value]:
    (count,) = struct.unpack_from(f"{order}H", page, 20)
    offsets = struct.unpack_from(f"{order}{count}H", page, _HEAD)
    for at in range(1, count, 2):
        start, end = offsets[at], offsets[at - 1]  # items stand from the end of the page on
        kind = page[start]
        if kind == _INLINE:
            yield Value(end - start - 1, iter((page[start + 1 : end],)))
        elif kind == _ELSEWHERE:
            first, length = struct.unpack_from(f"{order}II", page, start + 4)
            yield Value(length, _chain(read, first, length, page_size, order))


def _chain(read: Read, number: int, length: int, page_size: int, order: str) -> Iterator[bytes]:
    """The bytes of a value that stands in pages of its own."""
    while number and length > 0:
        page = read(number * page_size, page_size) or b""
        if len(page) < page_size or page[25] != _OVERFLOW:
            raise Unreadable("a value leads to a page that is not its own")
        (number,) = struct.unpack_from(f"{order}I", page, 16)
        (used,) = struct.unpack_from(f"{order}H", page, 22)
        part = page[_HEAD : _HEAD + used]
        if not part:
            return
        length -= len(part)
        yield part
