"""The table of mounts, /proc/PID/mountinfo (proc(5)), and which of them a path still leads to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from collectors._model import CollectorError

_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo, escapes undone. ``parent`` is the ``ident`` of the mount that holds the mount point."""

    ident: str
    parent: str
    device: str
    mountpoint: str
    fstype: str
    readonly: bool
    major: str
    minor: str


def parse(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        fields = line.split(" ")
        try:
            separator = fields.index("-", 6)
            fstype, device, super_options = fields[separator + 1 : separator + 4]
            major, minor = fields[2].split(":")
            options = {*fields[5].split(","), *super_options.split(",")}
        except ValueError as error:
            raise CollectorError(f"mountinfo: a line is not as in proc(5): {line!r:.120}") from error
        readonly = not options.isdisjoint(("ro", "emergency_ro"))
        yield Mount(fields[0], fields[1], _unescape(device), _unescape(fields[4]), fstype, readonly, major, minor)


def reachable(mounts: Iterable[Mount]) -> Iterator[Mount]:
    """Those that no later mount hides: what is asked at the mount point of a hidden one is told of another.

    A mount is hidden by one upon it (its child at the same point), and, with all below it, by a sibling at a folder on
    the way to it. The root is never hidden: a process stands in it, whatever is mounted there.
    """
    known = {mount.ident: mount for mount in mounts}
    points = {(mount.parent, mount.mountpoint) for mount in known.values()}
    hidden: dict[str, bool] = {}

    def behind(mount: Mount) -> bool:
        chain = []
        at: Mount | None = mount
        while at is not None and at.ident not in hidden:
            hidden[at.ident] = any((at.parent, folder) in points for folder in _above(at.mountpoint))
            chain.append(at)
            at = known.get(at.parent)
        for below in reversed(chain):
            hidden[below.ident] |= hidden.get(below.parent, False)
        return hidden[mount.ident]

    for mount in known.values():
        upon = mount.mountpoint != "/" and (mount.ident, mount.mountpoint) in points
        if not upon and not behind(mount):
            yield mount


def _above(path: str) -> Iterator[str]:
    """The folders on the way to a path, without the root: of /a/b/c, /a and /a/b."""
    *parts, _ = path.strip("/").split("/")
    return accumulate(f"/{part}" for part in parts)


def _unescape(text: str) -> str:
    """Undo the octal escapes for blanks, tabs, newlines and backslashes."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text) if "\\" in text else text
