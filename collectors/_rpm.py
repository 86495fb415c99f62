"""Formats of RPM and its repositories: versions, the database of what is installed, the lists of what is offered.

rpm-version(7); the header format of rpm.org/docs (v4); rpmdb.sqlite as rpm 4.16 and later write it, and the Berkeley DB
of those before, read without a lock and without their logs; ``primary`` and ``updateinfo`` of a repodata directory as
createrepo_c writes them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from collectors._unpack import Unreadable

if TYPE_CHECKING:
    import sqlite3

Key = tuple[tuple[tuple[int, int, str], ...], ...]
"""Keys compare as rpm compares the versions."""
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_TAGS = frozenset({_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH})
_INT32, _STRING = 4, 6
_ENTRIES_LIMIT = 65_536
_TEXT_LIMIT = 256
_HEADER_LIMIT = 256 << 20
_COUNTER = 4
"""Bytes of what a Berkeley DB holds beside headers: the last number that was given."""
_HEADERS = 16
"""Headers read in one step: about as long as a piece of a list takes."""
_SEGMENTS = re.compile(r"[0-9]+|[a-zA-Z]+|[~^]")
_OFFER = re.compile(rb"<name>([^<]+)</name>\s*<arch>([^<]+)</arch>\s*<version ([^>]*)>")
_ATTRIBUTE = re.compile(rb"([a-z]+)=[\"']([^\"'<]*)[\"']")
_SECURITY = re.compile(rb"<update\s[^>]*\btype=[\"']security[\"']")
_ADVISED = re.compile(rb"<package\s([^>]*)>")


class Package(NamedTuple):
    """A package that is installed, offered or advised: ``key`` orders its epoch, version and release."""

    name: str
    arch: str
    key: Key
    release: str


def version_key(epoch: str, version: str, release: str) -> Key:
    """The key of an epoch (nothing is 0), a version and a release."""
    return _key(epoch or "0"), _key(version), _key(release)


def _key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers after letters after ``^`` after the end after ``~``; anything else only divides."""
    made = []
    for segment in _SEGMENTS.findall(text):
        if segment.isdigit():
            digits = segment.lstrip("0")
            made.append((4, len(digits), digits))
        else:
            made.append(({"~": 0, "^": 2}.get(segment, 3), 0, segment))
    return (*made, (1, 0, ""))


def installed(path: str) -> Iterator[list[Package]]:
    """What the database at ``path`` says is installed, some packages at each step.

    Takes no lock and reads no log: right while the log (``-wal``) is empty and the file does not change, which whoever
    calls looks at before and after.
    """
    import sqlite3  # noqa: PLC0415 - for hosts with rpm only

    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        numbers = [number for (number,) in connection.execute("SELECT hnum FROM Packages")]
        for start in range(0, len(numbers), _HEADERS):
            found = []
            for number in numbers[start : start + _HEADERS]:
                with connection.blobopen("Packages", "blob", number, readonly=True) as blob:
                    found.append(_header(partial(_piece, blob)))
            yield found
    except (sqlite3.Error, struct.error, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} is no database of rpm that can be read: {error}") from error
    finally:
        connection.close()


def installed_before_4_16(path: str, read: Callable[[int, int], bytes | None], size: int) -> Iterator[list[Package]]:
    """The same from the Berkeley DB of an older rpm, of ``size`` bytes; ``read`` takes offset and size."""
    from collectors._bdb import values  # noqa: PLC0415 - for hosts with such an rpm only

    try:
        for found in values(read, size):
            yield [_header(value.read) for value in found if value.size > _COUNTER]
    except (Unreadable, IndexError, struct.error, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} is no database of rpm that can be read: {error}") from error


def _piece(blob: sqlite3.Blob, offset: int, size: int) -> bytes:
    blob.seek(offset)
    return blob.read(size)


def _header(read: Callable[[int, int], bytes]) -> Package:
    """The package of one header: numbers of entries and bytes, the entries (tag, type, offset, count), the bytes."""
    entries, _ = struct.unpack(">II", read(0, 8))
    if entries > _ENTRIES_LIMIT:
        raise Unreadable(f"a header of rpm's database says it has {entries} entries")
    values = dict.fromkeys(_TAGS, "")
    for tag, kind, offset, _ in struct.iter_unpack(">IIII", read(8, 16 * entries)):
        if tag not in _TAGS or kind not in (_INT32, _STRING):
            continue
        if offset > _HEADER_LIMIT:
            raise Unreadable("a header of rpm's database is larger than any can be")
        raw = read(8 + 16 * entries + offset, 4 if kind == _INT32 else _TEXT_LIMIT)
        if kind == _INT32:
            values[tag] = str(struct.unpack(">I", raw)[0])
        else:
            values[tag] = raw.partition(b"\0")[0].decode("utf-8")
    key = version_key(values[_EPOCH], values[_VERSION], values[_RELEASE])
    return Package(values[_NAME], values[_ARCH], key, values[_RELEASE])


def offered(element: bytes) -> Package | None:
    """The package of one ``package`` element of a primary list; None for what is none (the text after the last)."""
    found = _OFFER.search(element)
    if found is None:
        return None
    return _package(found[1], found[2], dict(_ATTRIBUTE.findall(found[3])), (b"epoch", b"ver", b"rel"))


def advised(element: bytes) -> Iterator[Package]:
    """The packages of one ``update`` element of an updateinfo list, when it is about security."""
    if _SECURITY.search(element) is None:
        return
    for found in _ADVISED.findall(element):
        named = dict(_ATTRIBUTE.findall(found))
        yield _package(named.get(b"name", b""), named.get(b"arch", b""), named, (b"epoch", b"version", b"release"))


def _package(name: bytes, arch: bytes, attributes: dict[bytes, bytes], names: tuple[bytes, bytes, bytes]) -> Package:
    epoch, version, release = (attributes.get(each, b"").decode("utf-8", "replace") for each in names)
    return Package(
        name.decode("utf-8", "replace"), arch.decode("utf-8", "replace"), version_key(epoch, version, release), release
    )
