"""Entries of the systemd journal by priority, and those that tell of trouble by unit.

The journal of the system is read from its file, some megabytes a cycle at most; journals of users and of namespaces are
not. Counted from the start of the agent on. The agent's user must be in the group ``systemd-journal`` (or ``adm``).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from collectors._host import HostFS
from collectors._journal import JournalFile
from collectors._labels import OneLabel
from collectors._model import CollectorError, Labels, Notice, Sample, counter, labels

METRICS = (
    counter("node_journal_entries_total", "Entries of each priority.", "priority"),
    counter(
        "node_journal_messages_total", "Entries of a unit of a priority that tells of trouble.", "priority", "unit"
    ),
)
_FIELDS = ("PRIORITY", "_SYSTEMD_UNIT", "UNIT")
FOLDERS = ("var/log/journal", "run/log/journal")
FILE = "system.journal"
_MACHINE = re.compile(r"[0-9a-f]{32}")
_SESSION = re.compile(r"(session|run|user)[-@][^.]*\.")
"""Names with a number that is new each time."""
SERIES_LIMIT = 500
_MANAGER = "init.scope"
_OTHERS = "(others)"


class Priority(IntEnum):
    """syslog(3), as journalctl names them."""

    EMERG = 0
    ALERT = 1
    CRIT = 2
    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as trouble."""

    priority: Annotated[
        str,
        Meta(
            description="Entries this grave or graver are counted by unit: one of emerg, alert, crit, err, warning, "
            "notice, info, debug",
            examples=["warning"],
        ),
    ] = "err"


class Journal:
    def __init__(self, host: HostFS, gravest: Priority) -> None:
        self._root = host.root
        self._by_unit = gravest
        self._file: JournalFile | None = None
        self._inode = 0
        self._path = ""
        self._entries: Counter[Priority] = Counter()
        self._messages: Counter[tuple[str, Priority]] = Counter()
        self._labels: dict[tuple[str, Priority], Labels] = {}
        self._priority = OneLabel("priority")

    def collect(self) -> Iterator[Sample | Notice]:
        if self._file is None and not self._open():
            yield Notice("there is no journal of the system below /var/log/journal or /run/log/journal")
            return
        self._read()
        for priority in Priority:
            name = priority.name.lower()
            yield Sample("node_journal_entries_total", self._priority[name], float(self._entries[priority]))
        for key, count in self._messages.items():
            yield Sample("node_journal_messages_total", self._labels[key], float(count))

    async def aclose(self) -> None:
        self._close()

    def _read(self) -> None:
        """What is new; and of the next file, when journald has begun one."""
        try:
            if self._file is not None:
                for entry in self._file.entries():
                    self._count(entry)
            info = self._root.info(self._path)
            if info is None or info.inode != self._inode:
                self._close()
                if self._open() and self._file is not None:
                    for entry in self._file.entries():
                        self._count(entry)
        except OSError as error:
            self._close()
            raise CollectorError(f"cannot read /{self._path}: {error.strerror}") from error

    def _open(self) -> bool:
        for folder in FOLDERS:
            for name in sorted(self._root.some(folder, 100) or ()):
                path = f"{folder}/{name}/{FILE}"
                if _MACHINE.fullmatch(name) and self._open_file(path):
                    return True
        return False

    def _open_file(self, path: str) -> bool:
        """False when there is none, or one that journald has only just begun. The first is read from its end on, for
        what was before is not news, and so is one elsewhere, to which journald copied what was counted; one that
        follows in its place is read from its beginning.
        """
        info = self._root.info(path)
        try:
            begun = bool((self._root.piece(path, 0, 8) or b"").strip(b"\0"))
            descriptor = self._root.open(path) if begun and info is not None else None
        except CollectorError as error:
            mend = "put the agent's user into the group systemd-journal: see docs/installation.md"
            raise CollectorError(f"{error} ({mend})") from error
        if descriptor is None or info is None:
            return False
        from_end = path != self._path or info.inode == self._inode
        try:
            self._file = JournalFile(descriptor, _FIELDS, from_end=from_end)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, CollectorError):
                raise CollectorError(f"/{path}: {error}") from error
            raise
        self._path, self._inode = path, info.inode
        return True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _count(self, entry: dict[str, str]) -> None:
        text = entry.get("PRIORITY", "6")
        if len(text) != 1 or text not in "01234567":
            return
        priority = Priority(int(text))
        self._entries[priority] += 1
        if priority > self._by_unit:
            return
        unit = entry.get("_SYSTEMD_UNIT", "")
        if unit in ("", _MANAGER):  # the service manager speaks about another
            unit = entry.get("UNIT", unit)
        unit = _SESSION.sub(r"\1.", unit)
        key = unit, priority
        if key not in self._labels and len(self._labels) >= SERIES_LIMIT:
            key = _OTHERS, priority
        if key not in self._labels:
            self._labels[key] = labels(unit=key[0], priority=priority.name.lower())
        self._messages[key] += 1


def build(options: Options, host: HostFS) -> Journal:
    names = {priority.name.lower(): priority for priority in Priority}
    if options.priority not in names:
        raise ValueError(f"priority: {options.priority!r} is none of {', '.join(names)}")
    return Journal(host, names[options.priority])
