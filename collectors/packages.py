"""Updates that wait, as the last ``apt update`` left them, from files alone, with the names of the apt textfile script.

Lists of packages are tens of megabytes. They are read when they or the installed packages have changed, a few megabytes
a cycle; until the end the last result stays (after a start: none). A release that says it is not automatic (backports,
experimental) is left out; pins and phased updates are not looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

import msgspec

from collectors._debian import NotControlFormat, field, stanzas, version_key
from collectors._host import FileInfo, HostFS
from collectors._labels import NONE
from collectors._model import CollectorError, Notice, Sample, gauge, labels

METRICS = (
    gauge("apt_upgrades_pending", "Packages a newer version of which is offered.", "arch", "origin"),
    gauge("apt_upgrades_held", "Packages on hold a newer version of which is offered.", "arch", "origin"),
    gauge("apt_package_cache_timestamp_seconds", "Last update of the lists of packages, in seconds since the epoch."),
)
PIECES = 128
"""Pieces of 32 kB read in one cycle: about 10 ms."""
LISTS = "var/lib/apt/lists"
STATUS = "var/lib/dpkg/status"
STAMP = "var/lib/apt/periodic/update-success-stamp"
_FILES_LIMIT = 2000
_RELEASE_LIMIT = 65536
_RELEASE = re.compile(r"(.*)_(?:In)?Release")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to tune."""


class _Installed(NamedTuple):
    """One installed package."""

    arch: bytes
    version: str
    held: bool


class _Release(NamedTuple):
    """Where a list comes from: the label, and whether its packages are candidates by themselves."""

    origin: str
    automatic: bool


class _Waiting(NamedTuple):
    """What the result counts."""

    held: bool
    arch: str
    origin: str


class Packages:
    def __init__(self, host: HostFS) -> None:
        self._root = host.root
        self._state: tuple[FileInfo | None, FileInfo | None] | None = None
        self._scan: Iterator[None] = iter(())
        self._samples: list[Sample] = []
        self._notices: list[Notice] = []

    def collect(self) -> Iterator[Sample | Notice]:
        lists, status = self._root.info(LISTS), self._root.info(STATUS)
        if lists is None or status is None:
            self._state, self._samples, self._notices = None, [], []
            return
        if self._state != (lists, status):
            self._state, self._scan = (lists, status), self._look()
        try:
            for _ in islice(self._scan, PIECES):
                pass
        except NotControlFormat as error:
            self._state = None  # in the next cycle from the beginning
            raise CollectorError(f"the files of apt and dpkg cannot be read: {error}") from error
        stamp = self._root.info(STAMP) or lists
        yield Sample("apt_package_cache_timestamp_seconds", NONE, stamp.mtime)
        yield from self._samples
        yield from self._notices

    def _look(self) -> Iterator[None]:
        """Reads everything, a piece at each step, and replaces the result at the end."""
        installed: dict[bytes, list[_Installed]] = {}
        for part in stanzas(partial(self._root.piece, STATUS)):
            for stanza in part:
                _install(stanza, installed)
            yield
        if not installed:  # read in the moment dpkg replaced it, or not dpkg's
            raise NotControlFormat(f"/{STATUS} names no installed package")
        names = sorted((self._root.some(LISTS, _FILES_LIMIT)) or ())
        releases = {found[1]: name for name in names if (found := _RELEASE.fullmatch(name))}
        best: dict[tuple[bytes, bytes], tuple[str, _Waiting]] = {}
        for name in names:
            release = self._release(name, releases) if name.endswith("_Packages") else None
            if release is None or not release.automatic:
                continue
            for part in stanzas(partial(self._root.piece, f"{LISTS}/{name}")):
                for stanza in part:
                    _offer(stanza, release.origin, installed, best)
                yield
        self._notices = [
            Notice(
                f"/{LISTS} holds compressed lists ({name:.60}...), which are not read (set Acquire::GzipIndexes to"
                " false in /etc/apt/apt.conf.d and run apt update, or turn this collector off)"
            )
            for name in [name for name in names if "_Packages." in name][:1]
        ]
        plain = any(name.endswith("_Packages") for name in names)
        self._samples = _count(waiting for _, waiting in best.values()) if plain else []

    def _release(self, name: str, releases: dict[str, str]) -> _Release:
        """The release whose lists begin as this one does."""
        prefix = max((each for each in releases if name.startswith(f"{each}_")), key=len, default="")
        text = self._root.head(f"{LISTS}/{releases[prefix]}", _RELEASE_LIMIT) if prefix else None
        head = (text or "").encode("utf-8", "surrogateescape")
        origin, suite, codename, not_automatic = (
            field(head, key).decode("utf-8", "replace") for key in (b"Origin", b"Suite", b"Codename", b"NotAutomatic")
        )
        return _Release(f"{origin}:{codename}/{suite}" if head else "", not_automatic != "yes")


def _install(stanza: bytes, installed: dict[bytes, list[_Installed]]) -> None:
    wanted, _, state = field(stanza, b"Status").partition(b" ")
    if not state.endswith(b" installed"):
        return
    name, version = field(stanza, b"Package"), field(stanza, b"Version").decode("utf-8", "replace")
    held = wanted == b"hold"
    installed.setdefault(name, []).append(_Installed(field(stanza, b"Architecture"), version, held))


def _offer(
    stanza: bytes,
    origin: str,
    installed: dict[bytes, list[_Installed]],
    best: dict[tuple[bytes, bytes], tuple[str, _Waiting]],
) -> None:
    name = field(stanza[:300], b"Package")
    for package in installed.get(name, ()):
        version = field(stanza, b"Version").decode("utf-8", "replace")
        arch = field(stanza, b"Architecture")
        if version == package.version or (arch != package.arch and b"all" not in (arch, package.arch)):
            continue
        key = name, package.arch
        known = best[key][0] if key in best else package.version
        if version_key(version) > version_key(known):
            best[key] = version, _Waiting(package.held, package.arch.decode("utf-8", "replace"), origin)


def _count(waiting: Iterator[_Waiting]) -> list[Sample]:
    counts = Counter(waiting)
    made = []
    for name, held in (("apt_upgrades_pending", False), ("apt_upgrades_held", True)):
        found = [(each, count) for each, count in counts.items() if each.held is held]
        made += [Sample(name, labels(arch=each.arch, origin=each.origin), float(count)) for each, count in found]
        if not found:  # as the script: none is told as 0
            made.append(Sample(name, NONE, 0.0))
    return made


def build(options: Options, host: HostFS) -> Packages:
    return Packages(host)
