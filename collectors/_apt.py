"""Updates as the last ``apt update`` left them, with the names of the apt textfile script.

A release that says it is not automatic (backports, experimental) is left out; pins and phased updates are not looked
at. A list that apt keeps packed is read where the standard library can unpack it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Hashable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from collectors._debian import field, version_key
from collectors._host import HostFS
from collectors._labels import NONE
from collectors._model import Notice, Sample, labels
from collectors._unpack import PACKED, Unreadable, parts, pieces
from collectors._updates import Updates

LISTS = "var/lib/apt/lists"
STATUS = "var/lib/dpkg/status"
STAMP = "var/lib/apt/periodic/update-success-stamp"
_FILES_LIMIT = 2000
_RELEASE_LIMIT = 65536
_RELEASE = re.compile(r"(.*)_(?:In)?Release")
_LIST = re.compile(rf"(.*_Packages)({'|'.join(map(re.escape, PACKED))})?")


class _Installed(NamedTuple):
    """One installed package."""

    arch: bytes
    version: str
    held: bool


class _Release(NamedTuple):
    """Where a list comes from: the label, whether its packages are candidates by themselves, and whether it is there
    for what is about security (the suites of Debian and Ubuntu end so).
    """

    origin: str
    automatic: bool
    security: bool


class _Waiting(NamedTuple):
    """What the result counts."""

    held: bool
    arch: str
    origin: str


_Best = dict[tuple[bytes, bytes], tuple[str, _Waiting]]
"""The newest version that is offered for a package, by name and architecture."""


class Apt:
    def __init__(self, host: HostFS) -> None:
        self._root = host.root

    def state(self) -> Hashable:
        lists, status = self._root.info(LISTS), self._root.info(STATUS)
        return None if lists is None or status is None else (lists, status)

    def checked(self) -> Sample | None:
        stamp = self._root.info(STAMP) or self._root.info(LISTS)
        return None if stamp is None else Sample("apt_package_cache_timestamp_seconds", NONE, stamp.mtime)

    def look(self) -> Generator[None, None, Updates]:
        installed: dict[bytes, list[_Installed]] = {}
        for part in parts(pieces(partial(self._root.piece, STATUS), STATUS), b"\n\n"):
            for stanza in part:
                _install(stanza, installed)
            yield
        if not installed:  # read in the moment dpkg replaced it, or not dpkg's
            raise Unreadable(f"/{STATUS} names no installed package")
        names = sorted((self._root.some(LISTS, _FILES_LIMIT)) or ())
        releases = {found[1]: name for name in names if (found := _RELEASE.fullmatch(name))}
        lists = {
            name: release for name in names if _LIST.fullmatch(name) and (release := self._release(name, releases))
        }
        best: _Best = {}
        secure: set[tuple[bytes, bytes]] = set()
        for name, release in lists.items():
            if not release.automatic:
                continue
            for part in parts(pieces(partial(self._root.piece, f"{LISTS}/{name}"), name), b"\n\n"):
                for stanza in part:
                    newer = list(_newer(stanza, installed))
                    _offer(newer, release.origin, best)
                    secure.update(key for key, _, _ in newer if release.security)
                yield
        notices = [
            Notice(
                f"/{LISTS} holds compressed lists ({name:.80}...), which are not read (set Acquire::GzipIndexes to"
                " false in /etc/apt/apt.conf.d and run apt update, or turn this collector off)"
            )
            for name in [name for name in names if "_Packages." in name and name not in lists][:1]
        ]
        if not lists:
            return Updates([], notices)
        # A list that was not read may hold an update: then there is a number of what was found, and no 0.
        whole = not notices
        samples = _count((waiting for _, waiting in best.values()), whole)
        if secure or whole:
            samples.append(Sample("apt_security_upgrades_pending", NONE, float(len(secure))))
        return Updates(samples, notices)

    def _release(self, name: str, releases: dict[str, str]) -> _Release:
        """The release whose lists begin as this one does."""
        prefix = max((each for each in releases if name.startswith(f"{each}_")), key=len, default="")
        text = self._root.head(f"{LISTS}/{releases[prefix]}", _RELEASE_LIMIT) if prefix else None
        head = (text or "").encode("utf-8", "surrogateescape")
        origin, suite, codename, not_automatic = (
            field(head, key).decode("utf-8", "replace") for key in (b"Origin", b"Suite", b"Codename", b"NotAutomatic")
        )
        security = any(name.endswith("security") for name in (suite, codename))
        return _Release(f"{origin}:{codename}/{suite}" if head else "", not_automatic != "yes", security)


def _install(stanza: bytes, installed: dict[bytes, list[_Installed]]) -> None:
    wanted, _, state = field(stanza, b"Status").partition(b" ")
    if not state.endswith(b" installed"):
        return
    name, version = field(stanza, b"Package"), field(stanza, b"Version").decode("utf-8", "replace")
    held = wanted == b"hold"
    installed.setdefault(name, []).append(_Installed(field(stanza, b"Architecture"), version, held))


def _newer(
    stanza: bytes, installed: dict[bytes, list[_Installed]]
) -> Iterator[tuple[tuple[bytes, bytes], str, _Installed]]:
    """(name and architecture, version, what is installed) where this package is newer than what is installed."""
    name = field(stanza[:300], b"Package")
    for package in installed.get(name, ()):
        version = field(stanza, b"Version").decode("utf-8", "replace")
        arch = field(stanza, b"Architecture")
        if version == package.version or (arch != package.arch and b"all" not in (arch, package.arch)):
            continue
        if version_key(version) > version_key(package.version):
            yield (name, package.arch), version, package


def _offer(newer: Iterable[tuple[tuple[bytes, bytes], str, _Installed]], origin: str, best: _Best) -> None:
    """Take offers into ``best`` where they are newer than what was offered before."""
    for key, version, package in newer:
        if key not in best or version_key(version) > version_key(best[key][0]):
            best[key] = version, _Waiting(package.held, package.arch.decode("utf-8", "replace"), origin)


def _count(waiting: Iterator[_Waiting], whole: bool) -> list[Sample]:
    counts = Counter(waiting)
    made = []
    for name, held in (("apt_upgrades_pending", False), ("apt_upgrades_held", True)):
        found = [(each, count) for each, count in counts.items() if each.held is held]
        made += [Sample(name, labels(arch=each.arch, origin=each.origin), float(count)) for each, count in found]
        if whole and not found:  # as the script: none is told as 0
            made.append(Sample(name, NONE, 0.0))
    return made
