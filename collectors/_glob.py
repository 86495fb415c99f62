"""Files that a person names by absolute path or pattern: looked up below a root, bounded in number.

``*``, ``?`` and ``[...]`` match within one part of a path, and a name that begins with a dot only when the pattern
does, as in a shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from collectors._host import FileInfo, Tree
from collectors._model import CollectorError

FILES_LIMIT = 10_000
"""Names of one directory, and files of one pattern."""
_MAGIC = re.compile(r"[*?[]")


class Found(NamedTuple):
    """A regular file: its absolute path as the host names it, and its version."""

    path: str
    info: FileInfo


def check_pattern(option: str, pattern: str) -> None:
    """ValueError naming ``option`` for what could never be meant."""
    if not pattern.startswith("/"):
        raise ValueError(f"{option}: {pattern!r} is not an absolute path")
    if "**" in pattern:
        raise ValueError(f"{option}: {pattern!r}: ** is not supported; write one * for each directory")
    if "\0" in pattern:
        raise ValueError(f"{option}: {pattern!r} has a NUL in it")


def files(root: Tree, pattern: str, others: list[str] | None = None) -> Iterator[Found]:
    """The regular files that ``pattern`` names; of a directory without wildcard, the files in it.

    ``others`` takes what it names besides and is no file, in words: a link to nothing, a directory.
    CollectorError when a directory on the way cannot be read or there are more than ``FILES_LIMIT``.
    """
    relative = pattern.strip("/")
    info = None if _MAGIC.search(relative) else root.info(relative)
    if info is not None and info.regular:
        yield Found(pattern, info)
        return
    parts = [*relative.split("/"), "*"] if info is not None else relative.split("/")
    count = 0
    for path in _walk(root, "", parts):
        found = root.info(path)
        if found is None or not found.regular:
            if others is not None and len(others) < FILES_LIMIT:
                others += _told(root, path, found)
            continue
        count += 1
        if count > FILES_LIMIT:
            raise CollectorError(f"{pattern} names more than {FILES_LIMIT} files (name fewer)")
        yield Found(f"/{path}", found)


def _told(root: Tree, path: str, found: FileInfo | None) -> Iterator[str]:
    """What stands there and is no file; nothing where there is nothing."""
    if found is not None:
        yield f"/{path} is a directory" if root.some(path, 0) is not None else f"/{path} is no regular file"
    elif path.rpartition("/")[2] in (root.some(path.rpartition("/")[0], FILES_LIMIT) or ()):
        yield f"/{path} is a link to nothing"


def _walk(root: Tree, folder: str, parts: list[str]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if not _MAGIC.search(part):
        yield from _next(root, folder + part, rest)
        return
    names = root.some(folder, FILES_LIMIT + 1)
    if names is not None and len(names) > FILES_LIMIT:
        raise CollectorError(f"{root.root}{folder} holds more than {FILES_LIMIT} names; not looked through")
    for name in sorted(names or ()):
        if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith(".")):
            yield from _next(root, folder + name, rest)


def _next(root: Tree, path: str, rest: list[str]) -> Iterator[str]:
    if rest:
        yield from _walk(root, f"{path}/", rest)
    else:
        yield path
