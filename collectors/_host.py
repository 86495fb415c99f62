"""The one handle on the machine: ``/proc``, ``/sys``, the root file system, and a few system calls.

Collectors never open an absolute path. A fixture tree stands in by constructing ``HostFS`` with other roots; a
container that watches its host does the same with ``/host/proc`` and so on. Every read is bounded in size before it is
parsed.

Bytes that are not UTF-8 come out as surrogate escapes, so that a path read here can be handed back to the kernel
unchanged. The frame replaces what is left of them in label values.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from collectors._model import CollectorError

if TYPE_CHECKING:
    from collectors._adjtimex import Timex

PROC_LIMIT = 4 << 20
"""Bytes. The largest file we read in practice is mountinfo on a container host: hundreds of kilobytes."""
ATTRIBUTE_LIMIT = 4096
"""Bytes. A sysfs attribute is at most one page (kernel Documentation/filesystems/sysfs.rst)."""
SHARED_FOR = 0.5
"""Seconds for which ``read_shared`` hands out the same text: one pass over the collectors, never two."""

_FLAGS = (
    os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
)  # NONBLOCK: a FIFO left in a directory must not hang us
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENODEV, errno.ENXIO})
_UNSUPPORTED = _ABSENT | {
    errno.EINVAL, errno.EOPNOTSUPP, errno.EIO, errno.EAGAIN,
    errno.ENODATA, errno.EBUSY, errno.ETIMEDOUT, errno.EREMOTEIO, errno.EPROTO,  # sensors behind a bus or firmware
}  # fmt: skip


class FileInfo(msgspec.Struct, frozen=True):
    """What tells one version of a file from another, and whether it is a regular file."""

    mtime: float
    size: int
    inode: int
    regular: bool


class _SharedRead(NamedTuple):
    """A text, when it was read, and who has had it."""

    at: float
    text: str
    readers: set[str]


class Tree:
    """Bounded reading below one root. ``path`` is always relative to it, without a leading slash."""

    __slots__ = ("_monotonic", "_shared", "root")

    def __init__(self, root: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.root = root.rstrip("/") + "/"
        self._monotonic = monotonic
        self._shared: dict[str, _SharedRead] = {}

    def read(self, path: str, limit: int = PROC_LIMIT) -> str:
        """The text of a file that must be there; CollectorError when it is not, cannot be read or passes ``limit``."""
        text = self.find(path, limit)
        if text is None:
            raise CollectorError(f"{self.root}{path} does not exist (is the file system mounted, and the root right?)")
        return text

    def read_shared(self, path: str, reader: str) -> str:
        """Like ``read``, but different readers in one pass over the collectors share one read and so one moment.

        The same reader never gets the same read twice.
        """
        now = self._monotonic()
        held = self._shared.get(path)
        if held is None or reader in held.readers or not 0 <= now - held.at < SHARED_FOR:
            held = self._shared[path] = _SharedRead(now, self.read(path), set())
        held.readers.add(reader)
        return held.text

    def find(self, path: str, limit: int = PROC_LIMIT) -> str | None:
        """The text of a file, or None when there is none (also when its process or device has just gone)."""
        try:
            data = self._bytes(path, limit)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "read", path)
            return None
        if len(data) > limit:
            raise CollectorError(f"{self.root}{path} is larger than {limit} bytes; not read")
        return data.decode("utf-8", "surrogateescape")

    def head(self, path: str, limit: int) -> str | None:
        """The first ``limit`` bytes of a file that may be longer, or None when there is none."""
        try:
            return self._bytes(path, limit - 1).decode("utf-8", "surrogateescape")
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "read", path)
            return None

    def attribute(self, path: str) -> str | None:
        """A one-value sysfs file, stripped; None when it is not there or the driver does not support it just now."""
        try:
            descriptor = os.open(self.root + path, _FLAGS)
            try:
                data = os.read(descriptor, ATTRIBUTE_LIMIT)  # one read returns a whole attribute
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "read", path, _UNSUPPORTED)
            return None
        return data.decode("utf-8", "surrogateescape").strip()

    def some(self, path: str, limit: int) -> list[str] | None:
        """Like ``list``, but at most ``limit`` names: for directories that people fill."""
        try:
            with os.scandir(self.root + path) as entries:
                return [entry.name for entry in islice(entries, limit)]
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "list", path)
            return None

    def list(self, path: str = "") -> list[str] | None:
        """Names in a directory, in no order, or None when there is no such directory."""
        try:
            return os.listdir(self.root + path)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "list", path)
            return None

    def resolve(self, path: str) -> str | None:
        """Where a path leads when its symbolic links are followed, absolute; None when there is nothing."""
        try:
            return os.path.realpath(self.root + path, strict=True)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "follow", path)
            return None

    def piece(self, path: str, offset: int, size: int) -> bytes | None:
        """At most ``size`` bytes of a file from ``offset`` on, none at its end; None when there is no such file."""
        try:
            descriptor = os.open(self.root + path, _FLAGS)
            try:
                return os.pread(descriptor, size, offset)
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "read", path)
            return None

    def open(self, path: str) -> int | None:
        """A descriptor to read from that never waits, or None when there is nothing; whoever asks closes it."""
        try:
            return os.open(self.root + path, _FLAGS)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "read", path)
            return None

    def info(self, path: str) -> FileInfo | None:
        """Version of a file, or None when there is none."""
        try:
            status = os.stat(self.root + path)
        except (OSError, ValueError) as error:
            self._raise_unless_absent(error, "look at", path)
            return None
        return FileInfo(status.st_mtime, status.st_size, status.st_ino, stat.S_ISREG(status.st_mode))

    def _raise_unless_absent(
        self, error: OSError | ValueError, doing: str, path: str, absent: frozenset[int] = _ABSENT
    ) -> None:
        """Returns when the error says that there is no such thing; otherwise raises what it says, for people.

        A path that no file can have (a zero byte in it, ValueError) was taken from a damaged file.
        """
        if isinstance(error, ValueError) or error.errno in absent:
            return
        raise CollectorError(f"cannot {doing} {self.root}{path}: {_reason(error)}") from error

    def _bytes(self, path: str, limit: int) -> bytes:
        """At most ``limit`` + 1 bytes. seq_file hands out a page at a time, so only an empty read is the end."""
        descriptor = os.open(self.root + path, _FLAGS)
        try:
            data = os.read(descriptor, min(limit + 1, 65536))
            if not data:
                return data
            chunks = [data]
            size = len(data)
            while size <= limit and (data := os.read(descriptor, min(limit + 1 - size, 65536))):
                chunks.append(data)
                size += len(data)
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        finally:
            os.close(descriptor)


class HostFS:
    """One machine. ``clock`` gives seconds since the epoch and ``monotonic`` seconds of no particular origin."""

    __slots__ = ("clock", "monotonic", "proc", "root", "sys", "system_bus")

    def __init__(
        self,
        proc: str = "/proc",
        sys: str = "/sys",
        root: str = "/",
        *,
        system_bus: str | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.proc = Tree(proc, monotonic)
        self.sys = Tree(sys, monotonic)
        self.root = Tree(root, monotonic)
        self.clock = clock
        self.monotonic = monotonic
        self.system_bus = system_bus if system_bus is not None else self.root.root + "run/dbus/system_bus_socket"
        """Path of the system bus's socket."""

    def statvfs(self, mountpoint: str) -> os.statvfs_result:
        """statvfs(3) of a mount point as the host names it. May hang for ever on a dead server; raises OSError."""
        return os.statvfs(self.root.root + mountpoint.lstrip("/"))

    def socket_exists(self, path: str) -> bool:
        """Whether there is a socket at ``path`` (absolute, as in ``system_bus``)."""
        try:
            return stat.S_ISSOCK(os.stat(path).st_mode)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise CollectorError(f"cannot look at {path}: {_reason(error)}") from error

    @property
    def page_size(self) -> int:
        """Bytes in a page of memory."""
        return os.sysconf("SC_PAGE_SIZE")

    def uname(self) -> os.uname_result:
        return os.uname()

    def adjtimex(self) -> tuple[int, Timex]:
        """State and parameters of the kernel's clock; raises OSError."""
        from collectors._adjtimex import adjtimex  # noqa: PLC0415 - ctypes costs 0.4 MB

        return adjtimex()


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{text} (run the agent as a user or with a group that may read it)"
    return text
