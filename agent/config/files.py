"""Where configuration text comes from: the disk, or the copy of the last good configuration.

Everything that was read is remembered (``Reading``), so that a configuration that worked can be kept whole, with its
catalogue and rule files, and used at the next start should the files on disk be broken by then.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from pathlib import Path
from typing import Protocol

import msgspec

MAX_BYTES = 1 << 20
MAX_FILES = 1_000
MAX_BUNDLE = 64 << 20


class FilesError(Exception):
    """A file cannot be read; the text says which, why, and the mend."""


class Files(Protocol):
    """Read access to configuration files by absolute path."""

    def read(self, path: str) -> bytes:
        """At most ``MAX_BYTES`` + 1 bytes (the YAML reader refuses the surplus); raises FilesError."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Paths of existing files that match, sorted."""
        ...


class Disk:
    """The files as they are now."""

    def read(self, path: str) -> bytes:
        try:
            # O_NONBLOCK: a FIFO put where a rule file belongs must not hold up the start for ever.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(fd, "rb") as file:
                if not Path(f"/proc/self/fd/{file.fileno()}").is_file():
                    raise FilesError(f"{path} is not a regular file")
                return file.read(MAX_BYTES + 1)
        except IsADirectoryError:
            raise FilesError(f"{path} is a directory, not a file") from None
        except FileNotFoundError:
            raise FilesError(f"{path} does not exist") from None
        except PermissionError:
            raise FilesError(
                f"{path} may not be read by this user; run: chmod a+r {path}, or use the agent's user"
            ) from None
        except (OSError, ValueError) as error:
            raise FilesError(f"{path} cannot be read: {error}") from None

    def glob(self, pattern: str) -> list[str]:
        return sorted(path for path in glob.iglob(pattern, recursive=False) if not Path(path).is_dir())


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The text of every file of one configuration by path; ``main`` is the path of ``tocsin.yaml``."""

    main: str
    texts: dict[str, str]

    def read(self, path: str) -> bytes:
        if path not in self.texts:
            raise FilesError(f"{path} is not part of the last good configuration")
        return self.texts[path].encode()

    def glob(self, pattern: str) -> list[str]:
        # Like the shell and Disk, a wildcard does not cross a slash.
        return sorted(
            path
            for path in self.texts
            if path.count("/") == pattern.count("/")
            and all(
                fnmatch.fnmatchcase(part, want) for part, want in zip(path.split("/"), pattern.split("/"), strict=True)
            )
        )


class Reading:
    """Another ``Files``, remembering what was read."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.texts: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        if path not in self.texts and len(self.texts) >= MAX_FILES:
            raise FilesError(f"{path} is one file too many; {MAX_FILES} is the limit, join some")
        content = self._files.read(path)
        self.texts[path] = content
        return content

    def glob(self, pattern: str) -> list[str]:
        return self._files.glob(pattern)


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write the bundle durably and atomically, readable by the agent's user only."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(bundle))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load_bundle(path: Path) -> Bundle:
    """The bundle ``save_bundle`` wrote; raises FilesError when it is not there or not whole."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BUNDLE + 1)
        if len(content) > MAX_BUNDLE:
            raise FilesError(f"{path} is larger than {MAX_BUNDLE} bytes; remove it")
        return msgspec.json.decode(content, type=Bundle)
    except OSError as error:
        raise FilesError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FilesError(f"{path} is damaged ({error}); remove it") from None
